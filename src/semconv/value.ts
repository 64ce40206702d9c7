/**
 * Readers of attribute values, as JSON.parse gives them of the stored text (src/model/json-value.ts), whatever type a sender
 * took for them. undefined: nothing is there, which goes without saying; what is there but can't be understood is a warning.
 */
import { picodollarsOf } from '../model/money.js';
import { withoutNul } from '../model/nul.js';
import { isObject, type JsonObject, objectOf, parseContainer, parseJson } from './json.js';
import { Memo, ownCopy } from './memo.js';
import { shown, type Warnings } from './warnings.js';

/** Names and ids. */
export const MAX_TEXT_CHARS = 512;
export const MAX_LIST_ITEMS = 64;

/** What senders write for nothing: Python's, JavaScript's, and an empty text. */
const NOTHING = new Set(['', 'None', 'null', 'undefined']);
/** Logfire's: it is the mark of an id that was taken out, not an id. */
const SCRUBBED = '[Scrubbed due to ';

interface MaybeIllFormed {
  toWellFormed(): string;
}

/** Without what UTF-8, or Postgres, has no place for. In Node 20, but not in the types of ES2023. */
export function storable(text: string): string {
  return withoutNul((text as unknown as MaybeIllFormed).toWellFormed());
}

/** Names of models, providers, operations, and the ids of a session's calls come again and again. */
const PLACES = 1024;
const MAX_KNOWN_CHARS = 128;
const names = new Memo(PLACES, MAX_KNOWN_CHARS, nameOf);

/** Shorter texts are what they are whatever is warned of, and stand alone: a cache that keeps one keeps no attributes. */
function nameOf(text: string): string | undefined {
  const decoded = decodedText(text.trim());
  return isNoName(decoded) ? undefined : storable(ownCopy(decoded));
}

function isNoName(text: string): boolean {
  return NOTHING.has(text) || text.startsWith(SCRUBBED);
}

/** A name or an id. */
export function textOf(value: unknown, attribute: string, warnings: Warnings): string | undefined {
  if (typeof value === 'string' && value.length <= MAX_KNOWN_CHARS) return names.of(value);
  const text = scalarTextOf(value);
  if (text === undefined) {
    if (!isNothing(value)) warnings.add(attribute, `is no text: ${shown(value)}`);
    return undefined;
  }
  return isNoName(text) ? undefined : bounded(text, attribute, warnings);
}

/** An empty list stands for nothing: OpenLLMetry 0.47 sends such. */
function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

export function bounded(text: string, attribute: string, warnings: Warnings): string {
  if (text.length > MAX_TEXT_CHARS) {
    warnings.add(attribute, `is cut at ${MAX_TEXT_CHARS} of ${text.length} characters`);
    return storable(ownCopy(text.slice(0, MAX_TEXT_CHARS)));
  }
  return storable(ownCopy(text));
}

/** A scalar's text, also when the scalar is JSON-encoded within the text ('"a"'), as MLflow and Langfuse send it. */
export function scalarTextOf(value: unknown): string | undefined {
  if (typeof value === 'string') return decodedText(value.trim());
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isObject(value) && typeof value.$int === 'string' ? value.$int : undefined;
}

function decodedText(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  const value = parseJson(text);
  return typeof value === 'string' ? value.trim() : text;
}

/** An object that looks like one but can't be read, being too long or too deep or no JSON, is a warning. */
export function readObject(value: unknown, attribute: string, warnings: Warnings): JsonObject | undefined {
  const object = objectOf(value);
  const isMeant = typeof value === 'string' && value.trimStart().startsWith('{');
  if (object === undefined && isMeant) warnings.add(attribute, `can't be read as JSON: ${shown(value)}`);
  return object;
}

/** Tokens: a whole number from 0 to 2^53 − 1, also as text or as a double. */
export function countOf(value: unknown, attribute: string, warnings: Warnings): number | undefined {
  const count = typeof value === 'number' ? value : numberOfText(value);
  if (count === undefined) return undefined;
  // Not −0, which a double may say.
  if (Number.isSafeInteger(count) && count >= 0) return count + 0;
  warnings.add(attribute, `is no count of tokens: ${shown(value)}`);
  return undefined;
}

/** NaN for what is there but is no number. */
function numberOfText(value: unknown): number | undefined {
  if (isNothing(value)) return undefined;
  const text = scalarTextOf(value);
  if (text === undefined) return Number.NaN;
  if (NOTHING.has(text)) return undefined;
  return /^[-+]?\d/.test(text) ? Number(text) : Number.NaN;
}

/** Dollars as whole picodollars. */
export function moneyOf(value: unknown, attribute: string, warnings: Warnings): bigint | undefined {
  if (isNothing(value)) return undefined;
  const text = typeof value === 'number' ? decimalOf(value) : scalarTextOf(value);
  if (text !== undefined && NOTHING.has(text)) return undefined;
  const amount = text === undefined ? undefined : picodollarsOf(text);
  if (amount === undefined) warnings.add(attribute, `is no amount of dollars: ${shown(value)}`);
  return amount;
}

/** What a double surely holds of a decimal: the digits behind are what adding up doubles has left. */
const DIGITS = 15;

function decimalOf(value: number): string {
  return String(Number(value.toPrecision(DIGITS)));
}

const NANOS = { s: 1e9, ms: 1e6 };

/** How long something took. */
export function durationOf(
  value: unknown,
  unit: keyof typeof NANOS,
  attribute: string,
  warnings: Warnings,
): bigint | undefined {
  const amount = typeof value === 'number' ? value : numberOfText(value);
  if (amount === undefined) return undefined;
  const nanos = Math.round(amount * NANOS[unit]);
  if (Number.isSafeInteger(nanos) && nanos >= 0) return BigInt(nanos);
  warnings.add(attribute, `is no duration: ${shown(value)}`);
  return undefined;
}

/** A moment in ISO 8601, as what it is after `since`. */
export function durationUntil(
  value: unknown,
  since: bigint,
  attribute: string,
  warnings: Warnings,
): bigint | undefined {
  const text = scalarTextOf(value);
  if (text === undefined || NOTHING.has(text)) return undefined;
  const nanos = unixNanoOf(text);
  if (nanos !== undefined && nanos >= since) return nanos - since;
  warnings.add(attribute, `is no moment after the start: ${shown(value)}`);
  return undefined;
}

/** Date keeps milliseconds; what a sender wrote behind them is kept here. */
function unixNanoOf(text: string): bigint | undefined {
  const unixMs = Date.parse(text);
  if (Number.isNaN(unixMs)) return undefined;
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const seconds = BigInt(Math.floor(unixMs / 1000));
  return seconds * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

export function booleanOf(value: unknown): boolean | undefined {
  const text = scalarTextOf(value)?.toLowerCase();
  return text === 'true' || text === 'false' ? text === 'true' : undefined;
}

/** A list of texts: structured, as JSON, as Python prints it, or one text alone. */
export function listOf(value: unknown, attribute: string, warnings: Warnings): string[] | undefined {
  const items = itemsOf(value);
  if (items.length > MAX_LIST_ITEMS) warnings.add(attribute, `is cut at ${MAX_LIST_ITEMS} of ${items.length} items`);
  const texts = items.slice(0, MAX_LIST_ITEMS).map((item) => textOf(item, attribute, warnings));
  const known = texts.filter((text) => text !== undefined);
  return known.length > 0 ? known : undefined;
}

function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const parsed = typeof value === 'string' ? parseContainer(value) : undefined;
  return Array.isArray(parsed) ? parsed : [value];
}
