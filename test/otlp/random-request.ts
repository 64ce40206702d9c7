/** Seeded OTLP requests of every shape, as plain objects with OTLP/JSON's names: ids and bytes are Buffers, 64-bit integers bigints. */
import type { Signal } from '../../src/component.js';
import { type Field, type Message, REQUESTS } from '../../src/otlp/schema.js';

export type Plain = { [name: string]: PlainValue };
export type PlainValue = string | number | bigint | boolean | Buffer | Plain | PlainValue[];

export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** mulberry32 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const WORDS = [
  '',
  'a',
  'GET',
  'service.name',
  'gen_ai.prompt',
  'a"b\\c',
  'tab\there',
  'né',
  '日本語',
  '🚀',
  '\0',
  'x'.repeat(200),
];
const KEYS = [
  'service.name',
  'k',
  'k2',
  '__proto__',
  'constructor',
  '$int',
  '$map',
  '$bytes',
  '$double',
  'ключ',
  '',
  'http.status_code',
];
const DOUBLES = [
  0,
  -0,
  1,
  -1.5,
  0.1,
  1e300,
  5e-324,
  1e21,
  123456789012,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
const INT64 = [
  0n,
  1n,
  -1n,
  42n,
  300n,
  2n ** 53n - 1n,
  2n ** 53n,
  -(2n ** 53n),
  2n ** 63n - 1n,
  -(2n ** 63n),
  1700000000123456789n,
];
const MAX_DEPTH = 5;

/** Of 10 spans one has an unusable id. */
export function randomRequest(random: Random, signal: Signal): Plain {
  return randomMessage(random, REQUESTS[signal], 0);
}

function randomMessage(random: Random, message: Message, depth: number): Plain {
  const fields = isUnion(message) ? [random.pick(message.fields)] : oneOfEach(random, message);
  const plain: Plain = {};
  for (const field of fields) {
    if (field.kind !== 'id' && random.chance(0.25)) continue;
    if (depth > MAX_DEPTH && field.message && message.name === 'AnyValue') continue;
    plain[field.jsonName] = field.repeated
      ? randomList(random, field, message, depth)
      : randomValue(random, field, message, depth);
  }
  return plain;
}

const isUnion = (message: Message) => message.name === 'AnyValue';
/** Members of oneofs, of which one may be set. */
const UNIONS = [
  ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'],
  ['as_double', 'as_int'],
];

function oneOfEach(random: Random, message: Message): Field[] {
  let fields = message.fields;
  for (const names of UNIONS) {
    const members = fields.filter(({ name }) => names.includes(name));
    // HistogramDataPoint and SummaryDataPoint have a `sum` that is no member.
    if (members.length < 2) continue;
    const chosen = random.pick(members);
    fields = fields.filter((field) => !members.includes(field) || field === chosen);
  }
  return fields;
}

function randomList(random: Random, field: Field, owner: Message, depth: number): PlainValue[] {
  const isSmall = field.message === undefined || field.message.name === 'KeyValue';
  const length = isSmall && random.chance(0.02) ? 40 : random.below(isSmall ? 4 : 3);
  return Array.from({ length: field.message && depth > 3 ? Math.min(length, 4) : length }, () =>
    randomValue(random, field, owner, depth),
  );
}

function randomValue(random: Random, field: Field, owner: Message, depth: number): PlainValue {
  switch (field.kind) {
    case 'message':
      return randomMessage(random, field.message!, field.message!.name === 'AnyValue' ? depth + 1 : depth);
    case 'string':
      return owner.name === 'KeyValue' ? random.pick(KEYS) : random.pick(WORDS);
    case 'id':
      return randomId(random, field, owner);
    case 'bytes':
      return random.bytes(random.below(20));
    case 'bool':
      return random.chance(0.5);
    case 'double':
      return random.pick(DOUBLES);
    case 'int64':
    case 'sfixed64':
      return random.pick(INT64);
    case 'uint64':
    case 'fixed64':
      return random.pick([...INT64.filter((value) => value >= 0n), 2n ** 64n - 1n]);
    case 'enum':
      return random.below(field.values!.size);
    case 'sint32':
      return random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]);
    default:
      return random.pick([0, 1, 257, 2 ** 32 - 1]);
  }
}

function randomId(random: Random, field: Field, owner: Message): Buffer {
  const size = field.name === 'trace_id' ? 16 : 8;
  const isOwn = owner.name === 'Span' && field.name !== 'parent_span_id';
  if (random.chance(isOwn ? 0.03 : 0.3))
    return random.pick([Buffer.alloc(0), Buffer.alloc(size), random.bytes(size - 1)]);
  return random.bytes(size);
}

/** What protobufjs's fromObject takes: 64-bit integers as decimal strings. */
export function toProtobufjs(value: PlainValue): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(toProtobufjs);
  if (typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toProtobufjs(member)]));
}

/** OTLP/JSON in one of the many ways to write it: names in either style, integers with or without quotes, white space. */
export function toJsonText(random: Random, value: PlainValue, message: Message): string {
  const space = () => (random.chance(0.1) ? random.pick([' ', '\n', '\t ']) : '');
  const members = Object.entries(value as Plain).map(([name, member]) => {
    const field = message.fields.find(({ jsonName }) => jsonName === name)!;
    const key = random.chance(0.2) ? field.name : name;
    const text = Array.isArray(member)
      ? `[${member.map((element) => space() + scalarText(random, element, field)).join(`${space()},`)}${space()}]`
      : scalarText(random, member, field);
    return `${space()}${quoted(random, key)}${space()}:${space()}${text}`;
  });
  if (random.chance(0.1)) members.splice(random.below(members.length + 1), 0, randomUnknown(random));
  return `{${members.join(`${space()},`)}${space()}}`;
}

function randomUnknown(random: Random): string {
  return random.pick([
    '"unknown":null',
    '"unknown":[1,{"a":[]},"b\\"]"]',
    '"x\\u0000":-1.5e3',
    '"resource_unknown":{"spans":[{}]}',
  ]);
}

function quoted(random: Random, text: string): string {
  const json = JSON.stringify(text);
  if (!random.chance(0.03)) return json;
  return json.replace(/^"([a-z])/, (_, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`);
}

function scalarText(random: Random, value: PlainValue, field: Field): string {
  if (field.message) return toJsonText(random, value, field.message);
  if (Buffer.isBuffer(value)) return bytesText(random, value, field);
  if (typeof value === 'bigint') return random.chance(0.5) ? `"${value}"` : String(value);
  if (typeof value === 'string') return quoted(random, value);
  if (typeof value === 'boolean') return String(value);
  return numberText(random, value as number, field);
}

function bytesText(random: Random, value: Buffer, field: Field): string {
  if (field.kind === 'bytes') return JSON.stringify(value.toString(random.pick(['base64', 'base64url'] as const)));
  const hex = value.toString('hex');
  return quoted(random, random.chance(0.3) ? hex.toUpperCase() : hex);
}

function numberText(random: Random, value: number, field: Field): string {
  if (field.values && random.chance(0.3)) return `"${[...field.values.keys()][value]}"`;
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = Object.is(value, -0) ? '-0.0' : String(value);
  return random.chance(0.2) ? `"${text}"` : text;
}
