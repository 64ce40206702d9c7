/** A page of a list: its rows and, beside them, how many there are in all. */
import type { Keyset, ListQuery, Page } from '../telemetry.js';
import type { Conditions } from './conditions.js';
import type { Queries } from './queries.js';

export interface PageQuery<Row> {
  /** FROM and WHERE without the place in the list; made anew for each use. */
  matching(): { from: string; conditions: Conditions };
  /** What the page selects. */
  columns: string;
  order: { time: string; tie: string; tieType: string };
  keysetOf(row: Row): Keyset;
}

export interface RowPage<Row> extends Omit<Page<never>, 'items'> {
  rows: Row[];
}

/** Rows are counted up to here, and this long: nobody reads a greater number, and counting must not cost more than the page. */
const MAX_COUNTED = 10_000;
const COUNT_BUDGET_MS = 2_000;

export async function readPage<Row extends object>(
  queries: Queries,
  query: PageQuery<Row>,
  wanted: ListQuery,
): Promise<RowPage<Row>> {
  const [found, counted] = await Promise.all([readRows(queries, query, wanted), count(queries, query)]);
  const rows = found.slice(0, wanted.limit);
  const more = found.length > rows.length;
  return {
    rows,
    ...(counted === undefined ? atLeast(wanted, found.length) : totalOf(counted)),
    ...(more && rows.length > 0 ? { next: query.keysetOf(rows.at(-1)!) } : {}),
  };
}

/** One more than the page, to know whether there is a next. */
function readRows<Row extends object>(queries: Queries, query: PageQuery<Row>, wanted: ListQuery): Promise<Row[]> {
  const { from, conditions } = query.matching();
  const { time, tie } = query.order;
  if (wanted.after) addAfter(conditions, query.order, wanted.after);
  const page = `limit ${conditions.value(wanted.limit + 1)} offset ${conditions.value(wanted.offset ?? 0)}`;
  return queries.rows<Row>(
    `select ${query.columns} from ${from} where ${conditions.sql} order by ${time} desc, ${tie} ${page}`,
    conditions.values,
  );
}

/** Newest first, ties by the tie-break; written so that the index finds the place. */
function addAfter(conditions: Conditions, { time, tie, tieType }: PageQuery<never>['order'], after: Keyset): void {
  const at = BigInt.asIntN(64, after.timeUnixNano);
  conditions.add(`${time} <= ? and (${time} < ? or ${tie} > ?::${tieType})`, at, at, after.id);
}

async function count(queries: Queries, query: PageQuery<never>): Promise<number | undefined> {
  const { from, conditions } = query.matching();
  // One more than is counted tells that there are more.
  const sql = `select count(*)::int as total from
    (select 1 from ${from} where ${conditions.sql} limit ${MAX_COUNTED + 1}) as counted`;
  const rows = await queries.rowsWithin<{ total: number }>(COUNT_BUDGET_MS, sql, conditions.values);
  return rows?.[0]?.total;
}

function totalOf(counted: number): Pick<Page<never>, 'total' | 'totalRelation'> {
  if (counted > MAX_COUNTED) return { total: MAX_COUNTED, totalRelation: 'gte' };
  return { total: counted, totalRelation: 'eq' };
}

/** What the page itself shows, when counting took too long. */
function atLeast({ offset = 0 }: ListQuery, found: number): Pick<Page<never>, 'total' | 'totalRelation'> {
  return { total: found === 0 ? 0 : offset + found, totalRelation: 'gte' };
}
