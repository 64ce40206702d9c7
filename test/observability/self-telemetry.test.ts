import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { opentelemetry } from '../../proto/generated/otlp.js';
import { GatewayError } from '../../src/errors.js';
import { createObservability } from '../../src/observability/observability.js';
import {
  createSelfTelemetry,
  type SelfTelemetry,
  type SelfTelemetryOptions,
} from '../../src/observability/self-telemetry/component.js';
import { selfTelemetrySettings } from '../../src/observability/self-telemetry/config.js';
import { tracedRegistry } from '../../src/observability/self-telemetry/traced-registry.js';
import type { Registry } from '../../src/registry/registry.js';
import { nopDrainEvents } from '../../workers/drain.js';
import { testApp } from '../helpers/api.js';
import { type Backend, type HttpAnswers, startHttpBackend } from '../helpers/otlp-backend.js';

const { ExportTraceServiceRequest } = opentelemetry.proto.collector.trace.v1;
const { ExportMetricsServiceRequest } = opentelemetry.proto.collector.metrics.v1;

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const UNSAMPLED = `00-${TRACE}-b7ad6b7169203331-00`;
const DEADLINE = { deadlineMs: 10_000 };

let backend: Backend<HttpAnswers>;
beforeAll(async () => {
  backend = await startHttpBackend();
});
afterAll(() => backend.close());

const observability = createObservability({ config: { level: 'silent', format: 'json' }, version: '1' });

function options(settings: Record<string, string> = {}, more: Partial<SelfTelemetryOptions> = {}) {
  const given = { endpoint: `http://${backend.address}/own`, ...settings };
  return {
    config: selfTelemetrySettings.parse(given),
    version: '1.2.3',
    instanceId: () => 'this-gateway',
    headers: () => ({ 'promptmetrics-gateway': 'this-gateway' }),
    refuseOwn: async () => {},
    read: observability.metrics.read,
    failed(error: unknown) {
      throw error;
    },
    ...more,
  } satisfies SelfTelemetryOptions;
}

async function started(settings?: Record<string, string>): Promise<SelfTelemetry> {
  const telemetry = createSelfTelemetry(options(settings))!;
  await telemetry.start();
  return telemetry;
}

/** What arrived since; the component is shut down, so that all of it is there. */
async function arrived(telemetry: SelfTelemetry, from: number) {
  await telemetry.shutdown(DEADLINE);
  const requests = backend.taken.slice(from);
  const traces = requests.filter(({ signal }) => signal === 'traces').map(({ body }) => body);
  const metrics = requests.filter(({ signal }) => signal === 'metrics').map(({ body }) => body);
  const resourceSpans = traces.flatMap((body) => ExportTraceServiceRequest.decode(body).resourceSpans);
  return {
    requests,
    resources: resourceSpans.map(({ resource }) => attributesOf(resource?.attributes)),
    spans: resourceSpans.flatMap(({ scopeSpans }) => scopeSpans!.flatMap(({ spans }) => spans!)),
    metrics: metrics
      .flatMap((body) => ExportMetricsServiceRequest.decode(body).resourceMetrics)
      .flatMap(({ scopeMetrics }) => scopeMetrics!.flatMap((scope) => scope.metrics!)),
  };
}

interface KeyValue {
  key?: string | null;
  value?: { stringValue?: string | null; intValue?: unknown; doubleValue?: number | null } | null;
}

function attributesOf(attributes: readonly KeyValue[] | null | undefined): Record<string, unknown> {
  const read = ({ value }: KeyValue) =>
    value?.stringValue ?? (value?.intValue == null ? value?.doubleValue : Number(value.intValue));
  return Object.fromEntries((attributes ?? []).map((one) => [one.key, read(one)]));
}

const hex = (id: Uint8Array | null | undefined) => Buffer.from(id ?? []).toString('hex');

