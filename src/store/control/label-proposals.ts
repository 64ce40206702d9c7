/** Moves of protected labels that wait for somebody else to agree. */
import type { Kysely, Selectable } from 'kysely';
import { withoutNul } from '../../model/nul.js';
import { type LabelKey, type LabelTarget, readTarget, writeSplit } from './labels.js';
import type { ControlSchema, PromptLabelProposalTable } from './schema.js';
import type { Slice, Slices } from './slice.js';

export interface LabelProposal extends LabelKey {
  id: number;
  /** Where the label stood when it was proposed; undefined: there was none. */
  from: LabelTarget | undefined;
  /** undefined: the label is to be taken away. */
  to: LabelTarget | undefined;
  reason: string | undefined;
  status: 'open' | 'approved' | 'rejected';
  by: string;
  /** undefined for a caller that needs no key. */
  byKeyId: number | undefined;
  decidedBy: string | undefined;
  /** Seconds since the epoch. */
  createdAt: number;
  decidedAt: number | undefined;
}

export type NewLabelProposal = Omit<LabelProposal, 'id' | 'status' | 'decidedBy' | 'decidedAt'>;

export interface Decision {
  status: 'approved' | 'rejected';
  by: string;
  /** Seconds since the epoch. */
  decidedAt: number;
}

export interface LabelProposals {
  add(proposal: NewLabelProposal): Promise<LabelProposal>;
  get(key: LabelKey, id: number): Promise<LabelProposal | undefined>;
  /** False when it is decided already. */
  decide(key: LabelKey, id: number, decision: Decision): Promise<boolean>;
  /** Latest first. */
  list(key: LabelKey, slice: Slice): Promise<Slices<LabelProposal>>;
}

export function createLabelProposals(db: Kysely<ControlSchema>): LabelProposals {
  const of = ({ workspace, promptName, name }: LabelKey) =>
    db
      .selectFrom('prompt_label_proposals')
      .where('workspace_id', '=', workspace)
      .where('prompt_name', '=', promptName)
      .where('name', '=', name);
  return {
    async add(proposal) {
      const insert = db.insertInto('prompt_label_proposals').values(newRow(proposal)).returningAll();
      return fromRow(await insert.executeTakeFirstOrThrow());
    },
    async get(key, id) {
      const row = await of(key).selectAll().where('id', '=', id).executeTakeFirst();
      return row && fromRow(row);
    },
    async decide({ workspace, promptName, name }, id, { status, by, decidedAt }) {
      const update = db
        .updateTable('prompt_label_proposals')
        .set({ status, decided_by: withoutNul(by), decided_at: decidedAt })
        .where('workspace_id', '=', workspace)
        .where('prompt_name', '=', promptName)
        .where('name', '=', name)
        .where('id', '=', id)
        .where('status', '=', 'open');
      return (await update.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async list(key, { limit, offset }) {
      const rows = await of(key).selectAll().orderBy('id', 'desc').limit(limit).offset(offset).execute();
      const counted = of(key).select((e) => e.fn.countAll<number>().as('total'));
      return { items: rows.map(fromRow), total: Number((await counted.executeTakeFirstOrThrow()).total) };
    },
  };
}

function newRow({ workspace, promptName, name, from, to, reason, by, byKeyId, createdAt }: NewLabelProposal) {
  return {
    workspace_id: workspace,
    prompt_name: promptName,
    name,
    from_version: from?.version ?? null,
    from_split: writeSplit(from),
    to_version: to?.version ?? null,
    to_split: writeSplit(to),
    reason: withoutNul(reason) ?? null,
    status: 'open',
    proposed_by: withoutNul(by),
    proposed_by_key: byKeyId ?? null,
    decided_by: null,
    created_at: createdAt,
    decided_at: null,
  };
}

function fromRow(row: Selectable<PromptLabelProposalTable>): LabelProposal {
  return {
    id: row.id,
    workspace: row.workspace_id,
    promptName: row.prompt_name,
    name: row.name,
    from: row.from_version === null ? undefined : readTarget(row.from_version, row.from_split),
    to: row.to_version === null ? undefined : readTarget(row.to_version, row.to_split),
    reason: row.reason ?? undefined,
    status: row.status as LabelProposal['status'],
    by: row.proposed_by,
    byKeyId: row.proposed_by_key ?? undefined,
    decidedBy: row.decided_by ?? undefined,
    createdAt: row.created_at,
    decidedAt: row.decided_at ?? undefined,
  };
}
