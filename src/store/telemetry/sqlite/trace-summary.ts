/** A trace's summary from what its batches brought, wherever they lie. */
import type { TraceRecord } from '../../../model/telemetry.js';
import type { TraceSummary } from '../telemetry.js';
import type { NarrowSpanRow, ShareRow, SummarySpanRow } from './block-reader.js';
import { spanIdKey, spanIdKeys, unsigned } from './trace-groups.js';

export interface Share extends ShareRow {
  /** The block that holds it. */
  file: string;
  /** Of a row that stands for a declaration: it has no spans. */
  record?: TraceRecord | undefined;
}

/** Read the spans of the shares themselves: only needed where the shares alone don't tell. */
export interface SpanReads {
  narrow(shares: readonly Share[]): NarrowSpanRow[];
  whole(shares: readonly Share[]): SummarySpanRow[];
}

export function summarise(traceId: Uint8Array, shares: readonly Share[], read: SpanReads): TraceSummary {
  const ofSpans = shares.filter(({ span_count: count }) => count > 0n);
  // A declaration's time is where the trace stands in lists; what its spans say of times, they say alone.
  const told = ofSpans.length > 0 ? ofSpans : shares;
  const record = recordOf(shares);
  return {
    traceId: new Uint8Array(traceId),
    ...(record && { record }),
    ...tell(told, read),
    receivedTimeUnixMs: Math.min(...told.map((share) => Number(share.received_time_unix_ms))),
  };
}

/** Whether a root has come; a version of it that was revised into a child is none. */
export function hasRoot(shares: readonly Share[], read: SpanReads): boolean {
  if (!shares.some(({ root_name: name }) => name !== null)) return false;
  return !isRevised(shares) || rootOf(withoutOldVersions(shares, read)) !== undefined;
}

type Told = Omit<TraceSummary, 'traceId' | 'record' | 'receivedTimeUnixMs'>;

function tell(shares: readonly Share[], read: SpanReads): Told {
  const parts = hasDuplicates(shares) ? withoutOldVersions(shares, read) : shares;
  const root = rootOf(parts);
  return {
    name: root?.root_name ?? nameWithoutRoot(distinctSpans(read.narrow(byRevision(shares)))),
    startTimeUnixNano: unsigned(earliestStart(parts)),
    endTimeUnixNano: unsigned(largest(parts.map((part) => part.end_time_unix_nano))),
    spanCount: Number(sum(parts.map((part) => part.span_count))),
    errorCount: Number(sum(parts.map((part) => part.error_count))),
    services: servicesOf(parts),
  };
}

/** What a share tells of its spans. */
type Part = Pick<
  ShareRow,
  | 'start_time_unix_nano'
  | 'end_time_unix_nano'
  | 'span_count'
  | 'error_count'
  | 'root_name'
  | 'root_start_time_unix_nano'
  | 'services'
>;

/** Only shares that have an old version of a span are read: a large trace has few of them. */
function withoutOldVersions(shares: readonly Share[], read: SpanReads): Part[] {
  const holders = new Map<string, Share>();
  for (const share of byRevision(shares)) for (const key of spanIdKeys(share.span_ids)) holders.set(key, share);
  return shares.flatMap((share) => {
    if (spanIdKeys(share.span_ids).every((key) => holders.get(key) === share)) return [share];
    const rows = read.whole([share]).filter((row) => holders.get(spanIdKey(row.span_id)) === share);
    return rows.length > 0 ? [partOf(rows)] : [];
  });
}

function partOf(spans: readonly SummarySpanRow[]): Part {
  const roots = spans.filter(({ parent_span_id: parent }) => parent === null);
  const root = roots.length > 0 ? earliest(roots) : undefined;
  const services = new Set(spans.map((span) => span.service_name).filter((name) => name !== ''));
  return {
    start_time_unix_nano: smallest(spans.map((span) => span.start_time_unix_nano)),
    end_time_unix_nano: largest(spans.map((span) => span.end_time_unix_nano)),
    span_count: BigInt(spans.length),
    error_count: BigInt(spans.filter((span) => span.status_code === 2n).length),
    root_name: root?.name ?? null,
    root_start_time_unix_nano: root?.start_time_unix_nano ?? null,
    services: JSON.stringify([...services]),
  };
}

/** Whether a span of one of these may stand in another in an older version. */
export function isRevised(shares: readonly Share[]): boolean {
  return shares.some(({ revision = 0n }) => revision > 0n);
}

/** Of the copies of a span the last one counts: that of the latest revision, and of equal ones that in the older block. */
export function byRevision(newestBlockFirst: readonly Share[]): Share[] {
  return newestBlockFirst.toSorted(({ revision: a = 0n }, { revision: b = 0n }) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The first declaration counts, should a later one have slipped through. */
export function recordOf(newestBlockFirst: readonly Share[]): TraceRecord | undefined {
  let first: TraceRecord | undefined;
  for (const { record } of newestBlockFirst) {
    if (record && (!first || record.createdTimeUnixMs <= first.createdTimeUnixMs)) first = record;
  }
  return first;
}

export function earliestStart(shares: readonly Pick<Share, 'start_time_unix_nano'>[]): bigint {
  return smallest(shares.map((share) => share.start_time_unix_nano));
}

/** Math.min takes no bigint. */
function smallest(times: readonly bigint[]): bigint {
  let least = times[0]!;
  for (const time of times) if (time < least) least = time;
  return least;
}

function largest(times: readonly bigint[]): bigint {
  let most = times[0]!;
  for (const time of times) if (time > most) most = time;
  return most;
}

function sum(counts: readonly bigint[]): bigint {
  return counts.reduce((total, count) => total + count, 0n);
}

function rootOf(parts: readonly Part[]): Part | undefined {
  let root: Part | undefined;
  for (const part of parts) {
    if (part.root_start_time_unix_nano === null) continue;
    if (!root || part.root_start_time_unix_nano < root.root_start_time_unix_nano!) root = part;
  }
  return root;
}

/** Two writers may have written one span at the same moment, or its resend came after its block was long closed. */
export function hasDuplicates(shares: readonly Share[]): boolean {
  if (shares.length === 1) return false;
  const ids = new Set<string>();
  let count = 0;
  for (const share of shares) {
    for (const id of spanIdKeys(share.span_ids)) ids.add(id);
    count += share.span_ids.length / 8;
  }
  return ids.size < count;
}

function distinctSpans(spans: readonly NarrowSpanRow[]): NarrowSpanRow[] {
  return [...new Map(spans.map((span) => [spanIdKey(span.span_id), span])).values()];
}

/** The earliest span whose parent is not among the spans; of a cycle, the earliest of all. */
function nameWithoutRoot(spans: readonly NarrowSpanRow[]): string {
  const ids = new Set(spans.map((span) => spanIdKey(span.span_id)));
  const tops = spans.filter(({ parent_span_id: parent }) => parent === null || !ids.has(spanIdKey(parent)));
  const candidates = tops.length > 0 ? tops : spans;
  return candidates.length > 0 ? earliest(candidates).name : '';
}

/** Of equal ones the first. */
function earliest<Row extends NarrowSpanRow>(spans: readonly Row[]): Row {
  return spans.reduce((least, span) => (span.start_time_unix_nano < least.start_time_unix_nano ? span : least));
}

function servicesOf(parts: readonly Part[]): string[] {
  const texts = new Set(parts.map(({ services }) => services));
  const names = new Set([...texts].flatMap((text) => JSON.parse(text) as string[]));
  return [...names].sort();
}
