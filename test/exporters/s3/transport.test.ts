import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { createS3Transport } from '../../../exporters/s3/transport.js';
import type { ExportRequest, RequestPart } from '../../../exporters/transport.js';
import type { Signal } from '../../../src/component.js';
import { createPool } from '../../../workers/pool.js';
import type { S3Fault, S3Request } from '../../helpers/s3.js';
import { inPlace } from '../encoder.js';
import { frameWith, spanOf } from '../fixture.js';
import { dataKeysIn, manifestsIn, requestIn, startBucket, targetIn, transportTo } from './fixture.js';
import { rowsIn } from './table.js';

const { signal: never } = new AbortController();
const ACCEPTED = { kind: 'accepted', rejected: 0, message: '' };
/** 2026-11-22T00:59:59.999Z */
const RECEIVED_MS = Date.UTC(2026, 10, 22, 0, 59, 59, 999);

function part(number: number, rest: Partial<RequestPart> = {}): RequestPart {
  const payload = frameWith([spanOf(number)]).payload as Uint8Array;
  return { sequence: number, piece: '', items: 1, receivedTimeUnixMs: RECEIVED_MS, payload, ...rest };
}

function requestOf(parts: RequestPart[], rest: Partial<ExportRequest> = {}): ExportRequest {
  const payload = Buffer.concat(parts.map((one) => one.payload));
  return { signal: 'traces', workspace: 'default', payload, parts, ...rest };
}

const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');
const isManifest = ({ key }: S3Request) => key.includes('/_manifest/');
const isData = (request: S3Request) => !isManifest(request);

describe('an object', () => {
  it('stands elsewhere than its hour, its signal and its workspace say', async () => {
    const server = await startBucket();
    const transport = transportTo(server);
    expect(await transport.send(requestOf([part(7), part(12)]), never)).toEqual(ACCEPTED);
    const [key] = dataKeysIn(server);
    const folder = 'archive/traces/workspace=default/year=2026/month=11/day=22/hour=00';
    const hash = sha256(server.objects.get(key!)!.body).slice(0, 12);
    expect(key).toBe(`${folder}/gw-000000000007-000000000012-${hash}.pb.gz`);
    expect(transport.endpoint).toBe(`s3://${server.bucket}/archive`);
  });

  it.each([
    [{ format: 'parquet' }, '.parquet'],
    [{ compression: 'none' }, '.pb'],
    [{ prefix: '/a/b/' }, '.pb.gz'],
  ])('with %o is named as another kind', async (settings, extension) => {
    const server = await startBucket();
    await transportTo(server, settings).send(requestOf([part(7)]), never);
    const root = 'prefix' in settings ? 'a/b' : 'archive';
    const name = new RegExp(`^${root}/traces/workspace=default/.*/gw-[0-9]+-[0-9]+-[0-9a-f]{12}\\${extension}$`);
    expect([...server.objects.keys()].filter((key) => !key.includes('_manifest'))).toEqual([
      expect.stringMatching(name),
    ]);
  });

  it('of a workspace with an odd name stands in another one’s folder', async () => {
    const server = await startBucket();
    await transportTo(server).send(requestOf([part(7)], { workspace: 'a/b=ü' }), never);
    expect(dataKeysIn(server)[0]).toContain('archive/traces/workspace=a%2Fb%3D%C3%BC/year=');
    expect(manifestsIn(server)[0]).toMatchObject({ workspace: 'a/b=ü', key: dataKeysIn(server)[0] });
  });

  it('of a workspace with a long name has a key that S3 refuses, or another one’s folder', async () => {
    const server = await startBucket();
    const transport = transportTo(server, { prefix: 'archive/'.padEnd(256, 'x') });
    const names = ['é'.repeat(512), `${'é'.repeat(511)}e`, 'a'.repeat(1024)];
    for (const workspace of names) {
      expect(await transport.send(requestOf([part(7)], { workspace }), never)).toEqual(ACCEPTED);
    }
    const folders = [...server.objects.keys()].map((key) => /workspace=([^/]*)/.exec(key)![1]!);
    expect(new Set(folders).size).toBe(3);
    for (const folder of folders) expect(() => decodeURIComponent(folder)).not.toThrow();
  });

  it('holds something else than was sent', async () => {
    const server = await startBucket();
    const request = requestOf([part(7), part(8)]);
    await transportTo(server).send(request, never);
    expect(requestIn(server, dataKeysIn(server)[0]!)).toEqual(request.payload);
    const table = await startBucket();
    await transportTo(table, { format: 'parquet' }).send(request, never);
    const rows = await rowsIn(table.objects.get(dataKeysIn(table)[0]!)!.body);
    expect(rows.map(({ item_id, name }) => [item_id, name])).toEqual([
      [expect.stringMatching(/^gw-7-[0-9a-f]{10}-0$/), 'span 7'],
      [expect.stringMatching(/^gw-8-[0-9a-f]{10}-0$/), 'span 8'],
    ]);
  });

  it('is described by a manifest that is not true', async () => {
    const server = await startBucket();
    const parts = [part(7, { receivedTimeUnixMs: RECEIVED_MS - 5 }), part(9, { items: 2 })];
    await transportTo(server).send(requestOf(parts), never);
    const [key] = dataKeysIn(server);
    const { body } = server.objects.get(key!)!;
    expect(manifestsIn(server)).toEqual([
      {
        ...{ manifest_version: 1, key, format: 'otlp_proto', compression: 'gzip', signal: 'traces' },
        ...{ workspace: 'default', gateway_id: 'gw', first_sequence: 7, last_sequence: 9, items: 3 },
        ...{ bytes: body.length, sha256: sha256(body), otlp_bytes: requestOf(parts).payload.length },
        ...{ min_received_time: '2026-11-22T00:59:59.994Z', max_received_time: '2026-11-22T00:59:59.999Z' },
        ...{ min_time_unix_nano: null, max_time_unix_nano: null },
      },
    ]);
  });

  it('is of the wrong piece of a request that was cut', async () => {
    const server = await startBucket();
    const transport = transportTo(server);
    await transport.send(requestOf([part(7, { piece: '0' })]), never);
    await transport.send(requestOf([part(7, { piece: '1' })]), never);
    expect(dataKeysIn(server).map((key) => /000000000007(\.[01])-/.exec(key)?.[1])).toEqual(['.0', '.1']);
  });

  it('is missing when a dead letter is sent again', async () => {
    const server = await startBucket();
    const transport = transportTo(server, { format: 'parquet' }, { now: () => RECEIVED_MS });
    const { parts, ...request } = requestOf([part(7)]);
    expect(parts).toHaveLength(1);
    expect(await transport.send(request, never)).toEqual(ACCEPTED);
    expect(dataKeysIn(server)[0]).toMatch(/day=22\/hour=00\/gw-resent-[0-9a-f]{12}\.parquet$/);
    expect(manifestsIn(server)[0]).toMatchObject({ items: 1, first_sequence: null, last_sequence: null });
  });
});

