/**
 * What is large in a record stands apart from its row, once however often it comes: media in base64, and long texts piece by
 * piece, so that a conversation that each call repeats, grown by a turn, shares the pieces that it had before.
 *
 * It is cut out of the JSON text as it is written, escapes and all, and put back by its place: what comes back is the same
 * text to the byte. In its place stands a mark, for whoever reads the rows with SQL; nothing is ever looked up by a mark,
 * so that a sender who writes one gets that text back and nothing else.
 */
import { createHash } from 'node:crypto';

/** What is shorter is not worth a row of its own. In characters of the JSON text, as all lengths here but those of cuts. */
export const MIN_CONTENT_CHARS = 4096;

/** A text from this length on is taken out, in pieces of it. */
export const LARGE_TEXT_CHARS = 32_768;

/** Every mark begins so: a text without it has no places. */
export const CONTENT_MARK = '[content:';

const SHOWN_DIGEST_CHARS = 16;

/** Where a text ends that was cut. */
export const CUT_MARK = / \[cut: \d+ of \d+ bytes kept\]$/;

export const CONTENT_FIELDS = ['attributes', 'events', 'body'] as const;
export type ContentField = (typeof CONTENT_FIELDS)[number];

export interface Content {
  /** SHA-256 of the text, in hex. */
  digest: string;
  /** A piece of JSON text, of the inside of a string. */
  text: string;
}

/** Where a content belongs: in the place of the mark at these characters of the text. */
export interface ContentPlace {
  at: number;
  length: number;
  content: Content;
}

/** A string that was longer than allowed. Bytes are those of its value in UTF-8. */
export interface Cut {
  /** As it is written in the JSON text. */
  attribute: string;
  keptBytes: number;
  bytes: number;
}

export interface Extraction {
  text: string;
  places: ContentPlace[];
  cuts: Cut[];
}

export interface ExtractionOptions {
  field: ContentField;
  /** Of one string, without its media. */
  maxValueBytes: number;
}

/** One UTF-16 unit is three bytes of UTF-8 at most. */
const MAX_BYTES_PER_CHAR = 3;

/** A text of fewer characters stays as it is. */
export function leastChars(maxValueBytes: number): number {
  return Math.min(MIN_CONTENT_CHARS, Math.ceil(maxValueBytes / MAX_BYTES_PER_CHAR));
}

/** Of a valid JSON text without spaces between its tokens; undefined when it stays as it is. */
export function takeOut(text: string, { field, maxValueBytes }: ExtractionOptions): Extraction | undefined {
  const mayBeCut = text.length * MAX_BYTES_PER_CHAR > maxValueBytes;
  if (text.length < leastChars(maxValueBytes)) return undefined;
  if (text.length < LARGE_TEXT_CHARS && !mayBeCut && !findRun(text, 0, text.length)) return undefined;
  return new Extractor(text, field, maxValueBytes).extract();
}

/** The text as it was. The places are those of one text, in their order, with what is known of their contents. */
export function putBack(text: string, places: readonly { at: number; length: number; text: string }[]): string {
  let [whole, copied] = ['', 0];
  for (const place of places) {
    whole += text.slice(copied, place.at) + place.text;
    copied = place.at + place.length;
  }
  return whole + text.slice(copied);
}

export function mayHaveContents(text: string): boolean {
  return text.length > CONTENT_MARK.length && text.includes(CONTENT_MARK);
}

/** How deep in the text the names of attributes stand: a body has none. */
const NAME_DEPTHS: Record<ContentField, number> = { attributes: 1, events: 3, body: 0 };

const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SMALL_U = 0x75;

class Extractor {
  private readonly places: ContentPlace[] = [];
  private readonly cuts: Cut[] = [];
  private readonly written: string[] = [];
  private writtenChars = 0;
  private copied = 0;
  /** The latest key of each depth. */
  private readonly keys: string[] = [];

  constructor(
    private readonly text: string,
    private readonly field: ContentField,
    private readonly maxValueBytes: number,
  ) {}

