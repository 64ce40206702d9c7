/** OTLP attribute lists and values: from the wire to the JSON text of src/model/json-value.ts. */
import { MAX_VALUE_DEPTH, TAGS } from '../model/json-value.js';
import * as text from './json-text.js';
import {
  bytes,
  high,
  low,
  next,
  openWire,
  readStop,
  readTag,
  readVarint,
  shortStop,
  skip,
  skipFixed,
  skipVarint,
  view,
  WireError,
} from './wire.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const DOLLAR = 0x24;

/** More keys than this are looked up in a map instead of being compared with one another. */
const MAX_COMPARED_KEYS = 32;

// ---- messages that come in pieces ----

/** From, stop, from, stop, … of contents in `bytes`, in the order of the wire. */
export type Ranges = number[];

/** Merging protobuf messages means decoding their bytes one after another: several pieces are joined, and read apart. */
export function readPieces(pieces: Ranges, read: (from: number, stop: number) => void): void {
  if (pieces.length > 2) readJoined(pieces, read);
  else if (pieces.length === 2) read(pieces[0]!, pieces[1]!);
  else read(0, 0);
}

function readJoined(pieces: Ranges, read: (from: number, stop: number) => void): void {
  const outer = bytes;
  const parts: Buffer[] = [];
  for (let i = 0; i < pieces.length; i += 2) parts.push(outer.subarray(pieces[i], pieces[i + 1]));
  openWire(Buffer.concat(parts));
  try {
    read(0, bytes.length);
  } finally {
    openWire(outer);
  }
}

// ---- attribute lists ----

const KEPT_NUMBERS = 4096;
/** Four numbers for each KeyValue of the lists that are open: where it starts and stops, where its key does. */
let keyValues = new Int32Array(KEPT_NUMBERS);
let top = 0;

/** Where a list of KeyValues starts; then `addKeyValue` each, then `attributesText` or `putAttributes`. */
export function openKeyValues(): number {
  return top;
}

export function addKeyValue(from: number, stop: number): void {
  if (top === keyValues.length) {
    const larger = new Int32Array(top * 2);
    larger.set(keyValues);
    keyValues = larger;
  }
  keyValues[top] = from;
  keyValues[top + 1] = stop;
  top += 4;
}

/** Forgets lists that an error left open, and lets go of the room that one of a million attributes took. */
export function resetKeyValues(): void {
  top = 0;
  if (keyValues.length > 16 * KEPT_NUMBERS) keyValues = new Int32Array(KEPT_NUMBERS);
}

/** The JSON object of the list that was opened at `base`, which is closed. */
export function attributesText(base: number): string {
  if (top === base) return '{}';
  text.beginText();
  putAttributes(base);
  return text.endText();
}

export function putAttributes(base: number): void {
  putObject(base, 0);
  top = base;
}

// The KeyValue that was read last.
let keyFrom = 0;
let keyStop = 0;
let valueFrom = 0;
let valueStop = 0;
/** Only when the value came in several pieces. */
let valuePieces: Ranges | undefined;

/** Nearly every KeyValue is a key and a value, whose lengths take a byte each (or more for the value). */
function readKeyValue(from: number, stop: number): void {
  if (stop - from > 3 && bytes[from] === 0x0a) {
    keyStop = shortStop(from + 1, stop);
    if (keyStop !== 0 && keyStop < stop && bytes[keyStop] === 0x12) {
      keyFrom = from + 2;
      valueStop = readStop(keyStop + 1, stop);
      valueFrom = next;
      valuePieces = undefined;
      if (valueStop === stop) return;
    }
  }
  readAnyKeyValue(from, stop);
}

