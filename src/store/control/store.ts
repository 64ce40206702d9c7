/** The control half of the store: small, transactional, one repository implementation over both dialects. */
import { randomUUID } from 'node:crypto';
import { Kysely, sql } from 'kysely';
import { controlMigrations } from '../../../migrations/control/series.js';
import type { Component, TaskPool } from '../../component.js';
import { DEFAULT_WORKSPACE } from '../../model/workspace.js';
import { controlFile, type StoreConfig } from '../config.js';
import { within } from '../deadline.js';
import { type DialectFacts, POSTGRES_FACTS, SQLITE_FACTS } from '../dialect-facts.js';
import { migrate } from '../migrator.js';
import { createPostgresDialect } from '../postgres/dialect.js';
import { migratePostgres } from '../postgres/migrate.js';
import { createPool } from '../postgres/pool.js';
import { type ApiKeys, createApiKeys } from './api-keys.js';
import { type AuditLogs, createAuditLogs } from './audit-logs.js';
import {
  type Change,
  ChangeFeed,
  type ChangeListener,
  type Changes,
  createChanges,
  readChange,
  writeChange,
} from './changes.js';
import { createGateways, type Gateways } from './gateways.js';
import { createIdempotencyKeys, type IdempotencyKeys } from './idempotency.js';
import { createInstallation, type Installation } from './installation.js';
import { createLabelProposals, type LabelProposals } from './label-proposals.js';
import { createLabels, type Labels } from './labels.js';
import { createListener, type Listener } from './listener.js';
import { createPrices, type Prices } from './prices.js';
import { createPromptContents, type PromptContents } from './prompt-contents.js';
import { createPromptHashes, type PromptHashes } from './prompt-hashes.js';
import { createPromptIndex, type PromptIndex } from './prompt-index.js';
import { createPrompts, type Prompts } from './prompts.js';
import { createProtectedLabels, type ProtectedLabels } from './protected-labels.js';
import { createRedisRelay, noRelay, type Relay } from './redis-relay.js';
import { createRepricings, type Repricings } from './repricings.js';
import { createRuns, type Runs } from './runs.js';
import type { ControlSchema } from './schema.js';
import { createSqliteDialect } from './sqlite/dialect.js';
import { createWatch } from './sqlite/watch.js';
import { createWorkspaces, type Workspaces } from './workspaces.js';

export interface ControlStore extends Component, Repositories {
  /**
   * Everything that the callback does through the repositories it is given happens, or nothing of it. Wait for nothing
   * in there but the database: other writers wait for the end. Never use the store itself inside: its writes would wait too.
   */
  transaction<Result>(work: (repositories: Repositories) => Promise<Result>): Promise<Result>;
  /** Rejects when the database can't serve now. */
  ping(): Promise<void>;
  /** Hears what is announced by committed transactions, here and on other gateways. Answers how to stop listening. */
  onChange(listener: ChangeListener): () => void;
  /**
   * Whether changes by other processes are heard as they happen: from Postgres or Redis, unless the connections for it are
   * down; on SQLite by looking at the file's version.
   */
  hearsOthers(): boolean;
}

export interface Repositories {
  readonly workspaces: Workspaces;
  readonly apiKeys: ApiKeys;
  readonly auditLogs: AuditLogs;
  readonly prompts: Prompts;
  readonly promptContents: PromptContents;
  readonly promptIndex: PromptIndex;
  readonly promptHashes: PromptHashes;
  readonly labels: Labels;
  readonly labelProposals: LabelProposals;
  readonly protectedLabels: ProtectedLabels;
  readonly runs: Runs;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly gateways: Gateways;
  readonly prices: Prices;
  readonly repricings: Repricings;
  readonly changes: Changes;
  readonly installation: Installation;
}

export interface ControlStoreOptions {
  config: Pick<StoreConfig, 'dataDir' | 'sqlitePath' | 'databaseUrl' | 'databasePoolSize' | 'queryTimeoutMs'>;
  /** The thread of `workers/control-database.ts`, which has the SQLite file open; not used with DATABASE_URL. */
  thread?: TaskPool;
  /** Of the Redis that all gateways on this database share: changes are told there, too. */
  redisUrl?: string | undefined;
}

