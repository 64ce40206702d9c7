/** All reads of one directory of blocks: synchronous, for a worker thread. */
import { accessSync, constants } from 'node:fs';
import type { SequenceRange } from '../../../component.js';
import type { Page } from '../../page.js';
import { PAGE_BUDGET_MS } from '../budgets.js';
import { ContentRoom } from '../contents.js';
import type {
  GenerationQuery,
  GenerationReader,
  SessionQuery,
  SessionSummary,
  StoredGeneration,
  UsageQuery,
  UsageRow,
  UserSummary,
} from '../generations.js';
import { mergeRanges } from '../ranges.js';
import type {
  LogQuery,
  MetricQuery,
  SpanQuery,
  StoredLogRecord,
  StoredMetricPoint,
  StoredSpan,
  TraceQuery,
  TraceSummary,
} from '../telemetry.js';
import type { BlockReader } from './block-reader.js';
import { Budget } from './budget.js';
import { Catalog, type UnreadableBlock } from './catalog.js';
import { failureOf } from './failures.js';
import { listGenerations } from './generation-list.js';
import { listSessions, listUsers, sessionSummary, sessionTraces, userSummary } from './identity-list.js';
import type { ListContext } from './list-page.js';
import type { PointAnswer, PointRead } from './messages.js';
import type { PlainSpans } from './plain-spans.js';
import { listLogs, listMetricPoints } from './record-list.js';
import { SpanLists } from './span-list.js';
import {
  inPieces,
  PIECE_SPANS,
  placesOf,
  type SpanPlace,
  type SpanPlaces,
  spansIn,
  type TraceAnswer,
} from './span-places.js';
import { spanIdKey, spanIdKeys } from './trace-groups.js';
import { TraceHolders } from './trace-holders.js';
import { listTraces } from './trace-list.js';
import { readShares, summaryOf } from './trace-scan.js';
import { byRevision, type Share } from './trace-summary.js';
import { readUsage } from './usage.js';
import { USAGE_PARTS_BYTES, UsageParts } from './usage-parts.js';

/**
 * A query that takes longer is given up with QUERY_TIMEOUT, so that no thread is held for long. A list ends its page well
 * before: this bounds what one step of it may take.
 */
const QUERY_BUDGET_MS = 5000;

/** A slow read keeps those that were asked with it waiting for itself alone. */
const MESSAGE_BUDGET_MS = 50;

/** Up to here it costs less to read all spans at once, and to order them then, than to look where they lie first. */
const SMALL_TRACE_SPANS = 100;
const SPAN_ID_BYTES = 8;

interface SpanName {
  traceId: Uint8Array;
  spanId: Uint8Array;
}
type GenerationPlace = Parameters<GenerationReader['getGeneration']>[1];

export interface ReaderOptions {
  queryBudgetMs?: number;
  pageBudgetMs?: number;
  /** What may be remembered of sums. */
  usagePartsBytes?: number;
}

function rowsOf({ first_span: first, span_ids: ids }: Share): bigint[] {
  return Array.from({ length: ids.length / SPAN_ID_BYTES }, (_, at) => first + BigInt(at));
}

function generationIn(block: BlockReader, id: bigint): StoredGeneration | undefined {
  return block.hasGenerations ? block.generation(id) : undefined;
}

export class SqliteReader {
  private readonly budget = new Budget();
  private readonly catalog: Catalog;
  private readonly usage: UsageParts;
  private readonly holders: TraceHolders;
  private readonly spanLists: SpanLists;

  constructor(
    private readonly directory: string,
    private readonly options: ReaderOptions = {},
  ) {
    this.catalog = new Catalog(directory, this.budget);
    this.usage = new UsageParts(options.usagePartsBytes ?? USAGE_PARTS_BYTES);
    this.holders = new TraceHolders(this.catalog);
    this.spanLists = new SpanLists(this.catalog);
  }

  listTraces(query: TraceQuery): Page<TraceSummary> {
    return listTraces(this.listContext(), query);
  }

