/** What a server refuses for reasons of its own: nothing of the batch is there, it may be tried again, and then it is. */

import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import type { GenerationReader } from '../../../src/store/telemetry/generations.js';
import { createPostgresTelemetry } from '../../../src/store/telemetry/postgres/store.js';
import type { TelemetryBatch, TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { StoredGenerations } from '../telemetry/contracts/generations/session.js';
import { expectSumsOfRows } from '../telemetry/contracts/generations/sums-of-rows.js';
import { llmSpan, price, storedGenerations } from './generation-records.js';
import { BUFFER, batchOf, daysFromToday, openSetting, type Setting, spansOfToday } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('Postgres: a server that takes nothing now', () => {
  let setting: Setting;
  let store: GenerationReader;
  beforeEach(async () => {
    setting = await openSetting(server!);
    store = setting.store as Setting['store'] & GenerationReader;
  });
  afterEach(() => setting.close());

  async function client(): Promise<pg.Client> {
    const opened = new pg.Client({ connectionString: setting.connectionString });
    await opened.connect();
    onTestFinished(() => opened.end());
    return opened;
  }

  /** What trying again can help says so, and says what Postgres said. */
  async function refusal(work: Promise<unknown>): Promise<GatewayError> {
    const error = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ retryable: true });
    return error as GatewayError;
  }

  const counted = async () => {
    const [row] = await setting.sql<{ spans: number; summed: number; calls: number }>(
      `select (select count(*) from spans)::int as spans, (select count(*) from generations)::int as calls,
        (select coalesce(sum(span_count), 0) from trace_batches)::int as summed`,
    );
    return row;
  };

  const calls = (seed: number, count: number) => {
    const source = recordSource(seed);
    return Array.from({ length: count }, () => llmSpan(source, { sessionId: 's' }));
  };

  async function expectStoredLater(writer: TelemetryWriter, batch: TelemetryBatch, before: number): Promise<void> {
    expect(await counted()).toEqual({ spans: before, summed: before, calls: before });
    const { spans } = await writer.write(batch);
    expect(await counted()).toEqual({ spans: before + spans, summed: before + spans, calls: before + spans });
    await expectSumsOfRows(new StoredGenerations(store));
  }

  /** Every statement that writes there fails so, as it does on a server in that state. */
  async function failing(table: string, state: string): Promise<void> {
    await setting.sql(`create or replace function refuse() returns trigger language plpgsql as
      $$ begin raise exception using errcode = '${state}', message = 'refused with ${state}'; end $$`);
    await setting.sql(
      `create trigger refusing before insert or update or delete on ${table} for each statement execute function refuse()`,
    );
  }

  it('a batch is lost, halved or written in part when a disk is full, or there is no memory', async () => {
    const writer = await setting.writer();
    await writer.write(batchOf(1, calls(1, 3)));
    const batch = batchOf(2, calls(2, 5));
    for (const [table, state] of Object.entries({ spans: '53100', generations: '53200', rollup_changes: '53300' })) {
      await failing(table, state);
      const { message } = await refusal(writer.write(batch));
      expect(message).toContain(`refused with ${state}`);
      await setting.sql(`drop trigger refusing on ${table}`);
    }
    await expectStoredLater(writer, batch, 3);
  });

  it('a deletion or new costs are done in part', async () => {
    const writer = await setting.writer();
    const spans = calls(1, 6);
    await writer.write(batchOf(1, spans));
    await failing('identities', '53100');
    const deletions = [
      { workspace: 'default', traceId: spans[0]!.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
    ];
    const [fromUnixNano, toUnixNano] = [0n, 2n ** 63n - 1n];
    const step = { workspace: 'default', fromUnixNano, toUnixNano, after: undefined, limit: 100 };
    const cost = { picodollars: 5n, price: price('workspace/1') };
    await refusal(writer.deleteTraces(deletions));
    await refusal(writer.reprice(step, () => cost));
    expect(await counted()).toEqual({ spans: 6, summed: 6, calls: 6 });
    expect((await storedGenerations(store)).some((row) => row.cost?.picodollars === 5n)).toBe(false);
    await setting.sql('drop trigger refusing on identities');
    await writer.deleteTraces(deletions);
    await writer.reprice(step, () => cost);
    expect(await counted()).toEqual({ spans: 5, summed: 5, calls: 5 });
    expect((await storedGenerations(store)).every((row) => row.cost?.picodollars === 5n)).toBe(true);
    await expectSumsOfRows(new StoredGenerations(store));
  });

  it('a server that became a standby, or read-only, is not told from one that fails', async () => {
    const writer = await setting.writer();
    await writer.write(batchOf(1, calls(1, 2)));
    const batch = batchOf(2, calls(2, 2));
    const name = new URL(setting.connectionString).pathname.slice(1);
    const restart = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name like '%writer%'`;
    await setting.sql(`alter database ${name} set default_transaction_read_only = on`);
    await setting.sql(restart);
    await writer.write(batch).catch(() => {});
    expect((await refusal(writer.write(batch))).message).toContain('read-only transaction');
    await setting.sql(`begin read write; alter database ${name} reset default_transaction_read_only; commit`);
    await expectStoredLater(writer, batch, 2);
  });

  it('a statement that takes too long takes its batch with it', async () => {
    const url = new URL(setting.connectionString);
    url.searchParams.set('statement_timeout', '200');
    const writer = await setting.writer(url.href);
    await writer.write(batchOf(1, calls(1, 2)));
    const batch = batchOf(2, calls(2, 2));
    // As a migration of a newer gateway does, that makes an index.
    const migrating = await client();
    await migrating.query('begin; lock table generations in share mode');
    expect(await refusal(writer.write(batch))).toMatchObject({ code: 'QUERY_TIMEOUT' });
    await migrating.query('alter table generations add column of_a_newer_version text; commit');
    await expectStoredLater(writer, batch, 2);
  });

  it('a new day whose rows another gateway has just put elsewhere makes dead letters of a batch', async () => {
    const writer = await setting.writer();
    const tomorrow = daysFromToday(1);
    const [first, second] = spansOfToday(1, 2).map((span) => {
      return { ...span, startTimeUnixNano: tomorrow, endTimeUnixNano: tomorrow };
    });
    // By its clock that day is still too far ahead to have a partition.
    const other = await client();
    await other.query('begin');
    await other.query(
      `insert into spans_default (start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, resource_id, scope_id, flags,
         kind, status_code, dropped_attributes_count, dropped_events_count, dropped_links_count, trace_id, span_id, workspace,
         name, attributes) values ($1, $1, 1, 1, 1, 0, 0, 0, 0, 0, 0, $2, $3, 'default', 'of the other', '{}')`,
      [tomorrow, Buffer.from(first!.traceId).toString('hex'), Buffer.from(first!.spanId)],
    );
    const writing = refusal(writer.write(batchOf(1, [second!])));
    await untilWaiting(1);
    await other.query('commit');
    expect((await writing).message).toContain('partition');
    expect(await writer.write(batchOf(1, [second!]))).toMatchObject({ spans: 1 });
    const days = await setting.sql<{ day: string }>('select distinct tableoid::regclass::text as day from spans');
    expect(days).toHaveLength(1);
    expect(days[0]!.day).not.toBe('spans_default');
  });

  it('a migration is given up when it takes longer than a query may', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const connectionString = await server!.createDatabase();
    const others = new pg.Client({ connectionString });
    await others.connect();
    onTestFinished(() => others.end());
    await others.query('begin; select pg_advisory_xact_lock(7306101419001)');
    const started = createPostgresTelemetry({ connectionString, poolSize: 1, queryTimeoutMs: 100 });
    const starting = started.start();
    const isWaiting =
      "select from pg_stat_activity where application_name = 'promptmetrics' and wait_event = 'advisory'";
    while ((await setting.sql(isWaiting)).length === 0);
    await vi.advanceTimersByTimeAsync(3_600_000);
    await others.query('commit');
    await starting;
    await started.shutdown({ deadlineMs: 5_000 });
  });

  async function untilWaiting(count: number): Promise<void> {
    const sql = `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await setting.sql<{ waiting: number }>(sql))[0]!.waiting < count);
  }

  it('a frame that can be read by nobody is taken for a failure of the server', async () => {
    const writer = await setting.writer();
    const [span] = calls(1, 1);
    const frames = [decodedFrame(1, { spans: [{ ...span!, attributes: '{"half' }] })];
    const error = await writer
      .write({ bufferId: BUFFER, range: { first: 1, last: 1 }, frames })
      .catch((error) => error);
    expect(error).toMatchObject({ retryable: false });
  });
});
