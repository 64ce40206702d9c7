/** The telemetry half of the store: one interface, an implementation per engine, one contract suite over both. */
import type { Component, FrameOutcome, SequenceRange } from '../../component.js';
import type { Cost } from '../../model/generation.js';
import type { DecodedFrame, LogRecord, MetricPoint, Span, TraceRecord } from '../../model/telemetry.js';
import type { Keyset, Page } from '../page.js';
import type { GenerationReader, RepriceResult, RepriceStep, StoredGeneration } from './generations.js';

/** Plain data that tells a worker thread how to open its writer. */
export type WriterOptions =
  | { engine: 'sqlite'; directory: string; writer: number; blockMaxSpans: number; blockMaxBytes: number }
  | { engine: 'postgres'; connectionString: string; writer: number };

export interface TelemetryBatch {
  bufferId: string;
  /** The frames of the buffer that this batch covers, those that failed to decode included. */
  range: SequenceRange;
  frames: DecodedFrame[];
}

export interface WriteResult {
  spans: number;
  /** Spans that were there already, by (workspace, trace id, span id). */
  duplicateSpans: number;
  logRecords: number;
  metricPoints: number;
  /** Of every frame with a trailer, those that were applied before included (of which only `written` is told). */
  outcomes: FrameOutcome[];
}

/** Removes a trace: its declaration and every span of it that was received until then. */
export interface TraceDeletion {
  workspace: string;
  traceId: Uint8Array;
  receivedUntilUnixMs: number;
}

/** Lives in one worker thread. */
export interface TelemetryWriter {
  /**
   * Writes the rows and the applied range in one transaction. A batch whose sequences were applied before (in whole or
   * in part, by any writer) adds nothing for those frames. Throws STORE_UNAVAILABLE when trying again can help;
   * any other error is of the batch itself, and nothing of it was written.
   */
  write(batch: TelemetryBatch): Promise<WriteResult>;
  /**
   * The rows are gone from the tables when it resolves, whichever writer wrote them; may be done again without harm.
   * Throws STORE_UNAVAILABLE when trying again can help. Log records of the trace stay.
   */
  deleteTraces(deletions: readonly TraceDeletion[]): Promise<void>;
  /** Another writer has deleted them: what this one remembers of whose they were counts no longer. */
  forgetTraces(deletions: readonly TraceDeletion[]): Promise<void>;
  /**
   * Sets the cost of what `priceOf` says another one of, in the rows and in every sum, in one transaction. Throws
   * STORE_UNAVAILABLE when trying again can help.
   */
  reprice(step: RepriceStep, priceOf: (generation: StoredGeneration) => Cost | undefined): Promise<RepriceResult>;
  close(): Promise<void>;
}

export interface ListQuery {
  workspace: string;
  /**
   * Inclusive lower, exclusive upper bound of the item's time: a trace's is the start of its earliest span; a log
   * record's is its time, or the observed time when it has none; a metric point's is its time.
   */
  fromUnixNano?: bigint;
  toUnixNano?: bigint;
  service?: string;
  /**
   * Every one of them must be equal, on the record itself or on its resource; of a trace, on one and the same span:
   * a string compares with the string value, and with the JSON text of other scalars. What is large and stands apart from
   * the row (src/model/content.ts) is not compared.
   */
  attributes?: { key: string; value: string }[];
  /** By time: newest first when it is absent. */
  order?: 'asc' | 'desc';
  limit: number;
  after?: Keyset;
  /** Skips that many rows (page/limit clients); the API bounds it. */
  offset?: number;
}

export interface TraceQuery extends ListQuery {
  /** The root's name, exactly; a trace whose root has not come has none. */
  name?: string;
  /** error: at least one span of the trace has status error; ok: none has. */
  status?: 'ok' | 'error';
  minDurationNano?: bigint;
  /** Of its declaration. */
  promptName?: string;
  versionTag?: string;
}

/** Spans of one trace, by start time. Service and attributes filter them as they filter any list. */
export interface SpanQuery extends ListQuery {
  traceId: Uint8Array;
  name?: string;
  /** OTLP SpanKind and StatusCode. */
  kind?: number;
  statusCode?: number;
}

export interface LogQuery extends ListQuery {
  traceId?: Uint8Array;
  spanId?: Uint8Array;
  /** Records of this OTLP severity number or above. */
  minSeverityNumber?: number;
  eventName?: string;
  /** A substring of the body's text, case-insensitive, without what stands apart from the row. */
  bodyContains?: string;
}

export interface MetricQuery extends ListQuery {
  name?: string;
}

export interface TraceSummary {
  traceId: Uint8Array;
  /** Undefined when no client declared the trace: all that is known of it are its spans. */
  record?: TraceRecord;
  /**
   * Name of the root span (of the earliest span without a known parent when no root has come yet); '' without spans.
   * Times are those of its spans; of a trace without spans, both are when it was declared. In lists, a trace stands where
   * its earliest span or its declaration is, whichever is earlier.
   */
  name: string;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  spanCount: number;
  errorCount: number;
  /** Distinct, sorted. */
  services: string[];
  /** When its first span was received, milliseconds since the epoch. */
  receivedTimeUnixMs: number;
}

export interface StoredSpan extends Span {
  receivedTimeUnixMs: number;
}
export interface StoredLogRecord extends LogRecord {
  receivedTimeUnixMs: number;
}
export interface StoredMetricPoint extends MetricPoint {
  receivedTimeUnixMs: number;
}

export interface StoredTrace {
  summary: TraceSummary;
  /** By start time, then span id; each (trace id, span id) once, as last revised. The first MAX_TRACE_SPANS of them. */
  spans: StoredSpan[];
  /** The trace has more spans: the summary is of them all. */
  truncated?: boolean;
}

/** The most spans that one trace is read with: some 200 MB of the largest kind, on their way from the store to a client. */
export const MAX_TRACE_SPANS = 50_000;

/** Reads run off the main thread (SQLite) or asynchronously (Postgres). Rejects with STORE_UNAVAILABLE or QUERY_TIMEOUT. */
export interface TelemetryReader {
  listTraces(query: TraceQuery): Promise<Page<TraceSummary>>;
  getTrace(workspace: string, traceId: Uint8Array): Promise<StoredTrace | undefined>;
  getSpan(workspace: string, traceId: Uint8Array, spanId: Uint8Array): Promise<StoredSpan | undefined>;
  /** Undefined when there is no such trace, declared or by its spans. */
  listSpans(query: SpanQuery): Promise<Page<StoredSpan> | undefined>;
  /** Payload bytes of what is stored of the workspace, as they were received; deleting traces takes nothing from it. */
  storedBytes(workspace: string): Promise<number>;
  listLogs(query: LogQuery): Promise<Page<StoredLogRecord>>;
  listMetricPoints(query: MetricQuery): Promise<Page<StoredMetricPoint>>;
}

export interface TelemetryStore extends Component, TelemetryReader, GenerationReader {
  /** Options for writer number `writer` (0, 1, …), to be opened with `openTelemetryWriter` in a worker thread. */
  writerOptions(writer: number): WriterOptions;
  /** Ranges of that buffer that are stored for good, from sequence `from` on: sorted, not overlapping. */
  appliedRanges(bufferId: string, from: number): Promise<SequenceRange[]>;
  /** The buffer will never replay what is before this sequence: ledger rows wholly before it may go. */
  forgetApplied(bufferId: string, before: number): Promise<void>;
  /** Rejects when the engine can't serve now. */
  ping(): Promise<void>;
}
