/**
 * Metadata of the native API as OTLP attributes, and back.
 *
 * Each top-level key is one attribute: objects are kvlists, safe integers int64, all other numbers doubles, null is no
 * value. What an attribute of that name can't carry is an attribute whose name is METADATA_PREFIX and the key as it stands
 * in a JSON string, and whose value is the JSON text of the value, as a string. That is so for
 *  - keys that stand for a field (`fields`), or begin with RESERVED_PREFIX, and the empty key, which OTLP forbids;
 *  - half a surrogate pair in a key or a string, which UTF-8 has no bytes for;
 *  - values that nest deeper than the decoder goes.
 */
import { MAX_VALUE_DEPTH, parseValue, TAGS, type TypedValue } from './json-value.js';
import {
  ABSENT,
  LOG_ATTRIBUTES,
  METADATA_PREFIX,
  PARENT_ID_TEXT,
  RESERVED_PREFIX,
  RUNNING,
  SPAN_ID_TEXT,
  TRACE_ID_TEXT,
} from './native-names.js';

export type Metadata = Readonly<Record<string, unknown>>;
/** A name, and a value as JSON.parse gives it. */
export type Attribute = readonly [key: string, value: unknown];

/** Attributes that stand for fields, and are no metadata. */
export const SPAN_FIELDS: ReadonlySet<string> = new Set([TRACE_ID_TEXT, SPAN_ID_TEXT, PARENT_ID_TEXT, ABSENT, RUNNING]);
export const LOG_FIELDS: ReadonlySet<string> = new Set([TRACE_ID_TEXT, SPAN_ID_TEXT, ...Object.values(LOG_ATTRIBUTES)]);

// ---- to attributes ----

/** In Node 20, but not in the types of ES2023. A look at the string's head, where a pattern would go over all of it. */
interface MaybeIllFormed {
  isWellFormed(): boolean;
}

function isWellFormed(text: string): boolean {
  return (text as unknown as MaybeIllFormed).isWellFormed();
}

export function metadataAttributes(metadata: Metadata, fields: ReadonlySet<string>): Attribute[] {
  const attributes: Attribute[] = [];
  for (const key of Object.keys(metadata)) {
    const value = metadata[key];
    if (value === undefined) continue;
    const isCarried = isCarriedKey(key, fields) && isCarriedValue(value, 1);
    attributes.push(isCarried ? [key, value] : [nameOf(key), jsonTextOf(value)]);
  }
  return attributes;
}

/** The attribute of a metadata key that no attribute of its own name could carry. */
export function nameOf(key: string): string {
  return METADATA_PREFIX + JSON.stringify(key).slice(1, -1);
}

export function isCarriedKey(key: string, fields: ReadonlySet<string>): boolean {
  return key !== '' && !key.startsWith(RESERVED_PREFIX) && !fields.has(key) && isWellFormed(key);
}

function isCarriedValue(value: unknown, depth: number): boolean {
  if (depth > MAX_VALUE_DEPTH) return false;
  if (typeof value === 'string') return isWellFormed(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((element) => isCarriedValue(element, depth + 1));
  return Object.entries(value).every(([key, member]) => isWellFormed(key) && isCarriedValue(member, depth + 1));
}

/** What JSON.stringify gives, but for −0, which it loses, and nesting, of which it runs out of stack. */
export function jsonTextOf(root: unknown): string {
  const pieces: string[] = [];
  /** What is still to be written, the next one last: text, or a value. */
  const ahead: ({ text: string } | { value: unknown })[] = [{ value: root }];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if ('text' in next) pieces.push(next.text);
    else if (typeof next.value !== 'object' || next.value === null) pieces.push(scalarText(next.value));
    else if (Array.isArray(next.value))
      putAhead(
        ahead,
        '[]',
        next.value.map((value) => ({ before: '', value })),
      );
    else putAhead(ahead, '{}', membersAhead(next.value));
  }
  return pieces.join('');
}

function scalarText(value: unknown): string {
  if (typeof value !== 'number') return JSON.stringify(value) ?? 'null';
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return `"${value}"`;
}

function membersAhead(object: object): { before: string; value: unknown }[] {
  const members = Object.entries(object).filter(([, value]) => value !== undefined);
  return members.map(([key, value]) => ({ before: `${JSON.stringify(key)}:`, value }));
}

function putAhead(
  ahead: ({ text: string } | { value: unknown })[],
  brackets: string,
  elements: readonly { before: string; value: unknown }[],
): void {
  ahead.push({ text: brackets[1]! });
  for (let i = elements.length - 1; i >= 0; i--) {
    const { before, value } = elements[i]!;
    ahead.push({ value }, { text: i === 0 ? before : `,${before}` });
  }
  ahead.push({ text: brackets[0]! });
}

