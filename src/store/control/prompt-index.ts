/** The index of prompts in whole, for the command that makes it anew from the content store. */
import { type Kysely, sql } from 'kysely';
import type { DialectFacts } from '../dialect-facts.js';
import { type LabelKey, readTarget } from './labels.js';
import { createPromptTexts } from './prompt-texts.js';
import type { NewPromptVersion, PromptKey } from './prompt-version.js';
import { describeRow, keyOfRow, newRow, textOf } from './prompts.js';
import type { ControlSchema } from './schema.js';

export interface IndexedVersion extends PromptKey {
  id: number;
  status: string;
  author: string;
  message: string;
  /** Seconds since the epoch. */
  createdAt: number;
}

export interface PromptIndex {
  /** Rows that are there are made anew; what is deleted stays so, and what is pending as it is. Answers those that were. */
  renew(versions: readonly NewPromptVersion[]): Promise<PromptKey[]>;
  /** Rows behind that id, in the order of their ids. */
  rows(after: number, limit: number): Promise<IndexedVersion[]>;
  /** With the words that are searched. */
  remove(ids: readonly number[]): Promise<void>;
  /** Words of rows that are gone. */
  removeLostTexts(): Promise<void>;
  /** Labels that stand for a version of which there is no row. */
  lostLabels(): Promise<LabelKey[]>;
}

type Database = Kysely<ControlSchema>;

const KEY = ['workspace_id', 'name', 'version_tag'] as const;
/** What the content store tells. */
const RENEWED = [
  'sort_key',
  'prerelease',
  'writer',
  'driver',
  'commit_sha',
  'author',
  'message',
  'tags',
  'text_hash',
  'created_at',
] as const;

export function createPromptIndex(db: Database, facts: DialectFacts): PromptIndex {
  const texts = createPromptTexts(db, facts);
  return {
    async renew(versions) {
      if (versions.length === 0) return [];
      const insert = db.insertInto('prompts').values(versions.map((version) => newRow(version, 'active')));
      const renewed = insert.onConflict((conflict) =>
        conflict
          .columns([...KEY])
          .doUpdateSet((e) => ({
            ...Object.fromEntries(RENEWED.map((column) => [column, e.ref(`excluded.${column}`)])),
            status: sql<string>`case when prompts.status = 'deleted' then 'deleted' else 'active' end`,
          }))
          .where('prompts.status', '<>', 'pending'),
      );
      const rows = await renewed.returning(['id', ...KEY]).execute();
      const ids = new Map(rows.map((row) => [describeRow(keyOfRow(row)), row.id]));
      const found = versions.filter((version) => ids.has(describeRow(version)));
      await texts.put(found.map((version) => textOf(ids.get(describeRow(version))!, version)));
      return rows.map(keyOfRow);
    },
    async rows(after, limit) {
      const columns = ['id', ...KEY, 'status', 'author', 'message', 'created_at'] as const;
      const rows = db.selectFrom('prompts').select(columns).where('id', '>', after).orderBy('id').limit(limit);
      return (await rows.execute()).map(({ id, status, author, message, created_at, ...key }) => ({
        ...keyOfRow(key),
        id,
        status,
        author: author ?? '',
        message: message ?? '',
        createdAt: created_at,
      }));
    },
    async remove(ids) {
      if (ids.length === 0) return;
      await db.deleteFrom('prompts').where('id', 'in', ids).execute();
      for (const id of ids) await texts.remove(id);
    },
    removeLostTexts: () => texts.removeLost(),
    async lostLabels() {
      const labels = await db
        .selectFrom('prompt_labels')
        .select(['workspace_id', 'prompt_name', 'name', 'version_tag', 'split'])
        .where((e) => e.or([e('split', 'is not', null), HAS_NO_VERSION]))
        .execute();
      const lost: LabelKey[] = [];
      for (const { workspace_id: workspace, prompt_name: promptName, name, version_tag, split } of labels) {
        const { version, split: shares = [] } = readTarget(version_tag, split);
        const versions = [version, ...shares.map((share) => share.version)];
        if (!(await hasAll(db, workspace, promptName, versions))) lost.push({ workspace, promptName, name });
      }
      return lost;
    },
  };
}

const HAS_NO_VERSION = sql<boolean>`not exists (
  select 1 from prompts where prompts.workspace_id = prompt_labels.workspace_id
    and prompts.name = prompt_labels.prompt_name and prompts.version_tag = prompt_labels.version_tag)`;

async function hasAll(db: Database, workspace: string, name: string, versions: readonly string[]): Promise<boolean> {
  const rows = db.selectFrom('prompts').select('version_tag').where('workspace_id', '=', workspace);
  const found = await rows.where('name', '=', name).where('version_tag', 'in', versions).execute();
  return found.length === new Set(versions).size;
}
