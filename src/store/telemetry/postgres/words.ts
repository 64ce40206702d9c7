/**
 * Words for full text, made here and not by the server's parser: what is searched is then cut as what was written, whatever
 * the server's version and locale, and a text can't pass the limits of a tsvector.
 */
import { withSpaces } from '../unspaced-scripts.js';
import { AsciiWords } from './ascii-words.js';
import type { CopyRows } from './copy-rows.js';

/** A tsvector holds 1 MB of lexemes (MAXSTRPOS), each with its end and some alignment. */
const MAX_BYTES = 512 * 1024;
/** Longer ones are no words: keys, hashes, base64. */
const MAX_WORD_CHARS = 64;
const MAX_QUERY_WORDS = 32;

const ASCII = /^[\0-\x7f]*$/;
const ASCII_WORDS = /[a-z0-9]+/g;
const WORDS = /[\p{L}\p{N}]+/gu;
const MARKS = /\p{M}+/gu;

/** Distinct, in lower case, without accents. */
export function wordsOf(text: string): Set<string> {
  const words = new Set<string>();
  let bytes = 0;
  for (const word of wordsIn(text)) {
    if (word.length > MAX_WORD_CHARS || words.has(word)) continue;
    bytes += word.length * 3 + 4;
    if (bytes > MAX_BYTES) break;
    words.add(word);
  }
  return words;
}

/** All at once: an iterator makes an object of each, and takes twice as long. */
function wordsIn(text: string): readonly string[] {
  const words = ASCII.test(text)
    ? text.toLowerCase().match(ASCII_WORDS)
    : withSpaces(text.normalize('NFKD').replace(MARKS, '').toLowerCase()).match(WORDS);
  return words ?? [];
}

/** Of a search: those that are too long find nothing, and so say so by staying. */
export function searchedWords(text: string): string[] {
  const words = new Set(wordsIn(text).map((word) => word.slice(0, MAX_WORD_CHARS + 1)));
  return [...words].slice(0, MAX_QUERY_WORDS);
}

/** As a tsquery: words are letters and digits only. */
export function queryOf(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(' & ');
}

const asciiWords = new AsciiWords(MAX_WORD_CHARS);

/** A field of COPY: lexemes without positions, which nothing here asks for. Answers how many. */
export function writeWords(rows: CopyRows, text: string): number {
  const count = asciiWords.collect(text);
  if (count !== undefined) {
    rows.encodedLexemes(count, asciiWords.lexemes());
    return count;
  }
  const words = wordsOf(text);
  rows.lexemes([...words]);
  return words.size;
}
