import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0008-runs-of-logs';

/** Native logs that name their run are found by it. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  await sql.raw('alter table generations add column run_id uuid').execute(db);
  await sql.raw('create index generations_run on generations (run_id) where run_id is not null').execute(db);
}
