/** The full text of a block is in a file of its own, which a thread of its own writes: what only that can get wrong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LogRecord, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader } from '../../../src/store/telemetry/generations.js';
import { closeReaders } from '../../../src/store/telemetry/sqlite/read-task.js';
import { generationLog, generationSpan } from '../../helpers/generations.js';
import { processFile } from '../../helpers/process-file.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';
import { openSqliteStore, query, type SqliteStoreOptions, type SqliteStoreUnderTest } from './sqlite-files.js';
import { TEXTS_OF_VERSION_7 } from './sqlite-version-7.js';

const CHILD = processFile('test/store/telemetry/writer-child.ts');
const LATE = Number.MAX_SAFE_INTEGER;

let target: SqliteStoreUnderTest;
let unreadable: { path: string; reason: string }[] = [];
const source = recordSource(1);

/** In a folder of its own. */
async function open(options: SqliteStoreOptions = {}): Promise<void> {
  unreadable = [];
  const events = { blockUnreadable: (block: (typeof unreadable)[number]) => unreadable.push(block) };
  target = await openSqliteStore({ ...options, events });
}

beforeEach(() => open());

const call = (searchText: string) => generationSpan(source, { searchText });

async function write(sequence: number, spans: readonly Span[], logRecords: readonly LogRecord[] = []) {
  const frames = [decodedFrame(sequence, { spans: [...spans], logRecords: [...logRecords] })];
  return (await target.writer()).write({ bufferId: 'buffer', range: { first: sequence, last: sequence }, frames });
}

function list(query: { text?: string; model?: string } = {}) {
  const reader = target.store as unknown as GenerationReader;
  return reader.listGenerations({ workspace: 'default', limit: 100, ...query });
}

/** How many are found by each word. */
async function found(...words: string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const text of words) counts.push((await list({ text })).items.length);
  return counts;
}

const filesOf = (ending: string) =>
  readdirSync(target.directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => path.join(target.directory, name));
const blockFile = () => filesOf('.db').at(-1)!;
const textFile = () => blockFile().replace(/db$/, 'texts');

const textIds = () => query<{ id: number }>(textFile(), 'SELECT rowid AS id FROM texts').map(({ id }) => id);

/** Closes the writer, and gives a file the content that it had when `before` was copied: a crash between two commits. */
async function turnBack(file: string, before: string): Promise<void> {
  await target.reopen();
  closeReaders();
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  copyFileSync(before, file);
}

async function copied(file: string): Promise<string> {
  await target.reopen();
  const copy = `${file}.before`;
  copyFileSync(file, copy);
  return copy;
}

describe('a crash', () => {
  test('between texts and rows leaves texts that other rows are found by, or a replay finds its batch twice', async () => {
    const kept = [call('first'), generationLog(source, { searchText: 'first' })] as const;
    await write(1, [kept[0]], [kept[1]]);
    const before = await copied(blockFile());
    const lost = [[call('second')], [generationLog(source, { searchText: 'second' })]] as const;
    await write(2, ...lost);
    await turnBack(blockFile(), before);

    expect(await found('first', 'second')).toEqual([2, 0]);
    await write(3, [call('third')], [generationLog(source, { searchText: '' })]);
    expect(await found('first', 'second', 'third')).toEqual([2, 0, 1]);
    expect(await write(2, ...lost)).toMatchObject({ spans: 1, logRecords: 1 });
    expect(await found('first', 'second', 'third')).toEqual([2, 2, 1]);
    expect(await write(2, ...lost)).toMatchObject({ spans: 0, logRecords: 0 });
    expect(await found('second')).toEqual([2]);
  });

  test('that loses the newest texts, or all of them, makes the block unreadable or takes no more rows', async () => {
    await write(1, [call('first')]);
    const before = await copied(textFile());
    await write(2, [call('second')]);
    await turnBack(textFile(), before);
    expect(await found('first', 'second')).toEqual([1, 0]);
    await target.reopen();
    closeReaders();
    rmSync(textFile());
    expect(await found('first', 'second')).toEqual([0, 0]);
    await write(3, [call('third')]);
    expect(await found('third')).toEqual([1]);
    expect((await list()).items).toHaveLength(3);
    expect(unreadable).toEqual([]);
  });

  test('in the middle of making the file stops the writer or the readers', async () => {
    await write(1, [source.span()]);
    await target.reopen();
    writeFileSync(`${textFile()}.partial`, 'half');
    expect(await found('first')).toEqual([0]);
    await write(2, [call('first')]);
    expect(await found('first')).toEqual([1]);
    expect(filesOf('.partial')).toEqual([]);
  });
});

