/**
 * The index of prompt versions: what there is, in which order, and how far its writing has come. The content is a
 * storage driver's. A version is seen by readers once it is active.
 */
import { type Insertable, type Kysely, type Selectable, sql } from 'kysely';
import type { AuditEntry } from '../../model/audit-entry.js';
import { withoutNul } from '../../model/nul.js';
import type { DialectFacts } from '../dialect-facts.js';
import { createPromptNames, type PromptNames } from './prompt-names.js';
import { createPromptTexts, type PromptText, type PromptTexts } from './prompt-texts.js';
import type { NewPromptVersion, PromptKey, PromptVersion } from './prompt-version.js';
import type { ControlSchema, PromptTable } from './schema.js';
import type { Slice, Slices } from './slice.js';

export interface Hideable extends Omit<PromptKey, 'version'> {
  /** All of them when there is none. */
  version?: string | undefined;
}

export interface KnownPrompt extends PromptKey {
  status: PromptVersion['status'];
}

export interface Prompts extends PromptNames {
  /** A row that nobody reads yet. Rejects with CONFLICT when there is one of that key. */
  begin(version: NewPromptVersion): Promise<PromptVersion>;
  /** Of any status. */
  find(key: PromptKey): Promise<PromptVersion | undefined>;
  /** Puts another attempt in the place of a pending one; false when it is pending no longer. */
  restart(id: number, version: NewPromptVersion): Promise<boolean>;
  /** Makes a pending one active; false when another was faster. */
  activate(id: number, commitSha: string | undefined): Promise<boolean>;
  /** Takes a pending one away. */
  drop(id: number): Promise<boolean>;
  /** Oldest first. */
  pending(): Promise<PromptVersion[]>;
  /** What a pending one was begun with. */
  pendingContent(id: number): Promise<string | undefined>;
  /** Those that there are rows of. */
  known(keys: readonly PromptKey[]): Promise<KnownPrompt[]>;
  /** Active at once: its content is whole. Those that there are rows of are left as they are; answers the others. */
  adopt(versions: readonly NewPromptVersion[]): Promise<PromptKey[]>;

  /** The highest release; where there is none, the highest pre-release. */
  latest(workspace: string, name: string): Promise<PromptVersion | undefined>;
  /** The highest of those that are lower. */
  preceding(workspace: string, name: string, sortKey: string): Promise<PromptVersion | undefined>;
  /** The youngest; of those of one second, the one that was made first. */
  newest(workspace: string, name: string): Promise<PromptVersion | undefined>;
  active(key: PromptKey): Promise<PromptVersion | undefined>;
  exists(workspace: string, name: string): Promise<boolean>;
  /** Youngest first; those of one second in the order of their making. */
  listVersions(workspace: string, name: string, slice: Slice): Promise<Slices<PromptVersion>>;
  countVersions(workspace: string, name: string): Promise<number>;

  /** In a transaction. Until it ends, nobody deletes it; false when it is not active. */
  hold(key: PromptKey): Promise<boolean>;
  /** Hides what is active: that version, or all of them. Answers which. */
  hide(target: Hideable): Promise<string[]>;
  /** Makes what is deleted active again: that version, or all of them. Answers which. */
  restore(target: Hideable): Promise<string[]>;

  /** Up to where this gateway has adopted what its content store has. */
  revision(writer: string): Promise<string | undefined>;
  setRevision(writer: string, revision: string): Promise<void>;
}

type Database = Kysely<ControlSchema>;
type Row = Omit<Selectable<PromptTable>, 'pending_content' | 'text_hash'>;

/** All but the content, which is large. */
const COLUMNS = [
  'id',
  'workspace_id',
  'name',
  'version_tag',
  'sort_key',
  'prerelease',
  'status',
  'writer',
  'driver',
  'commit_sha',
  'author',
  'message',
  'tags',
  'audit',
  'created_at',
  'written_time_unix_ms',
] as const;

/** Far below the number of parameters that a statement may have: 32,766 on SQLite. */
const ROWS_PER_STATEMENT = 500;

