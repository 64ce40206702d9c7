/** `a[b]=c` as { a: { b: 'c' } }, one level deep, as clients of this API write it; a repeated name becomes an array. */
import { parse } from 'node:querystring';

const BRACKETS = /^([^[\]]+)\[(.+)\]$/s;

/** Names beyond this many are ignored, as node:querystring does by default. */
const MAX_NAMES = 1000;

/**
 * What a query inherits from: nothing, so that a name such as __proto__ is one like any other. Objects whose prototype is
 * null themselves would be dictionaries to the engine, and cost several times as much.
 */
const NOTHING: object = Object.freeze(Object.create(null));

export function parseQueryString(text: string): Record<string, unknown> {
  const query = Object.create(NOTHING) as Record<string, unknown>;
  const parsed = parse(text, '&', '=', { maxKeys: MAX_NAMES });
  for (const name in parsed) {
    const [, outer, inner] = (name.includes('[') && BRACKETS.exec(name)) || [];
    if (outer === undefined || inner === undefined) query[name] = parsed[name];
    else nest(query, outer)[inner] = parsed[name];
  }
  return query;
}

function nest(query: Record<string, unknown>, outer: string): Record<string, unknown> {
  const existing = query[outer];
  if (typeof existing === 'object' && existing !== null && !Array.isArray(existing)) {
    return existing as Record<string, unknown>;
  }
  const nested = Object.create(NOTHING) as Record<string, unknown>;
  query[outer] = nested;
  return nested;
}
