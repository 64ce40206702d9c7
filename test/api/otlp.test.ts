import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { brotliCompressSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OtlpHandler } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import type { NativeIntake } from '../../src/model/native.js';
import { testApp } from '../helpers/api.js';

/** Answers with what it was given, so that a test sees what crossed over. */
function echoHandler(): OtlpHandler {
  const answer = (response: ServerResponse, content: unknown) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(content));
  };
  return {
    async handle(signal, workspace, request, response) {
      answer(response, { by: 'handle', signal, workspace, bytes: (await buffer(request)).length });
    },
    async readBody(request: IncomingMessage) {
      const body = await buffer(request);
      if (body.length > 1000) throw new GatewayError('PAYLOAD_TOO_LARGE', 'The body is too large');
      return body;
    },
    looksLikeOtlpJson: (body) => body.includes('"resource'),
    refuse(signal, error, _request, response) {
      response.statusCode = error.httpStatus;
      response.end(JSON.stringify({ by: 'refuse', signal, code: error.code }));
    },
    async handleBody(signal, workspace, encoding, body, _request, response) {
      answer(response, { by: 'handleBody', signal, workspace, encoding, body: body.toString() });
    },
  };
}

let app: FastifyInstance;
let base: string;
let context: Awaited<ReturnType<typeof testApp>>;

beforeEach(async () => {
  context = await testApp({
    otlp: echoHandler(),
    config: { port: 0, host: '127.0.0.1', corsOrigins: ['https://ui.example'], trustedProxies: [] },
  });
  app = context.app;
  await app.listen({ port: 0, host: '127.0.0.1' });
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});
afterEach(() => app.close());

