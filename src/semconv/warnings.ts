/** What could not be understood of one span, bounded: a sender of nonsense gets a few sentences, not a store full of them. */
import { TAGS } from '../model/json-value.js';

export const MAX_WARNINGS = 10;
export const MAX_WARNING_CHARS = 200;
const MAX_SHOWN_CHARS = 40;

export class Warnings {
  readonly list: string[] = [];

  add(attribute: string, complaint: string): void {
    if (this.list.length < MAX_WARNINGS) this.list.push(`${attribute} ${complaint}`.slice(0, MAX_WARNING_CHARS));
  }
}

/** A value as a warning shows it, and of what is not a scalar only what it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value));
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  const tagged: unknown = Object.values(value)[0];
  return TAGS.some((tag) => Object.hasOwn(value, tag)) && typeof tagged === 'string' ? cut(tagged) : 'an object';
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}
