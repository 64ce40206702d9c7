/** Spans of one trace, page by page: found by the index of ids, and sorted. */
import type { Page, SpanQuery, StoredSpan } from '../telemetry.js';
import { addAttributes, addRange, addService, Conditions } from './conditions.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import { readShared, type SpanRow, spanOf } from './records.js';

/** A span that a client sent with two start times is two rows: the earlier one is shown, as it is in the trace. */
const IS_FIRST = `not exists (
  select 1 from spans earlier where earlier.trace_id = item.trace_id and earlier.span_id = item.span_id
    and earlier.workspace = item.workspace and earlier.start_time_unix_nano < item.start_time_unix_nano
  offset 0)`;

function matching(query: SpanQuery): Matching {
  const conditions = new Conditions();
  const trace = conditions.value(idOf(query));
  conditions.add('item.workspace = ?', query.workspace);
  addRange(conditions, 'item.start_time_unix_nano', query);
  if (query.name !== undefined) conditions.add('item.name = ?', query.name);
  if (query.kind !== undefined) conditions.add('item.kind = ?', query.kind);
  if (query.statusCode !== undefined) conditions.add('item.status_code = ?', query.statusCode);
  addService(conditions, 'item', query);
  addAttributes(conditions, 'item', query);
  conditions.add(IS_FIRST);
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
  const query: PageQuery = { matching: () => matching(wanted), columns: 'item.*', order: ORDER, countsAll: true };
  const { rows, ...page } = await readPage<SpanRow>(source, query, wanted);
  if (page.total === 0 && !(await isThere(source.queries, wanted))) return undefined;
  const shared = await readShared(source.queries, wanted.workspace, rows);
  return { items: rows.map((row) => spanOf(row, shared)), ...page };
}

/** Whatever puts a trace into the list: a declaration, or spans. */
async function isThere(queries: Queries, query: SpanQuery): Promise<boolean> {
  const sql = `select 1 from trace_batches where trace_id = $1 and workspace || '' = $2 limit 1`;
  return (await queries.rows(sql, [idOf(query), query.workspace])).length > 0;
}
