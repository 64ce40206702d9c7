/** Pages of traces, newest first, and how many there are. */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page, TraceQuery, TraceSummary } from '../telemetry.js';
import type { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import { type Conditions, timeConditions } from './conditions.js';
import { COUNT_BOUND, COUNT_BUDGET_MS, countUpToBound } from './list-page.js';
import { type Candidate, type Position, relevantBlocks } from './trace-candidates.js';
import { signed } from './trace-groups.js';
import { inChunks, isFirst, MAX_STEP, TraceScan } from './trace-scan.js';

/** A page's few traces are looked up at once, but no more than these are looked up in vain. */
const MIN_STEP = 16;

function isFiltered({ service, name, status, minDurationNano, attributes = [] }: TraceQuery): boolean {
  return [service, name, status, minDurationNano].some((filter) => filter !== undefined) || attributes.length > 0;
}

export function listTraces(catalog: Catalog, budget: Budget, query: TraceQuery): Page<TraceSummary> {
  const { limit, offset = 0 } = query;
  const wanted = offset + limit + 1;
  const step = isFiltered(query) ? MAX_STEP : Math.min(Math.max(wanted, MIN_STEP), MAX_STEP);
  const matches = new TraceScan(catalog, query).matches(positionOf(query.after), step);
  const found = take(matches, wanted);
  const items = found.slice(offset, offset + limit);
  const last = found.length === wanted ? items.at(-1) : undefined;
  budget.start(COUNT_BUDGET_MS);
  // The first page goes on with its own scan; a later one has to begin anew.
  const counts = query.after || !isFiltered(query) ? countTraces(catalog, query) : goOn(found.length, matches);
  return { items, ...countUpToBound(counts), ...(last ? { next: keysetOf(last) } : {}) };
}

/** Leaves the iterator where it is: it can be gone on with. */
function take<Item>(items: Iterator<Item>, count: number): Item[] {
  const taken: Item[] = [];
  while (taken.length < count) {
    const { value, done } = items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

function keysetOf({ startTimeUnixNano, traceId }: TraceSummary): Keyset {
  return { timeUnixNano: startTimeUnixNano, id: Buffer.from(traceId).toString('hex') };
}

function positionOf(after: Keyset | undefined): Position | undefined {
  if (!after) return undefined;
  if (!/^[0-9a-f]{32}$/.test(after.id)) {
    throw new GatewayError('BAD_REQUEST', 'The position in the list of traces is malformed');
  }
  return { start: signed(after.timeUnixNano), traceId: Buffer.from(after.id, 'hex') };
}

/** Yields numbers that add up to the count. */
function* countTraces(catalog: Catalog, query: TraceQuery): Generator<number> {
  if (isFiltered(query)) yield* ones(new TraceScan(catalog, query).matches(undefined, MAX_STEP));
  else yield* countDistinct(catalog, query);
}

function* goOn(counted: number, matches: Iterable<unknown>): Generator<number> {
  yield counted;
  yield* ones(matches);
}

function* ones(items: Iterable<unknown>): Generator<number> {
  for (const _ of items) yield 1;
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
  for (const block of relevantBlocks(catalog, { fromUnixNano, toUnixNano, after: undefined })) {
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
    return workspace === undefined ? [] : reader.all<Candidate>(sql, { ...parameters, workspace });
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
