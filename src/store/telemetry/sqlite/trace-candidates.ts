/** The traces that come into question, in order, merged over the blocks. */
import type { TraceQuery } from '../telemetry.js';
import type { BlockReader } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { allOf, attributeConditions, type Conditions, timeConditions } from './conditions.js';

export interface Candidate {
  start: bigint;
  traceId: Buffer;
}

export interface Position {
  start: bigint;
  traceId: Uint8Array;
}

const FIRST_CHUNK = 64;
const LAST_CHUNK = 1024;

/** Newest first; of equal starts the greater id first, as the index is read backwards. */
export function compare(a: Position, b: Position): number {
  if (a.start !== b.start) return a.start > b.start ? -1 : 1;
  return -Buffer.compare(a.traceId, b.traceId);
}

/** Which rows of `trace_batches` (t) to yield, and from where. */
export interface Selection {
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

export function selectInOrder(
  { workspace, fromUnixNano, toUnixNano }: TraceQuery,
  after: Position | undefined,
): Selection {
  return { workspace, conditions: { sql: [EARLIEST_IN_BLOCK], parameters: {} }, fromUnixNano, toUnixNano, after };
}

/** A batch starts no earlier than its trace: neither the end of the range nor the position bounds it from above. */
export function selectBySign({ workspace, fromUnixNano }: TraceQuery, sign: Conditions): Selection {
  return { workspace, conditions: sign, fromUnixNano, toUnixNano: undefined, after: undefined };
}

/** What some batch of every accepted trace has; the rarest and cheapest first. undefined when no filter leaves a sign. */
export function signOf({ name, status, service, attributes }: TraceQuery): Conditions | undefined {
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
export function* candidates(catalog: Catalog, selection: Selection): Generator<Candidate> {
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
export function relevantBlocks(
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
