import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { createLoad, type LoadEncoding } from '../../bench/load.js';
import { opentelemetry } from '../../proto/generated/otlp.js';
import {
  getJson,
  listAllTraces,
  missingOrDoubled,
  sendContinuously,
  startGateway,
  temporaryDirectory,
  untilBusy,
  untilDrained,
} from '../helpers/gateway.js';
import { type Backend, type Received, startGrpcBackend, startHttpBackend } from '../helpers/otlp-backend.js';

const FAST = { EXPORTER_RETRY_INITIAL_MS: '50', EXPORTER_RETRY_MAX_MS: '200', EXPORTER_LINGER_MS: '20' };

async function httpBackend(port = 0) {
  const backend = await startHttpBackend({ port });
  onTestFinished(() => backend.close());
  return backend;
}

async function grpcBackend() {
  const backend = await startGrpcBackend();
  onTestFinished(() => backend.close());
  return backend;
}

const toHttp = ({ address }: { address: string }) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://${address}` });

/** By trace id, how many different spans of it arrived. */
function arrivedAt(taken: readonly Received[]): Map<string, number> {
  const spans = new Map<string, Set<string>>();
  for (const { signal, body } of taken) {
    if (signal !== 'traces') continue;
    const { resourceSpans } = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest.decode(body);
    for (const { scopeSpans } of resourceSpans ?? []) {
      for (const span of (scopeSpans ?? []).flatMap((scope) => scope.spans ?? [])) {
        const traceId = Buffer.from(span.traceId!).toString('hex');
        const ids = spans.get(traceId) ?? new Set();
        spans.set(traceId, ids.add(Buffer.from(span.spanId!).toString('hex')));
      }
    }
  }
  return new Map([...spans].map(([id, { size }]) => [id, size]));
}

function missing(acknowledged: Map<string, number>, backend: Backend<never>): string[] {
  const arrived = arrivedAt(backend.taken);
  const lost = [...acknowledged].filter(([id, spans]) => arrived.get(id) !== spans);
  return lost.map(([id, spans]) => `${id} has ${arrived.get(id) ?? 'no'} spans instead of ${spans}`);
}

interface DeepHealth {
  buffer: { consumers: Record<string, { frames: number }> };
  exporters?: Record<string, { status: string; dropped_items: number; last_error: { message: string } | null }>;
}

async function metricOf(gateway: GatewayProcess, name: string, exporter: string): Promise<number> {
  const text = await (await fetch(`${gateway.api}/metrics`)).text();
  const line = new RegExp(`^${name}\\{[^}]*"${exporter}"[^}]*\\} (\\S+)$`, 'm').exec(text);
  return Number(line?.[1] ?? Number.NaN);
}

const lagOf = (gateway: GatewayProcess, exporter: string) =>
  metricOf(gateway, 'promptmetrics_buffer_consumer_lag_frames', exporter);

async function untilExported(gateway: GatewayProcess, exporter: string): Promise<void> {
  for (let tries = 0; (await lagOf(gateway, exporter)) !== 0; tries++) {
    if (tries === 1500) throw new Error(`${exporter} has not caught up`);
    await sleep(20);
  }
}

function sendTo(gateway: GatewayProcess, seed: number, encoding: LoadEncoding = 'protobuf') {
  return sendContinuously(gateway.otlpHttp, createLoad({ shape: 'small', spans: 64, encoding, seed }), 4);
}

describe('a gateway that is killed under load', () => {
  it('brings every acknowledged span to each of two backends at least once', { timeout: 240_000 }, async () => {
    const http = await httpBackend();
    const grpc = await grpcBackend();
    const dataDirectory = temporaryDirectory();
    const acknowledged = new Map<string, number>();
    // The second backend speaks gRPC: the variables of one signal alone lead there.
    const settings = {
      ...FAST,
      ...toHttp(http),
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      JAEGER_ENDPOINT: `http://${http.address}`,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://${grpc.address}`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
    };
    for (let round = 0; round < 5; round++) {
      const gateway = await startGateway({ dataDirectory, env: settings });
      const sending = sendTo(gateway, 100 + round, round % 2 ? 'json' : 'protobuf');
      await untilBusy(sending);
      await gateway.kill();
      await sending.stop();
      for (const [id, spans] of sending.acknowledged.traces) acknowledged.set(id, spans);
    }
    const gateway = await startGateway({ dataDirectory, env: settings });
    await Promise.all(['otlp', 'jaeger'].map((name) => untilExported(gateway, name)));
    await untilDrained(gateway.api);
    expect(acknowledged.size).toBeGreaterThan(20);
    expect(missing(acknowledged, grpc as Backend<never>)).toEqual([]);
    expect(missing(acknowledged, http as Backend<never>)).toEqual([]);
    expect(missingOrDoubled(acknowledged, await listAllTraces(gateway.api))).toEqual([]);
    expect(await gateway.stop()).toBe(0);
  });
});

