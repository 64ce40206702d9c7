/** A trace's summary from what its batches brought, wherever they lie. */
import type { TraceSummary } from '../telemetry.js';
import type { NarrowSpanRow, ShareRow } from './block-reader.js';
import { spanIdKey, spanIdKeys, unsigned } from './trace-groups.js';

export interface Share extends ShareRow {
  /** The block that holds it. */
  file: string;
}

/** Reads the spans of the shares themselves: only needed where the shares alone don't tell. */
export type ReadNarrowSpans = (shares: readonly Share[]) => NarrowSpanRow[];

export function summarise(traceId: Uint8Array, shares: readonly Share[], read: ReadNarrowSpans): TraceSummary {
  const root = rootOf(shares);
  const doubled = hasDuplicates(shares);
  const spans = root && !doubled ? [] : distinctSpans(read(shares));
  return {
    traceId: new Uint8Array(traceId),
    name: root?.root_name ?? nameWithoutRoot(spans),
    startTimeUnixNano: unsigned(earliestStart(shares)),
    endTimeUnixNano: unsigned(largest(shares.map((share) => share.end_time_unix_nano))),
    spanCount: doubled ? spans.length : Number(sum(shares.map((share) => share.span_count))),
    errorCount: doubled ? spans.filter(isError).length : Number(sum(shares.map((share) => share.error_count))),
    services: servicesOf(shares),
    receivedTimeUnixMs: Math.min(...shares.map((share) => Number(share.received_time_unix_ms))),
  };
}

export function earliestStart(shares: readonly Share[]): bigint {
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

function rootOf(shares: readonly Share[]): Share | undefined {
  let root: Share | undefined;
  for (const share of shares) {
    if (share.root_start_time_unix_nano === null) continue;
    if (!root || share.root_start_time_unix_nano < root.root_start_time_unix_nano!) root = share;
  }
  return root;
}

/** Two writers may have written one span at the same moment, or its resend came after its block was long closed. */
function hasDuplicates(shares: readonly Share[]): boolean {
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

function isError(span: NarrowSpanRow): boolean {
  return span.status_code === 2n;
}

/** The earliest span whose parent is not among the spans; of a cycle, the earliest of all. */
function nameWithoutRoot(spans: readonly NarrowSpanRow[]): string {
  const ids = new Set(spans.map((span) => spanIdKey(span.span_id)));
  const tops = spans.filter(({ parent_span_id: parent }) => parent === null || !ids.has(spanIdKey(parent)));
  const [first, ...others] = tops.length > 0 ? tops : spans;
  if (!first) return '';
  return others.reduce((least, span) => (span.start_time_unix_nano < least.start_time_unix_nano ? span : least), first)
    .name;
}

function servicesOf(shares: readonly Share[]): string[] {
  const texts = new Set(shares.map(({ services }) => services));
  const names = new Set([...texts].flatMap((text) => JSON.parse(text) as string[]));
  return [...names].sort();
}
