import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { GatewayError } from '../../errors.js';
import type { Keyset, Page } from '../page.js';
import { type Count, countUpToBound } from './counting.js';
import type { ControlSchema, WorkspaceTable } from './schema.js';
import { after, orderOf, pageOf, type Sort, type SortColumn, type Sorting } from './sorting.js';

export interface Workspace {
  id: string;
  createdTimeUnixMs: number;
}

export interface Workspaces {
  get(id: string): Promise<Workspace | undefined>;
  /** Throws CONFLICT when it is there already, BAD_REQUEST when the id is none. */
  create(id: string): Promise<Workspace>;
  /** Creates it unless it is there. */
  ensure(id: string): Promise<void>;
  /** false when there is none. */
  delete(id: string): Promise<boolean>;
  /** What the control half holds of it; undefined when there is no such workspace. */
  summary(id: string): Promise<WorkspaceSummary | undefined>;
  summaries(query: WorkspaceQuery): Promise<Page<WorkspaceSummary>>;
  count(filters: WorkspaceFilters): Promise<Count>;
}

export interface WorkspaceFilters {
  /** What the id begins with. */
  idPrefix?: string | undefined;
}

export const WORKSPACE_SORTS = ['id', 'created_at'] as const;
export type WorkspaceSort = Sort<(typeof WORKSPACE_SORTS)[number]>;

export interface WorkspaceQuery extends WorkspaceFilters {
  sort: WorkspaceSort;
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface WorkspaceSummary extends Workspace {
  /** Not revoked. */
  apiKeys: number;
  auditLogs: number;
}

const WORKSPACE_ID = /^[a-zA-Z0-9_-]{1,128}$/;

export function isWorkspaceId(text: string): boolean {
  return WORKSPACE_ID.test(text);
}

export function createWorkspaces(db: Kysely<ControlSchema>): Workspaces {
  return {
    async get(id) {
      const row = await db.selectFrom('workspaces').selectAll().where('id', '=', id).executeTakeFirst();
      return row && fromRow(row);
    },
    async create(id) {
      const row = newRow(id);
      await db.insertInto('workspaces').values(row).execute();
      return fromRow(row);
    },
    async ensure(id) {
      const insert = db.insertInto('workspaces').values(newRow(id));
      await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
    },
    async delete(id) {
      return (await db.deleteFrom('workspaces').where('id', '=', id).executeTakeFirst()).numDeletedRows > 0n;
    },
    async summary(id) {
      const row = await selectSummaries(db).where('workspaces.id', '=', id).executeTakeFirst();
      return row && fromSummaryRow(row);
    },
    async summaries(query) {
      const { limit, sort } = query;
      const counted = await countUpToBound(db, select(db, query));
      const ids = await page(select(db, query), query).select('id').execute();
      const rows = await summariesOf(
        db,
        ids.map(({ id }) => id),
      );
      const placeOf = ({ id, createdTimeUnixMs }: WorkspaceSummary) =>
        sort.field === 'id' ? { value: id, id } : { value: createdTimeUnixMs, id };
      return pageOf(rows, { limit, sort, counted }, { itemOf: (row) => row, placeOf });
    },
    count: (filters) => countUpToBound(db, select(db, filters)),
  };
}

function selectSummaries(db: Kysely<ControlSchema>) {
  return db
    .selectFrom('workspaces')
    .leftJoin('audit_chains', 'audit_chains.workspace_id', 'workspaces.id')
    .select(['workspaces.id', 'workspaces.created_time_unix_ms', 'audit_chains.sequence as audit_logs'])
    .select((e) =>
      e
        .selectFrom('api_keys')
        .whereRef('api_keys.workspace_id', '=', 'workspaces.id')
        .where('api_keys.revoked_at', 'is', null)
        .select((of) => of.fn.countAll<number>().as('keys'))
        .as('api_keys'),
    );
}

type SummaryRow = Selectable<WorkspaceTable> & { audit_logs: number | null; api_keys: number | null };

function fromSummaryRow(row: SummaryRow): WorkspaceSummary {
  return { ...fromRow(row), apiKeys: row.api_keys ?? 0, auditLogs: row.audit_logs ?? 0 };
}

/** In the order of the ids; one that was deleted meanwhile is left out. */
async function summariesOf(db: Kysely<ControlSchema>, ids: readonly string[]): Promise<WorkspaceSummary[]> {
  if (ids.length === 0) return [];
  const rows = await selectSummaries(db).where('workspaces.id', 'in', ids).execute();
  const byId = new Map(rows.map((row) => [row.id, fromSummaryRow(row)]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

type Selection = SelectQueryBuilder<ControlSchema, 'workspaces', object>;

/** Sorts after all that an id is made of. */
const AFTER_IDS = '~';

function select(db: Kysely<ControlSchema>, { idPrefix }: WorkspaceFilters): Selection {
  const rows = db.selectFrom('workspaces');
  if (idPrefix === undefined) return rows;
  return rows.where('id', '>=', idPrefix).where('id', '<', `${idPrefix}${AFTER_IDS}`);
}

const ID: SortColumn = { sql: sql.ref('id'), kind: 'text' };
const CREATED: SortColumn = { sql: sql.ref('created_time_unix_ms'), kind: 'number' };

function page(rows: Selection, { sort, limit, offset = 0, after: place }: WorkspaceQuery): Selection {
  const column = sort.field === 'id' ? ID : CREATED;
  const sorting: Sorting = { sort, column, id: ID, newestFirst: sort.descending };
  const ordered = rows.orderBy(orderOf(sorting)).limit(limit + 1);
  return place ? ordered.where(after(sorting, place)) : ordered.offset(offset);
}

function newRow(id: string): Selectable<WorkspaceTable> {
  if (!isWorkspaceId(id)) {
    throw new GatewayError('BAD_REQUEST', 'A workspace id is 1 to 128 letters, digits, underscores and hyphens');
  }
  return { id, created_time_unix_ms: Date.now() };
}

function fromRow(row: Selectable<WorkspaceTable>): Workspace {
  return { id: row.id, createdTimeUnixMs: row.created_time_unix_ms };
}
