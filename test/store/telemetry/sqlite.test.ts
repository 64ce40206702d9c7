import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createSqliteTelemetry } from '../../../src/store/telemetry/sqlite/store.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../../../src/store/telemetry/writer.js';
import { createPool } from '../../../workers/pool.js';
import { type MakeStore, telemetryContract } from './contract.js';

const pool = createPool({
  entry: 'sqlite-reader',
  threads: 2,
  workerData: undefined,
  maxQueue: 100,
  closeOperation: 'close',
});
beforeAll(() => pool.start());
afterAll(() => pool.shutdown({ deadlineMs: 5000 }));

const makeStore: MakeStore = async (options = {}) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'telemetry-'));
  const open = async () => {
    const store = createSqliteTelemetry({ directory: path.join(directory, 'blocks'), pool, ...options });
    await store.start();
    return store;
  };
  let store = await open();
  const writers = new Map<number, TelemetryWriter>();
  const closeWriters = async () => {
    for (const writer of writers.values()) await writer.close();
    writers.clear();
  };
  return {
    get store() {
      return store;
    },
    async writer(number = 0) {
      const writer = writers.get(number) ?? (await openTelemetryWriter(store.writerOptions(number)));
      writers.set(number, writer);
      return writer;
    },
    async reopen() {
      await closeWriters();
      await store.shutdown({ deadlineMs: 1000 });
      store = await open();
    },
    async dispose() {
      await closeWriters();
      await store.shutdown({ deadlineMs: 1000 });
      await rm(directory, { recursive: true });
    },
  };
};

telemetryContract('SQLite', makeStore);
