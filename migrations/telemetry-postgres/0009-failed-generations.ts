import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0009-failed-generations';

/** Few generations fail, and who looks for them wants a page of them and how many there are. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  await sql
    .raw(`create index generations_failed on generations (workspace, start_time_unix_nano desc, row_id) where is_error`)
    .execute(db);
}
