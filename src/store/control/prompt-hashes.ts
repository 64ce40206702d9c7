/** Prompt versions by the hash of their first text (src/model/prompt-hash.ts): what spans that name none are recognised by. */
import { type Kysely, type Selectable, sql } from 'kysely';
import type { PromptKey, PromptVersion } from './prompt-version.js';
import { keyOfRow } from './prompts.js';
import type { ControlSchema, PromptTable } from './schema.js';

export interface HashedVersion extends PromptKey {
  /** Of its row: the higher, the later it was made. */
  id: number;
  hash: string;
  status: Exclude<PromptVersion['status'], 'pending'>;
}

export interface PromptHashes {
  /** Of all workspaces, the youngest rows first; behind that id, when there is one. */
  list(before: number | undefined, limit: number): Promise<HashedVersion[]>;
  /** Of one prompt, the youngest rows first. */
  ofPrompt(workspace: string, name: string, limit: number): Promise<HashedVersion[]>;
  /** Prompts with an active version that has this text, each by the highest of those. */
  having(workspace: string, hash: string, limit: number): Promise<PromptKey[]>;
}

type Database = Kysely<ControlSchema>;

const COLUMNS = ['id', 'workspace_id', 'name', 'version_tag', 'text_hash', 'status'] as const;
type Row = Pick<Selectable<PromptTable>, (typeof COLUMNS)[number]>;

export function createPromptHashes(db: Database): PromptHashes {
  const youngest = (limit: number) =>
    db
      .selectFrom('prompts')
      .select(COLUMNS)
      .where('text_hash', 'is not', null)
      .where('status', '<>', 'pending')
      .orderBy('id', 'desc')
      .limit(limit);
  return {
    async list(before, limit) {
      const rows = before === undefined ? youngest(limit) : youngest(limit).where('id', '<', before);
      return (await rows.execute()).map(fromRow);
    },
    async ofPrompt(workspace, name, limit) {
      const rows = youngest(limit).where('workspace_id', '=', workspace).where('name', '=', name);
      return (await rows.execute()).map(fromRow);
    },
    async having(workspace, hash, limit) {
      const highest = sql<number>`row_number() over (partition by name order by prerelease, sort_key desc, id desc)`;
      const ranked = db
        .selectFrom('prompts')
        .select(['workspace_id', 'name', 'version_tag', highest.as('place')])
        .where('workspace_id', '=', workspace)
        .where('text_hash', '=', hash)
        .where('status', '=', 'active');
      const rows = db.selectFrom(ranked.as('ranked')).selectAll().where('place', '=', 1);
      return (await rows.orderBy('name').limit(limit).execute()).map(keyOfRow);
    },
  };
}

function fromRow({ id, text_hash: hash, status, ...row }: Row): HashedVersion {
  return { ...keyOfRow(row), id, hash: hash!, status: status as HashedVersion['status'] };
}
