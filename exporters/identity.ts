/** Whether two configurations are one: a digest, so that no second copy of their secrets stays in memory. */
import { createHash } from 'node:crypto';

/** Of plain data and URLs, whatever the order of the keys; what is undefined is as if it weren't there. */
export function identityOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, each: unknown) => (isMap(each) ? sorted(each) : each));
  return createHash('sha256').update(text).digest('base64url');
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(map: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
