import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0007-label-rules';

/** Labels that stand for several versions, and labels that not everybody may move. */
export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await sql`alter table prompt_labels add column split text`.execute(db);
  await sql`alter table prompt_label_moves add column from_split text`.execute(db);
  await sql`alter table prompt_label_moves add column to_split text`.execute(db);
  await sql`alter table prompt_label_moves add column approved_by text`.execute(db);
  await createProtectedLabels(db, facts);
  await createProposals(db, facts);
}

async function createProtectedLabels(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  await sql`create table protected_labels (
    workspace_id ${text} not null,
    name ${text} not null,
    protected_by text not null,
    created_at ${sql.raw(facts.integer)} not null,
    primary key (workspace_id, name)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
}

async function createProposals(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table prompt_label_proposals (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    prompt_name ${text} not null,
    name ${text} not null,
    from_version text,
    from_split text,
    to_version text,
    to_split text,
    reason text,
    status ${text} not null,
    proposed_by text not null,
    proposed_by_key ${integer},
    decided_by text,
    created_at ${integer} not null,
    decided_at ${integer}
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index prompt_label_proposals_by_label
    on prompt_label_proposals (workspace_id, prompt_name, name, id)`.execute(db);
}
