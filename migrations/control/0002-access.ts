import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0002-access';

export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await createApiKeys(db, facts);
  await createAuditLogs(db, facts);
  if (facts.statisticsTable !== undefined) await describeAuditLogs(db, facts.statisticsTable);
}

async function createApiKeys(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table api_keys (
    id ${sql.raw(facts.identity)},
    key_hash ${text} not null unique,
    name text not null,
    workspace_id ${text} not null,
    scopes text not null,
    created_at ${integer} not null,
    expires_at ${integer},
    revoked_at ${integer},
    last_used_at ${integer},
    replaced_by ${integer},
    grace_until ${integer}
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index api_keys_by_workspace on api_keys (workspace_id, created_at desc, id)`.execute(db);
}

async function createAuditLogs(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  const options = sql.raw(facts.tableOptions);
  await sql`create table audit_chains (
    workspace_id ${text} primary key not null,
    sequence ${integer} not null,
    hash text not null
  ) ${options}`.execute(db);
  await sql`create table audit_logs (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    sequence ${integer} not null,
    time_unix_ms ${integer} not null,
    action ${text} not null,
    target_id ${text},
    prompt_name text,
    version_tag text,
    api_key_id ${integer},
    api_key_name ${text} not null,
    ip_address text,
    request_id text,
    details text not null,
    source ${text},
    prev_hash text not null,
    hash text not null
  ) ${options}`.execute(db);
  await sql`create unique index audit_logs_by_sequence on audit_logs (workspace_id, sequence)`.execute(db);
  await sql`create index audit_logs_by_time on audit_logs (workspace_id, time_unix_ms, id)`.execute(db);
  await sql`create index audit_logs_by_action on audit_logs (workspace_id, action, time_unix_ms, id)`.execute(db);
  await sql`create index audit_logs_by_key on audit_logs (workspace_id, api_key_id, time_unix_ms, id)`.execute(db);
  await sql`create index audit_logs_by_key_name on audit_logs (workspace_id, api_key_name, time_unix_ms, id)`.execute(
    db,
  );
  await sql`create index audit_logs_by_target on audit_logs (workspace_id, target_id, time_unix_ms, id)`.execute(db);
  await sql`create unique index audit_logs_by_source on audit_logs (source) where source is not null`.execute(db);
}

/**
 * Rows for each value of the first column, of the first two, … as in a large log of one workspace (sqlite.org/fileformat2,
 * section 2.6.3). Without them SQLite takes a range of time to be as narrow as a target, and walks all of the range.
 */
const STATISTICS = {
  audit_logs_by_sequence: '1000000 1000000 1',
  audit_logs_by_time: '1000000 1000000 2 1',
  audit_logs_by_action: '1000000 1000000 50000 2 1',
  audit_logs_by_key: '1000000 1000000 50000 2 1',
  audit_logs_by_key_name: '1000000 1000000 50000 2 1',
  audit_logs_by_target: '1000000 1000000 100 2 1',
  audit_logs_by_source: '1000000 1',
};

async function describeAuditLogs(db: QueryExecutorProvider, table: string): Promise<void> {
  // Makes the table of statistics, empty as the tables are.
  await sql`analyze`.execute(db);
  for (const [index, statistics] of Object.entries(STATISTICS)) {
    await sql`insert into ${sql.raw(table)} (tbl, idx, stat) values ('audit_logs', ${index}, ${statistics})`.execute(
      db,
    );
  }
  await sql`analyze sqlite_schema`.execute(db);
}
