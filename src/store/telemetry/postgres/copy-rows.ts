/**
 * Rows in the binary format of COPY (PostgreSQL, "COPY", Binary Format): cheaper than text on both sides, since nothing
 * is printed, escaped or parsed. Chunks are handed on as they fill, so that the server works while the next is encoded.
 */
import { readableText } from './json-text.js';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const CHUNK_BYTES = 256 * 1024;
/** A field that is not text: its length and 16 bytes at most. */
const FIXED_FIELD_BYTES = 20;
const TEXT_OID = 25;
const NUMERIC_BASE = 10_000n;
const NUMERIC_NEGATIVE = 0x4000;
/** Below this a loop in JavaScript is faster than the call into C++. */
const SHORT_TEXT = 24;

export class CopyRows {
  private chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private view = new DataView(this.chunk.buffer);
  private at: number;
  private full: Buffer[] = [];

  constructor() {
    this.at = SIGNATURE.copy(this.chunk);
  }

  /** Chunks that are complete since the last call. */
  takeFull(): Buffer[] {
    const taken = this.full;
    if (taken.length > 0) this.full = [];
    return taken;
  }

  /** The trailer, and what is left. */
  finish(): Buffer[] {
    this.reserve(2);
    this.view.setInt16(this.at, -1);
    this.at += 2;
    this.full.push(this.chunk.subarray(0, this.at));
    this.at = 0;
    return this.takeFull();
  }

  row(fields: number): void {
    this.reserve(2);
    this.view.setInt16(this.at, fields);
    this.at += 2;
  }

  null(): void {
    this.reserve(4);
    this.view.setInt32(this.at, -1);
    this.at += 4;
  }

  /** Wraps modulo 2^64: an unsigned value becomes its two's complement. */
  bigint(value: bigint): void {
    this.fixed(8);
    this.view.setBigInt64(this.at, value);
    this.at += 8;
  }

  /** A whole number below 2^53. */
  safeInteger(value: number): void {
    this.fixed(8);
    this.view.setInt32(this.at, Math.floor(value / 2 ** 32));
    this.view.setUint32(this.at + 4, value >>> 0);
    this.at += 8;
  }

  /** Wraps modulo 2^32. */
  integer(value: number): void {
    this.fixed(4);
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  boolean(value: boolean): void {
    this.reserve(5);
    this.view.setInt32(this.at, 1);
    this.chunk[this.at + 4] = value ? 1 : 0;
    this.at += 5;
  }

  /** A whole `numeric`: digits to the base of 10,000 (PostgreSQL, numeric_recv). */
  numeric(value: bigint): void {
    const digits: number[] = [];
    for (let left = value < 0n ? -value : value; left > 0n; left /= NUMERIC_BASE)
      digits.unshift(Number(left % NUMERIC_BASE));
    this.reserve(4 + 8 + digits.length * 2);
    this.view.setInt32(this.at, 8 + digits.length * 2);
    this.at += 4;
    const weight = Math.max(digits.length - 1, 0);
    for (const field of [digits.length, weight, value < 0n ? NUMERIC_NEGATIVE : 0, 0, ...digits]) {
      this.view.setUint16(this.at, field);
      this.at += 2;
    }
  }

  /** A `tsvector` without positions: distinct, without NUL, in any order (tsvectorrecv sorts them). */
  lexemes(lexemes: readonly string[]): void {
    let longest = 8;
    for (const lexeme of lexemes) longest += lexeme.length * 3 + 3;
    this.reserve(longest);
    const start = this.at;
    this.view.setInt32(start + 4, lexemes.length);
    this.at += 8;
    for (const lexeme of lexemes) this.lexeme(lexeme);
    this.view.setInt32(start, this.at - start - 4);
  }

  /** The same of what is encoded already. */
  encodedLexemes(count: number, lexemes: Uint8Array): void {
    this.reserve(8 + lexemes.length);
    this.view.setInt32(this.at, 4 + lexemes.length);
    this.view.setInt32(this.at + 4, count);
    this.chunk.set(lexemes, this.at + 8);
    this.at += 8 + lexemes.length;
  }

  /** Ended by NUL, and followed by the number of its positions. */
  private lexeme(value: string): void {
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.at += this.chunk.write(value.slice(index), this.at);
        break;
      }
      this.chunk[this.at++] = code;
    }
    // A call of `fill` takes longer than the loop above.
    this.chunk[this.at++] = 0;
    this.chunk[this.at++] = 0;
    this.chunk[this.at++] = 0;
  }

  double(value: number): void {
    this.fixed(8);
    this.view.setFloat64(this.at, value);
    this.at += 8;
  }

  /** `bytea`, and `uuid` when there are 16. */
  bytes(value: Uint8Array): void {
    this.reserve(4 + value.length);
    this.view.setInt32(this.at, value.length);
    this.chunk.set(value, this.at + 4);
    this.at += 4 + value.length;
  }

  text(value: string): void {
    this.utf8(readableText(value));
  }

  /** Text that is known to hold no NUL, such as JSON. */
  utf8(value: string): void {
    this.reserve(4 + value.length * 3);
    const length = value.length <= SHORT_TEXT ? this.shortText(value) : this.chunk.write(value, this.at + 4);
    this.view.setInt32(this.at, length);
    this.at += 4 + length;
  }

  textArray(values: readonly string[]): void {
    this.reserve(4 + 20);
    const start = this.at;
    this.at += 4;
    const head = values.length === 0 ? [0, 0, TEXT_OID] : [1, 0, TEXT_OID, values.length, 1];
    for (const value of head) {
      this.view.setInt32(this.at, value);
      this.at += 4;
    }
    const elements = values.map((value) => Buffer.from(readableText(value)));
    let length = this.at - start - 4;
    for (const element of elements) length += 4 + element.length;
    this.view.setInt32(start, length);
    for (const element of elements) this.bytes(element);
  }

  private fixed(length: number): void {
    this.reserve(FIXED_FIELD_BYTES);
    this.view.setInt32(this.at, length);
    this.at += 4;
  }

  private shortText(value: string): number {
    const start = this.at + 4;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return this.chunk.write(value, start);
      this.chunk[start + index] = code;
    }
    return value.length;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.chunk.length) return;
    if (this.at > 0) this.full.push(this.chunk.subarray(0, this.at));
    this.chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.view = new DataView(this.chunk.buffer);
    this.at = 0;
  }
}
