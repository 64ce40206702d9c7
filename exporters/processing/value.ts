/** What an attribute is set to. */
import { FIXED_64, VARINT } from '../../src/otlp/wire-types.js';
import { wrap } from '../wire-fields.js';
import { BOOL_VALUE, DOUBLE_VALUE, INT_VALUE, STRING_VALUE } from './attribute.js';
import type { LiteralValue } from './steps.js';

export interface Value {
  /** The fields of an AnyValue. */
  message: readonly Uint8Array[];
  /** What a hash is made of: a text's own bytes, and of what is no text those by which protobuf tells it. */
  hashed(): Uint8Array;
}

export function literalValue(literal: LiteralValue): Value {
  if (typeof literal === 'string') {
    const text = Buffer.from(literal);
    return { message: wrap(STRING_VALUE, [text]), hashed: () => text };
  }
  const encoded = typeof literal === 'boolean' ? booleanField(literal) : numberField(literal);
  return { message: [encoded], hashed: () => encoded };
}

function booleanField(value: boolean): Buffer {
  return Buffer.from([BOOL_VALUE * 8 + VARINT, value ? 1 : 0]);
}

/** A whole number is an integer, as it is to the Collector. */
function numberField(value: number): Buffer {
  if (Number.isSafeInteger(value)) return Buffer.from([INT_VALUE * 8 + VARINT, ...varint64(BigInt(value))]);
  const field = Buffer.alloc(9, DOUBLE_VALUE * 8 + FIXED_64);
  field.writeDoubleLE(value, 1);
  return field;
}

/** Negative numbers as two's complement, in ten bytes. */
function varint64(value: bigint): number[] {
  const made: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) made.push(Number(rest & 0x7fn) | 0x80);
  return [...made, Number(rest)];
}