function readAnyKeyValue(pos: number, end: number): void {
  const pieces: Ranges = [];
  keyFrom = keyStop = valueFrom = valueStop = 0;
  while (pos < end) {
    const tag = readTag(pos, end);
    if ((tag & 7) !== 2) {
      pos = skip(tag, next, end);
      continue;
    }
    pos = readStop(next, end);
    if (tag === 0x12) pieces.push(next, pos);
    if (tag !== 0x0a) continue;
    keyFrom = next;
    keyStop = pos;
  }
  valuePieces = pieces.length > 2 ? pieces : undefined;
  [valueFrom, valueStop] = pieces.length === 2 ? (pieces as [number, number]) : [0, 0];
}

/** `depth`: of the value that this object is; 0 for an attribute list, which is no value itself. */
function putObject(base: number, depth: number): void {
  const position = text.textPosition();
  if (top - base <= MAX_COMPARED_KEYS * 4 && putIfDistinct(base, depth)) return;
  text.rewindText(position);
  putDistinct(base, depth);
}

/** The common case. Gives up at a key that may need more care: repeated, a lone tag, or not ASCII. */
function putIfDistinct(base: number, depth: number): boolean {
  const end = top;
  text.putByte(OPEN_OBJECT);
  for (let i = base; i < end; i += 4) {
    readKeyValue(keyValues[i]!, keyValues[i + 1]!);
    keyValues[i + 2] = keyFrom;
    keyValues[i + 3] = keyStop;
    if (isRepeated(base, i) || isLoneTag(end - base, depth)) return false;
    if (i > base) text.putByte(COMMA);
    // Different bytes that are not UTF-8 may become the same text.
    if (!text.putString(bytes, keyFrom, keyStop)) return false;
    text.putByte(COLON);
    putReadValue(depth);
  }
  text.putByte(CLOSE_OBJECT);
  return true;
}

function putReadValue(depth: number): void {
  if (valuePieces === undefined) putValue(valueFrom, valueStop, depth + 1);
  else readPieces(valuePieces, (from, stop) => putValue(from, stop, depth + 1));
}

function isRepeated(base: number, i: number): boolean {
  const length = keyStop - keyFrom;
  for (let j = base; j < i; j += 4) {
    const other = keyValues[j + 2]!;
    if (keyValues[j + 3]! - other === length && sameBytes(other, keyFrom, length)) return true;
  }
  return false;
}

