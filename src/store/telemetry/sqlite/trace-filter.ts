/** A Bloom filter over trace ids: answers «not in this block» for nearly every trace that is new, without a lookup. */

/** 1 MiB: 16 bits for each of the half million traces of a usual block, which errs 1 time in 400. */
const BITS = 1 << 23;
const PROBES = 4;

/** Ids need not be random: some clients begin them with the time, or count. So every byte is mixed in. */
export function hashTraceId(id: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < 16; at += 4) {
    const word = id[at]! | (id[at + 1]! << 8) | (id[at + 2]! << 16) | (id[at + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

export class TraceFilter {
  private readonly words: Uint32Array;
  private readonly lastWord: number;

  /** A power of two. */
  constructor(bits = BITS) {
    this.words = new Uint32Array(bits / 32);
    this.lastWord = bits / 32 - 1;
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  add(hash: number): void {
    const step = stepOf(hash);
    for (let probe = 0, bit = hash; probe < PROBES; probe++, bit += step) {
      this.words[(bit >>> 5) & this.lastWord]! |= 1 << (bit & 31);
    }
  }

  mayHold(hash: number): boolean {
    const step = stepOf(hash);
    for (let probe = 0, bit = hash; probe < PROBES; probe++, bit += step) {
      if ((this.words[(bit >>> 5) & this.lastWord]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** Odd, so that the probes differ. */
function stepOf(hash: number): number {
  return (Math.imul(hash, 0x85ebca6b) >>> 8) | 1;
}