  extract(): Extraction | undefined {
    const { text } = this;
    let depth = 0;
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (char === '{' || char === '[') depth++;
      else if (char === '}' || char === ']') depth--;
      else if (char === '"') at = this.string(at + 1, depth);
    }
    if (this.copied === 0) return undefined;
    this.write(text.slice(this.copied));
    return { text: this.written.join(''), places: this.places, cuts: this.cuts };
  }

  /** The place of its closing quote. */
  private string(start: number, depth: number): number {
    const end = endOfString(this.text, start);
    const isKey = this.text.charCodeAt(end + 1) === COLON;
    if (isKey && depth <= NAME_DEPTHS.events) this.keys[depth] = this.text.slice(start, end);
    const { maxValueBytes } = this;
    const mayBeCut = !isKey && (end - start) * MAX_BYTES_PER_CHAR > maxValueBytes;
    if (end - start >= MIN_CONTENT_CHARS || mayBeCut) this.takeFrom(start, end, mayBeCut ? maxValueBytes : Infinity);
    return end;
  }

  /** Media first, so that what is cut is text. */
  private takeFrom(start: number, end: number, maxBytes: number): void {
    let room = maxBytes;
    for (let at = start; at < end; ) {
      const run = findMedia(this.text, at, end);
      const endOfText = run?.start ?? end;
      if (room !== Infinity) {
        const { bytes, cutAt } = measure(this.text, at, endOfText, room);
        if (cutAt < endOfText) {
          this.cut(start, at, cutAt, end);
          return;
        }
        room -= bytes;
      }
      this.takeText(at, endOfText);
      if (run) this.replace(run.start, run.end);
      at = run?.end ?? end;
    }
  }

  private cut(start: number, from: number, cutAt: number, end: number): void {
    this.takeText(from, cutAt);
    this.copyTo(cutAt);
    const keptBytes = measure(this.text, start, cutAt).bytes;
    const bytes = keptBytes + measure(this.text, cutAt, end).bytes;
    // As CUT_MARK reads it.
    this.write(` [cut: ${keptBytes} of ${bytes} bytes kept]`);
    this.copied = end;
    this.cuts.push({ attribute: this.attribute(), keptBytes, bytes });
  }

  private attribute(): string {
    return this.keys[NAME_DEPTHS[this.field]] ?? this.field;
  }

  /** From the same start the same pieces, whatever follows. */
  private takeText(start: number, end: number): void {
    if (end - start < LARGE_TEXT_CHARS) return;
    for (let at = start; end - at >= MIN_CONTENT_CHARS; ) {
      const border = borderAfter(this.text, at, end);
      this.replace(at, border);
      at = border;
    }
  }

  private replace(start: number, end: number): void {
    this.copyTo(start);
    const text = this.text.slice(start, end);
    const digest = createHash('sha256').update(text).digest('hex');
    const mark = `${CONTENT_MARK}${digest.slice(0, SHOWN_DIGEST_CHARS)} ${text.length} characters]`;
    this.places.push({ at: this.writtenChars, length: mark.length, content: { digest, text } });
    this.write(mark);
    this.copied = end;
  }

  private copyTo(end: number): void {
    this.write(this.text.slice(this.copied, end));
    this.copied = end;
  }

  private write(text: string): void {
    this.written.push(text);
    this.writtenChars += text.length;
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (end > start && isEscaped(text, end, start)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

/** Whether the character is the second one of an escape: an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number, start: number): boolean {
  let first = at;
  while (first > start && text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

/** The end of a piece: it parts neither an escape (what is left has to be JSON) nor a surrogate pair. */
function borderAfter(text: string, start: number, end: number): number {
  let border = Math.min(start + LARGE_TEXT_CHARS, end);
  if (border < end && isEscaped(text, border, start)) border++;
  if (border < end && isHighSurrogate(text.charCodeAt(border - 1))) border++;
  return border;
}

function isHighSurrogate(char: number): boolean {
  return (char & 0xfc00) === 0xd800;
}

function isLowSurrogate(char: number): boolean {
  return (char & 0xfc00) === 0xdc00;
}

/** Of a piece of JSON text the bytes of what it stands for, and where they pass `maxBytes` (its end when they don't). */
function measure(text: string, start: number, end: number, maxBytes = Infinity): { bytes: number; cutAt: number } {
  let bytes = 0;
  for (let at = start; at < end; ) {
    const [length, worth] = characterAt(text, at);
    if (bytes + worth > maxBytes) return { bytes, cutAt: at };
    bytes += worth;
    at += length;
  }
  return { bytes, cutAt: end };
}

/** As it is written, and in UTF-8. */
function characterAt(text: string, at: number): readonly [chars: number, bytes: number] {
  const char = text.charCodeAt(at);
  if (char === BACKSLASH) return text.charCodeAt(at + 1) === SMALL_U ? escapeAt(text, at) : SHORT_ESCAPE;
  if (char < 0x80) return ONE_BYTE;
  if (char < 0x800) return TWO_BYTES;
  return isHighSurrogate(char) ? PAIR : THREE_BYTES;
}

const SHORT_ESCAPE = [2, 1] as const;
const ONE_BYTE = [1, 1] as const;
const TWO_BYTES = [1, 2] as const;
const THREE_BYTES = [1, 3] as const;
const PAIR = [2, 4] as const;
const ESCAPE_CHARS = 6;

function escapeAt(text: string, at: number): readonly [chars: number, bytes: number] {
  const unit = unitAt(text, at);
  if (isHighSurrogate(unit) && isLowSurrogate(unitAt(text, at + ESCAPE_CHARS))) return [2 * ESCAPE_CHARS, 4];
  if (unit < 0x80) return [ESCAPE_CHARS, 1];
  return [ESCAPE_CHARS, unit < 0x800 ? 2 : 3];
}

function unitAt(text: string, at: number): number {
  return text.startsWith('\\u', at) ? Number.parseInt(text.slice(at + 2, at + ESCAPE_CHARS), 16) : 0;
}

interface Run {
  start: number;
  end: number;
}

/** Both alphabets of base64. */
const IS_BASE64 = new Uint8Array(128);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_')
  IS_BASE64[char.charCodeAt(0)] = 1;

function isBase64(char: number): boolean {
  return char < 128 && IS_BASE64[char] === 1;
}

function findMedia(text: string, from: number, end: number): Run | undefined {
  for (let at = from; ; ) {
    const run = findRun(text, at, end);
    if (!run || isMedia(text, run)) return run;
    at = run.end;
  }
}

/**
 * Base64 long enough. Of such a run every MIN_CONTENT_CHARS-th character is one at least, so that of other text hardly any
 * character is looked at.
 */
function findRun(text: string, from: number, end: number): Run | undefined {
  for (let probe = from + MIN_CONTENT_CHARS - 1; probe < end; probe += MIN_CONTENT_CHARS) {
    if (!isBase64(text.charCodeAt(probe))) continue;
    let [start, stop] = [probe, probe + 1];
    while (start > from && isBase64(text.charCodeAt(start - 1))) start--;
    while (stop < end && isBase64(text.charCodeAt(stop))) stop++;
    if (isEscaped(text, start, from)) start += text.charCodeAt(start) === SMALL_U ? ESCAPE_CHARS - 1 : 1;
    if (stop - start >= MIN_CONTENT_CHARS) return { start, end: withPadding(text, stop, end) };
    probe = stop;
  }
  return undefined;
}

function withPadding(text: string, stop: number, end: number): number {
  let padded = stop;
  while (padded < end && padded < stop + 2 && text[padded] === '=') padded++;
  return padded;
}

/** By what stands before it, or by its looks: a long word of few letters is text, which may be cut. */
function isMedia(text: string, run: Run): boolean {
  const before = text.slice(Math.max(0, run.start - BEFORE_MEDIA_CHARS), run.start);
  return before.endsWith('base64,') || before.endsWith('"$bytes":"') || looksEncoded(text, run);
}

const BEFORE_MEDIA_CHARS = 10;
const SAMPLED_CHARS = 1024;
/** Bytes of any kind of file use nearly all 64 letters; hexadecimal digits are 16. */
const MIN_LETTERS = 24;

function looksEncoded(text: string, { start, end }: Run): boolean {
  const letters = new Set<string>();
  const step = Math.max(1, Math.floor((end - start) / SAMPLED_CHARS));
  for (let at = start; at < end; at += step) letters.add(text[at]!);
  const all = [...letters].join('');
  return letters.size >= MIN_LETTERS && /[A-Z]/.test(all) && /[a-z]/.test(all) && /\d/.test(all);
}
