/** An instrumented application, with OpenTelemetry's own SDK and exporters: only its clock is ours. */
import {
  type Attributes,
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { type LogRecord, SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { logs, resources, tracing } from '@opentelemetry/sdk-node';

export interface ApplicationOptions {
  service: string;
  version: string;
  environment?: string;
  language: 'python' | 'nodejs';
  encoding?: 'protobuf' | 'json';
  resource?: Attributes;
}

export interface Scope {
  name: string;
  version?: string;
}

export interface Work {
  scope: Scope;
  name: string;
  kind?: SpanKind;
  attributes?: Attributes;
  parent?: Context;
  startMs: number;
}

export interface Done {
  endMs: number;
  attributes?: Attributes;
  /** Of the exception that ended it. */
  error?: { type: string; message: string } | undefined;
}

export interface Sent {
  spans: number;
  logRecords: number;
  requests: number;
}

export interface SpanIds {
  traceId: string;
  spanId: string;
}

/** As the batch processors of the SDKs have it. */
const BATCH = 512;

export function hrTime(unixMs: number): HrTime {
  const micros = Math.round(unixMs * 1000);
  return [Math.floor(micros / 1e6), (micros % 1e6) * 1000];
}

export function idsOf(context: Context): SpanIds {
  return trace.getSpanContext(context)!;
}

export class Application {
  private readonly spans: tracing.ReadableSpan[] = [];
  private readonly logRecords: logs.ReadableLogRecord[] = [];
  private readonly tracing: tracing.BasicTracerProvider;
  private readonly logging: logs.LoggerProvider;

  constructor(private readonly options: ApplicationOptions) {
    const resource = resources.resourceFromAttributes(resourceOf(options));
    const nothing = { forceFlush: async () => {}, shutdown: async () => {} };
    const onEnd = (span: tracing.ReadableSpan) => void this.spans.push(span);
    const onEmit = (record: logs.ReadableLogRecord) => void this.logRecords.push(record);
    this.tracing = new tracing.BasicTracerProvider({
      resource,
      sampler: new tracing.AlwaysOnSampler(),
      spanProcessors: [{ ...nothing, onStart: () => {}, onEnd }],
    });
    this.logging = new logs.LoggerProvider({ resource, processors: [{ ...nothing, onEmit }] });
  }

  /** Does what `body` says within a span; when it ends, in milliseconds. */
  record(work: Work, body: (context: Context) => Done): number {
    const { scope, name, kind = SpanKind.INTERNAL, attributes = {}, parent = ROOT_CONTEXT, startMs } = work;
    const tracer = this.tracing.getTracer(scope.name, scope.version);
    const span = tracer.startSpan(name, { kind, attributes, startTime: hrTime(startMs) }, parent);
    const { endMs, attributes: last = {}, error } = body(trace.setSpan(parent, span));
    span.setAttributes(last);
    if (error) {
      span.recordException({ name: error.type, message: error.message }, hrTime(endMs));
      span.setAttribute('error.type', error.type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    }
    span.end(hrTime(endMs));
    return endMs;
  }

  emit(scope: Scope, context: Context, atMs: number, record: Omit<LogRecord, 'timestamp' | 'context'>): void {
    const at = hrTime(atMs);
    const severityNumber = SeverityNumber.INFO;
    const logger = this.logging.getLogger(scope.name, scope.version);
    logger.emit({ severityNumber, ...record, timestamp: at, observedTimestamp: at, context });
  }

  /** Half of the log records before the spans, the rest after them: never in one request with them. */
  async send(): Promise<Sent> {
    const half = Math.ceil(this.logRecords.length / 2);
    const [before, after] = [this.logRecords.slice(0, half), this.logRecords.slice(half)];
    const spanExporter = this.options.encoding === 'json' ? new JsonTraceExporter() : new ProtobufTraceExporter();
    const logExporter = this.options.encoding === 'json' ? new JsonLogExporter() : new ProtobufLogExporter();
    const requests = [
      await inBatches(before, logExporter),
      await inBatches(this.spans, spanExporter),
      await inBatches(after, logExporter),
    ];
    await Promise.all([spanExporter.shutdown(), logExporter.shutdown()]);
    return {
      spans: this.spans.length,
      logRecords: this.logRecords.length,
      requests: requests.reduce((sum, number) => sum + number, 0),
    };
  }
}

function resourceOf({ service, version, environment, language, resource = {} }: ApplicationOptions): Attributes {
  return {
    'service.name': service,
    'service.version': version,
    ...(environment !== undefined && { 'deployment.environment.name': environment }),
    'telemetry.sdk.language': language,
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.version': language === 'python' ? '1.45.2' : '2.9.0',
    ...resource,
  };
}

interface Exporter<Item> {
  export(items: Item[], done: (result: { code: number; error?: Error }) => void): void;
}

async function inBatches<Item>(items: readonly Item[], exporter: Exporter<Item>): Promise<number> {
  let requests = 0;
  for (let from = 0; from < items.length; from += BATCH, requests++) {
    await exported(items.slice(from, from + BATCH), exporter);
  }
  return requests;
}

function exported<Item>(items: Item[], exporter: Exporter<Item>): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(items, ({ code, error }) => {
      if (code === 0) resolve();
      else reject(error ?? new Error('The exporter could not send'));
    });
  });
}
