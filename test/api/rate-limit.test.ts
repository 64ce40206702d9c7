import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Principal } from '../../src/access/principal.js';
import { SCOPES } from '../../src/access/principal.js';
import type { RateLimit } from '../../src/api/rate-limit.js';
import type { OtlpHandler } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { bucketOf, networkOf } from '../../src/limits/bucket.js';
import { nopLimitEvents } from '../../src/limits/events.js';
import { createLimiter } from '../../src/limits/limiter.js';
import { testApp } from '../helpers/api.js';

const WALL_CLOCK_MS = 1_700_000_000_250;
const WINDOW_MS = 60_000;

beforeEach(() => void vi.useFakeTimers({ now: WALL_CLOCK_MS, toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function principalOf(overrides: Partial<Principal>): Principal {
  return { keyId: 1, name: 'ci', workspace: 'default', master: false, scopes: new Set(SCOPES), ...overrides };
}

/** Keys `key-1`, `key-2` …; `reader` may only read; a master key `master`; 'none' needs no key; any other is wrong. */
function identify({ key = '', workspace = 'default' }: { key: string | undefined; workspace: string | undefined }) {
  if (key === 'master') return principalOf({ keyId: 99, master: true, workspace });
  if (key === 'none') return principalOf({ keyId: undefined });
  if (key === 'reader') return principalOf({ keyId: 60, scopes: new Set(['read']) });
  if (key === 'slow') return Promise.resolve(principalOf({ keyId: 50 }));
  if (!key.startsWith('key-')) throw new GatewayError('UNAUTHORIZED', 'Invalid API key');
  return principalOf({ keyId: Number(key.slice(4)), workspace });
}

interface Called {
  key?: string;
  workspace?: string;
  url?: string;
  method?: 'GET' | 'POST' | 'PUT';
  peer?: string;
  /** X-Forwarded-For. */
  forwarded?: string;
}

let nowMs: number;
beforeEach(() => {
  nowMs = 0;
});

async function limitedApp(limit?: RateLimit, maxRequests = 2) {
  const config = { windowMs: WINDOW_MS, maxRequests, redisUrl: undefined };
  const limiter = createLimiter({ config, events: nopLimitEvents, nowMs: () => nowMs });
  const { app } = await testApp({ identify, limit: limit ?? limiter.requests! });
  return (called: Called = {}) => callApp(app, called);
}

function callApp(app: FastifyInstance, called: Called) {
  const { key = 'key-1', workspace, url = '/v1/traces', method = 'GET', peer, forwarded } = called;
  const headers = {
    'x-api-key': key,
    ...(workspace !== undefined && { 'x-workspace-id': workspace }),
    ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
  };
  return app.inject({ method, url, headers, ...(peer !== undefined && { remoteAddress: peer }) });
}

function told({ headers }: { headers: Record<string, unknown> }) {
  return ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'].map((name) => Number(headers[name]));
}

const RESET = 1_700_000_061;

test('every answer says what is left, until when, and is counted once', async () => {
  const call = await limitedApp(undefined, 3);
  const answers = [
    await call(),
    await call({ url: `/v1/traces/${'ab'.repeat(16)}` }),
    await call({ url: '/v1/traces?limit=nonsense' }),
  ];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 404, 422]);
  expect(answers.map(told)).toEqual([
    [3, 2, RESET],
    [3, 1, RESET],
    [3, 0, RESET],
  ]);
});

test('one request too many gets 429 in the shape of every error, with Retry-After', async () => {
  const call = await limitedApp();
  await call();
  nowMs += 10_000;
  await call();
  nowMs += 20_500;
  const refused = await call();
  expect(refused.statusCode).toBe(429);
  expect(refused.json()).toEqual({
    error: 'Rate limit exceeded',
    code: 'RATE_LIMIT_EXCEEDED',
    detailsType: 'context',
    requestId: refused.headers['x-request-id'],
  });
  expect(refused.headers['retry-after']).toBe('30');
  expect(told(refused)).toEqual([2, 0, Math.ceil((WALL_CLOCK_MS + 39_500) / 1000)]);
});

test('who waits as long as Retry-After says gets in', async () => {
  const call = await limitedApp();
  for (let i = 0; i < 3; i++) await call();
  const refused = await call();
  nowMs += Number(refused.headers['retry-after']) * 1000;
  expect((await call()).statusCode).toBe(200);
});

test.each([
  ['an unknown path', { url: '/v1/nothing-here' }, 404],
  ['a method that a path does not have', { method: 'PUT' }, 405],
  ['a key that is looked up first', { key: 'slow' }, 200],
] as const)('%s counts once, too', async (_, called, status) => {
  const call = await limitedApp();
  const answer = await call(called);
  expect(answer.statusCode).toBe(status);
  expect(told(answer)).toEqual([2, 1, RESET]);
});

test('what a key may not do counts, too, and is answered as such until the limit is reached', async () => {
  const otlp = { refuse: () => {} } as unknown as OtlpHandler;
  const config = { windowMs: WINDOW_MS, maxRequests: 2, redisUrl: undefined };
  const limit = createLimiter({ config, events: nopLimitEvents }).requests!;
  const { app } = await testApp({ identify, limit, otlp });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await callApp(app, { key: 'reader', method: 'POST' }));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403, 429]);
  expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['1', '0', '0']);
});

