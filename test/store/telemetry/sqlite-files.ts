/** Stores over real block files, for the tests that look at the files themselves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TaskPool } from '../../../src/component.js';
import { createSqliteTelemetry, type SqliteTelemetryEvents } from '../../../src/store/telemetry/sqlite/store.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../../../src/store/telemetry/writer.js';
import type { MakeStoreOptions, StoreUnderTest } from './contract.js';

export interface SqliteStoreUnderTest extends StoreUnderTest {
  readonly directory: string;
}

export async function makeSqliteStore(
  pool: TaskPool,
  options: MakeStoreOptions & { blockMaxBytes?: number; events?: SqliteTelemetryEvents } = {},
): Promise<SqliteStoreUnderTest> {
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
