/**
 * What a decoded OTLP request becomes: one record per span, log record or data point, ready to be a row.
 *
 * Ids are raw bytes. Times are nanoseconds since the epoch. Attributes, events, links and bodies are JSON *text*,
 * written once by the decoder and never parsed on the way to the store (src/model/json-value.ts says how each OTLP
 * value is written without loss). Resources and scopes are shared objects: compare `key`, not identity.
 */
import type { ContentField, ContentPlace } from './content.js';
import type { Generation } from './generation.js';

export interface Resource {
  /** Equal for equal contents: what the store deduplicates by. */
  key: string;
  /** JSON object. */
  attributes: string;
  droppedAttributesCount: number;
  schemaUrl: string;
  /** JSON array of OTLP entity references, '[]' when there are none. */
  entityRefs: string;
  /** The value of `service.name` when it is a non-empty string, else ''. */
  serviceName: string;
}

export interface Scope {
  key: string;
  name: string;
  version: string;
  /** JSON object. */
  attributes: string;
  droppedAttributesCount: number;
  schemaUrl: string;
}

/** By field, then by place. */
export type RecordContents = readonly (ContentPlace & { field: ContentField })[];

export interface Span {
  traceId: Uint8Array;
  spanId: Uint8Array;
  /** undefined for a root: absent, empty or all-zero on the wire. */
  parentSpanId: Uint8Array | undefined;
  traceState: string;
  flags: number;
  name: string;
  /** OTLP SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
  /** JSON object. */
  attributes: string;
  droppedAttributesCount: number;
  /** JSON array of { timeUnixNano: string, name, attributes, droppedAttributesCount }. */
  events: string;
  droppedEventsCount: number;
  /** JSON array of { traceId: hex, spanId: hex, traceState, attributes, droppedAttributesCount, flags }. */
  links: string;
  droppedLinksCount: number;
  resource: Resource;
  scope: Scope;
  /** What it tells of a call to a model, a tool or an agent: derived before it is stored, never read back with the span. */
  generation?: Generation | undefined;
  /** What was taken out of its texts on the way to the store; what is read has all of it back in them. */
  contents?: RecordContents | undefined;
}

export interface LogRecord {
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  eventName: string;
  /** JSON value. */
  body: string;
  /** JSON object. */
  attributes: string;
  droppedAttributesCount: number;
  flags: number;
  /** undefined when absent or not 16 / 8 bytes. */
  traceId: Uint8Array | undefined;
  spanId: Uint8Array | undefined;
  resource: Resource;
  scope: Scope;
  /** Of a native log. */
  generation?: Generation | undefined;
  /** Of an event with messages of its span: what full text finds the span by. */
  searchText?: string | undefined;
  contents?: RecordContents | undefined;
}

export type MetricType = 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary';

/** What a data point shares with its neighbours. */
export interface Metric {
  key: string;
  name: string;
  description: string;
  unit: string;
  type: MetricType;
  /** OTLP AggregationTemporality: 0 unspecified (gauge, summary), 1 delta, 2 cumulative. */
  temporality: number;
  monotonic: boolean;
  /** JSON object: OTLP metric metadata. */
  metadata: string;
}

export interface MetricPoint {
  metric: Metric;
  timeUnixNano: bigint;
  startTimeUnixNano: bigint;
  flags: number;
  /** JSON object. */
  attributes: string;
  /** Gauge and sum only: the value as an integer, or as a double; both undefined when the point carries none. */
  intValue: bigint | undefined;
  doubleValue: number | undefined;
  /** Histograms and summaries: JSON object of the OTLP fields (count, sum, min, max, bucketCounts, …), else undefined. */
  distribution: string | undefined;
  /** JSON array of OTLP exemplars, '[]' when there are none. */
  exemplars: string;
  resource: Resource;
  scope: Scope;
}

/** A trace as a client of the native API declared it: what is known of it beside its spans. */
export interface TraceRecord {
  traceId: Uint8Array;
  /** The id as the client wrote it (a UUID with dashes, say). */
  traceIdText: string;
  promptName: string | undefined;
  versionTag: string | undefined;
  /** JSON object, as attributes are. */
  metadata: string;
  createdTimeUnixMs: number;
}

/** What a frame's trailer asks of the store. */
export interface NativeWrite {
  /** Declarations: of each trace the first one counts. */
  traces: TraceRecord[];
  /** The frame's spans take the place of those that have their ids (and are new where there are none). */
  revises: boolean;
  /** A frame whose key (in its workspace) was applied in the last 24 hours is not applied again. */
  idempotency: Idempotency | undefined;
}

export interface Idempotency {
  key: string;
  /** Equal for equal requests. */
  fingerprint: string;
  /** What the request is answered, for when it is repeated. */
  answer: string;
}

/** All that one frame of the buffer decodes to; only the list of its signal is filled. */
export interface DecodedFrame {
  sequence: number;
  workspace: string;
  receivedTimeUnixMs: number;
  /** Of the payload: what the workspace is said to hold. */
  bytes: number;
  /** Of a frame with a trailer. */
  native: NativeWrite | undefined;
  spans: Span[];
  logRecords: LogRecord[];
  metricPoints: MetricPoint[];
}