test('OTLP in protobuf on this port has limits of its own', async () => {
  const handle: OtlpHandler['handle'] = async (_signal, _workspace, _request, response) => void response.end('taken');
  const otlp = { handle } as unknown as OtlpHandler;
  const charge = vi.fn();
  const { app } = await testApp({ identify, limit: { charge }, otlp });
  const headers = { 'x-api-key': 'key-1', 'content-type': 'application/x-protobuf' };
  expect((await app.inject({ method: 'POST', url: '/v1/traces', headers, payload: Buffer.of(1) })).body).toBe('taken');
  expect(charge).not.toHaveBeenCalled();
});

test('public routes are not limited, and say nothing of limits', async () => {
  const call = await limitedApp();
  for (let i = 0; i < 10; i++) {
    const answer = await call({ url: '/health' });
    expect(answer.statusCode).toBe(200);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
  }
});

test('a wrong key takes nothing from anybody', async () => {
  const call = await limitedApp();
  for (let i = 0; i < 10; i++) expect((await call({ key: 'guessed' })).statusCode).toBe(401);
  expect(told(await call())).toEqual([2, 1, RESET]);
});

test('a key over its limit leaves other keys alone', async () => {
  const call = await limitedApp();
  for (let i = 0; i < 3; i++) await call();
  expect((await call()).statusCode).toBe(429);
  expect((await call({ key: 'key-2' })).statusCode).toBe(200);
});

test('a master key has one allowance, whatever workspaces it names', async () => {
  const call = await limitedApp();
  const statuses = [];
  for (const workspace of ['a', 'b', 'c']) statuses.push((await call({ key: 'master', workspace })).statusCode);
  expect(statuses).toEqual([200, 200, 429]);
});

test('callers that need no key are told apart by their address', async () => {
  const call = await limitedApp();
  const statuses = [];
  for (const peer of ['192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2']) {
    statuses.push((await call({ key: 'none', peer })).statusCode);
  }
  expect(statuses).toEqual([200, 200, 429, 200]);
});

test('callers of this machine that need no key are not limited, unless a proxy stands for the world', async () => {
  const call = await limitedApp();
  for (const peer of ['127.0.0.1', '127.0.0.1', '127.0.0.1', '::1', '::1', '::1']) {
    expect((await call({ key: 'none', peer })).statusCode).toBe(200);
  }
  const statuses = [];
  for (let i = 0; i < 3; i++)
    statuses.push((await call({ key: 'none', peer: '127.0.0.1', forwarded: `192.0.2.${i}` })).statusCode);
  expect(statuses).toEqual([200, 200, 429]);
});

test('500 requests at once, at a limit of 100: exactly 100 are served', async () => {
  const call = await limitedApp(undefined, 100);
  const answers = await Promise.all(Array.from({ length: 500 }, () => call()));
  const count = (status: number) => answers.filter(({ statusCode }) => statusCode === status).length;
  expect([count(200), count(429)]).toEqual([100, 400]);
});

test('a limit that has to ask elsewhere is waited for', async () => {
  const refusal = { allowed: false, limit: 7, remaining: 0, resetAfterMs: 5000, retryAfterMs: 1500 };
  const call = await limitedApp({ charge: async () => refusal });
  const answer = await call();
  expect(answer.statusCode).toBe(429);
  expect(answer.headers['retry-after']).toBe('2');
});

test('a route may say which of its requests count', async () => {
  const charged: string[] = [];
  const charge = (bucket: string) => {
    charged.push(bucket);
    return { allowed: true, limit: 1, remaining: 0, resetAfterMs: 0, retryAfterMs: 0 };
  };
  const { app } = await testApp({ identify, limit: { charge } });
  const counted = ({ headers }: { headers: Record<string, unknown> }) => headers['x-free'] === undefined;
  app.get('/v1/some-count', { config: { scope: 'read', counted } }, async () => 'ok');
  const headers = { 'x-api-key': 'key-1' };
  await app.inject({ url: '/v1/some-count', headers: { ...headers, 'x-free': '1' } });
  expect(charged).toEqual([]);
  await app.inject({ url: '/v1/some-count', headers });
  expect(charged).toEqual(['default/1']);
});

describe('a bucket', () => {
  test('is the key, in its workspace', () => {
    expect(bucketOf(principalOf({ keyId: 7, workspace: 'red' }), '10.0.0.1')).toBe('red/7');
    expect(bucketOf(principalOf({ keyId: 7, workspace: 'red', master: true }), '10.0.0.1')).toBe('*/7');
  });

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::1', '0:0:0:0/64'],
    ['2001:db8::1', '2001:db8:0:0/64'],
    ['2001:0DB8:0:0:ffff::', '2001:db8:0:0/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2/64'],
    ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0/64'],
    ['', ''],
  ])('of a caller at %j without a key is %j', (peer, network) => {
    expect(networkOf(peer)).toBe(network);
  });
});
