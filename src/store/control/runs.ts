/** Runs of workflows: rows that change until they have ended. */
import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { GatewayError } from '../../errors.js';
import type { Keyset, Page } from '../page.js';
import { storable } from './audit-chain.js';
import { type Count, countUpToBound } from './counting.js';
import type { ControlSchema, RunTable } from './schema.js';
import { after, orderOf, pageOf, type Sort, type SortColumn, type Sorting } from './sorting.js';

export const RUN_STATUSES = ['running', 'completed', 'failed'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** An id as its client writes it, and the 16 bytes that it stands for, as 32 hex digits in lower case. */
export interface WrittenId {
  text: string;
  hex: string;
}

export interface Run {
  workspace: string;
  runId: WrittenId;
  workflowName: string;
  status: RunStatus;
  /** JSON text, like `output` and `metadata`: as it was sent. */
  input: string | undefined;
  output: string | undefined;
  traceId: WrittenId | undefined;
  metadata: string;
  createdTimeUnixMs: number;
  updatedTimeUnixMs: number;
}

export type NewRun = Omit<Run, 'createdTimeUnixMs' | 'updatedTimeUnixMs'>;

/** What is absent stays. */
export type RunChanges = { [Field in 'status' | 'output' | 'metadata']?: Run[Field] | undefined };

export interface RunFilters {
  workspace: string;
  status?: RunStatus | undefined;
  workflowName?: string | undefined;
  traceIdHex?: string | undefined;
  /** Of its creation. Inclusive. */
  fromUnixMs?: number | undefined;
  /** Exclusive. */
  toUnixMs?: number | undefined;
}

export const RUN_SORTS = ['created_at', 'updated_at', 'workflow_name'] as const;
export type RunSort = Sort<(typeof RUN_SORTS)[number]>;

export interface RunQuery extends RunFilters {
  sort: RunSort;
  limit: number;
  offset?: number;
  after?: Keyset;
}

export interface Runs {
  /** Throws CONFLICT when the workspace has a run of that id, however it is written. */
  create(run: NewRun, createdTimeUnixMs: number): Promise<Run>;
  get(workspace: string, runIdHex: string): Promise<Run | undefined>;
  list(query: RunQuery): Promise<Page<Run>>;
  count(filters: RunFilters): Promise<Count>;
  /** How many were made on each day (UTC) of the range that has any, the earliest first. */
  countByDay(range: { workspace: string; fromUnixMs: number; toUnixMs: number }): Promise<RunDay[]>;
  /** undefined when there is none. */
  update(workspace: string, runIdHex: string, changes: RunChanges, updatedTimeUnixMs: number): Promise<Run | undefined>;
  /** What it was; undefined when there is none. */
  delete(workspace: string, runIdHex: string): Promise<Run | undefined>;
  /** The trace is gone: its runs stay. How many they were. */
  detachTrace(workspace: string, traceIdHex: string): Promise<number>;
}

export interface RunDay {
  /** Its first millisecond. */
  dayUnixMs: number;
  runs: number;
  failed: number;
}

const DAY_MS = 86_400_000;

type Row = Selectable<RunTable>;
type Database = Kysely<ControlSchema>;
type Selection = SelectQueryBuilder<ControlSchema, 'runs', object>;

const COLUMNS = {
  created_at: 'created_time_unix_ms',
  updated_at: 'updated_time_unix_ms',
  workflow_name: 'workflow_name',
} as const;

export function createRuns(db: Database): Runs {
  const one = (workspace: string, runIdHex: string) =>
    ({ workspace_id: workspace, run_id_hex: runIdHex }) satisfies Partial<Row>;
  return {
    async create(run, createdTimeUnixMs) {
      const insert = db.insertInto('runs').values(newRow(run, createdTimeUnixMs));
      const made = insert.onConflict((conflict) => conflict.columns(['workspace_id', 'run_id_hex']).doNothing());
      const row = await made.returningAll().executeTakeFirst();
      if (!row) throw new GatewayError('CONFLICT', 'Run already exists');
      return fromRow(row);
    },
    async get(workspace, runIdHex) {
      const found = db.selectFrom('runs').selectAll();
      const row = await found.where((e) => e.and(one(workspace, runIdHex))).executeTakeFirst();
      return row && fromRow(row);
    },
    async list(query) {
      const counted = await countUpToBound(db, select(db, query));
      const rows = await page(select(db, query), query).selectAll().execute();
      const column = COLUMNS[query.sort.field];
      return pageOf<Row, Run>(
        rows,
        { ...query, counted },
        { itemOf: fromRow, placeOf: (row) => ({ value: row[column], id: row.id }) },
      );
    },
    count: (filters) => countUpToBound(db, select(db, filters)),
    async countByDay(range) {
      const day = sql<number>`created_time_unix_ms / ${sql.lit(DAY_MS)}`;
      const failed = sql<number>`sum(case when status = 'failed' then 1 else 0 end)`;
      const days = select(db, range).select([day.as('day'), sql<number>`count(*)`.as('runs'), failed.as('failed')]);
      const rows = await days.groupBy(day).orderBy(day).execute();
      return rows.map((row) => ({
        dayUnixMs: Number(row.day) * DAY_MS,
        runs: Number(row.runs),
        failed: Number(row.failed),
      }));
    },
    async update(workspace, runIdHex, { status, output, metadata }, updatedTimeUnixMs) {
      const changes = {
        ...(status !== undefined && { status }),
        ...(output !== undefined && { output }),
        ...(metadata !== undefined && { metadata }),
      };
      const update = db.updateTable('runs').set({ ...changes, updated_time_unix_ms: updatedTimeUnixMs });
      const row = await update
        .where((e) => e.and(one(workspace, runIdHex)))
        .returningAll()
        .executeTakeFirst();
      return row && fromRow(row);
    },
    async delete(workspace, runIdHex) {
      const removed = db.deleteFrom('runs').where((e) => e.and(one(workspace, runIdHex)));
      const row = await removed.returningAll().executeTakeFirst();
      return row && fromRow(row);
    },
    async detachTrace(workspace, traceIdHex) {
      const update = db.updateTable('runs').set({ trace_id: null, trace_id_hex: null });
      const attached = update.where('workspace_id', '=', workspace).where('trace_id_hex', '=', traceIdHex);
      return Number((await attached.executeTakeFirst()).numUpdatedRows);
    },
  };
}

function newRow(run: NewRun, createdTimeUnixMs: number): Omit<Row, 'id'> {
  return {
    workspace_id: run.workspace,
    run_id: run.runId.text,
    run_id_hex: run.runId.hex,
    workflow_name: storable(run.workflowName),
    status: run.status,
    input: run.input ?? null,
    output: run.output ?? null,
    trace_id: run.traceId?.text ?? null,
    trace_id_hex: run.traceId?.hex ?? null,
    metadata: run.metadata,
    created_time_unix_ms: createdTimeUnixMs,
    updated_time_unix_ms: createdTimeUnixMs,
  };
}

function writtenId(text: string | null, hex: string | null): WrittenId | undefined {
  return text === null || hex === null ? undefined : { text, hex };
}

function fromRow(row: Row): Run {
  return {
    workspace: row.workspace_id,
    runId: { text: row.run_id, hex: row.run_id_hex },
    workflowName: row.workflow_name,
    status: row.status as RunStatus,
    input: row.input ?? undefined,
    output: row.output ?? undefined,
    traceId: writtenId(row.trace_id, row.trace_id_hex),
    metadata: row.metadata,
    createdTimeUnixMs: row.created_time_unix_ms,
    updatedTimeUnixMs: row.updated_time_unix_ms,
  };
}

function select(db: Database, filters: RunFilters): Selection {
  const { workspace, status, workflowName, traceIdHex, fromUnixMs, toUnixMs } = filters;
  let rows = db.selectFrom('runs').where('workspace_id', '=', workspace);
  if (status !== undefined) rows = rows.where('status', '=', status);
  if (workflowName !== undefined) rows = rows.where('workflow_name', '=', storable(workflowName));
  if (traceIdHex !== undefined) rows = rows.where('trace_id_hex', '=', traceIdHex);
  if (fromUnixMs !== undefined) rows = rows.where('created_time_unix_ms', '>=', fromUnixMs);
  if (toUnixMs !== undefined) rows = rows.where('created_time_unix_ms', '<', toUnixMs);
  return rows;
}

const ID: SortColumn = { sql: sql.ref('id'), kind: 'number' };

function page(rows: Selection, { sort, limit, offset = 0, after: place }: RunQuery): Selection {
  const kind = sort.field === 'workflow_name' ? 'text' : 'number';
  const column: SortColumn = { sql: sql.ref(COLUMNS[sort.field]), kind };
  const sorting: Sorting = { sort, column, id: ID, newestFirst: sort.descending };
  const ordered = rows.orderBy(orderOf(sorting)).limit(limit + 1);
  return place ? ordered.where(after(sorting, place)) : ordered.offset(offset);
}
