import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Span } from '../../../src/model/telemetry.js';
import { DaySet, isPartitioned, partitionName } from '../../../src/store/telemetry/postgres/partitions.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { BUFFER, batchOf, daysFromToday, openSetting, type Setting } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const DAY_MS = 86_400_000;
const dayOf = (days: number) => Math.floor(Date.now() / DAY_MS) + days;

describe('days of a batch', () => {
  it('a time next to midnight belongs to its own day, to the nanosecond', () => {
    const midnight = 20_000n * 86_400_000_000_000n;
    const days = new DaySet();
    for (const time of [midnight - 1n, midnight, midnight + 1n, 0n, 2n ** 64n - 1n, midnight - 1n]) days.add(time);
    expect([...days.days]).toEqual([19_999, 20_000, 0, 213_503]);
  });

  it('times that no clock should tell get no partition of their own', () => {
    const now = Date.now();
    expect([-5_000, -101, -100, 0, 2, 3, 100_000].map((days) => isPartitioned(dayOf(days), now))).toEqual([
      false,
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe.skipIf(!server)('Postgres partitions', () => {
  let setting: Setting;
  let source: ReturnType<typeof recordSource>;
  beforeEach(async () => {
    setting = await openSetting(server!);
    source = recordSource(1);
  });
  afterEach(() => setting.close());

  const spanAt = (startTimeUnixNano: bigint): Span => source.span({ startTimeUnixNano });
  const places = async (table = 'spans') => {
    const rows = await setting.sql<{ place: string; count: number }>(
      `select tableoid::regclass::text as place, count(*)::int as count from ${table} group by 1 order by 1`,
    );
    return Object.fromEntries(rows.map((row) => [row.place, row.count]));
  };

  it('rows stand in the partition of their day, absurd ones in the default, and all of them are found', async () => {
    const writer = await setting.writer();
    const days = [0, -1, -99, 1, 5, -3_000, -9_000];
    const spans = days.map((days) => spanAt(daysFromToday(days)));
    await writer.write(batchOf(1, spans));
    expect(await places()).toEqual({
      [partitionName('spans', dayOf(0))]: 1,
      [partitionName('spans', dayOf(-1))]: 1,
      [partitionName('spans', dayOf(-99))]: 1,
      [partitionName('spans', dayOf(1))]: 1,
      spans_default: 3,
    });
    const listed = await setting.store.listTraces({ workspace: 'default', limit: 10 });
    const newestFirst = spans.map((span) => span.startTimeUnixNano).sort((a, b) => Number(b - a));
    expect(listed.items.map((trace) => trace.startTimeUnixNano)).toEqual(newestFirst);
    for (const span of spans) expect(await setting.store.getTrace('default', span.traceId)).toBeDefined();
  });

  it('writers that need the same new days at once all get them', async () => {
    const writers = await Promise.all(Array.from({ length: 5 }, () => setting.writer()));
    const write = (writer: (typeof writers)[number], at: number) => {
      const times = [0, -1, -2, -3].map((days) => daysFromToday(days));
      const frame = decodedFrame(at + 1, {
        spans: times.map(spanAt),
        logRecords: times.map((timeUnixNano) => source.logRecord({ timeUnixNano })),
        metricPoints: times.map((timeUnixNano) => source.metricPoint('gauge', { timeUnixNano })),
      });
      return writer.write({ bufferId: BUFFER, range: { first: at + 1, last: at + 1 }, frames: [frame] });
    };
    const results = await Promise.all(writers.map(write));
    expect(results).toMatchObject(Array(5).fill({ spans: 4, duplicateSpans: 0, logRecords: 4, metricPoints: 4 }));
    for (const table of ['spans', 'log_records', 'metric_points']) {
      expect(await places(table)).toEqual(
        Object.fromEntries([-3, -2, -1, 0].map((days) => [partitionName(table, dayOf(days)), 5])),
      );
    }
  });

  it('spans of a day that came before it did move to its partition, and a resend of them is still recognised', async () => {
    const writer = await setting.writer();
    const early = spanAt(daysFromToday(1));
    await writer.write(batchOf(1, [early]));
    // As if that day had been too far ahead when the span came.
    for (const table of ['spans', 'trace_batches']) {
      const partition = partitionName(table, dayOf(1));
      await setting.sql(`alter table ${table} detach partition ${partition}`);
      await setting.sql(`insert into ${table} select * from ${partition}`);
      await setting.sql(`drop table ${partition}`);
    }
    expect(await places()).toEqual({ spans_default: 1 });
    const other = await setting.writer();
    const later = spanAt(daysFromToday(1));
    expect(await other.write(batchOf(2, [later, early]))).toMatchObject({ spans: 1, duplicateSpans: 1 });
    expect(await places()).toEqual({ [partitionName('spans', dayOf(1))]: 2 });
    expect(await setting.store.listTraces({ workspace: 'default', limit: 10 })).toMatchObject({ total: 2 });
  });

  it('a new day waits for no transaction that writes another', async () => {
    const [one, two] = await Promise.all([setting.writer(), setting.writer()]);
    await one.write(batchOf(1, [spanAt(daysFromToday(0))]));
    const client = new pg.Client({ connectionString: setting.connectionString });
    await client.connect();
    try {
      await client.query(
        `begin; lock table only spans in row exclusive mode; delete from ${partitionName('spans', dayOf(0))}`,
      );
      await two.write(batchOf(2, [spanAt(daysFromToday(-7))]));
      await client.query('rollback');
    } finally {
      await client.end();
    }
    expect(Object.keys(await places())).toContain(partitionName('spans', dayOf(-7)));
  });
});
