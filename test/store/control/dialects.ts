/** The control database on both dialects, each opened in a place of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { vi } from 'vitest';
import type { TaskPool } from '../../../src/component.js';
import { controlFile } from '../../../src/store/config.js';
import type { Statement } from '../../../src/store/control/sqlite/messages.js';
import { type ControlStore, type ControlStoreOptions, createControlStore } from '../../../src/store/control/store.js';
import { createPool } from '../../../workers/pool.js';
import type { PostgresDatabases } from '../../helpers/postgres.js';
import { controlSchema } from '../../helpers/schemas.js';

export interface Place {
  /** Another gateway on the same database: with its own connections, and on SQLite its own thread. */
  open(): Promise<ControlStore>;
  /** Behind the stores' backs. */
  run(statement: string): Promise<void>;
  /** How many statements the stores have sent so far. */
  statements(): number;
  /** How the database goes about the last query. */
  planOfLast(): Promise<string>;
  /** What another process needs to open the same. */
  readonly config: ControlStoreOptions['config'];
  remove(): Promise<void>;
}

export interface DialectCase {
  name: string;
  makePlace(): Promise<Place>;
}

const SETTINGS = { dataDir: '/nonexistent', sqlitePath: undefined, databasePoolSize: 5, queryTimeoutMs: 20_000 };

async function sqlitePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'control-'));
  const config = { ...SETTINGS, dataDir: folder, databaseUrl: undefined };
  const closing: (() => Promise<void>)[] = [];
  let statements = 0;
  let last = '';
  return {
    config,
    statements: () => statements,
    async open() {
      const thread = createPool({ entry: 'control-database', threads: 1, workerData: undefined, maxQueue: 1000 });
      await thread.start();
      const counted: TaskPool = {
        run(operation, argument) {
          statements++;
          const { sql } = argument as Statement;
          if (sql.startsWith('select')) last = sql;
          return thread.run(operation, argument);
        },
      };
      const store = createControlStore({ config, thread: counted });
      closing.push(async () => {
        await store.shutdown({ deadlineMs: 5_000 });
        await thread.shutdown({ deadlineMs: 5_000 });
      });
      return store;
    },
    async run(statement) {
      const database = new Database(controlFile(config));
      database.exec(statement);
      database.close();
    },
    async planOfLast() {
      const database = new Database(controlFile(config));
      const parameters = [...last.matchAll(/\?/g)].map(() => 1);
      const steps = database.prepare(`explain query plan ${last}`).all(parameters) as { detail: string }[];
      database.close();
      return steps.map(({ detail }) => detail).join('\n');
    },
    async remove() {
      for (const close of closing) await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function withClient<Result>(connectionString: string, work: (client: pg.Client) => Promise<Result>) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function postgresPlace(server: PostgresDatabases): Promise<Place> {
  const databaseUrl = await server.createDatabase(controlSchema);
  const config = { ...SETTINGS, databaseUrl };
  const stores: ControlStore[] = [];
  const queries = vi.spyOn(pg.Client.prototype, 'query');
  return {
    config,
    statements: () => queries.mock.calls.length,
    async open() {
      const store = createControlStore({ config });
      stores.push(store);
      return store;
    },
    async run(statement) {
      await withClient(databaseUrl, (client) => client.query(statement));
    },
    async planOfLast() {
      const calls = queries.mock.calls as unknown as [string, unknown[]][];
      const [text, parameters] = calls.findLast(([sent]) => sent.startsWith('select'))!;
      return withClient(databaseUrl, async (client) => {
        // Of an empty table any plan is a good one: only what can't be had without sorting is sorted then.
        await client.query('set enable_seqscan = off; set enable_bitmapscan = off');
        const { rows } = await client.query(`explain ${text}`, parameters);
        return rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n');
      });
    },
    async remove() {
      for (const store of stores) await store.shutdown({ deadlineMs: 5_000 });
      queries.mockRestore();
    },
  };
}

/** Of all workspaces, in the order of the list. */
export async function workspaceIds({ workspaces }: Pick<ControlStore, 'workspaces'>): Promise<string[]> {
  const { items } = await workspaces.summaries({ sort: { field: 'id', descending: false }, limit: 10_000 });
  return items.map(({ id }) => id);
}

export const sqliteCase: DialectCase = { name: 'SQLite', makePlace: sqlitePlace };

export function postgresCase(server: PostgresDatabases | undefined): DialectCase {
  return { name: 'Postgres', makePlace: () => postgresPlace(server!) };
}
