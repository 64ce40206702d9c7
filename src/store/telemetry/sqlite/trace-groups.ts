/** The spans of a batch by trace, in the order in which they are written. */
import type { DecodedFrame, Resource, Span } from '../../../model/telemetry.js';
import { hashTraceId } from './trace-filter.js';

export interface TraceGroup {
  workspace: string;
  traceId: Uint8Array;
  hash: number;
  spans: Span[];
  /** The frame of each span of `spans`. */
  frames: DecodedFrame[];
  /** Spans of a frame that revises are a group of their own, with the number of that version; others have 0. */
  revision: number;
  /** Neither a block nor an earlier group of the batch has anything of the trace; false until that was looked up. */
  isNew: boolean;
  /** Another group whose trace id has the same hash. */
  sameHash: TraceGroup | undefined;
}

/** Sorted by trace id: an index over ids takes a sorted batch several times faster than one in arrival order. */
export function groupByTrace(frames: readonly DecodedFrame[]): TraceGroup[] {
  const byHash = new Map<number, TraceGroup>();
  const groups: TraceGroup[] = [];
  for (const frame of frames) {
    const revision = frame.native?.revises ? revisionOf(frame) : 0;
    for (const span of frame.spans) {
      const group = groupOf(span, frame.workspace, revision, byHash, groups);
      group.spans.push(span);
      group.frames.push(frame);
    }
  }
  return groups.sort((a, b) => Buffer.compare(a.traceId, b.traceId));
}

/** Exact until the year 2248: the number is a double on its way. */
const REVISIONS_PER_MS = 1024;

/** Versions of a span follow one another in the order of the buffer; the time keeps that order over several buffers. */
function revisionOf({ receivedTimeUnixMs, sequence }: DecodedFrame): number {
  return receivedTimeUnixMs * REVISIONS_PER_MS + (sequence % REVISIONS_PER_MS);
}

export function isOfTrace(group: Pick<TraceGroup, 'workspace' | 'traceId'>, workspace: string, traceId: Uint8Array) {
  return group.workspace === workspace && Buffer.compare(group.traceId, traceId) === 0;
}

function groupOf(
  span: Span,
  workspace: string,
  revision: number,
  byHash: Map<number, TraceGroup>,
  groups: TraceGroup[],
): TraceGroup {
  const { traceId, spanId } = span;
  if (traceId.length !== 16 || spanId.length !== 8)
    throw new TypeError('a span has a trace id of 16 and an id of 8 bytes');
  const hash = hashTraceId(traceId);
  const sameHash = byHash.get(hash);
  for (let group = sameHash; group; group = group.sameHash) {
    if (group.revision === revision && isOfTrace(group, workspace, traceId)) return group;
  }
  const group = { workspace, traceId, hash, spans: [], frames: [], revision, isNew: false, sameHash };
  byHash.set(hash, group);
  groups.push(group);
  return group;
}

/** Up to here comparing each with each is faster than a set. */
const PAIRWISE_MAX_SPANS = 32;

export interface Duplicate {
  span: Span;
  frame: DecodedFrame;
}

const NO_DUPLICATES: readonly Duplicate[] = [];

/** Keeps the first span of each id that is not among `stored` (ids of 8 bytes, one after another); those it left out. */
export function dropDuplicates(group: TraceGroup, stored: readonly Uint8Array[]): readonly Duplicate[] {
  const { spans, frames } = group;
  if (stored.length === 0 && spans.length === 1) return NO_DUPLICATES;
  const small = stored.length === 0 && spans.length <= PAIRWISE_MAX_SPANS;
  const duplicates = small ? pairwiseDuplicates(spans) : setDuplicates(spans, stored);
  if (duplicates.size === 0) return NO_DUPLICATES;
  group.spans = spans.filter((_, at) => !duplicates.has(at));
  group.frames = frames.filter((_, at) => !duplicates.has(at));
  return Array.from(duplicates, (at) => ({ span: spans[at]!, frame: frames[at]! }));
}

const NONE: ReadonlySet<number> = new Set();

function pairwiseDuplicates(spans: readonly Span[]): ReadonlySet<number> {
  let duplicates: Set<number> | undefined;
  for (let at = 1; at < spans.length; at++) {
    const id = spans[at]!.spanId;
    for (let other = 0; other < at; other++) {
      if (sameSpanId(spans[other]!.spanId, id)) {
        duplicates ??= new Set();
        duplicates.add(at);
        break;
      }
    }
  }
  return duplicates ?? NONE;
}

