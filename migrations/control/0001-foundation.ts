import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0001-foundation';

export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  const options = sql.raw(facts.tableOptions);
  await sql`create table workspaces (
    id ${text} primary key not null,
    created_time_unix_ms ${integer} not null
  ) ${options}`.execute(db);
  await sql`create table installation (
    key ${text} primary key not null,
    value text not null
  ) ${options}`.execute(db);
}
