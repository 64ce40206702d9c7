import { Kysely } from 'kysely';
import { POSTGRES_FACTS } from '../dialect-facts.js';
import { type MigrationSeries, migrate } from '../migrator.js';
import { createPostgresDialect } from './dialect.js';
import { createPool } from './pool.js';

/**
 * Over a connection of its own that waits as long as it takes. An index over millions of rows outlasts what a query may
 * take; were it given up after that, a gateway that starts again and again would begin it anew for ever.
 */
export async function migratePostgres(connectionString: string, series: MigrationSeries): Promise<void> {
  const pool = createPool({ connectionString, poolSize: 1, queryTimeoutMs: undefined, int8: 'number', json: 'value' });
  const db = new Kysely({ dialect: createPostgresDialect(pool) });
  try {
    await migrate(db, POSTGRES_FACTS, series);
  } finally {
    await db.destroy();
  }
}
