import { hash } from 'node:crypto';

const HEX_DIGITS = 16;

/** Templates, and renderings, that are known at once: on the main thread, and on each writer thread. */
export const MAX_KNOWN_TEXTS = 100_000;

/** What a prompt's template, or the first message made from it, is recognised by (`Generation.promptHash`). */
export function promptHashOf(text: string): string {
  return hash('sha256', text, 'hex').slice(0, HEX_DIGITS);
}
