/** What differs between the SQL of the two dialects, as named facts: nothing else asks which database it talks to. */
export interface DialectFacts {
  readonly name: 'sqlite' | 'postgres';
  /** Column type of a 64-bit integer. */
  readonly integer: string;
  /** Column type of text that sorts by its bytes. */
  readonly text: string;
  /** Stands behind the column list of CREATE TABLE. */
  readonly tableOptions: string;
  /** Run first in a migration's transaction: nobody else migrates until it ends. */
  readonly lockMigrations: readonly string[];
}

export const SQLITE_FACTS: DialectFacts = {
  name: 'sqlite',
  integer: 'integer',
  text: 'text',
  tableOptions: 'strict',
  // Every transaction begins with BEGIN IMMEDIATE, which is that lock.
  lockMigrations: [],
};

/** Any number, as long as it stays the same: it keeps gateways apart that migrate one database at once. */
const MIGRATION_LOCK = 7_306_101_419_001;

export const POSTGRES_FACTS: DialectFacts = {
  name: 'postgres',
  integer: 'bigint',
  // The collation of the database depends on the machine that made it.
  text: 'text collate "C"',
  tableOptions: '',
  // A migration of a large table outlasts the time-out that is meant for queries, and so does waiting for another's.
  lockMigrations: ['set local statement_timeout = 0', `select pg_advisory_xact_lock(${MIGRATION_LOCK})`],
};
