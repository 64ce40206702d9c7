/** A stored span as the ExportTraceServiceRequest that it came in, or one that decodes to the same. */
import {
  attributesOf,
  type Json,
  JsonNumber,
  JsonObject,
  parseAttributes,
  parseJson,
} from '../../src/model/json-value.js';
import type { Resource, Scope, Span } from '../../src/model/telemetry.js';
import type { WireWriter } from '../../src/otlp/wire-writer.js';
import { writePayload } from './payload.js';
import { putMessage, putString, putTypedAttributes } from './values.js';

export function storedSpanPayload(span: Span): Buffer {
  return writePayload((writer) =>
    putMessage(writer, 0x0a, () => {
      putMessage(writer, 0x0a, () => putResource(writer, span.resource));
      putMessage(writer, 0x12, () => {
        putMessage(writer, 0x0a, () => putScope(writer, span.scope));
        putMessage(writer, 0x12, () => putSpan(writer, span));
        putString(writer, 0x1a, span.scope.schemaUrl);
      });
      putString(writer, 0x1a, span.resource.schemaUrl);
    }),
  );
}

function putSpan(writer: WireWriter, span: Span): void {
  putBytes(writer, 0x0a, span.traceId);
  putBytes(writer, 0x12, span.spanId);
  putString(writer, 0x1a, span.traceState);
  if (span.parentSpanId !== undefined) putBytes(writer, 0x22, span.parentSpanId);
  putString(writer, 0x2a, span.name);
  putInt32(writer, 0x30, span.kind);
  writer.varint(0x39);
  writer.fixed64(span.startTimeUnixNano);
  writer.varint(0x41);
  writer.fixed64(span.endTimeUnixNano);
  putTypedAttributes(writer, 0x4a, parseAttributes(span.attributes));
  putUint32(writer, 0x50, span.droppedAttributesCount);
  for (const event of objectsIn(span.events)) putMessage(writer, 0x5a, () => putEvent(writer, event));
  putUint32(writer, 0x60, span.droppedEventsCount);
  for (const link of objectsIn(span.links)) putMessage(writer, 0x6a, () => putLink(writer, link));
  putUint32(writer, 0x70, span.droppedLinksCount);
  putMessage(writer, 0x7a, () => {
    putString(writer, 0x12, span.statusMessage);
    putInt32(writer, 0x18, span.statusCode);
  });
  // Field 16: its tag takes two bytes.
  putFixed32(writer, 0x85, span.flags);
}

function putEvent(writer: WireWriter, event: JsonObject): void {
  writer.varint(0x09);
  writer.fixed64(BigInt(textMember(event, 'timeUnixNano') || 0));
  putString(writer, 0x12, textMember(event, 'name'));
  putTypedAttributes(writer, 0x1a, attributesOf(event.get('attributes')));
  putUint32(writer, 0x20, numberMember(event, 'droppedAttributesCount'));
}

function putLink(writer: WireWriter, link: JsonObject): void {
  putBytes(writer, 0x0a, Buffer.from(textMember(link, 'traceId'), 'hex'));
  putBytes(writer, 0x12, Buffer.from(textMember(link, 'spanId'), 'hex'));
  putString(writer, 0x1a, textMember(link, 'traceState'));
  putTypedAttributes(writer, 0x22, attributesOf(link.get('attributes')));
  putUint32(writer, 0x28, numberMember(link, 'droppedAttributesCount'));
  putFixed32(writer, 0x35, numberMember(link, 'flags'));
}

function putResource(writer: WireWriter, resource: Resource): void {
  putTypedAttributes(writer, 0x0a, parseAttributes(resource.attributes));
  putUint32(writer, 0x10, resource.droppedAttributesCount);
  for (const entity of objectsIn(resource.entityRefs)) putMessage(writer, 0x1a, () => putEntityRef(writer, entity));
}

function putEntityRef(writer: WireWriter, entity: JsonObject): void {
  putString(writer, 0x0a, textMember(entity, 'schemaUrl'));
  putString(writer, 0x12, textMember(entity, 'type'));
  putTexts(writer, 0x1a, entity.get('idKeys'));
  putTexts(writer, 0x22, entity.get('descriptionKeys'));
}

function putScope(writer: WireWriter, scope: Scope): void {
  putString(writer, 0x0a, scope.name);
  putString(writer, 0x12, scope.version);
  putTypedAttributes(writer, 0x1a, parseAttributes(scope.attributes));
  putUint32(writer, 0x20, scope.droppedAttributesCount);
}

// ---- fields, left out where they are zero ----

function putBytes(writer: WireWriter, tag: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  writer.varint(tag);
  writer.bytes(bytes);
}

function putUint32(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(tag);
  writer.varint(value);
}

/** Negative numbers take 64 bits. */
function putInt32(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(tag);
  writer.varint64(BigInt(value));
}

function putFixed32(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(tag);
  writer.fixed32(value);
}

/** An element may be empty. */
function putTexts(writer: WireWriter, tag: number, texts: Json | undefined): void {
  for (const text of Array.isArray(texts) ? texts : []) {
    writer.varint(tag);
    writer.string(String(text));
  }
}

// ---- members of stored objects ----

function objectsIn(text: string): JsonObject[] {
  if (text === '[]') return [];
  const json = parseJson(text);
  return Array.isArray(json) ? json.filter((element) => element instanceof JsonObject) : [];
}

function textMember(object: JsonObject, name: string): string {
  const value = object.get(name);
  return typeof value === 'string' ? value : '';
}

function numberMember(object: JsonObject, name: string): number {
  const value = object.get(name);
  return value instanceof JsonNumber ? Number(value.text) : 0;
}
