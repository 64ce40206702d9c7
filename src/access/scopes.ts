/** Scopes as they are written: `read,write`. */
import { GatewayError } from '../errors.js';
import { SCOPES, type Scope } from './principal.js';

export const DEFAULT_SCOPES = 'read,write';

function isScope(word: string): word is Scope {
  return (SCOPES as readonly string[]).includes(word);
}

function wordsOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Throws VALIDATION_FAILED for a word that is no scope, and for none at all. */
export function parseScopes(text: string): Set<Scope> {
  const words = wordsOf(text);
  const wrong = words.find((word) => !isScope(word));
  if (wrong !== undefined || words.length === 0) {
    const fault = `"scopes" must be some of ${SCOPES.join(', ')}, between commas`;
    throw new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: [fault] } });
  }
  return new Set(words.filter(isScope));
}

/** Of a stored key, which an earlier program may have made: a word that means nothing grants nothing. */
export function readScopes(text: string): Set<Scope> {
  return new Set(wordsOf(text).filter(isScope));
}

/** In one order, whatever order they came in. */
export function writeScopes(scopes: ReadonlySet<Scope>): string {
  return SCOPES.filter((scope) => scopes.has(scope)).join(',');
}
