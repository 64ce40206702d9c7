/**
 * OTLP requests as OTLP/JSON, straight from the wire: every field that the definitions know comes out as it was sent, in
 * the order of the definitions; keys that are repeated stay so. For worker threads; synchronous, and not reentrant.
 */
import type { Signal } from '../../src/component.js';
import { toOtlpDouble } from '../../src/model/json-value.js';
import { readBool } from '../../src/otlp/decode-value.js';
import {
  beginText,
  bigInt64,
  endBytes,
  putAscii,
  putBase64,
  putByte,
  putHex,
  putString,
  resetText,
} from '../../src/otlp/json-text.js';
import { type Field, type Message, REQUESTS } from '../../src/otlp/schema.js';
import {
  bytes,
  closeWire,
  high,
  low,
  next,
  openWire,
  readStop,
  readTag,
  readVarint,
  skip,
  skipFixed,
  skipVarint,
  view,
  WireError,
} from '../../src/otlp/wire.js';
import { FIXED_64, LENGTH_DELIMITED, VARINT, WIRE_TYPES } from '../../src/otlp/wire-types.js';

export interface RequestPayload {
  signal: Signal;
  payload: Uint8Array;
}

/** One line of JSON, without its end, in memory of its own. Throws a WireError for what is no protobuf. */
export function toJsonLine({ signal, payload }: RequestPayload): Buffer<ArrayBuffer> {
  openWire(payload);
  beginText();
  try {
    putMessage([0, payload.length], REQUESTS[signal], 0);
    return endBytes();
  } finally {
    closeWire();
    resetText();
  }
}

/** For a worker thread: what can't be encoded is an answer, so that only a broken pool rejects. */
export type EncodedLine = { line: Uint8Array<ArrayBuffer>; reason?: never } | { line?: never; reason: string };

export function encodeLine(request: RequestPayload): EncodedLine {
  try {
    return { line: toJsonLine(request) };
  } catch (error) {
    return { reason: `it can't be encoded: ${(error as Error).message}` };
  }
}

// ---- messages ----

/** From, stop, from, stop, …: contents in `bytes`, in the order of the wire. */
type Ranges = number[];

/** 64 values in one another, two messages each, and what is around them. */
const MAX_DEPTH = 160;

/** Merging messages means reading their fields one after another, so one that came in pieces is one with several ranges. */
function putMessage(ranges: Ranges, message: Message, depth: number): void {
  if (depth > MAX_DEPTH) throw new WireError(ranges[0] ?? 0, `messages nest deeper than ${MAX_DEPTH}`);
  const layout = layoutOf(message);
  const places = placesOf(ranges, layout);
  let isEmpty = true;
  for (const { field, asFirst, asFurther } of layout.members) {
    const found = places[field.number];
    if (found === undefined) continue;
    putAscii(isEmpty ? asFirst : asFurther);
    if (field.repeated) putList(found, field, depth);
    else putSingle(found, field, depth);
    isEmpty = false;
  }
  putAscii(isEmpty ? '{}' : '}');
}

/** Where each field's contents are, by field number. */
function placesOf(ranges: Ranges, { fields, rivals }: Layout): (Ranges | undefined)[] {
  const places: (Ranges | undefined)[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    for (let pos = ranges[i]!; pos < ranges[i + 1]!; ) {
      const tag = readTag(pos, ranges[i + 1]!);
      let from = next;
      if ((tag & 7) === LENGTH_DELIMITED) {
        pos = readStop(from, ranges[i + 1]!);
        from = next;
      } else pos = skip(tag, from, ranges[i + 1]!);
      const field = fields[tag >>> 3];
      if (field === undefined || !isReadable(field, tag & 7)) continue;
      const others = rivals[field.number];
      if (others !== undefined) for (const other of others) places[other] = undefined;
      const place = places[field.number];
      if (place === undefined) places[field.number] = [from, pos];
      else place.push(from, pos);
    }
  }
  return places;
}

/** Lists of numbers may come packed, which a content that is length-delimited tells. */
function isReadable({ kind, repeated }: Field, wireType: number): boolean {
  return wireType === WIRE_TYPES[kind] || (repeated && wireType === LENGTH_DELIMITED);
}

interface Member {
  field: Field;
  /** `{"name":` and `,"name":` */
  asFirst: string;
  asFurther: string;
}

