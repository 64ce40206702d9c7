/**
 * Attributes as the mapping reads them: values of src/model/json-value.ts, looked up in the span first and then in its
 * resource. Whether a number was an int or a double makes no difference to Datadog, so plain JSON.parse will do.
 */
import type { Resource, Span } from '../../src/model/telemetry.js';

/** The values of one attribute list. An own `__proto__` is a key like any other: JSON.parse makes it one. */
type Values = Readonly<Record<string, unknown>>;

function parse(text: string): Values {
  return text === '{}' ? {} : (JSON.parse(text) as Values);
}

/** Resources are shared by the spans of a request, and by requests. */
const resources = new WeakMap<Resource, Values>();

function valuesOfResource(resource: Resource): Values {
  let values = resources.get(resource);
  if (values === undefined) {
    values = parse(resource.attributes);
    resources.set(resource, values);
  }
  return values;
}

export class Attributes {
  readonly span: Values;
  readonly resource: Values;
  readonly scope: Values;

  constructor(span: Span) {
    this.span = parse(span.attributes);
    this.resource = valuesOfResource(span.resource);
    this.scope = parse(span.scope.attributes);
  }

  /** The first of the keys that has a value that is not empty; each is looked for in the span, then in the resource. */
  text(keys: readonly string[]): string {
    for (const key of keys) {
      const text = textAt(this.span, key) || textAt(this.resource, key);
      if (text !== '') return text;
    }
    return '';
  }

  /** The same, as Datadog writes the values of tags. */
  tag(keys: readonly string[]): string {
    return toTagValue(this.text(keys));
  }

  integer(keys: readonly string[]): number | undefined {
    for (const key of keys) {
      const text = textAt(this.span, key) || textAt(this.resource, key);
      if (/^[-+]?\d+$/.test(text)) return Number(text);
    }
    return undefined;
  }
}

function textAt(values: Values, key: string): string {
  return Object.hasOwn(values, key) ? toText(values[key]) : '';
}

const MAX_TAG_CHARS = 200;

/** Lower case; anything but letters, digits and `:./-` becomes one underscore, of which none is left at the end. */
export function toTagValue(text: string): string {
  if (text.length <= MAX_TAG_CHARS && /^[a-z0-9:./-]*$/.test(text)) return text;
  const lower = text.toLowerCase().replace(/[^\p{L}\p{Nd}:./-]+/gu, '_');
  return lower.slice(0, MAX_TAG_CHARS).replace(/_$/, '');
}

/** The one member of a tagged value ({"$int":"…"}), or undefined. */
function tagOf(value: object): [string, unknown] | undefined {
  const [entry, another] = Object.entries(value);
  const isTag = entry !== undefined && another === undefined && /^\$(int|double|bytes|map)$/.test(entry[0]);
  return isTag ? entry : undefined;
}

/** Undefined for what is no number. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [tag, text] = tagOf(value) ?? [];
  return tag === '$int' || tag === '$double' ? Number(text) : undefined;
}

/** Strings as they are, bytes in base64, arrays and kvlists as JSON, no value as ''. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value !== 'object' || Array.isArray(value)) return toJson(value);
  const [tag, content] = tagOf(value) ?? [];
  return typeof content === 'string' && tag !== '$map' ? content : toJson(value);
}

/** JSON without tags: integers with all their digits, bytes and numbers that are not finite as strings. */
export function toJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  const [tag, content] = tagOf(value) ?? [];
  if (tag === '$int') return String(content);
  if (tag === '$map') return toJsonObject(content as object, toJson);
  return tag === undefined ? toJsonObject(value, toJson) : JSON.stringify(content);
}

/** An attribute list, which is no tagged value itself. */
export function toJsonObject(values: object, toValue: (value: unknown) => string): string {
  return `{${Object.entries(values)
    .map(([key, value]) => `${JSON.stringify(key)}:${toValue(value)}`)
    .join(',')}}`;
}
