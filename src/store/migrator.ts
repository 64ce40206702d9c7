/**
 * Schema changes, forward only. Each runs in a transaction of its own, under a lock, together with its row in the ledger:
 * after a crash it is there in whole or not at all, and of two gateways that start at once, one does the work.
 */
import { createHash } from 'node:crypto';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryExecutorProvider,
  sql,
} from 'kysely';
import { GatewayError } from '../errors.js';
import type { DialectFacts } from './dialect-facts.js';

export interface Migration {
  /** `NNNN-name`, the name of its file. */
  readonly name: string;
  /** Uses raw `sql` alone: the checksum is of the statements, and a query builder may word them anew with any release. */
  up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void>;
}

/** The migrations of one part of the schema, in their order. */
export interface MigrationSeries {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

interface LedgerRow {
  name: string;
  checksum: string;
}

interface LedgerSchema {
  schema_migrations: { series: string; name: string; checksum: string; applied_time_unix_ms: number };
}

/** Applies what is missing and answers the names of what this call has applied. Throws SCHEMA_INCOMPATIBLE. */
export async function migrate<Schema>(
  db: Kysely<Schema>,
  facts: DialectFacts,
  series: MigrationSeries,
): Promise<string[]> {
  const ledger = db as unknown as Kysely<LedgerSchema>;
  const applied: string[] = [];
  for (;;) {
    const name = await applyNext(ledger, facts, series);
    if (name === undefined) return applied;
    applied.push(name);
  }
}

function applyNext(
  db: Kysely<LedgerSchema>,
  facts: DialectFacts,
  series: MigrationSeries,
): Promise<string | undefined> {
  return db.transaction().execute(async (transaction) => {
    for (const statement of facts.lockMigrations) await sql.raw(statement).execute(transaction);
    const done = await readLedger(transaction, facts, series.name);
    await check(done, facts, series);
    const next = series.migrations[done.length];
    if (!next) return undefined;
    await next.up(transaction, facts);
    const checksum = await checksumOf(next, facts);
    const row = { series: series.name, name: next.name, checksum, applied_time_unix_ms: Date.now() };
    await transaction.insertInto('schema_migrations').values(row).execute();
    return next.name;
  });
}

async function readLedger(db: Kysely<LedgerSchema>, facts: DialectFacts, series: string): Promise<LedgerRow[]> {
  await sql`create table if not exists schema_migrations (
    series ${sql.raw(facts.text)} not null,
    name ${sql.raw(facts.text)} not null,
    checksum text not null,
    applied_time_unix_ms ${sql.raw(facts.integer)} not null,
    primary key (series, name)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  const rows = db.selectFrom('schema_migrations').select(['name', 'checksum']);
  return rows.where('series', '=', series).orderBy('name').execute();
}

/** What stands in the ledger must be the beginning of what this program knows. */
async function check(done: readonly LedgerRow[], facts: DialectFacts, series: MigrationSeries): Promise<void> {
  for (const [at, row] of done.entries()) {
    const known = series.migrations[at];
    if (known?.name !== row.name) {
      throw incompatible(
        `The database has migration ${series.name}/${row.name}, which this version doesn't know: it was opened by a newer ` +
          'version of the gateway. Run that version or a later one; schema changes are never undone.',
      );
    }
    if ((await checksumOf(known, facts)) !== row.checksum) {
      throw incompatible(`Migration ${series.name}/${row.name} is not the one that was applied to this database.`);
    }
  }
}

function incompatible(message: string): GatewayError {
  return new GatewayError('SCHEMA_INCOMPATIBLE', message);
}

/** Of the SQL that the migration sends, found by letting it talk to nobody: the same from source and from dist. */
async function checksumOf(migration: Migration, facts: DialectFacts): Promise<string> {
  const hash = createHash('sha256');
  const recorder = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => {
      hash.update(JSON.stringify([normalise(query.sql), query.parameters]));
    },
  });
  await migration.up(recorder, facts);
  return hash.digest('hex');
}

/** Indentation may change; nothing else may. */
function normalise(statement: string): string {
  return statement.replace(/\s+/g, ' ').trim();
}
