/** Empty databases under Kysely, through the dialects that the control store uses. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Kysely } from 'kysely';
import { createSqliteDialect } from '../../src/store/control/sqlite/dialect.js';
import { createPostgresDialect } from '../../src/store/postgres/dialect.js';
import { createPool as createPostgresPool } from '../../src/store/postgres/pool.js';
import { createPool } from '../../workers/pool.js';
import type { PostgresDatabases } from './postgres.js';

/** One database that several may connect to, as several processes would. */
export interface Databases {
  connect(): Kysely<unknown>;
  remove(): Promise<void>;
}

export async function openSqliteDatabases(): Promise<Databases> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'database-'));
  const connected: Kysely<unknown>[] = [];
  const threads = Array.from({ length: 3 }, () =>
    createPool({ entry: 'control-database', threads: 1, workerData: undefined, maxQueue: 1000 }),
  );
  await Promise.all(threads.map((thread) => thread.start()));
  return {
    connect() {
      const thread = threads[connected.length]!;
      const db = new Kysely<unknown>({ dialect: createSqliteDialect({ file: path.join(folder, 'test.db'), thread }) });
      connected.push(db);
      return db;
    },
    async remove() {
      for (const db of connected) await db.destroy();
      for (const thread of threads) await thread.shutdown({ deadlineMs: 5_000 });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function openPostgresDatabases(server: PostgresDatabases): Promise<Databases> {
  const connectionString = await server.createDatabase();
  const connected: Kysely<unknown>[] = [];
  return {
    connect() {
      const pool = createPostgresPool({
        connectionString,
        poolSize: 2,
        queryTimeoutMs: 20_000,
        int8: 'number',
        json: 'value',
      });
      const db = new Kysely<unknown>({ dialect: createPostgresDialect(pool) });
      connected.push(db);
      return db;
    },
    async remove() {
      for (const db of connected) await db.destroy();
    },
  };
}
