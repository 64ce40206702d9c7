/**
 * Revised spans take the place of stored ones: the old rows go, the new ones come with the batch's COPY, and what the trace
 * list knows of their traces is put right. All of it under the lock of these traces (claims.ts).
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type DeclaredTrace, daysAround } from './claims.js';
import { hexOf, traceIdArray, traceKey } from './native-ids.js';
import type { Revision } from './settle.js';
import type { Shared } from './shared-rows.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';
import { signed } from './time.js';
import type { TraceBatches } from './trace-batches.js';

const STATUS_ERROR = 2;

export interface TraceName {
  workspace: string;
  traceId: Uint8Array;
}

/** What a revised span was. */
interface OldSpan {
  start: bigint;
  end: bigint;
  failed: boolean;
  /** Of a root only. */
  rootName: string | undefined;
  resource: bigint;
}

/** Revisions with the rows that they took the place of: mostly one, none of a span that is new. */
export type Replaced = readonly { revision: Revision; old: OldSpan[] }[];

export async function removeRevised(client: pg.ClientBase, revisions: readonly Revision[]): Promise<Replaced> {
  if (revisions.length === 0) return [];
  const near = revisions.filter((revision) => revision.near !== undefined);
  // Of the others nobody knows whether they are there: every day is asked.
  const anywhere = revisions.filter((revision) => revision.near === undefined);
  const results = await runTogether(client, [
    BY_INDEX,
    ...(near.length > 0 ? [remove(near, daysAround(near.map((revision) => revision.near!)))] : []),
    ...(anywhere.length > 0 ? [remove(anywhere, undefined)] : []),
  ]);
  const old = new Map<string, OldSpan[]>(revisions.map(({ key }) => [key, []]));
  for (const row of results.flatMap(({ rows }) => rows)) {
    old.get(`${row.workspace}/${row.trace_id}${row.span_id}`)!.push(oldSpanOf(row));
  }
  return revisions.map((revision) => ({ revision, old: old.get(revision.key)! }));
}

function remove(revisions: readonly Revision[], days: { from: string; to: string } | undefined): string {
  const rows = revisions.map(({ workspace, span }) => ({
    workspace,
    trace_id: hexOf(span.traceId),
    span_id: `\\x${hexOf(span.spanId)}`,
  }));
  const within = days ? `and span.start_time_unix_nano between ${days.from} and ${days.to}` : '';
  return `delete from spans span using ${rowsOf('item', 'workspace text, trace_id uuid, span_id bytea', rows)}
    where span.trace_id = any(${traceIdArray(revisions.map((revision) => revision.span.traceId))})
      and span.trace_id = item.trace_id and span.span_id = item.span_id and span.workspace = item.workspace ${within}
    returning span.workspace, replace(span.trace_id::text, '-', '') as trace_id, encode(span.span_id, 'hex') as span_id,
      start_time_unix_nano::text as start, end_time_unix_nano::text as end, status_code, resource_id::text as resource,
      case when parent_span_id is null then name end as root_name`;
}

function oldSpanOf(row: Record<string, unknown>): OldSpan {
  return {
    start: BigInt(row.start as string),
    end: BigInt(row.end as string),
    failed: row.status_code === STATUS_ERROR,
    rootName: (row.root_name as string | null) ?? undefined,
    resource: BigInt(row.resource as string),
  };
}

/**
 * Takes from the batch's share of each trace what was counted before. A span that was only closed, as most are, leaves a
 * row that moves the trace's end; of the others the traces are named, to be summed up anew from their spans.
 */
export function correctTraces(traces: TraceBatches, replaced: Replaced, shared: Shared): TraceName[] {
  const anew = new Map<string, TraceName>();
  for (const { revision, old } of replaced) {
    const { workspace, span } = revision;
    const [before, ...more] = old;
    if (!before) continue;
    if (more.length === 0 && onlyGrew(before, revision, shared)) traces.uncount(workspace, span.traceId, before.failed);
    else anew.set(traceKey(workspace, span.traceId), { workspace, traceId: span.traceId });
  }
  for (const { workspace, traceId } of anew.values()) traces.drop(workspace, traceId);
  return [...anew.values()];
}

