/**
 * The texts of messages, found without putting messages together: JSON is gone over once, for strings under the names that
 * vocabularies give to text. What full text finds a span by, and what a prompt is recognised by.
 */
import { endOfString, isObject } from './json.js';
import { JsonSlice } from './json-slice.js';
import { storable } from './value.js';

export const MAX_SEARCH_CHARS = 16 * 1024;
/** Of them at most, so that a long history leaves room for the answer. */
export const MAX_INPUT_CHARS = 12 * 1024;
/** Of one value: what stands behind it is not looked at. */
const MAX_SCANNED_CHARS = 256 * 1024;
const MAX_DEPTH = 16;

const TEXT_NAMES = new Set(
  [
    'content',
    'text',
    'system',
    'prompt',
    'input',
    'output',
    'thinking',
    'reasoning',
    'instructions',
    'response',
  ].concat(['result', 'arguments', 'query', 'question', 'answer', 'refusal', 'combined_chunk_content']),
);

/** By length and first character: a name of text is told from others without making a string of it. */
const TEXT_NAMES_BY_START = new Map<number, readonly string[]>();
for (const name of TEXT_NAMES) {
  const start = startOf(name.length, name.charCodeAt(0));
  TEXT_NAMES_BY_START.set(start, [...(TEXT_NAMES_BY_START.get(start) ?? []), name]);
}

function startOf(length: number, firstChar: number): number {
  return length * 0x10000 + firstChar;
}

/** Whether `json` has a name of text at `from` … `to`. */
function isTextName(json: string, from: number, to: number): boolean {
  const names = TEXT_NAMES_BY_START.get(startOf(to - from, json.charCodeAt(from)));
  return names?.includes(json.slice(from, to)) ?? false;
}

/** Takes texts until it is full. */
export interface Sink {
  readonly isFull: boolean;
  /** Characters of the next text that it has a use for. */
  readonly room: number;
  take(text: string): void;
}

export class SearchText implements Sink {
  /** The whole of the text that came first, whatever is left of it in the search text. */
  first: string | undefined;
  private text = '';
  private left = 0;

  /** `maxChars` more than there are by now, within the bound of all. */
  allow(maxChars: number): void {
    this.left = maxChars;
  }

  get isFull(): boolean {
    return this.left <= 0;
  }

  get room(): number {
    return this.first === undefined ? Number.POSITIVE_INFINITY : this.left;
  }

  take(text: string): void {
    this.first ??= text;
    if (this.isFull || isNoText(text)) return;
    const piece = text.length > this.left ? text.slice(0, this.left) : text;
    this.text = this.text === '' ? piece : `${this.text}\n${piece}`;
    this.left -= piece.length + 1;
  }

  toString(): string {
    return storable(this.text.slice(0, MAX_SEARCH_CHARS));
  }
}

export class FirstText implements Sink {
  text: string | undefined;
  readonly room = Number.POSITIVE_INFINITY;

  get isFull(): boolean {
    return this.text !== undefined;
  }

  take(text: string): void {
    this.text ??= text;
  }
}