describe('a batch', () => {
  test('whose rows are not committed leaves its texts to other rows', async () => {
    await write(1, [call('first')]);
    const exec = Database.prototype.exec;
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    const spy = vi.spyOn(Database.prototype, 'exec').mockImplementation(function (this: Database.Database, sql) {
      if (sql === 'COMMIT') throw full;
      return exec.call(this, sql);
    });
    const lost = [call('second')];
    await expect(write(2, lost)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    spy.mockRestore();
    expect(textIds()).toHaveLength(2);
    await write(3, [call('third')]);
    expect(await found('second', 'third')).toEqual([0, 1]);
    await write(2, lost);
    expect(await found('first', 'second', 'third')).toEqual([1, 1, 1]);
    expect(textIds()).toHaveLength(3);
  });

  test('that can not be stored leaves its texts, or takes those of the next one with it', async () => {
    await write(1, [call('first')]);
    const bad = { ...source.span(), attributes: {} as string };
    await expect(write(2, [...Array.from({ length: 600 }, () => call('second')), bad])).rejects.toThrow(RangeError);
    await write(2, [call('third')]);
    expect(await found('first', 'second', 'third')).toEqual([1, 0, 1]);
    expect(textIds()).toHaveLength(2);
  });

  test('without words makes a file or a thread', async () => {
    const start = vi.spyOn(Worker.prototype, 'postMessage');
    onTestFinished(() => start.mockRestore());
    await write(1, [source.span(), call('')]);
    expect([filesOf('.texts'), start.mock.calls]).toEqual([[], []]);
    await write(2, [call('word')]);
    expect([filesOf('.texts').length, start.mock.calls.length]).toEqual([1, 2]);
  });

  test('whose texts the disk refuses is half stored, or not stored when it is tried again', async () => {
    await write(1, [source.span()]);
    // What is no file cannot be opened: so is a file on a disk that is gone.
    mkdirSync(textFile());
    const spans = [call('word')];
    await expect(write(2, spans)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await list()).items).toEqual([]);
    rmdirSync(textFile());
    expect(await write(2, spans)).toMatchObject({ spans: 1, duplicateSpans: 0 });
    expect(await found('word')).toEqual([1]);
  });

  test('at which the thread of the texts is lost is half stored, or not stored when it is tried again', async () => {
    await write(1, [call('first')]);
    const post = Worker.prototype.postMessage;
    const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementationOnce(function (this: Worker, ...message) {
      post.apply(this, message);
      void this.terminate();
    });
    onTestFinished(() => spy.mockRestore());
    const spans = [call('second')];
    await expect(write(2, spans)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await found('first', 'second')).toEqual([1, 0]);
    expect(await write(2, spans)).toMatchObject({ spans: 1, duplicateSpans: 0 });
    expect(await found('first', 'second')).toEqual([1, 1]);
    expect(textIds()).toHaveLength(2);
  });

  test('that is written while another is makes one of both fail', async () => {
    const spans = Array.from({ length: 5 }, (_, at) => call(`word${at}`));
    await Promise.all(spans.map((span, at) => write(at + 1, [span])));
    expect(await found('word0', 'word4')).toEqual([1, 1]);
  });
});

