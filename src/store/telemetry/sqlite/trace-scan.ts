/**
 * Traces by time. A trace stands where its earliest span starts, or its declaration, whichever block holds that: each block yields its
 * traces by their earliest start within it, the yields are merged, and a trace that starts earlier in another block is
 * passed over here, because it comes again there. So a place in the list is all that it takes to go on.
 */
import type { TraceQuery, TraceSummary } from '../telemetry.js';
import type { BlockReader } from './block-reader.js';
import type { Catalog } from './catalog.js';
import { attributeConditions, type Conditions } from './conditions.js';
import type { Step } from './list-page.js';
import { nameOf, newestCopies } from './span-list.js';
import { BlockTraces, compare, type Position, relevantBlocks, traceOrder } from './trace-candidates.js';
import { signed } from './trace-groups.js';
import type { TraceHolders } from './trace-holders.js';
import { earliestStart, hasRoot, isRevised, type Share, type SpanReads, summarise } from './trace-summary.js';
import { walk } from './walk.js';

/** The most traces that are looked up at a time: after each so many a list may end. */
const LOOKED_UP_AT_A_TIME = 32;

/** All that the blocks hold of each of these traces, block by block, so that each block is gone through once. */
export function readShares(catalog: Catalog, workspace: string, traceIds: readonly Uint8Array[]): Share[][] {
  const found: Share[][] = traceIds.map(() => []);
  for (const { file } of catalog.blocks()) {
    catalog.read(file, (reader) => {
      const id = reader.workspaceId(workspace);
      if (id === undefined) return;
      for (const [at, traceId] of traceIds.entries()) {
        for (const share of reader.shares(id, traceId)) {
          const record = share.span_count === 0n ? reader.traceRecord(share) : undefined;
          found[at]!.push({ ...share, file, record });
        }
      }
    });
  }
  return found;
}

export function summaryOf(catalog: Catalog, traceId: Uint8Array, shares: readonly Share[]): TraceSummary {
  return summarise(traceId, shares, spanReads(catalog));
}

function spanReads(catalog: Catalog): SpanReads {
  const read = <Row>(wanted: readonly Share[], rows: (reader: BlockReader, first: bigint, count: bigint) => Row[]) =>
    wanted.flatMap(
      ({ file, first_span: first, span_count: count }) =>
        catalog.read(file, (reader) => rows(reader, first, count)) ?? [],
    );
  return {
    narrow: (wanted) => read(wanted, (reader, first, count) => reader.narrowSpans(first, count)),
    whole: (wanted) => read(wanted, (reader, first, count) => reader.summarySpans(first, count)),
  };
}

export interface Match extends Position {
  summary: TraceSummary;
}

export function* inChunks<Item>(items: Iterable<Item>, size: number): Generator<Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

export interface ScanOptions {
  after: Position | undefined;
  /** Matches that are wanted. */
  wanted: number;
}

/** The traces that a query accepts, in order. */
export class TraceScan {
  private readonly attributes: Conditions;

  constructor(
    private readonly catalog: Catalog,
    private readonly holders: TraceHolders,
    private readonly query: TraceQuery,
  ) {
    this.attributes = attributeConditions(query.attributes);
  }

  *steps({ after, wanted }: ScanOptions): Generator<Step<Match, Position>> {
    const options = { order: traceOrder(this.query), after, firstRows: wanted };
    for (const { matches, end } of walk(this.streams(), options)) {
      for (const chunk of inChunks(distinct(matches), LOOKED_UP_AT_A_TIME)) {
        for (const match of this.accepted(chunk)) yield { match };
        yield { lookedTo: chunk.at(-1)! };
      }
      if (end !== undefined) yield { lookedTo: end };
    }
  }

  private streams(): BlockTraces[] {
    const { catalog, holders, query } = this;
    const blocks = relevantBlocks(catalog, {});
    return relevantBlocks(catalog, query).map((block) => {
      const others = blocks.filter(({ file }) => file !== block.file);
      return new BlockTraces(catalog, holders, block, others, query);
    });
  }

  private accepted(candidates: readonly Position[]): Match[] {
    const ids = candidates.map(({ traceId }) => traceId);
    const shares = readShares(this.catalog, this.query.workspace, ids);
    const matches: Match[] = [];
    for (const [at, { start, traceId }] of candidates.entries()) {
      const ofTrace = shares[at]!;
      // A block that was there a moment ago may be damaged, or deleted.
      if (ofTrace.length === 0 || earliestStart(ofTrace) !== start) continue;
      const summary = summaryOf(this.catalog, traceId, ofTrace);
      if (this.accepts(summary, ofTrace) && this.hasSpan(ofTrace)) matches.push({ start, traceId, summary });
    }
    return matches;
  }

  private accepts(summary: TraceSummary, shares: readonly Share[]): boolean {
    const { service, name, status, minDurationNano, promptName, versionTag } = this.query;
    const duration = signed(summary.endTimeUnixNano) - signed(summary.startTimeUnixNano);
    return (
      (service === undefined || summary.services.includes(service)) &&
      (name === undefined || (summary.name === name && hasRoot(shares, spanReads(this.catalog)))) &&
      (status === undefined || (status === 'error') === summary.errorCount > 0) &&
      (minDurationNano === undefined || duration >= minDurationNano) &&
      (promptName === undefined || summary.record?.promptName === promptName) &&
      (versionTag === undefined || summary.record?.versionTag === versionTag)
    );
  }

  private hasSpan(shares: readonly Share[]): boolean {
    if (this.attributes.sql.length === 0) return true;
    if (isRevised(shares)) return this.hasNewestSpan(shares);
    const sql = `SELECT 1 FROM spans x
      WHERE x.id >= @first AND x.id < @end AND within_budget() AND ${this.attributes.sql.join(' AND ')} LIMIT 1`;
    return shares.some(({ file, first_span: first, span_count: count }) => {
      const range = { first, end: first + count };
      return this.catalog.read(file, (reader) => reader.get(sql, { ...this.attributes.parameters, ...range }));
    });
  }

  private hasNewestSpan(shares: readonly Share[]): boolean {
    const newest = newestCopies(shares);
    return shares.some(({ file, first_span: first, span_count: count }) => {
      const places = this.catalog.read(file, (reader) => reader.spanPlaces(first, count, this.attributes));
      return places?.some(({ id }) => newest.has(nameOf(file, id)));
    });
  }
}

/** A trace that starts at the same time in two blocks, or two batches, stands there once. */
function distinct(inOrder: readonly Position[]): Position[] {
  return inOrder.filter((position, at) => at === 0 || compare(inOrder[at - 1]!, position) !== 0);
}
