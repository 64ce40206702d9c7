/**
 * The check of an OTLP/JSON request, on its UTF-8 bytes: the whole of JSON's grammar, and for every field that OTLP
 * knows that its value is one the decoder takes. Lenient where senders differ: snake_case keys, numbers as strings and
 * strings as numbers, enums by name, `null` for the default (as an element of a list, too), a byte order mark, invalid
 * UTF-8 in strings (decoding puts U+FFFD). Strict where a payload could mean two things: a key that OTLP knows may
 * stand once in an object, in either spelling. Recursion is bounded by the schema and by the limits below.
 */
import { SIGNALS, type Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { MAX_VALUE_DEPTH } from '../../src/model/json-value.js';
import { inRange, parseDouble, parseInteger } from '../../src/otlp/json-scalar.js';
import { type Field, type Message, messageNamed, messages, REQUESTS } from '../../src/otlp/schema.js';
import type { CheckResult } from './check-result.js';
import { cutRanges } from './cut.js';
import {
  BACKSLASH,
  bytes,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  closeText,
  describe,
  expectByte,
  expectEnd,
  fail,
  hexValue,
  JsonError,
  LOWER_N,
  MAX_SCANNED_BYTES,
  MINUS,
  OPEN_ARRAY,
  OPEN_OBJECT,
  openText,
  peek,
  pos,
  QUOTE,
  scanLiteral,
  scanNumber,
  scannedText,
  scanString,
  skipScalar,
  skipValue,
  take,
  textEnd,
  textEscaped,
  textStart,
} from './json-scanner.js';
import { misdirected } from './misdirected.js';
import { type Reason, Rejections } from './rejections.js';
import { MAX_ITEMS, MAX_MESSAGES, tooManyItems, tooManyMessages } from './request-bounds.js';

// ---- the keys of each message, by hash ----

interface Key {
  bytes: Uint8Array;
  field: Field;
  /** Its place among the fields: a bit in the set of the keys that were seen. */
  bit: number;
  following: Key | undefined;
}

const KEY_TABLE_SIZE = 64;

/** Few names of one message agree in length, first and last byte. */
function slotOf(text: Uint8Array, from: number, to: number): number {
  return to > from ? ((to - from) * 5 + text[from]! * 3 + text[to - 1]!) & (KEY_TABLE_SIZE - 1) : 0;
}

function keyTable(fields: readonly Field[]): (Key | undefined)[] {
  const table = new Array<Key | undefined>(KEY_TABLE_SIZE).fill(undefined);
  fields.forEach((field, bit) => {
    for (const name of new Set([field.jsonName, field.name])) {
      const spelling = Buffer.from(name);
      const slot = slotOf(spelling, 0, spelling.length);
      table[slot] = { bytes: spelling, field, bit, following: table[slot] };
    }
  });
  return table;
}

const keyTables: (Key | undefined)[][] = [[]];
for (const message of messages) keyTables[message.id] = keyTable(message.fields);

/** The one field of each request: `resourceSpans`, … */
const REQUEST_FIELDS = SIGNALS.map((signal) => REQUESTS[signal].fields[0]!);
const requestKeys = keyTable(REQUEST_FIELDS);

const ANY_VALUE = messageNamed('AnyValue');
const SPAN = messageNamed('Span');
const METRIC = messageNamed('Metric');
/** From Metric.gauge to Metric.summary: the members of its oneof. */
const isMetricData = (field: Field) => field.number >= 5 && field.number <= 11;

// ---- the request that is being checked: one at a time, as the scanner's text ----

let valueDepth = 0;
let accepted = 0;
let withoutIds = 0;
/** Messages that were gone into, of every kind. */
let visited = 0;
let rejections = new Rejections();
/** Where in the messages the check is, for error messages. */
const trail: string[] = [];
let level = 0;

const ABSENT = 0;
const GOOD = 1;
const ALL_ZERO = 2;
const WRONG_LENGTH = 3;
const NOT_HEX = 4;
const BASE64 = 5;
/** Of the span that is being checked. */
let traceIdState = ABSENT;
let spanIdState = ABSENT;
let parentIdState = ABSENT;

// ---- messages ----

/** The key at `pos`, and the colon behind it. */
function scanKey(table: readonly (Key | undefined)[]): Key | undefined {
  scanString();
  const key = textEscaped ? findEscaped(table) : find(table, bytes, textStart, textEnd);
  expectByte(COLON);
  return key;
}

function find(table: readonly (Key | undefined)[], text: Uint8Array, from: number, to: number): Key | undefined {
  for (let key = table[slotOf(text, from, to)]; key !== undefined; key = key.following) {
    if (matches(key.bytes, text, from, to)) return key;
  }
  return undefined;
}

function matches(name: Uint8Array, text: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== text[from + i]) return false;
  return true;
}

