import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../../src/access/principal.js';
import type { ApiOptions } from '../../src/api/app.js';
import { buildApp } from '../../src/api/app.js';
import type { DeadLetters } from '../../src/api/dead-letters/source.js';
import type { OtlpHandler } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { apiOptions, testApp } from '../helpers/api.js';
import { identityOf, slowly } from '../helpers/identities.js';

const KEYS = identityOf({
  pm_read: { id: 1, workspace: 'default', scopes: ['read'] },
  pm_write: { id: 2, workspace: 'default', scopes: ['write'] },
  pm_admin: { id: 3, workspace: 'default', scopes: ['admin'] },
  pm_acme: { id: 4, workspace: 'acme', scopes: ['read', 'write', 'admin'] },
  pm_master: { id: 5, workspace: '*', scopes: ['read'] },
});

const apps: FastifyInstance[] = [];
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));

async function open(overrides: Partial<ApiOptions> = {}) {
  const context = await testApp({
    identify: KEYS,
    otlp: {} as OtlpHandler,
    deadLetters: {} as DeadLetters,
    ...overrides,
  });
  apps.push(context.app);
  return context;
}

describe('OTLP on this port', () => {
  /** As the keyring does it for the OTLP doors: without the header, a key acts in its own workspace. */
  const identifyOtlp: ApiOptions['identify'] = (given) => KEYS({ ...given, workspace: given.workspace ?? 'acme' });

  async function send(contentType: string, headers: Record<string, string> = {}) {
    const workspaces: string[] = [];
    const otlp = {
      handle: async (_signal: unknown, workspace: string, _request: unknown, response: ServerResponse) => {
        workspaces.push(workspace);
        response.end();
      },
      refuse: (_signal: unknown, error: GatewayError, _request: unknown, response: ServerResponse) => {
        response.statusCode = error.httpStatus;
        response.end();
      },
    } as unknown as OtlpHandler;
    const { app } = await open({ otlp, identifyOtlp });
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/v1/traces',
      headers: { 'content-type': contentType, 'x-api-key': 'pm_acme', ...headers },
      payload: '{}',
      ...ELSEWHERE,
    });
    return { statusCode, workspaces };
  }

  it('in protobuf goes to the workspace of its key, as at the OTLP doors', async () => {
    for (const type of ['application/x-protobuf', 'Application/X-Protobuf; v=1']) {
      expect(await send(type)).toEqual({ statusCode: 200, workspaces: ['acme'] });
    }
    expect(await send('application/x-protobuf', { 'x-workspace-id': 'default' })).toMatchObject({ statusCode: 401 });
  });

  it('in JSON is asked for its key as any request of this API', async () => {
    expect(await send('application/json')).toEqual({ statusCode: 401, workspaces: [] });
  });
});

const ELSEWHERE = { remoteAddress: '203.0.113.7' };

