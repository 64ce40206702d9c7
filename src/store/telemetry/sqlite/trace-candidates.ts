/** The traces that come into question, as each block yields them: by their earliest start within it. */
import type { TraceQuery } from '../telemetry.js';
import type { BlockReader, TraceRelations } from './block-reader.js';
import type { Block, Catalog } from './catalog.js';
import { allOf, type Conditions, timeConditions } from './conditions.js';
import { batchConditions } from './trace-conditions.js';
import type { TraceHolders } from './trace-holders.js';
import { type Order, ordered, type Stream } from './walk.js';

export interface Position {
  start: bigint;
  traceId: Uint8Array;
}

/** Newest first; of equal starts the greater id first, as the index is read backwards. */
export function compare(a: Position, b: Position): number {
  if (a.start !== b.start) return a.start > b.start ? -1 : 1;
  return -Buffer.compare(a.traceId, b.traceId);
}

export function traceOrder({ order }: TraceQuery): Order<Position> {
  return ordered({ ascending: false, timeOf: ({ start }) => start, compare }, order === 'asc');
}

/** No other batch in the block has the trace start earlier. */
const EARLIEST_IN_BLOCK = `NOT EXISTS (SELECT 1 FROM trace_batches o INDEXED BY trace_batches_by_trace
  WHERE o.trace_id = t.trace_id AND o.workspace_id = t.workspace_id
    AND (o.start_time_unix_nano < t.start_time_unix_nano
      OR (o.start_time_unix_nano = t.start_time_unix_nano AND o.id < t.id)))`;

/** Those that may hold a start in range. */
export function relevantBlocks(
  catalog: Catalog,
  { fromUnixNano: from, toUnixNano: to }: { fromUnixNano?: bigint | undefined; toUnixNano?: bigint | undefined },
): Block[] {
  const relevant = ({ traces }: Block) =>
    traces !== undefined && (from === undefined || traces.max >= from) && (to === undefined || traces.min < to);
  const blocks = catalog.blocks().filter(relevant);
  return blocks.sort((a, b) => (a.traces!.max < b.traces!.max ? 1 : -1));
}

/** The traces of one block that may match the query: all that do are among them. */
export class BlockTraces implements Stream<Position> {
  readonly latestTime: bigint;
  readonly earliestTime: bigint;

  constructor(
    private readonly catalog: Catalog,
    private readonly holders: TraceHolders,
    private readonly block: Block,
    /** Those that may have other batches of its traces. */
    private readonly others: readonly Block[],
    private readonly query: TraceQuery,
  ) {
    this.latestTime = block.traces!.max;
    this.earliestTime = block.traces!.min;
  }

  placeAfter(after: Position | undefined, rows: number): Position | undefined {
    return this.read((reader, workspace) => {
      const { from, parameters } = this.range(workspace, after, undefined);
      const way = this.isAscending ? 'ASC' : 'DESC';
      const select = `SELECT t.start_time_unix_nano AS start, t.trace_id AS traceId ${from}
        ORDER BY t.start_time_unix_nano ${way}, t.trace_id ${way} LIMIT 1 OFFSET @rows`;
      return reader.get<Position>(select, { ...parameters, rows: rows - 1 });
    });
  }

  between(after: Position | undefined, end: Position | undefined): Position[] {
    // A batch starts no earlier than its trace: a block that ends before this slice has none of those that begin in it.
    const earliest = this.isAscending ? after : end;
    const others = this.others.filter(({ traces }) => earliest === undefined || traces!.max >= earliest.start);
    const filters = this.filters(others);
    if (filters.sql.length > 0) this.holders.refresh([this.block, ...others]);
    const { workspace: name } = this.query;
    const relations: TraceRelations = {
      mayBeShared: (traceId) => this.holders.mayBeShared(this.block, others, name, traceId),
      elsewhere: (traceId) => this.holders.mayHold(others, name, traceId),
    };
    const found = this.read((reader, workspace) => {
      const { from, parameters } = this.range(workspace, after, end);
      // CASE fixes the order: whether a batch is its trace's earliest takes a lookup, and is asked of few when asked last.
      const select = `SELECT t.start_time_unix_nano AS start, t.trace_id AS traceId ${from}
        AND CASE WHEN ${['1', ...filters.sql].join(' AND ')} THEN ${EARLIEST_IN_BLOCK} ELSE 0 END`;
      const all = () => reader.all<Position>(select, { ...parameters, ...filters.parameters });
      return reader.withRelations(relations, all);
    });
    return found ?? [];
  }

  private get isAscending(): boolean {
    return this.query.order === 'asc';
  }

  private filters(others: readonly Block[]): Conditions {
    const isNative = this.catalog.read(this.block.file, (reader) => reader.isNative) ?? false;
    const revised = this.block.revises || others.some(({ revises }) => revises);
    return batchConditions(this.query, { isNative, revised });
  }

  private range(workspace: bigint, after: Position | undefined, end: Position | undefined) {
    const bounds: Conditions = { sql: [], parameters: {} };
    if (after) {
      bounds.sql.push(`(t.start_time_unix_nano, t.trace_id) ${this.isAscending ? '>' : '<'} (@afterStart, @afterId)`);
      Object.assign(bounds.parameters, { afterStart: after.start, afterId: after.traceId });
    }
    if (end) {
      bounds.sql.push(`(t.start_time_unix_nano, t.trace_id) ${this.isAscending ? '<=' : '>='} (@endStart, @endId)`);
      Object.assign(bounds.parameters, { endStart: end.start, endId: end.traceId });
    }
    const ofWorkspace: Conditions = { sql: ['t.workspace_id = @workspace'], parameters: { workspace } };
    const { sql, parameters } = allOf(ofWorkspace, timeConditions('t.start_time_unix_nano', this.query), bounds);
    return { from: `FROM trace_batches t INDEXED BY trace_batches_by_time WHERE ${sql.join(' AND ')}`, parameters };
  }

  private read<Result>(read: (reader: BlockReader, workspace: bigint) => Result): Result | undefined {
    return this.catalog.scan(this.block.file, (reader) => {
      const workspace = reader.workspaceId(this.query.workspace);
      return workspace === undefined ? undefined : read(reader, workspace);
    });
  }
}
