/** What only the SQLite engine can get wrong: its files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Span } from '../../../src/model/telemetry.js';
import type { Keyset } from '../../../src/store/page.js';
import { COUNT_BUDGET_MS } from '../../../src/store/telemetry/budgets.js';
import { blockName, listBlocks, parseBlockName } from '../../../src/store/telemetry/sqlite/block-files.js';
import { Budget } from '../../../src/store/telemetry/sqlite/budget.js';
import { SqliteReader } from '../../../src/store/telemetry/sqlite/reader.js';
import { createSqliteTelemetry } from '../../../src/store/telemetry/sqlite/store.js';
import { hashTraceId, TraceFilter } from '../../../src/store/telemetry/sqlite/trace-filter.js';
import { generationSpan } from '../../helpers/generations.js';
import { processFile } from '../../helpers/process-file.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';
import { inlineReaders, openSqliteStore, query, type SqliteStoreUnderTest } from './sqlite-files.js';
import type { MakeStoreOptions } from './store-under-test.js';

const CHILD = processFile('test/store/telemetry/writer-child.ts');
const BUFFER = 'buffer';

let unreadable: { path: string; reason: string }[] = [];
let sequence = 0;

beforeEach(() => {
  unreadable = [];
  sequence = 0;
});

function open(options: MakeStoreOptions = {}): Promise<SqliteStoreUnderTest> {
  return openSqliteStore({ ...options, events: { blockUnreadable: (block) => unreadable.push(block) } });
}

async function write(target: SqliteStoreUnderTest, spans: Span[], writer = 0) {
  const frame = decodedFrame(++sequence, { spans });
  const range = { first: sequence, last: sequence };
  return (await target.writer(writer)).write({ bufferId: BUFFER, range, frames: [frame] });
}

async function total(target: SqliteStoreUnderTest): Promise<number> {
  return (await target.store.listTraces({ workspace: 'default', limit: 1 })).total;
}

/** Overwrites the beginning of the file, where SQLite keeps what it is and its tables. */
function damage(file: string): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(8192, 0xee));
  closeSync(descriptor);
}