describe('a backend', () => {
  it('that is down for a while gets everything when it is back, and the store waits for nothing', async () => {
    const first = await httpBackend();
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: { ...FAST, ...toHttp(first) } });
    const sending = sendTo(gateway, 1);
    await untilBusy(sending);
    await first.close();
    const before = sending.acknowledged.requests;
    while (sending.acknowledged.requests < before + 50) await sleep(10);
    for (let tries = 0; tries < 500; tries++) {
      if ((await metricOf(gateway, 'promptmetrics_exporter_up', 'otlp')) === 0) break;
      await sleep(20);
    }
    await sending.stop();
    await untilDrained(gateway.api);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
    const health = await getJson<DeepHealth & { status: string }>(`${gateway.api}/health/deep`);
    expect(health).toMatchObject({ status: 'ok', exporters: { otlp: { status: 'failing', dropped_items: 0 } } });
    expect(health.exporters?.otlp?.last_error?.message).toMatch(/^(ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/);

    const second = await httpBackend(first.port);
    await untilExported(gateway, 'otlp');
    const all = { taken: [...first.taken, ...second.taken] } as unknown as Backend<never>;
    expect(missing(sending.acknowledged.traces, all)).toEqual([]);
    expect(sending.acknowledged.refused).toBe(0);
    const spans = [...sending.acknowledged.traces.values()].reduce((sum, count) => sum + count, 0);
    expect(await metricOf(gateway, 'otelcol_exporter_sent_spans_total', 'otlp')).toBeGreaterThanOrEqual(spans);
    expect(await gateway.stop()).toBe(0);
  });

  it('that never comes back costs its own oldest data, and nobody else a request or a row', async () => {
    const dead = await httpBackend();
    dead.answer(() => ({ status: 503 }));
    const env = {
      ...FAST,
      ...toHttp(dead),
      BUFFER_MAX_BYTES: '8MiB',
      MAX_BODY_BYTES: '1MiB',
      EXPORTER_BUFFER_SHARE: '25',
    };
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const sending = sendTo(gateway, 2);
    while ((await metricOf(gateway, 'promptmetrics_exporter_dropped_items_total', 'otlp')) > 0 === false)
      await sleep(50);
    const before = sending.acknowledged.requests;
    while (sending.acknowledged.requests < before + 50) await sleep(10);
    await sending.stop();
    await untilDrained(gateway.api);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
    expect(gateway.output.filter((line) => line.includes('exporter.dropping'))).toHaveLength(1);

    dead.answer(() => undefined);
    await untilExported(gateway, 'otlp');
    const arrived = [...arrivedAt(dead.taken).values()].reduce((sum, count) => sum + count, 0);
    const dropped = await metricOf(gateway, 'promptmetrics_exporter_dropped_items_total', 'otlp');
    const sent = [...sending.acknowledged.traces.values()].reduce((sum, count) => sum + count, 0);
    expect(arrived + dropped).toBeGreaterThanOrEqual(sent);
    expect(dropped).toBeGreaterThan(0);
    expect(await gateway.stop()).toBe(0);
  });

  it('that refuses for good leaves dead letters, which a replay sends to it alone', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 401, headers: { 'content-type': 'text/plain' }, body: 'who are you?' }));
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: { ...FAST, ...toHttp(backend) } });
    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 3 });
    const sent = await fetch(`${gateway.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': load.contentType },
      body: new Uint8Array(load.next()),
    });
    expect(sent.status).toBe(200);
    await untilExported(gateway, 'otlp');
    await untilDrained(gateway.api);
    interface Letter {
      id: string;
      reason: string;
      exporter: string;
      items: number;
    }
    const { items: letters } = await getJson<{ items: Letter[] }>(`${gateway.api}/v1/dead-letters`);
    expect(letters).toMatchObject([{ reason: 'HTTP 401: who are you?', exporter: 'otlp', items: 64 }]);
    const replay = () => fetch(`${gateway.api}/v1/dead-letters/${letters[0]!.id}/replay`, { method: 'POST' });
    expect((await replay()).status).toBe(409);
    backend.answer(() => undefined);
    expect((await replay()).status).toBe(202);
    expect([...arrivedAt(backend.taken).values()].reduce((sum, count) => sum + count, 0)).toBe(64);
    expect((await replay()).status).toBe(404);
    expect(await metricOf(gateway, 'promptmetrics_buffer_consumer_lag_frames', 'store')).toBe(0);
    expect(await gateway.stop()).toBe(0);
  });
});

describe('an exporter', () => {
  it('that is new begins with what the buffer holds or with the next, as it is set; one that is gone frees it', async () => {
    const dataDirectory = temporaryDirectory();
    const backend = await httpBackend();
    backend.answer(() => ({ status: 503 }));
    const send = async (gateway: GatewayProcess, seed: number) => {
      const load = createLoad({ shape: 'small', spans: 8, encoding: 'protobuf', seed });
      const body = new Uint8Array(load.next());
      await fetch(`${gateway.otlpHttp}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': load.contentType },
        body,
      });
      await untilDrained(gateway.api);
      return load.latestTraceIds()[0]!;
    };
    const first = await startGateway({ dataDirectory, env: { ...FAST, ...toHttp(backend) } });
    const held = await send(first, 11);
    expect(await lagOf(first, 'otlp')).toBe(1);
    await first.stop();

    backend.answer(() => undefined);
    const added = {
      ...FAST,
      ...toHttp(backend),
      JAEGER_ENDPOINT: `http://${backend.address}`,
      EXPORTER_START_AT: 'now',
    };
    const second = await startGateway({ dataDirectory, env: added });
    await untilExported(second, 'otlp');
    const fromNow = await send(second, 12);
    await Promise.all(['otlp', 'jaeger'].map((name) => untilExported(second, name)));
    await second.stop();
    const times = (id: string) => backend.taken.filter((one) => arrivedAt([one]).has(id)).length;
    expect([times(held), times(fromNow)]).toEqual([1, 2]);

    const third = await startGateway({ dataDirectory });
    await send(third, 13);
    expect((await getJson<DeepHealth>(`${third.api}/health/deep`)).buffer.consumers).toEqual({
      store: expect.objectContaining({ frames: 0 }),
    });
    await third.stop();
    expect(backend.taken.length).toBe(3);
  });

  it("to one of the gateway's own ports is refused at the start, by whatever name", async () => {
    const probe = await httpBackend();
    await probe.close();
    const port = String(probe.port);
    for (const host of ['127.0.0.1', 'localhost']) {
      const env = { OTLP_HTTP_PORT: port, OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}:${port}` };
      await expect(startGateway({ dataDirectory: temporaryDirectory(), env })).rejects.toMatchObject({
        code: 1,
        message: expect.stringContaining('would send to this gateway itself'),
      });
    }
  });

  it('whose requests come back through another address is told so, and nothing goes round', async () => {
    const { startProxy } = await import('../helpers/proxy.js');
    const probe = await httpBackend();
    await probe.close();
    const proxy = await startProxy(`http://127.0.0.1:${probe.port}`);
    onTestFinished(() => proxy.close());
    const env = { ...FAST, OTLP_HTTP_PORT: String(probe.port), ...toHttp({ address: `127.0.0.1:${proxy.port}` }) };
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const load = createLoad({ shape: 'small', spans: 8, encoding: 'protobuf', seed: 5 });
    const body = new Uint8Array(load.next());
    await fetch(`${gateway.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': load.contentType },
      body,
    });
    await untilExported(gateway, 'otlp');
    const { items } = await getJson<{ items: { reason: string }[] }>(`${gateway.api}/v1/dead-letters`);
    expect(items).toMatchObject([{ reason: expect.stringContaining('this very gateway') }]);
    await gateway.stop();
  });
});
