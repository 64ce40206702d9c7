/** The scalars of OTLP/JSON as text: one reading of them for the check and for the decoder. */

/** Longer texts are no integers that OTLP could mean, and BigInt takes quadratic time. */
const MAX_INTEGER_CHARS = 64;
const INTEGER = /^-?\d+$/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Digits, or a number with point or exponent whose value is a safe integer (protobuf's JSON allows 1.0 and 1e3). */
export function parseInteger(text: string): bigint | undefined {
  if (text.length > MAX_INTEGER_CHARS) return undefined;
  if (INTEGER.test(text)) return BigInt(text);
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

/** A JSON number, NaN, Infinity or -Infinity. */
export function parseDouble(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  if (text === 'NaN') return Number.NaN;
  if (text === 'Infinity') return Number.POSITIVE_INFINITY;
  return text === '-Infinity' ? Number.NEGATIVE_INFINITY : undefined;
}

const RANGES: Record<string, readonly [bigint, bigint]> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  enum: [-(2n ** 31n), 2n ** 31n - 1n],
};

/** `kind`: an integer kind of the schema, or `enum`. */
export function inRange(kind: string, value: bigint): boolean {
  const [min, max] = RANGES[kind]!;
  return value >= min && value <= max;
}
