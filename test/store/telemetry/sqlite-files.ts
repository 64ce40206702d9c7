/** Stores over real block files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { TaskPool } from '../../../src/component.js';
import { closeReaders, runReadTask } from '../../../src/store/telemetry/sqlite/read-task.js';
import { createSqliteTelemetry, type SqliteTelemetryEvents } from '../../../src/store/telemetry/sqlite/store.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../../../src/store/telemetry/writer.js';
import { createPool } from '../../../workers/pool.js';
import type { MakeStoreOptions, StoreUnderTest } from './store-under-test.js';

export interface SqliteStoreUnderTest extends StoreUnderTest {
  readonly directory: string;
}

export interface SqliteStoreOptions extends MakeStoreOptions {
  blockMaxBytes?: number;
  events?: SqliteTelemetryEvents;
}

/** The threads that read, as the gateway has them, for all tests of a file. */
export function readerThreads(threads = 1): TaskPool {
  const pool = createPool({ entry: 'sqlite-reader', threads, maxQueue: 100, closeOperation: 'close' });
  beforeAll(() => pool.start());
  afterAll(() => pool.shutdown({ deadlineMs: 5000 }));
  return pool;
}

/** Reads on the thread of the test: for tests of the files, which have nothing to do with threads. */
export const inlineReaders: TaskPool = {
  run: async (operation, argument) => runReadTask(operation as 'ping', argument as never) as never,
};

/** A store that reads on the thread of the test, and is removed when the test has finished. */
export async function openSqliteStore(options: SqliteStoreOptions = {}): Promise<SqliteStoreUnderTest> {
  const target = await makeSqliteStore(inlineReaders, options);
  onTestFinished(async () => {
    closeReaders();
    await target.dispose();
  });
  return target;
}

/** What a file holds, whatever the store says of it. */
export function query<Row>(file: string, sql: string): Row[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare(sql).all() as Row[];
  } finally {
    db.close();
  }
}

export async function makeSqliteStore(pool: TaskPool, options: SqliteStoreOptions = {}): Promise<SqliteStoreUnderTest> {
  const parent = await mkdtemp(path.join(tmpdir(), 'telemetry-'));
  const directory = path.join(parent, 'blocks');
  const open = async () => {
    const store = createSqliteTelemetry({ directory, pool, ...options });
    await store.start();
    return store;
  };
  let store = await open();
  const writers = new Map<number, Promise<TelemetryWriter>>();
  const close = async () => {
    for (const writer of writers.values()) await (await writer).close();
    writers.clear();
    await store.shutdown({ deadlineMs: 1000 });
  };
  return {
    directory,
    get store() {
      return store;
    },
    async writer(number = 0) {
      const writer = writers.get(number) ?? openTelemetryWriter(store.writerOptions(number));
      writers.set(number, writer);
      return writer;
    },
    async reopen() {
      await close();
      store = await open();
    },
    async dispose() {
      await close();
      await rm(parent, { recursive: true });
    },
  };
}
