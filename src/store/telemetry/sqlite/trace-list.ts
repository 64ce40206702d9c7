/**
 * Traces newest first. A trace stands where its earliest span starts, whichever block holds that span. Two ways lead there:
 *
 * - In order: each block yields its traces by their earliest start within it, the yields are merged, and a trace that
 *   starts earlier in another block is passed over here, because it comes again there.
 * - By a sign: where a filter leaves a sign on some batch of every trace that it accepts (an error, the root's name), only
 *   batches with that sign are looked at. Their traces may start earlier, so each waits until no later one can come.
 */
import { GatewayError } from '../../../errors.js';
import type { Keyset, Page, TraceQuery, TraceSummary } from '../telemetry.js';
import type { BlockReader } from './block-reader.js';
import type { Budget } from './budget.js';
import type { Block, Catalog } from './catalog.js';
import { allOf, attributeConditions, type Conditions, timeConditions } from './conditions.js';
import { COUNT_BOUND, COUNT_BUDGET_MS, countUpToBound } from './list-page.js';
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

/** Which rows of `trace_batches` (t) to yield, and from where. */
interface Selection {
  workspace: string;
  conditions: Conditions;
  fromUnixNano: bigint | undefined;
  toUnixNano: bigint | undefined;
  after: Position | undefined;
}

/** No other batch in the block has the trace start earlier. */
const EARLIEST_IN_BLOCK = `NOT EXISTS (SELECT 1 FROM trace_batches o INDEXED BY trace_batches_by_trace
  WHERE o.trace_id = t.trace_id AND o.workspace_id = t.workspace_id
    AND (o.start_time_unix_nano < t.start_time_unix_nano
      OR (o.start_time_unix_nano = t.start_time_unix_nano AND o.id < t.id)))`;

function selectInOrder({ workspace, fromUnixNano, toUnixNano }: TraceQuery, after: Position | undefined): Selection {
  return { workspace, conditions: { sql: [EARLIEST_IN_BLOCK], parameters: {} }, fromUnixNano, toUnixNano, after };
}

/** A batch starts no earlier than its trace: neither the end of the range nor the position bounds it from above. */
function selectBySign({ workspace, fromUnixNano }: TraceQuery, sign: Conditions): Selection {
  return { workspace, conditions: sign, fromUnixNano, toUnixNano: undefined, after: undefined };
}

/** What some batch of every accepted trace has; the rarest and cheapest first. undefined when no filter leaves a sign. */
function signOf({ name, status, service, attributes }: TraceQuery): Conditions | undefined {
  if (name !== undefined) return { sql: ['t.root_name = @name'], parameters: { name } };
  if (status === 'error') return { sql: ['t.error_count > 0'], parameters: {} };
  if (attributes?.length) {
    const { sql, parameters } = attributeConditions(attributes);
    const spans = 'x.id >= t.first_span AND x.id < t.first_span + t.span_count';
    const exists = `EXISTS (SELECT 1 FROM spans x WHERE ${[spans, ...sql].join(' AND ')})`;
    return { sql: [exists], parameters };
  }
  if (service === undefined) return undefined;
  return { sql: ['instr(t.services, @service)'], parameters: { service: JSON.stringify(service) } };
}

/** The selected traces of one block, fetched piece by piece. */
class BlockTraces {
  private chunk: Candidate[] = [];
  private at = 0;
  private size = FIRST_CHUNK;
  private exhausted = false;
  private position: Position | undefined;

  constructor(
    private readonly catalog: Catalog,
    private readonly block: Block,
    private readonly selection: Selection,
  ) {
    this.position = selection.after;
  }

  /** No batch of this block starts later. */
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
    const workspace = reader.workspaceId(this.selection.workspace);
    if (workspace === undefined) return [];
    const after = this.position ? ['(t.start_time_unix_nano, t.trace_id) < (@start, @traceId)'] : [];
    const { sql, parameters } = allOf(
      { sql: ['t.workspace_id = @workspace'], parameters: { workspace } },
      timeConditions('t.start_time_unix_nano', this.selection),
      { sql: [...after, 'within_budget()'], parameters: { ...this.position } },
      this.selection.conditions,
    );
    // Left to itself SQLite may look for the other batches by workspace alone: it doesn't know how many rows that means.
    const select = `SELECT t.start_time_unix_nano AS start, t.trace_id AS traceId
      FROM trace_batches t INDEXED BY trace_batches_by_time WHERE ${sql.join(' AND ')}
      ORDER BY t.start_time_unix_nano DESC, t.trace_id DESC LIMIT @limit`;
    return reader.all(select, { ...parameters, limit: this.size });
  }
}

