/**
 * Traces newest first. A trace stands where its earliest span starts, whichever block holds that span. Two ways lead there:
 *
 * - In order: each block yields its traces by their earliest start within it, the yields are merged, and a trace that
 *   starts earlier in another block is passed over here, because it comes again there.
 * - By a sign: where a filter leaves a sign on some batch of every trace that it accepts (an error, the root's name), only
 *   batches with that sign are looked at. Their traces may start earlier, so each waits until no later one can come.
 */
import type { TraceQuery, TraceSummary } from '../telemetry.js';
import type { Catalog } from './catalog.js';
import { attributeConditions, type Conditions } from './conditions.js';
import { candidates, compare, type Position, selectBySign, selectInOrder, signOf } from './trace-candidates.js';
import { signed } from './trace-groups.js';
import { earliestStart, type Share, summarise } from './trace-summary.js';

/** The most candidates that are looked up at a time. */
export const MAX_STEP = 256;

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

/** The traces that a query accepts, in order. */
export class TraceScan {
  private readonly attributes: Conditions;
  private readonly sign: Conditions | undefined;

  constructor(
    private readonly catalog: Catalog,
    private readonly query: TraceQuery,
  ) {
    this.attributes = attributeConditions(query.attributes);
    this.sign = signOf(query);
  }

  /** In order, `step` candidates are looked up at a time. */
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

export function isFirst(seen: Set<string>, id: Buffer): boolean {
  const key = id.toString('latin1');
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
