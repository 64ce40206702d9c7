/**
 * The ids of native frames, claimed before anything is written. Two gateways that are sent one id at once meet in the
 * unique index of native_spans (or trace_records): the second waits there until the first has committed, and then finds
 * it. A lock for each id would do the same, but a batch may have more ids than the server has room for locks.
 */
import type pg from 'pg';
import type { TraceRecord } from '../../../model/telemetry.js';
import { hexOf, type NativeFrame, spanKey, traceKey } from './native-ids.js';
import { rowsOf } from './statements.js';
import { signed } from './time.js';

/** Any number, as long as it stays the same; with the second one it names a lock. */
const TRACES_LOCK = 1_904_202;
const DAY_NANO = 86_400_000_000_000n;

/** What stands in the tables of the ids that a batch asked for. */
export interface Known {
  /** Spans that were there, by key; the time is the start that a native one was stored with. */
  spans: Map<string, { start: bigint | undefined }>;
  /** Traces that were declared, by key. */
  traces: Set<string>;
}

interface ClaimedSpan {
  key: string;
  workspace: string;
  trace_id: string;
  span_id: string;
  start: bigint;
}

export interface DeclaredTrace {
  key: string;
  workspace: string;
  received: number;
  record: TraceRecord;
}

export class Claims {
  private readonly spans: ClaimedSpan[];
  private readonly traces: DeclaredTrace[];

  constructor(frames: readonly NativeFrame[]) {
    this.spans = inOrder(frames.flatMap(claimedSpans));
    this.traces = inOrder(frames.flatMap(declaredTraces));
  }

  statements(): string[] {
    return [
      ...(this.traces.length > 0 ? [declare(this.traces)] : []),
      ...(this.spans.length > 0 ? [claim(this.spans), findStored(this.spans)] : []),
    ];
  }

  /** From the results of the statements. */
  known(results: readonly pg.QueryResult<Record<string, unknown>>[]): Known {
    const [declared, claimed, stored] = this.traces.length > 0 ? results : [undefined, ...results];
    const fresh = new Set((declared?.rows ?? []).map(({ workspace, trace_id: id }) => `${workspace}/${id}`));
    const known: Known = { spans: new Map(), traces: new Set() };
    for (const { key } of this.traces) if (!fresh.has(key)) known.traces.add(key);
    for (const row of stored?.rows ?? []) known.spans.set(keyOf(row), { start: undefined });
    for (const row of claimed?.rows ?? []) {
      if (!row.fresh) known.spans.set(keyOf(row), { start: BigInt(row.start as string) });
    }
    return known;
  }
}

function keyOf({ workspace, trace_id: traceId, span_id: spanId }: Record<string, unknown>): string {
  return `${workspace}/${traceId}${spanId}`;
}

function claimedSpans({ workspace, spans }: NativeFrame): ClaimedSpan[] {
  return spans.map((span) => ({
    key: spanKey(workspace, span),
    workspace,
    trace_id: hexOf(span.traceId),
    span_id: `\\x${hexOf(span.spanId)}`,
    start: signed(span.startTimeUnixNano),
  }));
}

function declaredTraces({ workspace, receivedTimeUnixMs, native }: NativeFrame): DeclaredTrace[] {
  return native.traces.map((record) => ({
    key: traceKey(workspace, record.traceId),
    workspace,
    received: receivedTimeUnixMs,
    record,
  }));
}

/** The first of each key, in one order for everybody: no two batches then wait for each other. */
function inOrder<Item extends { key: string }>(items: readonly Item[]): Item[] {
  const first = new Map<string, Item>();
  for (const item of items) if (!first.has(item.key)) first.set(item.key, item);
  return [...first.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

const SPAN_COLUMNS = 'workspace text, trace_id uuid, span_id bytea, start bigint';
const ID_NAMES = (row: string) =>
  `${row}.workspace, replace(${row}.trace_id::text, '-', '') as trace_id, encode(${row}.span_id, 'hex') as span_id`;

/** A row that was there is locked and left as it is; only one that this statement inserts has no xmax. */
function claim(spans: readonly ClaimedSpan[]): string {
  return `insert into native_spans as native (start_time_unix_nano, trace_id, span_id, workspace)
    select start, trace_id, span_id, workspace from ${rowsOf('item', SPAN_COLUMNS, spans)}
    on conflict (trace_id, span_id, workspace) do update set workspace = excluded.workspace
    returning ${ID_NAMES('native')}, start_time_unix_nano::text as start, xmax = 0 as fresh`;
}

/**
 * Spans that came by OTLP under such an id: looked for within a day of the start that is claimed now, since a client that
 * sends one span both ways may round its times, and every further day would have to be asked for every id.
 */
function findStored(spans: readonly ClaimedSpan[]): string {
  const { from, to } = daysAround(spans.map(({ start }) => start));
  return `select ${ID_NAMES('item')} from ${rowsOf('item', SPAN_COLUMNS, spans)}
    where exists (select 1 from spans span where span.trace_id = item.trace_id and span.span_id = item.span_id
      and span.workspace = item.workspace and span.start_time_unix_nano between ${from} and ${to} offset 0)`;
}

const [MIN_TIME, MAX_TIME] = [-(2n ** 63n), 2n ** 63n - 1n];

/** As literals, so that only partitions of these days are planned for. */
export function daysAround(times: readonly bigint[]): { from: string; to: string } {
  let [earliest, latest] = [times[0]!, times[0]!];
  for (const time of times) {
    if (time < earliest) earliest = time;
    if (time > latest) latest = time;
  }
  const from = earliest < MIN_TIME + DAY_NANO ? MIN_TIME : earliest - DAY_NANO;
  const to = latest > MAX_TIME - DAY_NANO ? MAX_TIME : latest + DAY_NANO;
  return { from: `'${from}'::bigint`, to: `'${to}'::bigint` };
}

function declare(traces: readonly DeclaredTrace[]): string {
  const rows = traces.map(({ workspace, received, record: { traceId, ...record } }) => ({
    ...record,
    workspace,
    received,
    trace_id: hexOf(traceId),
  }));
  const columns = `workspace text, received bigint, trace_id uuid, "traceIdText" text, "promptName" text,
    "versionTag" text, metadata text, "createdTimeUnixMs" bigint`;
  return `insert into trace_records (created_time_unix_ms, received_time_unix_ms, trace_id, workspace, trace_id_text,
      prompt_name, version_tag, metadata)
    select "createdTimeUnixMs", received, trace_id, workspace, "traceIdText", "promptName", "versionTag", metadata
    from ${rowsOf('item', columns, rows)}
    on conflict do nothing returning workspace, replace(trace_id::text, '-', '') as trace_id`;
}

/**
 * Keeps apart those who change what stands of a trace: revisions and deletions. One of 256 locks, since they may be for
 * any number of traces; in order, so that none waits in a ring, and before anything else is claimed.
 */
export function lockTraces(traceIds: Iterable<Uint8Array>): string {
  const buckets = new Set([...traceIds].map((id) => id[15]!));
  const sorted = [...buckets].sort((a, b) => a - b).join(',');
  return `select pg_advisory_xact_lock(${TRACES_LOCK}, bucket) from unnest('{${sorted}}'::int[]) as bucket`;
}
