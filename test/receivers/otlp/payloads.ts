/** Small Export requests of the three signals, in both encodings, and readers of the answers. */
import { google, opentelemetry } from '../../../proto/generated/otlp.js';
import type { Encoding, Signal } from '../../../src/component.js';

const collector = opentelemetry.proto.collector;

const REQUESTS = {
  traces: collector.trace.v1.ExportTraceServiceRequest,
  logs: collector.logs.v1.ExportLogsServiceRequest,
  metrics: collector.metrics.v1.ExportMetricsServiceRequest,
} as const;

const RESPONSES = {
  traces: collector.trace.v1.ExportTraceServiceResponse,
  logs: collector.logs.v1.ExportLogsServiceResponse,
  metrics: collector.metrics.v1.ExportMetricsServiceResponse,
} as const;

const TIME = '1700000000123456789';

export interface SpanOptions {
  traceId?: string;
  spanId?: string;
  name?: string;
}

/** A request of one span, its ids valid unless told otherwise (in hex). */
function span({ traceId = 'a1'.repeat(16), spanId = 'b2'.repeat(8), name = 'chat' }: SpanOptions) {
  return { traceId, spanId, name, startTimeUnixNano: TIME, endTimeUnixNano: TIME };
}

export function tracesJson(spans: readonly SpanOptions[] = [{}]): Buffer {
  return Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: spans.map(span) }] }] }));
}

export function tracesProtobuf(spans: readonly SpanOptions[] = [{}]): Buffer {
  const records = spans.map(span).map(({ traceId, spanId, ...rest }) => ({
    ...rest,
    traceId: Buffer.from(traceId, 'hex'),
    spanId: Buffer.from(spanId, 'hex'),
  }));
  const message = REQUESTS.traces.fromObject({ resourceSpans: [{ scopeSpans: [{ spans: records }] }] });
  return Buffer.from(REQUESTS.traces.encode(message).finish());
}

const LOGS = {
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: TIME, body: { stringValue: 'hello' } }] }] }],
};
const METRICS = {
  resourceMetrics: [
    { scopeMetrics: [{ metrics: [{ name: 'tokens', gauge: { dataPoints: [{ timeUnixNano: TIME, asInt: '3' }] } }] }] },
  ],
};

/** A request with one item. */
export function payload(signal: Signal, encoding: Encoding): Buffer {
  if (signal === 'traces') return encoding === 'json' ? tracesJson() : tracesProtobuf();
  const object = signal === 'logs' ? LOGS : METRICS;
  if (encoding === 'json') return Buffer.from(JSON.stringify(object));
  const type = REQUESTS[signal];
  return Buffer.from(type.encode(type.fromObject(object)).finish());
}

/** A valid request of exactly that many bytes. */
export function tracesOfSize(bytes: number): Buffer {
  const overhead = tracesProtobuf([{ name: 'x'.repeat(bytes) }]).length - bytes;
  for (let length = bytes - overhead; length <= bytes; length++) {
    const body = tracesProtobuf([{ name: 'x'.repeat(length) }]);
    if (body.length === bytes) return body;
  }
  throw new Error(`No request has ${bytes} bytes`);
}

export interface PartialSuccess {
  rejected: number;
  errorMessage: string;
}

export function partialSuccessOf(signal: Signal, body: Buffer): PartialSuccess | undefined {
  const { partialSuccess } = RESPONSES[signal].decode(body) as { partialSuccess?: Record<string, unknown> | null };
  if (!partialSuccess) return undefined;
  const { errorMessage = '', rejectedSpans, rejectedLogRecords, rejectedDataPoints } = partialSuccess;
  return {
    rejected: Number(rejectedSpans ?? rejectedLogRecords ?? rejectedDataPoints ?? 0),
    errorMessage: String(errorMessage),
  };
}

export interface DecodedStatus {
  code: number;
  message: string;
  /** The last part of each type name: RetryInfo, BadRequest. */
  details: string[];
  retryDelaySeconds: number | undefined;
}

/** A google.rpc.Status in either encoding. */
export function statusOf(body: Buffer, encoding: Encoding): DecodedStatus {
  if (encoding === 'json') {
    const { code, message, details = [] } = JSON.parse(body.toString());
    const types = (details as { '@type': string }[]).map((detail) => detail['@type'].split('.').at(-1)!);
    const delay = (details as { retryDelay?: string }[]).find((detail) => detail.retryDelay)?.retryDelay;
    return {
      code,
      message,
      details: types,
      retryDelaySeconds: delay === undefined ? undefined : Number.parseFloat(delay),
    };
  }
  const status = google.rpc.Status.decode(body);
  const details = status.details ?? [];
  const retry = details.find((detail) => detail.type_url?.endsWith('RetryInfo'));
  const delay = retry && google.rpc.RetryInfo.decode(retry.value!).retryDelay;
  return {
    code: status.code ?? 0,
    message: status.message ?? '',
    details: details.map((detail) => detail.type_url!.split('.').at(-1)!),
    retryDelaySeconds: delay ? Number(delay.seconds ?? 0) + (delay.nanos ?? 0) / 1e9 : undefined,
  };
}
