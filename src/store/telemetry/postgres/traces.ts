/**
 * Reading traces. A trace list walks the newest batch rows by their index and keeps those with which a trace begins: they
 * stand in the order of the traces, so a page costs as much at the end of the list as at its beginning.
 */
import type { Span } from '../../../model/telemetry.js';
import type { Page } from '../../page.js';
import {
  type ListQuery,
  MAX_TRACE_SPANS,
  type StoredSpan,
  type StoredTrace,
  type TraceQuery,
  type TraceSummary,
} from '../telemetry.js';
import { addAttributes, addRange, Conditions } from './conditions.js';
import { restoreSpans } from './contents.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import { idOfUuid, readShared, type SpanRow, spanOf, uuidOf } from './records.js';
import { unsigned } from './time.js';
import { readTraceRecords } from './trace-records.js';

interface HeadRow {
  trace_id: string;
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
  declares: boolean | null;
}

const BATCH_COLUMNS = `trace_id, start_time_unix_nano, end_time_unix_nano, received_time_unix_ms, root_start_time_unix_nano,
  root_name, span_count, error_count, services, declares`;

/**
 * Other batches of the same trace, found by the index on trace ids alone: for a planner without statistics the index on
 * (workspace, start) looks as good, and costs a thousand times as much. Concatenation keeps that one out of its reach.
 */
const SAME_TRACE = (batch: string) => `${batch}.trace_id = head.trace_id and ${batch}.workspace || '' = head.workspace`;

/**
 * The row of a trace's earliest batch. OFFSET 0 keeps the planner from turning the probe of an index into a join of the
 * whole table with itself: it doesn't know that the page ends soon.
 */
const IS_HEAD = `not exists (
  select 1 from trace_batches earlier where ${SAME_TRACE('earlier')}
    and earlier.start_time_unix_nano <= head.start_time_unix_nano
    and (earlier.start_time_unix_nano, earlier.batch_id) < (head.start_time_unix_nano, head.batch_id)
  offset 0)`;

/** No batch of a trace starts before its head: the partitions of earlier days are left out. */
const BATCHES_OF_HEAD = `from trace_batches batch
  where ${SAME_TRACE('batch')} and batch.start_time_unix_nano >= head.start_time_unix_nano`;

function conditionsOf(query: TraceQuery, few: readonly string[] | undefined): Conditions {
  const conditions = new Conditions();
  conditions.add('head.workspace = ?', query.workspace);
  addRange(conditions, 'head.start_time_unix_nano', query);
  if (few) conditions.add('head.trace_id = any(?::uuid[])', few);
  const filters = new Conditions(conditions.values);
  addFilters(filters, query);
  // CASE fixes the order: whether a row is a head takes a probe into every earlier day, and is asked of few when asked last.
  conditions.add(filters.sql === '' ? IS_HEAD : `case when ${filters.sql} then ${IS_HEAD} else false end`);
  return conditions;
}

function addFilters(conditions: Conditions, query: TraceQuery): void {
  if (query.status !== undefined) addStatus(conditions, query.status);
  if (isOfDeclaration(query)) addDeclaration(conditions, query);
  if (query.name !== undefined) addRootName(conditions, query.name);
  if (query.service !== undefined) {
    const inOthers = `exists (select 1 ${BATCHES_OF_HEAD} and ? = any(batch.services) offset 0)`;
    conditions.add(`(? = any(head.services) or ${inOthers})`, query.service, query.service);
  }
  if (query.minDurationNano !== undefined) {
    // As numeric: the difference of two times that no clock should tell may be none of 64 bits. A trace without spans has none.
    const duration = `(select max(batch.end_time_unix_nano)::numeric - min(batch.start_time_unix_nano) ${BATCHES_OF_HEAD}
      and batch.declares is null)`;
    conditions.add(`coalesce(${duration}, 0) >= ?::numeric`, query.minDurationNano);
  }
  if (query.attributes?.length) addSpanAttributes(conditions, query);
}

function addStatus(conditions: Conditions, status: 'ok' | 'error'): void {
  const failed = `(head.error_count > 0 or exists (select 1 ${BATCHES_OF_HEAD} and batch.error_count > 0 offset 0))`;
  conditions.add(status === 'error' ? failed : `not ${failed}`);
}

