import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0003-runs';

export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await createRuns(db, facts);
  await createIdempotencyKeys(db, facts);
  await createGateways(db, facts);
}

/** Ids as they were sent beside their 16 bytes in hex, by which they are found; JSON as it was sent. */
async function createRuns(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table runs (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    run_id text not null,
    run_id_hex ${text} not null,
    workflow_name ${text} not null,
    status ${text} not null,
    input text,
    output text,
    trace_id text,
    trace_id_hex ${text},
    metadata text not null,
    created_time_unix_ms ${integer} not null,
    updated_time_unix_ms ${integer} not null
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create unique index runs_by_run_id on runs (workspace_id, run_id_hex)`.execute(db);
  await sql`create index runs_by_creation on runs (workspace_id, created_time_unix_ms, id)`.execute(db);
  await sql`create index runs_by_update on runs (workspace_id, updated_time_unix_ms, id)`.execute(db);
  await sql`create index runs_by_workflow on runs (workspace_id, workflow_name, id)`.execute(db);
  await sql`create index runs_by_status on runs (workspace_id, status, created_time_unix_ms, id)`.execute(db);
  await sql`create index runs_by_trace on runs (workspace_id, trace_id_hex) where trace_id_hex is not null`.execute(db);
}

/** The telemetry half, which may share the database, has keys of its own. */
async function createIdempotencyKeys(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table control_idempotency_keys (
    workspace_id ${text} not null,
    key ${text} not null,
    fingerprint text not null,
    answer text,
    created_time_unix_ms ${integer} not null,
    primary key (workspace_id, key)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index control_idempotency_keys_by_creation on control_idempotency_keys (created_time_unix_ms)`.execute(
    db,
  );
}

async function createGateways(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const integer = sql.raw(facts.integer);
  await sql`create table gateways (
    number ${integer} primary key not null,
    buffer_id ${sql.raw(facts.text)} not null unique,
    seen_time_unix_ms ${integer} not null
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
}
