/** The messages around the items, which the three signals number alike: resources, scopes, and the lists of items. */
import { createHash } from 'node:crypto';
import type { Resource, Scope } from '../model/telemetry.js';
import { readText } from './decode-text.js';
import { addKeyValue, attributesText, openKeyValues, type Ranges, readPieces, skipField } from './decode-value.js';
import { beginText, endText, putAscii, putByte, putString } from './json-text.js';
import { bytes, next, readTag, readUint32 } from './wire.js';

/** Visits the fields of a message: the tag, and where the content starts and stops. */
export function eachField(pos: number, end: number, visit: (tag: number, from: number, stop: number) => void): void {
  while (pos < end) {
    const tag = readTag(pos, end);
    const content = next;
    pos = skipField(tag, content, end);
    visit(tag, (tag & 7) === 2 ? next : content, pos);
  }
}

// Tags of fields whose content is length-delimited, by field number.
const FIELD_1 = 0x0a;
const FIELD_2 = 0x12;
const FIELD_3 = 0x1a;
const FIELD_4 = 0x22;

/** Equal for equal contents, whatever the encoding they came in. */
export function contentKey(...contents: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(contents)).digest('base64url');
}

/** The same resources come with every request of a process, so they are decoded once. */
class Cache<Value> {
  private readonly entries = new Map<string, Value>();

  static readonly MAX_ENTRIES = 512;
  static readonly MAX_KEY_BYTES = 16 * 1024;

  get(pieces: Ranges, schemaUrl: string, decode: () => Value): Value {
    const key = keyOf(pieces, schemaUrl);
    if (key === undefined) return decode();
    let value = this.entries.get(key);
    if (value === undefined) {
      value = decode();
      if (this.entries.size === Cache.MAX_ENTRIES) this.entries.clear();
      this.entries.set(key, value);
    }
    return value;
  }
}

function keyOf(pieces: Ranges, schemaUrl: string): string | undefined {
  if (pieces.length > 2) return undefined;
  const [from, stop] = pieces.length === 2 ? (pieces as [number, number]) : [0, 0];
  if (stop - from + schemaUrl.length > Cache.MAX_KEY_BYTES) return undefined;
  return `${schemaUrl.length}:${schemaUrl}${bytes.toString('latin1', from, stop)}`;
}

const resources = new Cache<Resource>();
const scopes = new Cache<Scope>();

function readResource(pieces: Ranges, schemaUrl: string): Resource {
  return resources.get(pieces, schemaUrl, () => {
    let resource!: Resource;
    readPieces(pieces, (from, stop) => {
      resource = decodeResource(from, stop, schemaUrl);
    });
    return resource;
  });
}

function decodeResource(pos: number, end: number, schemaUrl: string): Resource {
  const base = openKeyValues();
  const entities: Ranges = [];
  let droppedAttributesCount = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (tag === FIELD_1) addKeyValue(from, stop);
    else if (tag === 0x10) droppedAttributesCount = readUint32(from, stop);
    else if (tag === FIELD_3) entities.push(from, stop);
  });
  const attributes = attributesText(base);
  const entityRefs = entityRefsText(entities);
  const key = contentKey(attributes, droppedAttributesCount, schemaUrl, entityRefs);
  return { key, attributes, droppedAttributesCount, schemaUrl, entityRefs, serviceName: serviceNameOf(attributes) };
}

function serviceNameOf(attributes: string): string {
  if (!attributes.includes('"service.name":')) return '';
  const name: unknown = (JSON.parse(attributes) as Record<string, unknown>)['service.name'];
  return typeof name === 'string' ? name : '';
}

function entityRefsText(entities: Ranges): string {
  if (entities.length === 0) return '[]';
  beginText();
  for (let i = 0; i < entities.length; i += 2) {
    putAscii(i === 0 ? '[' : ',');
    putEntityRef(entities[i]!, entities[i + 1]!);
  }
  putByte(0x5d);
  return endText();
}