function onlyGrew(before: OldSpan, { workspace, span }: Revision, shared: Shared): boolean {
  const rootName = span.parentSpanId === undefined ? span.name : undefined;
  return (
    before.start === signed(span.startTimeUnixNano) &&
    before.end <= signed(span.endTimeUnixNano) &&
    (!before.failed || span.statusCode === STATUS_ERROR) &&
    before.rootName === rootName &&
    before.resource === shared.resources.idOf(workspace, span.resource)
  );
}

/** Claims whose spans start at another time now; one made in this batch may be of what an earlier frame said. */
export function moveClaims(replaced: Replaced): string[] {
  const rows = replaced
    .filter(({ revision: { near, span } }) => near !== signed(span.startTimeUnixNano))
    .map(({ revision: { workspace, span } }) => ({
      workspace,
      trace_id: hexOf(span.traceId),
      span_id: `\\x${hexOf(span.spanId)}`,
      start: signed(span.startTimeUnixNano),
    }));
  if (rows.length === 0) return [];
  return [
    `update native_spans native set start_time_unix_nano = item.start
     from ${rowsOf('item', 'workspace text, trace_id uuid, span_id bytea, start bigint', rows)}
     where native.trace_id = item.trace_id and native.span_id = item.span_id and native.workspace = item.workspace`,
  ];
}

/**
 * One row for all spans of each trace, and one for its declaration. Whoever else writes spans meanwhile adds rows of its
 * own: either this statement sees its spans and its rows, or neither. To be run BY_INDEX.
 */
export function sumUpAnew(traces: readonly TraceName[]): string[] {
  if (traces.length === 0) return [];
  const rows = traces.map(({ workspace, traceId }) => ({ workspace, trace_id: hexOf(traceId) }));
  const ids = traceIdArray(traces.map(({ traceId }) => traceId));
  return [
    `with wanted as materialized (select * from ${rowsOf('item', 'workspace text, trace_id uuid', rows)}),
     gone as (
       delete from trace_batches batch using wanted
       where batch.trace_id = any(${ids}) and batch.trace_id = wanted.trace_id and batch.workspace || '' = wanted.workspace
     )
     insert into trace_batches (start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, batch_id,
       root_start_time_unix_nano, span_count, error_count, trace_id, workspace, root_name, services, declares)
     select min(span.start_time_unix_nano), max(span.end_time_unix_nano), min(span.received_time_unix_ms), ${batchId()},
       min(span.start_time_unix_nano) filter (where span.parent_span_id is null),
       count(*), count(*) filter (where span.status_code = ${STATUS_ERROR}), wanted.trace_id, wanted.workspace,
       (array_agg(span.name order by span.start_time_unix_nano) filter (where span.parent_span_id is null))[1],
       coalesce(array_agg(distinct resource.service_name) filter (where resource.service_name <> ''), '{}'), null
     from wanted join spans span on span.trace_id = any(${ids}) and span.trace_id = wanted.trace_id
         and span.workspace = wanted.workspace
       join resources resource on resource.workspace = wanted.workspace and resource.id = span.resource_id
     group by wanted.workspace, wanted.trace_id
     union all ${declarations('wanted join trace_records using (trace_id, workspace)')}`,
  ];
}

/** Another number than any row of the same trace has: where times are equal, it tells which row the trace begins with. */
function batchId(): string {
  return `'${randomBytes(8).readBigInt64BE()}'::bigint`;
}

/** Declarations put their traces into the list. */
export function listDeclared(declared: readonly DeclaredTrace[]): string[] {
  if (declared.length === 0) return [];
  const rows = declared.map(({ workspace, received, record: { traceId, createdTimeUnixMs } }) => ({
    workspace,
    trace_id: hexOf(traceId),
    created_time_unix_ms: createdTimeUnixMs,
    received_time_unix_ms: received,
  }));
  const columns = 'workspace text, trace_id uuid, created_time_unix_ms bigint, received_time_unix_ms bigint';
  return [
    `insert into trace_batches (start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, batch_id,
       root_start_time_unix_nano, span_count, error_count, trace_id, workspace, root_name, services, declares)
     ${declarations(rowsOf('item', columns, rows))}`,
  ];
}

function declarations(records: string): string {
  return `select created_time_unix_ms * 1000000, created_time_unix_ms * 1000000, received_time_unix_ms, ${batchId()},
      null::bigint, 0, 0, trace_id, workspace, null, '{}'::text[], true
    from ${records}`;
}
