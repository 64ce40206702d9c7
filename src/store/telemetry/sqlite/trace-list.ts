/**
 * Traces newest first. A trace stands where its earliest span starts, whichever block holds that span: each block yields
 * its traces by their earliest start within it, the yields are merged, and one that starts earlier in another block is
 * passed over here, because it comes again there.
 */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page, TraceQuery, TraceSummary } from '../telemetry.js';
import type { BlockReader } from './block-reader.js';
import type { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import { attributeConditions, type Conditions, timeConditions } from './conditions.js';
import { COUNT_BOUND, COUNT_BUDGET_MS, countUpToBound, type Total } from './list-page.js';
import { signed } from './trace-groups.js';
import { earliestStart, type Share, summarise } from './trace-summary.js';

interface Candidate {
  start: bigint;
  traceId: Buffer;
}

interface Position {
  start: bigint;
  traceId: Uint8Array;
}

const FIRST_CHUNK = 64;
const LAST_CHUNK = 1024;

/** Newest first; of equal starts the greater id first, as the index is read backwards. */
function compare(a: Position, b: Position): number {
  if (a.start !== b.start) return a.start > b.start ? -1 : 1;
  return -Buffer.compare(a.traceId, b.traceId);
}

/** The traces of one block, each at its earliest start within the block, fetched piece by piece. */
class BlockTraces {
  private chunk: Candidate[] = [];
  private at = 0;
  private size = FIRST_CHUNK;
  private exhausted = false;

  constructor(
    private readonly catalog: Catalog,
    private readonly block: Block,
    private readonly query: TraceQuery,
    private position: Position | undefined,
  ) {}

  /** No trace of this block starts later. */
  get latestStart(): bigint {
    return this.block.traces!.max;
  }

  head(): Candidate | undefined {
    if (this.at === this.chunk.length && !this.exhausted) this.fetch();
    return this.chunk[this.at];
  }

  advance(): void {
    this.at++;
  }

  private fetch(): void {
    this.chunk = this.catalog.read(this.block.file, (reader) => this.read(reader)) ?? [];
    this.at = 0;
    this.exhausted = this.chunk.length < this.size;
    this.position = this.chunk.at(-1);
    this.size = Math.min(this.size * 2, LAST_CHUNK);
  }

  private read(reader: BlockReader): Candidate[] {
    const workspace = reader.workspaceId(this.query.workspace);
    if (workspace === undefined) return [];
    const time = timeConditions('t.start_time_unix_nano', this.query);
    const after = this.position ? ['(t.start_time_unix_nano, t.trace_id) < (@start, @traceId)'] : [];
    const sql = `SELECT t.start_time_unix_nano AS start, t.trace_id AS traceId FROM trace_batches t
      WHERE ${['t.workspace_id = @workspace', ...time.sql, ...after].join(' AND ')} AND within_budget()
        AND NOT EXISTS (SELECT 1 FROM trace_batches o WHERE o.trace_id = t.trace_id AND o.workspace_id = t.workspace_id
          AND (o.start_time_unix_nano < t.start_time_unix_nano
            OR (o.start_time_unix_nano = t.start_time_unix_nano AND o.id < t.id)))
      ORDER BY t.start_time_unix_nano DESC, t.trace_id DESC LIMIT @limit`;
    return reader.all(sql, { ...time.parameters, ...this.position, workspace, limit: this.size });
  }
}

/** Merges the blocks; one is opened only when its latest start comes up. */
function* candidates(catalog: Catalog, query: TraceQuery, after: Position | undefined): Generator<Candidate> {
  const waiting = relevantBlocks(catalog, query, after).map((block) => new BlockTraces(catalog, block, query, after));
  let active: BlockTraces[] = [];
  let previous: Candidate | undefined;
  for (;;) {
    let next = newestOf(active);
    while (waiting[0] && (!next || waiting[0].latestStart >= next.head()!.start)) {
      active.push(waiting.shift()!);
      next = newestOf(active);
    }
    if (!next) return;
    const candidate = next.head()!;
    next.advance();
    active = active.filter((traces) => traces.head() !== undefined);
    // One that starts at the same time in two blocks comes twice in a row.
    if (!previous || compare(previous, candidate) !== 0) yield candidate;
    previous = candidate;
  }
}

function newestOf(active: readonly BlockTraces[]): BlockTraces | undefined {
  let newest: BlockTraces | undefined;
  for (const traces of active) {
    const head = traces.head();
    if (head && (!newest || compare(head, newest.head()!) < 0)) newest = traces;
  }
  return newest;
}

/** Those that may hold a start in range, latest start first. */
function relevantBlocks(catalog: Catalog, query: TraceQuery, after: Position | undefined): Block[] {
  const { fromUnixNano: from, toUnixNano: to } = query;
  const relevant = ({ traces }: Block) =>
    traces !== undefined &&
    (from === undefined || traces.max >= from) &&
    (to === undefined || traces.min < to) &&
    (after === undefined || traces.min <= after.start);
  const blocks = catalog.blocks().filter(relevant);
  return blocks.sort((a, b) => (a.traces!.max < b.traces!.max ? 1 : -1));
}

/** All that the blocks hold of each of these traces, block by block, so that each block is gone through once. */
export function readShares(catalog: Catalog, workspace: string, traceIds: readonly Uint8Array[]): Share[][] {
  const found: Share[][] = traceIds.map(() => []);
  for (const { file } of catalog.blocks()) {
    catalog.read(file, (reader) => {
      const id = reader.workspaceId(workspace);
      if (id === undefined) return;
      for (const [at, traceId] of traceIds.entries()) {
        for (const share of reader.shares(id, traceId)) found[at]!.push({ ...share, file });
      }
    });
  }
  return found;
}

export function summaryOf(catalog: Catalog, traceId: Uint8Array, shares: readonly Share[]): TraceSummary {
  return summarise(traceId, shares, (wanted) =>
    wanted.flatMap(
      (share) => catalog.read(share.file, (reader) => reader.narrowSpans(share.first_span, share.span_count)) ?? [],
    ),
  );
}

/** Looks candidates up `step` at a time. */
function* matches(
  catalog: Catalog,
  query: TraceQuery,
  after: Position | undefined,
  step: number,
): Generator<TraceSummary> {
  const matcher = new Matcher(catalog, query);
  let pending: Candidate[] = [];
  for (const candidate of candidates(catalog, query, after)) {
    pending.push(candidate);
    if (pending.length < step) continue;
    yield* matcher.summaries(pending);
    pending = [];
  }
  yield* matcher.summaries(pending);
}

class Matcher {
  private readonly attributes: Conditions;

  constructor(
    private readonly catalog: Catalog,
    private readonly query: TraceQuery,
  ) {
    this.attributes = attributeConditions(query.attributes);
  }

  *summaries(pending: readonly Candidate[]): Generator<TraceSummary> {
    const ids = pending.map(({ traceId }) => traceId);
    const shares = readShares(this.catalog, this.query.workspace, ids);
    for (const [at, { start, traceId }] of pending.entries()) {
      const ofTrace = shares[at]!;
      if (ofTrace.length === 0 || earliestStart(ofTrace) !== start) continue;
      const summary = summaryOf(this.catalog, traceId, ofTrace);
      if (this.accepts(summary) && this.hasSpan(ofTrace)) yield summary;
    }
  }

  private accepts(summary: TraceSummary): boolean {
    const { service, name, status, minDurationNano } = this.query;
    const duration = signed(summary.endTimeUnixNano) - signed(summary.startTimeUnixNano);
    return (
      (service === undefined || summary.services.includes(service)) &&
      (name === undefined || summary.name === name) &&
      (status === undefined || (status === 'error') === summary.errorCount > 0) &&
      (minDurationNano === undefined || duration >= minDurationNano)
    );
  }

  private hasSpan(shares: readonly Share[]): boolean {
    if (this.attributes.sql.length === 0) return true;
    const sql = `SELECT 1 FROM spans x JOIN resources r ON r.id = x.resource_id
      WHERE x.id >= @first AND x.id < @end AND within_budget() AND ${this.attributes.sql.join(' AND ')} LIMIT 1`;
    return shares.some(({ file, first_span: first, span_count: count }) => {
      const range = { first, end: first + count };
      return this.catalog.read(file, (reader) => reader.get(sql, { ...this.attributes.parameters, ...range }));
    });
  }
}

/** Candidates that are looked up at a time. */
const MIN_STEP = 16;
const MAX_STEP = 256;

function hasFilters({ service, name, status, minDurationNano, attributes = [] }: TraceQuery): boolean {
  return [service, name, status, minDurationNano].some((filter) => filter !== undefined) || attributes.length > 0;
}

export function listTraces(catalog: Catalog, budget: Budget, query: TraceQuery): Page<TraceSummary> {
  const { limit, offset = 0 } = query;
  const wanted = offset + limit + 1;
  const step = hasFilters(query) ? MAX_STEP : Math.min(Math.max(wanted, MIN_STEP), MAX_STEP);
  const found: TraceSummary[] = [];
  for (const summary of matches(catalog, query, positionOf(query.after), step)) {
    found.push(summary);
    if (found.length === wanted) break;
  }
  const items = found.slice(offset, offset + limit);
  const last = found.length === wanted ? items.at(-1) : undefined;
  budget.start(COUNT_BUDGET_MS);
  return { items, ...countTraces(catalog, query), ...(last ? { next: keysetOf(last) } : {}) };
}

function keysetOf({ startTimeUnixNano, traceId }: TraceSummary): Keyset {
  return { timeUnixNano: startTimeUnixNano, id: Buffer.from(traceId).toString('hex') };
}

function positionOf(after: Keyset | undefined): Position | undefined {
  if (!after) return undefined;
  if (!/^[0-9a-f]{32}$/.test(after.id))
    throw new GatewayError('BAD_REQUEST', 'The position in the list of traces is malformed');
  return { start: signed(after.timeUnixNano), traceId: Buffer.from(after.id, 'hex') };
}

function countTraces(catalog: Catalog, { after: _, ...query }: TraceQuery): Total {
  return countUpToBound(hasFilters(query) ? countMatches(catalog, query) : countDistinct(catalog, query));
}

function* countMatches(catalog: Catalog, query: TraceQuery): Generator<number> {
  for (const _ of matches(catalog, query, undefined, MAX_STEP)) yield 1;
}

/** Without summaries: the ids whose shares lie in the range, less those that began before it. */
function* countDistinct(catalog: Catalog, query: TraceQuery): Generator<number> {
  const seen = new Set<string>();
  for (const block of relevantBlocks(catalog, query, undefined)) {
    const fresh = traceIdsIn(catalog, block, query).filter((id) => {
      const key = id.toString('latin1');
      return !seen.has(key) && seen.add(key);
    });
    yield fresh.length - startedBefore(catalog, query, fresh);
  }
}

function traceIdsIn(catalog: Catalog, block: Block, query: TraceQuery): Buffer[] {
  const time = timeConditions('start_time_unix_nano', query);
  const sql = `SELECT DISTINCT trace_id AS traceId FROM trace_batches
    WHERE ${['workspace_id = @workspace', ...time.sql].join(' AND ')} AND within_budget() LIMIT ${COUNT_BOUND + 1}`;
  const rows = catalog.read(block.file, (reader) => {
    const workspace = reader.workspaceId(query.workspace);
    return workspace === undefined ? [] : reader.all<Candidate>(sql, { ...time.parameters, workspace });
  });
  return (rows ?? []).map(({ traceId }) => traceId);
}

function startedBefore(
  catalog: Catalog,
  { workspace, fromUnixNano: from }: TraceQuery,
  ids: readonly Buffer[],
): number {
  if (from === undefined) return 0;
  const sql = `SELECT 1 FROM trace_batches
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
