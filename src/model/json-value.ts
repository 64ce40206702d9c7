/**
 * How an OTLP AnyValue is written as JSON text, without loss, so that a person can query it with SQL:
 *
 * | OTLP value                      | JSON text                                                        |
 * |---------------------------------|------------------------------------------------------------------|
 * | string                          | string                                                           |
 * | bool                            | true / false                                                     |
 * | int64 within ±(2^53 − 1)        | number without point or exponent: 42                             |
 * | int64 beyond that               | {"$int":"9223372036854775807"} (JavaScript readers stay exact)   |
 * | double, finite                  | number with a point or exponent: 1.0, 0.25, 1e+300, -0.0         |
 * | double, not finite              | {"$double":"NaN"}, {"$double":"Infinity"}, {"$double":"-Infinity"} |
 * | bytes                           | {"$bytes":"<base64>"}                                            |
 * | array                           | array                                                            |
 * | kvlist                          | object, last value wins for a repeated key, in that value's place |
 * | kvlist with one key out of those tags | {"$map":{…}}                                               |
 * | no value                        | null                                                             |
 *
 * A list of attributes is an object of such values, and never tagged itself: {"$int":1} is one attribute of that name.
 * Strings are UTF-8 (invalid bytes and lone surrogates have become U+FFFD) and may hold \u0000.
 *
 * The lists of a record are arrays of objects with OTLP's own names, in which
 *  - times are decimal strings, ids are lower-case hex ('' for none, or one that is no id), attributes are objects as above;
 *  - counts and integers are as int64 above, also the unsigned ones ({"$int":"18446744073709551615"}), doubles as above.
 *
 * | text                       | object                                                                             |
 * |----------------------------|------------------------------------------------------------------------------------|
 * | Span.events                | timeUnixNano, name, attributes, droppedAttributesCount                             |
 * | Span.links                 | traceId, spanId, traceState, attributes, droppedAttributesCount, flags             |
 * | Resource.entityRefs        | schemaUrl, type, idKeys, descriptionKeys                                           |
 * | MetricPoint.exemplars      | timeUnixNano, asInt or asDouble (or neither), traceId, spanId, filteredAttributes  |
 *
 * MetricPoint.distribution is one object: `count`; `sum`, `min` and `max` where the point has them (a summary always has
 * a sum); and
 *  - of a histogram: bucketCounts, explicitBounds;
 *  - of an exponential histogram: scale, zeroCount, zeroThreshold; positive and negative ({offset, bucketCounts}) if set;
 *  - of a summary: quantileValues ([{quantile, value}, …]).
 */
export const TAGS = ['$int', '$double', '$bytes', '$map'] as const;

/**
 * How deep values nest: a value in an array or kvlist is one deeper than it. Deeper payloads are refused. (protobuf
 * decoders stop at 100 messages, which is 31 kvlists.)
 */
export const MAX_VALUE_DEPTH = 64;

export type TypedValue =
  | { kind: 'empty' }
  | { kind: 'string'; value: string }
  | { kind: 'bool'; value: boolean }
  | { kind: 'int'; value: bigint }
  | { kind: 'double'; value: number }
  /** In base64. */
  | { kind: 'bytes'; value: string }
  | { kind: 'array'; values: TypedValue[] }
  | { kind: 'kvlist'; entries: [string, TypedValue][] };

/** JSON as it is written: numbers keep their text, objects their order (and any key is just a key). */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;
export class JsonNumber {
  constructor(readonly text: string) {}
}
export class JsonObject {
  readonly entries: [string, Json][] = [];

  get(key: string): Json | undefined {
    return this.entries.find(([name]) => name === key)?.[1];
  }
}

/** A value of the table above. Throws a SyntaxError for what is not JSON. */
export function parseValue(text: string): TypedValue {
  return toTyped(parseJson(text));
}

/** A list of attributes. */
export function parseAttributes(text: string): [string, TypedValue][] {
  return attributesOf(parseJson(text));
}

export function attributesOf(json: Json | undefined): [string, TypedValue][] {
  return json instanceof JsonObject ? json.entries.map(([key, value]) => [key, toTyped(value)]) : [];
}

export function toTyped(json: Json): TypedValue {
  if (json === null) return { kind: 'empty' };
  if (typeof json === 'string') return { kind: 'string', value: json };
  if (typeof json === 'boolean') return { kind: 'bool', value: json };
  if (json instanceof JsonNumber) return typedNumber(json.text);
  if (Array.isArray(json)) return { kind: 'array', values: json.map(toTyped) };
  return json.entries.length === 1 ? typedSingle(json) : kvlist(json);
}