  listLogs(query: LogQuery): Page<StoredLogRecord> {
    return listLogs(this.listContext(), query);
  }

  listMetricPoints(query: MetricQuery): Page<StoredMetricPoint> {
    return listMetricPoints(this.listContext(), query);
  }

  listGenerations(query: GenerationQuery): Page<StoredGeneration> {
    return listGenerations(this.listContext(), query);
  }

  getGeneration({ workspace, place }: { workspace: string; place: GenerationPlace }): StoredGeneration | undefined {
    this.startBudget();
    if ('logTimeUnixNano' in place) return this.generationOfLog(workspace, place.logTimeUnixNano);
    const [newest] = this.versions(workspace, place);
    return newest && this.catalog.read(newest.file, (block) => generationIn(block, newest.id));
  }

  listSessions(query: SessionQuery): Page<SessionSummary> {
    return listSessions(this.listContext(), query);
  }

  listUsers(query: SessionQuery): Page<UserSummary> {
    return listUsers(this.listContext(), query);
  }

  getSession({ workspace, id }: { workspace: string; id: string }): SessionSummary | undefined {
    this.startBudget();
    return sessionSummary(this.catalog, workspace, id);
  }

  getUser({ workspace, id }: { workspace: string; id: string }): UserSummary | undefined {
    this.startBudget();
    return userSummary(this.catalog, workspace, id);
  }

  listSessionTraces({ workspace, id, limit }: { workspace: string; id: string; limit: number }): string[] {
    this.startBudget();
    return sessionTraces(this.catalog, workspace, id, limit);
  }

  readUsage(query: UsageQuery): UsageRow[] {
    this.startBudget();
    return this.catalog.hold(() => readUsage(this.catalog, this.usage, query));
  }

  /** The answers to the first of the reads, as many as go into a message; one at least. */
  readPoints(reads: readonly PointRead[]): PointAnswer[] {
    return this.catalog.hold(() => this.readFirst(reads));
  }

  private readFirst(reads: readonly PointRead[]): PointAnswer[] {
    const answers: PointAnswer[] = [];
    const message = Budget.of(MESSAGE_BUDGET_MS);
    let spans = 0;
    for (const read of reads) {
      const { answer, spanCount } = this.readPoint(read);
      answers.push(answer);
      spans += spanCount;
      if (spans >= PIECE_SPANS || message.isSpent()) break;
    }
    return answers;
  }

  private readPoint(read: PointRead): { answer: PointAnswer; spanCount: number } {
    try {
      if (read.operation === 'getSpan') return { answer: { value: this.getSpan(read) }, spanCount: 1 };
      const value = this.getTrace(read);
      return { answer: { value }, spanCount: value ? spansIn(value) : 0 };
    } catch (error) {
      return { answer: { failure: failureOf(error) }, spanCount: 0 };
    }
  }

  /** A large trace comes with its first spans: `spansAt` reads the others, piece by piece. */
  private getTrace({ workspace, traceId }: { workspace: string; traceId: Uint8Array }): TraceAnswer | undefined {
    const shares = this.sharesOf(workspace, traceId);
    if (shares.length === 0) return undefined;
    const spanCount = shares.reduce((sum, { span_ids: ids }) => sum + ids.length / SPAN_ID_BYTES, 0);
    if (spanCount <= SMALL_TRACE_SPANS) {
      return { summary: summaryOf(this.catalog, traceId, shares), plain: this.plainSpansOf(byRevision(shares)) };
    }
    const places = placesOf(byRevision(shares).flatMap((share) => this.placesIn(share)));
    const [first] = inPieces(places, PIECE_SPANS);
    const spans = first ? this.spansAt(first) : [];
    return { summary: summaryOf(this.catalog, traceId, shares), places, spans };
  }

  /** `room`: for their contents, when pieces before have taken from it. */
  spansAt({ room, ...places }: SpanPlaces & { room?: number }): StoredSpan[] {
    this.startBudget();
    this.budget.contents = new ContentRoom(room);
    const spans: StoredSpan[] = [];
    for (const [at, id] of places.ids.entries()) {
      const file = places.files[places.fileOf[at]!]!;
      const [span] = this.catalog.read(file, (block) => block.spans(id, 1n)) ?? [];
      if (span) spans.push(span);
    }
    return spans;
  }

