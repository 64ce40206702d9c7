/** Messages as their fields, and messages again of what stays of them. Between `openWire` and `closeWire` alone. */
import { bytes, next, readStop, readTag, skip } from '../src/otlp/wire.js';
import { LENGTH_DELIMITED } from '../src/otlp/wire-types.js';

export interface FieldPlace {
  number: number;
  wireType: number;
  /** Where the tag, the content and the next field begin. */
  from: number;
  content: number;
  stop: number;
}

export function fieldsOf(from: number, stop: number): FieldPlace[] {
  const fields: FieldPlace[] = [];
  for (let at = from; at < stop; ) {
    const tag = readTag(at, stop);
    const start = next;
    const isLong = (tag & 7) === LENGTH_DELIMITED;
    const end = isLong ? readStop(start, stop) : skip(tag, start, stop);
    fields.push({ number: tag >>> 3, wireType: tag & 7, from: at, content: isLong ? next : start, stop: end });
    at = end;
  }
  return fields;
}

/** A field of another wire type is one that nobody knows, whatever its number. */
export function isMessage({ wireType }: FieldPlace): boolean {
  return wireType === LENGTH_DELIMITED;
}

function varint(value: number): Buffer {
  const made: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) made.push((rest & 0x7f) | 0x80);
  return Buffer.from([...made, rest]);
}

/** A length-delimited field. */
export function wrap(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + LENGTH_DELIMITED), varint(length), ...pieces];
}

/** What becomes of a message: it stays as it is, it goes, or it is made of these bytes. */
export type Edit = 'same' | 'gone' | readonly Uint8Array[];

/** A message with what becomes of each of its fields; runs of those that stay are not touched. */
export function edited(fields: readonly FieldPlace[], edit: (field: FieldPlace) => Edit): Exclude<Edit, 'gone'> {
  const pieces: Uint8Array[] = [];
  let from = fields[0]?.from ?? 0;
  let isSame = true;
  for (const field of fields) {
    const made = edit(field);
    if (made === 'same') continue;
    isSame = false;
    if (field.from > from) pieces.push(bytes.subarray(from, field.from));
    // One by one: a call takes some 100,000 arguments, and a large message has more pieces.
    if (made !== 'gone') for (const piece of wrap(field.number, made)) pieces.push(piece);
    from = field.stop;
  }
  if (isSame) return 'same';
  const end = fields.at(-1)!.stop;
  if (end > from) pieces.push(bytes.subarray(from, end));
  return pieces;
}
