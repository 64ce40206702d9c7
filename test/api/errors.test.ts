import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorSchema } from '../../src/api/errors.js';
import { GatewayError } from '../../src/errors.js';
import { testApp } from '../helpers/api.js';

let context: Awaited<ReturnType<typeof testApp>>;
let app: FastifyInstance;

beforeEach(async () => {
  context = await testApp();
  app = context.app;
});
afterEach(() => app.close());

describe('every error', () => {
  it('has one shape, with the id of the request', async () => {
    const urls = ['/nope', '/v1/traces?page=0', '/v1/traces/xyz', `/v1/traces/${'a'.repeat(32)}`, '/v1/%zz'];
    for (const url of urls) {
      const response = await app.inject({ url, headers: { 'x-request-id': 'my id/7' } });
      expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(response.headers['x-request-id']).toBe('my id/7');
      expect(errorSchema.strict().safeParse(response.json()).error).toBeUndefined();
      expect(response.json().requestId).toBe('my id/7');
    }
  });

  it('carries a fresh id when the client sent none', async () => {
    const [one, two] = await Promise.all([app.inject('/nope'), app.inject('/nope')]);
    expect(one.json().requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(one.headers['x-request-id']).toBe(one.json().requestId);
    expect(one.json().requestId).not.toBe(two.json().requestId);
  });
});

describe('paths and methods', () => {
  it('an unknown path is a 404 in JSON that names it', async () => {
    const response = await app.inject({ method: 'DELETE', url: '/v2/traces?secret=1' });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ code: 'NOT_FOUND', error: 'No such endpoint: DELETE /v2/traces' });
  });

  it('a method that a path lacks is a 405 that lists those it has, whatever the body', async () => {
    const response = await app.inject({
      method: 'PUT',
      url: '/v1/otel/logs/',
      headers: { 'content-type': 'application/json' },
      payload: '{broken',
    });
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe('GET, HEAD');
    expect(response.json().code).toBe('METHOD_NOT_ALLOWED');
    expect((await app.inject({ method: 'OPTIONS', url: `/v1/traces/${'a'.repeat(32)}` })).statusCode).toBe(405);
  });

  it('the case of a path and one trailing slash make no difference', async () => {
    for (const url of ['/v1/traces', '/V1/Traces', '/v1/traces/', '/HEALTH/']) {
      expect((await app.inject(url)).statusCode).toBe(200);
    }
  });

  it('HEAD works where GET does, without the body', async () => {
    const get = await app.inject('/v1/traces');
    const head = await app.inject({ method: 'HEAD', url: '/v1/traces' });
    expect(head.statusCode).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(String(get.body.length));
    expect(head.headers.etag).toBe(get.headers.etag);
  });

  it('bytes that are no HTTP get a 400 in the same shape', async () => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('NOT HTTP AT ALL\r\n\r\n');
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    expect(errorSchema.strict().safeParse(body).error).toBeUndefined();
    expect(body.code).toBe('BAD_REQUEST');
  });
});

describe('the workspace', () => {
  it.each(['', 'a b', 'a/b', 'ä', 'x'.repeat(129)])('%j is refused, on /health too', async (workspace) => {
    const response = await app.inject({ url: '/health', headers: { 'x-workspace-id': workspace } });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({
      error:
        'Invalid X-Workspace-Id header. Must be 1-128 characters and contain only letters, numbers, underscores, and hyphens.',
      code: 'BAD_REQUEST',
    });
  });

  it('is the one of the header, or default', async () => {
    await app.inject('/v1/traces');
    await app.inject({ url: '/v1/traces', headers: { 'x-workspace-id': 'Team_a-1' } });
    expect(context.telemetry.queries.map(({ workspace }) => workspace)).toEqual(['default', 'Team_a-1']);
  });
});

describe('a store in trouble', () => {
  it('that may recover is a 503 that says when to come back', async () => {
    context.telemetry.failure = new GatewayError('STORE_UNAVAILABLE', 'The store is not reachable', {
      retryAfterMs: 2500,
    });
    for (const url of ['/v1/traces', `/v1/traces/${'a'.repeat(32)}`, '/v1/otel/logs', '/v1/otel/metrics']) {
      const response = await app.inject(url);
      expect(response.statusCode).toBe(503);
      expect(response.headers['retry-after']).toBe('3');
      expect(response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE', error: 'The store is not reachable' });
    }
  });

  it('for a reason of its own tells the client nothing, and the log everything', async () => {
    const cause = new Error('password=hunter2');
    context.telemetry.failure = cause;
    const response = await app.inject('/v1/traces');
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: 'INTERNAL_ERROR', error: 'Internal server error' });
    expect(response.body).not.toContain('hunter2');
    expect(context.failures).toMatchObject([
      { method: 'GET', route: '/v1/traces', requestId: response.json().requestId, error: { cause } },
    ]);
  });
});

describe('measurement', () => {
  it('names the route, not the path, so that ids make no new series', async () => {
    await app.inject(`/v1/traces/${'a'.repeat(32)}`);
    await app.inject('/nope');
    expect(context.answers).toMatchObject([
      { method: 'GET', route: '/v1/traces/:trace_id', status: 404 },
      { method: 'GET', route: 'unknown', status: 404 },
    ]);
  });
});

describe('CORS', () => {
  const preflight = {
    method: 'OPTIONS' as const,
    url: '/v1/traces',
    headers: { origin: 'https://ui.example', 'access-control-request-method': 'GET' },
  };

  it('is off by default', async () => {
    const response = await app.inject({ url: '/v1/traces', headers: { origin: 'https://ui.example' } });
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    expect((await app.inject(preflight)).statusCode).toBe(405);
  });

  it('answers the listed origins only', async () => {
    const config = {
      port: 0,
      host: '127.0.0.1',
      corsOrigins: ['https://ui.example', 'https://b.example'],
      trustedProxies: [],
    };
    const { app: open } = await testApp({ config });
    const response = await open.inject(preflight);
    expect(response.statusCode).toBe(204);
    expect(response.headers['access-control-allow-origin']).toBe('https://ui.example');
    const other = await open.inject({ url: '/v1/traces', headers: { origin: 'https://evil.example' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    await open.close();
  });
});
