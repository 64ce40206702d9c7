import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0006-pending-prompts';

/** Of versions whose content store could not take them yet: what will be written there. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  await sql`alter table prompts add column pending_content text`.execute(db);
}
