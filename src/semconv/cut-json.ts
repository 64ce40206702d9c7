/** JSON texts that the store has cut (src/model/content.ts), closed where they end: what is there of them is JSON again. */
import { CUT_MARK } from '../model/content.js';
import { MAX_VALUE_DEPTH } from '../model/json-value.js';
import { endOfString } from './json.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const CLOSERS: Readonly<Record<string, string>> = { '[': ']', '{': '}' };
/** An escape that the cut parted, behind escapes of backslashes, which are whole. */
const PARTED = /(?<!\\)((?:\\\\)*)\\(?:u[0-9a-f]{0,3})?$/i;

/** Longer than any mark. */
const MARK_CHARS = 100;

/** undefined for what was not cut, does not end within a list or an object, or is too deep. */
export function closedJson(text: string): string | undefined {
  const mark = CUT_MARK.exec(text.slice(-MARK_CHARS))?.[0];
  if (mark === undefined || !/^\s*[[{]/.test(text)) return undefined;
  return new CutText(text.slice(0, -mark.length), mark).closed();
}

class CutText {
  /** What closes the lists and objects that are open, the innermost last. */
  private readonly open: string[] = [];
  /** Behind the last value that is whole, with what was open there. */
  private whole = { end: 0, closers: '' };
  private isAfterColon = false;
  private readonly start: number;

  constructor(
    private readonly text: string,
    private readonly mark: string,
  ) {
    this.start = text.search(/\S/);
  }

  closed(): string | undefined {
    const { text } = this;
    for (let at = 0; at < text.length; at++) {
      if (this.open.length > MAX_VALUE_DEPTH) return undefined;
      if (text.charCodeAt(at) !== QUOTE) {
        this.step(at);
        if (this.open.length === 0 && at >= this.start) return undefined;
        continue;
      }
      const end = endOfString(text, at);
      if (end < 0) return this.isValue() ? this.closedWithin() : this.closedBefore();
      at = end;
      if (this.isValue()) this.keep(end + 1);
    }
    return this.closedBefore();
  }

  /** Of a string that begins here: within an object it is one behind a colon alone. */
  private isValue(): boolean {
    return this.isAfterColon || this.open.at(-1) === ']';
  }

  private step(at: number): void {
    const { text, open } = this;
    const closer = CLOSERS[text[at]!];
    if (closer !== undefined) {
      open.push(closer);
      this.isAfterColon = false;
      this.keep(at + 1);
    } else if (text[at] === open.at(-1)) {
      open.pop();
      this.keep(at + 1);
    } else if (text.charCodeAt(at) === COLON) this.isAfterColon = true;
    else if (text.charCodeAt(at) === COMMA) {
      // A number, or a word, ends where the next begins.
      if (open.at(-1) === ']' || this.isAfterColon) this.keep(at);
      this.isAfterColon = false;
    }
  }

  private keep(end: number): void {
    this.whole = { end, closers: this.closers() };
  }

  private closers(): string {
    return this.open.toReversed().join('');
  }

  private closedWithin(): string {
    return `${this.text.replace(PARTED, '$1')}${this.mark}"${this.closers()}`;
  }

  private closedBefore(): string {
    return this.text.slice(0, this.whole.end) + this.whole.closers;
  }
}
