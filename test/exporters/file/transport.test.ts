import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileSettings } from '../../../exporters/file/config.js';
import { createFileTransports } from '../../../exporters/file/transport.js';
import type { Transport } from '../../../exporters/transport.js';
import { SIGNALS } from '../../../src/component.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { createPool } from '../../../workers/pool.js';
import { Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { encodeReference } from '../../otlp/reference.js';
import { inPlace } from '../encoder.js';

let directory: string;
let transports: Transport[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'file-exporter-'));
  transports = [];
});
afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  rmSync(directory, { recursive: true, force: true });
});

const { signal: never } = new AbortController();

function create(name: string, pool = inPlace) {
  const config = { ...fileSettings.parse({}), path: path.join(directory, name) };
  const created = createFileTransports({ config, pool });
  transports.push(...Object.values(created));
  return created;
}

const linesOf = (name: string) => readFileSync(path.join(directory, name), 'utf8').split('\n').slice(0, -1);

it('a request of any signal is not the line that it should be', async () => {
  const random = new Random(3);
  const created = create('all.ndjson');
  const sent = SIGNALS.map((signal) => ({
    signal,
    workspace: 'w',
    payload: encodeReference(signal, toProtobufjs(randomRequest(random, signal)) as object),
  }));
  for (const request of sent) {
    expect(await created[request.signal].send(request, never)).toEqual({ kind: 'accepted', rejected: 0, message: '' });
  }
  const lines = linesOf('all.ndjson');
  expect(lines).toHaveLength(3);
  for (const [index, { signal, payload }] of sent.entries()) {
    const read = decodeRequest({ signal, encoding: 'json', payload: Buffer.from(lines[index]!) });
    expect(read).toEqual(decodeRequest({ signal, encoding: 'protobuf', payload }));
  }
});

it('signals share a file that should have one each', async () => {
  const created = create('{signal}.ndjson');
  for (const signal of SIGNALS) await created[signal].send({ signal, workspace: '', payload: Buffer.alloc(0) }, never);
  expect(readdirSync(directory).sort()).toEqual(['logs.ndjson', 'metrics.ndjson', 'traces.ndjson']);
  expect(linesOf('logs.ndjson')).toEqual(['{}']);
  expect(created.logs.endpoint).toBe(`file://${directory}/logs.ndjson`);
});

it('signals that share a file have a transport each, which would lock one another out', () => {
  const { traces, logs, metrics } = create('all.ndjson');
  expect(new Set([traces, logs, metrics]).size).toBe(1);
});

it('what can’t be encoded is tried again', async () => {
  const { traces } = create('all.ndjson');
  const answer = await traces.send({ signal: 'traces', workspace: '', payload: Buffer.from([0x0a, 0xff]) }, never);
  expect(answer).toMatchObject({ kind: 'refused', ofContent: true, reason: expect.stringContaining('encoded') });
});

it('a folder that can’t be made, or a pool that is gone, loses the request', async () => {
  const request = { signal: 'traces' as const, workspace: '', payload: Buffer.alloc(0) };
  const { traces } = create('all.ndjson');
  await traces.send(request, never);
  const below = createFileTransports({
    config: { ...fileSettings.parse({}), path: path.join(directory, 'all.ndjson', 'below') },
    pool: inPlace,
  });
  expect(await below.traces.send(request, never)).toMatchObject({
    kind: 'retry',
    reason: expect.stringMatching(/ENOTDIR|EEXIST/),
  });
  const gone = create('other.ndjson', { run: () => Promise.reject(new Error('no thread')) });
  expect(await gone.traces.send(request, never)).toEqual({ kind: 'retry', reason: 'no thread' });
});

it('a thread that does not answer holds a shutdown up, or its line is written behind it', async () => {
  let answer = (_line: unknown): void => {};
  const answered = new Promise((resolve) => {
    answer = resolve;
  });
  const { traces } = create('all.ndjson', { run: () => answered as Promise<never> });
  const abort = new AbortController();
  const sent = traces.send({ signal: 'traces', workspace: '', payload: Buffer.alloc(0) }, abort.signal);
  abort.abort();
  expect(await sent).toMatchObject({ kind: 'retry' });
  answer({ line: Buffer.from('{}') });
  await answered;
  await traces.close();
  expect(readdirSync(directory)).toEqual([]);
});

it('a thread of its own makes another line, or none', async () => {
  const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
  await pool.start();
  try {
    const { logs } = create('all.ndjson', pool);
    const payload = encodeReference('logs', {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityText: 'WARN' }] }] }],
    });
    // A view into more than itself, as payloads are.
    const part = Buffer.concat([Buffer.alloc(5), payload, Buffer.alloc(5)]).subarray(5, 5 + payload.length);
    expect(await logs.send({ signal: 'logs', workspace: '', payload: part }, never)).toMatchObject({
      kind: 'accepted',
    });
    expect(linesOf('all.ndjson')).toEqual([
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"WARN"}]}]}]}',
    ]);
  } finally {
    await pool.shutdown({ deadlineMs: 1000 });
  }
});
