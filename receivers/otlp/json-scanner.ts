/**
 * JSON's grammar over the bytes of one text at a time: no objects, no recursion. A position moves through the text;
 * what is wrong throws a JsonError there. Synchronous code alone may use it: the state is variables of the module,
 * which are the cheapest to reach on the hot path.
 */

/** Arrays and objects in a value that is skipped. */
const MAX_SKIPPED_DEPTH = 256;

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const LOWER_E = 0x65;
const LOWER_F = 0x66;
export const LOWER_N = 0x6e;
const LOWER_T = 0x74;
const LOWER_U = 0x75;

export class JsonError extends Error {}

const NOTHING = Buffer.alloc(0);

export let bytes: Buffer = NOTHING;
export let pos = 0;
let end = 0;
/** Content of the string or number that was read last. */
export let textStart = 0;
export let textEnd = 0;
export let textEscaped = false;

/** Steps over a byte order mark. */
export function openText(body: Uint8Array): void {
  bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  pos = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  end = body.length;
}

export function closeText(): void {
  bytes = NOTHING;
}

export function fail(problem: string): never {
  throw new JsonError(problem);
}

export function expectEnd(): void {
  skipSpace();
  if (pos < end) fail(`expected nothing more, found ${describe()}`);
}

/** Steps over the byte if it is the next one that is not white space. */
export function take(byte: number): boolean {
  if (peek() !== byte) return false;
  pos += 1;
  return true;
}

/** 255 for what is no hex digit. */
export const hexValue = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  hexValue[i.toString(16).charCodeAt(0)] = i;
  hexValue[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

function skipSpace(): void {
  while (pos < end) {
    const byte = bytes[pos]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    pos += 1;
  }
}

/** The next byte that is not white space, which stays unread; 0 at the end. */
export function peek(): number {
  if (pos < end && bytes[pos]! > 0x20) return bytes[pos]!;
  skipSpace();
  return pos < end ? bytes[pos]! : 0;
}

/** The next character, for messages. */
export function describe(): string {
  return pos < end ? JSON.stringify(bytes.toString('utf8', pos, Math.min(end, pos + 1))) : 'the end';
}

export function expectByte(byte: number): void {
  if (!take(byte)) fail(`expected ${String.fromCharCode(byte)}, found ${describe()}`);
}

/** 1 for what ends or interrupts the run of a string's ordinary bytes: quote, backslash, control characters. */
const stringStops = new Uint8Array(256).fill(1, 0, 0x20);
stringStops[QUOTE] = stringStops[BACKSLASH] = 1;

/** From the opening quote to behind the closing one. */
export function scanString(): void {
  if (peek() !== QUOTE) fail(`expected a string, found ${describe()}`);
  const buffer = bytes;
  const stop = end;
  let at = pos + 1;
  textStart = at;
  textEscaped = false;
  for (;;) {
    while (at < stop && stringStops[buffer[at]!] === 0) at += 1;
    if (at < stop && buffer[at] === QUOTE) break;
    pos = at;
    at += escapeLength(at);
  }
  textEnd = at;
  pos = at + 1;
}

/** Of the escape at `at`, where a string's ordinary bytes stop. */
function escapeLength(at: number): number {
  if (at >= end) fail('a string without an end');
  if (bytes[at] !== BACKSLASH) fail('a control character in a string');
  textEscaped = true;
  const letter = at + 1 < end ? bytes[at + 1]! : 0;
  if (SHORT_ESCAPES.has(letter)) return 2;
  if (letter !== LOWER_U || at + 6 > end) fail('an invalid escape in a string');
  for (let i = at + 2; i < at + 6; i++) if (hexValue[bytes[i]!]! > 15) fail('an invalid escape in a string');
  return 6;
}

const SHORT_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

function isDigit(at: number): boolean {
  return at < end && bytes[at]! >= ZERO && bytes[at]! <= NINE;
}

function skipDigits(at: number): number {
  if (!isDigit(at)) {
    pos = at;
    fail(`expected a digit, found ${describe()}`);
  }
  while (isDigit(at)) at += 1;
  return at;
}

export function scanNumber(): void {
  let at = pos;
  textStart = at;
  textEscaped = false;
  if (bytes[at] === MINUS) at += 1;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(at);
  if (at < end && bytes[at] === DOT) at = skipDigits(at + 1);
  if (at < end && (bytes[at]! | 0x20) === LOWER_E) {
    const sign = at + 1 < end ? bytes[at + 1]! : 0;
    at = skipDigits(sign === MINUS || sign === PLUS ? at + 2 : at + 1);
  }
  textEnd = at;
  pos = at;
}

export function scanLiteral(word: string): void {
  for (let i = 0; i < word.length; i++) {
    if (pos + i >= end || bytes[pos + i] !== word.charCodeAt(i)) fail(`expected a value, found ${describe()}`);
  }
  pos += word.length;
}

export function skipScalar(first: number): void {
  if (first === QUOTE) scanString();
  else if (first === MINUS || (first >= ZERO && first <= NINE)) scanNumber();
  else scanLiteral(first === LOWER_T ? 'true' : first === LOWER_F ? 'false' : 'null');
}

/** 1: an object is open at that depth. */
const openObjects = new Uint8Array(MAX_SKIPPED_DEPTH);

/** Any value, without recursion. */
export function skipValue(): void {
  let depth = 0;
  for (;;) {
    const first = peek();
    let opened = false;
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth === MAX_SKIPPED_DEPTH) fail(`nests deeper than ${MAX_SKIPPED_DEPTH}`);
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

/** Of a string or number, what is longer is cut off: nothing that OTLP knows is, with each character escaped. */
export const MAX_SCANNED_BYTES = 512;

/** The string or number that was read last, with its escapes resolved; cut off where it is longer than any we know. */
export function scannedText(): string {
  const raw = bytes.toString('latin1', textStart, Math.min(textEnd, textStart + MAX_SCANNED_BYTES));
  if (!textEscaped) return raw;
  return raw.replace(/\\(?:u(....)|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (LETTERS[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const LETTERS: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