function putEntityRef(pos: number, end: number): void {
  const schemaUrl: Ranges = [0, 0];
  const type: Ranges = [0, 0];
  const idKeys: Ranges = [];
  const descriptionKeys: Ranges = [];
  eachField(pos, end, (tag, from, stop) => {
    if (tag === FIELD_1) [schemaUrl[0], schemaUrl[1]] = [from, stop];
    else if (tag === FIELD_2) [type[0], type[1]] = [from, stop];
    else if (tag === FIELD_3) idKeys.push(from, stop);
    else if (tag === FIELD_4) descriptionKeys.push(from, stop);
  });
  putAscii('{"schemaUrl":');
  putString(bytes, schemaUrl[0]!, schemaUrl[1]!);
  putAscii(',"type":');
  putString(bytes, type[0]!, type[1]!);
  putAscii(',"idKeys":');
  putStrings(idKeys);
  putAscii(',"descriptionKeys":');
  putStrings(descriptionKeys);
  putByte(0x7d);
}

function putStrings(ranges: Ranges): void {
  putByte(0x5b);
  for (let i = 0; i < ranges.length; i += 2) {
    if (i > 0) putByte(0x2c);
    putString(bytes, ranges[i]!, ranges[i + 1]!);
  }
  putByte(0x5d);
}

function readScope(pieces: Ranges, schemaUrl: string): Scope {
  return scopes.get(pieces, schemaUrl, () => {
    let scope!: Scope;
    readPieces(pieces, (from, stop) => {
      scope = decodeScope(from, stop, schemaUrl);
    });
    return scope;
  });
}

function decodeScope(pos: number, end: number, schemaUrl: string): Scope {
  const base = openKeyValues();
  let name = '';
  let version = '';
  let droppedAttributesCount = 0;
  eachField(pos, end, (tag, from, stop) => {
    if (tag === FIELD_1) name = readText(from, stop);
    else if (tag === FIELD_2) version = readText(from, stop);
    else if (tag === FIELD_3) addKeyValue(from, stop);
    else if (tag === 0x20) droppedAttributesCount = readUint32(from, stop);
  });
  const attributes = attributesText(base);
  const key = contentKey(name, version, attributes, droppedAttributesCount, schemaUrl);
  return { key, name, version, attributes, droppedAttributesCount, schemaUrl };
}

/** Spans of a ScopeSpans, records of a ScopeLogs, metrics of a ScopeMetrics: where each starts and stops. */
export type VisitItem = (from: number, stop: number, resource: Resource, scope: Scope) => void;

/** Goes over all items of a request. A resource, scope or schema URL may come behind the items that it is for. */
export function eachItem(length: number, visit: VisitItem): void {
  eachField(0, length, (tag, from, stop) => {
    if (tag !== FIELD_1) return;
    const { head, lists, schemaUrl } = readContainer(from, stop);
    const resource = readResource(head, schemaUrl);
    for (let i = 0; i < lists.length; i += 2) eachScopeItem(lists[i]!, lists[i + 1]!, resource, visit);
  });
}

function eachScopeItem(from: number, stop: number, resource: Resource, visit: VisitItem): void {
  const { head, lists, schemaUrl } = readContainer(from, stop);
  const scope = readScope(head, schemaUrl);
  for (let i = 0; i < lists.length; i += 2) visit(lists[i]!, lists[i + 1]!, resource, scope);
}

interface Container {
  /** The resource or scope. */
  head: Ranges;
  /** The scope lists, or the items. */
  lists: Ranges;
  schemaUrl: string;
}

function readContainer(pos: number, end: number): Container {
  const container: Container = { head: [], lists: [], schemaUrl: '' };
  while (pos < end) {
    const tag = readTag(pos, end);
    pos = skipField(tag, next, end);
    if (tag === FIELD_2) container.lists.push(next, pos);
    else if (tag === FIELD_1) container.head.push(next, pos);
    else if (tag === FIELD_3) container.schemaUrl = readText(next, pos);
  }
  return container;
}