interface Layout {
  members: Member[];
  /** By number. */
  fields: (Field | undefined)[];
  /** By number: the other members of a field's oneof, of which the last on the wire counts. */
  rivals: (number[] | undefined)[];
}

const layouts = new Map<Message, Layout>();

function layoutOf(message: Message): Layout {
  let layout = layouts.get(message);
  if (layout === undefined) {
    layout = { members: [], fields: [], rivals: [] };
    for (const field of message.fields) {
      const name = `"${field.jsonName}":`;
      layout.members.push({ field, asFirst: `{${name}`, asFurther: `,${name}` });
      layout.fields[field.number] = field;
      layout.rivals[field.number] = rivalsOf(field, message);
    }
    layouts.set(message, layout);
  }
  return layout;
}

const METRIC_DATA = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'];
const POINT_VALUE = ['as_double', 'as_int'];
const ONEOFS: Readonly<Record<string, string[]>> = {
  Metric: METRIC_DATA,
  NumberDataPoint: POINT_VALUE,
  Exemplar: POINT_VALUE,
};

function rivalsOf(field: Field, { name, fields }: Message): number[] | undefined {
  const members = name === 'AnyValue' ? fields.map((member) => member.name) : ONEOFS[name];
  if (!members?.includes(field.name)) return undefined;
  return fields.filter((other) => other !== field && members.includes(other.name)).map(({ number }) => number);
}

// ---- fields ----

/** Of a scalar that is there several times the last counts. */
function putSingle(ranges: Ranges, field: Field, depth: number): void {
  if (field.message !== undefined) putMessage(ranges, field.message, depth + 1);
  else putScalar(field, ranges.at(-2)!, ranges.at(-1)!);
}

function putList(ranges: Ranges, field: Field, depth: number): void {
  let separator = '[';
  const begin = () => {
    putAscii(separator);
    separator = ',';
  };
  for (let i = 0; i < ranges.length; i += 2) {
    const from = ranges[i]!;
    const stop = ranges[i + 1]!;
    if (field.message !== undefined) {
      begin();
      putMessage([from, stop], field.message, depth + 1);
    } else if (WIRE_TYPES[field.kind] === LENGTH_DELIMITED) {
      begin();
      putScalar(field, from, stop);
    } else eachNumber(field, from, stop, begin);
  }
  putAscii(separator === '[' ? '[]' : ']');
}

/** One number, or those of a packed list. */
function eachNumber(field: Field, from: number, stop: number, begin: () => void): void {
  for (let pos = from; pos < stop; ) {
    const end = endOfNumber(field, pos, stop);
    begin();
    putScalar(field, pos, end);
    pos = end;
  }
}

function endOfNumber({ kind }: Field, pos: number, stop: number): number {
  if (WIRE_TYPES[kind] === VARINT) return skipVarint(pos, stop);
  return skipFixed(pos, WIRE_TYPES[kind] === FIXED_64 ? 8 : 4, stop);
}

/** 64-bit integers are strings in OTLP/JSON, ids are hex, enums are numbers. */
function putScalar({ kind }: Field, from: number, stop: number): void {
  switch (kind) {
    case 'string':
      putString(bytes, from, stop);
      break;
    case 'id':
      putQuoted(() => putHex(bytes, from, stop));
      break;
    case 'bytes':
      putQuoted(() => putBase64(bytes, from, stop));
      break;
    case 'double':
      putAscii(toOtlpDouble(view.getFloat64(from, true)));
      break;
    case 'fixed64':
      putAscii(`"${view.getBigUint64(from, true)}"`);
      break;
    case 'sfixed64':
      putAscii(`"${view.getBigInt64(from, true)}"`);
      break;
    case 'fixed32':
      putAscii(String(view.getUint32(from, true)));
      break;
    default:
      putVarint(kind, from, stop);
  }
}

function putQuoted(put: () => void): void {
  putByte(0x22);
  put();
  putByte(0x22);
}

function putVarint(kind: Field['kind'], from: number, stop: number): void {
  if (kind === 'bool') {
    putAscii(String(readBool(from, stop)));
    return;
  }
  readVarint(from, stop);
  if (kind === 'int64' || kind === 'uint64') putAscii(`"${bigInt64(high, low, kind === 'int64')}"`);
  else if (kind === 'sint32') putAscii(String((low >>> 1) ^ -(low & 1)));
  else if (kind === 'enum') putAscii(String(low));
  else putAscii(String(low >>> 0));
}
