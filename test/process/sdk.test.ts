import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as LogGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricProto } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as TraceGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TraceJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TraceProto } from '@opentelemetry/exporter-trace-otlp-proto';
import { logs, metrics, resources, tracing } from '@opentelemetry/sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../../bench/gateway-process.js';
import { getJson, temporaryDirectory, untilDrained } from '../helpers/gateway.js';

const resource = resources.resourceFromAttributes({ 'service.name': 'sdk-test', 'service.version': '1.2.3' });

/** Above 2^53, with nine digits of nanoseconds that a double can't hold. */
const START: [number, number] = [1_763_700_000, 123_456_789];
const END: [number, number] = [1_763_700_001, 987_654_321];
const START_NANO = '1763700000123456789';
const END_NANO = '1763700001987654321';

interface Exporters {
  name: string;
  traces: (gateway: GatewayProcess) => tracing.SpanExporter;
  logs: (gateway: GatewayProcess) => logs.LogRecordExporter;
  metrics: (gateway: GatewayProcess) => metrics.PushMetricExporter;
}

const http = (signal: string) => (gateway: GatewayProcess) => ({ url: `${gateway.otlpHttp}/v1/${signal}` });
const grpc = (gateway: GatewayProcess) => ({ url: `http://${gateway.otlpGrpc}` });

const EXPORTERS: Exporters[] = [
  {
    name: 'HTTP/protobuf',
    traces: (gateway) => new TraceProto(http('traces')(gateway)),
    logs: (gateway) => new LogProto(http('logs')(gateway)),
    metrics: (gateway) => new MetricProto(http('metrics')(gateway)),
  },
  {
    name: 'HTTP/JSON',
    traces: (gateway) => new TraceJson(http('traces')(gateway)),
    logs: (gateway) => new LogJson(http('logs')(gateway)),
    metrics: (gateway) => new MetricJson(http('metrics')(gateway)),
  },
  {
    name: 'gRPC',
    traces: (gateway) => new TraceGrpc(grpc(gateway)),
    logs: (gateway) => new LogGrpc(grpc(gateway)),
    metrics: (gateway) => new MetricGrpc(grpc(gateway)),
  },
];

interface ReadSpan {
  span_id: string;
  attributes: Record<string, unknown>;
}

