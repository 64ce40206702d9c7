/**
 * The native API's telemetry, between its routes and its door: requests as their schemas leave them (JSON members in the
 * API's own names), and the door that turns them into frames of the buffer.
 */
import type { AuditEntry } from './audit-entry.js';
import type { StatusName } from './native-names.js';
import type { Span } from './telemetry.js';

/** Of one log of a call to a model. Times are the server's. */
export interface LogBody {
  prompt_name: string;
  version_tag: string;
  provider?: string | undefined;
  model?: string | undefined;
  tokens_in?: number | undefined;
  tokens_out?: number | undefined;
  latency_ms?: number | undefined;
  cost_usd?: number | undefined;
  ollama_options?: Record<string, unknown> | undefined;
  ollama_keep_alive?: string | undefined;
  ollama_format?: string | Record<string, unknown> | undefined;
  metadata?: Record<string, unknown> | undefined;
  status?: 'ok' | 'error' | undefined;
  error_code?: string | undefined;
  http_status?: number | undefined;
  run_id?: string | undefined;
  /** Any form of the 16 bytes that `parseTraceId` takes; a span id as `parseSpanId` takes it. */
  trace_id?: string | undefined;
  span_id?: string | undefined;
}

export interface TraceBody {
  trace_id?: string | undefined;
  prompt_name?: string | undefined;
  version_tag?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Times in whole milliseconds since the epoch. */
export interface SpanBody {
  /** From the path, or of the span itself on `POST /v1/spans`. */
  trace_id: string;
  span_id?: string | undefined;
  parent_id?: string | undefined;
  name: string;
  status: StatusName;
  start_time?: number | undefined;
  end_time?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** What is absent stays; metadata is replaced as a whole. */
export interface SpanChanges {
  name?: string | undefined;
  status?: StatusName | undefined;
  start_time?: number | undefined;
  end_time?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Who asks, and how. */
export interface NativeRequest {
  workspace: string;
  /** An entry of the audit log with this request's key, address and id. */
  audit(
    deed: Pick<AuditEntry, 'action'> & Partial<Pick<AuditEntry, 'targetId' | 'promptName' | 'versionTag' | 'details'>>,
  ): AuditEntry;
  /** The header of that name, and what makes the request equal to another (a hash of method, path and body). */
  idempotency: { key: string; fingerprint: string } | undefined;
}

export interface NativeAnswer {
  status: number;
  /** JSON text; '' for an answer without a body. */
  body: string;
  /** It is what an earlier request with the same idempotency key was answered. */
  replayed: boolean;
  /** What the request may be asked for by; absent when nothing was written of it. */
  batchId?: string | undefined;
}

/**
 * The native door. Each method resolves when what it wrote can be read back. Rejects as `Appender.append` and
 * `Outcomes.of` do, and with CONFLICT (all of it is there already) and IDEMPOTENCY_KEY_REUSED.
 */
export interface NativeIntake {
  /** 202: `{id, status: "accepted"}`; of a batch `{ids, accepted, status: "accepted"}`. */
  createLogs(request: NativeRequest, logs: readonly LogBody[], options: { batch: boolean }): Promise<NativeAnswer>;
  /** 201: `{trace_id, prompt_name, version_tag, status: "created"}`. */
  createTrace(request: NativeRequest, trace: TraceBody): Promise<NativeAnswer>;
  /** 201: `{trace_id, span_id, name, status}`; of a batch `{items, created, duplicates}`. */
  createSpans(request: NativeRequest, spans: readonly SpanBody[], options: { batch: boolean }): Promise<NativeAnswer>;
  /**
   * 200: `{trace_id, span_id, status: "updated"}`, or `{message: "No changes"}`. One change of a span waits for the one
   * before it; `find` reads the span as it stands then, and rejects when there is none.
   */
  reviseSpan(
    request: NativeRequest,
    place: { traceId: Uint8Array; spanId: Uint8Array },
    changes: SpanChanges,
    find: () => Promise<Span>,
  ): Promise<NativeAnswer>;
  /**
   * 204. The trace and its spans are gone when it resolves. Rejects with NOT_FOUND when there is none, but for a request that
   * comes again under its key.
   */
  deleteTrace(
    request: NativeRequest,
    trace: { traceId: Uint8Array; text: string },
    exists: () => Promise<boolean>,
  ): Promise<NativeAnswer>;
}
