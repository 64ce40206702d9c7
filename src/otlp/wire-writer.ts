/** Writes protobuf's wire format into a buffer that grows. */

const INITIAL_BYTES = 1 << 20;
/** Strings shorter than this are copied character by character, which is cheaper than a native call. */
const SHORT_CHARS = 48;

export class WireWriter {
  private out = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private at = 0;

  /** What was written: a view that the next use overwrites. */
  finish(): Buffer {
    return this.out.subarray(0, this.at);
  }

  /** Bytes that were written so far. */
  get length(): number {
    return this.at;
  }

  reset(): void {
    this.at = 0;
    if (this.out.length > 4 * INITIAL_BYTES) this.out = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** An unsigned 32-bit number. */
  varint(value: number): void {
    this.reserve(5);
    for (; value > 0x7f; value >>>= 7) this.out[this.at++] = (value & 0x7f) | 0x80;
    this.out[this.at++] = value;
  }

  /** Negative numbers as their 64-bit two's complement. */
  varint64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.out[this.at++] = Number(rest & 0x7fn) | 0x80;
    this.out[this.at++] = Number(rest);
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.at = this.out.writeUInt32LE(value, this.at);
  }

  fixed64(value: bigint): void {
    this.reserve(8);
    this.at = this.out.writeBigUInt64LE(BigInt.asUintN(64, value), this.at);
  }

  double(value: number): void {
    this.reserve(8);
    this.at = this.out.writeDoubleLE(value, this.at);
  }

  /** As UTF-8, lone surrogates as U+FFFD, with its length before it. */
  string(value: string): void {
    const start = this.open();
    if (value.length > SHORT_CHARS || !this.shortAscii(value)) {
      this.at = start;
      this.reserve(value.length * 3);
      this.at += this.out.write(value, this.at, 'utf8');
    }
    this.close(start);
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.reserve(value.length);
    this.out.set(value, this.at);
    this.at += value.length;
  }

  /** Begins content whose length is not known yet; hand what it returns to `close`. */
  open(): number {
    this.reserve(1);
    this.at += 1;
    return this.at;
  }

  /** Writes the length of what came since `open`. Nearly always it takes the byte that was left for it. */
  close(start: number): void {
    const length = this.at - start;
    const extra = length < 0x80 ? 0 : length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    if (extra > 0) {
      this.reserve(extra);
      this.out.copyWithin(start + extra, start, this.at);
    }
    this.at = start - 1;
    this.varint(length);
    this.at += length;
  }

  private shortAscii(value: string): boolean {
    this.reserve(SHORT_CHARS);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      this.out[this.at++] = code;
    }
    return true;
  }

  private reserve(size: number): void {
    if (this.at + size <= this.out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.out.length * 2, this.at + size));
    this.out.copy(larger, 0, 0, this.at);
    this.out = larger;
  }
}
