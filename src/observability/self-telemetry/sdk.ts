/** The OpenTelemetry SDK, loaded only where the gateway tells of itself. */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { ProtobufMetricsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { RequestSpan, TracedRequest } from '../../api/tracing.js';
import { createBridge } from './bridge.js';
import type { SelfTelemetrySdk, SelfTelemetrySdkOptions } from './contract.js';
import { createSender, type Send } from './sender.js';

const SCOPE = 'promptmetrics-server';
/** @opentelemetry/core, ExportResultCode. */
const EXPORTED = 0;
const NOT_EXPORTED = 1;

/** W3C Trace Context, §3.2: version 00, and what later versions begin with. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

function parentOf(traceparent: string | string[] | undefined): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(String(traceparent ?? '').trim()) ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const parent: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags!, 16) & 1, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

export function startSdk(options: SelfTelemetrySdkOptions): SelfTelemetrySdk {
  const { config, version, instanceId } = options;
  const resource = resourceFromAttributes({
    'service.name': 'promptmetrics',
    'service.version': version,
    'service.instance.id': instanceId,
  });
  const send = createSender({ endpoint: config.endpoint, headers: { ...config.headers, ...options.headers } });
  const tracing = new BasicTracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.samplingPercent / 100) }),
    spanProcessors: [new BatchSpanProcessor(spanExporter(send, options.failed))],
  });
  const metering = meterProvider(options, resource, send);
  return {
    ...spansOf(tracing.getTracer(SCOPE, version)),
    async shutdown() {
      await Promise.allSettled([tracing.shutdown(), metering.shutdown()]);
    },
  };
}

function meterProvider({ config, version, read, failed }: SelfTelemetrySdkOptions, resource: Resource, send: Send) {
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter(send, failed),
    exportIntervalMillis: config.metricsIntervalMs,
    exportTimeoutMillis: config.metricsIntervalMs,
    metricProducers: [createBridge({ read, resource, scope: { name: SCOPE, version } })],
  });
  return new MeterProvider({ resource, readers: [reader] });
}

function spanExporter(send: Send, failed: (error: unknown) => void): SpanExporter {
  return {
    export: (spans, done) =>
      void deliver(send, '/v1/traces', ProtobufTraceSerializer.serializeRequest(spans), failed).then(done),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function metricExporter(send: Send, failed: (error: unknown) => void): PushMetricExporter {
  return {
    export: (metrics, done) =>
      void deliver(send, '/v1/metrics', ProtobufMetricsSerializer.serializeRequest(metrics), failed).then(done),
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

async function deliver(
  send: Send,
  path: Parameters<Send>[0],
  body: Uint8Array | undefined,
  failed: (error: unknown) => void,
) {
  try {
    if (body) await send(path, body);
    return { code: EXPORTED };
  } catch (error) {
    failed(error);
    return { code: NOT_EXPORTED };
  }
}

function spansOf(tracer: Tracer): Omit<SelfTelemetrySdk, 'shutdown'> {
  const active = new AsyncLocalStorage<Context>();
  return {
    begin: (request) => beginRequest(tracer, active, request),
    child(name, attributes, run) {
      const context = active.getStore();
      if (context === undefined) return run();
      const span = tracer.startSpan(name, { attributes }, context);
      return settle(span, run);
    },
    completed(name, attributes, durationMs) {
      const endTime = Date.now();
      tracer.startSpan(name, { attributes, startTime: endTime - durationMs }, ROOT_CONTEXT).end(endTime);
    },
  };
}

/** Names and attributes: opentelemetry.io/docs/specs/semconv/http/http-spans, "HTTP server". */
function beginRequest(tracer: Tracer, active: AsyncLocalStorage<Context>, request: TracedRequest): RequestSpan {
  const { method, route, path, headers } = request;
  const attributes: Attributes = {
    'http.request.method': method,
    'http.route': route,
    'url.path': path,
    'url.scheme': 'http',
    ...(headers['user-agent'] !== undefined && { 'user_agent.original': headers['user-agent'] }),
  };
  const parent = parentOf(headers.traceparent);
  const span = tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
  const context = trace.setSpan(parent, span);
  return {
    within: (run) => active.run(context, run),
    end(status) {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function settle<Result>(span: Span, run: () => Result): Result {
  const fail = (error: unknown): never => {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    span.end();
    throw error;
  };
  let result: Result;
  try {
    result = run();
  } catch (error) {
    return fail(error);
  }
  if (result instanceof Promise) {
    return result.then((value) => {
      span.end();
      return value;
    }, fail) as Result;
  }
  span.end();
  return result;
}
