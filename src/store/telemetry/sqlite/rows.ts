/** Rows of a block as the records they were. Every integer arrives as a bigint. */
import type { Metric, MetricType, Resource, Scope, TraceRecord } from '../../../model/telemetry.js';
import type { StoredLogRecord, StoredMetricPoint, StoredSpan } from '../telemetry.js';
import { unsigned } from './trace-groups.js';

export interface ResourceRow {
  digest: Buffer;
  service_name: string;
  attributes: string;
  dropped_attributes_count: bigint;
  schema_url: string;
  entity_refs: string;
}

export interface ScopeRow {
  digest: Buffer;
  name: string;
  version: string;
  attributes: string;
  dropped_attributes_count: bigint;
  schema_url: string;
}

export interface MetricRow {
  digest: Buffer;
  name: string;
  description: string;
  unit: string;
  type: string;
  temporality: bigint;
  monotonic: bigint;
  metadata: string;
}

export interface SpanRow {
  id: bigint;
  trace_id: Buffer;
  span_id: Buffer;
  parent_span_id: Buffer | null;
  start_time_unix_nano: bigint;
  end_time_unix_nano: bigint;
  name: string;
  kind: bigint;
  status_code: bigint;
  flags: bigint;
  resource_id: bigint;
  scope_id: bigint;
  received_time_unix_ms: bigint;
  status_message: string;
  trace_state: string;
  dropped_attributes_count: bigint;
  dropped_events_count: bigint;
  dropped_links_count: bigint;
  attributes: string;
  events: string;
  links: string;
}

export interface LogRow {
  time_unix_nano: bigint;
  observed_time_unix_nano: bigint;
  severity_number: bigint;
  severity_text: string;
  event_name: string;
  trace_id: Buffer | null;
  span_id: Buffer | null;
  flags: bigint;
  resource_id: bigint;
  scope_id: bigint;
  received_time_unix_ms: bigint;
  dropped_attributes_count: bigint;
  body: string;
  attributes: string;
}

export interface TraceRecordRow {
  trace_id: Buffer;
  trace_id_text: string;
  prompt_name: string | null;
  version_tag: string | null;
  metadata: string;
  created_time_unix_ms: bigint;
}

export interface PointRow {
  metric_id: bigint;
  time_unix_nano: bigint;
  start_time_unix_nano: bigint;
  flags: bigint;
  resource_id: bigint;
  scope_id: bigint;
  received_time_unix_ms: bigint;
  int_value: bigint | null;
  double_value: number | string | null;
  attributes: string;
  distribution: string | null;
  exemplars: string;
}

/** A view's copy: what is handed to another thread must not bring a larger buffer along. */
function bytes(value: Buffer): Uint8Array {
  return new Uint8Array(value);
}

export function toResource(row: ResourceRow): Resource {
  return {
    key: row.digest.toString('hex'),
    attributes: row.attributes,
    droppedAttributesCount: Number(row.dropped_attributes_count),
    schemaUrl: row.schema_url,
    entityRefs: row.entity_refs,
    serviceName: row.service_name,
  };
}

export function toScope(row: ScopeRow): Scope {
  return {
    key: row.digest.toString('hex'),
    name: row.name,
    version: row.version,
    attributes: row.attributes,
    droppedAttributesCount: Number(row.dropped_attributes_count),
    schemaUrl: row.schema_url,
  };
}

export function toMetric(row: MetricRow): Metric {
  return {
    key: row.digest.toString('hex'),
    name: row.name,
    description: row.description,
    unit: row.unit,
    type: row.type as MetricType,
    temporality: Number(row.temporality),
    monotonic: row.monotonic === 1n,
    metadata: row.metadata,
  };
}

export function toSpan(row: SpanRow, resource: Resource, scope: Scope): StoredSpan {
  return {
    traceId: bytes(row.trace_id),
    spanId: bytes(row.span_id),
    parentSpanId: row.parent_span_id ? bytes(row.parent_span_id) : undefined,
    traceState: row.trace_state,
    flags: Number(row.flags),
    name: row.name,
    kind: Number(row.kind),
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    endTimeUnixNano: unsigned(row.end_time_unix_nano),
    statusCode: Number(row.status_code),
    statusMessage: row.status_message,
    attributes: row.attributes,
    droppedAttributesCount: Number(row.dropped_attributes_count),
    events: row.events,
    droppedEventsCount: Number(row.dropped_events_count),
    links: row.links,
    droppedLinksCount: Number(row.dropped_links_count),
    resource,
    scope,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}

export function toLogRecord(row: LogRow, resource: Resource, scope: Scope): StoredLogRecord {
  return {
    timeUnixNano: unsigned(row.time_unix_nano),
    observedTimeUnixNano: unsigned(row.observed_time_unix_nano),
    severityNumber: Number(row.severity_number),
    severityText: row.severity_text,
    eventName: row.event_name,
    body: row.body,
    attributes: row.attributes,
    droppedAttributesCount: Number(row.dropped_attributes_count),
    flags: Number(row.flags),
    traceId: row.trace_id ? bytes(row.trace_id) : undefined,
    spanId: row.span_id ? bytes(row.span_id) : undefined,
    resource,
    scope,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}

export function toTraceRecord(row: TraceRecordRow): TraceRecord {
  return {
    traceId: bytes(row.trace_id),
    traceIdText: row.trace_id_text,
    promptName: row.prompt_name ?? undefined,
    versionTag: row.version_tag ?? undefined,
    metadata: row.metadata,
    createdTimeUnixMs: Number(row.created_time_unix_ms),
  };
}

export function toMetricPoint(row: PointRow, metric: Metric, resource: Resource, scope: Scope): StoredMetricPoint {
  return {
    metric,
    timeUnixNano: unsigned(row.time_unix_nano),
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    flags: Number(row.flags),
    attributes: row.attributes,
    intValue: row.int_value ?? undefined,
    // 'NaN' and '-0.0' are text (see the schema).
    doubleValue: row.double_value === null ? undefined : Number(row.double_value),
    distribution: row.distribution ?? undefined,
    exemplars: row.exemplars,
    resource,
    scope,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}
