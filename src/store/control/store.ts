/** The control half of the store: small, transactional, one repository implementation over both dialects. */
import { Kysely, sql } from 'kysely';
import { controlMigrations } from '../../../migrations/control/series.js';
import type { Component, TaskPool } from '../../component.js';
import { controlFile, type StoreConfig } from '../config.js';
import { within } from '../deadline.js';
import { type DialectFacts, POSTGRES_FACTS, SQLITE_FACTS } from '../dialect-facts.js';
import { migrate } from '../migrator.js';
import { createPostgresDialect } from '../postgres/dialect.js';
import { createPool } from '../postgres/pool.js';
import { createInstallation, type Installation } from './installation.js';
import type { ControlSchema } from './schema.js';
import { createSqliteDialect } from './sqlite/dialect.js';
import { createWorkspaces, DEFAULT_WORKSPACE, type Workspaces } from './workspaces.js';

export interface ControlStore extends Component {
  readonly workspaces: Workspaces;
  readonly installation: Installation;
  /**
   * Everything that the callback does through the repositories it is given happens, or nothing of it. Wait for nothing
   * in there but the database: other writers wait for the end. Never use the store itself inside: its writes would wait too.
   */
  transaction<Result>(work: (repositories: Repositories) => Promise<Result>): Promise<Result>;
  /** Rejects when the database can't serve now. */
  ping(): Promise<void>;
}

export interface Repositories {
  readonly workspaces: Workspaces;
  readonly installation: Installation;
}

export interface ControlStoreOptions {
  config: Pick<StoreConfig, 'dataDir' | 'sqlitePath' | 'databaseUrl' | 'databasePoolSize' | 'queryTimeoutMs'>;
  /** The thread of `workers/control-database.ts`, which has the SQLite file open; not used with DATABASE_URL. */
  thread?: TaskPool;
}

interface Database {
  db: Kysely<ControlSchema>;
  facts: DialectFacts;
}

export function createControlStore(options: ControlStoreOptions): ControlStore {
  const { db, facts } = openDatabase(options);
  let ending: Promise<void> | undefined;
  return {
    name: 'store/control',
    ...repositories(db),
    async start() {
      await migrate(db, facts, controlMigrations);
      await repositories(db).workspaces.ensure(DEFAULT_WORKSPACE);
    },
    transaction: (work) => db.transaction().execute((transaction) => work(repositories(transaction))),
    async ping() {
      await db.selectNoFrom(sql`1`.as('one')).execute();
    },
    shutdown({ deadlineMs }) {
      ending ??= db.destroy();
      return within(deadlineMs, ending);
    },
  };
}

/** Kysely connects with the first query. */
function openDatabase({ config, thread }: ControlStoreOptions): Database {
  const { databaseUrl: connectionString, databasePoolSize: poolSize, queryTimeoutMs } = config;
  if (connectionString !== undefined) {
    const pool = createPool({ connectionString, poolSize, queryTimeoutMs, int8: 'number', json: 'value' });
    return { db: new Kysely({ dialect: createPostgresDialect(pool) }), facts: POSTGRES_FACTS };
  }
  if (!thread) throw new TypeError('SQLite needs the thread that has its file open');
  return {
    db: new Kysely({ dialect: createSqliteDialect({ file: controlFile(config), thread }) }),
    facts: SQLITE_FACTS,
  };
}

function repositories(db: Kysely<ControlSchema>): Repositories {
  return { workspaces: createWorkspaces(db), installation: createInstallation(db) };
}
