/** Every error that a client of the native routes can provoke, from a whole gateway: one shape, each its status and code. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { errorSchema } from '../../src/api/errors.js';
import { startGatewayForAll, temporaryDirectory } from '../helpers/gateway.js';

const LOG = { prompt_name: 'p', version_tag: '1' };
const TRACE = randomUUID();
const MAX_REQUESTS = 100;

interface Asked {
  status: number;
  code: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

const ERRORS: Asked[] = [
  { status: 400, code: 'BAD_REQUEST', body: '{broken' },
  { status: 400, code: 'BAD_REQUEST', headers: { 'x-workspace-id': 'no workspace' } },
  { status: 400, code: 'BAD_REQUEST', headers: { 'idempotency-key': 'k'.repeat(256) } },
  { status: 401, code: 'UNAUTHORIZED', headers: { 'x-api-key': '' } },
  { status: 401, code: 'UNAUTHORIZED', headers: { 'x-api-key': 'pm_nobody' } },
  { status: 404, code: 'NOT_FOUND', method: 'PATCH', path: `/v1/traces/${TRACE}/spans/${randomUUID()}`, body: {} },
  { status: 404, code: 'NOT_FOUND', path: '/v1/runs', body: { workflow_name: 'w', trace_id: randomUUID() } },
  { status: 404, code: 'NOT_FOUND', method: 'PATCH', path: `/v1/runs/${randomUUID()}`, body: { status: 'failed' } },
  { status: 405, code: 'METHOD_NOT_ALLOWED', method: 'PUT' },
  { status: 409, code: 'CONFLICT', path: '/v1/traces', body: { trace_id: TRACE } },
  { status: 413, code: 'PAYLOAD_TOO_LARGE', body: { ...LOG, metadata: { text: 'x'.repeat(11 * 2 ** 20) } } },
  { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', headers: { 'content-type': 'text/plain' } },
  { status: 422, code: 'VALIDATION_FAILED', body: {} },
  { status: 422, code: 'VALIDATION_FAILED', path: '/v1/runs', body: {} },
];

describe('an error of a native route', () => {
  let gateway: GatewayProcess;
  let key: string;
  beforeAll(async () => {
    const env = { API_AUTH: 'required', RATE_LIMIT_MAX_REQUESTS: String(MAX_REQUESTS) };
    gateway = await startGatewayForAll({ dataDirectory: temporaryDirectory(), env });
    key = /\bpm_[0-9a-f]{64}\b/.exec(gateway.output.join('\n'))![0];
    expect((await send({ path: '/v1/traces', body: { trace_id: TRACE } })).status).toBe(201);
  });
  afterAll(() => gateway?.stop());

  const send = ({ method = 'POST', path = '/v1/logs', headers = {}, body = LOG }: Partial<Asked>) =>
    fetch(`${gateway.api}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-api-key': key, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  const expectError = async (response: Response, status: number, code: string) => {
    const answer: unknown = await response.json();
    expect([response.status, answer]).toEqual([status, expect.objectContaining({ code })]);
    expect(errorSchema.strict().safeParse(answer).error).toBeUndefined();
    expect(answer).toMatchObject({
      requestId: response.headers.get('x-request-id'),
      detailsType: code === 'VALIDATION_FAILED' ? 'fields' : 'context',
    });
  };

  it.each(ERRORS.map((asked) => ({ ...asked, path: asked.path ?? '/v1/logs' })))(
    '$status $code on $path',
    async (asked) => {
      await expectError(await send(asked), asked.status, asked.code);
    },
  );

  it('for a key that may only read is a 403', async () => {
    const minted = await send({ path: '/v1/api-keys', body: { name: 'reader', scopes: 'read' } });
    const reader = ((await minted.json()) as { key: string }).key;
    await expectError(await send({ headers: { 'x-api-key': reader } }), 403, 'FORBIDDEN');
  });

  it('for one request too many is a 429 that says when to come back', async () => {
    let response = await send({});
    for (let sent = 0; response.status === 202 && sent <= MAX_REQUESTS; sent++) response = await send({});
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(response.headers.get('ratelimit-remaining')).toBe('0');
    await expectError(response, 429, 'RATE_LIMIT_EXCEEDED');
  });
});