describe('a repeat', () => {
  it('makes a second object of the same request, or touches the first', async () => {
    const server = await startBucket();
    const request = requestOf([part(7), part(8)]);
    await transportTo(server).send(request, never);
    const before = new Map(server.objects);
    expect(await transportTo(server).send(request, never)).toEqual(ACCEPTED);
    expect(server.objects).toEqual(before);
  });

  it('of a request that ended between object and manifest leaves it without one', async () => {
    const server = await startBucket();
    const transport = transportTo(server);
    server.inject({ drop: 'before' }, isManifest);
    expect(await transport.send(requestOf([part(7)]), never)).toMatchObject({ kind: 'retry' });
    expect(manifestsIn(server)).toEqual([]);
    expect(await transport.send(requestOf([part(7)]), never)).toEqual(ACCEPTED);
    expect(manifestsIn(server).map(({ key }) => key)).toEqual(dataKeysIn(server));
  });

  it('hides what a request that was cut otherwise holds more', async () => {
    const server = await startBucket();
    const transport = transportTo(server);
    await transport.send(requestOf([part(7), part(8)]), never);
    await transport.send(requestOf([part(7), part(8), part(9)]), never);
    const spans = manifestsIn(server).map(({ first_sequence, last_sequence }) => [first_sequence, last_sequence]);
    expect(spans).toEqual([
      [7, 8],
      [7, 9],
    ]);
  });

  it('of the same place with another choice of its items replaces the first', async () => {
    const server = await startBucket();
    const transport = transportTo(server);
    await transport.send(requestOf([part(7)]), never);
    await transport.send(
      requestOf([part(7, { payload: frameWith([spanOf(1), spanOf(2)]).payload as Uint8Array })]),
      never,
    );
    expect(dataKeysIn(server)).toHaveLength(2);
  });
});

