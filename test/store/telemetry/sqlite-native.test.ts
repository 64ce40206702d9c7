/** What only the SQLite engine can get wrong with what the native API writes: its files. */
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DecodedFrame, Span, TraceRecord } from '../../../src/model/telemetry.js';
import type { Keyset } from '../../../src/store/page.js';
import { BlockListing, blockName, listBlocks } from '../../../src/store/telemetry/sqlite/block-files.js';
import { generationSpan } from '../../helpers/generations.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';
import { native } from './contracts/native/frames.js';
import { openSqliteStore, query, type SqliteStoreUnderTest } from './sqlite-files.js';
import { TABLES_OF_VERSION_1 } from './sqlite-version-1.js';

const BUFFER = 'buffer';

let sequence = 0;
beforeEach(() => {
  sequence = 0;
});

async function write(target: SqliteStoreUnderTest, records: Partial<DecodedFrame>, writer = 0) {
  const frame = decodedFrame(++sequence, records);
  const range = { first: sequence, last: sequence };
  return (await target.writer(writer)).write({ bufferId: BUFFER, range, frames: [frame] });
}

async function deleteTrace(target: SqliteStoreUnderTest, traceId: Uint8Array, writer = 0): Promise<void> {
  const deletion = { workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
  await (await target.writer(writer)).deleteTraces([deletion]);
}

/** Newest first. */
function files(target: SqliteStoreUnderTest): string[] {
  return listBlocks(target.directory).map(({ file }) => path.join(target.directory, file));
}

/** In any file, logs included. */
function isOnDisk(target: SqliteStoreUnderTest, text: string): boolean {
  const names = readdirSync(target.directory);
  return names.some((name) => readFileSync(path.join(target.directory, name)).includes(text));
}

function declaration(traceId: Uint8Array, overrides: Partial<TraceRecord> = {}): TraceRecord {
  return {
    traceId,
    traceIdText: Buffer.from(traceId).toString('hex'),
    promptName: undefined,
    versionTag: undefined,
    metadata: '{}',
    createdTimeUnixMs: 1_767_225_600_000,
    ...overrides,
  };
}

describe('deletion in files', () => {
  test('the bytes of a deleted trace stay in a file', async () => {
    const target = await openSqliteStore({ blockMaxSpans: 4 });
    const source = recordSource(1);
    const secret = 'the-secret-of-a-deleted-trace';
    const record = declaration(source.id(16), { metadata: `{"own":"${secret}"}` });
    const { traceId } = record;
    const large = { traceId, attributes: JSON.stringify({ prompt: `${secret} `.repeat(20_000) }) };
    const withSecret = () => source.trace(3, large);
    await write(target, { native: native({ traces: [record] }) });
    await write(target, { spans: withSecret() });
    for (let block = 0; block < 3; block++) await write(target, { spans: source.trace(4) });
    await write(target, { spans: withSecret() });
    await write(target, { spans: withSecret() }, 1);
    expect(isOnDisk(target, secret)).toBe(true);
    await deleteTrace(target, traceId, 2);
    expect(isOnDisk(target, secret)).toBe(false);
    for (const file of files(target))
      expect(query(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('a block counts what was deleted from it', async () => {
    const target = await openSqliteStore();
    const source = recordSource(2);
    const [kept, doomed] = [source.trace(3), source.trace(4)];
    const { traceId } = doomed[0]!;
    await write(target, { spans: [...kept, ...doomed] });
    await write(target, { native: native({ revises: true }), spans: [doomed[1]!] });
    const counts = () => query(files(target)[0]!, 'SELECT spans, traces, revisions FROM block');
    expect(counts()).toEqual([{ spans: 8, traces: 2, revisions: 1 }]);
    await deleteTrace(target, traceId);
    expect(counts()).toEqual([{ spans: 3, traces: 1, revisions: 0 }]);
    await deleteTrace(target, traceId);
    expect(counts()).toEqual([{ spans: 3, traces: 1, revisions: 0 }]);
  });

  test('a block counts a trace that was declared after its spans as another one', async () => {
    const target = await openSqliteStore();
    const [span] = recordSource(35).trace(1);
    await write(target, { spans: [span!] });
    await write(target, { native: native({ traces: [declaration(span!.traceId)] }) });
    expect(query(files(target)[0]!, 'SELECT traces FROM block')).toEqual([{ traces: 1 }]);
  });

  test('a trace that lies in two blocks is taken off the count of both', async () => {
    const target = await openSqliteStore({ blockMaxSpans: 2 });
    const source = recordSource(36);
    const spans = source.trace(3);
    await write(target, { spans: spans.slice(0, 2) });
    await write(target, { spans: [spans[2]!, source.span()] });
    const counts = () => files(target).map((file) => query(file, 'SELECT spans, traces FROM block')[0]);
    expect(counts()).toEqual([
      { spans: 2, traces: 1 },
      { spans: 2, traces: 1 },
    ]);
    await deleteTrace(target, spans[0]!.traceId);
    expect(counts()).toEqual([
      { spans: 1, traces: 1 },
      { spans: 0, traces: 0 },
    ]);
  });

  test('rows that come after a deletion take the ids of deleted ones, and are overlooked', async () => {
    const target = await openSqliteStore();
    const source = recordSource(3);
    const doomed = source.trace(3);
    await write(target, { spans: source.trace(2) });
    await write(target, { spans: doomed });
    // Of the first writer: the oldest file.
    const ids = () => query<{ id: number }>(files(target).at(-1)!, 'SELECT max(id) AS id FROM spans')[0]!.id;
    const before = ids();
    // The writer and the readers have both seen the last row.
    await write(target, { spans: source.trace(1) }, 1);
    await deleteTrace(target, doomed[0]!.traceId, 1);
    const fresh = source.trace(3);
    await write(target, { spans: fresh });
    expect(ids()).toBe(before + 3);
    expect(await write(target, { spans: fresh })).toMatchObject({ spans: 0, duplicateSpans: 3 });
    expect(await write(target, { spans: fresh }, 1)).toMatchObject({ spans: 0, duplicateSpans: 3 });
    expect(await target.store.listTraces({ workspace: 'default', limit: 10 })).toMatchObject({ total: 3 });
  });

  test('spans of one batch that came before and after the deletion go together', async () => {
    const target = await openSqliteStore();
    const source = recordSource(4);
    const { traceId } = source.span();
    const times = [5, 1, 6, 7, 2, 8];
    const frames = times.map((receivedTimeUnixMs, at) =>
      decodedFrame(at + 1, { receivedTimeUnixMs, spans: [source.span({ traceId, name: `${receivedTimeUnixMs}` })] }),
    );
    const writer = await target.writer();
    await writer.write({ bufferId: BUFFER, range: { first: 1, last: 6 }, frames });
    await writer.deleteTraces([{ workspace: 'default', traceId, receivedUntilUnixMs: 5 }]);
    const trace = await target.store.getTrace('default', traceId);
    expect(trace!.spans.map(({ name }) => name)).toEqual(['6', '7', '8']);
    expect(trace!.summary).toMatchObject({ spanCount: 3, receivedTimeUnixMs: 6 });
    const last = frames[5]!.spans[0]!;
    expect(await target.store.getSpan('default', traceId, last.spanId)).toMatchObject({ name: '8' });
    expect(query(files(target)[0]!, 'SELECT spans, traces FROM block')).toEqual([{ spans: 3, traces: 1 }]);
  });

  test('a block that another program has locked is taken for deleted from', async () => {
    const target = await openSqliteStore();
    const spans = recordSource(5).trace(2);
    await write(target, { spans });
    const other = new Database(files(target)[0]!);
    other.exec('BEGIN IMMEDIATE');
    await expect(deleteTrace(target, spans[0]!.traceId)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    other.exec('ROLLBACK');
    other.close();
    await deleteTrace(target, spans[0]!.traceId);
    expect(await target.store.getTrace('default', spans[0]!.traceId)).toBeUndefined();
  });
});

test('a revision counts as older than one before it, when the clock goes back or its number begins anew', async () => {
  const target = await openSqliteStore();
  const span = recordSource(40).span({ name: 'first' });
  await write(target, { spans: [span] });
  const revise = (name: string, receivedTimeUnixMs: number) =>
    write(target, { spans: [{ ...span, name }], receivedTimeUnixMs, native: native({ revises: true }) });
  const nameOf = async () => (await target.store.getSpan('default', span.traceId, span.spanId))?.name;
  sequence = 1022;
  for (const [at, receivedTimeUnixMs] of [5000, 5000, 4000, 5000, 3000].entries()) {
    await revise(`revision ${at}`, receivedTimeUnixMs);
    expect(await nameOf()).toBe(`revision ${at}`);
  }
  const frames = [2000, 1000].map((receivedTimeUnixMs) =>
    decodedFrame(++sequence, {
      spans: [{ ...span, name: `in one batch, at ${receivedTimeUnixMs}` }],
      receivedTimeUnixMs,
      native: native({ revises: true }),
    }),
  );
  const range = { first: sequence - 1, last: sequence };
  await (await target.writer()).write({ bufferId: BUFFER, range, frames });
  expect(await nameOf()).toBe('in one batch, at 1000');
});

test('of two revisions in one batch the first is shown, when the clock went back between them', async () => {
  const target = await openSqliteStore();
  const span = recordSource(43).span({ name: 'made' });
  await write(target, { spans: [span] });
  const frames = [2000, 1000].map((receivedTimeUnixMs) =>
    decodedFrame(++sequence, {
      spans: [{ ...span, name: `at ${receivedTimeUnixMs}` }],
      receivedTimeUnixMs,
      native: native({ revises: true }),
    }),
  );
  const range = { first: sequence - 1, last: sequence };
  await (await target.writer()).write({ bufferId: BUFFER, range, frames });
  expect(await target.store.getSpan('default', span.traceId, span.spanId)).toMatchObject({ name: 'at 1000' });
});

test('a trace is found by the name of a root that was revised into a child', async () => {
  const target = await openSqliteStore();
  const span = recordSource(41).span({ name: 'only' });
  await write(target, { spans: [span] });
  const named = async () =>
    (await target.store.listTraces({ workspace: 'default', limit: 5, name: 'only' })).items.length;
  expect(await named()).toBe(1);
  const parentSpanId = recordSource(42).id(8);
  await write(target, { spans: [{ ...span, parentSpanId }], native: native({ revises: true }) });
  expect(await named()).toBe(0);
});

describe('blocks of version 1', () => {
  /** A block that the gateway before this one left open. */
  function leaveOldBlock(target: SqliteStoreUnderTest, span: Span): string {
    const name = blockName(1_767_225_600_000, 0, 1);
    mkdirSync(target.directory, { recursive: true });
    const file = path.join(target.directory, name.file);
    const db = new Database(file);
    db.pragma('journal_mode = WAL');
    db.exec(TABLES_OF_VERSION_1);
    const { startTimeUnixNano: start } = span;
    db.exec(`
      INSERT INTO block (id, schema_version, writer, created_time_unix_ms, spans, traces, log_records, min_trace_time,
        max_trace_time, min_log_time, max_log_time)
      VALUES (1, 1, 0, 1767225600000, 1, 1, 2, ${start}, ${start}, 10, 20);
      INSERT INTO workspaces (id, name, log_records) VALUES (1, 'default', 2);
      INSERT INTO resources VALUES (1, x'01', 'old', '{"service.name":"old"}', 0, '', '[]');
      INSERT INTO scopes VALUES (1, x'02', 'scope', '', '{}', 0, '');
      INSERT INTO applied VALUES ('${BUFFER}', 1, 7);`);
    const insertSpan =
      db.prepare(`INSERT INTO spans VALUES (1, 1, ?, ?, NULL, ?, ?, 'old', 1, 2, 0, 1, 1, 5, '', '', 0, 0, 0,
      '{"a":"old"}', '[]', '[]')`);
    insertSpan.run(span.traceId, span.spanId, start, span.endTimeUnixNano);
    db.prepare(`INSERT INTO trace_batches VALUES (1, 1, ?, ?, ?, 1, 1, 1, 5, 'old', ?, '["old"]', ?)`).run(
      span.traceId,
      start,
      span.endTimeUnixNano,
      start,
      span.spanId,
    );
    const insertLog = db.prepare(`INSERT INTO log_records (workspace_id, time_unix_nano, observed_time_unix_nano,
        severity_number, severity_text, event_name, flags, resource_id, scope_id, received_time_unix_ms,
        dropped_attributes_count, body, attributes)
      VALUES (1, ?, 0, 9, '', ?, 0, 1, 1, 5, 0, ?, '{}')`);
    insertLog.run(10, 'event', '"first"');
    insertLog.run(20, '', '"second"');
    db.close();
    return file;
  }

  async function openOver(seed: number) {
    const target = await openSqliteStore();
    const source = recordSource(seed);
    const span = source.span();
    const file = leaveOldBlock(target, span);
    sequence = 7;
    return { target, source, span, file };
  }

  test('they are asked for generations, of which they know nothing', async () => {
    const { target, source, span } = await openOver(24);
    const { store } = target;
    const { traceId, spanId } = span;
    const workspace = 'default';
    const page = { workspace, limit: 10 };
    expect(await store.getGeneration(workspace, { traceId, spanId })).toBeUndefined();
    expect(await store.listGenerations({ ...page, text: 'old' })).toMatchObject({ items: [], total: 0 });
    const writer = await target.writer();
    const revised = generationSpan(source, { sessionId: 's', searchText: 'old' }, span);
    await write(target, { spans: [revised], native: native({ revises: true }) });
    expect((await store.listGenerations({ ...page, text: 'old' })).items).toHaveLength(1);
    expect(await store.listGenerations({ ...page, traceId })).toMatchObject({ total: 1 });
    expect(await store.getGeneration(workspace, { traceId, spanId })).toMatchObject({ sessionId: 's' });
    expect(await store.getSession(workspace, 's')).toMatchObject({ requests: 1 });
    expect((await store.listSessions(page)).items).toHaveLength(1);
    expect(await store.listSessionTraces(workspace, 's', 10)).toHaveLength(1);
    const range = { fromUnixNano: 0n, toUnixNano: 2n ** 63n - 1n };
    const step = { workspace, ...range, after: undefined, limit: 10 };
    expect(await writer.reprice!(step, () => undefined)).toMatchObject({ examined: 1, changed: 1 });
    await deleteTrace(target, traceId);
    expect(await store.listGenerations(page)).toMatchObject({ items: [], total: 0 });
  });

  test('what they hold is not read, or misread', async () => {
    const { target, span } = await openOver(20);
    const { store } = target;
    const { traceId, spanId } = span;
    const workspace = 'default';
    const page = { workspace, limit: 10 };
    expect(await store.getTrace(workspace, traceId)).toMatchObject({
      summary: { name: 'old', spanCount: 1, errorCount: 1, services: ['old'] },
      spans: [{ name: 'old', attributes: '{"a":"old"}' }],
    });
    expect(await store.getSpan(workspace, traceId, spanId)).toMatchObject({ name: 'old' });
    expect(await store.listSpans({ ...page, traceId })).toMatchObject({ total: 1, items: [{ name: 'old' }] });
    for (const order of ['asc', 'desc'] as const) {
      expect(await store.listTraces({ ...page, order })).toMatchObject({ total: 1, items: [{ name: 'old' }] });
      const bodies = (await store.listLogs({ ...page, order })).items.map(({ body }) => body);
      expect(bodies).toEqual(order === 'asc' ? ['"first"', '"second"'] : ['"second"', '"first"']);
      const ofEvent = await store.listLogs({ ...page, order, eventName: 'event' });
      expect(ofEvent).toMatchObject({ total: 1, items: [{ body: '"first"' }] });
    }
    expect(await store.listTraces({ ...page, status: 'ok' })).toMatchObject({ total: 0 });
    expect(await store.listTraces({ ...page, status: 'error' })).toMatchObject({ total: 1 });
    expect(await store.listTraces({ ...page, promptName: 'p' })).toMatchObject({ total: 0 });
    expect(await store.storedBytes(workspace)).toBe(0);
    expect(await store.appliedRanges(BUFFER, 0)).toEqual([{ first: 1, last: 7 }]);
  });

  test('a writer adds rows to one, or forgets what it applied', async () => {
    const { target, source, span, file } = await openOver(21);
    const replay = decodedFrame(3, { native: native(), logRecords: [source.logRecord()] });
    const writer = await target.writer();
    const again = await writer.write({ bufferId: BUFFER, range: { first: 3, last: 3 }, frames: [replay] });
    expect(again).toMatchObject({ logRecords: 0, outcomes: [{ sequence: 3, written: true }] });
    const fresh = source.span({ traceId: span.traceId });
    const name = (of: Span) => Buffer.from([...of.traceId, ...of.spanId]).toString('hex');
    expect(await write(target, { native: native(), spans: [span, fresh] })).toMatchObject({
      spans: 1,
      duplicateSpans: 1,
      outcomes: [{ written: true, knownSpans: [name(span)] }],
    });
    expect(files(target)).toHaveLength(2);
    expect(query(file, 'SELECT schema_version AS version, spans FROM block')).toEqual([{ version: 1, spans: 1 }]);
    expect(await target.store.listTraces({ workspace: 'default', limit: 10 })).toMatchObject({
      total: 1,
      items: [{ spanCount: 2 }],
    });
  });

  test('a span in one cannot be revised, its trace declared, or deleted', async () => {
    const { target, span, file } = await openOver(22);
    const { traceId } = span;
    const page = { workspace: 'default', limit: 10 };
    const record = declaration(traceId, { promptName: 'p' });
    await write(target, { native: native({ traces: [record] }) });
    await write(target, { native: native({ revises: true }), spans: [{ ...span, name: 'new', statusCode: 1 }] });
    expect(await target.store.listTraces({ ...page, promptName: 'p', status: 'ok' })).toMatchObject({
      total: 1,
      items: [{ name: 'new', spanCount: 1, errorCount: 0, record }],
    });
    await deleteTrace(target, traceId);
    expect(await target.store.getTrace('default', traceId)).toBeUndefined();
    expect(query(file, 'SELECT spans, traces, log_records AS logs FROM block')).toEqual([
      { spans: 0, traces: 0, logs: 2 },
    ]);
    expect(query(file, 'SELECT * FROM spans')).toEqual([]);
  });
});

describe('lookups over blocks', () => {
  test('a block is overlooked in a folder that had not changed for long, or one that is gone is looked for', async () => {
    const target = await openSqliteStore();
    await write(target, { spans: recordSource(34).trace(1) });
    const [first] = listBlocks(target.directory);
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(target.directory, longAgo, longAgo);
    const listing = new BlockListing(target.directory);
    const names = listing.list();
    expect(names).toEqual([first]);
    expect(listing.list()).toBe(names);
    const second = blockName(first!.createdTimeUnixMs + 1, 1, 1);
    writeFileSync(path.join(target.directory, second.file), '');
    expect(listing.list()).toEqual([second, first]);
    rmSync(path.join(target.directory, second.file));
    expect(listing.list()).toEqual([first]);
    expect(new BlockListing(path.join(target.directory, 'none')).list()).toEqual([]);
  });

  test('a key in one of many older blocks is not found, or another workspace finds it', async () => {
    const target = await openSqliteStore({ blockMaxSpans: 2 });
    const source = recordSource(30);
    const keyed = (key: string, fingerprint = 'f'): Partial<DecodedFrame> => ({
      native: native({ idempotency: { key, fingerprint, answer: `answer ${key}` } }),
      logRecords: [source.logRecord(), source.logRecord()],
    });
    for (let at = 0; at < 8; at++) await write(target, keyed(`key ${at}`));
    await target.reopen();
    for (let at = 0; at < 8; at++) {
      const { outcomes } = await write(target, keyed(`key ${at}`), 1);
      expect(outcomes).toMatchObject([{ written: false, replayed: `answer key ${at}` }]);
      expect((await write(target, keyed(`key ${at}`, 'g'), 1)).outcomes).toMatchObject([{ keyReused: true }]);
    }
    const { outcomes } = await write(target, { ...keyed('key 0'), workspace: 'other' }, 1);
    expect(outcomes).toMatchObject([{ written: true }]);
  });

  test('a list of one event reads the records of others', async () => {
    const target = await openSqliteStore();
    const source = recordSource(31);
    const others = Array.from({ length: 300 }, (_, at) => source.logRecord({ eventName: at % 2 ? 'other' : '' }));
    const records = Array.from({ length: 5 }, (_, at) => source.logRecord({ eventName: 'mine', body: `"${at}"` }));
    await write(target, { logRecords: [...records, ...others] });
    const plan = query<{ detail: string }>(
      files(target)[0]!,
      `EXPLAIN QUERY PLAN SELECT log_time, id FROM log_records INDEXED BY log_records_by_event
        WHERE workspace_id = 1 AND event_name <> '' AND event_name = 'mine' AND log_time < 9 ORDER BY log_time DESC, id DESC`,
    );
    expect(plan.map(({ detail }) => detail)).toEqual([
      expect.stringContaining('log_records_by_event (workspace_id=? AND event_name=? AND log_time<?)'),
    ]);
    for (const order of ['asc', 'desc'] as const) {
      const bodies: string[] = [];
      let after: Keyset | undefined;
      do {
        const page = await target.store.listLogs({
          workspace: 'default',
          eventName: 'mine',
          limit: 2,
          order,
          ...(after && { after }),
        });
        expect(page.total).toBe(5);
        bodies.push(...page.items.map(({ body }) => body));
        after = page.next;
      } while (after);
      const expected = records.map(({ body }) => body);
      expect(bodies).toEqual(order === 'asc' ? expected : expected.reverse());
    }
  });

  test('the order of a large trace is remembered after it has changed', async () => {
    const target = await openSqliteStore();
    const source = recordSource(33);
    const spans = source.trace(2500);
    const { traceId } = spans[0]!;
    await write(target, { spans: spans.slice(0, 2000) });
    const cutSequence = sequence;
    await write(target, { spans: spans.slice(2000) }, 1);
    const list = (query: object) => target.store.listSpans({ workspace: 'default', traceId, limit: 1000, ...query });
    const names = async (order: 'asc' | 'desc') => {
      const found: string[] = [];
      let after: Keyset | undefined;
      do {
        const page = await list({ order, ...(after && { after }) });
        found.push(...page!.items.map(({ name }) => name));
        after = page!.next;
      } while (after);
      return found;
    };
    const expected = spans.map(({ name }) => name);
    expect(await names('asc')).toEqual(expected);
    expect(await names('desc')).toEqual(expected.toReversed());
    expect(await list({ order: 'desc', limit: 2, offset: 2499 })).toMatchObject({ items: [{ name: 'root' }] });
    await write(target, { native: native({ revises: true }), spans: [{ ...spans[7]!, name: 'new' }] });
    expected[7] = 'new';
    expect(await names('asc')).toEqual(expected);
    expect(await list({ name: 'child-6' })).toMatchObject({ total: 0 });
    const startTimeUnixNano = spans.at(-1)!.startTimeUnixNano + 1n;
    await write(target, { spans: [source.span({ traceId, name: 'last', startTimeUnixNano })] });
    expect(await names('desc')).toEqual([...expected, 'last'].toReversed());
    const receivedUntilUnixMs = decodedFrame(cutSequence, {}).receivedTimeUnixMs;
    await (await target.writer()).deleteTraces([{ workspace: 'default', traceId, receivedUntilUnixMs }]);
    expect(await names('asc')).toEqual(['new', ...expected.slice(2000), 'last']);
    await deleteTrace(target, traceId);
    expect(await list({})).toBeUndefined();
  });

  test('a malformed position in the spans of a trace is an internal error', async () => {
    const target = await openSqliteStore();
    const spans = recordSource(32).trace(2);
    await write(target, { spans });
    for (const id of ['', 'x', '../1']) {
      const page = { workspace: 'default', traceId: spans[0]!.traceId, limit: 1, after: { timeUnixNano: 1n, id } };
      await expect(target.store.listSpans(page)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    }
  });
});
