/** Jobs that compute the costs of a time range anew: as rows, so that they outlive the process that works on them. */
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Keyset, Page } from '../page.js';
import { storable } from './audit-chain.js';
import { type Count, countUpToBound } from './counting.js';
import type { ControlSchema, RepricingTable } from './schema.js';
import { after, orderOf, pageOf, type Sort, type Sorting } from './sorting.js';

export const REPRICING_STATUSES = ['running', 'done', 'failed'] as const;
export type RepricingStatus = (typeof REPRICING_STATUSES)[number];

export interface Repricing {
  id: number;
  workspace: string;
  /** Inclusive lower, exclusive upper bound of when the calls began. */
  fromUnixMs: number;
  toUnixMs: number;
  /** `running` from the beginning: it may wait for its turn. */
  status: RepricingStatus;
  /** Where the next step goes on; undefined before the first. */
  cursor: string | undefined;
  examined: number;
  changed: number;
  /** Why it failed. */
  error: string | undefined;
  startedTimeUnixMs: number;
  finishedTimeUnixMs: number | undefined;
}

export type NewRepricing = Pick<Repricing, 'workspace' | 'fromUnixMs' | 'toUnixMs'>;

/** Whoever holds a job's lease works on it; others may take it when the lease has run out. */
export interface Lease {
  owner: string;
  nowUnixMs: number;
  untilUnixMs: number;
}

export type RepricingProgress = Pick<Repricing, 'cursor' | 'examined' | 'changed'>;

export interface RepricingOutcome extends Pick<Repricing, 'examined' | 'changed'> {
  status: 'done' | 'failed';
  error?: string;
}

export interface RepricingFilters {
  workspace: string;
  status?: RepricingStatus | undefined;
}

