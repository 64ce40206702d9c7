/**
 * JSON that every operator of Postgres can read. The type `json` takes any escape, but `->>` fails on a document with
 * \u0000 (text has no NUL) or with half a surrogate pair, and takes the whole query down with it.
 */
import { withoutNul } from '../../../model/nul.js';

/** In order: a whole surrogate pair, what can't be read, any other escape (so that `\\u0000`, a backslash, is none). */
const ESCAPES = /\\u(?:d[89ab][0-9a-f]{2})\\u(?:d[c-f][0-9a-f]{2})|(\\u(?:0000|d[89a-f][0-9a-f]{2}))|\\./gi;

/** The same text when it can be read as it is. */
export function readableJson(text: string): string {
  if (!text.includes('\\u')) return text;
  return text.replace(ESCAPES, (whole, unreadable) => (unreadable === undefined ? whole : '\\ufffd'));
}

/** Text has no NUL in Postgres. */
export function readableText(text: string): string {
  return withoutNul(text);
}

/** Collects, for one row, the JSON columns whose text had to be changed. */
export class ExactTexts {
  private changed: Record<string, string> | undefined;

  readable(column: string, text: string): string {
    const readable = readableJson(text);
    if (readable !== text) {
      this.changed ??= {};
      this.changed[column] = text;
    }
    return readable;
  }

  /** Before each row: the one before may have failed in the middle. */
  clear(): void {
    this.changed = undefined;
  }

  /** For the column `exact`. */
  text(): string | undefined {
    return this.changed && JSON.stringify(this.changed);
  }
}

/** What was changed in a row is put back as it came. */
export function restoreExact<Row extends { exact: string | null }>(row: Row): Row {
  return row.exact === null ? row : { ...row, ...(JSON.parse(row.exact) as Partial<Row>) };
}
