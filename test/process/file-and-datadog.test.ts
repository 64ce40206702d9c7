import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '@msgpack/msgpack';
import { expect, it, onTestFinished } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { createLoad } from '../../bench/load.js';
import { rowsIn } from '../exporters/s3/table.js';
import { getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { type S3Server, startS3 } from '../helpers/s3.js';

const FAST = { EXPORTER_RETRY_INITIAL_MS: '50', EXPORTER_RETRY_MAX_MS: '200', EXPORTER_LINGER_MS: '20' };

/** A Datadog Agent's trace API: which ids of spans it was given. */
async function startAgent() {
  const spanIds: string[] = [];
  const take = async (request: IncomingMessage): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const traces = decode(Buffer.concat(chunks), { useBigInt64: true }) as { span_id: bigint | number }[][];
    for (const { span_id } of traces.flat()) spanIds.push(BigInt(span_id).toString(16).padStart(16, '0'));
  };
  const server = createServer((request, response) => {
    void take(request).then(
      () => response.setHeader('content-type', 'application/json').end('{}'),
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, spanIds };
}

interface Line {
  resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[];
}

function spanIdsIn(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines
    .flatMap((line) => (JSON.parse(line) as Line).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(({ spanId }) => spanId)));
}

function variablesFor({ bucket, endpoint, accessKey, secretKey }: S3Server): Record<string, string> {
  return {
    S3_EXPORTER_BUCKET: bucket,
    S3_EXPORTER_ENDPOINT: endpoint,
    S3_EXPORTER_ACCESS_KEY: accessKey,
    S3_EXPORTER_SECRET_KEY: secretKey,
    S3_EXPORTER_FORMAT: 'parquet',
    S3_EXPORTER_LINGER_MS: '20',
  };
}

async function spanIdsInBucket({ objects }: S3Server): Promise<unknown[]> {
  const tables = [...objects].filter(([key]) => key.startsWith('traces/'));
  const rows = await Promise.all(tables.map(([, { body }]) => rowsIn(body, ['span_id'])));
  return rows.flat().map(({ span_id }) => span_id);
}

async function sendSpans(gateway: GatewayProcess, encoding: 'protobuf' | 'json'): Promise<void> {
  const load = createLoad({ shape: 'small', spans: 40, encoding, seed: encoding.length });
  const body = new Uint8Array(load.next());
  const headers = { 'content-type': load.contentType };
  const response = await fetch(`${gateway.otlpHttp}/v1/traces`, { method: 'POST', headers, body });
  expect(response.status).toBe(200);
}

const LOGS = {
  resourceLogs: [
    { scopeLogs: [{ logRecords: [{ timeUnixNano: '1700000000000000001', body: { stringValue: 'hi' } }] }] },
  ],
};

async function sendLog(gateway: GatewayProcess): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${gateway.otlpHttp}/v1/logs`, { method: 'POST', headers, body: JSON.stringify(LOGS) });
  expect(response.status).toBe(200);
}

interface DeepHealth {
  buffer: { consumers: Record<string, { frames: number }> };
  exporters: Record<string, { status: string }>;
}

/** All of them have caught up. Their names. */
async function untilExported(gateway: GatewayProcess): Promise<string[]> {
  for (let tries = 0; tries < 1500; tries++) {
    const { buffer, exporters } = await getJson<DeepHealth>(`${gateway.api}/health/deep`);
    if (Object.values(buffer.consumers).every(({ frames }) => frames === 0)) return Object.keys(exporters).sort();
    await sleep(20);
  }
  throw new Error('The exporters have not caught up');
}

it('a span misses in the file, at the Agent or in the bucket, where variables name all three', async () => {
  const agent = await startAgent();
  const server = await startS3();
  onTestFinished(() => server.stop());
  const directory = temporaryDirectory();
  const file = path.join(directory, 'audit', 'all.ndjson');
  const env = {
    ...FAST,
    FILE_EXPORTER_PATH: file,
    DATADOG_EXPORTER: 'agent-traces',
    DD_AGENT_HOST: '127.0.0.1',
    DD_TRACE_AGENT_PORT: String(agent.port),
    ...variablesFor(server),
  };
  const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
  await sendSpans(gateway, 'protobuf');
  await sendSpans(gateway, 'json');
  expect(await untilExported(gateway)).toEqual(['datadog', 'file', 's3']);
  const written = spanIdsIn(file);
  expect(new Set(written).size).toBe(80);
  expect([...agent.spanIds].sort()).toEqual([...written].sort());
  expect((await spanIdsInBucket(server)).sort()).toEqual([...written].sort());
  expect(gateway.output.join('\n')).toContain('trace API takes traces alone');
  expect(await gateway.stop()).toBe(0);
});

it('a configuration file’s exporters get what no pipeline brings them, or miss what one does', async () => {
  const agent = await startAgent();
  const directory = temporaryDirectory();
  const yaml = `
receivers: {otlp: }
exporters:
  file/audit: {path: "${directory}/audit/{signal}.ndjson", linger_ms: 0}
  file/logs: {path: "${directory}/logs-alone.ndjson"}
  datadog: {mode: agent-traces, agent_url: "http://127.0.0.1:${agent.port}"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [store, file/audit, datadog]}
    logs: {receivers: [otlp], exporters: [store, file/audit, file/logs]}
`;
  writeFileSync(path.join(directory, 'gateway.yaml'), yaml);
  const args = ['--config', path.join(directory, 'gateway.yaml')];
  const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: FAST, args });
  await sendSpans(gateway, 'protobuf');
  await sendLog(gateway);
  expect(await untilExported(gateway)).toEqual(['datadog', 'file_audit', 'file_logs']);
  expect(readdirSync(path.join(directory, 'audit')).sort()).toEqual(['logs.ndjson', 'traces.ndjson']);
  const written = spanIdsIn(path.join(directory, 'audit', 'traces.ndjson'));
  expect(written).toHaveLength(40);
  expect([...agent.spanIds].sort()).toEqual([...written].sort());
  const logs = readFileSync(path.join(directory, 'logs-alone.ndjson'), 'utf8');
  expect(
    logs
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  ).toMatchObject([LOGS]);
  expect(await gateway.stop()).toBe(0);
});
