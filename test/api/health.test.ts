import { describe, expect, it } from 'vitest';
import { createDeepCheck } from '../../src/api/health/deep.js';
import { deepHealthSchema, healthSchema, readySchema } from '../../src/api/health/schema.js';
import type { HealthSource } from '../../src/api/health/source.js';
import { healthyGateway, testApp } from '../helpers/api.js';

async function answer(url: string, health: HealthSource) {
  const { app } = await testApp({ health });
  const response = await app.inject(url);
  await app.close();
  return { status: response.statusCode, body: response.json() };
}

const broken = async () => {
  throw new Error('connection refused');
};

describe('liveness', () => {
  it('names the ports and stays 200 while draining, so that nobody kills a process with data in its buffer', async () => {
    for (const state of ['starting', 'serving', 'draining'] as const) {
      const { status, body } = await answer('/health', { ...healthyGateway, state: () => state });
      expect(status).toBe(200);
      expect(body).toEqual({
        status: 'ok',
        version: '1.2.3',
        ports: { api: null, otlp_http: 4318, otlp_grpc: 4317 },
      });
      expect(healthSchema.strict().safeParse(body).error).toBeUndefined();
    }
  });

  it('shows a receiver without a TCP port as null', async () => {
    const health = { ...healthyGateway, ports: () => ({ otlpHttp: undefined, otlpGrpc: undefined }) };
    expect((await answer('/health', health)).body.ports).toEqual({ api: null, otlp_http: null, otlp_grpc: null });
  });
});

describe('readiness', () => {
  it.each([
    ['serving', 200, 'ready'],
    ['starting', 503, 'starting'],
    ['draining', 503, 'draining'],
  ] as const)('while %s is %i', async (state, status, word) => {
    const ready = await answer('/health/ready', { ...healthyGateway, state: () => state });
    expect(ready).toEqual({ status, body: { status: word } });
    expect(readySchema.strict().safeParse(ready.body).error).toBeUndefined();
  });
});

describe('deep health', () => {
  it('of a healthy gateway shows buffer, lag and store', async () => {
    const { status, body } = await answer('/health/deep', healthyGateway);
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'ok',
      checks: { sqlite: 'ok', writer: 'ok', buffer: 'ok' },
      dbType: 'sqlite',
      dbConnected: true,
      buffer: {
        bytes: 10,
        max_bytes: 1000,
        consumers: { store: { bytes: 10, items: 5, frames: 1, oldest_age_ms: 20 } },
      },
    });
    expect(deepHealthSchema.strict().safeParse(body).error).toBeUndefined();
  });

  it('shows what becomes of exporters, one of which may fail while the gateway is healthy', async () => {
    const state = { inFlight: 1, maxLagBytes: 500, droppedItems: 3 };
    const exporters = () => ({
      tempo: {
        ...state,
        circuit: 'open' as const,
        lastError: { message: 'HTTP 401: token abc is unknown', timeUnixMs: 1_767_225_600_999 },
      },
      otlp: { ...state, circuit: 'closed' as const, lastError: undefined },
    });
    const { status, body } = await answer('/health/deep', { ...healthyGateway, exporters });
    expect(status).toBe(200);
    expect(body.exporters).toMatchObject({
      tempo: {
        status: 'failing',
        in_flight_requests: 1,
        max_lag_bytes: 500,
        dropped_items: 3,
        last_error: { message: 'HTTP 401', at: 1_767_225_600 },
      },
      otlp: { status: 'ok', last_error: null },
    });
    expect(deepHealthSchema.strict().safeParse(body).error).toBeUndefined();
  });

  it.each([
    ['a database that does not answer', { store: { ...healthyGateway.store, type: 'postgresql', ping: broken } }],
    ['a store that takes no batches', { store: { ...healthyGateway.store, writing: () => false } }],
    ['a buffer that refuses', { buffer: () => ({ ...healthyGateway.buffer(), accepting: false }) }],
  ] as [string, Partial<HealthSource>][])('with %s is a 503', async (_name, trouble) => {
    const { status, body } = await answer('/health/deep', { ...healthyGateway, ...trouble });
    expect(status).toBe(503);
    expect(body.status).toBe('degraded');
    expect(Object.values(body.checks)).toContain('error');
    expect(deepHealthSchema.strict().safeParse(body).error).toBeUndefined();
  });

  it('asks the store once for many probes', async () => {
    let pings = 0;
    const ping = async () => {
      pings++;
    };
    const check = createDeepCheck({ ...healthyGateway, store: { ...healthyGateway.store!, ping } });
    await Promise.all([check(), check(), check()]);
    await check();
    expect(pings).toBe(1);
  });
});

describe('metrics', () => {
  it('are Prometheus text', async () => {
    const { app } = await testApp();
    const response = await app.inject('/metrics');
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.body).toBe('up 1\n');
    await app.close();
  });
});