describe("a gateway's own telemetry", () => {
  it('is not there, nor is the SDK loaded, unless it is asked for', () => {
    expect(createSelfTelemetry({ ...options(), config: selfTelemetrySettings.parse({}) })).toBeUndefined();
  });

  it('is a server span for each request of the API, in the trace of its caller, with what it resolves within', async () => {
    const from = backend.taken.length;
    const telemetry = await started({ headers: 'authorization=Bearer%20x' });
    const resolve = async () => ({ version: '1' });
    const registry = tracedRegistry({ resolve } as unknown as Registry, telemetry);
    const { app } = await testApp({ tracing: telemetry });
    app.get('/v1/resolving/:name', { config: { scope: 'read' } }, () =>
      registry.resolve('default', 'welcome', undefined),
    );
    app.get('/v1/broken', { config: { scope: 'read' } }, () => {
      throw new GatewayError('STORE_UNAVAILABLE', 'down');
    });
    onTestFinished(() => app.close());
    await app.inject({ url: '/v1/resolving/welcome?secret=1', headers: { traceparent: PARENT } });
    await app.inject({ url: '/v1/resolving/welcome', headers: { traceparent: UNSAMPLED } });
    await app.inject('/v1/broken');
    for (const url of ['/health', '/metrics', '/nowhere']) await app.inject(url);
    const { requests, resources, spans } = await arrived(telemetry, from);
    expect(resources[0]).toMatchObject({
      'service.name': 'promptmetrics',
      'service.version': '1.2.3',
      'service.instance.id': 'this-gateway',
    });
    const headers = { authorization: 'Bearer x', 'promptmetrics-gateway': 'this-gateway' };
    for (const request of requests) expect(request.headers).toMatchObject(headers);
    expect(spans.map(({ name }) => name).toSorted()).toEqual([
      'GET /v1/broken',
      'GET /v1/resolving/:name',
      'resolve prompt',
    ]);
    const [broken, server, child] = spans.toSorted((a, b) => a.name!.localeCompare(b.name!));
    expect([hex(server!.traceId), hex(server!.parentSpanId)]).toEqual([TRACE, 'b7ad6b7169203331']);
    expect(attributesOf(server!.attributes)).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/v1/resolving/:name',
      'http.response.status_code': 200,
      'url.path': '/v1/resolving/welcome',
    });
    expect(server!.kind).toBe(2);
    expect(hex(child!.parentSpanId)).toBe(hex(server!.spanId));
    expect(attributesOf(child!.attributes)).toEqual({ 'prompt.name': 'welcome' });
    expect(broken!.status?.code).toBe(2);
    expect(attributesOf(broken!.attributes)).toMatchObject({ 'error.type': '503' });
  });

  it('is a span for each stored batch, and none where none are to be sampled', async () => {
    const range = {
      ...{ path: '', offset: 0, length: 900, firstSequence: 1, lastSequence: 9, frames: 9, items: 90 },
      oldestReceivedTimeUnixMs: 0,
    };
    const result = { spans: 80, logRecords: 10, metricPoints: 0, decodeMs: 3, mapMs: 2, writeMs: 4 };
    const stored = { range, result } as unknown as Parameters<typeof nopDrainEvents.stored>[0];
    for (const [samplingPercent, expected] of [
      ['100', 1],
      ['0', 0],
    ] as const) {
      const from = backend.taken.length;
      const telemetry = await started({ samplingPercent });
      telemetry.ofDrain(nopDrainEvents).stored(stored);
      const { spans } = await arrived(telemetry, from);
      expect(spans).toHaveLength(expected);
      if (expected === 0) continue;
      expect(spans[0]!.name).toBe('store batch');
      expect(attributesOf(spans[0]!.attributes)).toMatchObject({ 'batch.requests': 9, 'batch.spans': 80 });
      const lasted = Number(spans[0]!.endTimeUnixNano) - Number(spans[0]!.startTimeUnixNano);
      expect(Math.round(lasted / 1e6)).toBe(9);
    }
  });

  it('has what /metrics shows, under the same names but for the suffix of Prometheus', async () => {
    const { receiver, buffer } = observability.metrics;
    receiver.accepted.traces.inc({ receiver: 'otlp', transport: 'grpc' }, 7);
    for (const seconds of [0.0004, 0.003, 99]) buffer.commitDuration.observe(seconds);
    const from = backend.taken.length;
    const { metrics } = await arrived(await started(), from);
    const named = (name: string) => metrics.find((metric) => metric.name === name)!;
    const spans = named('otelcol_receiver_accepted_spans');
    expect(spans.sum).toMatchObject({ isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ asDouble: 7 }] });
    expect(attributesOf(spans.sum!.dataPoints![0]!.attributes)).toEqual({ receiver: 'otlp', transport: 'grpc' });
    const [point] = named('promptmetrics_buffer_commit_duration_seconds').histogram!.dataPoints!;
    expect(Number(point!.count)).toBe(3);
    expect(point!.sum).toBeCloseTo(99.0034);
    const counts = point!.bucketCounts!.map(Number);
    expect(counts).toHaveLength(point!.explicitBounds!.length + 1);
    expect([counts[0], counts.at(-1), counts.reduce((sum, count) => sum + count)]).toEqual([1, 1, 3]);
    expect(named('otelcol_process_uptime').gauge!.dataPoints![0]!.asDouble).toBeGreaterThan(0);
    expect(named('promptmetrics_buffer_commit_duration_seconds').unit).toBe('s');
  });

  it('does not start towards the gateway itself', async () => {
    const refusal = new GatewayError('CONFIG_INVALID', 'that is me');
    const refuseOwn = async (endpoint: URL) => {
      expect(endpoint.port).toBe(String(backend.port));
      throw refusal;
    };
    const telemetry = createSelfTelemetry(options({}, { refuseOwn }))!;
    await expect(telemetry.start()).rejects.toBe(refusal);
    expect(telemetry.begin({ method: 'GET', route: '/', path: '/', headers: {} })).toBeUndefined();
    await telemetry.shutdown(DEADLINE);
  });

  it('that is not taken is told, and holds up neither a request nor the end', async () => {
    const errors: string[] = [];
    const failed = (error: unknown) => void errors.push((error as Error).message);
    const telemetry = createSelfTelemetry(options({ endpoint: `http://${backend.address}/own` }, { failed }))!;
    await telemetry.start();
    backend.answer(() => ({ status: 503 }));
    onTestFinished(() => backend.answer(() => undefined));
    expect(telemetry.child('x', {}, () => 5)).toBe(5);
    telemetry.begin({ method: 'GET', route: '/', path: '/', headers: {} })!.end(200);
    await telemetry.shutdown(DEADLINE);
    expect(errors).toEqual(expect.arrayContaining([expect.stringContaining('/own/v1/traces answered 503')]));
  });

  it('has settings that say what is wrong with them', () => {
    const faults = (given: object) =>
      selfTelemetrySettings.safeParse(given).error?.issues.map(({ message }) => message);
    expect(faults({ endpoint: 'collector:4317' })).toEqual([expect.stringContaining('http://')]);
    expect(faults({ headers: 'token' })).toEqual([expect.stringContaining('name=value')]);
    expect(faults({ headers: 'token=a%0Asecret' })).toEqual([expect.stringMatching(/^(?!.*secret)/)]);
    expect(faults({ headers: 'to ken=a' })).toHaveLength(1);
    expect(faults({ samplingPercent: '101' })).toHaveLength(1);
  });
});
