/**
 * Answers are put together as text. Attributes, bodies, events and links are stored as JSON text that tells 1.0 from 1
 * and keeps every digit; parsing it here would lose both, and cost the event loop what the decoder has paid already.
 */
import type { Resource, Scope } from '../model/telemetry.js';

/** Hex of an id. */
export function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}

export function hexOrNull(id: Uint8Array | undefined): string {
  return id === undefined ? 'null' : `"${hex(id)}"`;
}

const NANOS_PER_MILLI = 1_000_000n;

export function unixMillis(nanos: bigint): number {
  return Number(nanos / NANOS_PER_MILLI);
}

/** 0 for what ends before it starts. */
export function durationMillis(startUnixNano: bigint, endUnixNano: bigint): number {
  return endUnixNano > startUnixNano ? Number(endUnixNano - startUnixNano) / 1e6 : 0;
}

export function unixSeconds(unixMs: number): number {
  return Math.floor(unixMs / 1000);
}

/** An integer as src/model/json-value.ts has it: a number as long as JavaScript reads it exactly. */
export function integerText(value: bigint): string {
  return BigInt.asIntN(54, value) === value && value !== -(2n ** 53n) ? String(value) : `{"$int":"${value}"}`;
}

/** A double as src/model/json-value.ts has it: always with a point or an exponent, so that it stays a double. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `{"$double":"${value}"}`;
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Where the string that opens at `quote` ends: the index of its closing quote. */
export function closingQuote(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1);
  for (; end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length - 1;
}

/** Where the object or array that opens at `start` ends: the index after its closing bracket. */
export function afterNested(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x22) at = closingQuote(text, at);
    else if (character === 0x7b || character === 0x5b) depth++;
    else if ((character === 0x7d || character === 0x5d) && --depth === 0) return at + 1;
  }
  return text.length;
}

const isBracket = (character: number) => character === 0x7b || character === 0x5b;

/** Members whose keys are the sender's own, and stay as they are. */
const SENDERS_OWN: ReadonlySet<string> = new Set(['attributes', 'filteredAttributes']);

/** Index of the first character from `at` on that is no space: an engine may have laid out the text anew. */
export function skipSpace(text: string, at: number): number {
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** OTLP has some thirty names; more than that only comes from a store that was written by other hands. */
const MAX_NAMES_KEPT = 256;
const snakeCaseByName = new Map<string, string>();

/** cacheRead as this API writes it: cache_read. */
export function snakeCase(name: string): string {
  const known = snakeCaseByName.get(name);
  if (known !== undefined) return known;
  const renamed = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (snakeCaseByName.size < MAX_NAMES_KEPT) snakeCaseByName.set(name, renamed);
  return renamed;
}

/**
 * OTLP's member names (droppedAttributesCount) in the case of this API (dropped_attributes_count), in JSON text of
 * events, links, entity references, exemplars and distributions. Values, and what lies within attributes, are copied.
 */
export function snakeCaseMembers(text: string): string {
  if (text.length <= 2) return text;
  let renamed = '';
  let copied = 0;
  for (let quote = text.indexOf('"'); quote !== -1; ) {
    const end = closingQuote(text, quote);
    let next = skipSpace(text, end + 1);
    if (text.charCodeAt(next) === 0x3a) {
      const name = text.slice(quote + 1, end);
      renamed += text.slice(copied, quote + 1) + snakeCase(name);
      copied = end;
      next = skipSpace(text, next + 1);
      if (SENDERS_OWN.has(name) && isBracket(text.charCodeAt(next))) next = afterNested(text, next);
    }
    quote = text.indexOf('"', next);
  }
  return renamed + text.slice(copied);
}

/** Resources and scopes are few and shared by many spans: within one answer each is rendered once. */
export interface SharedText {
  resource(resource: Resource): string;
  scope(scope: Scope): string;
}

export function createSharedText(): SharedText {
  const resources = new Map<string, string>();
  const scopes = new Map<string, string>();
  return {
    resource: (resource) => once(resources, resource.key, () => renderResource(resource)),
    scope: (scope) => once(scopes, scope.key, () => renderScope(scope)),
  };
}

function once(rendered: Map<string, string>, key: string, render: () => string): string {
  let text = rendered.get(key);
  if (text === undefined) {
    text = render();
    rendered.set(key, text);
  }
  return text;
}

/** Members `resource` and `service`. */
function renderResource(resource: Resource): string {
  return (
    `"resource":{"attributes":${resource.attributes},` +
    `"dropped_attributes_count":${resource.droppedAttributesCount},` +
    `"schema_url":${JSON.stringify(resource.schemaUrl)},` +
    `"entity_refs":${snakeCaseMembers(resource.entityRefs)}},` +
    `"service":${JSON.stringify(resource.serviceName)}`
  );
}

/** Member `scope`. */
function renderScope(scope: Scope): string {
  return (
    `"scope":{"name":${JSON.stringify(scope.name)},"version":${JSON.stringify(scope.version)},` +
    `"attributes":${scope.attributes},"dropped_attributes_count":${scope.droppedAttributesCount},` +
    `"schema_url":${JSON.stringify(scope.schemaUrl)}}`
  );
}
