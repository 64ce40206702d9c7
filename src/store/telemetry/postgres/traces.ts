/**
 * Reading traces. A trace list walks the newest batch rows by their index and keeps those with which a trace begins: they
 * stand in the order of the traces, so a page costs as much at the end of the list as at its beginning.
 */
import type { Span } from '../../../model/telemetry.js';
import type { Page, StoredSpan, StoredTrace, TraceQuery, TraceSummary } from '../telemetry.js';
import { addAfter, addAttributes, addRange, Conditions, countOf, totalOf } from './conditions.js';
import type { Query } from './queries.js';
import { idOfUuid, readShared, type SpanRow, spanOf } from './records.js';
import { unsigned } from './time.js';

interface HeadRow {
  trace_id: string;
  start_time_unix_nano: bigint;
}

interface BatchRow {
  trace_id: string;
  start_time_unix_nano: bigint;
  end_time_unix_nano: bigint;
  received_time_unix_ms: bigint;
  root_start_time_unix_nano: bigint | null;
  root_name: string | null;
  span_count: number;
  error_count: number;
  services: string[];
}

const BATCH_COLUMNS = `trace_id, start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, root_start_time_unix_nano,
  root_name, span_count, error_count, services`;

/**
 * The row of a trace's earliest batch. OFFSET 0 keeps the planner from turning the probe of an index into a join of the
 * whole table with itself: it doesn't know that the page ends soon.
 */
const IS_HEAD = `not exists (
  select 1 from trace_batches earlier
  where earlier.trace_id = head.trace_id and earlier.workspace = head.workspace
    and earlier.start_time_unix_nano <= head.start_time_unix_nano
    and (earlier.start_time_unix_nano, earlier.batch_id) < (head.start_time_unix_nano, head.batch_id)
  offset 0)`;

const BATCHES_OF_HEAD = `from trace_batches batch
  where batch.trace_id = head.trace_id and batch.workspace = head.workspace`;

function conditionsOf(query: TraceQuery): Conditions {
  const conditions = new Conditions();
  conditions.add('head.workspace = ?', query.workspace);
  addRange(conditions, 'head.start_time_unix_nano', query);
  conditions.add(IS_HEAD);
  if (query.service !== undefined) {
    conditions.add(`exists (select 1 ${BATCHES_OF_HEAD} and ? = any(batch.services) offset 0)`, query.service);
  }
  if (query.status !== undefined) {
    const not = query.status === 'ok' ? 'not ' : '';
    conditions.add(`${not}exists (select 1 ${BATCHES_OF_HEAD} and batch.error_count > 0 offset 0)`);
  }
  if (query.minDurationNano !== undefined) {
    const latestEnd = `(select max(batch.end_time_unix_nano) ${BATCHES_OF_HEAD})`;
    conditions.add(`${latestEnd} - head.start_time_unix_nano >= ?`, query.minDurationNano);
  }
  if (query.name !== undefined) {
    const rootName = `(select batch.root_name ${BATCHES_OF_HEAD} and batch.root_name is not null
      order by batch.root_start_time_unix_nano limit 1)`;
    conditions.add(`${rootName} = ?`, query.name);
  }
  if (query.attributes?.length) addSpanAttributes(conditions, query);
  return conditions;
}

/** All of them on one and the same span. */
function addSpanAttributes(conditions: Conditions, query: TraceQuery): void {
  const ofSpan = new Conditions();
  ofSpan.values.push(...conditions.values);
  addAttributes(ofSpan, 'span', query);
  conditions.values.splice(0, Number.POSITIVE_INFINITY, ...ofSpan.values);
  conditions.add(`exists (select 1 from spans span
    where span.trace_id = head.trace_id and span.workspace = head.workspace and ${ofSpan.sql} offset 0)`);
}

export async function listTraces(query: Query, wanted: TraceQuery): Promise<Page<TraceSummary>> {
  const [heads, [counted]] = await Promise.all([readHeads(query, wanted), countTraces(query, wanted)]);
  const page = heads.slice(0, wanted.limit);
  const last = page.at(-1);
  return {
    items: await summarise(query, wanted.workspace, page),
    ...totalOf(counted!.total),
    ...(heads.length > page.length && last
      ? { next: { timeUnixNano: unsigned(last.start_time_unix_nano), id: hexOfUuid(last.trace_id) } }
      : {}),
  };
}

/** One more than the page, to know whether there is a next. */
function readHeads(query: Query, wanted: TraceQuery): Promise<HeadRow[]> {
  const conditions = conditionsOf(wanted);
  if (wanted.after) {
    addAfter(conditions, { time: 'head.start_time_unix_nano', tie: 'head.trace_id', type: 'uuid' }, wanted.after);
  }
  const page = `limit ${conditions.value(wanted.limit + 1)} offset ${conditions.value(wanted.offset ?? 0)}`;
  return query<HeadRow>(
    `select head.trace_id, head.start_time_unix_nano from trace_batches head where ${conditions.sql}
     order by head.start_time_unix_nano desc, head.trace_id ${page}`,
    conditions.values,
  );
}

