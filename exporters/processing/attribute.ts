/** Attributes as processors compare them: by their keys, scalars as text. */
import { bigInt64 } from '../../src/otlp/json-text.js';
import { bytes, high, low, next, readStop, readTag, readVarint, skip, view } from '../../src/otlp/wire.js';
import { FIXED_64, LENGTH_DELIMITED, VARINT } from '../../src/otlp/wire-types.js';
import { type FieldPlace, fieldsOf, isMessage } from '../wire-fields.js';

/** Fields of KeyValue and of AnyValue. */
export const KEY = 1;
export const VALUE = 2;
export const STRING_VALUE = 1;
export const BOOL_VALUE = 2;
export const INT_VALUE = 3;
export const DOUBLE_VALUE = 4;

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

const KEY_TAG = KEY * 8 + LENGTH_DELIMITED;

/** Whether that is its key, without making anything: nearly all attributes are asked for nothing else. */
export function hasKey({ content, stop }: FieldPlace, key: Buffer): boolean {
  let isKey = key.length === 0;
  for (let at = content; at < stop; ) {
    const tag = readTag(at, stop);
    const start = next;
    at = (tag & 7) === LENGTH_DELIMITED ? readStop(start, stop) : skip(tag, start, stop);
    // Of a key that is there several times the last counts.
    if (tag === KEY_TAG) isKey = at - next === key.length && isAt(next, key);
  }
  return isKey;
}

function isAt(from: number, key: Buffer): boolean {
  for (let i = key.length - 1; i >= 0; i--) if (bytes[from + i] !== key[i]) return false;
  return true;
}

function scalarText({ number, wireType, content, stop }: FieldPlace): string | undefined {
  if (number === STRING_VALUE && wireType === LENGTH_DELIMITED) return bytes.toString('utf8', content, stop);
  if (number === DOUBLE_VALUE && wireType === FIXED_64) return String(view.getFloat64(content, true));
  if (wireType !== VARINT || (number !== BOOL_VALUE && number !== INT_VALUE)) return undefined;
  readVarint(content, stop);
  return number === INT_VALUE ? String(bigInt64(high, low, true)) : String(high !== 0 || low !== 0);
}

/** Of the AnyValue at that number. Of a oneof the last member counts. */
export function scalarTextAt(fields: readonly FieldPlace[], number: number): string | undefined {
  const members = messagesAt(fields, number).flatMap(({ content, stop }) => fieldsOf(content, stop));
  const last = members.findLast((member) => member.number <= MAX_MEMBER);
  return last && scalarText(last);
}

const MAX_MEMBER = 7;

/** Scalars as text; undefined for a list, a map, bytes, and nothing. */
export class Attributes {
  readonly #places: readonly FieldPlace[];
  readonly #found = new Map<Buffer, FieldPlace | undefined>();

  /** Of the KeyValues in the fields of that number. */
  constructor(fields: readonly FieldPlace[], number: number) {
    this.#places = messagesAt(fields, number);
  }

  has(key: Buffer): boolean {
    return this.#placeOf(key) !== undefined;
  }

  get(key: Buffer): string | undefined {
    const place = this.#placeOf(key);
    return place && scalarTextAt(fieldsOf(place.content, place.stop), VALUE);
  }

  /** Of a key that is there twice the last counts. A key is one object for all that ask for it. */
  #placeOf(key: Buffer): FieldPlace | undefined {
    if (!this.#found.has(key))
      this.#found.set(
        key,
        this.#places.findLast((place) => hasKey(place, key)),
      );
    return this.#found.get(key);
  }
}