test('a full disk of the texts is taken for a bad batch, or a batch is stored that nobody finds', async () => {
  // A limit on the size of a file stands for the full disk: 2 MiB. Words of their own fill the texts before the rows are long.
  const limited = ['-c', `ulimit -f 4096; exec "$0" "$@"`, process.execPath, CHILD, target.directory];
  const child = spawn('/bin/sh', [...limited, '1', '20000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = (await readText(child.stdout!)).trim().split('\n');
  await exited;
  expect(lines.at(-1)).toBe(`refused ${lines.length} STORE_UNAVAILABLE`);
  const stored = await list();
  expect(stored.items).toHaveLength(lines.length - 1);
  expect(stored.items.length).toBeGreaterThan(0);
  for (let batch = 1; batch <= lines.length; batch++) {
    expect(await found(`batch${batch}`)).toEqual([batch < lines.length ? 1 : 0]);
  }
});

test('a word that thousands of calls have finds the newest of them alone', async () => {
  await open({ pageBudgetMs: 60_000 });
  const oldest = generationSpan(source, { searchText: 'usual', responseModel: 'rare' });
  await write(1, [oldest, ...Array.from({ length: 5_001 }, () => call('usual'))]);
  expect((await list({ text: 'usual', model: 'rare' })).items).toHaveLength(1);
});

describe('the files of a block', () => {
  test('do not end together: one has a log, or takes more', async () => {
    await open({ blockMaxSpans: 2 });
    await write(1, [call('first'), call('word')]);
    await write(2, [call('second')]);
    const [closed] = filesOf('.db');
    expect(filesOf('.texts')).toHaveLength(2);
    for (const file of [closed!, closed!.replace(/db$/, 'texts')])
      expect(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
    expect(query(filesOf('.texts')[0]!, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(await found('first', 'second', 'word')).toEqual([1, 1, 1]);
  });

  test('are taken for smaller than they are', async () => {
    const words = Array.from({ length: 20_000 }, (_, at) => `w${at}`).join(' ');
    await write(1, [call(words)]);
    await target.reopen();
    const [rows, texts] = [blockFile(), textFile()].map((file) => statSync(file).size) as [number, number];
    await open({ blockMaxBytes: rows + texts });
    for (const sequence of [1, 2]) await write(sequence, [call(words)]);
    expect(filesOf('.db')).toHaveLength(2);
    await target.reopen();
    await write(3, [call(words)]);
    expect(filesOf('.db')).toHaveLength(3);
  });

  test('are dropped one without the other, or fail the reads and writes after', async () => {
    await open({ blockMaxSpans: 1 });
    for (const [at, word] of ['first', 'second', 'third'].entries()) await write(at + 1, [call(word)]);
    expect(await found('first', 'second', 'third')).toEqual([1, 1, 1]);
    const [first, second] = filesOf('.db');
    rmSync(first!);
    for (const suffix of ['', '-wal', '-shm']) rmSync(second!.replace('.db', `.texts${suffix}`), { force: true });
    expect(await found('first', 'third')).toEqual([0, 1]);
    await write(4, [call('fourth')]);
    expect(await found('first', 'third', 'fourth')).toEqual([0, 1, 1]);
    expect(existsSync(first!.replace(/db$/, 'texts'))).toBe(false);
    expect(filesOf('.texts')).toHaveLength(2);
    expect(unreadable).toEqual([]);
  });

  test('a text file that somebody deletes while it is written takes texts that nobody finds', async () => {
    await write(1, [call('first')]);
    for (const suffix of ['', '-wal', '-shm']) rmSync(textFile() + suffix, { force: true });
    closeReaders();
    await write(2, [call('second')]);
    expect(await found('second')).toEqual([1]);
    expect((await list()).items).toHaveLength(2);
  });

  test('a damaged text file takes its block out of the lists, stops a deletion, or goes unreported', async () => {
    const [gone, stays] = [call('first'), call('first')];
    await write(1, [gone, stays]);
    await target.reopen();
    const descriptor = openSync(textFile(), 'r+');
    writeSync(descriptor, Buffer.alloc(8192, 0xee));
    closeSync(descriptor);
    const damaged = textFile();
    expect(await found('first')).toEqual([0]);
    expect((await list()).items).toHaveLength(2);
    expect(unreadable).toEqual([{ path: damaged, reason: expect.stringMatching(/not a database|malformed/) }]);
    const deletion = { workspace: 'default', traceId: gone.traceId, receivedUntilUnixMs: LATE };
    await (await target.writer()).deleteTraces([deletion]);
    expect((await list()).items).toHaveLength(1);
    await write(2, [call('second')]);
    expect(await found('second')).toEqual([1]);
    expect(filesOf('.db')).toHaveLength(2);
  });
});

test('the texts of a deleted trace stay, in the open block or in a closed one', async () => {
  await open({ blockMaxSpans: 2 });
  const spans = ['first', 'word', 'second'].map(call) as [Span, Span, Span];
  await write(1, spans.slice(0, 2));
  await write(2, spans.slice(2));
  const deletions = [spans[0], spans[2]].map(({ traceId }) => {
    return { workspace: 'default', traceId, receivedUntilUnixMs: LATE };
  });
  await (await target.writer()).deleteTraces(deletions);
  expect(await found('first', 'second', 'word')).toEqual([0, 0, 1]);
  const left = filesOf('.texts').map((file) => query(file, 'SELECT rowid FROM texts').length);
  expect(left).toEqual([1, 0]);
  await write(3, [call('second')]);
  expect(await found('first', 'second', 'word')).toEqual([0, 1, 1]);
});

test('a block that is open when the gateway stops is not found by its words, or by those that come after', async () => {
  await write(1, [call('shared first')]);
  await target.reopen();
  expect(await found('shared', 'first')).toEqual([1, 1]);
  await write(2, [call('shared second')]);
  expect(await found('shared', 'first', 'second')).toEqual([2, 1, 1]);
  expect(filesOf('.db')).toHaveLength(1);
});

test('a block of a version with its texts among its tables is not found by them, or keeps those of a deleted trace', async () => {
  const [gone, stays] = [call('first gone'), call('first')];
  await write(1, [gone]);
  await write(2, [stays]);
  await target.reopen();
  const db = new Database(blockFile());
  db.exec(TEXTS_OF_VERSION_7);
  for (const [at, text] of ['first gone', 'first'].entries())
    db.prepare('INSERT INTO texts (rowid, text) VALUES (?, ?)').run(BigInt(at + 1), text);
  db.exec('UPDATE block SET schema_version = 7');
  db.close();
  rmSync(textFile());
  expect(await found('first', 'gone')).toEqual([2, 1]);
  await write(3, [call('second')]);
  expect(filesOf('.db')).toHaveLength(2);
  const deletion = { workspace: 'default', traceId: gone.traceId, receivedUntilUnixMs: LATE };
  await (await target.writer()).deleteTraces([deletion]);
  expect(await found('first', 'gone', 'second')).toEqual([1, 0, 1]);
  expect(query(filesOf('.db')[0]!, 'SELECT rowid FROM texts')).toHaveLength(1);
  expect(filesOf('.texts')).toHaveLength(1);
});