/** A root that is the earliest span of all, as it mostly is, is the earliest root: then no other batch is looked at. */
function addRootName(conditions: Conditions, name: string): void {
  const earliest = `(select batch.root_name ${BATCHES_OF_HEAD} and batch.root_name is not null
    order by batch.root_start_time_unix_nano limit 1)`;
  conditions.add(
    `case when head.root_start_time_unix_nano = head.start_time_unix_nano then head.root_name = ? else ${earliest} = ? end`,
    name,
    name,
  );
}

/** All of them on one and the same span. */
function addSpanAttributes(conditions: Conditions, query: ListQuery): void {
  const ofSpan = new Conditions(conditions.values);
  addAttributes(ofSpan, 'span', query);
  conditions.add(`exists (select 1 from spans span
    where ${SAME_TRACE('span')} and span.start_time_unix_nano >= head.start_time_unix_nano
      and ${ofSpan.sql} offset 0)`);
}

function isOfDeclaration({ promptName, versionTag }: TraceQuery): boolean {
  return promptName !== undefined || versionTag !== undefined;
}

function addDeclared(conditions: Conditions, { promptName, versionTag }: TraceQuery): void {
  if (promptName !== undefined) conditions.add('record.prompt_name = ?', promptName);
  if (versionTag !== undefined) conditions.add('record.version_tag = ?', versionTag);
}

function addDeclaration(conditions: Conditions, query: TraceQuery): void {
  const ofRecord = new Conditions(conditions.values);
  addDeclared(ofRecord, query);
  conditions.add(`exists (select 1 from trace_records record
    where record.trace_id = head.trace_id and record.workspace || '' = head.workspace and ${ofRecord.sql} offset 0)`);
}

/** When fewer traces than this come into question, they are looked up; when more do, walking the list soon fills a page. */
const FEW = 1_000;

/** Traces among which all are that match; undefined when they are many. */
async function findFew(queries: Queries, query: TraceQuery): Promise<string[] | undefined> {
  const declared = isOfDeclaration(query) ? await fewOf(queries, declaredTraces(query)) : undefined;
  return declared ?? (query.status === 'error' ? await fewOf(queries, failedTraces(query)) : undefined);
}

async function fewOf(queries: Queries, { from, conditions }: Matching): Promise<string[] | undefined> {
  const sql = `select trace_id from ${from} where ${conditions.sql} limit ${FEW + 1}`;
  const rows = await queries.rows<{ trace_id: string }>(sql, conditions.values);
  return rows.length > FEW ? undefined : [...new Set(rows.map((row) => row.trace_id))];
}

function declaredTraces(query: TraceQuery): Matching {
  const conditions = new Conditions();
  conditions.add('record.workspace = ?', query.workspace);
  addDeclared(conditions, query);
  return { from: 'trace_records record', conditions };
}

function failedTraces(query: TraceQuery): Matching {
  const conditions = new Conditions();
  conditions.add('head.workspace = ? and head.error_count > 0', query.workspace);
  // A trace that begins in the range may fail later; none that begins after it can.
  const { toUnixNano: _, ...range } = query;
  addRange(conditions, 'head.start_time_unix_nano', range);
  return { from: 'trace_batches head', conditions };
}

function walkedRows(query: TraceQuery): Matching {
  const conditions = new Conditions();
  conditions.add('head.workspace = ?', query.workspace);
  addRange(conditions, 'head.start_time_unix_nano', query);
  return { from: 'trace_batches head', conditions };
}

export async function listTraces(source: ListSource, wanted: TraceQuery): Promise<Page<TraceSummary>> {
  const few = await findFew(source.queries, wanted);
  const heads: PageQuery = {
    matching: () => ({ from: 'trace_batches head', conditions: conditionsOf(wanted, few) }),
    walked: few ? undefined : () => walkedRows(wanted),
    columns: 'head.trace_id',
    order: { time: 'head.start_time_unix_nano', tie: 'head.trace_id', tieType: 'uuid', tieRuns: 'against time' },
  };
  const { rows, ...page } = await readPage<HeadRow>(source, heads, wanted);
  const ids = rows.map((row) => row.trace_id);
  return { items: await summarise(source.queries, wanted.workspace, ids), ...page };
}

