/**
 * Spans as plain values on their way between threads: arrays of texts and numbers are read from SQLite, cloned and taken
 * apart in a third of the time that objects with 64-bit integers and buffers take.
 */
import { bytesOfHex } from '../../../model/native-ids.js';
import type { Resource, Scope } from '../../../model/telemetry.js';
import type { StoredSpan } from '../telemetry.js';
import { unsigned } from './trace-groups.js';

export type PlainSpan = [
  spanId: string,
  parentSpanId: string,
  startTimeUnixNano: string,
  endTimeUnixNano: string,
  name: string,
  kind: number,
  statusCode: number,
  flags: number,
  resourceId: number,
  scopeId: number,
  receivedTimeUnixMs: number,
  statusMessage: string,
  traceState: string,
  droppedAttributesCount: number,
  droppedEventsCount: number,
  droppedLinksCount: number,
  attributes: string,
  events: string,
  links: string,
  id: number,
];

export const PLAIN_ATTRIBUTES = 16;
export const PLAIN_EVENTS = 17;
export const PLAIN_ID = 19;

/** In the order of the members above. The hex of no id is ''. */
export const PLAIN_SPAN_COLUMNS = `lower(hex(span_id)), lower(hex(parent_span_id)), cast(start_time_unix_nano AS TEXT),
  cast(end_time_unix_nano AS TEXT), name, kind, status_code, flags, resource_id, scope_id, received_time_unix_ms,
  status_message, trace_state, dropped_attributes_count, dropped_events_count, dropped_links_count, attributes, events,
  links, spans.id`;

/** Of one block. */
export interface PlainSpans {
  rows: PlainSpan[];
  resources: ReadonlyMap<number, Resource>;
  scopes: ReadonlyMap<number, Scope>;
}

export function toStoredSpans(traceId: Uint8Array, { rows, resources, scopes }: PlainSpans): StoredSpan[] {
  return rows.map(
    ([
      spanId,
      parentSpanId,
      startTimeUnixNano,
      endTimeUnixNano,
      name,
      kind,
      statusCode,
      flags,
      resourceId,
      scopeId,
      receivedTimeUnixMs,
      statusMessage,
      traceState,
      droppedAttributesCount,
      droppedEventsCount,
      droppedLinksCount,
      attributes,
      events,
      links,
    ]) => ({
      traceId,
      spanId: bytesOfHex(spanId),
      parentSpanId: parentSpanId === '' ? undefined : bytesOfHex(parentSpanId),
      traceState,
      flags,
      name,
      kind,
      startTimeUnixNano: unsigned(BigInt(startTimeUnixNano)),
      endTimeUnixNano: unsigned(BigInt(endTimeUnixNano)),
      statusCode,
      statusMessage,
      attributes,
      droppedAttributesCount,
      events,
      droppedEventsCount,
      links,
      droppedLinksCount,
      resource: resources.get(resourceId)!,
      scope: scopes.get(scopeId)!,
      receivedTimeUnixMs,
    }),
  );
}
