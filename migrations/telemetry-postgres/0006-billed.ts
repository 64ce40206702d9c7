import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0006-billed';

/** JSON of what is billed beside the tokens: searches, images, what is kept in a cache for an hour. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  await sql.raw('alter table generations add column billed text').execute(db);
}
