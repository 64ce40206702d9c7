/** How rows become records again. int8 arrives as bigint, bytea as Buffer, json as its text. */
import type { LogRecord, Metric, MetricPoint, Resource, Scope, Span } from '../../../model/telemetry.js';
import { restoreExact } from './json-text.js';
import type { Queries } from './queries.js';
import { unsigned } from './time.js';

interface SharedRow {
  id: bigint;
  attributes: string;
  dropped_attributes_count: number;
  schema_url: string;
  exact: string | null;
}
interface ResourceRow extends SharedRow {
  service_name: string;
  entity_refs: string;
}
interface ScopeRow extends SharedRow {
  name: string;
  version: string;
}
interface MetricRow {
  id: bigint;
  name: string;
  description: string;
  unit: string;
  type: Metric['type'];
  temporality: number;
  monotonic: boolean;
  metadata: string;
  exact: string | null;
}

interface RecordRow {
  received_time_unix_ms: bigint;
  resource_id: bigint;
  scope_id: bigint;
  flags: number;
  attributes: string;
  exact: string | null;
}

export interface SpanRow extends RecordRow {
  start_time_unix_nano: bigint;
  end_time_unix_nano: bigint;
  kind: number;
  status_code: number;
  dropped_attributes_count: number;
  dropped_events_count: number;
  dropped_links_count: number;
  trace_id: string;
  span_id: Buffer;
  parent_span_id: Buffer | null;
  name: string;
  trace_state: string | null;
  status_message: string | null;
  events: string | null;
  links: string | null;
}

export interface LogRecordRow extends RecordRow {
  item_time_unix_nano: bigint;
  row_id: bigint;
  time_unix_nano: bigint;
  observed_time_unix_nano: bigint;
  severity_number: number;
  severity_text: string;
  event_name: string;
  body: string;
  dropped_attributes_count: number;
  trace_id: string | null;
  span_id: Buffer | null;
}

export interface MetricPointRow extends RecordRow {
  time_unix_nano: bigint;
  row_id: bigint;
  start_time_unix_nano: bigint;
  metric_id: bigint;
  int_value: bigint | null;
  double_value: number | null;
  distribution: string | null;
  exemplars: string | null;
}

/** What the rows of one answer refer to. */
export interface SharedRecords {
  resources: Map<bigint, Resource>;
  scopes: Map<bigint, Scope>;
  metrics: Map<bigint, Metric>;
}

type Referring = Pick<RecordRow, 'resource_id' | 'scope_id'> & { metric_id?: bigint };

export async function readShared(
  queries: Queries,
  workspace: string,
  rows: readonly Referring[],
): Promise<SharedRecords> {
  const read = async <Row extends { id: bigint; exact: string | null }, Item>(
    table: string,
    ids: (bigint | undefined)[],
    itemOf: (row: Row) => Item,
  ): Promise<Map<bigint, Item>> => {
    const distinct = [...new Set(ids)].filter((id) => id !== undefined);
    if (distinct.length === 0) return new Map();
    const sql = `select * from ${table} where workspace = $1 and id = any($2::bigint[])`;
    const found = await queries.rows<Row>(sql, [workspace, distinct]);
    return new Map(found.map((row) => [row.id, itemOf(restoreExact(row))]));
  };
  const [resources, scopes, metrics] = await Promise.all([
    read(
      'resources',
      rows.map((row) => row.resource_id),
      resourceOf,
    ),
    read(
      'scopes',
      rows.map((row) => row.scope_id),
      scopeOf,
    ),
    read(
      'metrics',
      rows.map((row) => row.metric_id),
      metricOf,
    ),
  ]);
  return { resources, scopes, metrics };
}

function resourceOf(row: ResourceRow): Resource {
  return {
    key: row.id.toString(),
    attributes: row.attributes,
    droppedAttributesCount: row.dropped_attributes_count >>> 0,
    schemaUrl: row.schema_url,
    entityRefs: row.entity_refs,
    serviceName: row.service_name,
  };
}

function scopeOf(row: ScopeRow): Scope {
  return {
    key: row.id.toString(),
    name: row.name,
    version: row.version,
    attributes: row.attributes,
    droppedAttributesCount: row.dropped_attributes_count >>> 0,
    schemaUrl: row.schema_url,
  };
}

function metricOf({ id, name, description, unit, type, temporality, monotonic, metadata }: MetricRow): Metric {
  return { key: id.toString(), name, description, unit, type, temporality, monotonic, metadata };
}

/** As Postgres writes it, of 32 hex digits. */
export function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function idOfUuid(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

export function spanOf(stored: SpanRow, shared: SharedRecords): Span & { receivedTimeUnixMs: number } {
  const row = restoreExact(stored);
  return {
    traceId: idOfUuid(row.trace_id),
    spanId: row.span_id,
    parentSpanId: row.parent_span_id ?? undefined,
    traceState: row.trace_state ?? '',
    flags: row.flags >>> 0,
    name: row.name,
    kind: row.kind,
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    endTimeUnixNano: unsigned(row.end_time_unix_nano),
    statusCode: row.status_code,
    statusMessage: row.status_message ?? '',
    attributes: row.attributes,
    droppedAttributesCount: row.dropped_attributes_count >>> 0,
    events: row.events ?? '[]',
    droppedEventsCount: row.dropped_events_count >>> 0,
    links: row.links ?? '[]',
    droppedLinksCount: row.dropped_links_count >>> 0,
    ...originOf(row, shared),
  };
}

export function logRecordOf(stored: LogRecordRow, shared: SharedRecords): LogRecord & { receivedTimeUnixMs: number } {
  const row = restoreExact(stored);
  return {
    timeUnixNano: unsigned(row.time_unix_nano),
    observedTimeUnixNano: unsigned(row.observed_time_unix_nano),
    severityNumber: row.severity_number,
    severityText: row.severity_text,
    eventName: row.event_name,
    body: row.body,
    attributes: row.attributes,
    droppedAttributesCount: row.dropped_attributes_count >>> 0,
    flags: row.flags >>> 0,
    traceId: row.trace_id === null ? undefined : idOfUuid(row.trace_id),
    spanId: row.span_id ?? undefined,
    ...originOf(row, shared),
  };
}

export function metricPointOf(
  stored: MetricPointRow,
  shared: SharedRecords,
): MetricPoint & { receivedTimeUnixMs: number } {
  const row = restoreExact(stored);
  return {
    metric: shared.metrics.get(row.metric_id)!,
    timeUnixNano: unsigned(row.time_unix_nano),
    startTimeUnixNano: unsigned(row.start_time_unix_nano),
    flags: row.flags >>> 0,
    attributes: row.attributes,
    intValue: row.int_value ?? undefined,
    doubleValue: row.double_value ?? undefined,
    distribution: row.distribution ?? undefined,
    exemplars: row.exemplars ?? '[]',
    ...originOf(row, shared),
  };
}

function originOf(row: RecordRow, { resources, scopes }: SharedRecords) {
  return {
    resource: resources.get(row.resource_id)!,
    scope: scopes.get(row.scope_id)!,
    receivedTimeUnixMs: Number(row.received_time_unix_ms),
  };
}
