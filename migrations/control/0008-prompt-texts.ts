import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0008-prompt-texts';

/** The words of prompt versions, by the ids of their rows. */
export async function up(db: QueryExecutorProvider, { fullText }: DialectFacts): Promise<void> {
  await (fullText === 'fts5' ? createForSqlite(db) : createForPostgres(db));
}

/** The index alone: nobody reads the words back. They come in lower case and parted by spaces. */
async function createForSqlite(db: QueryExecutorProvider): Promise<void> {
  await sql`create virtual table prompt_texts using fts5 (
    workspace, name, tags, body,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M*'"
  )`.execute(db);
}

async function createForPostgres(db: QueryExecutorProvider): Promise<void> {
  await sql`create table prompt_texts (
    id bigint primary key,
    workspace_id text collate "C" not null,
    words tsvector not null
  )`.execute(db);
  await sql`create index prompt_texts_by_word on prompt_texts using gin (words)`.execute(db);
}