describe.each([
  ['a key at hand', KEYS],
  ['a key that is looked up', slowly(KEYS)],
])('with %s', (_, identify) => {
  it('X-API-Key and a bearer token are the same', async () => {
    const { app } = await open({ identify });
    for (const headers of [
      { 'x-api-key': 'pm_read' },
      { authorization: 'Bearer pm_read' },
      { authorization: 'bearer  pm_read ' },
      { 'x-api-key': '', authorization: 'Bearer pm_read' },
      { 'x-api-key': 'pm_read', authorization: 'Basic dXNlcjpwYXNz' },
    ]) {
      expect((await app.inject({ url: '/v1/traces', headers, ...ELSEWHERE })).statusCode).toBe(200);
    }
  });

  it.each([
    [{}, 401, 'UNAUTHORIZED', 'Missing X-API-Key header'],
    [{ 'x-api-key': '' }, 401, 'UNAUTHORIZED', 'Missing X-API-Key header'],
    [{ authorization: 'Basic pm_read' }, 401, 'UNAUTHORIZED', 'Missing X-API-Key header'],
    [{ 'x-api-key': 'pm_nope' }, 401, 'UNAUTHORIZED', 'Invalid API key'],
    [{ 'x-api-key': 'pm_acme' }, 401, 'UNAUTHORIZED', 'API key does not belong to this workspace'],
    [{ 'x-api-key': 'pm_write' }, 403, 'FORBIDDEN', 'Missing required scope: read'],
    [{ 'x-api-key': 'pm_admin' }, 403, 'FORBIDDEN', 'Missing required scope: read'],
  ])('%j is refused with %i', async (headers, status, code, error) => {
    const { app } = await open({ identify });
    const response = await app.inject({ url: '/v1/traces', headers, ...ELSEWHERE });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ code, error, detailsType: 'context' });
    expect(response.headers['www-authenticate']).toBe(status === 401 ? 'Bearer realm="api"' : undefined);
  });

  it("reads and writes are those of the principal's workspace", async () => {
    const { app, telemetry } = await open({ identify });
    const headers = (key: string, workspace?: string) => ({
      'x-api-key': key,
      ...(workspace !== undefined && { 'x-workspace-id': workspace }),
    });
    await app.inject({ url: '/v1/traces', headers: headers('pm_read') });
    await app.inject({ url: '/v1/traces', headers: headers('pm_acme', 'acme') });
    await app.inject({ url: '/v1/traces', headers: headers('pm_master', 'anything') });
    expect(telemetry.queries.map(({ workspace }) => workspace)).toEqual(['default', 'acme', 'anything']);
  });
});

describe('what a key is asked for', () => {
  const at = (method: 'GET' | 'POST' | 'DELETE', url: string) => ({ method, url });
  it.each([
    [at('GET', '/v1/traces'), 'read'],
    [at('GET', '/v1/otel/logs'), 'read'],
    [at('GET', '/v1/dead-letters'), 'read'],
    [at('POST', '/v1/dead-letters/0a1b2c3d-1/replay'), 'admin'],
    [at('DELETE', '/v1/dead-letters/0a1b2c3d-1'), 'admin'],
    [at('POST', '/v1/traces'), 'write'],
    [at('POST', '/v1/metrics'), 'write'],
  ] as const)('%o needs %s, and no other scope is as good', async (route, scope) => {
    const { app } = await open();
    for (const other of (['read', 'write', 'admin'] as const).filter((each) => each !== scope)) {
      const response = await app.inject({ ...route, headers: { 'x-api-key': `pm_${other}` } });
      expect(response.statusCode).toBe(403);
      expect(response.json().error).toBe(`Missing required scope: ${scope}`);
    }
  });

  it('is nothing on public routes, whatever key comes along', async () => {
    const { app } = await open();
    const headers = { 'x-api-key': 'pm_nope' };
    for (const url of ['/health', '/health/deep', '/health/ready', '/metrics', '/openapi.json', '/docs']) {
      expect((await app.inject({ url, headers, ...ELSEWHERE })).statusCode).toBe(200);
    }
  });

  it('is a valid key where there is nothing, or another method', async () => {
    const { app } = await open();
    for (const [route, status] of [
      [{ url: '/nope' }, 404],
      [{ method: 'PUT' as const, url: '/v1/traces' }, 405],
    ] as const) {
      expect((await app.inject({ ...route, ...ELSEWHERE })).statusCode).toBe(401);
      expect((await app.inject({ ...route, headers: { 'x-api-key': 'pm_write' } })).statusCode).toBe(status);
    }
  });

  it('HEAD is as guarded as GET', async () => {
    const { app } = await open();
    const response = await app.inject({ method: 'HEAD', url: '/v1/traces', headers: { 'x-api-key': 'pm_write' } });
    expect(response.statusCode).toBe(403);
  });

  it('a route that names no scope and is not public does not start', async () => {
    const app = await buildApp(apiOptions().options);
    app.get('/v1/forgotten', async () => 'everything');
    await expect(app.ready()).rejects.toThrow(/No scope, and not public: GET \/v1\/forgotten/);
  });
});