function findEscaped(table: readonly (Key | undefined)[]): Key | undefined {
  if (textEnd - textStart > MAX_SCANNED_BYTES) return undefined;
  const text = Buffer.from(scannedText());
  return find(table, text, 0, text.length);
}

/** `null` stands for the default of any field. */
function scanNull(): boolean {
  if (peek() !== LOWER_N) return false;
  scanLiteral('null');
  return true;
}

function checkMessage(message: Message): void {
  if (++visited > MAX_MESSAGES) throw tooManyMessages();
  expectObject();
  const table = keyTables[message.id]!;
  const before = accepted;
  let seen = 0;
  if (take(CLOSE_OBJECT)) return;
  level += 1;
  for (;;) {
    const key = scanKey(table);
    if (key === undefined) skipValue();
    else {
      seen = see(key, seen);
      // Of the members of a oneof the last one counts: the points of those before it are no points.
      if (message === METRIC && isMetricData(key.field) && peek() !== LOWER_N) accepted = before;
      checkField(key.field, message);
    }
    if (take(CLOSE_OBJECT)) break;
    expectByte(COMMA);
  }
  level -= 1;
}

/** Adds the key to the set of those that the object has shown. */
function see(key: Key, seen: number): number {
  trail[level] = key.field.jsonName;
  if ((seen & (1 << key.bit)) !== 0) fail('the key stands twice in one object');
  return seen | (1 << key.bit);
}

function expectObject(): void {
  if (!take(OPEN_OBJECT)) fail(`expected an object, found ${describe()}`);
}

function checkField(field: Field, owner: Message): void {
  if (scanNull()) return;
  if (!field.repeated) checkSingle(field, owner);
  else if (field.message === SPAN) checkSpans();
  else checkList(field, owner);
}

function checkList(field: Field, owner: Message): void {
  if (!openList()) return;
  for (;;) {
    if (!scanNull()) checkSingle(field, owner);
    else if (field.message !== undefined) count(field.message);
    if (!moreInList()) return;
  }
}

/** False when the list is empty, and closed. */
function openList(): boolean {
  if (!take(OPEN_ARRAY)) fail(`expected a list, found ${describe()}`);
  return !take(CLOSE_ARRAY);
}

function moreInList(): boolean {
  if (take(CLOSE_ARRAY)) return false;
  expectByte(COMMA);
  return true;
}

/** Log records and data points, by message id. */
const ITEMS = new Uint8Array(messages.length + 1);
for (const { name, id } of messages) if (name === 'LogRecord' || name.endsWith('DataPoint')) ITEMS[id] = 1;

function count(message: Message): void {
  accepted += ITEMS[message.id]!;
  if (accepted > MAX_ITEMS) throw tooManyItems();
}

function checkSingle(field: Field, owner: Message): void {
  if (field.kind === 'message') checkNested(field.message!);
  else if (field.kind === 'string') scanString();
  else if (field.kind === 'id') checkId(field, owner);
  else if (field.kind === 'bytes') checkBase64();
  else if (field.kind === 'bool') checkBool();
  else if (field.kind === 'double') checkDouble();
  else checkInteger(field);
}

function checkNested(message: Message): void {
  count(message);
  if (message === ANY_VALUE && ++valueDepth > MAX_VALUE_DEPTH) fail(`values nest deeper than ${MAX_VALUE_DEPTH}`);
  checkMessage(message);
  if (message === ANY_VALUE) valueDepth -= 1;
}

// ---- scalars ----

function checkBool(): void {
  const first = peek();
  if (first !== 0x74 && first !== 0x66) fail(`expected true or false, found ${describe()}`);
  skipScalar(first);
}

/** A number, or a string that may hold one. */
function scanNumeric(): boolean {
  const first = peek();
  if (first === QUOTE) {
    scanString();
    return true;
  }
  if (first !== MINUS && (first < 0x30 || first > 0x39)) fail(`expected a number, found ${describe()}`);
  scanNumber();
  return false;
}