describe('block files', () => {
  test('names sort in another order than creation, or are taken from other files', () => {
    const names = [blockName(5, 0, 1), blockName(1_767_225_600_000, 0, 2), blockName(1_767_225_600_001, 12, 1)];
    expect(names.map(({ file }) => file)).toEqual(names.map(({ file }) => file).sort());
    expect(parseBlockName(names[2]!.file)).toEqual(names[2]);
    for (const other of ['x.db', `${names[0]!.file}-wal`, `${names[0]!.file}.partial`]) {
      expect(parseBlockName(other)).toBeUndefined();
    }
  });

  test('a full block takes more rows, or is not closed', async () => {
    const target = await open({ blockMaxSpans: 20 });
    const source = recordSource(1);
    for (let batch = 0; batch < 7; batch++) await write(target, source.trace(8));
    const files = listBlocks(target.directory).map(({ file }) => path.join(target.directory, file));
    const blocks = files.map(
      (file) =>
        query<{ spans: number; closed: number | null }>(
          file,
          'SELECT spans, traces, closed_time_unix_ms AS closed FROM block',
        )[0]!,
    );
    expect(blocks.map(({ spans }) => spans)).toEqual([8, 24, 24]);
    expect(blocks.map(({ closed }) => closed !== null)).toEqual([false, true, true]);
    for (const file of files) expect(query(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(statSync(`${files[1]}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  });

  test('a block says another extent or count than it has', async () => {
    const target = await open();
    const source = recordSource(2);
    const spans = [...source.trace(3), ...source.trace(2)];
    const logRecord = source.logRecord();
    const points = [source.metricPoint('sum'), source.metricPoint('gauge')];
    const frames = [decodedFrame(1, { spans, logRecords: [logRecord] }), decodedFrame(2, { metricPoints: points })];
    await (await target.writer()).write({ bufferId: BUFFER, range: { first: 1, last: 2 }, frames });
    const [block] = query<Record<string, unknown>>(
      path.join(target.directory, listBlocks(target.directory)[0]!.file),
      `SELECT spans, traces, log_records, metric_points,
      min_trace_time = ${spans[0]!.startTimeUnixNano} AND max_trace_time = ${spans[3]!.startTimeUnixNano} AS traces_ok,
      min_log_time = ${logRecord.timeUnixNano} AND max_log_time = min_log_time AS logs_ok,
      min_point_time = ${points[0]!.timeUnixNano} AND max_point_time = ${points[1]!.timeUnixNano} AS points_ok FROM block`,
    );
    expect(block).toEqual({
      spans: 5,
      traces: 2,
      log_records: 1,
      metric_points: 2,
      traces_ok: 1,
      logs_ok: 1,
      points_ok: 1,
    });
  });

  test('ranges that follow one another are a row each', async () => {
    const target = await open();
    for (let batch = 0; batch < 20; batch++) await write(target, []);
    const file = path.join(target.directory, listBlocks(target.directory)[0]!.file);
    expect(query(file, 'SELECT buffer_id, first, last FROM applied')).toEqual([
      { buffer_id: BUFFER, first: 1, last: 20 },
    ]);
  });

  test('the views do not show ids in hex, times as text and names', async () => {
    const target = await open();
    const source = recordSource(3);
    const [span] = source.trace(1);
    const frame = decodedFrame(1, {
      workspace: 'acme',
      spans: [span!],
      logRecords: [source.logRecord({ traceId: span!.traceId })],
      metricPoints: [source.metricPoint('sum', { intValue: 7n })],
    });
    await (await target.writer()).write({ bufferId: BUFFER, range: { first: 1, last: 1 }, frames: [frame] });
    const file = path.join(target.directory, listBlocks(target.directory)[0]!.file);
    const traceId = Buffer.from(span!.traceId).toString('hex');
    const columns = 'workspace, service, scope';
    const common = { workspace: 'acme', service: 'checkout', scope: 'test-scope' };
    expect(query(file, `SELECT ${columns}, trace_id, start_time FROM readable_spans`)).toEqual([
      { ...common, trace_id: traceId, start_time: '2026-01-01T00:00:00.000000000Z' },
    ]);
    expect(query(file, `SELECT ${columns}, trace_id, severity FROM readable_log_records`)).toEqual([
      { ...common, trace_id: traceId, severity: 'INFO' },
    ]);
    expect(query(file, `SELECT ${columns}, name, value FROM readable_metric_points`)).toEqual([
      { ...common, name: 'test.sum', value: 7 },
    ]);
  });

  test('a half-made block of a killed process stops the writer or the readers', async () => {
    const target = await open();
    writeFileSync(path.join(target.directory, `${blockName(1, 0, 1).file}.partial`), 'half');
    const source = recordSource(4);
    await write(target, source.trace(2));
    expect(await total(target)).toBe(1);
    expect(unreadable).toEqual([]);
    expect(readdirSync(target.directory).filter((file) => file.includes('partial'))).toEqual([]);
  });
});

describe('damage', () => {
  test('one damaged block fails every read, or goes unreported', async () => {
    const target = await open({ blockMaxSpans: 4 });
    const source = recordSource(10);
    for (let batch = 0; batch < 3; batch++) await write(target, source.trace(4));
    await (await target.writer()).close();
    const [, middle] = listBlocks(target.directory);
    const file = path.join(target.directory, middle!.file);
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    damage(file);
    expect(await total(target)).toBe(2);
    expect(await total(target)).toBe(2);
    expect(unreadable).toEqual([{ path: file, reason: expect.stringMatching(/not a database|malformed/) }]);
  });

  test('a writer whose newest block is damaged cannot go on', async () => {
    const target = await open();
    const source = recordSource(11);
    await write(target, source.trace(4));
    await target.reopen();
    damage(path.join(target.directory, listBlocks(target.directory)[0]!.file));
    await write(target, source.trace(4));
    expect(listBlocks(target.directory)).toHaveLength(2);
    expect(await total(target)).toBe(1);
  });

  test('a block of a later version is misread, or written to', async () => {
    const target = await open();
    const source = recordSource(12);
    await write(target, source.trace(4));
    await target.reopen();
    const file = path.join(target.directory, listBlocks(target.directory)[0]!.file);
    const db = new Database(file);
    db.exec('UPDATE block SET schema_version = 99');
    db.close();
    await write(target, source.trace(4));
    expect(await total(target)).toBe(1);
    expect(unreadable).toEqual([{ path: file, reason: expect.stringContaining('99') }]);
    expect(query(file, 'SELECT spans FROM block')).toEqual([{ spans: 4 }]);
  });

  test('a block that is deleted while it is open fails the reads after', async () => {
    const target = await open({ blockMaxSpans: 4 });
    const source = recordSource(13);
    const traces = [source.trace(4), source.trace(4), source.trace(4)];
    for (const spans of traces) await write(target, spans);
    expect(await total(target)).toBe(3);
    const oldest = path.join(target.directory, listBlocks(target.directory).at(-1)!.file);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${oldest}${suffix}`, { force: true });
    expect(await total(target)).toBe(2);
    expect(await target.store.getTrace('default', traces[0]![0]!.traceId)).toBeUndefined();
    await write(target, source.trace(4));
    expect(unreadable).toEqual([]);
  });
});

describe('duplicates over blocks', () => {
  test('a resend passes for new while the first copy is in the block before', async () => {
    const target = await open({ blockMaxSpans: 4 });
    const source = recordSource(20);
    const spans = source.trace(4);
    await write(target, spans);
    await write(target, source.trace(2));
    expect(await write(target, spans)).toMatchObject({ spans: 0, duplicateSpans: 4 });
    expect(await write(target, spans, 1)).toMatchObject({ spans: 0, duplicateSpans: 4 });
  });

  test('a span that two blocks hold is shown or counted twice', async () => {
    const target = await open({ blockMaxSpans: 4 });
    const source = recordSource(21);
    const spans = source.trace(4, { statusCode: 2 });
    await write(target, spans);
    for (let batch = 0; batch < 3; batch++) await write(target, source.trace(4));
    expect(await write(target, [...spans, source.span({ traceId: spans[0]!.traceId })])).toMatchObject({ spans: 5 });
    const trace = await target.store.getTrace('default', spans[0]!.traceId);
    expect(trace!.spans).toHaveLength(5);
    expect(trace!.summary).toMatchObject({ spanCount: 5, errorCount: 4 });
    const { items, total } = await target.store.listTraces({ workspace: 'default', limit: 10 });
    expect(total).toBe(4);
    expect(items.filter(({ spanCount, errorCount }) => spanCount === 5 && errorCount === 4)).toHaveLength(1);
  });

  test('the filter denies a trace that it was given', () => {
    const source = recordSource(22);
    const counted = Array.from({ length: 500 }, (_, at) => new Uint8Array(16).fill(at & 255, 15).fill(at >> 8, 14, 15));
    const ids = [...Array.from({ length: 20_000 }, () => source.id(16)), ...counted];
    const filter = new TraceFilter();
    for (const id of ids) filter.add(hashTraceId(id));
    expect(ids.every((id) => filter.mayHold(hashTraceId(id)))).toBe(true);
    const strangers = Array.from({ length: 10_000 }, () => hashTraceId(source.id(16)));
    expect(strangers.filter((hash) => filter.mayHold(hash)).length).toBeLessThan(50);
  });
});

describe('crashes and full disks', () => {
  /** The lines of a child that writes one trace a batch, until `enough` or its end. */
  async function run(command: string, args: string[], enough: (lines: string[]) => boolean): Promise<string[]> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (enough(text.trim().split('\n'))) child.kill('SIGKILL');
    }
    await exited;
    return text.split('\n').slice(0, -1);
  }

  test('a killed writer loses what it committed, or writes it again after the restart', async () => {
    const target = await open();
    const args = [CHILD, target.directory];
    const lines = await run(process.execPath, args, ({ length }) => length >= 30);
    const committed = Number(lines.at(-1)!.split(' ')[1]);
    const { store } = target;
    // The reader comes first: the log of the killed process has not been recovered yet.
    const { total: stored } = await store.listTraces({ workspace: 'default', limit: 1 });
    expect(stored).toBeGreaterThanOrEqual(committed);
    expect(await store.appliedRanges('child', 0)).toEqual([{ first: 1, last: stored }]);
    const source = recordSource(1);
    const frames = Array.from({ length: stored + 5 }, (_, at) => decodedFrame(at + 1, { spans: source.trace(10) }));
    const writer = await target.writer();
    const range = { first: 1, last: frames.length };
    expect(await writer.write({ bufferId: 'child', range, frames })).toMatchObject({ spans: 50, duplicateSpans: 0 });
    expect(await store.listTraces({ workspace: 'default', limit: 1 })).toMatchObject({ total: stored + 5 });
  });

  test('a full disk is taken for a bad batch, or leaves a part of the batch', async () => {
    // A limit on the size of a file stands for the full disk: 4 MiB, in blocks of 512 bytes.
    const { directory, store } = await open();
    const args = ['-c', `ulimit -f 8192; exec "$0" "$@"`, process.execPath, CHILD, directory, '2000'];
    const lines = await run('/bin/sh', args, () => false);
    const refused = lines.at(-1)!.split(' ');
    expect(refused).toEqual(['refused', String(lines.length), 'STORE_UNAVAILABLE']);
    const committed = lines.length - 1;
    expect(committed).toBeGreaterThan(0);
    expect(await store.appliedRanges('child', 0)).toEqual([{ first: 1, last: committed }]);
    expect(await store.listTraces({ workspace: 'default', limit: 1 })).toMatchObject({ total: committed });
  });
});

describe('bounds and bad places', () => {
  test('a query that takes too long holds its thread, or a list answers with an error', async () => {
    const target = await open();
    const source = recordSource(30);
    const trace = source.trace(2000);
    await write(target, [...trace, ...Array.from({ length: 2000 }, () => source.span())]);
    const reader = new SqliteReader(target.directory, { queryBudgetMs: 0, pageBudgetMs: 0 });
    const asked = { operation: 'getTrace', workspace: 'default', traceId: trace[0]!.traceId } as const;
    expect(reader.readPoints([asked])).toEqual([{ failure: expect.objectContaining({ code: 'QUERY_TIMEOUT' }) }]);
    const attributes = [{ key: 'not', value: 'there' }];
    const page = reader.listTraces({ workspace: 'default', limit: 10, attributes });
    expect(page).toMatchObject({ items: [], total: 0, totalRelation: 'gte', next: { id: expect.any(String) } });
    reader.close();
  });

  test('a total is less than the page has, where counting was given up', async () => {
    const target = await open();
    const source = recordSource(34);
    await write(
      target,
      Array.from({ length: 500 }, () => generationSpan(source)),
    );
    const reader = new SqliteReader(target.directory);
    const start = vi.spyOn(Budget.prototype, 'start').mockImplementation(function (this: Budget, durationMs) {
      Object.assign(this, { deadline: durationMs === COUNT_BUDGET_MS ? 0 : Number.MAX_VALUE });
    });
    onTestFinished(() => start.mockRestore());
    const page = reader.listGenerations({ workspace: 'default', limit: 10, isError: false });
    expect(page).toMatchObject({ total: 11, totalRelation: 'gte' });
    reader.close();
  });

  test('a trace is missed whose rare part lies elsewhere, once blocks are known by their filters', async () => {
    const target = await open({ blockMaxSpans: 1500 });
    const source = recordSource(33);
    const traces = Array.from({ length: 6000 }, () => source.trace(2));
    const isRare = (at: number) => at % 700 === 5;
    const late = (span: Span, at: number) => ({
      ...span,
      endTimeUnixNano: span.startTimeUnixNano + (isRare(at) ? 5_000_000_000n : 1n),
    });
    const names = async () => {
      const found: string[] = [];
      let after: Keyset | undefined;
      do {
        const query = { workspace: 'default', limit: 5, minDurationNano: 4_000_000_000n };
        const page = await target.store.listTraces({ ...query, ...(after && { after }) });
        found.push(...page.items.map(({ startTimeUnixNano }) => `${startTimeUnixNano}`));
        after = page.next;
      } while (after);
      return found;
    };
    const rare = (until: number) =>
      traces.flatMap(([root], at) => (at < until && isRare(at) ? [`${root!.startTimeUnixNano}`] : [])).reverse();
    const half = traces.length / 2;
    // Of the rare children every second lies in the block of its root, in another batch; all the rest in other blocks.
    const isNear = (at: number) => isRare(at) && at % 1400 === 5;
    const writeBoth = async (from: number, to: number) => {
      const children = traces.map(([, child], at) => late(child!, at));
      for (let at = from; at < to; at += 500) {
        const roots = traces.slice(at, at + 500).map(([root]) => root!);
        await write(
          target,
          roots.map((root) => ({ ...root, endTimeUnixNano: root.startTimeUnixNano })),
        );
        const near = children.slice(at, at + 500).filter((_, place) => isNear(at + place));
        if (near.length > 0) await write(target, near);
      }
      await write(
        target,
        children.slice(from, to).filter((_, place) => !isNear(from + place)),
        1,
      );
    };
    await writeBoth(0, half);
    expect(await names()).toEqual(rare(half));
    expect(await names()).toEqual(rare(half));
    await writeBoth(half, traces.length);
    expect(await names()).toEqual(rare(traces.length));
  });

  test('a malformed position is an internal error', async () => {
    const target = await open();
    await write(target, recordSource(31).trace(2));
    for (const id of ['', 'x', "'; DROP TABLE spans", '../../etc/passwd/1']) {
      const query = { workspace: 'default', limit: 10, after: { timeUnixNano: 1n, id } };
      for (const list of ['listTraces', 'listLogs', 'listMetricPoints'] as const) {
        await expect(target.store[list](query)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      }
    }
  });

  test('a folder that cannot be used is not named', async () => {
    const { directory: parent } = await open();
    const directory = path.join(parent, 'file', 'blocks');
    writeFileSync(path.join(parent, 'file'), '');
    const store = createSqliteTelemetry({ directory, pool: inlineReaders });
    await expect(store.start()).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining(directory),
    });
  });

  test('a folder that is gone is taken for a bad batch, or for a store that serves', async () => {
    const target = await open();
    const source = recordSource(32);
    await write(target, source.trace(2));
    await target.reopen();
    rmSync(target.directory, { recursive: true });
    await expect(target.store.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    writeFileSync(target.directory, 'not a folder');
    await expect(write(target, source.trace(2))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    rmSync(target.directory);
    expect(await write(target, source.trace(2))).toMatchObject({ spans: 2 });
    await target.store.ping();
  });

  test('a block that another program has locked is taken for a bad batch', async () => {
    const target = await open();
    const source = recordSource(33);
    const spans = source.trace(2);
    await write(target, spans);
    const other = new Database(path.join(target.directory, listBlocks(target.directory)[0]!.file));
    other.exec('BEGIN IMMEDIATE');
    await expect(write(target, source.trace(2))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await target.store.getTrace('default', spans[0]!.traceId)).toBeDefined();
    other.exec('ROLLBACK');
    other.close();
    expect(await write(target, source.trace(2))).toMatchObject({ spans: 2 });
  });

  test('an empty store answers with an error', async () => {
    const target = await open();
    for (const list of ['listTraces', 'listLogs', 'listMetricPoints'] as const) {
      expect(await target.store[list]({ workspace: 'default', limit: 10 })).toEqual({
        items: [],
        total: 0,
        totalRelation: 'eq',
      });
    }
    expect(await target.store.appliedRanges(BUFFER, 0)).toEqual([]);
    await target.store.ping();
    mkdirSync(path.join(target.directory, 'a folder.db'));
    copyFileSync(CHILD, path.join(target.directory, 'notes.db'));
    await target.store.ping();
    expect(readdirSync(target.directory).sort()).toEqual(['a folder.db', 'notes.db']);
  });
});
