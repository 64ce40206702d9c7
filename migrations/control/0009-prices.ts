import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0009-prices';

/** Prices of a workspace's own, and the jobs that compute costs anew. */
export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await createPrices(db, facts);
  await createRepricings(db, facts);
}

async function createPrices(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table prices (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    pattern ${text} not null,
    provider ${text} not null,
    service_tier ${text} not null,
    valid_from_unix_ms ${integer} not null,
    rates text not null,
    revision ${integer} not null,
    created_time_unix_ms ${integer} not null,
    updated_time_unix_ms ${integer} not null
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create unique index prices_by_key
    on prices (workspace_id, pattern, provider, service_tier, valid_from_unix_ms)`.execute(db);
}

async function createRepricings(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table repricings (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    from_unix_ms ${integer} not null,
    to_unix_ms ${integer} not null,
    status ${text} not null,
    step_cursor text,
    examined ${integer} not null,
    changed ${integer} not null,
    error text,
    owner ${text},
    lease_until_unix_ms ${integer} not null,
    started_time_unix_ms ${integer} not null,
    finished_time_unix_ms ${integer}
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index repricings_by_workspace on repricings (workspace_id, id)`.execute(db);
  await sql`create index repricings_running on repricings (id) where status = 'running'`.execute(db);
}
