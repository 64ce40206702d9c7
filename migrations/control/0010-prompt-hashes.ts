import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0010-prompt-hashes';

/** What spans that name no prompt are recognised by. Rows of before have none until the index is made anew. */
export async function up(db: QueryExecutorProvider, { text }: DialectFacts): Promise<void> {
  await sql`alter table prompts add column text_hash ${sql.raw(text)}`.execute(db);
  await sql`create index prompts_by_text on prompts (workspace_id, text_hash, name) where text_hash is not null`.execute(
    db,
  );
}
