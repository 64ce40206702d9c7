import { describe, expect, it, onTestFinished } from 'vitest';
import { nopReceiverEvents } from '../../receivers/otlp/events.js';
import { createOtlpHandler } from '../../receivers/otlp/handler.js';
import { InFlight } from '../../receivers/otlp/in-flight.js';
import { identifyWithoutKeys } from '../../src/access/keyless.js';
import { buildForwardApp } from '../../src/api/forward.js';
import type { FrameInput } from '../../src/component.js';
import { apiOptions, healthyGateway } from '../helpers/api.js';
import { BATCH_ID, batchesOf, failingStage, pipelineOf, storedBatch } from '../helpers/tracking.js';

const MAX_BODY_BYTES = 1_000_000;
const ELSEWHERE = '203.0.113.7';
const JSON_TYPE = { 'content-type': 'application/json' };

type Mode = 'auto' | 'required' | 'off';

async function forwardApp(modes: { api: Mode; otlp: Mode }) {
  const inFlight = new InFlight(MAX_BODY_BYTES);
  const appended: FrameInput[] = [];
  const next = {
    append: async (frame: FrameInput) => {
      appended.push(frame);
      return { sequence: appended.length };
    },
  };
  const { store, ...health } = healthyGateway;
  const { config, version, metrics, events } = apiOptions().options;
  const app = await buildForwardApp({
    config,
    version,
    metrics,
    events,
    health: { ...health, exporters: () => ({}) },
    identify: identifyWithoutKeys(modes.api, 'API_AUTH'),
    identifyOtlp: identifyWithoutKeys(modes.otlp, 'OTLP_AUTH'),
    inFlight,
    otlp: createOtlpHandler({
      transport: 'api',
      next,
      inFlight,
      maxBodyBytes: MAX_BODY_BYTES,
      events: nopReceiverEvents,
      closing: () => false,
    }),
    batches: batchesOf({ [BATCH_ID]: { workspace: 'default', told: { ...storedBatch, fates: {} } } }),
    readPipeline: pipelineOf([failingStage]),
    deadLetters: { list: async () => [], get: async () => undefined, replay: async () => 1, remove: async () => false },
  });
  onTestFinished(() => app.close());
  return { app, appended };
}

const SPAN = {
  traceId: '0102030405060708090a0b0c0d0e0f10',
  spanId: '0102030405060708',
  name: 'a',
  startTimeUnixNano: '1',
  endTimeUnixNano: '2',
};
const OTLP_JSON = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] });

describe('the API of MODE=forward', () => {
  it('tells what became of a request, and how each stage does', async () => {
    const { app } = await forwardApp({ api: 'auto', otlp: 'auto' });
    expect((await app.inject(`/v1/ingest/batches/${BATCH_ID}`)).json()).toMatchObject({ status: 'complete' });
    expect((await app.inject('/debug/pipeline')).json().stages).toMatchObject([{ name: 'tempo' }]);
    expect((await app.inject({ url: '/debug/pipeline', remoteAddress: ELSEWHERE })).statusCode).toBe(401);
  });

  it('says to everybody which mode it is that has no such endpoint', async () => {
    const { app } = await forwardApp({ api: 'required', otlp: 'auto' });
    for (const [method, url] of [
      ['GET', '/v1/traces'],
      ['POST', '/v1/prompts'],
      ['GET', '/v1/logs/1'],
    ] as const) {
      const { statusCode, body } = await app.inject({ method, url, remoteAddress: ELSEWHERE });
      expect([url, statusCode, JSON.parse(body)]).toEqual([
        url,
        404,
        expect.objectContaining({ code: 'UNIMPLEMENTED', error: expect.stringContaining('MODE=forward') }),
      ]);
    }
    const { body } = await app.inject({ url: '/somewhere' });
    expect(JSON.parse(body)).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes OTLP, and no native request on the same path', async () => {
    const { app, appended } = await forwardApp({ api: 'required', otlp: 'auto' });
    const otlp = await app.inject({ method: 'POST', url: '/v1/traces', headers: JSON_TYPE, payload: OTLP_JSON });
    expect(otlp.statusCode).toBe(200);
    expect(appended).toMatchObject([{ signal: 'traces', items: 1, workspace: 'default' }]);
    const native = await app.inject({
      method: 'POST',
      url: '/v1/logs',
      headers: JSON_TYPE,
      payload: '{"message":"a"}',
    });
    expect([native.statusCode, native.json()]).toMatchObject([404, { code: 'UNIMPLEMENTED' }]);
    expect(appended).toHaveLength(1);
  });

  it('lets this machine send with whatever key, and others only where nobody is asked for one', async () => {
    const send = (app: Awaited<ReturnType<typeof forwardApp>>['app'], remoteAddress: string, key = '') =>
      app.inject({
        method: 'POST',
        url: '/v1/traces',
        headers: { ...JSON_TYPE, ...(key && { 'x-api-key': key }) },
        payload: OTLP_JSON,
        remoteAddress,
      });
    const { app: auto } = await forwardApp({ api: 'required', otlp: 'auto' });
    expect((await send(auto, '127.0.0.1', 'of-another-gateway')).statusCode).toBe(200);
    const refused = await send(auto, ELSEWHERE, 'of-another-gateway');
    expect([refused.statusCode, refused.json()]).toMatchObject([
      401,
      { error: 'This gateway keeps no keys (MODE=forward): OTLP_AUTH says who may come without one' },
    ]);
    const { app: off } = await forwardApp({ api: 'required', otlp: 'off' });
    expect((await send(off, ELSEWHERE)).statusCode).toBe(200);
  });

  it('shows dead letters to whom API_AUTH lets in, and health to everybody', async () => {
    const { app } = await forwardApp({ api: 'auto', otlp: 'auto' });
    expect((await app.inject({ url: '/v1/dead-letters' })).statusCode).toBe(200);
    expect((await app.inject({ url: '/v1/dead-letters', remoteAddress: ELSEWHERE })).statusCode).toBe(401);
    const health = await app.inject({ url: '/health/deep', remoteAddress: ELSEWHERE });
    expect([health.statusCode, health.json()]).toMatchObject([200, { status: 'ok', checks: { buffer: 'ok' } }]);
    expect(health.json()).not.toHaveProperty('dbConnected');
  });
});