interface Database {
  db: Kysely<ControlSchema>;
  facts: DialectFacts;
  migrate(): Promise<unknown>;
  listen(feed: ChangeFeed, origin: string): Listener;
}

export function createControlStore(options: ControlStoreOptions): ControlStore {
  const { db, facts, migrate, listen } = openDatabase(options);
  const feed = new ChangeFeed();
  const origin = randomUUID();
  const listener = listen(feed, origin);
  const relay = openRelay(options.redisUrl, feed, origin);
  const spread = (change: Change) => {
    feed.emit(change);
    relay.publish(writeChange(change, origin));
  };
  const repositories = (executor: Kysely<ControlSchema>, spread: (change: Change) => void): Repositories => ({
    workspaces: createWorkspaces(executor),
    installation: createInstallation(executor),
    apiKeys: createApiKeys(executor, facts),
    auditLogs: createAuditLogs(executor, facts),
    prompts: createPrompts(executor, facts),
    promptContents: createPromptContents(executor),
    promptIndex: createPromptIndex(executor, facts),
    promptHashes: createPromptHashes(executor),
    labels: createLabels(executor),
    labelProposals: createLabelProposals(executor),
    protectedLabels: createProtectedLabels(executor),
    runs: createRuns(executor),
    idempotencyKeys: createIdempotencyKeys(executor),
    gateways: createGateways(executor),
    prices: createPrices(executor, facts),
    repricings: createRepricings(executor),
    changes: createChanges(executor, { facts, origin, spread }),
  });
  const own = repositories(db, spread);
  let ending: Promise<unknown> | undefined;
  return {
    name: 'store/control',
    ...own,
    async start() {
      await migrate();
      await own.workspaces.ensure(DEFAULT_WORKSPACE);
      await Promise.all([listener.start(), relay.start()]);
    },
    async transaction(work) {
      const announced: Change[] = [];
      try {
        return await db
          .transaction()
          .execute((transaction) => work(repositories(transaction, (change) => announced.push(change))));
      } finally {
        // Also after a failure: a commit whose answer was lost has happened, and a change too many costs a read.
        for (const change of announced) spread(change);
      }
    },
    async ping() {
      await db.selectNoFrom(sql`1`.as('one')).execute();
    },
    onChange: (hear) => feed.subscribe(hear),
    hearsOthers: () => listener.listening() || relay.listening(),
    shutdown({ deadlineMs }) {
      ending ??= Promise.all([listener.shutdown({ deadlineMs }), relay.shutdown({ deadlineMs }), db.destroy()]);
      return within(deadlineMs, ending);
    },
  };
}

/** Kysely connects with the first query. */
function openDatabase({ config, thread }: ControlStoreOptions): Database {
  const { databaseUrl: connectionString, databasePoolSize: poolSize, queryTimeoutMs } = config;
  if (connectionString !== undefined) {
    const pool = createPool({ connectionString, poolSize, queryTimeoutMs, int8: 'number', json: 'value' });
    return {
      db: new Kysely({ dialect: createPostgresDialect(pool) }),
      facts: POSTGRES_FACTS,
      migrate: () => migratePostgres(connectionString, controlMigrations),
      listen: (feed, origin) => listenTo(connectionString, feed, origin),
    };
  }
  if (!thread) throw new TypeError('SQLite needs the thread that has its file open');
  const file = controlFile(config);
  const db = new Kysely<ControlSchema>({ dialect: createSqliteDialect({ file, thread }) });
  return {
    db,
    facts: SQLITE_FACTS,
    migrate: () => migrate(db, SQLITE_FACTS, controlMigrations),
    listen: (feed) => createWatch({ file, thread, onMissed: () => feed.emit('missed') }),
  };
}

function hearing(feed: ChangeFeed, origin: string) {
  return {
    onNotification(payload: string) {
      const change = readChange(payload, origin);
      if (change) feed.emit(change);
    },
    onMissed: () => feed.emit('missed'),
  };
}

function listenTo(connectionString: string, feed: ChangeFeed, origin: string): Listener {
  return createListener({ connectionString, ...hearing(feed, origin) });
}

function openRelay(url: string | undefined, feed: ChangeFeed, origin: string): Relay {
  return url === undefined ? noRelay : createRedisRelay({ url, ...hearing(feed, origin) });
}
