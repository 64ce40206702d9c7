/** What could not be understood of one span, bounded: a sender of nonsense gets a few sentences, not a store full of them. */

export const MAX_WARNINGS = 10;
export const MAX_WARNING_CHARS = 200;
const MAX_SHOWN_CHARS = 40;

export class Warnings {
  readonly list: string[] = [];

  add(attribute: string, complaint: string): void {
    if (this.list.length < MAX_WARNINGS) this.list.push(`${attribute} ${complaint}`.slice(0, MAX_WARNING_CHARS));
  }
}

/** A value as a warning shows it. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value.slice(0, MAX_SHOWN_CHARS + 1) : String(JSON.stringify(value));
  return JSON.stringify(text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text);
}
