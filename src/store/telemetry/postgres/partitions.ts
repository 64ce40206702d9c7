/**
 * Day partitions, made by whoever first writes into a day. Times that no clock should tell go to the default partition:
 * otherwise one client with a broken clock could make a table for every day there ever was.
 */
import type pg from 'pg';
import { GatewayError } from '../../../errors.js';
import { isDataError } from '../../postgres/errors.js';

const TABLES = {
  spans: ['spans', 'trace_batches'],
  logRecords: ['log_records'],
  metricPoints: ['metric_points'],
  generations: ['generations'],
  texts: ['generation_texts'],
  contents: ['contents', 'content_places'],
};
export type PartitionedRecords = keyof typeof TABLES;

const DAY_MS = 86_400_000;
const DAY_NANO = 86_400_000_000_000n;
/** Every query without a time range plans for every partition: history older than this shares one. */
const MAX_AGE_DAYS = 100;
const MAX_AHEAD_DAYS = 2;
/** Any number, as long as it stays the same: keeps writers of all gateways apart while they make partitions. */
const PARTITION_LOCK = 7_306_101_419_002;

/**
 * Attaching waits for the queries that read the default partition, and holds up those that come after: when a slow one is
 * at work, it gives up early and leaves it to the batch's next try.
 */
const LOCK_TIMEOUT_MS = 3_000;

/** The days (since the epoch) of some times; made for many calls with times close together. */
export class DaySet {
  readonly days = new Set<number>();
  private from = 0n;
  private to = 0n;

  add(timeUnixNano: bigint): void {
    if (timeUnixNano >= this.from && timeUnixNano < this.to) return;
    const day = timeUnixNano / DAY_NANO;
    this.from = day * DAY_NANO;
    this.to = this.from + DAY_NANO;
    this.days.add(Number(day));
  }
}

export function isPartitioned(day: number, nowMs: number): boolean {
  const today = Math.floor(nowMs / DAY_MS);
  return day >= today - MAX_AGE_DAYS && day <= today + MAX_AHEAD_DAYS;
}

export function partitionName(table: string, day: number): string {
  return `${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** What one connection knows to be there. */
export class Partitions {
  private readonly known = new Set<string>();

  async ensure(client: pg.ClientBase, records: PartitionedRecords, days: ReadonlySet<number>): Promise<void> {
    const now = Date.now();
    for (const day of days) {
      const key = `${records}/${day}`;
      if (this.known.has(key) || !isPartitioned(day, now)) continue;
      await makePartitions(client, TABLES[records], day);
      this.known.add(key);
    }
  }
}

async function makePartitions(client: pg.ClientBase, tables: readonly string[], day: number): Promise<void> {
  const missing = await withoutPartition(client, tables, day);
  if (missing.length === 0) return;
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(${PARTITION_LOCK})`);
    await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    for (const table of await withoutPartition(client, tables, day)) await makePartition(client, table, day);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw notOfTheBatch(error);
  }
}

/**
 * No batch is at fault: what another one has just put into the default partition, by a clock that is behind this one, is
 * the constraint that refuses the day. The next try moves it.
 */
function notOfTheBatch(error: unknown): unknown {
  if (!isDataError(error)) return error;
  const message = `A day could not be given its partition: ${(error as Error).message}`;
  return new GatewayError('STORE_UNAVAILABLE', message, { cause: error });
}

/** Asks the catalogue's table: to_regclass answers from a cache, which may have missed what another has just made. */
async function withoutPartition(client: pg.ClientBase, tables: readonly string[], day: number): Promise<string[]> {
  const names = tables.map((table) => partitionName(table, day));
  const { rows } = await client.query<{ relname: string }>(
    `select relname from pg_class where relname = any($1::text[])
       and relnamespace = (select relnamespace from pg_class where oid = 'spans'::regclass)`,
    [names],
  );
  const there = new Set(rows.map((row) => row.relname));
  return tables.filter((_, at) => !there.has(names[at]!));
}

/**
 * Made aside and attached: unlike CREATE TABLE … PARTITION OF this waits for no reader or writer of the other days. What
 * the default partition holds of the day (a clock was that much ahead) moves over, or attaching would fail.
 */
async function makePartition(client: pg.ClientBase, table: string, day: number): Promise<void> {
  const name = partitionName(table, day);
  const [from, to] = [BigInt(day) * DAY_NANO, BigInt(day + 1) * DAY_NANO];
  const key = KEYS[table]!;
  // A row of some 2 KB, as generative AI spans are, stays whole: TOAST would compress and move it at twice the cost.
  await client.query(`create table ${name} (like ${table} including all) with (toast_tuple_target = 8160)`);
  await client.query(`with moved as (delete from ${table}_default where ${key} >= ${from} and ${key} < ${to} returning *)
    insert into ${name} select * from moved`);
  await client.query(`alter table ${table} attach partition ${name} for values from (${from}) to (${to})`);
}

const KEYS: Record<string, string> = {
  spans: 'start_time_unix_nano',
  trace_batches: 'start_time_unix_nano',
  log_records: 'item_time_unix_nano',
  metric_points: 'time_unix_nano',
  generations: 'start_time_unix_nano',
  generation_texts: 'time_unix_nano',
  contents: 'time_unix_nano',
  content_places: 'time_unix_nano',
};
