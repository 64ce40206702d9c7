/**
 * Values where they stand in a JSON text that is in the form in which the decoder writes attributes: no space between its
 * tokens, each key once. Most of a span's text is messages, which nobody wants parsed to find the model's name.
 */
import { endOfString } from './json.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const DIGIT_0 = 0x30;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** `from` … `to` of `json`, and the quotes when it is a string. */
export class JsonSlice {
  constructor(
    readonly json: string,
    readonly from: number,
    readonly to: number,
  ) {}

  get isString(): boolean {
    return this.json.charCodeAt(this.from) === QUOTE;
  }

  /** `null` and `""` stand for nothing, as they do in attributes. */
  get isNothing(): boolean {
    const { json, from, to } = this;
    return (to - from === 2 && this.isString) || (to - from === 4 && json.startsWith('null', from));
  }

  /** Structured, or as text. */
  get isEmptyList(): boolean {
    const from = this.isString ? this.from + 1 : this.from;
    const to = this.isString ? this.to - 1 : this.to;
    return to - from === 2 && this.json.startsWith('[]', from);
  }

  value(): unknown {
    return readValue(this.json, this.from, this.to);
  }
}

/** As JSON.parse gives it. Texts without escapes are slices, which keep `json` alive. */
export function readValue(json: string, from: number, to: number): unknown {
  const first = json.charCodeAt(from);
  if (first !== QUOTE) return readInteger(json, from, to) ?? JSON.parse(json.slice(from, to));
  const text = json.slice(from + 1, to - 1);
  return text.includes('\\') ? JSON.parse(json.slice(from, to)) : text;
}

/** Up to here digits add up exactly. */
const MAX_DIGITS = 15;

function readInteger(json: string, from: number, to: number): number | undefined {
  if (to - from > MAX_DIGITS) return undefined;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = json.charCodeAt(at) - DIGIT_0;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** What stands behind the value at `from`; −1 when the text ends before. */
export function endOfValue(json: string, from: number): number {
  const first = json.charCodeAt(from);
  if (first === QUOTE) return endOfString(json, from) + 1 || -1;
  return first === OPEN_OBJECT || first === OPEN_LIST ? endOfContainer(json, from) : endOfScalar(json, from);
}

function endOfScalar(json: string, from: number): number {
  for (let at = from; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === COMMA || char === CLOSE_OBJECT) return at;
  }
  return -1;
}

function endOfContainer(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(json, at);
      if (at < 0) return -1;
    } else if (char === OPEN_OBJECT || char === OPEN_LIST) depth += 1;
    else if ((char === CLOSE_OBJECT || char === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  return -1;
}
