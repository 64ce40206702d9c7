/**
 * The distinct words of a text of ASCII alone, as nearly all are, found in its bytes and left as the bytes of a tsvector. A
 * string for each word and a set of them cost all that is done to write a call of two kilobytes a third more.
 */

/** Texts up to here: twice as much is set aside for their words. */
const MAX_CHARS = 16_384;
/** Three times as many as such a text has distinct words, or more. */
const SLOT_BITS = 14;
const SLOTS = 2 ** SLOT_BITS;
/** Of FNV-1a. */
const PRIME = 0x01000193;

/** Small letters and digits by the byte that stands for them; 0 for what stands between words. */
const LETTERS = new Uint8Array(256);
for (const letter of 'abcdefghijklmnopqrstuvwxyz0123456789') {
  LETTERS[letter.charCodeAt(0)] = letter.charCodeAt(0);
  LETTERS[letter.toUpperCase().charCodeAt(0)] = letter.charCodeAt(0);
}

export class AsciiWords {
  private readonly text = Buffer.allocUnsafeSlow(MAX_CHARS * 3);
  private readonly found = Buffer.allocUnsafeSlow(MAX_CHARS * 2 + 4);
  private end = 0;
  /** Where words begin, by their hash; those of an earlier text have another turn. */
  private readonly starts = new Int32Array(SLOTS);
  private readonly turns = new Int32Array(SLOTS);
  private turn = 0;
  /** Nobody can send words of which he knows that they share a slot. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32);

  constructor(private readonly maxWordChars: number) {}

  /** How many there are; undefined for a text that is too long, or not of ASCII alone. */
  collect(text: string): number | undefined {
    if (text.length > MAX_CHARS) return undefined;
    const length = this.text.write(text);
    if (length !== text.length) return undefined;
    this.text[length] = 0;
    this.turn = (this.turn + 1) | 0;
    return this.find(length);
  }

  /** Of the latest text: each ended by NUL, and followed by the number of its positions, which is none. */
  lexemes(): Uint8Array {
    return this.found.subarray(0, this.end);
  }

  private find(length: number): number {
    const { text, found } = this;
    let [start, end, hash, count] = [0, 0, this.seed, 0];
    for (let at = 0; at <= length; at++) {
      const letter = LETTERS[text[at]!]!;
      if (letter !== 0) {
        found[end++] = letter;
        hash = Math.imul(hash ^ letter, PRIME);
      } else if (end > start) {
        if (this.takes(start, end, hash)) {
          found[end] = found[end + 1] = found[end + 2] = 0;
          start = end + 3;
          count++;
        }
        end = start;
        hash = this.seed;
      }
    }
    this.end = end;
    return count;
  }

  private takes(start: number, end: number, hash: number): boolean {
    if (end - start > this.maxWordChars) return false;
    let slot = hash >>> (32 - SLOT_BITS);
    while (this.turns[slot] === this.turn) {
      if (this.isEqual(this.starts[slot]!, start, end)) return false;
      slot = (slot + 1) % SLOTS;
    }
    this.turns[slot] = this.turn;
    this.starts[slot] = start;
    return true;
  }

  private isEqual(known: number, start: number, end: number): boolean {
    const { found } = this;
    for (let at = start; at < end; at++, known++) if (found[at] !== found[known]) return false;
    return found[known] === 0;
  }
}