function checkDouble(): void {
  if (!scanNumeric()) return;
  if (textEnd - textStart > MAX_SCANNED_BYTES || parseDouble(scannedText()) === undefined) fail('not a number');
}

function checkInteger(field: Field): void {
  const quoted = scanNumeric();
  if (isShortUnsigned(field.kind)) return;
  const text = scannedText();
  if (quoted && field.values?.has(text)) return;
  const value = textEnd - textStart > MAX_SCANNED_BYTES ? undefined : parseInteger(text);
  if (value === undefined) fail(field.values ? 'not a name or number of this enum' : 'not an integer');
  else if (!inRange(field.kind, value)) fail(`out of the range of ${field.kind === 'enum' ? 'int32' : field.kind}`);
}

/** So few digits, without a sign, are in the range of the kind. */
function isShortUnsigned(kind: Field['kind']): boolean {
  const length = textEnd - textStart;
  if (length === 0 || length > SURE_DIGITS[kind]!) return false;
  for (let i = textStart; i < textEnd; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  return true;
}

const SURE_DIGITS: Record<string, number> = {
  enum: 9,
  uint32: 9,
  sint32: 9,
  fixed32: 9,
  int64: 18,
  sfixed64: 18,
  uint64: 19,
  fixed64: 19,
};

const base64Value = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_'))
  base64Value[byte] = 1;

/** Standard or url-safe, padded or not. */
function checkBase64(): void {
  scanString();
  let characters = 0;
  let padding = 0;
  for (let i = textStart; i < textEnd; i++) {
    let byte = bytes[i]!;
    if (byte === BACKSLASH) {
      byte = bytes[i + 1] === 0x75 ? Number.parseInt(bytes.toString('latin1', i + 2, i + 6), 16) : bytes[i + 1]!;
      i += bytes[i + 1] === 0x75 ? 5 : 1;
    }
    if (byte === 0x3d) padding += 1;
    else if (padding > 0 || byte > 0xff || base64Value[byte] === 0) fail('not base64');
    else characters += 1;
  }
  if (padding > 2 || characters % 4 === 1) fail('not base64');
}

function checkId(field: Field, owner: Message): void {
  scanString();
  if (owner !== SPAN) return;
  if (field.number === 1) traceIdState = idState(16);
  else if (field.number === 2) spanIdState = idState(8);
  else parentIdState = idState(8);
}

function idState(size: number): number {
  if (textEscaped) return escapedIdState(size);
  return idStateOf(bytes, textStart, textEnd, size);
}

function escapedIdState(size: number): number {
  const text = Buffer.from(scannedText());
  return idStateOf(text, 0, text.length, size);
}

function idStateOf(text: Uint8Array, from: number, to: number, size: number): number {
  if (from === to) return ABSENT;
  let any = 0;
  let worst = 0;
  for (let i = from; i < to; i++) {
    const value = hexValue[text[i]!]!;
    any |= value;
    if (value > worst) worst = value;
  }
  // Checked first: the base64 of 16 or 8 bytes may happen to consist of hex digits.
  if (to - from === Math.ceil(size / 3) * 4 && text[to - 1] === 0x3d) return BASE64;
  if (worst > 15) return looksBase64(text, from, to, size) ? BASE64 : NOT_HEX;
  if (to - from !== size * 2) return to - from === Math.ceil(size / 3) * 4 ? BASE64 : WRONG_LENGTH;
  return any === 0 ? ALL_ZERO : GOOD;
}

/** With its padding or without. */
function looksBase64(text: Uint8Array, from: number, to: number, size: number): boolean {
  const length = to - from;
  if (length !== Math.ceil(size / 3) * 4 && length !== Math.ceil((size * 4) / 3)) return false;
  for (let i = from; i < to; i++) if (base64Value[text[i]!] === 0 && text[i] !== 0x3d) return false;
  return true;
}

// ---- spans ----

function checkSpans(): void {
  if (!openList()) return;
  const list = new SpanList();
  for (let index = 0; ; index++) {
    peek();
    const start = pos;
    const reason = checkSpan(index);
    if (reason === undefined) list.keep(start, pos);
    else list.cut(start, pos, reason);
    if (!moreInList()) break;
  }
  list.close();
}

function checkSpan(index: number): Reason | undefined {
  if (accepted + rejections.total === MAX_ITEMS) throw tooManyItems();
  traceIdState = spanIdState = parentIdState = ABSENT;
  trail[level] = `spans[${index}]`;
  if (!scanNull()) checkMessage(SPAN);
  if (traceIdState === ABSENT && spanIdState === ABSENT) withoutIds += 1;
  return reasonFor('trace id', 16, traceIdState) ?? reasonFor('span id', 8, spanIdState) ?? parentReason();
}

function reasonFor(id: 'trace id' | 'span id' | 'parent span id', size: number, state: number): Reason | undefined {
  if (state === GOOD) return undefined;
  if (state === ALL_ZERO) return `${id} is all zero` as Reason;
  if (state === NOT_HEX) return `${id} is not hex`;
  if (state === BASE64) return `${id} is not hex but looks base64`;
  return `${id} is not ${size} bytes` as Reason;
}

function parentReason(): Reason | undefined {
  const isRoot = parentIdState === ABSENT || parentIdState === ALL_ZERO;
  return isRoot ? undefined : reasonFor('parent span id', 8, parentIdState);
}

/** Cuts spans out of one list together with a comma each: the one before, or for the first ones the one behind. */
class SpanList {
  private keptEnd = -1;
  private cutStart = -1;
  private cutEnd = -1;

  keep(start: number, stop: number): void {
    if (this.cutStart >= 0) rejections.cut(this.cutStart, this.keptEnd < 0 ? start : this.cutEnd);
    this.cutStart = -1;
    this.keptEnd = stop;
    accepted += 1;
  }

  cut(start: number, stop: number, reason: Reason): void {
    rejections.add(reason);
    if (this.cutStart < 0) this.cutStart = this.keptEnd < 0 ? start : this.keptEnd;
    this.cutEnd = stop;
  }

  close(): void {
    if (this.cutStart >= 0) rejections.cut(this.cutStart, this.cutEnd);
  }
}

// ---- requests ----

/** Returns another signal that a top-level key names, with a list that is not empty. */
function checkRequestObject(signal: Signal): Signal | undefined {
  expectObject();
  let other: Signal | undefined;
  let seen = 0;
  if (take(CLOSE_OBJECT)) return other;
  do {
    const key = scanKey(requestKeys);
    if (key === undefined) {
      skipValue();
      continue;
    }
    seen = see(key, seen);
    if (SIGNALS[key.bit] === signal) checkField(key.field, REQUESTS[signal]);
    else if (skipFilled()) other = SIGNALS[key.bit];
  } while (take(COMMA));
  expectByte(CLOSE_OBJECT);
  return other;
}

/** Whether the value is a list with something in it. */
function skipFilled(): boolean {
  const start = pos;
  const isList = peek() === OPEN_ARRAY;
  skipValue();
  return isList && pos - start > '[]'.length;
}

function open(body: Uint8Array): void {
  openText(body);
  accepted = withoutIds = visited = valueDepth = level = 0;
  rejections = new Rejections();
  trail.length = 0;
}

/** Of a path in an error message. */
const MAX_PATH = 12;

function invalid(error: JsonError): GatewayError {
  const path = trail.slice(0, level + 1);
  const where = path.length > MAX_PATH ? [...path.slice(0, MAX_PATH), '…'].join('.') : path.join('.');
  return new GatewayError(
    'INVALID_PAYLOAD',
    `invalid JSON at byte ${pos} (${where || 'the top level'}): ${error.message}`,
  );
}

export function checkJson(signal: Signal, body: Uint8Array): CheckResult {
  open(body);
  try {
    const other = checkRequestObject(signal);
    expectEnd();
    if (other !== undefined && accepted + rejections.total === 0) throw misdirected(signal, other);
    if (withoutIds > 0 && withoutIds === accepted + rejections.total) throw misdirected(signal, undefined);
    const payload = rejections.total === 0 ? body : cutRanges(body, rejections.cuts);
    return { accepted, rejected: rejections.total, message: rejections.message(accepted), payload };
  } catch (error) {
    throw error instanceof JsonError ? invalid(error) : error;
  } finally {
    closeText();
  }
}

/** Whether the top-level object of a JSON body has a key that makes it OTLP. Reads no further than that key. */
export function looksLikeOtlpJson(body: Uint8Array): boolean {
  open(body);
  try {
    expectObject();
    if (take(CLOSE_OBJECT)) return false;
    do {
      if (scanKey(requestKeys) !== undefined) return true;
      skipValue();
    } while (take(COMMA));
    return false;
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  } finally {
    closeText();
  }
}
