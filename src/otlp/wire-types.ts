/** How protobuf writes each kind of field: the number in the low three bits of its tag. */
import type { Field } from './schema.js';

export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH_DELIMITED = 2;
export const FIXED_32 = 5;

export const WIRE_TYPES: Record<Field['kind'], number> = {
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
  id: LENGTH_DELIMITED,
  message: LENGTH_DELIMITED,
  bool: VARINT,
  int64: VARINT,
  uint64: VARINT,
  uint32: VARINT,
  sint32: VARINT,
  enum: VARINT,
  double: FIXED_64,
  fixed64: FIXED_64,
  sfixed64: FIXED_64,
  fixed32: FIXED_32,
};