function countTraces(query: Query, wanted: TraceQuery): Promise<{ total: number }[]> {
  const conditions = conditionsOf(wanted);
  return query(countOf(`from trace_batches head where ${conditions.sql}`), conditions.values);
}

/** In the order of the heads. */
async function summarise(query: Query, workspace: string, heads: readonly HeadRow[]): Promise<TraceSummary[]> {
  if (heads.length === 0) return [];
  const ids = heads.map((head) => head.trace_id);
  const batches = await readBatches(query, workspace, ids);
  const rootless = ids.filter((id) => batches.get(id)?.every((batch) => batch.root_name === null));
  const names = rootless.length > 0 ? await readRootlessNames(query, workspace, rootless) : new Map<string, string>();
  return ids.map((id) => merge(id, batches.get(id)!, names.get(id) ?? ''));
}

async function readBatches(query: Query, workspace: string, ids: readonly string[]): Promise<Map<string, BatchRow[]>> {
  const sql = `select ${BATCH_COLUMNS} from trace_batches where workspace = $1 and trace_id = any($2::uuid[])`;
  const rows = await query<BatchRow>(sql, [workspace, ids]);
  const byTrace = new Map<string, BatchRow[]>(ids.map((id) => [id, []]));
  for (const row of rows) byTrace.get(row.trace_id)!.push(row);
  return byTrace;
}

/** Of the earliest span without a known parent; when there is none, because ids run in a ring, of the earliest. */
async function readRootlessNames(
  query: Query,
  workspace: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await query<{ trace_id: string; name: string }>(
    `select distinct on (span.trace_id) span.trace_id, span.name from spans span
     where span.workspace = $1 and span.trace_id = any($2::uuid[])
     order by span.trace_id, exists (
       select 1 from spans parent where parent.workspace = span.workspace and parent.trace_id = span.trace_id
         and parent.span_id = span.parent_span_id offset 0), span.start_time_unix_nano, span.span_id`,
    [workspace, ids],
  );
  return new Map(rows.map((row) => [row.trace_id, row.name]));
}

function merge(id: string, batches: readonly BatchRow[], rootlessName: string): TraceSummary {
  const first = batches[0]!;
  const merged = {
    start: first.start_time_unix_nano,
    end: first.end_time_unix_nano,
    received: first.received_time_unix_ms,
  };
  let root = first;
  let [spanCount, errorCount] = [0, 0];
  for (const batch of batches) {
    if (batch.start_time_unix_nano < merged.start) merged.start = batch.start_time_unix_nano;
    if (batch.end_time_unix_nano > merged.end) merged.end = batch.end_time_unix_nano;
    if (batch.received_time_unix_ms < merged.received) merged.received = batch.received_time_unix_ms;
    if (hasEarlierRoot(batch, root)) root = batch;
    spanCount += batch.span_count;
    errorCount += batch.error_count;
  }
  return {
    traceId: idOfUuid(id),
    name: root.root_name ?? rootlessName,
    startTimeUnixNano: unsigned(merged.start),
    endTimeUnixNano: unsigned(merged.end),
    spanCount,
    errorCount,
    services: [...new Set(batches.flatMap((batch) => batch.services))].sort(),
    receivedTimeUnixMs: Number(merged.received),
  };
}

function hasEarlierRoot(batch: BatchRow, than: BatchRow): boolean {
  if (batch.root_start_time_unix_nano === null) return false;
  return than.root_start_time_unix_nano === null || batch.root_start_time_unix_nano < than.root_start_time_unix_nano;
}

export async function getTrace(query: Query, workspace: string, traceId: Uint8Array): Promise<StoredTrace | undefined> {
  const id = Buffer.from(traceId).toString('hex');
  const rows = await query<SpanRow>(
    `select * from spans where trace_id = $1 and workspace = $2 order by start_time_unix_nano, span_id`,
    [id, workspace],
  );
  if (rows.length === 0) return undefined;
  const [shared, [summary]] = await Promise.all([
    readShared(query, workspace, rows),
    summarise(query, workspace, [{ trace_id: rows[0]!.trace_id, start_time_unix_nano: 0n }]),
  ]);
  return { summary: summary!, spans: distinct(rows.map((row) => spanOf(row, shared))) };
}

/** A client that sent one span with two start times has it twice: they are two rows, in two days perhaps. */
function distinct(spans: readonly StoredSpan[]): StoredSpan[] {
  const seen = new Set<string>();
  return spans.filter(({ spanId }) => {
    const id = Buffer.from(spanId).toString('latin1');
    return !seen.has(id) && seen.add(id);
  });
}

export async function getSpan(
  query: Query,
  workspace: string,
  traceId: Uint8Array,
  spanId: Span['spanId'],
): Promise<StoredSpan | undefined> {
  const rows = await query<SpanRow>(
    `select * from spans where trace_id = $1 and span_id = $2 and workspace = $3 order by start_time_unix_nano limit 1`,
    [Buffer.from(traceId).toString('hex'), Buffer.from(spanId), workspace],
  );
  return rows[0] && spanOf(rows[0], await readShared(query, workspace, rows));
}

function hexOfUuid(uuid: string): string {
  return uuid.replaceAll('-', '');
}
