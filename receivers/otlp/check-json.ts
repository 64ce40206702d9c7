import type { Signal } from '../../src/component.js';
import type { CheckResult } from './check.js';
export function checkJson(_signal: Signal, _body: Uint8Array): CheckResult {
  throw new Error('todo');
}
export function looksLikeOtlpJson(_body: Uint8Array): boolean {
  return false;
}
