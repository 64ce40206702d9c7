/** Attributes as processors compare them: by their keys, scalars as text. */
import { bigInt64 } from '../../src/otlp/json-text.js';
import { bytes, high, low, readVarint, view } from '../../src/otlp/wire.js';
import { FIXED_64, LENGTH_DELIMITED, VARINT } from '../../src/otlp/wire-types.js';
import { type FieldPlace, fieldsOf, isMessage } from '../wire-fields.js';

/** By key; undefined for a list, a map, bytes, and nothing. Of a key that is there twice the last counts. */
export type Attributes = ReadonlyMap<string, string | undefined>;

/** Fields of KeyValue and of AnyValue. */
export const KEY = 1;
export const VALUE = 2;
export const STRING_VALUE = 1;
const BOOL_VALUE = 2;
const INT_VALUE = 3;
const DOUBLE_VALUE = 4;

export function messagesAt(fields: readonly FieldPlace[], number: number): FieldPlace[] {
  return fields.filter((field) => field.number === number && isMessage(field));
}

/** Of a string that is there several times the last counts. */
export function textAt(fields: readonly FieldPlace[], number: number): string {
  const place = fields.findLast((field) => field.number === number && isMessage(field));
  return place ? bytes.toString('utf8', place.content, place.stop) : '';
}

export function keyOf(keyValue: FieldPlace): string {
  return textAt(fieldsOf(keyValue.content, keyValue.stop), KEY);
}

function scalarText({ number, wireType, content, stop }: FieldPlace): string | undefined {
  if (number === STRING_VALUE && wireType === LENGTH_DELIMITED) return bytes.toString('utf8', content, stop);
  if (number === DOUBLE_VALUE && wireType === FIXED_64) return String(view.getFloat64(content, true));
  if (wireType !== VARINT || (number !== BOOL_VALUE && number !== INT_VALUE)) return undefined;
  readVarint(content, stop);
  return number === INT_VALUE ? String(bigInt64(high, low, true)) : String(high !== 0 || low !== 0);
}

/** Of a oneof the last member counts. */
function valueText(fields: readonly FieldPlace[]): string | undefined {
  const members = messagesAt(fields, VALUE).flatMap(({ content, stop }) => fieldsOf(content, stop));
  const last = members.findLast(({ number }) => number <= MAX_MEMBER);
  return last && scalarText(last);
}

const MAX_MEMBER = 7;

/** Of the KeyValues in the fields of that number. */
export function attributesAt(fields: readonly FieldPlace[], number: number): Attributes {
  const attributes = new Map<string, string | undefined>();
  for (const { content, stop } of messagesAt(fields, number)) {
    const keyValue = fieldsOf(content, stop);
    attributes.set(textAt(keyValue, KEY), valueText(keyValue));
  }
  return attributes;
}