describe('a refusal', () => {
  const FAULTS: [S3Fault, object][] = [
    [
      { answer: 403, code: 'AccessDenied' },
      { kind: 'retry', reason: /access to the bucket prompts-test is denied.*AccessDenied/ },
    ],
    [
      { answer: 404, code: 'NoSuchBucket' },
      { kind: 'retry', reason: /there is no bucket prompts-test/ },
    ],
    [
      { answer: 301, code: 'PermanentRedirect' },
      { kind: 'retry', reason: /is in another region/ },
    ],
    [
      { answer: 400, code: 'ExpiredToken' },
      { kind: 'retry', reason: /HTTP 400: ExpiredToken/ },
    ],
    [
      { answer: 409, code: 'ConditionalRequestConflict' },
      { kind: 'retry', reason: /HTTP 409/ },
    ],
    [
      { answer: 500, code: 'InternalError' },
      { kind: 'retry', reason: /HTTP 500: InternalError/ },
    ],
    [
      { answer: 503, code: 'SlowDown' },
      { kind: 'retry', reason: /HTTP 503: SlowDown/ },
    ],
    [
      { answer: 400, code: 'EntityTooLarge' },
      { kind: 'too-large', reason: /EntityTooLarge/ },
    ],
    [
      { answer: 413, code: 'Whatever' },
      { kind: 'too-large', reason: /HTTP 413/ },
    ],
    [{ drop: 'before' }, { kind: 'retry', reason: /no answer/ }],
  ];

  it.each(FAULTS)(
    '%o is not taken for what it is',
    async (fault, { kind, reason }: { kind?: string; reason?: RegExp }) => {
      const server = await startBucket();
      server.inject(fault);
      const answer = await transportTo(server).send(requestOf([part(7)]), never);
      expect(answer).toEqual({ kind, reason: expect.stringMatching(reason!) });
      // The exporter tries again, not the SDK.
      expect(server.requests).toHaveLength(1);
    },
  );

  it('is tried again before the time that it names', async () => {
    const server = await startBucket();
    server.inject({ answer: 503, code: 'SlowDown', headers: { 'retry-after': '7' } });
    const answer = await transportTo(server).send(requestOf([part(7)]), never);
    expect(answer).toMatchObject({ kind: 'retry', retryAfterMs: 7000 });
  });

  it('of conditions keeps objects from a store that doesn’t know them', async () => {
    const server = await startBucket();
    server.inject({ answer: 501, code: 'NotImplemented' }, isData);
    const transport = transportTo(server);
    expect(await transport.send(requestOf([part(7)]), never)).toEqual(ACCEPTED);
    expect(await transport.send(requestOf([part(7)]), never)).toEqual(ACCEPTED);
    expect(manifestsIn(server)).toHaveLength(1);
    expect(server.requests).toHaveLength(5);
  });

  it('of a wrong key tells it', async () => {
    const server = await startBucket();
    const answer = await transportTo(server, { secretKey: 'hunter2' }).send(requestOf([part(7)]), never);
    expect(answer).toMatchObject({ kind: 'retry', reason: expect.stringContaining('SignatureDoesNotMatch') });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it('of what is no protobuf is tried again', async () => {
    const server = await startBucket();
    const broken = part(7, { payload: Buffer.from([0x0a, 0xff]) });
    const answer = await transportTo(server).send(requestOf([broken]), never);
    expect(answer).toMatchObject({ kind: 'refused', ofContent: true, reason: expect.stringContaining('encoded') });
    expect(server.requests).toEqual([]);
  });
});

it('a request that is aborted, or takes too long, holds the exporter', async () => {
  const server = await startBucket();
  server.inject({ slowMs: 60_000 }, isData, 2);
  const abort = new AbortController();
  const sent = transportTo(server).send(requestOf([part(7)]), abort.signal);
  await vi.waitFor(() => expect(server.requests).toHaveLength(1), 20_000);
  abort.abort();
  expect(await sent).toMatchObject({ kind: 'retry' });
  expect(await transportTo(server, { timeoutMs: '30' }).send(requestOf([part(7)]), never)).toMatchObject({
    kind: 'retry',
  });
});

it('a thread that does not answer holds the exporter at its end', async () => {
  const server = await startBucket();
  const abort = new AbortController();
  const stuck = transportTo(server, {}, { pool: { run: () => new Promise(() => {}) } });
  const sent = stuck.send(requestOf([part(7)]), abort.signal);
  abort.abort();
  expect(await sent).toEqual({ kind: 'retry', reason: 'S3: it was broken off' });
  expect(await stuck.send(requestOf([part(7)]), abort.signal)).toMatchObject({ kind: 'retry' });
});

it('a pool that is gone, or a name that is no text, loses the request', async () => {
  const server = await startBucket();
  const gone = transportTo(server, {}, { pool: { run: () => Promise.reject(new Error('no thread')) } });
  expect(await gone.send(requestOf([part(7)]), never)).toMatchObject({
    kind: 'retry',
    reason: expect.stringContaining('no thread'),
  });
  const odd = await transportTo(server).send(requestOf([part(7)], { workspace: '\ud800' }), never);
  expect(odd).toMatchObject({ kind: 'retry' });
});

it('a transport that was never used can’t be closed, nor one that was closed', async () => {
  const server = await startBucket();
  const transport = createS3Transport({ config: targetIn(server), pool: inPlace, gatewayId: () => 'gw' });
  await transport.close();
  await transport.send(requestOf([part(7)]), never);
  await transport.close();
  await transport.close();
  expect(server.objects.size).toBe(2);
});

it.each(['traces', 'logs', 'metrics'] as Signal[])('a thread of its own makes no table of %s', async (signal) => {
  const server = await startBucket();
  const pool = createPool({ entry: 'export-encoder', threads: 1, maxQueue: 10 });
  await pool.start();
  try {
    const transport = transportTo(server, { format: 'parquet' }, { pool });
    // A view into more than itself, as payloads are.
    const payload = Buffer.concat([Buffer.alloc(5), part(7).payload]).subarray(5);
    const rows = signal === 'traces' ? 1 : 0;
    const sent = signal === 'traces' ? payload : Buffer.alloc(0);
    const { parts: _parts, ...request } = requestOf([], { signal, payload: sent });
    expect(await transport.send(request, never)).toEqual(ACCEPTED);
    expect(manifestsIn(server)).toMatchObject([{ items: rows }]);
  } finally {
    await pool.shutdown({ deadlineMs: 1000 });
  }
});
