/** Labels of prompts: each names one version, and remembers where it stood before. */
import type { Kysely, Selectable } from 'kysely';
import type { Slice, Slices } from './prompts.js';
import type { ControlSchema, PromptLabelMoveTable, PromptLabelTable } from './schema.js';

export interface LabelKey {
  workspace: string;
  promptName: string;
  name: string;
}

export interface Label extends LabelKey {
  version: string;
  /** Seconds since the epoch: when it was first set. */
  createdAt: number;
}

export interface LabelMove {
  id: number;
  /** undefined: there was no label. */
  from: string | undefined;
  /** undefined: it was taken away. */
  to: string | undefined;
  by: string;
  reason: string | undefined;
  /** Seconds since the epoch. */
  movedAt: number;
}

export interface Mover {
  by: string;
  reason?: string | undefined;
  /** Seconds since the epoch. */
  movedAt: number;
}

export interface Labels {
  /**
   * In a transaction. Makes the label or moves it; a label keeps the time when it was made. Answers where it stood,
   * as no other transaction changes until this one ends.
   */
  set(key: LabelKey, version: string, mover: Mover): Promise<string | undefined>;
  get(key: LabelKey): Promise<Label | undefined>;
  /** In a transaction. Answers where it stood, undefined when there is no such label. */
  delete(key: LabelKey, mover: Mover): Promise<string | undefined>;
  /** Youngest first; those of one second in the order of their making. */
  list(workspace: string, promptName: string, slice: Slice): Promise<Slices<Label>>;
  count(workspace: string, promptName: string): Promise<number>;
  /** Latest move first. */
  history(key: LabelKey, slice: Slice): Promise<Slices<LabelMove>>;
}

type Database = Kysely<ControlSchema>;

export function createLabels(db: Database): Labels {
  const all = (workspace: string, promptName: string) =>
    db.selectFrom('prompt_labels').where('workspace_id', '=', workspace).where('prompt_name', '=', promptName);
  const one = ({ workspace, promptName, name }: LabelKey) => all(workspace, promptName).where('name', '=', name);
  const count = async (workspace: string, promptName: string) => {
    const counted = all(workspace, promptName).select((e) => e.fn.countAll<number>().as('total'));
    return Number((await counted.executeTakeFirstOrThrow()).total);
  };
  return {
    async set(key, version, mover) {
      const from = await hold(db, key, version, mover);
      const update = db.updateTable('prompt_labels').set({ version_tag: version });
      await update
        .where('workspace_id', '=', key.workspace)
        .where('prompt_name', '=', key.promptName)
        .where('name', '=', key.name)
        .execute();
      if (from !== version) await remember(db, key, { from, to: version }, mover);
      return from;
    },
    async get(key) {
      const row = await one(key).selectAll().executeTakeFirst();
      return row && fromRow(row);
    },
    async delete(key, mover) {
      const deletion = db
        .deleteFrom('prompt_labels')
        .where('workspace_id', '=', key.workspace)
        .where('prompt_name', '=', key.promptName)
        .where('name', '=', key.name)
        .returning('version_tag');
      const from = (await deletion.executeTakeFirst())?.version_tag;
      if (from !== undefined) await remember(db, key, { from, to: undefined }, mover);
      return from;
    },
    async list(workspace, promptName, { limit, offset }) {
      const ordered = all(workspace, promptName).selectAll().orderBy('created_at', 'desc').orderBy('id');
      const rows = await ordered.limit(limit).offset(offset).execute();
      return { items: rows.map(fromRow), total: await count(workspace, promptName) };
    },
    count,
    async history({ workspace, promptName, name }, { limit, offset }) {
      const moves = db
        .selectFrom('prompt_label_moves')
        .where('workspace_id', '=', workspace)
        .where('prompt_name', '=', promptName)
        .where('name', '=', name);
      const rows = await moves.selectAll().orderBy('id', 'desc').limit(limit).offset(offset).execute();
      const counted = moves.select((e) => e.fn.countAll<number>().as('total'));
      return { items: rows.map(fromMove), total: Number((await counted.executeTakeFirstOrThrow()).total) };
    },
  };
}

/** Makes it when there is none; else takes the row's lock, which makes others wait, and answers where it stands. */
async function hold(db: Database, key: LabelKey, version: string, mover: Mover): Promise<string | undefined> {
  for (;;) {
    if (await make(db, key, version, mover)) return undefined;
    const held = await lock(db, key);
    // None: whoever had it has taken it away in between.
    if (held !== undefined) return held;
  }
}

async function make(db: Database, key: LabelKey, version: string, { movedAt }: Mover): Promise<boolean> {
  const row = {
    workspace_id: key.workspace,
    prompt_name: key.promptName,
    name: key.name,
    version_tag: version,
    created_at: movedAt,
  };
  const insert = db.insertInto('prompt_labels').values(row);
  const made = insert.onConflict((conflict) => conflict.doNothing()).returning('id');
  return (await made.executeTakeFirst()) !== undefined;
}

async function lock(db: Database, key: LabelKey): Promise<string | undefined> {
  const held = db
    .updateTable('prompt_labels')
    .set((e) => ({ version_tag: e.ref('version_tag') }))
    .where('workspace_id', '=', key.workspace)
    .where('prompt_name', '=', key.promptName)
    .where('name', '=', key.name)
    .returning('version_tag');
  return (await held.executeTakeFirst())?.version_tag;
}

async function remember(
  db: Database,
  key: LabelKey,
  { from, to }: Pick<LabelMove, 'from' | 'to'>,
  { by, reason, movedAt }: Mover,
): Promise<void> {
  const row = {
    workspace_id: key.workspace,
    prompt_name: key.promptName,
    name: key.name,
    from_version: from ?? null,
    to_version: to ?? null,
    // Not every database takes a NUL.
    moved_by: by.replaceAll('\0', '\uFFFD'),
    reason: reason?.replaceAll('\0', '\uFFFD') ?? null,
    moved_at: movedAt,
  };
  await db.insertInto('prompt_label_moves').values(row).execute();
}

function fromRow(row: Selectable<PromptLabelTable>): Label {
  return {
    workspace: row.workspace_id,
    promptName: row.prompt_name,
    name: row.name,
    version: row.version_tag,
    createdAt: row.created_at,
  };
}

function fromMove(row: Selectable<PromptLabelMoveTable>): LabelMove {
  return {
    id: row.id,
    from: row.from_version ?? undefined,
    to: row.to_version ?? undefined,
    by: row.moved_by,
    reason: row.reason ?? undefined,
    movedAt: row.moved_at,
  };
}
