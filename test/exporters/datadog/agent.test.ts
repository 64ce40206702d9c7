import { mkdtempSync, rmSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAgentTransport } from '../../../exporters/datadog/agent.js';
import { datadogSettings } from '../../../exporters/datadog/config.js';
import type { Transport } from '../../../exporters/transport.js';
import { inPlace } from '../encoder.js';
import { readBody, requestBytes } from './requests.js';

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

let received: Received[];
let answers: ((response: ServerResponse) => void)[];
let agent: Server;
let transport: Transport;

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  received.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks) });
  (answers.shift() ?? rates)(response);
}

const rates = (response: ServerResponse) => {
  response.setHeader('content-type', 'application/json').end('{"rate_by_service":{"service:,env:":1}}');
};
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(code, headers).end('no luck');
  };

beforeEach(() => {
  received = [];
  answers = [];
  agent = createServer((request, response) => void take(request, response).catch(() => {}));
});
afterEach(async () => {
  await transport.close();
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
});

async function listen(): Promise<string> {
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
  return String((agent.address() as AddressInfo).port);
}

function create(settings: Record<string, string>, pool = inPlace): Transport {
  const config = datadogSettings.parse({ mode: 'agent-traces', agentHost: '127.0.0.1', ...settings });
  transport = createAgentTransport({ config, pool, connections: 2, version: '1.2.3' });
  return transport;
}

const { signal: never } = new AbortController();
const spans = [{ name: 'a' }, { traceId: '000000000000000000000000000000ff', name: 'b' }];
const exported = { signal: 'traces' as const, workspace: 'w', payload: requestBytes({ spans }) };

describe('the Agent', () => {
  it('is sent another request than its trace API takes', async () => {
    const answer = await create({ agentPort: await listen() }).send(exported, never);
    expect(answer).toEqual({ kind: 'accepted', rejected: 0, message: '' });
    expect(received).toHaveLength(1);
    const [{ method, url, headers, body }] = received as [Received];
    expect([method, url]).toEqual(['PUT', '/v0.4/traces']);
    expect(headers).toMatchObject({
      'content-type': 'application/msgpack',
      'x-datadog-trace-count': '2',
      'datadog-meta-lang': 'nodejs',
      'datadog-meta-lang-version': process.version,
      'datadog-meta-lang-interpreter': 'v8',
      'datadog-meta-tracer-version': '1.2.3',
      'datadog-send-real-http-status': 'true',
    });
    const traces = readBody({ body, traces: 2 });
    expect(traces.map(([span]) => span.resource)).toEqual(['a', 'b']);
  });

  it('that answers OK in plain text, or nothing, has refused', async () => {
    answers = [(response) => response.end('OK\n'), (response) => response.writeHead(202).end()];
    const sender = create({ agentPort: await listen() });
    for (let i = 0; i < 2; i++) expect(await sender.send(exported, never)).toMatchObject({ kind: 'accepted' });
  });

  it.each([
    [429, { kind: 'retry', retryAfterMs: 7000, reason: 'HTTP 429: no luck' }],
    [503, { kind: 'retry', retryAfterMs: 7000 }],
    [408, { kind: 'retry', reason: 'HTTP 408: no luck' }],
    [500, { kind: 'retry' }],
    [413, { kind: 'too-large' }],
    [400, { kind: 'refused', ofContent: true }],
    [404, { kind: 'refused', ofContent: false }],
  ])('that answers %i is understood otherwise', async (code, expected) => {
    answers = [status(code, { 'retry-after': '7' })];
    expect(await create({ agentPort: await listen() }).send(exported, never)).toMatchObject(expected);
  });

  it('that goes away, is not there, or doesn’t answer loses the request', async () => {
    answers = [(response) => response.destroy(), () => {}];
    const sender = create({ agentPort: await listen(), timeoutMs: '200' });
    expect(await sender.send(exported, never)).toMatchObject({ kind: 'retry' });
    expect(await sender.send(exported, never)).toEqual({ kind: 'retry', reason: 'no answer within 200 ms' });
    await sender.close();
    expect(await create({ agentPort: '1' }).send(exported, never)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('holds up a shutdown', async () => {
    const ending = new AbortController();
    answers = [() => ending.abort()];
    const sender = create({ agentPort: await listen() });
    expect(await sender.send(exported, ending.signal)).toMatchObject({ kind: 'retry' });
  });

  it('is not found at its URL, or its Unix socket', async () => {
    const port = await listen();
    const sender = create({ agentUrl: `http://127.0.0.1:${port}/`, agentPort: '1' });
    expect(await sender.send(exported, never)).toMatchObject({ kind: 'accepted' });
    expect(sender.endpoint).toBe(`http://127.0.0.1:${port}/v0.4/traces`);
  });

  it('is not found at its Unix socket', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'agent-'));
    try {
      const socket = path.join(directory, 'apm.socket');
      await new Promise<void>((resolve) => agent.listen(socket, resolve));
      const sender = create({ agentUrl: `unix://${socket}` });
      expect(await sender.send(exported, never)).toMatchObject({ kind: 'accepted' });
      expect(sender.endpoint).toBe(`unix://${socket}`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('gets a part of what is too much for one request, and is thought to have it all', async () => {
    const large = (n: number) => ({ spanId: `000000000000000${n}`, attributes: { text: 'x'.repeat(5_000_000) } });
    const payload = requestBytes({ spans: [1, 2, 3].map(large) });
    answers = [rates, status(503)];
    const sender = create({ agentPort: await listen() });
    expect(await sender.send({ ...exported, payload }, never)).toMatchObject({ kind: 'retry' });
    expect(await sender.send({ ...exported, payload }, never)).toMatchObject({ kind: 'accepted' });
    const last = received.slice(-3).flatMap(({ body }) => readBody({ body, traces: 1 }).flat());
    expect(last.map(({ span_id }) => span_id)).toEqual([1n, 2n, 3n]);
  });

  it('is asked again for what can’t be encoded, or never again when a thread is gone', async () => {
    const broken = { ...exported, payload: Buffer.from([0x0a, 0xff]) };
    const port = await listen();
    expect(await create({ agentPort: port }).send(broken, never)).toMatchObject({ kind: 'refused', ofContent: true });
    const gone = create({ agentPort: port }, { run: () => Promise.reject(new Error('no thread')) });
    expect(await gone.send(exported, never)).toMatchObject({ kind: 'retry', reason: 'failed: no thread' });
    expect(received).toEqual([]);
  });

  it('is sent logs or metrics', async () => {
    const sender = create({ agentPort: await listen() });
    expect(await sender.send({ ...exported, signal: 'logs' }, never)).toMatchObject({
      kind: 'refused',
      ofContent: false,
    });
    expect(received).toEqual([]);
  });

  it('is sent a request of nothing', async () => {
    const payload = requestBytes({ spans: [] });
    expect(await create({ agentPort: await listen() }).send({ ...exported, payload }, never)).toMatchObject({
      kind: 'accepted',
    });
    expect(received).toEqual([]);
  });
});