describe.each(EXPORTERS)('what the Node SDK sends over $name comes back as it was sent', (exporters) => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await startGatewayProcess({ dataDirectory: temporaryDirectory() });
  });
  afterAll(() => gateway?.stop());

  it('as spans', async () => {
    const provider = new tracing.BasicTracerProvider({
      resource,
      spanProcessors: [new tracing.SimpleSpanProcessor(exporters.traces(gateway))],
    });
    const tracer = provider.getTracer('the-scope', '9.8.7');
    const root = tracer.startSpan('root', { kind: SpanKind.SERVER, startTime: START }, ROOT_CONTEXT);
    const child = tracer.startSpan(
      'chat gpt-4o',
      {
        kind: SpanKind.CLIENT,
        startTime: START,
        links: [
          {
            context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED },
            attributes: { why: 'retry' },
          },
        ],
        attributes: {
          text: 'naïve 🦜 "quoted"\n',
          int: 42,
          big: Number.MAX_SAFE_INTEGER,
          negative: -7,
          double: 0.25,
          yes: true,
          list: ['a', 'b'],
          numbers: [1, 2.5],
        },
      },
      trace.setSpan(ROOT_CONTEXT, root),
    );
    child.addEvent('first token', { index: 1 }, START);
    child.setStatus({ code: SpanStatusCode.ERROR, message: 'rate limited' });
    child.end(END);
    root.end(END);
    await provider.forceFlush();
    await untilDrained(gateway.api);

    const { traceId, spanId } = child.spanContext();
    const stored = await getJson<{ spans: ReadSpan[]; name: string }>(`${gateway.api}/v1/traces/${traceId}`);
    expect(stored).toMatchObject({
      trace_id: traceId,
      name: 'root',
      span_count: 2,
      error_count: 1,
      services: ['sdk-test'],
      start_time_unix_nano: START_NANO,
      end_time_unix_nano: END_NANO,
    });
    expect(stored.spans).toHaveLength(2);
    const span = await getJson<ReadSpan>(`${gateway.api}/v1/traces/${traceId}/spans/${spanId}`);
    expect(stored.spans).toContainEqual(span);
    expect(span).toMatchObject({
      trace_id: traceId,
      span_id: spanId,
      parent_id: root.spanContext().spanId,
      name: 'chat gpt-4o',
      kind: 'client',
      status: 'error',
      status_message: 'rate limited',
      start_time_unix_nano: START_NANO,
      end_time_unix_nano: END_NANO,
      scope: { name: 'the-scope', version: '9.8.7' },
      dropped_attributes_count: 0,
      dropped_events_count: 0,
      dropped_links_count: 0,
      service: 'sdk-test',
    });
    expect(span.attributes).toEqual({
      text: 'naïve 🦜 "quoted"\n',
      int: 42,
      big: Number.MAX_SAFE_INTEGER,
      negative: -7,
      double: 0.25,
      yes: true,
      list: ['a', 'b'],
      numbers: [1, 2.5],
    });
    expect(span).toMatchObject({
      resource: { attributes: { 'service.name': 'sdk-test', 'service.version': '1.2.3' } },
      events: [{ name: 'first token', time_unix_nano: START_NANO, attributes: { index: 1 } }],
      links: [{ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16), attributes: { why: 'retry' } }],
    });
  });

  it('as log records', async () => {
    const provider = new logs.LoggerProvider({
      resource,
      processors: [new logs.BatchLogRecordProcessor({ exporter: exporters.logs(gateway) })],
    });
    const context = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: 'c'.repeat(32),
      spanId: 'd'.repeat(16),
      traceFlags: TraceFlags.SAMPLED,
    });
    provider.getLogger('the-scope', '9.8.7').emit({
      context,
      timestamp: START,
      observedTimestamp: END,
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      eventName: 'gen_ai.choice',
      body: { message: { role: 'assistant', content: 'hello' }, index: 0 },
      attributes: { int: 42, nested: { list: [1, 'two', true] } },
    });
    await provider.forceFlush();
    await untilDrained(gateway.api);

    const page = await getJson<{ items: unknown[]; total: number }>(`${gateway.api}/v1/otel/logs`);
    expect(page.total).toBe(1);
    expect(page.items[0]).toMatchObject({
      time_unix_nano: START_NANO,
      observed_time_unix_nano: END_NANO,
      severity_number: 13,
      severity_text: 'WARN',
      event_name: 'gen_ai.choice',
      body: { message: { role: 'assistant', content: 'hello' }, index: 0 },
      attributes: { int: 42, nested: { list: [1, 'two', true] } },
      trace_id: 'c'.repeat(32),
      span_id: 'd'.repeat(16),
      service: 'sdk-test',
      scope: { name: 'the-scope', version: '9.8.7' },
    });
  });

  it('as metric points', async () => {
    const reader = new metrics.PeriodicExportingMetricReader({
      exporter: exporters.metrics(gateway),
      exportIntervalMillis: 3_600_000,
    });
    const provider = new metrics.MeterProvider({ resource, readers: [reader] });
    const meter = provider.getMeter('the-scope', '9.8.7');
    meter.createCounter('requests', { unit: '{request}', description: 'how many' }).add(3, { route: '/chat' });
    meter.createUpDownCounter('open', {}).add(-2.5);
    meter.createGauge('temperature').record(36.6);
    const histogram = meter.createHistogram('latency', { unit: 's', advice: { explicitBucketBoundaries: [1, 5] } });
    for (const value of [0.5, 2, 7]) histogram.record(value);
    await provider.forceFlush();
    await untilDrained(gateway.api);
    await provider.shutdown();

    const page = await getJson<{ items: { name: string }[] }>(`${gateway.api}/v1/otel/metrics`);
    const byName = Object.fromEntries(page.items.map((item) => [item.name, item]));
    expect(byName.requests).toMatchObject({
      unit: '{request}',
      description: 'how many',
      type: 'sum',
      monotonic: true,
      temporality: 'cumulative',
      attributes: { route: '/chat' },
      service: 'sdk-test',
    });
    expect(byName.requests).toHaveProperty('value', 3);
    expect(byName.open).toMatchObject({ type: 'sum', monotonic: false, value: -2.5 });
    expect(byName.temperature).toMatchObject({ type: 'gauge', value: 36.6 });
    expect(byName.latency).toMatchObject({
      type: 'histogram',
      distribution: { count: 3, sum: 9.5, min: 0.5, max: 7, bucket_counts: [1, 1, 1], explicit_bounds: [1, 5] },
    });
  });
});

const PROGRAM = `
import { NodeSDK } from '@opentelemetry/sdk-node';
import { trace } from '@opentelemetry/api';
const sdk = new NodeSDK({ serviceName: 'ten-lines' });
sdk.start();
const span = trace.getTracer('app').startSpan('hello');
console.log(span.spanContext().traceId);
span.end();
await sdk.shutdown();
`;

describe('a program that knows only OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await startGatewayProcess({ dataDirectory: temporaryDirectory() });
  });
  afterAll(() => gateway?.stop());

  it.each([
    ['http/protobuf', 'otlpHttp'],
    ['http/json', 'otlpHttp'],
    ['grpc', 'otlpGrpc'],
    ['http/protobuf', 'api'],
    ['http/json', 'api'],
  ] as const)('gets its trace stored over %s at %s', async (protocol, door) => {
    const endpoint = gateway[door].startsWith('http') ? gateway[door] : `http://${gateway[door]}`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      cwd: path.dirname(fileURLToPath(import.meta.url)),
      env: {
        PATH: process.env.PATH,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
      },
    });
    await untilDrained(gateway.api);
    const stored = await getJson<{ name: string; services: string[] }>(`${gateway.api}/v1/traces/${stdout.trim()}`);
    expect(stored).toMatchObject({ name: 'hello', services: ['ten-lines'] });
  });
});