  private getSpan({
    workspace,
    traceId,
    spanId,
  }: {
    workspace: string;
    traceId: Uint8Array;
    spanId: Uint8Array;
  }): StoredSpan | undefined {
    for (const { file, id } of this.versions(workspace, { traceId, spanId })) {
      const found = this.catalog.read(file, (block) => block.spans(id, 1n));
      if (found) return found[0];
    }
    return undefined;
  }

  /** The rows of a span, the newest first. */
  private *versions(workspace: string, { traceId, spanId }: SpanName): Generator<{ file: string; id: bigint }> {
    const key = spanIdKey(spanId);
    const newestFirst = byRevision(this.sharesOf(workspace, traceId)).reverse();
    for (const { file, first_span: first, span_ids: ids } of newestFirst) {
      // The ids stand in the order of the rows.
      const at = spanIdKeys(ids).indexOf(key);
      if (at >= 0) yield { file, id: first + BigInt(at) };
    }
  }

  private generationOfLog(workspace: string, timeUnixNano: bigint): StoredGeneration | undefined {
    for (const { file, generations } of this.catalog.blocks()) {
      const found = generations && this.catalog.read(file, (block) => block.generationOfLog(workspace, timeUnixNano));
      if (found) return found;
    }
    return undefined;
  }

  listSpans(query: SpanQuery): Page<StoredSpan> | undefined {
    const shares = this.sharesOf(query.workspace, query.traceId);
    return shares.length === 0 ? undefined : this.spanLists.page(shares, query);
  }

  storedBytes({ workspace }: { workspace: string }): number {
    const blocks = this.catalog.blocks();
    return blocks.reduce(
      (sum, { file }) => sum + (this.catalog.read(file, (block) => block.storedBytes(workspace)) ?? 0),
      0,
    );
  }

  appliedRanges({ bufferId, from }: { bufferId: string; from: number }): SequenceRange[] {
    const blocks = this.catalog.blocks();
    const ranges = blocks.map(({ file }) => this.catalog.read(file, (block) => block.appliedRanges(bufferId, from)));
    return mergeRanges(ranges.flatMap((range) => range ?? []));
  }

  /** Reads what every block says about itself, and fails when no block could be added. */
  ping(): void {
    accessSync(this.directory, constants.R_OK | constants.W_OK);
    this.catalog.blocks();
  }

  unreadableBlocks(): UnreadableBlock[] {
    return this.catalog.unreadableBlocks();
  }

  close(): void {
    this.catalog.close();
  }

  private startBudget(): void {
    this.budget.start(this.options.queryBudgetMs ?? QUERY_BUDGET_MS);
  }

  private listContext(): ListContext {
    this.startBudget();
    const { catalog, holders, budget } = this;
    return { catalog, holders, budget, pageBudgetMs: this.options.pageBudgetMs ?? PAGE_BUDGET_MS };
  }

  private sharesOf(workspace: string, traceId: Uint8Array): Share[] {
    this.startBudget();
    return readShares(this.catalog, workspace, [traceId])[0]!;
  }

  /** A query for each run of shares of one block. */
  private plainSpansOf(shares: readonly Share[]): PlainSpans[] {
    const plain: PlainSpans[] = [];
    for (let at = 0; at < shares.length; ) {
      const { file } = shares[at]!;
      const ids: bigint[] = [];
      for (; shares[at]?.file === file; at++) ids.push(...rowsOf(shares[at]!));
      const found = ids.length > 0 && this.catalog.read(file, (block) => block.plainSpans(ids));
      if (found) plain.push(found);
    }
    return plain;
  }

  private placesIn({ file, first_span: first, span_count: count }: Share): SpanPlace[] {
    const rows = this.catalog.read(file, (block) => block.spanPlaces(first, count)) ?? [];
    return rows.map((row) => ({ ...row, file }));
  }
}
