/** What Python's `repr` prints of dicts, lists and scalars, which some instrumentations send where others send JSON. */
import { MAX_VALUE_DEPTH } from '../model/json-value.js';

const MAX_CHARS = 64 * 1024;

class NotPython extends Error {}

/** undefined for what is none, or is longer than 64 Ki characters. */
export function parsePython(text: string): unknown {
  if (text.length > MAX_CHARS) return undefined;
  const reader = new Reader(text);
  try {
    const value = reader.value(0);
    return reader.isAtEnd() ? value : undefined;
  } catch (error) {
    if (error instanceof NotPython) return undefined;
    throw error;
  }
}

const CLOSERS: Record<string, string> = { '[': ']', '(': ')' };
const WORDS: Record<string, unknown> = { True: true, False: false, None: null };
const SCALAR = /[A-Za-z]+|-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?/y;
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  isAtEnd(): boolean {
    return this.peek() === '';
  }

  value(depth: number): unknown {
    if (depth > MAX_VALUE_DEPTH) throw new NotPython();
    const char = this.peek();
    if (char === '{') return this.dict(depth);
    if (char === '[' || char === '(') return this.list(CLOSERS[char]!, depth);
    return char === "'" || char === '"' ? this.string(char) : this.scalar();
  }

  private dict(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    this.at += 1;
    while (!this.skipped('}')) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string' || !this.skipped(':')) throw new NotPython();
      entries.push([key, this.value(depth + 1)]);
      this.comma('}');
    }
    return Object.fromEntries(entries);
  }

  private list(closer: string, depth: number): unknown[] {
    const values: unknown[] = [];
    this.at += 1;
    while (!this.skipped(closer)) {
      values.push(this.value(depth + 1));
      this.comma(closer);
    }
    return values;
  }

  private string(quote: string): string {
    const pieces: string[] = [];
    let from = ++this.at;
    for (; this.text[this.at] !== quote; this.at++) {
      if (this.at >= this.text.length) throw new NotPython();
      if (this.text[this.at] !== '\\') continue;
      pieces.push(this.text.slice(from, this.at), this.escape());
      from = this.at + 1;
    }
    pieces.push(this.text.slice(from, this.at));
    this.at += 1;
    return pieces.join('');
  }

  /** Leaves `at` at the last character of the escape. */
  private escape(): string {
    const hex = /\\(?:x([\da-f]{2})|u([\da-f]{4}))/iy;
    hex.lastIndex = this.at;
    const match = hex.exec(this.text);
    this.at += match ? match[0].length - 1 : 1;
    if (match) return String.fromCharCode(Number.parseInt((match[1] ?? match[2])!, 16));
    const char = this.text[this.at] ?? '';
    return ESCAPES[char] ?? char;
  }

  private scalar(): unknown {
    SCALAR.lastIndex = this.at;
    const word = SCALAR.exec(this.text)?.[0];
    if (word === undefined) throw new NotPython();
    this.at += word.length;
    if (/^[A-Za-z]/.test(word) && !Object.hasOwn(WORDS, word)) throw new NotPython();
    return Object.hasOwn(WORDS, word) ? WORDS[word] : Number(word);
  }

  private comma(closer: string): void {
    if (!this.skipped(',') && this.peek() !== closer) throw new NotPython();
  }

  private skipped(char: string): boolean {
    if (this.peek() !== char) return false;
    this.at += 1;
    return true;
  }

  private peek(): string {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
    return this.text[this.at] ?? '';
  }
}