export function createPrompts(db: Database, facts: DialectFacts): Prompts {
  const texts = createPromptTexts(db, facts);
  const of = ({ workspace, name, version }: PromptKey) =>
    db
      .selectFrom('prompts')
      .selectAll()
      .where('workspace_id', '=', workspace)
      .where('name', '=', name)
      .where('version_tag', '=', version);
  const activeOf = (workspace: string, name: string) =>
    db
      .selectFrom('prompts')
      .where('workspace_id', '=', workspace)
      .where('name', '=', name)
      .where('status', '=', 'active');
  const countVersions = async (workspace: string, name: string) => {
    const counted = activeOf(workspace, name).select((e) => e.fn.countAll<number>().as('total'));
    return Number((await counted.executeTakeFirstOrThrow()).total);
  };
  return {
    async begin(version) {
      const insert = db.insertInto('prompts').values(newRow(version, 'pending')).returningAll();
      const begun = fromRow(await insert.executeTakeFirstOrThrow());
      await texts.put([textOf(begun.id, version)]);
      return begun;
    },
    find: async (key) => optional(await of(key).executeTakeFirst()),
    async restart(id, version) {
      const update = db.updateTable('prompts').set(newRow(version, 'pending')).where('id', '=', id);
      if ((await update.where('status', '=', 'pending').executeTakeFirst()).numUpdatedRows === 0n) return false;
      await texts.put([textOf(id, version)]);
      return true;
    },
    async activate(id, commitSha) {
      const change = { status: 'active', commit_sha: commitSha ?? null, audit: null, pending_content: null };
      const update = db.updateTable('prompts').set(change).where('id', '=', id).where('status', '=', 'pending');
      return (await update.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async drop(id) {
      const deletion = db.deleteFrom('prompts').where('id', '=', id).where('status', '=', 'pending');
      if ((await deletion.executeTakeFirst()).numDeletedRows === 0n) return false;
      await texts.remove(id);
      return true;
    },
    async pending() {
      const rows = db.selectFrom('prompts').select(COLUMNS).where('status', '=', 'pending');
      return (await rows.orderBy('written_time_unix_ms').orderBy('id').execute()).map(fromRow);
    },
    async pendingContent(id) {
      const row = db.selectFrom('prompts').select('pending_content').where('id', '=', id);
      return (await row.where('status', '=', 'pending').executeTakeFirst())?.pending_content ?? undefined;
    },
    known: (keys) => knownOf(db, keys),
    adopt: (versions) => adopt(db, texts, versions),
    async latest(workspace, name) {
      const ordered = activeOf(workspace, name).selectAll().orderBy('prerelease').orderBy('sort_key', 'desc');
      return optional(await ordered.orderBy('id', 'desc').limit(1).executeTakeFirst());
    },
    async preceding(workspace, name, sortKey) {
      const lower = activeOf(workspace, name).selectAll().where('sort_key', '<', sortKey);
      return optional(await lower.orderBy('sort_key', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst());
    },
    async newest(workspace, name) {
      const ordered = activeOf(workspace, name).selectAll().orderBy('created_at', 'desc').orderBy('id');
      return optional(await ordered.limit(1).executeTakeFirst());
    },
    active: async (key) => optional(await of(key).where('status', '=', 'active').executeTakeFirst()),
    async exists(workspace, name) {
      return (await activeOf(workspace, name).select('id').limit(1).executeTakeFirst()) !== undefined;
    },
    ...createPromptNames(db, texts),
    async hold(key) {
      const update = db
        .updateTable('prompts')
        .set((e) => ({ status: e.ref('status') }))
        .where('workspace_id', '=', key.workspace)
        .where('name', '=', key.name)
        .where('version_tag', '=', key.version);
      return (await update.where('status', '=', 'active').executeTakeFirst()).numUpdatedRows > 0n;
    },
    hide: (target) => change(db, target, 'active', 'deleted'),
    restore: (target) => change(db, target, 'deleted', 'active'),
    async listVersions(workspace, name, { limit, offset }) {
      const ordered = activeOf(workspace, name).selectAll().orderBy('created_at', 'desc').orderBy('id');
      const rows = await ordered.limit(limit).offset(offset).execute();
      return { items: rows.map(fromRow), total: await countVersions(workspace, name) };
    },
    countVersions,
    async revision(writer) {
      const row = db.selectFrom('prompt_revisions').select('revision').where('writer', '=', writer);
      return (await row.executeTakeFirst())?.revision;
    },
    async setRevision(writer, revision) {
      const insert = db.insertInto('prompt_revisions').values({ writer, revision });
      await insert.onConflict((conflict) => conflict.column('writer').doUpdateSet({ revision })).execute();
    },
  };
}

async function change(
  db: Database,
  { workspace, name, version }: Hideable,
  from: PromptVersion['status'],
  to: PromptVersion['status'],
): Promise<string[]> {
  const update = db
    .updateTable('prompts')
    .set({ status: to })
    .where('workspace_id', '=', workspace)
    .where('name', '=', name)
    .where('status', '=', from)
    .$if(version !== undefined, (all) => all.where('version_tag', '=', version!));
  const rows = await update.returning(['version_tag', 'sort_key']).execute();
  return rows.toSorted((a, b) => (a.sort_key < b.sort_key ? -1 : 1)).map((row) => row.version_tag);
}

async function knownOf(db: Database, keys: readonly PromptKey[]): Promise<KnownPrompt[]> {
  const found: KnownPrompt[] = [];
  for (let at = 0; at < keys.length; at += ROWS_PER_STATEMENT) {
    const some = keys
      .slice(at, at + ROWS_PER_STATEMENT)
      .map(({ workspace, name, version }) => sql`(${workspace}, ${name}, ${version})`);
    const rows = db.selectFrom('prompts').select(['workspace_id', 'name', 'version_tag', 'status']);
    const among = sql<boolean>`(workspace_id, name, version_tag) in (values ${sql.join(some)})`;
    for (const { status, ...row } of await rows.where(among).execute()) {
      found.push({ ...keyOfRow(row), status: status as PromptVersion['status'] });
    }
  }
  return found;
}

async function adopt(db: Database, texts: PromptTexts, versions: readonly NewPromptVersion[]): Promise<PromptKey[]> {
  const adopted: PromptKey[] = [];
  for (let at = 0; at < versions.length; at += ROWS_PER_STATEMENT) {
    const some = versions.slice(at, at + ROWS_PER_STATEMENT);
    const rows = some.map((version) => newRow(version, 'active'));
    const insert = db
      .insertInto('prompts')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing());
    const made = await insert.returning(['id', 'workspace_id', 'name', 'version_tag']).execute();
    adopted.push(...made.map(keyOfRow));
    const ids = new Map(made.map((row) => [describeRow(keyOfRow(row)), row.id]));
    await texts.put(
      some.filter((each) => ids.has(describeRow(each))).map((each) => textOf(ids.get(describeRow(each))!, each)),
    );
  }
  return adopted;
}

export function textOf(id: number, { workspace, name, tags, text = '' }: NewPromptVersion): PromptText {
  return { id, workspace, name, tags, body: text };
}

/** No part of a key has a space. */
export function describeRow({ workspace, name, version }: PromptKey): string {
  return `${workspace} ${name} ${version}`;
}

export function keyOfRow(row: Pick<Row, 'workspace_id' | 'name' | 'version_tag'>): PromptKey {
  return { workspace: row.workspace_id, name: row.name, version: row.version_tag };
}

export function newRow(version: NewPromptVersion, status: PromptVersion['status']): Insertable<PromptTable> {
  return {
    workspace_id: version.workspace,
    name: version.name,
    version_tag: version.version,
    sort_key: version.sortKey,
    prerelease: version.prerelease ? 1 : 0,
    status,
    writer: version.writer ?? null,
    driver: version.driver,
    commit_sha: version.commitSha ?? null,
    author: withoutNul(version.author) ?? null,
    message: withoutNul(version.message) ?? null,
    tags: JSON.stringify(version.tags),
    audit: version.audit === undefined ? null : JSON.stringify(version.audit),
    pending_content: status === 'pending' ? (version.pendingContent ?? null) : null,
    text_hash: version.textHash ?? null,
    created_at: version.createdAt,
    written_time_unix_ms: version.writtenTimeUnixMs,
  };
}

function optional(row: Row | undefined): PromptVersion | undefined {
  return row && fromRow(row);
}

function fromRow(row: Row): PromptVersion {
  return {
    ...keyOfRow(row),
    id: row.id,
    status: row.status as PromptVersion['status'],
    driver: row.driver,
    commitSha: row.commit_sha ?? undefined,
    author: row.author ?? undefined,
    message: row.message ?? undefined,
    tags: JSON.parse(row.tags) as string[],
    createdAt: row.created_at,
    writer: row.writer ?? undefined,
    writtenTimeUnixMs: row.written_time_unix_ms,
    audit: row.audit === null ? undefined : (JSON.parse(row.audit) as AuditEntry),
  };
}
