/**
 * Writes JSON text as bytes into one scratch buffer, which becomes a string once per text: a native call per attribute
 * would cost more than everything else that the decoder does. Synchronous code alone may use it.
 */
import { isUtf8 } from 'node:buffer';

/** Undocumented but long-standing methods of Buffer, without the dispatch on the encoding's name. */
interface SlicingBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

const KEPT_BYTES = 1 << 20;

let scratch = Buffer.allocUnsafeSlow(KEPT_BYTES) as SlicingBuffer;
let at = 0;
/** All bytes since `begin`, or'ed: above 0x7f when the text is not ASCII. */
let union = 0;

/** 0: stands for itself in a JSON string. 1: as \u00xx. Else the letter behind the backslash. */
const escapes = new Uint8Array(256).fill(1, 0, 0x20);
for (const [byte, letter] of ['""', '\\\\', '\bb', '\ff', '\nn', '\rr', '\tt']) {
  escapes[byte!.charCodeAt(0)] = letter!.charCodeAt(0);
}
const HEX = Buffer.from('0123456789abcdef');

/** Discards what was written, and lets go of a scratch buffer that one huge text has blown up. */
export function resetText(): void {
  at = 0;
  if (scratch.length > 4 * KEPT_BYTES) scratch = Buffer.allocUnsafeSlow(KEPT_BYTES) as SlicingBuffer;
}

/** Starts a text; `endText` makes the string. Texts don't interleave. */
export function beginText(): void {
  at = 0;
  union = 0;
}

export function endText(): string {
  return union < 0x80 ? scratch.latin1Slice(0, at) : scratch.utf8Slice(0, at);
}

/** The text as bytes of UTF-8, in memory of their own. */
export function endBytes(): Buffer<ArrayBuffer> {
  const text = scratch.subarray(0, at);
  const valid = isUtf8(text) ? text : Buffer.from(endText());
  const own = Buffer.allocUnsafeSlow(valid.length);
  valid.copy(own);
  return own;
}

/** A place to rewind to. */
export function textPosition(): number {
  return at;
}

export function rewindText(position: number): void {
  at = position;
}

function reserve(size: number): void {
  if (at + size <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + size)) as SlicingBuffer;
  scratch.copy(larger, 0, 0, at);
  scratch = larger;
}

export function putByte(byte: number): void {
  if (at === scratch.length) reserve(1);
  scratch[at++] = byte;
}

/** Text that is known to be ASCII and to need no escapes. */
export function putAscii(text: string): void {
  const { length } = text;
  if (at + length > scratch.length) reserve(length);
  for (let i = 0; i < length; i++) scratch[at++] = text.charCodeAt(i);
}

/** Bytes of UTF-8 as a JSON string. Invalid ones become U+FFFD when the text is made. Returns whether all are ASCII. */
export function putString(source: Buffer, from: number, stop: number): boolean {
  reserve((stop - from) * LONGEST_ESCAPE + 2);
  const out = scratch;
  const table = escapes;
  let to = at;
  let seen = 0;
  out[to++] = 0x22;
  for (let i = from; i < stop; i++) {
    const byte = source[i]!;
    const letter = table[byte]!;
    if (letter === 0) {
      seen |= byte;
      out[to++] = byte;
    } else if (letter !== 1) {
      out[to++] = 0x5c;
      out[to++] = letter;
    } else {
      to = putHexEscape(byte, to);
    }
  }
  out[to++] = 0x22;
  at = to;
  union |= seen;
  return seen < 0x80;
}

/** \\u001f */
const LONGEST_ESCAPE = 6;

function putHexEscape(byte: number, to: number): number {
  scratch[to] = 0x5c;
  scratch[to + 1] = 0x75;
  scratch[to + 2] = scratch[to + 3] = 0x30;
  scratch[to + 4] = HEX[byte >>> 4]!;
  scratch[to + 5] = HEX[byte & 15]!;
  return to + LONGEST_ESCAPE;
}

export function putHex(source: Buffer, from: number, stop: number): void {
  reserve((stop - from) * 2);
  for (let i = from; i < stop; i++) {
    scratch[at++] = HEX[source[i]! >>> 4]!;
    scratch[at++] = HEX[source[i]! & 15]!;
  }
}

export function putBase64(source: Buffer, from: number, stop: number): void {
  const encoded = source.toString('base64', from, stop);
  reserve(encoded.length);
  at += scratch.write(encoded, at, 'latin1');
}

/** A safe integer. */
export function putInteger(value: number): void {
  if (value >= 0 && value < 10) putByte(0x30 + value);
  else putAscii(String(value));
}

/** An integer of the model's JSON: a number, or beyond what JavaScript reads exactly, {"$int":"…"}. */
export function putInt64(high: number, low: number, signed: boolean): void {
  const value = (signed ? high : high >>> 0) * 2 ** 32 + (low >>> 0);
  if (Number.isSafeInteger(value)) putInteger(value);
  else putAscii(`{"$int":"${bigInt64(high, low, signed)}"}`);
}

export function bigInt64(high: number, low: number, signed: boolean): bigint {
  return (BigInt(signed ? high : high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A double of the model's JSON: with a point or an exponent, or {"$double":"NaN"} and the like. */
export function putDouble(value: number): void {
  if (!Number.isFinite(value)) putAscii(`{"$double":"${value}"}`);
  else if (Object.is(value, -0)) putAscii('-0.0');
  else {
    const text = String(value);
    putAscii(Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text);
  }
}
