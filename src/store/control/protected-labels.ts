/** Names of labels that not everybody may move, in all prompts of a workspace. */
import type { Kysely } from 'kysely';
import { withoutNul } from '../../model/nul.js';
import type { ControlSchema } from './schema.js';
import type { Slice, Slices } from './slice.js';

export interface ProtectedLabel {
  name: string;
  by: string;
  /** Seconds since the epoch. */
  createdAt: number;
}

export interface ProtectedLabels {
  /** False when it is protected already, which stays as it is. */
  add(workspace: string, label: ProtectedLabel): Promise<boolean>;
  has(workspace: string, name: string): Promise<boolean>;
  get(workspace: string, name: string): Promise<ProtectedLabel | undefined>;
  /** False when it is not protected. */
  remove(workspace: string, name: string): Promise<boolean>;
  /** In the order of their bytes. */
  list(workspace: string, slice: Slice): Promise<Slices<ProtectedLabel>>;
}

export function createProtectedLabels(db: Kysely<ControlSchema>): ProtectedLabels {
  const all = (workspace: string) => db.selectFrom('protected_labels').where('workspace_id', '=', workspace);
  const get = async (workspace: string, name: string) => {
    const row = await all(workspace).selectAll().where('name', '=', name).executeTakeFirst();
    return row && { name: row.name, by: row.protected_by, createdAt: row.created_at };
  };
  return {
    async add(workspace, { name, by, createdAt }) {
      const row = { workspace_id: workspace, name, protected_by: withoutNul(by), created_at: createdAt };
      const insert = db.insertInto('protected_labels').values(row);
      const made = insert.onConflict((conflict) => conflict.doNothing()).returning('name');
      return (await made.executeTakeFirst()) !== undefined;
    },
    has: async (workspace, name) => (await get(workspace, name)) !== undefined,
    get,
    async remove(workspace, name) {
      const deletion = db.deleteFrom('protected_labels').where('workspace_id', '=', workspace).where('name', '=', name);
      return (await deletion.executeTakeFirst()).numDeletedRows > 0n;
    },
    async list(workspace, { limit, offset }) {
      const rows = await all(workspace).selectAll().orderBy('name').limit(limit).offset(offset).execute();
      const counted = all(workspace).select((e) => e.fn.countAll<number>().as('total'));
      const items = rows.map((row) => ({ name: row.name, by: row.protected_by, createdAt: row.created_at }));
      return { items, total: Number((await counted.executeTakeFirstOrThrow()).total) };
    },
  };
}
