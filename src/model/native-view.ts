/** Stored records as the native API shows them, whichever door they came through. */
import { hexOfId } from './native-ids.js';
import { logIdOf } from './native-log-ids.js';
import { LOG_FIELDS, metadataOf, SPAN_FIELDS, splitAttributes, stringOf } from './native-metadata.js';
import {
  ABSENT,
  LOG_ATTRIBUTES,
  PARENT_ID_TEXT,
  RUNNING,
  SPAN_ID_TEXT,
  STATUS_NAMES,
  type StatusName,
  TRACE_ID_TEXT,
} from './native-names.js';
import type { LogRecord, Span, TraceRecord } from './telemetry.js';

const NUMBER = /^-?\d/;

type Fields = ReadonlyMap<string, string>;

const NANOS_PER_MS = 1_000_000n;
/** OTLP SeverityNumber: from here on it is an error. */
const SEVERITY_ERROR = 17;

/** Ids are what the client wrote, and hex where it wrote none. */
export interface NativeSpan {
  /** undefined: as its hex. */
  traceIdText: string | undefined;
  spanIdText: string;
  parentIdText: string | null;
  status: StatusName;
  /** null: the client left it out. */
  startTimeMs: number | null;
  endTimeMs: number | null;
  /** Plain JSON text of an object. */
  metadata: string;
}

export function nativeSpanOf(span: Span): NativeSpan {
  const { fields, metadata } = splitAttributes(span.attributes, SPAN_FIELDS);
  const absent = fields.get(ABSENT) ?? '';
  return {
    traceIdText: textField(fields, TRACE_ID_TEXT),
    spanIdText: textField(fields, SPAN_ID_TEXT) ?? hexOfId(span.spanId),
    parentIdText: parentIdOf(span, fields),
    status: statusOf(span, fields),
    startTimeMs: absent.includes('"start_time"') ? null : millisOf(span.startTimeUnixNano),
    endTimeMs: absent.includes('"end_time"') ? null : millisOf(span.endTimeUnixNano),
    metadata,
  };
}

function parentIdOf({ parentSpanId }: Span, fields: Fields): string | null {
  return parentSpanId === undefined ? null : (textField(fields, PARENT_ID_TEXT) ?? hexOfId(parentSpanId));
}

function statusOf({ statusCode }: Span, fields: Fields): StatusName {
  if (statusCode === 0 && fields.get(RUNNING) === 'true') return 'running';
  return statusCode === 1 || statusCode === 2 ? STATUS_NAMES[statusCode] : 'unset';
}

function millisOf(unixNano: bigint): number {
  return Number(unixNano / NANOS_PER_MS);
}

function textField(fields: Fields, name: string): string | undefined {
  const text = fields.get(name);
  return text === undefined ? undefined : stringOf(text);
}

/** A row of the list of logs, but for its workspace and when it was received. */
export interface NativeLog {
  id: number;
  prompt_name: string | null;
  version_tag: string | null;
  /** Plain JSON text of an object. */
  metadata: string;
  provider: string | null;
  model: string | null;
  tokens_in: number | null;
  tokens_out: number | null;
  latency_ms: number | null;
  cost_usd: number | null;
  /** JSON text of an object. */
  ollama_options: string | null;
  ollama_keep_alive: string | null;
  /** A string; of an object its JSON text. */
  ollama_format: string | null;
  status: 'ok' | 'error';
  error_code: string | null;
  http_status: number | null;
  run_id: string | null;
  trace_id: string | null;
  span_id: string | null;
}

export function nativeLogOf(record: LogRecord): NativeLog {
  const { fields, metadata } = splitAttributes(record.attributes, LOG_FIELDS);
  const text = (name: keyof typeof LOG_ATTRIBUTES) => textField(fields, LOG_ATTRIBUTES[name]) ?? null;
  const number = (name: keyof typeof LOG_ATTRIBUTES) => numberField(fields, LOG_ATTRIBUTES[name]);
  return {
    id: logIdOf(record.timeUnixNano),
    prompt_name: text('prompt_name'),
    version_tag: text('version_tag'),
    metadata,
    provider: text('provider'),
    model: text('model'),
    tokens_in: number('tokens_in'),
    tokens_out: number('tokens_out'),
    latency_ms: number('latency_ms'),
    cost_usd: number('cost_usd'),
    ollama_options: objectField(text('ollama_options')),
    ollama_keep_alive: text('ollama_keep_alive'),
    ollama_format: text('ollama_format'),
    status: logStatus(text('status'), record.severityNumber),
    error_code: text('error_code'),
    http_status: number('http_status'),
    run_id: text('run_id'),
    trace_id: idField(fields, TRACE_ID_TEXT, record.traceId),
    span_id: idField(fields, SPAN_ID_TEXT, record.spanId),
  };
}

/** null for what is no number that JSON has: an OTLP client may write anything under these names. */
function numberField(fields: Fields, name: string): number | null {
  const text = fields.get(name);
  return text !== undefined && NUMBER.test(text) ? Number(text) : null;
}

function objectField(text: string | null): string | null {
  return text !== null && isObjectText(text) ? text : null;
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function logStatus(told: string | null, severityNumber: number): 'ok' | 'error' {
  if (told === 'ok' || told === 'error') return told;
  return severityNumber >= SEVERITY_ERROR ? 'error' : 'ok';
}

function idField(fields: Fields, name: string, id: Uint8Array | undefined): string | null {
  return id === undefined ? null : (textField(fields, name) ?? hexOfId(id));
}

/** A trace as its client declared it. */
export interface NativeTrace {
  traceIdText: string;
  promptName: string | null;
  versionTag: string | null;
  /** Plain JSON text of an object. */
  metadata: string;
}

export function nativeTraceOf({ traceIdText, promptName, versionTag, metadata }: TraceRecord): NativeTrace {
  return {
    traceIdText,
    promptName: promptName ?? null,
    versionTag: versionTag ?? null,
    metadata: metadataOf(metadata),
  };
}