/** Merges the blocks; one is opened only when its latest start comes up. */
function* candidates(catalog: Catalog, selection: Selection): Generator<Candidate> {
  const waiting = relevantBlocks(catalog, selection).map((block) => new BlockTraces(catalog, block, selection));
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
    // Equal places follow one another: a trace that starts at the same time in two blocks, or two batches.
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
function relevantBlocks(
  catalog: Catalog,
  { fromUnixNano: from, toUnixNano: to, after }: Pick<Selection, 'fromUnixNano' | 'toUnixNano' | 'after'>,
): Block[] {
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

interface Match extends Position {
  summary: TraceSummary;
}

function* inChunks<Item>(items: Iterable<Item>, size: number): Generator<Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** The traces that a query accepts, in order. */
class TraceScan {
  private readonly attributes: Conditions;
  private readonly sign: Conditions | undefined;

  constructor(
    private readonly catalog: Catalog,
    private readonly query: TraceQuery,
  ) {
    this.attributes = attributeConditions(query.attributes);
    this.sign = signOf(query);
  }

  /** `step` candidates are looked up at a time. */
  matches(after: Position | undefined, step: number): Generator<TraceSummary> {
    return this.sign ? this.matchesBySign(this.sign, after) : this.matchesInOrder(after, step);
  }

  private *matchesInOrder(after: Position | undefined, step: number): Generator<TraceSummary> {
    for (const chunk of inChunks(candidates(this.catalog, selectInOrder(this.query, after)), step)) {
      const starts = new Map(chunk.map(({ start, traceId }) => [traceId, start]));
      for (const { start, traceId, summary } of this.accepted([...starts.keys()])) {
        if (starts.get(traceId as Buffer) === start) yield summary;
      }
    }
  }

  private *matchesBySign(sign: Conditions, after: Position | undefined): Generator<TraceSummary> {
    const seen = new Set<string>();
    let waiting: Match[] = [];
    for (const chunk of inChunks(candidates(this.catalog, selectBySign(this.query, sign)), MAX_STEP)) {
      const fresh = chunk.map(({ traceId }) => traceId).filter((id) => isFirst(seen, id));
      const found = this.accepted(fresh).filter((match) => this.inRange(match, after));
      waiting = [...waiting, ...found].sort(compare);
      const frontier = chunk.at(-1)!;
      const ready = waiting.filter((match) => compare(match, frontier) <= 0);
      waiting = waiting.slice(ready.length);
      yield* ready.map(({ summary }) => summary);
    }
    yield* waiting.map(({ summary }) => summary);
  }

  private inRange(match: Match, after: Position | undefined): boolean {
    const { fromUnixNano: from, toUnixNano: to } = this.query;
    return (
      (from === undefined || match.start >= from) &&
      (to === undefined || match.start < to) &&
      (after === undefined || compare(match, after) > 0)
    );
  }

  private accepted(traceIds: readonly Buffer[]): Match[] {
    const shares = readShares(this.catalog, this.query.workspace, traceIds);
    const matches: Match[] = [];
    for (const [at, traceId] of traceIds.entries()) {
      const ofTrace = shares[at]!;
      // A block that was there a moment ago may be damaged, or deleted.
      if (ofTrace.length === 0) continue;
      const summary = summaryOf(this.catalog, traceId, ofTrace);
      if (!this.accepts(summary) || !this.hasSpan(ofTrace)) continue;
      matches.push({ start: earliestStart(ofTrace), traceId, summary });
    }
    return matches;
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
    const sql = `SELECT 1 FROM spans x
      WHERE x.id >= @first AND x.id < @end AND within_budget() AND ${this.attributes.sql.join(' AND ')} LIMIT 1`;
    return shares.some(({ file, first_span: first, span_count: count }) => {
      const range = { first, end: first + count };
      return this.catalog.read(file, (reader) => reader.get(sql, { ...this.attributes.parameters, ...range }));
    });
  }
}

function isFirst(seen: Set<string>, id: Buffer): boolean {
  const key = id.toString('latin1');
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** Candidates that are looked up at a time. */
const MIN_STEP = 16;
const MAX_STEP = 256;

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

/** Without summaries: the ids whose batches lie in the range, less those that began before it. */
function* countDistinct(catalog: Catalog, query: TraceQuery): Generator<number> {
  const { fromUnixNano, toUnixNano } = query;
  const seen = new Set<string>();
  for (const block of relevantBlocks(catalog, { fromUnixNano, toUnixNano, after: undefined })) {
    const fresh = traceIdsIn(catalog, block, query).filter((id) => isFirst(seen, id));
    yield fresh.length - startedBefore(catalog, query, fresh);
  }
}

function traceIdsIn(catalog: Catalog, block: Block, query: TraceQuery): Buffer[] {
  const time = timeConditions('start_time_unix_nano', query);
  const sql = `SELECT DISTINCT trace_id AS traceId FROM trace_batches INDEXED BY trace_batches_by_time
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
