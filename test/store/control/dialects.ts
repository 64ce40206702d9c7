/** The control database on both dialects, each opened in a place of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type ControlStore, createControlStore } from '../../../src/store/control/store.js';
import { createPool } from '../../../workers/pool.js';
import type { PostgresServer } from '../../helpers/postgres.js';

export interface Place {
  /** Another gateway on the same database: with its own connections, and on SQLite its own thread. */
  open(): Promise<ControlStore>;
  remove(): Promise<void>;
}

export interface DialectCase {
  name: string;
  makePlace(): Promise<Place>;
}

const SETTINGS = { dataDir: '/nonexistent', sqlitePath: undefined, databasePoolSize: 5, queryTimeoutMs: 20_000 };

async function sqlitePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'control-'));
  const closing: (() => Promise<void>)[] = [];
  return {
    async open() {
      const thread = createPool({ entry: 'control-database', threads: 1, workerData: undefined, maxQueue: 1000 });
      await thread.start();
      const store = createControlStore({ config: { ...SETTINGS, dataDir: folder, databaseUrl: undefined }, thread });
      closing.push(async () => {
        await store.shutdown({ deadlineMs: 5_000 });
        await thread.shutdown({ deadlineMs: 5_000 });
      });
      return store;
    },
    async remove() {
      for (const close of closing) await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function postgresPlace(server: PostgresServer): Promise<Place> {
  const databaseUrl = await server.createDatabase();
  const stores: ControlStore[] = [];
  return {
    async open() {
      const store = createControlStore({ config: { ...SETTINGS, databaseUrl } });
      stores.push(store);
      return store;
    },
    async remove() {
      for (const store of stores) await store.shutdown({ deadlineMs: 5_000 });
    },
  };
}

export const sqliteCase: DialectCase = { name: 'SQLite', makePlace: sqlitePlace };

export function postgresCase(server: PostgresServer | undefined): DialectCase {
  return { name: 'Postgres', makePlace: () => postgresPlace(server!) };
}
