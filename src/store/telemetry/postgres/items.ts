/** Reading log records and metric points: lists in the order of their index. */
import type { Page } from '../../page.js';
import type { ListQuery, LogQuery, MetricQuery, StoredLogRecord, StoredMetricPoint } from '../telemetry.js';
import { addAttributes, addRange, addService, Conditions } from './conditions.js';
import { restoreLogRecords } from './contents.js';
import { type ListSource, type Matching, type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
import {
  type LogRecordRow,
  logRecordOf,
  type MetricPointRow,
  metricPointOf,
  readShared,
  type SharedRecords,
} from './records.js';

interface ItemRow {
  resource_id: bigint;
  scope_id: bigint;
}

interface ItemTable<Row extends ItemRow, Item> {
  name: string;
  timeColumn: string;
  itemOf(row: Row, shared: SharedRecords): Item;
  /** Puts back what was taken out of the items, which stand in the order of their rows. */
  restore?(queries: Queries, workspace: string, rows: readonly Row[], items: readonly Item[]): Promise<void>;
}

const LOG_RECORDS: ItemTable<LogRecordRow, StoredLogRecord> = {
  name: 'log_records',
  timeColumn: 'item_time_unix_nano',
  itemOf: logRecordOf,
  restore: restoreLogRecords,
};

const METRIC_POINTS: ItemTable<MetricPointRow, StoredMetricPoint> = {
  name: 'metric_points',
  timeColumn: 'time_unix_nano',
  itemOf: metricPointOf,
};

/** Spelled out for the planner: the index of events leaves out records without a name. */
function addEvent(conditions: Conditions, { eventName }: LogQuery): void {
  if (eventName === undefined) return;
  conditions.add('item.event_name = ?', eventName);
  if (eventName !== '') conditions.add(`item.event_name <> ''`);
}

/** The rows that a list goes by. */
function walked(table: ItemTable<never, unknown>, query: ListQuery): Matching {
  const conditions = new Conditions();
  conditions.add('item.workspace = ?', query.workspace);
  addRange(conditions, `item.${table.timeColumn}`, query);
  return { from: `${table.name} item`, conditions };
}

function common(table: ItemTable<never, unknown>, query: ListQuery): Conditions {
  const { conditions } = walked(table, query);
  addService(conditions, 'item', query);
  addAttributes(conditions, 'item', query);
  return conditions;
}

/**
 * A trace has few records: they are found by its index and sorted. OFFSET 0 keeps the planner from walking all of them
 * from the newest on instead, which looks cheaper to it when a page is short.
 */
function logsFrom({ traceId }: LogQuery, conditions: Conditions): string {
  if (!traceId) return 'log_records item';
  const id = conditions.value(Buffer.from(traceId).toString('hex'));
  return `(select * from log_records where trace_id = ${id} offset 0) item`;
}

function logConditions(query: LogQuery): Conditions {
  const conditions = common(LOG_RECORDS, query);
  if (query.spanId) conditions.add('item.span_id = ?', Buffer.from(query.spanId));
  if (query.minSeverityNumber !== undefined) conditions.add('item.severity_number >= ?', query.minSeverityNumber);
  addEvent(conditions, query);
  if (query.bodyContains !== undefined) {
    // The path of no steps: a string's value, and the JSON text of anything else.
    conditions.add(`strpos(lower(item.body #>> '{}'), lower(?)) > 0`, query.bodyContains);
  }
  return conditions;
}

/** One metric's points lie together in an index; one name may be several metrics, by unit or type. */
function addMetrics(conditions: Conditions, ids: readonly bigint[] | undefined): void {
  if (ids?.length === 1) conditions.add('item.metric_id = ?', ids[0]);
  else if (ids) conditions.add('item.metric_id = any(?::bigint[])', ids);
}

async function findMetrics({ queries }: ListSource, { workspace, name }: MetricQuery): Promise<bigint[] | undefined> {
  if (name === undefined) return undefined;
  const sql = 'select id from metrics where workspace = $1 and name = $2';
  const rows = await queries.rows<{ id: bigint }>(sql, [workspace, name]);
  return rows.map(({ id }) => id);
}

export function listLogs(source: ListSource, wanted: LogQuery): Promise<Page<StoredLogRecord>> {
  const matching = () => {
    const conditions = logConditions(wanted);
    return { from: logsFrom(wanted, conditions), conditions };
  };
  const walkedRows = () => {
    const records = walked(LOG_RECORDS, wanted);
    // Records without a name lie in no index of their own.
    if (wanted.eventName !== '') addEvent(records.conditions, wanted);
    return records;
  };
  return list(source, LOG_RECORDS, wanted, { matching, walked: wanted.traceId ? undefined : walkedRows });
}

export async function listMetricPoints(source: ListSource, wanted: MetricQuery): Promise<Page<StoredMetricPoint>> {
  const metrics = await findMetrics(source, wanted);
  if (metrics?.length === 0) return { items: [], total: 0, totalRelation: 'eq' };
  return list(source, METRIC_POINTS, wanted, {
    matching: () => {
      const conditions = common(METRIC_POINTS, wanted);
      addMetrics(conditions, metrics);
      return { from: 'metric_points item', conditions };
    },
    walked: () => {
      const points = walked(METRIC_POINTS, wanted);
      // Of several metrics the points don't lie in the order of the list: then all points are gone by.
      if (metrics?.length === 1) addMetrics(points.conditions, metrics);
      return points;
    },
  });
}

async function list<Row extends ItemRow, Item>(
  source: ListSource,
  table: ItemTable<Row, Item>,
  wanted: ListQuery,
  rowsOf: Pick<PageQuery, 'matching' | 'walked'>,
): Promise<Page<Item>> {
  // Where no index gives the order, records of one time stand as they came: the events of a call often have one time.
  const tieRuns = rowsOf.walked ? 'against time' : 'with time';
  const order = { time: `item.${table.timeColumn}`, tie: 'item.row_id', tieType: 'bigint', tieRuns } as const;
  const { rows, ...page } = await readPage<Row>(source, { ...rowsOf, columns: 'item.*', order }, wanted);
  const shared = await readShared(source.queries, wanted.workspace, rows);
  const items = rows.map((row) => table.itemOf(row, shared));
  await table.restore?.(source.queries, wanted.workspace, rows, items);
  return { items, ...page };
}
