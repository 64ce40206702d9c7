import { expect, it } from 'vitest';
import { SIGNALS } from '../../../src/component.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { range, shutDown, temporaryDirectory } from '../../buffer/fixture.js';
import type { S3Server } from '../../helpers/s3.js';
import { Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { encodeReference } from '../../otlp/reference.js';
import { appendSpans, delivered, frameWith, spanId, spanOf, startExporter, until } from '../fixture.js';
import { dataKeysIn, manifestsIn, requestIn, startBucket, transportsTo } from './fixture.js';
import { rowsIn, type TableRow } from './table.js';

/** What a reader finds who follows the manifests. */
async function rowsOf(server: S3Server): Promise<TableRow[]> {
  const tables = manifestsIn(server).map(({ key }) => rowsIn(server.objects.get(key)!.body));
  return (await Promise.all(tables)).flat();
}

const idsIn = (rows: readonly TableRow[]) => rows.map(({ span_id }) => span_id);

it('a span is missing in the bucket, or there twice without a reason', async () => {
  const server = await startBucket();
  const queue = { maxRequestItems: '50' };
  const test = await startExporter({ transports: transportsTo(server, { format: 'parquet' }), queue });
  await appendSpans(test.buffer, range(0, 399));
  await delivered(test);
  const rows = await rowsOf(server);
  expect(idsIn(rows).sort()).toEqual(range(0, 399).map(spanId));
  expect(new Set(rows.map(({ item_id }) => item_id)).size).toBe(400);
  expect(manifestsIn(server).every(({ items }) => items <= 50)).toBe(true);
});

it.each(['otlp_proto', 'parquet'])('an object of %s holds spans of two workspaces', async (format) => {
  const server = await startBucket();
  const test = await startExporter({ transports: transportsTo(server, { format }) });
  const workspaces = range(0, 29).map((number) => `team-${number % 5}`);
  await Promise.all(
    workspaces.map((workspace, number) => test.buffer.append(frameWith([spanOf(number)], { workspace }))),
  );
  await delivered(test);
  const found = manifestsIn(server).map(({ key, workspace, items }) => {
    expect(key).toContain(`archive/traces/workspace=${workspace}/year=`);
    return [workspace, items] as const;
  });
  for (const workspace of new Set(workspaces)) {
    const items = found.filter(([name]) => name === workspace).map(([, count]) => count);
    expect(items.reduce((a, b) => a + b)).toBe(6);
  }
});

it('a thousand random requests have other items in the bucket than they had', async () => {
  const server = await startBucket();
  const random = new Random(5);
  const test = await startExporter({
    transports: transportsTo(server),
    queue: { maxRequestItems: '200' },
    bufferSettings: { maxBytes: '16MiB' },
  });
  const sent = Array.from({ length: 1000 }, (_, index) => {
    const signal = SIGNALS[index % 3]!;
    return { signal, payload: encodeReference(signal, toProtobufjs(randomRequest(random, signal)) as object) };
  });
  const items = (requests: { signal: (typeof SIGNALS)[number]; payload: Buffer }[]) =>
    requests
      .flatMap(({ signal, payload }) => {
        const decoded = decodeRequest({ signal, encoding: 'protobuf', payload });
        return [...decoded.spans, ...decoded.logRecords, ...decoded.metricPoints];
      })
      .map((item) => JSON.stringify(item, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
      .sort();
  await Promise.all(
    sent.map((frame) => test.buffer.append({ ...frame, encoding: 'protobuf', workspace: 'default', items: 1 })),
  );
  await delivered(test);
  const found = dataKeysIn(server).map((key) => {
    return { signal: SIGNALS.find((signal) => key.includes(`/${signal}/`))!, payload: requestIn(server, key) };
  });
  const expected = items(sent.filter(({ payload }) => payload.length > 0));
  expect(items(found)).toEqual(expected);
  expect(expected.length).toBeGreaterThan(300);
});

it('a crash between object and manifest, and another cut behind it, lose a span or make one twice without telling', async () => {
  const server = await startBucket();
  const directory = await temporaryDirectory();
  const settings = { format: 'parquet' };
  const first = await startExporter({ transports: transportsTo(server, settings), directory });
  server.inject({ drop: 'before' }, ({ key }) => key.includes('/_manifest/'), 1000);
  await appendSpans(first.buffer, range(0, 9));
  await until(() => dataKeysIn(server).length > 0, 'an object');
  await first.exporter.shutdown({ deadlineMs: 0 });
  expect(manifestsIn(server)).toEqual([]);
  await appendSpans(first.buffer, range(10, 19));
  await shutDown(first.buffer);
  // The first bucket's faults stay behind.
  const again = await startBucket();
  for (const [key, object] of server.objects) again.objects.set(key, object);
  const second = await startExporter({ transports: transportsTo(again, settings), directory });
  await delivered(second);
  const rows = await rowsOf(again);
  const distinct = new Map(rows.map((row) => [row.item_id, row.span_id]));
  expect([...distinct.values()].sort()).toEqual(range(0, 19).map(spanId));
});

it('a bucket that is not there puts spans among the dead letters', async () => {
  const server = await startBucket();
  const queue = { circuitFailures: '3' };
  const test = await startExporter({ transports: transportsTo(server, { bucket: 'another' }), queue });
  await appendSpans(test.buffer, range(0, 9));
  await until(() => test.exporter.state().circuit === 'open', 'a circuit that is open');
  expect(test.exporter.state().lastError?.message).toContain('there is no bucket another');
  expect(test.happenings).toContainEqual(
    expect.objectContaining({ name: 'failed', reason: expect.stringContaining('there is no bucket another') }),
  );
  expect(test.letters).toEqual([]);
  expect(test.exporter.state().lag.frames).toBe(10);
});

it('what was received in two hours shares an object', async () => {
  const server = await startBucket();
  const test = await startExporter({ transports: transportsTo(server), queue: { lingerMs: '200' } });
  const hour = 3_600_000;
  const now = Date.now();
  const clock = { now };
  const { now: realNow } = Date;
  Date.now = () => clock.now;
  try {
    await appendSpans(test.buffer, range(0, 4));
    clock.now = now + hour;
    await appendSpans(test.buffer, range(5, 9));
  } finally {
    Date.now = realNow;
  }
  await delivered(test);
  const hours = manifestsIn(server).map(({ key, items }) => [/\/hour=(\d\d)\//.exec(key)![1], items]);
  const hourOf = (ms: number) => new Date(ms).toISOString().slice(11, 13);
  expect(hours.sort()).toEqual(
    [
      [hourOf(now), 5],
      [hourOf(now + hour), 5],
    ].sort(),
  );
});
