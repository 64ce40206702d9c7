/** `a[b]=c` as { a: { b: 'c' } }, one level deep, as clients of this API write it; a repeated name becomes an array. */
import { parse } from 'node:querystring';

const BRACKETS = /^([^[\]]+)\[(.+)\]$/s;

/** Names beyond this many are ignored, as node:querystring does by default. */
const MAX_NAMES = 1000;

export function parseQueryString(text: string): Record<string, unknown> {
  // No prototype: a name such as __proto__ is a name like any other.
  const query: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(parse(text, '&', '=', { maxKeys: MAX_NAMES }))) {
    const [, outer, inner] = (name.includes('[') && BRACKETS.exec(name)) || [];
    if (outer === undefined || inner === undefined) query[name] = value;
    else nest(query, outer)[inner] = value;
  }
  return query;
}

function nest(query: Record<string, unknown>, outer: string): Record<string, unknown> {
  const existing = query[outer];
  if (typeof existing === 'object' && existing !== null && !Array.isArray(existing)) {
    return existing as Record<string, unknown>;
  }
  const nested: Record<string, unknown> = Object.create(null);
  query[outer] = nested;
  return nested;
}
