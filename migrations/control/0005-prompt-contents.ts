import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0005-prompt-contents';

/** Versions of prompts in whole, where the database is their content store. */
export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table prompt_contents (
    sequence ${integer} not null unique,
    workspace_id ${text} not null,
    name ${text} not null,
    version_tag ${text} not null,
    content text not null,
    author text not null,
    message text not null,
    time_unix_ms ${integer} not null,
    primary key (workspace_id, name, version_tag)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
}
