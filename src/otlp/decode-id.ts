/** Copies of ids, which outlive the buffer that they were read from, many to one allocation. */
import { bytes } from './wire.js';

const SLAB_BYTES = 32 * 1024;

let slab = new Uint8Array(SLAB_BYTES);
let used = 0;

export function copyId(from: number, length: number): Uint8Array {
  if (used + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  for (let i = 0; i < length; i++) slab[used + i] = bytes[from + i]!;
  used += length;
  return new Uint8Array(slab.buffer, used - length, length);
}

export function isZero(from: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[from + i] !== 0) return false;
  return true;
}

/** The id that stands at `from`, or undefined when it is unusable: of another length, or all zero. */
export function readId(from: number, stop: number, length: number): Uint8Array | undefined {
  return stop - from === length && !isZero(from, length) ? copyId(from, length) : undefined;
}
