/**
 * Verdicts by trace, in memory: open addressing over the 16 bytes of a trace's key, some 25 bytes each. A Map of strings
 * would take four times as much, and these are what is remembered of hundreds of thousands of traces.
 */
const MIN_SLOTS = 64;
const MAX_LOAD = 3 / 4;
const WORDS = 4;

/** 16 bytes as four words. */
export type TraceKey = Uint32Array;

export type Verdict = 'kept' | 'dropped';

// 0 is a free slot.
const KEPT = 1;
const DROPPED = 2;

export class VerdictTable {
  #keys: Uint32Array;
  #verdicts: Uint8Array;
  #mask: number;
  #size = 0;

  constructor(expected = 0) {
    let slots = MIN_SLOTS;
    while (slots * MAX_LOAD < expected) slots *= 2;
    this.#keys = new Uint32Array(slots * WORDS);
    this.#verdicts = new Uint8Array(slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  get(key: TraceKey): Verdict | undefined {
    const found = this.#verdicts[this.#slotOf(key)];
    return found === 0 ? undefined : found === KEPT ? 'kept' : 'dropped';
  }

  /** The first verdict on a trace is its verdict. */
  add(key: TraceKey, verdict: Verdict): void {
    if ((this.#size + 1) / (this.#mask + 1) > MAX_LOAD) this.#grow();
    const slot = this.#slotOf(key);
    if (this.#verdicts[slot] !== 0) return;
    this.#keys.set(key, slot * WORDS);
    this.#verdicts[slot] = verdict === 'kept' ? KEPT : DROPPED;
    this.#size += 1;
  }

  /** Where the key stands, or would. */
  #slotOf(key: TraceKey): number {
    let slot = hash(key) & this.#mask;
    while (this.#verdicts[slot] !== 0 && !this.#holds(slot, key)) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #holds(slot: number, key: TraceKey): boolean {
    const at = slot * WORDS;
    const keys = this.#keys;
    return keys[at] === key[0] && keys[at + 1] === key[1] && keys[at + 2] === key[2] && keys[at + 3] === key[3];
  }

  #grow(): void {
    const larger = new VerdictTable((this.#mask + 1) * 2 * MAX_LOAD);
    for (let slot = 0; slot <= this.#mask; slot++) {
      const verdict = this.#verdicts[slot];
      const at = slot * WORDS;
      if (verdict !== 0) larger.add(this.#keys.subarray(at, at + WORDS), verdict === KEPT ? 'kept' : 'dropped');
    }
    this.#keys = larger.#keys;
    this.#verdicts = larger.#verdicts;
    this.#mask = larger.#mask;
  }
}

/** Differs with each process: whoever chooses trace ids can't choose slots. */
const SEED = Math.floor(Math.random() * 2 ** 32);

/** murmur3's mixing. */
function hash(key: TraceKey): number {
  let mixed = SEED;
  for (let word = 0; word < WORDS; word++) {
    let part = Math.imul(key[word]!, 0xcc9e2d51);
    part = (part << 15) | (part >>> 17);
    mixed ^= Math.imul(part, 0x1b873593);
    mixed = (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