function sameSpanId(a: Uint8Array, b: Uint8Array): boolean {
  // The last bytes first: they differ even where a client counts its ids.
  for (let at = 7; at >= 0; at--) if (a[at] !== b[at]) return false;
  return true;
}

function setDuplicates(spans: readonly Span[], stored: readonly Uint8Array[]): ReadonlySet<number> {
  const seen = new Set<string>();
  for (const ids of stored) for (const id of spanIdKeys(ids)) seen.add(id);
  const duplicates = new Set<number>();
  for (const [at, span] of spans.entries()) {
    const key = spanIdKey(span.spanId);
    if (seen.has(key)) duplicates.add(at);
    else seen.add(key);
  }
  return duplicates;
}

/** A short string that stands for the 8 bytes in sets. */
export function spanIdKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1', 0, 8);
}

/** The keys of ids of 8 bytes that stand one after another. */
export function spanIdKeys(ids: Uint8Array): string[] {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  return Array.from({ length: ids.length / 8 }, (_, at) => bytes.toString('latin1', at * 8, at * 8 + 8));
}

/** What a batch holds of one trace: a row of `trace_batches`, without the place of its spans. */
export interface TraceShare {
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  errorCount: number;
  receivedTimeUnixMs: number;
  rootName: string | null;
  rootStartTimeUnixNano: bigint | null;
  /** JSON array of distinct names, sorted. */
  services: string;
  spanIds: Buffer;
}

/** What a share tells of its spans. */
type SharedSpan = Pick<
  Span,
  'spanId' | 'parentSpanId' | 'startTimeUnixNano' | 'endTimeUnixNano' | 'name' | 'statusCode'
> & { resource: Pick<Resource, 'serviceName'> };

export interface SharedSpans {
  spans: readonly SharedSpan[];
  /** The frame of each. */
  frames: readonly Pick<DecodedFrame, 'receivedTimeUnixMs'>[];
}

export function shareOf({ spans, frames }: SharedSpans): TraceShare {
  const first = spans[0]!;
  let startTimeUnixNano = signed(first.startTimeUnixNano);
  let endTimeUnixNano = signed(first.endTimeUnixNano);
  let errorCount = 0;
  let rootName: string | null = null;
  let rootStartTimeUnixNano: bigint | null = null;
  const spanIds = Buffer.allocUnsafe(8 * spans.length);
  for (const [at, span] of spans.entries()) {
    const start = signed(span.startTimeUnixNano);
    const end = signed(span.endTimeUnixNano);
    if (start < startTimeUnixNano) startTimeUnixNano = start;
    if (end > endTimeUnixNano) endTimeUnixNano = end;
    if (span.statusCode === 2) errorCount++;
    if (span.parentSpanId === undefined && (rootStartTimeUnixNano === null || start < rootStartTimeUnixNano)) {
      rootName = span.name;
      rootStartTimeUnixNano = start;
    }
    spanIds.set(span.spanId, at * 8);
  }
  const receivedTimeUnixMs = frames.reduce(
    (least, frame) => Math.min(least, frame.receivedTimeUnixMs),
    Number.POSITIVE_INFINITY,
  );
  const services = servicesOf(spans);
  return {
    startTimeUnixNano,
    endTimeUnixNano,
    errorCount,
    receivedTimeUnixMs,
    rootName,
    rootStartTimeUnixNano,
    services,
    spanIds,
  };
}

function servicesOf(spans: readonly SharedSpan[]): string {
  const only = spans[0]!.resource.serviceName;
  if (spans.every((span) => span.resource.serviceName === only)) return only === '' ? '[]' : JSON.stringify([only]);
  const names = new Set(spans.map((span) => span.resource.serviceName).filter((name) => name !== ''));
  return JSON.stringify([...names].sort());
}

const FIRST_NEGATIVE = 2n ** 63n;

/** As SQLite keeps it: OTLP's times are unsigned, so one past the year 2262 becomes negative, and comes back exact. */
export function signed(time: bigint): bigint {
  return time < FIRST_NEGATIVE ? time : BigInt.asIntN(64, time);
}

export function unsigned(time: bigint): bigint {
  return BigInt.asUintN(64, time);
}