/** Databases may rewrite 1e+300 as digits: an integer beyond the safe ones is a double, for an int64 would be tagged. */
function typedNumber(text: string): TypedValue {
  const value = Number(text);
  const isInt = /^-?\d+$/.test(text) && Number.isSafeInteger(value);
  return isInt ? { kind: 'int', value: BigInt(text) } : { kind: 'double', value };
}

function typedSingle(json: JsonObject): TypedValue {
  const [key, value] = json.entries[0]!;
  if (key === '$map' && value instanceof JsonObject) return kvlist(value);
  if (typeof value !== 'string') return kvlist(json);
  if (key === '$int') return { kind: 'int', value: BigInt(value) };
  if (key === '$double') return { kind: 'double', value: Number(value) };
  return key === '$bytes' ? { kind: 'bytes', value } : kvlist(json);
}

function kvlist(json: JsonObject): TypedValue {
  return { kind: 'kvlist', entries: json.entries.map(([key, value]) => [key, toTyped(value)]) };
}

/** The value as an AnyValue of OTLP/JSON: text, because JSON.stringify knows neither -0 nor a bigint. */
export function toOtlpAnyValue(value: TypedValue): string {
  switch (value.kind) {
    case 'empty':
      return '{}';
    case 'string':
      return `{"stringValue":${JSON.stringify(value.value)}}`;
    case 'bool':
      return `{"boolValue":${value.value}}`;
    case 'int':
      return `{"intValue":"${value.value}"}`;
    case 'double':
      return `{"doubleValue":${toOtlpDouble(value.value)}}`;
    case 'bytes':
      return `{"bytesValue":${JSON.stringify(value.value)}}`;
    case 'array':
      return `{"arrayValue":{"values":[${value.values.map(toOtlpAnyValue).join(',')}]}}`;
    case 'kvlist':
      return `{"kvlistValue":{"values":${toOtlpKeyValues(value.entries)}}}`;
  }
}

export function toOtlpKeyValues(entries: readonly [string, TypedValue][]): string {
  const items = entries.map(([key, value]) => `{"key":${JSON.stringify(key)},"value":${toOtlpAnyValue(value)}}`);
  return `[${items.join(',')}]`;
}

export function toOtlpDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0.0' : String(value);
}

// ---- JSON ----

const TOKEN = /[ \t\r\n]*([{}[\],:"]|-?\d[-+.\deE]*|true|false|null)/y;

/** Throws a SyntaxError for what is not JSON. */
export function parseJson(text: string): Json {
  const tokens = new Tokens(text);
  const json = readJson(tokens, tokens.take());
  tokens.finish();
  return json;
}

class Tokens {
  private at = 0;
  constructor(private readonly text: string) {}

  take(): string {
    TOKEN.lastIndex = this.at;
    const token = TOKEN.exec(this.text)?.[1];
    if (token === undefined) throw new SyntaxError(`not JSON at character ${this.at}`);
    this.at = TOKEN.lastIndex;
    return token === '"' ? this.takeString() : token;
  }

  /** Not by regular expression: those run out of stack on long texts. */
  private takeString(): string {
    const start = this.at - 1;
    for (; this.text[this.at] !== '"'; this.at += this.text[this.at] === '\\' ? 2 : 1) {
      if (this.at >= this.text.length) throw new SyntaxError('not JSON: a string without an end');
    }
    this.at += 1;
    return this.text.slice(start, this.at);
  }

  expect(...expected: string[]): string {
    const token = this.take();
    if (!expected.includes(token)) throw new SyntaxError(`not JSON: ${token} before character ${this.at}`);
    return token;
  }

  finish(): void {
    if (this.text.slice(this.at).trim() !== '') throw new SyntaxError(`not JSON at character ${this.at}`);
  }
}

function readJson(tokens: Tokens, token: string): Json {
  if (token === '{') return readObject(tokens);
  if (token === '[') return readArray(tokens);
  if (token === 'null') return null;
  if (token === 'true' || token === 'false') return token === 'true';
  if (token.startsWith('"')) return JSON.parse(token) as string;
  if (!/^[-\d]/.test(token)) throw new SyntaxError(`not JSON: ${token}`);
  return new JsonNumber(token);
}

function readArray(tokens: Tokens): Json[] {
  const values: Json[] = [];
  let token = tokens.take();
  if (token === ']') return values;
  for (;;) {
    values.push(readJson(tokens, token));
    if (tokens.expect(',', ']') === ']') return values;
    token = tokens.take();
  }
}

function readObject(tokens: Tokens): JsonObject {
  const object = new JsonObject();
  let token = tokens.take();
  if (token === '}') return object;
  for (;;) {
    const key = readJson(tokens, token);
    if (typeof key !== 'string') throw new SyntaxError('not JSON: a key that is not a string');
    tokens.expect(':');
    object.entries.push([key, readJson(tokens, tokens.take())]);
    if (tokens.expect(',', '}') === '}') return object;
    token = tokens.take();
  }
}
