/** Pages of traces by time, and how many there are. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page } from '../../page.js';
import { COUNT_BUDGET_MS } from '../budgets.js';
import type { TraceQuery, TraceSummary } from '../telemetry.js';
import { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import { type Conditions, timeConditions } from './conditions.js';
import {
  atLeast,
  COUNT_BOUND,
  countSteps,
  countUpToBound,
  type ListContext,
  type Step,
  skipOf,
  type Total,
  takePage,
  withSkip,
} from './list-page.js';
import { type Position, relevantBlocks } from './trace-candidates.js';
import { signed, unsigned } from './trace-groups.js';
import { inChunks, type Match, TraceScan } from './trace-scan.js';

function isFiltered({ attributes = [], ...query }: TraceQuery): boolean {
  const { service, name, status, minDurationNano, promptName, versionTag } = query;
  const filters = [service, name, status, minDurationNano, promptName, versionTag];
  return filters.some((filter) => filter !== undefined) || attributes.length > 0;
}

export function listTraces(context: ListContext, query: TraceQuery): Page<TraceSummary> {
  const { limit } = query;
  const skip = skipOf(query);
  const steps = scanOf(context, query).steps({ after: positionOf(query.after), wanted: skip + limit + 1 });
  const { items, found, next, partial } = takePage(steps, { limit, skip }, Budget.of(context.pageBudgetMs));
  const total = partial ? atLeast(found) : countTraces(context, query, found, steps);
  return {
    items: items.map(({ summary }) => summary),
    ...total,
    ...(next && { next: withSkip(keysetOf(next.after), next.skip) }),
  };
}

function scanOf({ catalog, holders }: ListContext, query: TraceQuery): TraceScan {
  return new TraceScan(catalog, holders, query);
}

function keysetOf({ start, traceId }: Position): Keyset {
  return { timeUnixNano: unsigned(start), id: Buffer.from(traceId).toString('hex') };
}

function positionOf(after: Keyset | undefined): Position | undefined {
  if (!after) return undefined;
  if (!/^[0-9a-f]{32}$/.test(after.id)) {
    throw new GatewayError('BAD_REQUEST', 'The position in the list of traces is malformed');
  }
  return { start: signed(after.timeUnixNano), traceId: Buffer.from(after.id, 'hex') };
}

/** The first page goes on with its own scan; a later one has to begin anew. */
function countTraces(
  context: ListContext,
  query: TraceQuery,
  found: number,
  rest: Iterable<Step<Match, Position>>,
): Total {
  const { catalog, budget } = context;
  budget.start(COUNT_BUDGET_MS);
  if (!isFiltered(query)) return countUpToBound(countDistinct(catalog, query));
  if (!query.after) return countUpToBound(countSteps(rest, budget, found));
  return countUpToBound(countSteps(scanOf(context, query).steps({ after: undefined, wanted: 0 }), budget));
}

/** How many ids are compared with earlier blocks before the count goes on. */
const COMPARED_AT_A_TIME = 500;

/**
 * Without summaries: the ids whose batches lie in the range, less those that began before it. Past the bound the few that
 * began before it don't matter, so nothing is compared.
 */
function* countDistinct(catalog: Catalog, query: TraceQuery): Generator<number> {
  const { fromUnixNano, toUnixNano } = query;
  const seen = new Set<string>();
  const ids: Buffer[] = [];
  for (const block of relevantBlocks(catalog, { fromUnixNano, toUnixNano })) {
    if (countIdsIn(catalog, block, query) > COUNT_BOUND) return yield COUNT_BOUND + 1;
    for (const id of idsIn(catalog, block, query)) if (isFirst(seen, id)) ids.push(id);
    if (ids.length > COUNT_BOUND) return yield ids.length;
  }
  for (const chunk of inChunks(ids, COMPARED_AT_A_TIME)) yield chunk.length - startedBefore(catalog, query, chunk);
}

/** Up to one more than the bound. */
function distinctIds(query: TraceQuery): { sql: string; parameters: Conditions['parameters'] } {
  const time = timeConditions('start_time_unix_nano', query);
  const where = ['workspace_id = @workspace', ...time.sql, 'within_budget()'].join(' AND ');
  const sql = `SELECT DISTINCT trace_id AS traceId FROM trace_batches INDEXED BY trace_batches_by_time
    WHERE ${where} LIMIT ${COUNT_BOUND + 1}`;
  return { sql, parameters: time.parameters };
}

function countIdsIn(catalog: Catalog, { file }: Block, query: TraceQuery): number {
  const { sql, parameters } = distinctIds(query);
  const count = catalog.read(file, (reader) => {
    const workspace = reader.workspaceId(query.workspace);
    const select = `SELECT count(*) AS count FROM (${sql})`;
    return workspace === undefined
      ? 0
      : Number(reader.get<{ count: bigint }>(select, { ...parameters, workspace })!.count);
  });
  return count ?? 0;
}

function idsIn(catalog: Catalog, { file }: Block, query: TraceQuery): Buffer[] {
  const { sql, parameters } = distinctIds(query);
  const rows = catalog.read(file, (reader) => {
    const workspace = reader.workspaceId(query.workspace);
    return workspace === undefined ? [] : reader.all<{ traceId: Buffer }>(sql, { ...parameters, workspace });
  });
  return (rows ?? []).map(({ traceId }) => traceId);
}

function startedBefore(
  catalog: Catalog,
  { workspace, fromUnixNano: from }: TraceQuery,
  ids: readonly Buffer[],
): number {
  if (from === undefined) return 0;
  const sql = `SELECT 1 FROM trace_batches INDEXED BY trace_batches_by_trace
    WHERE trace_id = ? AND workspace_id = ? AND start_time_unix_nano < ? AND within_budget() LIMIT 1`;
  const early = new Set<Buffer>();
  for (const { file } of catalog.blocks().filter(({ traces }) => traces && traces.min < from)) {
    catalog.read(file, (reader) => {
      const workspaceId = reader.workspaceId(workspace);
      for (const id of workspaceId === undefined ? [] : ids)
        if (reader.get(sql, [id, workspaceId, from])) early.add(id);
    });
  }
  return early.size;
}

function isFirst(seen: Set<string>, id: Buffer): boolean {
  const key = id.toString('latin1');
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
