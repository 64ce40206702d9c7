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
import type { CheckResult } from './check.js';
import { cutRanges } from './cut.js';
import { misdirected } from './misdirected.js';
import { type Reason, Rejections } from './rejections.js';

/** Arrays and objects in fields that OTLP doesn't know. */
const MAX_UNKNOWN_DEPTH = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LOWER_N = 0x6e;

class JsonError extends Error {}

// ---- the keys of each message, by hash ----

interface Key {
  bytes: Uint8Array;
  field: Field;
  /** Its place among the fields: a bit in the set of the keys that were seen. */
  bit: number;
  following: Key | undefined;
}

const KEY_TABLE_SIZE = 64;

function hash(text: Uint8Array): number {
  let value = 0;
  for (const byte of text) value = (Math.imul(value, 31) + byte) | 0;
  return value;
}

function keyTable(fields: readonly Field[]): (Key | undefined)[] {
  const table = new Array<Key | undefined>(KEY_TABLE_SIZE).fill(undefined);
  fields.forEach((field, bit) => {
    for (const name of new Set([field.jsonName, field.name])) {
      const bytes = Buffer.from(name);
      const slot = hash(bytes) & (KEY_TABLE_SIZE - 1);
      table[slot] = { bytes, field, bit, following: table[slot] };
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

// ---- the request that is being checked ----
// Synchronous, so one at a time; variables of the module are the cheapest to reach.

const NOTHING = Buffer.alloc(0);
let bytes: Buffer = NOTHING;
let pos = 0;
let end = 0;
/** Content of the string or number that was read last. */
let textStart = 0;
let textEnd = 0;
let textEscaped = false;
let valueDepth = 0;
let accepted = 0;
let withoutIds = 0;
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

function fail(problem: string): never {
  throw new JsonError(problem);
}

// ---- grammar ----

function skipSpace(): void {
  while (pos < end) {
    const byte = bytes[pos]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    pos += 1;
  }
}

/** The next byte that is not white space, which stays unread; 0 at the end. */
function peek(): number {
  if (pos < end && bytes[pos]! > 0x20) return bytes[pos]!;
  skipSpace();
  return pos < end ? bytes[pos]! : 0;
}

function describe(): string {
  return pos < end ? JSON.stringify(bytes.toString('utf8', pos, Math.min(end, pos + 1))) : 'the end';
}

function expectByte(byte: number): void {
  if (peek() !== byte) fail(`expected ${String.fromCharCode(byte)}, found ${describe()}`);
  pos += 1;
}

/** 1 for what ends or interrupts the run of a string's ordinary bytes: quote, backslash, control characters. */
const stringStops = new Uint8Array(256).fill(1, 0, 0x20);
stringStops[QUOTE] = stringStops[BACKSLASH] = 1;

/** From the opening quote to behind the closing one. */
function scanString(): void {
  if (peek() !== QUOTE) fail(`expected a string, found ${describe()}`);
  const buffer = bytes;
  let at = pos + 1;
  textStart = at;
  textEscaped = false;
  for (;;) {
    while (at < end && stringStops[buffer[at]!] === 0) at += 1;
    pos = at;
    if (at >= end) fail('a string without an end');
    if (buffer[at] === QUOTE) break;
    if (buffer[at] !== BACKSLASH) fail('a control character in a string');
    textEscaped = true;
    at += escapeLength(at);
  }
  textEnd = at;
  pos = at + 1;
}

const SHORT_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

function escapeLength(at: number): number {
  const letter = at + 1 < end ? bytes[at + 1]! : 0;
  if (SHORT_ESCAPES.has(letter)) return 2;
  if (letter !== 0x75 || at + 6 > end) fail('an invalid escape in a string');
  for (let i = at + 2; i < at + 6; i++) if (hexValue[bytes[i]!]! > 15) fail('an invalid escape in a string');
  return 6;
}

function isDigit(at: number): boolean {
  return at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
}

function skipDigits(at: number): number {
  if (!isDigit(at)) {
    pos = at;
    fail(`expected a digit, found ${describe()}`);
  }
  while (isDigit(at)) at += 1;
  return at;
}

function scanNumber(): void {
  let at = pos;
  textStart = at;
  textEscaped = false;
  if (bytes[at] === MINUS) at += 1;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(at);
  if (at < end && bytes[at] === DOT) at = skipDigits(at + 1);
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    const sign = at + 1 < end ? bytes[at + 1]! : 0;
    at = skipDigits(sign === MINUS || sign === 0x2b ? at + 2 : at + 1);
  }
  textEnd = at;
  pos = at;
}

function scanLiteral(word: string): void {
  for (let i = 0; i < word.length; i++) {
    if (pos + i >= end || bytes[pos + i] !== word.charCodeAt(i)) fail(`expected a value, found ${describe()}`);
  }
  pos += word.length;
}

function skipScalar(first: number): void {
  if (first === QUOTE) scanString();
  else if (first === MINUS || (first >= ZERO && first <= 0x39)) scanNumber();
  else scanLiteral(first === 0x74 ? 'true' : first === 0x66 ? 'false' : 'null');
}

/** 1: an object is open at that depth. */
const openObjects = new Uint8Array(MAX_UNKNOWN_DEPTH);

/** Any value, without recursion. */
function skipValue(): void {
  let depth = 0;
  for (;;) {
    const first = peek();
    let opened = false;
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth === MAX_UNKNOWN_DEPTH) fail(`nests deeper than ${MAX_UNKNOWN_DEPTH}`);
      openObjects[depth++] = first === OPEN_OBJECT ? 1 : 0;
      pos += 1;
      opened = true;
    } else skipScalar(first);
    depth = closeValues(depth, opened);
    if (depth === 0) return;
    if (openObjects[depth - 1] === 1) {
      scanString();
      expectByte(COLON);
    }
  }
}

/** Behind a value or an opening bracket: closes what ends here, and steps over the comma if more follows. */
function closeValues(depth: number, opened: boolean): number {
  for (; depth > 0; depth--, opened = false) {
    const close = openObjects[depth - 1] === 1 ? CLOSE_OBJECT : CLOSE_ARRAY;
    const byte = peek();
    if (byte !== close) {
      if (!opened) expectByte(COMMA);
      return depth;
    }
    pos += 1;
  }
  return 0;
}

// ---- messages ----

/** The key at `pos`, and the colon behind it. */
function scanKey(table: readonly (Key | undefined)[]): Key | undefined {
  scanString();
  const key = textEscaped ? findEscaped(table) : find(table, bytes, textStart, textEnd);
  expectByte(COLON);
  return key;
}

function find(table: readonly (Key | undefined)[], text: Uint8Array, from: number, to: number): Key | undefined {
  let value = 0;
  for (let i = from; i < to; i++) value = (Math.imul(value, 31) + text[i]!) | 0;
  for (let key = table[value & (KEY_TABLE_SIZE - 1)]; key !== undefined; key = key.following) {
    if (matches(key.bytes, text, from, to)) return key;
  }
  return undefined;
}

function matches(name: Uint8Array, text: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== text[from + i]) return false;
  return true;
}