async function post(
  path: string,
  type: string | undefined,
  body: string | Buffer,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { ...(type !== undefined && { 'content-type': type }), ...headers },
    body: typeof body === 'string' ? Buffer.from(body) : body,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe('OTLP on the port of the API', () => {
  it('in lines is nothing that this port knows, where it takes no native requests', async () => {
    expect((await post('/v1/logs', 'application/x-ndjson', '{}')).status).toBe(415);
  });

  it.each(['traces', 'logs', 'metrics'])('protobuf %s reach the handler with their body untouched', async (signal) => {
    const type = 'Application/X-Protobuf; charset=whatever';
    const { status, body } = await post(`/v1/${signal}/`, type, Buffer.alloc(100_000, 1), { 'x-workspace-id': 'w1' });
    expect(status).toBe(200);
    expect(body).toEqual({ by: 'handle', signal, workspace: 'w1', bytes: 100_000 });
  });

  it('JSON that is OTLP reaches the handler byte for byte', async () => {
    const text = '{ "resourceSpans": [1.0, 9007199254740993] }';
    const { body } = await post('/v1/traces', 'application/json; charset=utf-8', text);
    expect(body).toEqual({ by: 'handleBody', signal: 'traces', workspace: 'default', encoding: 'json', body: text });
  });

  it('answers carry the request id and the CORS headers of this port', async () => {
    const headers = { 'x-request-id': 'r-1', origin: 'https://ui.example' };
    const response = await post('/v1/traces', 'application/x-protobuf', 'x', headers);
    expect(response.headers.get('x-request-id')).toBe('r-1');
    expect(response.headers.get('access-control-allow-origin')).toBe('https://ui.example');
  });

  it('are measured as answers of this port', async () => {
    await post('/v1/logs', 'application/x-protobuf', 'x');
    expect(context.answers).toMatchObject([{ method: 'POST', route: '/v1/logs', status: 200 }]);
  });

  it.each([
    ['traces', 'resourceSpans'],
    ['logs', 'resourceLogs'],
    ['metrics', 'resourceMetrics'],
  ])('JSON on %s that is no OTLP is told what is missing, where nothing native is taken', async (signal, member) => {
    const { status, body } = await post(`/v1/${signal}`, 'application/json', '{"prompt_name":"x"}');
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'VALIDATION_FAILED', details: { fields: [`"${member}" is required`] } });
  });

  it.each(['text/plain', 'application/xml', 'nonsense', undefined])('the content type %s is a 415', async (type) => {
    const { status, body } = await post('/v1/traces', type, 'x');
    expect(status).toBe(415);
    expect(body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it('a body over the limit gets the error in the shape of this port', async () => {
    const { status, body } = await post('/v1/traces', 'application/json', 'x'.repeat(2000));
    expect(status).toBe(413);
    expect(body).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', detailsType: 'context' });
  });

  it('a client that speaks protobuf is refused by the handler, one that speaks JSON as everyone here, both unread', async () => {
    const { app: locked } = await testApp({
      otlp: echoHandler(),
      identify: async () => {
        throw new GatewayError('UNAUTHORIZED', 'Missing X-API-Key header');
      },
    });
    const refused = async (type: string) => {
      const response = await locked.inject({ method: 'POST', url: '/v1/logs', headers: { 'content-type': type } });
      return [response.statusCode, response.json()];
    };
    expect(await refused('application/x-protobuf')).toEqual([
      401,
      { by: 'refuse', signal: 'logs', code: 'UNAUTHORIZED' },
    ]);
    expect(await refused('application/json')).toMatchObject([401, { error: 'Missing X-API-Key header' }]);
    await locked.close();
  });

  it('a bad workspace is refused before anything is read', async () => {
    const headers = { 'x-workspace-id': 'not ok' };
    const { status, body } = await post('/v1/traces', 'application/x-protobuf', 'x', headers);
    expect(status).toBe(400);
    expect(body.code).toBe('BAD_REQUEST');
  });

  it('paths that only take OTLP refuse other methods, and /v1/traces lists both', async () => {
    expect((await fetch(`${base}/v1/metrics`)).headers.get('allow')).toBe('POST');
    expect((await fetch(`${base}/v1/traces`, { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD, POST');
  });
});

describe('a path that OTLP and the native API share', () => {
  const native = (lines: boolean) => {
    const taken: string[] = [];
    const intake = {
      createLogs: async (_request: unknown, logs: unknown[]) => {
        taken.push(`${logs.length} logs`);
        return { status: 202, body: '{"id":1,"status":"accepted"}', replayed: lines };
      },
      createTrace: async (_request: unknown, trace: { trace_id?: string }) => {
        taken.push(`trace ${trace.trace_id}`);
        return { status: 201, body: '{}', replayed: false };
      },
    } as unknown as NativeIntake;
    return { intake, taken };
  };

  it('hands OTLP to its handler, and other JSON to the native door', async () => {
    const { intake, taken } = native(false);
    const { app: both } = await testApp({ otlp: echoHandler(), native: intake });
    const send = async (url: string, payload: object) => {
      const response = await both.inject({ method: 'POST', url, payload });
      return [response.statusCode, response.json().by];
    };
    expect(await send('/v1/logs', { resourceLogs: [] })).toEqual([200, 'handleBody']);
    expect(await send('/v1/traces', { resourceSpans: [] })).toEqual([200, 'handleBody']);
    expect(await send('/v1/logs', { prompt_name: 'p', version_tag: '1' })).toEqual([202, undefined]);
    expect(await send('/v1/traces', {})).toEqual([201, undefined]);
    expect(taken).toEqual(['1 logs', 'trace undefined']);
    await both.close();
  });

  it('takes lines for logs alone', async () => {
    const { intake, taken } = native(true);
    const { app: both } = await testApp({ otlp: echoHandler(), native: intake });
    const send = async (url: string) => {
      const headers = { 'content-type': 'application/x-ndjson' };
      const response = await both.inject({
        method: 'POST',
        url,
        headers,
        payload: '{"prompt_name":"p","version_tag":"1"}',
      });
      return response.statusCode;
    };
    expect([await send('/v1/logs'), await send('/v1/traces'), await send('/v1/metrics')]).toEqual([202, 415, 415]);
    expect(taken).toEqual(['1 logs']);
    await both.close();
  });

  it('knows Brotli where OTLP does not', async () => {
    const { intake, taken } = native(false);
    const { app: both } = await testApp({ otlp: echoHandler(), native: intake });
    const headers = { 'content-type': 'application/json', 'content-encoding': 'br' };
    const payload = brotliCompressSync('{"resourceLogs":[]}');
    const response = await both.inject({ method: 'POST', url: '/v1/logs', headers, payload });
    expect(response.json()).toMatchObject({ by: 'handleBody', body: '{"resourceLogs":[]}' });
    expect(taken).toEqual([]);
    await both.close();
  });
});
