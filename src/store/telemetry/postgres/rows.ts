/** How records become rows of COPY. The columns are named once, in the order in which the fields are written. */
import type { LogRecord, MetricPoint, Span } from '../../../model/telemetry.js';
import type { CopyRows } from './copy-rows.js';
import { ExactTexts } from './json-text.js';
import type { TraceBatch } from './trace-batches.js';

export const COLUMNS = {
  spans: [
    'start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, resource_id, scope_id, flags, kind, status_code',
    'dropped_attributes_count, dropped_events_count, dropped_links_count, trace_id, span_id, parent_span_id, workspace, name',
    'trace_state, status_message, attributes, events, links, exact',
  ].join(', '),
  trace_batches: [
    'start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, batch_id, root_start_time_unix_nano, span_count',
    'error_count, trace_id, workspace, root_name, services',
  ].join(', '),
  log_records: [
    'item_time_unix_nano, row_id, time_unix_nano, observed_time_unix_nano, received_time_unix_ms, resource_id, scope_id',
    'severity_number, flags, dropped_attributes_count, trace_id, span_id, workspace, severity_text, event_name, body',
    'attributes, exact',
  ].join(', '),
  metric_points: [
    'time_unix_nano, row_id, start_time_unix_nano, received_time_unix_ms, metric_id, resource_id, scope_id, int_value',
    'double_value, flags, workspace, attributes, distribution, exemplars, exact',
  ].join(', '),
} as const;

export type CopiedTable = keyof typeof COLUMNS;

const SPAN_FIELDS = 22;
const TRACE_BATCH_FIELDS = 11;
const LOG_RECORD_FIELDS = 18;
const METRIC_POINT_FIELDS = 15;

export interface SharedIds {
  resource: bigint;
  scope: bigint;
}

const exact = new ExactTexts();

function optionalText(rows: CopyRows, value: string | undefined): void {
  if (value === undefined || value === '') rows.null();
  else rows.text(value);
}

function optionalBytes(rows: CopyRows, value: Uint8Array | undefined): void {
  if (value === undefined) rows.null();
  else rows.bytes(value);
}

function json(rows: CopyRows, column: string, value: string): void {
  rows.utf8(exact.readable(column, value));
}

function optionalList(rows: CopyRows, column: string, value: string): void {
  if (value === '[]') rows.null();
  else json(rows, column, value);
}

export function writeSpan(rows: CopyRows, workspace: string, span: Span, receivedMs: number, ids: SharedIds): void {
  exact.clear();
  rows.row(SPAN_FIELDS);
  rows.bigint(span.startTimeUnixNano);
  rows.bigint(span.endTimeUnixNano);
  rows.safeInteger(receivedMs);
  rows.bigint(ids.resource);
  rows.bigint(ids.scope);
  rows.integer(span.flags);
  rows.integer(span.kind);
  rows.integer(span.statusCode);
  rows.integer(span.droppedAttributesCount);
  rows.integer(span.droppedEventsCount);
  rows.integer(span.droppedLinksCount);
  rows.bytes(span.traceId);
  rows.bytes(span.spanId);
  optionalBytes(rows, span.parentSpanId);
  rows.utf8(workspace);
  rows.text(span.name);
  optionalText(rows, span.traceState);
  optionalText(rows, span.statusMessage);
  json(rows, 'attributes', span.attributes);
  optionalList(rows, 'events', span.events);
  optionalList(rows, 'links', span.links);
  optionalText(rows, exact.text());
}

export function writeTraceBatch(rows: CopyRows, batch: TraceBatch, batchId: bigint): void {
  rows.row(TRACE_BATCH_FIELDS);
  rows.bigint(batch.startTimeUnixNano);
  rows.bigint(batch.endTimeUnixNano);
  rows.safeInteger(batch.receivedTimeUnixMs);
  rows.bigint(batchId);
  if (batch.rootStartTimeUnixNano === undefined) rows.null();
  else rows.bigint(batch.rootStartTimeUnixNano);
  rows.integer(batch.spanCount);
  rows.integer(batch.errorCount);
  rows.bytes(batch.traceId);
  rows.utf8(batch.workspace);
  if (batch.rootName === undefined) rows.null();
  else rows.text(batch.rootName);
  rows.textArray(batch.services);
}

/** Its own time, or when it was observed. */
export function logItemTime(record: LogRecord): bigint {
  return record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
}

export function writeLogRecord(
  rows: CopyRows,
  workspace: string,
  record: LogRecord,
  receivedMs: number,
  ids: SharedIds,
  rowId: bigint,
): void {
  exact.clear();
  rows.row(LOG_RECORD_FIELDS);
  rows.bigint(logItemTime(record));
  rows.bigint(rowId);
  rows.bigint(record.timeUnixNano);
  rows.bigint(record.observedTimeUnixNano);
  rows.safeInteger(receivedMs);
  rows.bigint(ids.resource);
  rows.bigint(ids.scope);
  rows.integer(record.severityNumber);
  rows.integer(record.flags);
  rows.integer(record.droppedAttributesCount);
  optionalBytes(rows, record.traceId);
  optionalBytes(rows, record.spanId);
  rows.utf8(workspace);
  rows.text(record.severityText);
  rows.text(record.eventName);
  json(rows, 'body', record.body);
  json(rows, 'attributes', record.attributes);
  optionalText(rows, exact.text());
}

export function writeMetricPoint(
  rows: CopyRows,
  workspace: string,
  point: MetricPoint,
  receivedMs: number,
  ids: SharedIds & { metric: bigint },
  rowId: bigint,
): void {
  exact.clear();
  rows.row(METRIC_POINT_FIELDS);
  rows.bigint(point.timeUnixNano);
  rows.bigint(rowId);
  rows.bigint(point.startTimeUnixNano);
  rows.safeInteger(receivedMs);
  rows.bigint(ids.metric);
  rows.bigint(ids.resource);
  rows.bigint(ids.scope);
  if (point.intValue === undefined) rows.null();
  else rows.bigint(point.intValue);
  if (point.doubleValue === undefined) rows.null();
  else rows.double(point.doubleValue);
  rows.integer(point.flags);
  rows.utf8(workspace);
  json(rows, 'attributes', point.attributes);
  if (point.distribution === undefined) rows.null();
  else json(rows, 'distribution', point.distribution);
  optionalList(rows, 'exemplars', point.exemplars);
  optionalText(rows, exact.text());
}
