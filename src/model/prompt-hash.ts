import { hash } from 'node:crypto';

const HEX_DIGITS = 16;

/** What a prompt's template, or the first message made from it, is recognised by (`Generation.promptHash`). */
export function promptHashOf(text: string): string {
  return hash('sha256', text, 'hex').slice(0, HEX_DIGITS);
}
