/** JSON texts within attributes, read within bounds: whoever sends them decides how long and how deep they are. */
import { MAX_VALUE_DEPTH } from '../model/json-value.js';
import { parsePython } from './python-literal.js';

/** Beyond it a text is not read as JSON, but as the text that it is: while spans are stored, others wait. */
export const MAX_JSON_CHARS = 1024 * 1024;

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object or a list from its JSON text, or as Python prints it; undefined for all else. */
export function parseContainer(text: string, maxChars = MAX_JSON_CHARS): JsonObject | unknown[] | undefined {
  const start = text.trimStart().charCodeAt(0);
  if (start !== 0x5b && start !== 0x7b && start !== 0x28) return undefined;
  const value = parseJson(text, maxChars) ?? parsePython(text);
  return typeof value === 'object' && value !== null ? (value as JsonObject | unknown[]) : undefined;
}

/** undefined for what is no JSON, is too long, or too deep for whoever walks it afterwards. */
export function parseJson(text: string, maxChars = MAX_JSON_CHARS): unknown {
  if (text.length > maxChars || isDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An attribute that holds an object, whether structured or as text. */
export function objectOf(value: unknown): JsonObject | undefined {
  const container = typeof value === 'string' ? parseContainer(value) : untagged(value);
  return isObject(container) ? container : undefined;
}

/** Of src/model/json-value.ts: the map that only looks like a tag. */
export function untagged(value: unknown): unknown {
  return isObject(value) && isObject(value.$map) ? value.$map : value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Texts shorter than the depth can't be deeper. */
function isDeep(text: string): boolean {
  if (text.length <= MAX_VALUE_DEPTH) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return false;
    } else if (char === 0x5b || char === 0x7b) {
      depth += 1;
      if (depth > MAX_VALUE_DEPTH) return true;
    } else if (char === 0x5d || char === 0x7d) depth -= 1;
  }
  return false;
}

/** Where the string ends that begins with the quote at `start`; −1 when it has no end. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
  return -1;
}
