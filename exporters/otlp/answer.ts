/**
 * What an OTLP backend's answer means. OTLP 1.11 §Failures: over HTTP 429, 502, 503 and 504 may be tried again; over gRPC
 * CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, and RESOURCE_EXHAUSTED with RetryInfo.
 */
import { google, opentelemetry } from '../../proto/generated/otlp.js';
import { GRPC } from '../../src/errors.js';
import type { Answer } from '../transport.js';

/** A backend's words, as they go to logs and dead letters. */
const MAX_REASON_CHARS = 1024;

export function reasonOf(what: string, words: string): string {
  const text = words.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return (text === '' ? what : `${what}: ${text}`).slice(0, MAX_REASON_CHARS);
}

// ---- success ----

/** The three responses have the same field numbers. */
const { ExportTraceServiceResponse } = opentelemetry.proto.collector.trace.v1;

interface PartialSuccessJson {
  partialSuccess?: Record<string, unknown> | null;
}

const REJECTED_JSON = ['rejectedSpans', 'rejectedLogRecords', 'rejectedDataPoints'];

function fromProtobuf(body: Buffer): Answer {
  const { partialSuccess } = ExportTraceServiceResponse.decode(body);
  const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
  return { kind: 'accepted', rejected, message: partialSuccess?.errorMessage ?? '' };
}

function fromJson(body: Buffer): Answer {
  const { partialSuccess } = JSON.parse(body.toString()) as PartialSuccessJson;
  const rejected = REJECTED_JSON.map((name) => Number(partialSuccess?.[name] ?? 0)).find((count) => count > 0);
  return { kind: 'accepted', rejected: rejected ?? 0, message: String(partialSuccess?.errorMessage ?? '') };
}

/** A success is one whatever its body holds: the data was taken. */
export function acceptedOf(body: Buffer, contentType = 'application/x-protobuf'): Answer {
  if (body.length === 0) return { kind: 'accepted', rejected: 0, message: '' };
  try {
    if (/^application\/(x-)?protobuf\b/.test(contentType)) return fromProtobuf(body);
    if (/^application\/json\b/.test(contentType)) return fromJson(body);
    return unreadable(`its type is ${contentType === '' ? 'missing' : contentType}`);
  } catch (error) {
    return unreadable((error as Error).message);
  }
}

function unreadable(reason: string): Answer {
  return { kind: 'accepted', rejected: 0, message: '', unreadable: reasonOf('the answer could not be read', reason) };
}

// ---- HTTP ----

const HTTP_RETRYABLE = new Set([429, 502, 503, 504]);

/** What a backend may ask for at most: a timer takes no more than 2^31 ms, and a mistyped time is no reason to wait for years. */
const MAX_WAIT_MS = 60 * 60 * 1000;

/** RFC 9110 §10.2.3: seconds, or a date. undefined for what is neither. */
export function parseRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_WAIT_MS);
  // Date.parse takes many things for dates; an HTTP-date begins with the name of a day.
  const dateMs = /^[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - nowMs), MAX_WAIT_MS);
}

export interface HttpAnswer {
  status: number;
  contentType: string;
  retryAfter: string | undefined;
  body: Buffer;
}

/** google.rpc.Status where the backend sends one, else the text that it sends. */
function wordsOf({ contentType, body }: HttpAnswer): string {
  try {
    if (/^application\/(x-)?protobuf\b/.test(contentType)) return google.rpc.Status.decode(body).message;
    if (!/^application\/json\b/.test(contentType)) return body.toString();
    const { message } = JSON.parse(body.toString()) as { message?: unknown };
    return typeof message === 'string' ? message : body.toString();
  } catch {
    return body.toString();
  }
}

export function answerOfHttp(answer: HttpAnswer): Answer {
  const { status } = answer;
  if (status >= 200 && status < 300) return acceptedOf(answer.body, answer.contentType);
  const reason = reasonOf(`HTTP ${status}`, wordsOf(answer));
  if (status === 413) return { kind: 'too-large', reason };
  if (!HTTP_RETRYABLE.has(status)) return { kind: 'refused', reason, ofContent: status === 400 || status === 422 };
  const retryAfterMs = parseRetryAfter(answer.retryAfter);
  return { kind: 'retry', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

// ---- gRPC ----

const GRPC_RETRYABLE: ReadonlySet<number> = new Set([
  GRPC.CANCELLED,
  GRPC.DEADLINE_EXCEEDED,
  GRPC.ABORTED,
  GRPC.OUT_OF_RANGE,
  GRPC.UNAVAILABLE,
  GRPC.DATA_LOSS,
]);

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** Of the `grpc-status-details-bin` trailer; undefined when it holds no RetryInfo. */
export function parseRetryInfo(details: Buffer | undefined): number | undefined {
  if (details === undefined) return undefined;
  try {
    const { details: all } = google.rpc.Status.decode(details);
    const found = all?.find(({ type_url }) => type_url === RETRY_INFO);
    if (!found) return undefined;
    const { retryDelay } = google.rpc.RetryInfo.decode(found.value ?? new Uint8Array());
    const waitMs = Number(retryDelay?.seconds ?? 0) * 1000 + (retryDelay?.nanos ?? 0) / 1e6;
    return Math.min(Math.max(0, waitMs), MAX_WAIT_MS);
  } catch {
    return undefined;
  }
}

export interface GrpcStatus {
  code: number;
  name: string;
  message: string;
  details: Buffer | undefined;
}

export function answerOfGrpc({ code, name, message, details }: GrpcStatus): Answer {
  const reason = reasonOf(name, message);
  const retryAfterMs = parseRetryInfo(details);
  const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (code === GRPC.RESOURCE_EXHAUSTED) {
    return retryAfterMs === undefined ? { kind: 'too-large', reason } : { kind: 'retry', reason, ...hint };
  }
  if (GRPC_RETRYABLE.has(code)) return { kind: 'retry', reason, ...hint };
  return { kind: 'refused', reason, ofContent: code === GRPC.INVALID_ARGUMENT };
}
