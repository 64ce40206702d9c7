import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { datadogSettings } from '../../../exporters/datadog/config.js';
import { createDatadogExporter, type DatadogExporter } from '../../../exporters/datadog/transports.js';
import { createPool } from '../../../workers/pool.js';
import { readBody, requestBytes } from './requests.js';

const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
let received: { url: string | undefined; body: Buffer }[];
let agent: Server;
let created: DatadogExporter[];
let port: string;

beforeEach(async () => {
  received = [];
  created = [];
  agent = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ url: request.url, body: Buffer.concat(chunks) });
    response.writeHead(202).end();
  });
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
  port = String((agent.address() as AddressInfo).port);
});
afterEach(async () => {
  const transports = created.flatMap((one) => Object.values(one.transports));
  await Promise.all(transports.map((transport) => transport.close()));
  await pool.shutdown({ deadlineMs: 1000 });
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
});

function create(settings: Record<string, string>): DatadogExporter {
  const config = datadogSettings.parse({ agentHost: '127.0.0.1', agentPort: port, agentOtlpPort: port, ...settings });
  const made = createDatadogExporter({ name: 'datadog', config, pool, connections: 1, version: '1' });
  created.push(made);
  return made;
}

const { signal: never } = new AbortController();
const exported = { signal: 'traces' as const, workspace: 'w', payload: requestBytes({ spans: [{ name: 'a' }] }) };

describe('a Datadog exporter', () => {
  it('encodes on no other thread, or loses something on the way', async () => {
    await pool.start();
    const { transports, urls } = create({ mode: 'agent-traces' });
    expect(Object.keys(transports)).toEqual(['traces']);
    expect(urls.map(String)).toEqual([`http://127.0.0.1:${port}/v0.4/traces`]);
    expect(await transports.traces!.send(exported, never)).toMatchObject({ kind: 'accepted' });
    const [[span]] = readBody({ body: received[0]!.body, traces: 1 }) as [[{ resource: string }]];
    expect(span.resource).toBe('a');
    const broken = { ...exported, payload: Buffer.from([0x0a, 0xff]) };
    expect(await transports.traces!.send(broken, never)).toMatchObject({ kind: 'refused' });
  });

  it('sends no OTLP to the Agent, which is what it does when nothing is said', async () => {
    const { transports, maxRequestBytes } = create({});
    expect(Object.keys(transports).sort()).toEqual(['logs', 'metrics', 'traces']);
    expect(maxRequestBytes).toBeUndefined();
    expect(await transports.traces!.send(exported, never)).toMatchObject({ kind: 'accepted' });
    expect(received[0]!.url).toBe('/v1/traces');
  });

  it('sends more to the intake than that takes, or tells nobody what it doesn’t', () => {
    const { transports, maxRequestBytes, advice } = create({ mode: 'agentless', apiKey: 'k', site: 'datadoghq.eu' });
    expect(transports.logs!.endpoint).toBe('https://otlp.datadoghq.eu/v1/logs');
    expect(maxRequestBytes).toBe(3_200_000);
    expect(advice).toMatch(/delta/);
    expect(JSON.stringify(Object.values(transports).map(({ endpoint }) => endpoint))).not.toContain('k"');
  });

  it('is made without the key that it needs', () => {
    expect(() => create({ mode: 'agentless' })).toThrow(/DD_API_KEY/);
  });
});