/** No name or number that OTLP knows is longer than this when each of its characters is escaped. */
const MAX_ESCAPED_BYTES = 512;

function findEscaped(table: readonly (Key | undefined)[]): Key | undefined {
  if (textEnd - textStart > MAX_ESCAPED_BYTES) return undefined;
  const text = Buffer.from(scannedText());
  return find(table, text, 0, text.length);
}

/** The string or number that was read last, with its escapes resolved; cut off where it is longer than any we know. */
function scannedText(): string {
  const raw = bytes.toString('latin1', textStart, Math.min(textEnd, textStart + MAX_ESCAPED_BYTES));
  if (!textEscaped) return raw;
  return raw.replace(/\\(?:u(....)|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (LETTERS[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const LETTERS: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** `null` stands for the default of any field. */
function scanNull(): boolean {
  if (peek() !== LOWER_N) return false;
  scanLiteral('null');
  return true;
}

function checkMessage(message: Message): void {
  expectObject();
  const table = keyTables[message.id]!;
  const before = accepted;
  let seen = 0;
  if (peek() === CLOSE_OBJECT) {
    pos += 1;
    return;
  }
  level += 1;
  for (;;) {
    const key = scanKey(table);
    if (key === undefined) skipValue();
    else {
      trail[level] = key.field.jsonName;
      if ((seen & (1 << key.bit)) !== 0) fail('the key stands twice in one object');
      seen |= 1 << key.bit;
      // Of the members of a oneof the last one counts: the points of those before it are no points.
      if (message === METRIC && isMetricData(key.field) && peek() !== LOWER_N) accepted = before;
      checkField(key.field, message);
    }
    if (peek() === CLOSE_OBJECT) break;
    expectByte(COMMA);
  }
  pos += 1;
  level -= 1;
}

function expectObject(): void {
  if (peek() !== OPEN_OBJECT) fail(`expected an object, found ${describe()}`);
  pos += 1;
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
  if (peek() !== OPEN_ARRAY) fail(`expected a list, found ${describe()}`);
  pos += 1;
  if (peek() !== CLOSE_ARRAY) return true;
  pos += 1;
  return false;
}

function moreInList(): boolean {
  if (peek() === CLOSE_ARRAY) {
    pos += 1;
    return false;
  }
  expectByte(COMMA);
  return true;
}

/** Log records and data points, by message id. */
const ITEMS = new Uint8Array(messages.length + 1);
for (const { name, id } of messages) if (name === 'LogRecord' || name.endsWith('DataPoint')) ITEMS[id] = 1;

function count(message: Message): void {
  accepted += ITEMS[message.id]!;
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
  if (first !== MINUS && (first < ZERO || first > 0x39)) fail(`expected a number, found ${describe()}`);
  scanNumber();
  return false;
}

function checkDouble(): void {
  if (!scanNumeric()) return;
  if (textEnd - textStart > MAX_ESCAPED_BYTES || parseDouble(scannedText()) === undefined) fail('not a number');
}

function checkInteger(field: Field): void {
  const quoted = scanNumeric();
  if (isShortUnsigned(field.kind)) return;
  const text = scannedText();
  if (quoted && field.values?.has(text)) return;
  const value = textEnd - textStart > MAX_ESCAPED_BYTES ? undefined : parseInteger(text);
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

const hexValue = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  hexValue[i.toString(16).charCodeAt(0)] = i;
  hexValue[i.toString(16).toUpperCase().charCodeAt(0)] = i;
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

/** Returns the signals that the top-level keys name, other than `signal`, whose list is checked. */
function checkRequestObject(signal: Signal): Signal | undefined {
  expectObject();
  let other: Signal | undefined;
  let seen = 0;
  if (peek() === CLOSE_OBJECT) pos += 1;
  else {
    for (;;) {
      const key = scanKey(requestKeys);
      if (key === undefined) skipValue();
      else {
        trail[0] = key.field.jsonName;
        if ((seen & (1 << key.bit)) !== 0) fail('the key stands twice in one object');
        seen |= 1 << key.bit;
        if (SIGNALS[key.bit] === signal) checkField(key.field, REQUESTS[signal]);
        else if (skipFilled()) other = SIGNALS[key.bit];
      }
      if (peek() === CLOSE_OBJECT) break;
      expectByte(COMMA);
    }
    pos += 1;
  }
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
  bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  pos = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  end = body.length;
  accepted = withoutIds = valueDepth = level = 0;
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
    if (peek() !== 0 || pos < end) fail(`expected nothing more, found ${describe()}`);
    if (other !== undefined && accepted + rejections.total === 0) throw misdirected(signal, other);
    if (withoutIds > 0 && withoutIds === accepted + rejections.total) throw misdirected(signal, undefined);
    const payload = rejections.total === 0 ? body : cutRanges(body, rejections.cuts);
    return { accepted, rejected: rejections.total, message: rejections.message(accepted), payload };
  } catch (error) {
    throw error instanceof JsonError ? invalid(error) : error;
  } finally {
    bytes = NOTHING;
  }
}

/** Whether the top-level object of a JSON body has a key that makes it OTLP. Reads no further than that key. */
export function looksLikeOtlpJson(body: Uint8Array): boolean {
  open(body);
  try {
    expectObject();
    if (peek() === CLOSE_OBJECT) return false;
    for (;;) {
      if (scanKey(requestKeys) !== undefined) return true;
      skipValue();
      if (peek() !== COMMA) return false;
      pos += 1;
    }
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  } finally {
    bytes = NOTHING;
  }
}
