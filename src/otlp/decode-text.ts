/** Short strings of the wire that recur, such as span names, are made once: a lookup is cheaper than a new string. */
import { bytes } from './wire.js';

const MAX_CACHED_BYTES = 40;
const SLOTS = 4096;

const keys: (Buffer | undefined)[] = new Array<Buffer | undefined>(SLOTS).fill(undefined);
const texts: string[] = new Array<string>(SLOTS).fill('');

/** Invalid UTF-8 becomes U+FFFD. */
export function readText(from: number, stop: number): string {
  const length = stop - from;
  if (length === 0) return '';
  if (length > MAX_CACHED_BYTES) return bytes.toString('utf8', from, stop);
  let hash = length;
  for (let i = from; i < stop; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
  const key = keys[slot];
  if (key !== undefined && isSame(key, from, length)) return texts[slot]!;
  keys[slot] = Buffer.from(bytes.subarray(from, stop));
  texts[slot] = bytes.toString('utf8', from, stop);
  return texts[slot]!;
}

function isSame(key: Buffer, from: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[from + i]) return false;
  return true;
}