describe('the order of refusals', () => {
  it('a bad workspace comes before a bad key, and on public routes too', async () => {
    const { app } = await open();
    for (const url of ['/v1/traces', '/health']) {
      const headers = { 'x-workspace-id': 'a b', 'x-api-key': 'pm_nope' };
      const response = await app.inject({ url, headers, ...ELSEWHERE });
      expect(response.statusCode).toBe(400);
      expect(response.json().code).toBe('BAD_REQUEST');
    }
  });

  it('a bad key comes before a bad body', async () => {
    const { app } = await open();
    const headers = { 'content-type': 'application/json' };
    const response = await app.inject({ method: 'POST', url: '/v1/logs', headers, payload: '{', ...ELSEWHERE });
    expect(response.statusCode).toBe(401);
  });

  it('a limit is charged once a request, after the key', async () => {
    const charged: string[] = [];
    const limit = {
      charge(bucket: string) {
        charged.push(bucket);
        return { allowed: false, limit: 1, remaining: 0, resetAfterMs: 1000, retryAfterMs: 1000 };
      },
    };
    const { app } = await open({ limit });
    expect((await app.inject({ url: '/v1/traces', ...ELSEWHERE })).statusCode).toBe(401);
    expect(charged).toEqual([]);
    expect((await app.inject({ url: '/v1/traces', headers: { 'x-api-key': 'pm_read' } })).statusCode).toBe(429);
    expect(charged).toHaveLength(1);
  });
});

describe('the peer', () => {
  async function peerFor(
    headers: Record<string, string>,
    remoteAddress: string,
    trustedProxies: string[] = [],
    corsOrigins: string[] = [],
  ) {
    const seen: Credentials[] = [];
    const config = { port: 0, host: '127.0.0.1', corsOrigins, trustedProxies };
    const identify = (credentials: Credentials) => {
      seen.push(credentials);
      throw new GatewayError('UNAUTHORIZED', 'no');
    };
    const { app } = await open({ config, identify });
    await app.inject({ url: '/v1/traces', headers, remoteAddress });
    return seen[0]!.peer;
  }

  it('is the other end of the connection', async () => {
    expect(await peerFor({}, '127.0.0.1')).toBe('127.0.0.1');
    expect(await peerFor({}, '203.0.113.7')).toBe('203.0.113.7');
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip'])(
    'is unknown behind a proxy that nobody trusts, on loopback too (%s)',
    async (header) => {
      expect(await peerFor({ [header]: '127.0.0.1' }, '127.0.0.1')).toBe('');
    },
  );

  it.each([
    [{ host: 'localhost:3000' }, '127.0.0.1'],
    [{ host: '127.0.0.1' }, '127.0.0.1'],
    [{ host: '[::1]:3000' }, '127.0.0.1'],
    [{ host: 'ui.localhost:3000', origin: 'http://ui.localhost:3000' }, '127.0.0.1'],
    [{ host: 'localhost:3000', origin: 'https://listed.example' }, '127.0.0.1'],
    [{ host: 'localhost:3000', origin: 'https://evil.example' }, ''],
    [{ host: 'localhost:3000', origin: 'http://localhost:5173' }, ''],
    [{ host: 'localhost:3000', origin: 'null' }, ''],
    [{ host: 'rebound.evil.example:3000' }, ''],
    [{ host: 'localhost.evil.example' }, ''],
  ])('of a browser on this machine is nobody for pages from elsewhere: %j', async (headers, expected) => {
    expect(await peerFor(headers, '127.0.0.1', [], ['*', 'https://listed.example'])).toBe(expected);
  });

  it('elsewhere may call us by any name', async () => {
    expect(await peerFor({ host: 'gateway.example', origin: 'https://ui.example' }, '203.0.113.7')).toBe('203.0.113.7');
  });

  it('is whom a trusted proxy names, and not what the client says of itself', async () => {
    const forged = { 'x-forwarded-for': '127.0.0.1, 203.0.113.7' };
    expect(await peerFor(forged, '10.0.0.5', ['10.0.0.0/8'])).toBe('203.0.113.7');
    expect(await peerFor(forged, '127.0.0.1', ['loopback'])).toBe('203.0.113.7');
    expect(await peerFor(forged, '192.0.2.1', ['10.0.0.0/8'])).toBe('');
  });
});