function sameBytes(a: number, b: number, length: number): boolean {
  // From the end: keys of one object often start alike.
  for (let i = length - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

function isLoneTag(size: number, depth: number): boolean {
  return size === 4 && depth > 0 && keyFrom < keyStop && bytes[keyFrom] === DOLLAR;
}

/** The general case: each key once, at the place of its last value. */
function putDistinct(base: number, depth: number): void {
  const lastOf = lastPlaces(base);
  const isTagged = depth > 0 && lastOf.size === 1 && TAGS.some((tag) => lastOf.has(tag));
  if (isTagged) text.putAscii('{"$map":');
  let separator = OPEN_OBJECT;
  for (const place of [...lastOf.values()].sort((a, b) => a - b)) {
    text.putByte(separator);
    readKeyValue(keyValues[place]!, keyValues[place + 1]!);
    text.putString(bytes, keyFrom, keyStop);
    text.putByte(COLON);
    putReadValue(depth);
    separator = COMMA;
  }
  text.putByte(CLOSE_OBJECT);
  if (isTagged) text.putByte(CLOSE_OBJECT);
}

function lastPlaces(base: number): Map<string, number> {
  const places = new Map<string, number>();
  for (let i = base; i < top; i += 4) {
    readKeyValue(keyValues[i]!, keyValues[i + 1]!);
    places.set(bytes.toString('utf8', keyFrom, keyStop), i);
  }
  return places;
}

// ---- values ----

const STRING = 1;
const BOOL = 2;
const INT = 3;
const DOUBLE = 4;
const ARRAY = 5;
const KVLIST = 6;
const BYTES = 7;

/** One AnyValue; `depth` is 1 for a value that stands in no other. */
export function putValue(pos: number, end: number, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) throw new WireError(pos, `values nest deeper than ${MAX_VALUE_DEPTH}`);
  let kind = 0;
  let from = 0;
  let stop = 0;
  let pieces: Ranges | undefined;
  while (pos < end) {
    const tag = readTag(pos, end);
    pos = next;
    if ((tag & 7) === 2) {
      const contentStop = readStop(pos, end);
      const field = tag >>> 3;
      if (field === kind && (kind === ARRAY || kind === KVLIST)) {
        pieces ??= [from, stop];
        pieces.push(next, contentStop);
      } else if (field === STRING || (field >= ARRAY && field <= BYTES)) {
        kind = field;
        from = next;
        stop = contentStop;
        pieces = undefined;
      }
      pos = contentStop;
      continue;
    }
    const content = pos;
    pos = skip(tag, pos, end);
    if (tag === 0x10 || tag === 0x18 || tag === 0x21) {
      kind = tag >>> 3;
      from = content;
      stop = pos;
      pieces = undefined;
    }
  }
  if (pieces === undefined) putKind(kind, from, stop, depth);
  else readPieces(pieces, (joinedFrom, joinedStop) => putKind(kind, joinedFrom, joinedStop, depth));
}

function putKind(kind: number, from: number, stop: number, depth: number): void {
  switch (kind) {
    case STRING:
      text.putString(bytes, from, stop);
      break;
    case BOOL:
      text.putAscii(anyBit(from, stop) ? 'true' : 'false');
      break;
    case INT:
      readVarint(from, stop);
      text.putInt64(high, low, true);
      break;
    case DOUBLE:
      text.putDouble(view.getFloat64(from, true));
      break;
    case ARRAY:
      putArray(from, stop, depth);
      break;
    case KVLIST:
      putKvlist(from, stop, depth);
      break;
    case BYTES:
      text.putAscii('{"$bytes":"');
      text.putBase64(bytes, from, stop);
      text.putAscii('"}');
      break;
    default:
      text.putAscii('null');
  }
}

/** A bool is true for any bit of its varint, those beyond the 64th included. */
function anyBit(from: number, stop: number): boolean {
  for (let i = from; i < stop; i++) if ((bytes[i]! & 0x7f) !== 0) return true;
  return false;
}

export function readBool(pos: number, end: number): boolean {
  return anyBit(pos, skipVarint(pos, end));
}

function putArray(pos: number, end: number, depth: number): void {
  let separator = OPEN_ARRAY;
  while (pos < end) {
    const tag = readTag(pos, end);
    if (tag !== 0x0a) {
      pos = skipField(tag, next, end);
      continue;
    }
    pos = readStop(next, end);
    const from = next;
    text.putByte(separator);
    putValue(from, pos, depth + 1);
    separator = COMMA;
  }
  if (separator === OPEN_ARRAY) text.putByte(OPEN_ARRAY);
  text.putByte(CLOSE_ARRAY);
}

function putKvlist(pos: number, end: number, depth: number): void {
  const base = openKeyValues();
  while (pos < end) {
    const tag = readTag(pos, end);
    if (tag !== 0x0a) {
      pos = skipField(tag, next, end);
      continue;
    }
    pos = readStop(next, end);
    addKeyValue(next, pos);
  }
  putObject(base, depth);
  top = base;
}

/** Any field, length-delimited ones included. */
export function skipField(tag: number, pos: number, end: number): number {
  return (tag & 7) === 2 ? readStop(pos, end) : skip(tag, pos, end);
}

/** Packed or single 64-bit numbers. */
export function eachFixed64(pieces: Ranges, visit: (pos: number) => void): void {
  for (let i = 0; i < pieces.length; i += 2) {
    for (let pos = pieces[i]!; pos < pieces[i + 1]!; pos += 8) {
      skipFixed(pos, 8, pieces[i + 1]!);
      visit(pos);
    }
  }
}
