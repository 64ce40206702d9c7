/** Reading log records and metric points: lists in the order of their index. */
import type { ListQuery, LogQuery, MetricQuery, Page, StoredLogRecord, StoredMetricPoint } from '../telemetry.js';
import { addAfter, addAttributes, addRange, addService, Conditions, countOf, totalOf } from './conditions.js';
import type { Query } from './queries.js';
import {
  type LogRecordRow,
  logRecordOf,
  type MetricPointRow,
  metricPointOf,
  readShared,
  type SharedRecords,
} from './records.js';
import { unsigned } from './time.js';

interface ItemRow {
  resource_id: bigint;
  scope_id: bigint;
  row_id: bigint;
}

interface ItemTable<Row extends ItemRow, Item> {
  name: string;
  timeColumn: string;
  timeOf(row: Row): bigint;
  itemOf(row: Row, shared: SharedRecords): Item;
}

const LOG_RECORDS: ItemTable<LogRecordRow, StoredLogRecord> = {
  name: 'log_records',
  timeColumn: 'item_time_unix_nano',
  timeOf: (row) => row.item_time_unix_nano,
  itemOf: logRecordOf,
};

const METRIC_POINTS: ItemTable<MetricPointRow, StoredMetricPoint> = {
  name: 'metric_points',
  timeColumn: 'time_unix_nano',
  timeOf: (row) => row.time_unix_nano,
  itemOf: metricPointOf,
};

function common(table: ItemTable<never, unknown>, query: ListQuery): Conditions {
  const conditions = new Conditions();
  conditions.add('item.workspace = ?', query.workspace);
  addRange(conditions, `item.${table.timeColumn}`, query);
  addService(conditions, 'item', query);
  addAttributes(conditions, 'item', query);
  return conditions;
}

function logConditions(query: LogQuery): Conditions {
  const conditions = common(LOG_RECORDS, query);
  if (query.traceId) conditions.add('item.trace_id = ?', Buffer.from(query.traceId).toString('hex'));
  if (query.spanId) conditions.add('item.span_id = ?', Buffer.from(query.spanId));
  if (query.minSeverityNumber !== undefined) conditions.add('item.severity_number >= ?', query.minSeverityNumber);
  if (query.eventName !== undefined) conditions.add('item.event_name = ?', query.eventName);
  if (query.bodyContains !== undefined) {
    // The path of no steps: a string's value, and the JSON text of anything else.
    conditions.add(`strpos(lower(item.body #>> '{}'), lower(?)) > 0`, query.bodyContains);
  }
  return conditions;
}

function metricConditions(query: MetricQuery): Conditions {
  const conditions = common(METRIC_POINTS, query);
  if (query.name !== undefined) {
    const ids = 'select id from metrics where workspace = ? and name = ?';
    conditions.add(`item.metric_id in (${ids})`, query.workspace, query.name);
  }
  return conditions;
}

export function listLogs(query: Query, wanted: LogQuery): Promise<Page<StoredLogRecord>> {
  return list(query, LOG_RECORDS, wanted, () => logConditions(wanted));
}

export function listMetricPoints(query: Query, wanted: MetricQuery): Promise<Page<StoredMetricPoint>> {
  return list(query, METRIC_POINTS, wanted, () => metricConditions(wanted));
}

async function list<Row extends ItemRow, Item>(
  query: Query,
  table: ItemTable<Row, Item>,
  wanted: ListQuery,
  conditionsOf: () => Conditions,
): Promise<Page<Item>> {
  const matching = conditionsOf();
  const [rows, [counted]] = await Promise.all([
    readRows(query, table, wanted, conditionsOf()),
    query<{ total: number }>(countOf(`from ${table.name} item where ${matching.sql}`), matching.values),
  ]);
  const page = rows.slice(0, wanted.limit);
  const last = page.at(-1);
  const shared = await readShared(query, wanted.workspace, page);
  return {
    items: page.map((row) => table.itemOf(row, shared)),
    ...totalOf(counted!.total),
    ...(rows.length > page.length && last
      ? { next: { timeUnixNano: unsigned(table.timeOf(last)), id: last.row_id.toString() } }
      : {}),
  };
}

/** One more than the page, to know whether there is a next. */
function readRows<Row extends ItemRow, Item>(
  query: Query,
  { name, timeColumn }: ItemTable<Row, Item>,
  wanted: ListQuery,
  conditions: Conditions,
): Promise<Row[]> {
  const time = `item.${timeColumn}`;
  if (wanted.after) addAfter(conditions, { time, tie: 'item.row_id', type: 'bigint' }, wanted.after);
  const page = `limit ${conditions.value(wanted.limit + 1)} offset ${conditions.value(wanted.offset ?? 0)}`;
  return query<Row>(
    `select * from ${name} item where ${conditions.sql} order by ${time} desc, item.row_id ${page}`,
    conditions.values,
  );
}
