import { type QueryExecutorProvider, sql } from 'kysely';
import type { DialectFacts } from '../../src/store/dialect-facts.js';

export const name = '0004-prompts';

export async function up(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await createPrompts(db, facts);
  await createLabels(db, facts);
  await createRevisions(db, facts);
}

async function createPrompts(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table prompts (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    name ${text} not null,
    version_tag ${text} not null,
    sort_key ${text} not null,
    prerelease ${integer} not null,
    status ${text} not null,
    writer ${text},
    driver ${text} not null,
    commit_sha text,
    author text,
    message text,
    tags text not null,
    audit text,
    created_at ${integer} not null,
    written_time_unix_ms ${integer} not null,
    unique (workspace_id, name, version_tag)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index prompts_by_order on prompts (workspace_id, name, status, prerelease, sort_key, id)`.execute(
    db,
  );
  await sql`create index prompts_by_time on prompts (workspace_id, name, status, created_at desc, id)`.execute(db);
  await sql`create index prompts_pending on prompts (written_time_unix_ms) where status = 'pending'`.execute(db);
}

async function createLabels(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  const text = sql.raw(facts.text);
  const integer = sql.raw(facts.integer);
  await sql`create table prompt_labels (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    prompt_name ${text} not null,
    name ${text} not null,
    version_tag ${text} not null,
    created_at ${integer} not null,
    unique (workspace_id, prompt_name, name)
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create table prompt_label_moves (
    id ${sql.raw(facts.identity)},
    workspace_id ${text} not null,
    prompt_name ${text} not null,
    name ${text} not null,
    from_version text,
    to_version text,
    moved_by text not null,
    reason text,
    moved_at ${integer} not null
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
  await sql`create index prompt_label_moves_by_label
    on prompt_label_moves (workspace_id, prompt_name, name, id)`.execute(db);
}

/** How far each gateway has adopted what stands in its content store. */
async function createRevisions(db: QueryExecutorProvider, facts: DialectFacts): Promise<void> {
  await sql`create table prompt_revisions (
    writer ${sql.raw(facts.text)} primary key not null,
    revision text not null
  ) ${sql.raw(facts.tableOptions)}`.execute(db);
}
