/** Labels of prompts: each names one version, or several with a share of each, and remembers where it stood before. */
import type { Kysely, Selectable } from 'kysely';
import { withoutNul } from '../../model/nul.js';
import type { ControlSchema, PromptLabelMoveTable, PromptLabelTable } from './schema.js';
import type { Slice, Slices } from './slice.js';

export interface LabelKey {
  workspace: string;
  promptName: string;
  name: string;
}

export interface Share {
  readonly version: string;
  /** Of the sum of all weights. */
  readonly weight: number;
}

/** What a label stands for. */
export interface LabelTarget {
  /** The one that has the largest share. */
  readonly version: string;
  /** undefined: that version alone. */
  readonly split?: readonly Share[] | undefined;
}

export interface Label extends LabelKey, LabelTarget {
  /** Seconds since the epoch: when it was first set. */
  createdAt: number;
}

export interface LabelMove {
  id: number;
  /** undefined: there was no label. */
  from: LabelTarget | undefined;
  /** undefined: it was taken away. */
  to: LabelTarget | undefined;
  by: string;
  /** Who agreed to what `by` proposed. */
  approvedBy: string | undefined;
  reason: string | undefined;
  /** Seconds since the epoch. */
  movedAt: number;
}

export interface Mover {
  by: string;
  approvedBy?: string | undefined;
  reason?: string | undefined;
  /** Seconds since the epoch. */
  movedAt: number;
}

export interface Labels {
  /**
   * In a transaction. Makes the label or moves it; a label keeps the time when it was made. Answers where it stood,
   * as no other transaction changes until this one ends.
   */
  set(key: LabelKey, target: LabelTarget, mover: Mover): Promise<LabelTarget | undefined>;
  get(key: LabelKey): Promise<Label | undefined>;
  /** In a transaction. Answers where it stood, undefined when there is no such label. */
  delete(key: LabelKey, mover: Mover): Promise<LabelTarget | undefined>;
  /** Youngest first; those of one second in the order of their making. */
  list(workspace: string, promptName: string, slice: Slice): Promise<Slices<Label>>;
  count(workspace: string, promptName: string): Promise<number>;
  /** Latest move first. */
  history(key: LabelKey, slice: Slice): Promise<Slices<LabelMove>>;
}

type Database = Kysely<ControlSchema>;

export function isSameTarget(one: LabelTarget | undefined, other: LabelTarget | undefined): boolean {
  return one?.version === other?.version && writeSplit(one) === writeSplit(other);
}

export function writeSplit(target: LabelTarget | undefined): string | null {
  return target?.split === undefined ? null : JSON.stringify(target.split);
}

export function readTarget(version: string, split: string | null): LabelTarget {
  return { version, split: split === null ? undefined : (JSON.parse(split) as Share[]) };
}

export function createLabels(db: Database): Labels {
  const all = (workspace: string, promptName: string) =>
    db.selectFrom('prompt_labels').where('workspace_id', '=', workspace).where('prompt_name', '=', promptName);
  const one = ({ workspace, promptName, name }: LabelKey) => all(workspace, promptName).where('name', '=', name);
  const count = async (workspace: string, promptName: string) => {
    const counted = all(workspace, promptName).select((e) => e.fn.countAll<number>().as('total'));
    return Number((await counted.executeTakeFirstOrThrow()).total);
  };
  return {
    async set(key, target, mover) {
      const from = await hold(db, key, target, mover);
      const row = { version_tag: target.version, split: writeSplit(target) };
      await db
        .updateTable('prompt_labels')
        .set(row)
        .where('workspace_id', '=', key.workspace)
        .where('prompt_name', '=', key.promptName)
        .where('name', '=', key.name)
        .execute();
      if (!isSameTarget(from, target)) await remember(db, key, { from, to: target }, mover);
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
        .returning(['version_tag', 'split']);
      const row = await deletion.executeTakeFirst();
      const from = row && readTarget(row.version_tag, row.split);
      if (from) await remember(db, key, { from, to: undefined }, mover);
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
async function hold(db: Database, key: LabelKey, target: LabelTarget, mover: Mover): Promise<LabelTarget | undefined> {
  for (;;) {
    if (await make(db, key, target, mover)) return undefined;
    const held = await lock(db, key);
    // None: whoever had it has taken it away in between.
    if (held !== undefined) return held;
  }
}

async function make(db: Database, key: LabelKey, target: LabelTarget, { movedAt }: Mover): Promise<boolean> {
  const row = {
    workspace_id: key.workspace,
    prompt_name: key.promptName,
    name: key.name,
    version_tag: target.version,
    split: writeSplit(target),
    created_at: movedAt,
  };
  const insert = db.insertInto('prompt_labels').values(row);
  const made = insert.onConflict((conflict) => conflict.doNothing()).returning('id');
  return (await made.executeTakeFirst()) !== undefined;
}

async function lock(db: Database, key: LabelKey): Promise<LabelTarget | undefined> {
  const held = db
    .updateTable('prompt_labels')
    .set((e) => ({ version_tag: e.ref('version_tag') }))
    .where('workspace_id', '=', key.workspace)
    .where('prompt_name', '=', key.promptName)
    .where('name', '=', key.name)
    .returning(['version_tag', 'split']);
  const row = await held.executeTakeFirst();
  return row && readTarget(row.version_tag, row.split);
}

async function remember(
  db: Database,
  key: LabelKey,
  { from, to }: Pick<LabelMove, 'from' | 'to'>,
  { by, approvedBy, reason, movedAt }: Mover,
): Promise<void> {
  const row = {
    workspace_id: key.workspace,
    prompt_name: key.promptName,
    name: key.name,
    from_version: from?.version ?? null,
    from_split: writeSplit(from),
    to_version: to?.version ?? null,
    to_split: writeSplit(to),
    moved_by: withoutNul(by),
    approved_by: withoutNul(approvedBy) ?? null,
    reason: withoutNul(reason) ?? null,
    moved_at: movedAt,
  };
  await db.insertInto('prompt_label_moves').values(row).execute();
}

function fromRow(row: Selectable<PromptLabelTable>): Label {
  return {
    workspace: row.workspace_id,
    promptName: row.prompt_name,
    name: row.name,
    ...readTarget(row.version_tag, row.split),
    createdAt: row.created_at,
  };
}

function fromMove(row: Selectable<PromptLabelMoveTable>): LabelMove {
  return {
    id: row.id,
    from: row.from_version === null ? undefined : readTarget(row.from_version, row.from_split),
    to: row.to_version === null ? undefined : readTarget(row.to_version, row.to_split),
    by: row.moved_by,
    approvedBy: row.approved_by ?? undefined,
    reason: row.reason ?? undefined,
    movedAt: row.moved_at,
  };
}