/** In the order of the ids; without those that were deleted meanwhile. */
async function summarise(queries: Queries, workspace: string, all: readonly string[]): Promise<TraceSummary[]> {
  if (all.length === 0) return [];
  const [batches, records] = await Promise.all([
    readBatches(queries, workspace, all),
    readTraceRecords(queries, workspace, all),
  ]);
  const ids = all.filter((id) => batches.get(id)!.length > 0);
  const rootless = ids.filter((id) => batches.get(id)?.every((batch) => batch.root_name === null));
  const names = rootless.length > 0 ? await readRootlessNames(queries, workspace, rootless) : new Map<string, string>();
  return ids.map((id) => ({ ...merge(id, batches.get(id)!, names.get(id) ?? ''), ...records.get(id) }));
}

async function readBatches(
  queries: Queries,
  workspace: string,
  ids: readonly string[],
): Promise<Map<string, BatchRow[]>> {
  const sql = `select ${BATCH_COLUMNS} from trace_batches
    where workspace || '' = $1 and trace_id = any($2::uuid[])`;
  const rows = await queries.rows<BatchRow>(sql, [workspace, ids]);
  const byTrace = new Map<string, BatchRow[]>(ids.map((id) => [id, []]));
  for (const row of rows) byTrace.get(row.trace_id)!.push(row);
  return byTrace;
}

/** Of the earliest span without a known parent; when there is none, because ids run in a ring, of the earliest. */
async function readRootlessNames(
  queries: Queries,
  workspace: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await queries.rows<{ trace_id: string; name: string }>(
    `select distinct on (span.trace_id) span.trace_id, span.name from spans span
     where span.workspace = $1 and span.trace_id = any($2::uuid[])
     order by span.trace_id, exists (
       select 1 from spans parent where parent.workspace = span.workspace and parent.trace_id = span.trace_id
         and parent.span_id = span.parent_span_id offset 0), span.start_time_unix_nano, span.span_id`,
    [workspace, ids],
  );
  return new Map(rows.map((row) => [row.trace_id, row.name]));
}

/** A declaration tells of times only where there are no spans. */
function merge(id: string, rows: readonly BatchRow[], rootlessName: string): TraceSummary {
  const ofSpans = rows.filter((row) => !row.declares);
  const batches = ofSpans.length > 0 ? ofSpans : rows;
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

export async function getTrace(
  queries: Queries,
  workspace: string,
  traceId: Uint8Array,
): Promise<StoredTrace | undefined> {
  const id = Buffer.from(traceId).toString('hex');
  const rows = await queries.rows<SpanRow>(
    `select * from spans where trace_id = $1 and workspace = $2 order by start_time_unix_nano, span_id limit $3`,
    [id, workspace, MAX_TRACE_SPANS + 1],
  );
  if (rows.length === 0) return await getDeclared(queries, workspace, id);
  const truncated = rows.length > MAX_TRACE_SPANS;
  if (truncated) rows.pop();
  const [shared, [summary]] = await Promise.all([
    readShared(queries, workspace, rows),
    summarise(queries, workspace, [rows[0]!.trace_id]),
  ]);
  if (!summary) return undefined;
  const spans = distinct(rows.map((row) => spanOf(row, shared)));
  await restoreSpans(queries, workspace, spans);
  return { summary, spans, ...(truncated && { truncated }) };
}

async function getDeclared(queries: Queries, workspace: string, id: string): Promise<StoredTrace | undefined> {
  const [summary] = await summarise(queries, workspace, [uuidOf(id)]);
  return summary && { summary, spans: [] };
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
  queries: Queries,
  workspace: string,
  traceId: Uint8Array,
  spanId: Span['spanId'],
): Promise<StoredSpan | undefined> {
  const rows = await queries.rows<SpanRow>(
    `select * from spans where trace_id = $1 and span_id = $2 and workspace = $3 order by start_time_unix_nano limit 1`,
    [Buffer.from(traceId).toString('hex'), Buffer.from(spanId), workspace],
  );
  if (!rows[0]) return undefined;
  const span = spanOf(rows[0], await readShared(queries, workspace, rows));
  await restoreSpans(queries, workspace, [span]);
  return span;
}
