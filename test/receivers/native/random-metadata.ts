/** Seeded metadata objects of every shape that JSON.parse gives, hostile ones before all. */
import { MAX_VALUE_DEPTH } from '../../../src/model/json-value.js';
import { LOG_ATTRIBUTES } from '../../../src/model/native-names.js';
import type { Random } from '../../otlp/random-request.js';

const KEYS = [
  '',
  'a',
  'service.name',
  '__proto__',
  'constructor',
  'toString',
  '$int',
  '$map',
  '$double',
  '$bytes',
  'promptmetrics.trace_id',
  'promptmetrics.running',
  'promptmetrics.metadata.',
  'promptmetrics.metadata.a',
  'promptmetrics.',
  ...Object.values(LOG_ATTRIBUTES),
  'né',
  '🚀',
  '\ud800',
  '\udfff\ud800',
  'promptmetrics.\udc00',
  '"quoted\\"',
  '\0\t\n',
  '0',
  'x'.repeat(300),
];

const SCALARS = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.1,
  -1.5,
  1e300,
  5e-324,
  1e21,
  2 ** 31,
  2 ** 32,
  -(2 ** 31),
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  2 ** 53,
  2 ** 63,
  '',
  'text',
  'né 日本語 🚀',
  'half \ud83d',
  '\udc00',
  'a"b\\c\u0001\u2028',
  '\0',
  '{"$int":"5"}',
  '"$double"',
  'promptmetrics.running',
  'y'.repeat(5000),
];

/** An object with own properties alone, as JSON.parse makes it: __proto__ is a key like others. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

export function nested(depth: number, innermost: unknown): unknown {
  let value = innermost;
  for (let i = 1; i < depth; i++) value = i % 2 === 0 ? [value] : { n: value };
  return value;
}

export function randomMetadata(random: Random): Record<string, unknown> {
  const size = random.chance(0.03) ? 50 : random.below(6);
  return objectOf(
    Array.from({ length: size }, (_, i) => [size === 50 ? `key${i}` : random.pick(KEYS), randomJson(random, 0)]),
  );
}

function randomJson(random: Random, depth: number): unknown {
  if (random.chance(0.02)) return nested(MAX_VALUE_DEPTH - depth - 2 + random.below(6), random.pick(SCALARS));
  if (depth > 4 || random.chance(0.6)) return random.pick(SCALARS);
  const size = random.below(4);
  if (random.chance(0.5)) return Array.from({ length: size }, () => randomJson(random, depth + 1));
  return objectOf(Array.from({ length: size }, () => [random.pick(KEYS), randomJson(random, depth + 1)]));
}
