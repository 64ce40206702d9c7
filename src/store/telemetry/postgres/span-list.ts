/** Spans of one trace, page by page: found by the index of ids, and sorted. */
import type { Page } from '../../page.js';
import type { SpanQuery, StoredSpan } from '../telemetry.js';
import { addAttributes, addRange, addService, Conditions } from './conditions.js';
import { restoreSpans } from './contents.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import { readShared, type SpanRow, spanOf } from './records.js';

/** A span that a client sent with two start times is two rows: the earlier one is shown, as it is in the trace. */
const IS_FIRST = `not exists (
  select 1 from spans earlier where earlier.trace_id = item.trace_id and earlier.span_id = item.span_id
    and earlier.workspace = item.workspace and earlier.start_time_unix_nano < item.start_time_unix_nano
  offset 0)`;

function matching(query: SpanQuery, hasTwins: boolean): Matching {
  const conditions = new Conditions();
  const trace = conditions.value(idOf(query));
  conditions.add('item.workspace = ?', query.workspace);
  addRange(conditions, 'item.start_time_unix_nano', query);
  if (query.name !== undefined) conditions.add('item.name = ?', query.name);
  if (query.kind !== undefined) conditions.add('item.kind = ?', query.kind);
  if (query.statusCode !== undefined) conditions.add('item.status_code = ?', query.statusCode);
  addService(conditions, 'item', query);
  addAttributes(conditions, 'item', query);
  if (hasTwins) conditions.add(IS_FIRST);
  return { from: `(select * from spans where trace_id = ${trace} offset 0) item`, conditions };
}

function idOf({ traceId }: SpanQuery): string {
  return Buffer.from(traceId).toString('hex');
}

const ORDER: PageQuery['order'] = {
  time: 'item.start_time_unix_nano',
  tie: 'item.span_id',
  tieType: 'bytea',
  tieRuns: 'with time',
};

/** Undefined when there is no such trace. */
export async function listSpans(source: ListSource, wanted: SpanQuery): Promise<Page<StoredSpan> | undefined> {
  const counted = await countSpans(source.queries, wanted);
  if (counted.rows === 0) return (await isDeclared(source.queries, wanted)) ? NO_SPANS : undefined;
  // Few traces have any, and to ask it of every row of a large one takes longer than to count.
  const hasTwins = counted.rows > counted.spans;
  const query = { matching: () => matching(wanted, hasTwins), columns: 'item.*', order: ORDER, countsAll: true };
  const { rows, ...page } = await readPage<SpanRow>(source, query, wanted);
  const shared = await readShared(source.queries, wanted.workspace, rows);
  const items = rows.map((row) => spanOf(row, shared));
  await restoreSpans(source.queries, wanted.workspace, items);
  return { items, ...page };
}

const NO_SPANS: Page<StoredSpan> = { items: [], total: 0, totalRelation: 'eq' };

async function countSpans(queries: Queries, query: SpanQuery): Promise<{ rows: number; spans: number }> {
  const sql = `select count(*)::int as rows, count(distinct span_id)::int as spans from spans
    where trace_id = $1 and workspace = $2`;
  const [counted] = await queries.rows<{ rows: number; spans: number }>(sql, [idOf(query), query.workspace]);
  return counted!;
}

async function isDeclared(queries: Queries, query: SpanQuery): Promise<boolean> {
  const sql = 'select 1 from trace_records where trace_id = $1 and workspace = $2';
  return (await queries.rows(sql, [idOf(query), query.workspace])).length > 0;
}