/** The JSON text that attributes are stored as (src/model/json-value.ts), for what is stored without passing the decoder. */
export function attributesTextOf(attributes: readonly Attribute[]): string {
  return `{${attributes.map(([key, value]) => `${JSON.stringify(key)}:${storedText(value)}`).join(',')}}`;
}

function storedText(value: unknown): string {
  if (typeof value === 'number') return storedNumber(value);
  if (typeof value !== 'object' || value === null) return scalarText(value);
  if (Array.isArray(value)) return `[${value.map(storedText).join(',')}]`;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const isTagged = entries.length === 1 && (TAGS as readonly string[]).includes(entries[0]![0]);
  return isTagged ? `{"$map":${attributesTextOf(entries)}}` : attributesTextOf(entries);
}

/** Whether OTLP has it as an int64; all others are doubles, as −0 must be. */
export function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

function storedNumber(value: number): string {
  if (isInteger(value)) return String(value);
  if (!Number.isFinite(value)) return `{"$double":"${value}"}`;
  if (Object.is(value, -0)) return '-0.0';
  return /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
}

// ---- from attributes ----

/** How values that JSON has no own form for are stored: parsing is for texts that have one. */
const TAG = /"\$(?:int|double|bytes|map)"/;
const hasTag = (text: string) => text.includes('"$') && TAG.test(text);

export interface SplitAttributes {
  /** Of those that stand for fields: the JSON text of the value. */
  fields: ReadonlyMap<string, string>;
  /** Plain JSON text of an object: all others. */
  metadata: string;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

/** `attributes` as they are stored; `names`: SPAN_FIELDS or LOG_FIELDS. */
export function splitAttributes(attributes: string, names: ReadonlySet<string>): SplitAttributes {
  if (names === SPAN_FIELDS && !attributes.includes(RESERVED_PREFIX) && !hasTag(attributes)) {
    return { fields: NO_FIELDS, metadata: attributes };
  }
  const fields = new Map<string, string>();
  const members = new Map<string, string>();
  eachMember(attributes, (key, value) => {
    if (names.has(key)) fields.set(key, value);
    else members.set(...metadataMember(key, value));
  });
  return { fields, metadata: objectText(members) };
}

/** Plain JSON text of what is no field: of a span, or of a trace's declaration. */
export function metadataOf(attributes: string, names: ReadonlySet<string> = SPAN_FIELDS): string {
  return splitAttributes(attributes, names).metadata;
}

function objectText(members: ReadonlyMap<string, string>): string {
  let text = '';
  for (const [key, value] of members) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${value}`;
  return `{${text}}`;
}

function metadataMember(name: string, value: string): [key: string, text: string] {
  return (name.startsWith(METADATA_PREFIX) && carriedMember(name, value)) || [name, plainText(value)];
}

/** Undefined for what only looks like one: an OTLP client may call its attributes anything. */
function carriedMember(name: string, value: string): [key: string, text: string] | undefined {
  const key = stringOf(`"${name.slice(METADATA_PREFIX.length)}"`);
  const text = stringOf(value);
  return key !== undefined && text !== undefined && isJson(text) ? [key, text] : undefined;
}

/** Undefined for JSON text of something else, or none. */
export function stringOf(text: string): string | undefined {
  if (!text.startsWith('"')) return undefined;
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** int64 beyond the safe integers as a JSON integer, doubles that JSON has no number for as strings, bytes in base64. */
function plainText(stored: string): string {
  return hasTag(stored) ? plainValue(parseValue(stored)) : stored;
}

function plainValue(value: TypedValue): string {
  switch (value.kind) {
    case 'empty':
      return 'null';
    case 'string':
    case 'bytes':
      return JSON.stringify(value.value);
    case 'bool':
    case 'int':
      return String(value.value);
    case 'double':
      return scalarText(value.value);
    case 'array':
      return `[${value.values.map(plainValue).join(',')}]`;
    case 'kvlist':
      return objectText(new Map(value.entries.map(([key, member]) => [key, plainValue(member)])));
  }
}

// ---- members of stored objects ----

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Visits the members of a JSON object, values as they are written: one pass that parses nothing, for an attributes text
 * may be 50 KB, of which a field or two is wanted.
 */
export function eachMember(text: string, visit: (key: string, value: string) => void): void {
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    const keyStop = afterString(text, at);
    const valueFrom = text.indexOf(':', keyStop) + 1;
    const valueStop = afterValue(text, valueFrom);
    visit(keyOf(text.slice(at + 1, keyStop - 1)), text.slice(valueFrom, valueStop).trim());
    at = valueStop;
  }
}

function keyOf(inner: string): string {
  return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
}

/** The index after the string that opens at `quote`. */
function afterString(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}

/** The index of the comma or bracket behind a member's value. */
function afterValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = afterString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) depth += 1;
    else if (code === 0x7d || code === 0x5d) {
      if (depth-- === 0) return at;
    } else if (code === 0x2c && depth === 0) return at;
  }
  return at;
}