export interface RepricingQuery extends RepricingFilters {
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface Repricings {
  create(repricing: NewRepricing, startedTimeUnixMs: number): Promise<Repricing>;
  get(workspace: string, id: number): Promise<Repricing | undefined>;
  /** Newest first. */
  list(query: RepricingQuery): Promise<Page<Repricing>>;
  count(filters: RepricingFilters): Promise<Count>;
  /** The oldest job that nobody else works on; undefined when there is none. */
  claim(lease: Lease): Promise<Repricing | undefined>;
  /** After a step. false when somebody else has the job by now. */
  advance(id: number, progress: RepricingProgress, lease: Lease): Promise<boolean>;
  finish(id: number, outcome: RepricingOutcome, lease: Lease): Promise<boolean>;
  /** For whoever comes next. */
  release(owner: string): Promise<void>;
  /** Drops what has ended, but the latest of the workspace. */
  forgetEnded(workspace: string, kept: number): Promise<void>;
  /** Those of a workspace that is deleted. */
  removeAll(workspace: string): Promise<void>;
}

type Row = Selectable<RepricingTable>;

const NEWEST_FIRST: Sort = { field: 'id', descending: true };
const ID = { sql: sql.ref('id'), kind: 'number' } as const;
const SORTING: Sorting = { sort: NEWEST_FIRST, column: ID, id: ID, newestFirst: true };

export function createRepricings(db: Kysely<ControlSchema>): Repricings {
  const select = ({ workspace, status }: RepricingFilters) => {
    const rows = db.selectFrom('repricings').where('workspace_id', '=', workspace);
    return status === undefined ? rows : rows.where('status', '=', status);
  };
  const count = (filters: RepricingFilters) => countUpToBound(db, select(filters));
  const held = (id: number, owner: string) =>
    db.updateTable('repricings').where('id', '=', id).where('owner', '=', owner).where('status', '=', 'running');
  return {
    async create(repricing, startedTimeUnixMs) {
      const insert = db.insertInto('repricings').values(newRow(repricing, startedTimeUnixMs)).returningAll();
      return fromRow(await insert.executeTakeFirstOrThrow());
    },
    async get(workspace, id) {
      const row = await select({ workspace }).selectAll().where('id', '=', id).executeTakeFirst();
      return row && fromRow(row);
    },
    count,
    async list(query) {
      const { limit, offset = 0, after: place } = query;
      const counted = await count(query);
      const ordered = select(query)
        .orderBy(orderOf(SORTING))
        .limit(limit + 1);
      const rows = await (place ? ordered.where(after(SORTING, place)) : ordered.offset(offset)).selectAll().execute();
      const reading = { itemOf: fromRow, placeOf: ({ id }: Row) => ({ value: id, id }) };
      return pageOf<Row, Repricing>(rows, { limit, sort: NEWEST_FIRST, counted }, reading);
    },
    async claim(lease) {
      const row = await takeOldest(db, lease);
      return row && fromRow(row);
    },
    async advance(id, { cursor, examined, changed }, { owner, untilUnixMs }) {
      const update = held(id, owner).set({
        step_cursor: cursor ?? null,
        examined,
        changed,
        lease_until_unix_ms: untilUnixMs,
      });
      return (await update.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async finish(id, { status, error, examined, changed }, { owner, nowUnixMs }) {
      const update = held(id, owner).set({
        status,
        examined,
        changed,
        error: error === undefined ? null : storable(error),
        owner: null,
        step_cursor: null,
        finished_time_unix_ms: nowUnixMs,
      });
      return (await update.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async release(owner) {
      const update = db.updateTable('repricings').set({ owner: null, lease_until_unix_ms: 0 });
      await update.where('owner', '=', owner).where('status', '=', 'running').execute();
    },
    async forgetEnded(workspace, kept) {
      const ended = select({ workspace }).where('status', '<>', 'running').select('id').orderBy('id', 'desc');
      const oldest = await ended.limit(1).offset(kept).executeTakeFirst();
      if (!oldest) return;
      const deletion = db.deleteFrom('repricings').where('workspace_id', '=', workspace).where('id', '<=', oldest.id);
      await deletion.where('status', '<>', 'running').execute();
    },
    async removeAll(workspace) {
      await db.deleteFrom('repricings').where('workspace_id', '=', workspace).execute();
    },
  };
}

/**
 * One statement. On Postgres of two that choose the same row the second waits, sees that it is taken, and gets nothing;
 * it comes again soon.
 */
function takeOldest(db: Kysely<ControlSchema>, { owner, nowUnixMs, untilUnixMs }: Lease): Promise<Row | undefined> {
  const free = sql<boolean>`status = 'running' and (owner is null or owner = ${owner} or lease_until_unix_ms <= ${nowUnixMs})`;
  const oldest = db.selectFrom('repricings').select('id').where(free).orderBy('id').limit(1);
  return db
    .updateTable('repricings')
    .set({ owner, lease_until_unix_ms: untilUnixMs })
    .where('id', '=', oldest)
    .where(free)
    .returningAll()
    .executeTakeFirst();
}

function newRow({ workspace, fromUnixMs, toUnixMs }: NewRepricing, startedTimeUnixMs: number) {
  return {
    workspace_id: workspace,
    from_unix_ms: fromUnixMs,
    to_unix_ms: toUnixMs,
    status: 'running',
    examined: 0,
    changed: 0,
    lease_until_unix_ms: 0,
    started_time_unix_ms: startedTimeUnixMs,
  };
}

function fromRow(row: Row): Repricing {
  return {
    id: row.id,
    workspace: row.workspace_id,
    fromUnixMs: row.from_unix_ms,
    toUnixMs: row.to_unix_ms,
    status: row.status as RepricingStatus,
    cursor: row.step_cursor ?? undefined,
    examined: row.examined,
    changed: row.changed,
    error: row.error ?? undefined,
    startedTimeUnixMs: row.started_time_unix_ms,
    finishedTimeUnixMs: row.finished_time_unix_ms ?? undefined,
  };
}
