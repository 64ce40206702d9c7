/** A key and its hash, which is all that is stored of it. */
import { createHmac, randomBytes } from 'node:crypto';

const RANDOM_BYTES = 32;

/** `pm_` and 64 hex digits. */
export function makeKey(): string {
  return `pm_${randomBytes(RANDOM_BYTES).toString('hex')}`;
}

/** HMAC-SHA256 with the salt as its key, in lower-case hex: existing keys stay good where their salt is kept. */
export function hashKey(salt: string, key: string): string {
  return createHmac('sha256', salt).update(key).digest('hex');
}