const MEDIA = /^(?:[A-Za-z0-9+/=_-]{200}|\[[-+.,\deE\s]{200})/;

/** Images, sounds and vectors. */
function isNoText(text: string): boolean {
  return text.startsWith('data:') || (text.length > 200 && MEDIA.test(text));
}

/** The texts of an attribute: structured, as JSON, or one text. */
export function collectTexts(value: unknown, sink: Sink): void {
  if (value instanceof JsonSlice) collectSlice(value, sink);
  else if (typeof value !== 'string') walk(value, sink, true, 0);
  else collectString(value, sink);
}

/** What only looks like JSON, or has no text that is known as such, is a text itself. */
function collectString(text: string, sink: Sink): void {
  if (text === '') return;
  if (!isJsonLike(text) || !scan(text, sink)) sink.take(text);
}

function isJsonLike(text: string): boolean {
  const first = text.trimStart().charCodeAt(0);
  return first === 0x5b || first === 0x7b || first === 0x22;
}

/** Of JSON within a text, what is taken is all that is unescaped. */
function collectSlice(slice: JsonSlice, sink: Sink): void {
  const { json, from, to } = slice;
  if (slice.isString && isEscapedJson(json, from + 1) && scanEscaped(json, from + 1, to - 1, sink)) return;
  collectTexts(slice.value(), sink);
}

/** An object or a list; what else might be JSON is looked at when it has been unescaped. */
function isEscapedJson(json: string, from: number): boolean {
  const first = json.charCodeAt(from);
  return first === 0x5b || first === 0x7b;
}

/** `isText`: it stands under a name of text, or under none. */
function walk(value: unknown, sink: Sink, isText: boolean, depth: number): void {
  if (sink.isFull || depth > MAX_DEPTH) return;
  if (typeof value === 'string') {
    if (isText) collectString(value, sink);
  } else if (Array.isArray(value)) {
    for (const element of value) walk(element, sink, isText, depth + 1);
  } else if (isObject(value)) {
    for (const name in value) walk(value[name], sink, TEXT_NAMES.has(name), depth + 1);
  }
}

/**
 * Strings that are members under a name of text, and elements of lists under such, or under no name. Whether there are any.
 */
function scan(value: string, sink: Sink): boolean {
  const json = value.length > MAX_SCANNED_CHARS ? value.slice(0, MAX_SCANNED_CHARS) : value;
  let isText = true;
  let isFound = false;
  for (let open = json.indexOf('"'); open >= 0 && !sink.isFull; ) {
    const close = endOfString(json, open);
    if (close < 0) break;
    const next = skipSpace(json, close + 1);
    if (json.charCodeAt(next) === COLON) isText = isTextName(json, open + 1, close);
    else if (isText) isFound = takeString(json, open, close, sink) || isFound;
    open = json.indexOf('"', next);
  }
  return isFound || sink.isFull;
}

const COLON = 0x3a;

function skipSpace(json: string, at: number): number {
  while (json.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

function takeString(json: string, open: number, close: number, sink: Sink): boolean {
  const raw = json.slice(open + 1, close);
  const text = raw.includes('\\') ? unescaped(json.slice(open, close + 1)) : raw;
  if (text === undefined || text === '') return false;
  sink.take(text);
  return true;
}

function unescaped(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

/**
 * As `scan`, of JSON that stands in a string of JSON: its quotes have a backslash before them. Whoever unescapes a whole
 * history to take its first pages pays for all of it.
 */
function scanEscaped(json: string, from: number, to: number, sink: Sink): boolean {
  const end = Math.min(to, from + MAX_SCANNED_CHARS);
  let isText = true;
  let isFound = false;
  for (let open = nextQuote(json, from, end); open >= 0 && !sink.isFull; ) {
    const close = nextQuote(json, open + 1, end);
    // A text that is longer than what is looked at begins well; what ends without its quote is no JSON.
    if (close < 0) return (end < to && isText && takeEscaped(json, open + 1, beforeEscape(json, end), sink)) || isFound;
    const next = skipEscapedSpace(json, close + 1);
    if (json.charCodeAt(next) === COLON) isText = isTextName(json, open + 1, close - 1);
    else if (isText) isFound = takeEscaped(json, open + 1, close - 1, sink) || isFound;
    open = nextQuote(json, next, end);
  }
  return isFound || sink.isFull;
}

/** A quote of the inner JSON has one backslash, and one within its texts three: each level doubles them and adds its own. */
function nextQuote(json: string, from: number, end: number): number {
  for (let at = json.indexOf('"', from); at >= 0 && at < end; at = json.indexOf('"', at + 1)) {
    let before = at - 1;
    while (json.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 4 === 2) return at;
  }
  return -1;
}

const BACKSLASH = 0x5c;
const ESCAPED_SPACES = new Set(['n', 'r', 't'].map((letter) => letter.charCodeAt(0)));

function skipEscapedSpace(json: string, from: number): number {
  let at = skipSpace(json, from);
  while (json.charCodeAt(at) === BACKSLASH && ESCAPED_SPACES.has(json.charCodeAt(at + 1))) at = skipSpace(json, at + 2);
  return at;
}

function takeEscaped(json: string, from: number, to: number, sink: Sink): boolean {
  const enough = from + sink.room * LONGEST_ESCAPE;
  const raw = json.slice(from, to > enough ? beforeEscape(json, enough) : to);
  const text = raw.includes('\\') ? unescapedTwice(raw) : raw;
  if (text === undefined || text === '') return false;
  sink.take(text);
  return true;
}

function unescapedTwice(raw: string): string | undefined {
  const literal = unescaped(`"${raw}"`);
  return literal === undefined ? undefined : unescaped(`"${literal}"`);
}

/** A backslash, doubled, and u0000: what one character takes at most. */
const LONGEST_ESCAPE = 7;

/** `at`, or where the escape begins that it may stand in. */
function beforeEscape(json: string, at: number): number {
  const last = json.lastIndexOf('\\', at);
  let stop = at - last <= LONGEST_ESCAPE ? last : at;
  while (json.charCodeAt(stop - 1) === BACKSLASH) stop -= 1;
  return stop;
}
