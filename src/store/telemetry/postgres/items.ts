/** Reading log records and metric points: lists in the order of their index. */
import type { ListQuery, LogQuery, MetricQuery, Page, StoredLogRecord, StoredMetricPoint } from '../telemetry.js';
import { addAttributes, addRange, addService, Conditions } from './conditions.js';
import { type PageQuery, readPage } from './page.js';
import type { Queries } from './queries.js';
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

export function listLogs(queries: Queries, wanted: LogQuery): Promise<Page<StoredLogRecord>> {
  return list(queries, LOG_RECORDS, wanted, () => {
    const conditions = logConditions(wanted);
    return { from: logsFrom(wanted, conditions), conditions };
  });
}

export function listMetricPoints(queries: Queries, wanted: MetricQuery): Promise<Page<StoredMetricPoint>> {
  return list(queries, METRIC_POINTS, wanted, () => ({
    from: 'metric_points item',
    conditions: metricConditions(wanted),
  }));
}

async function list<Row extends ItemRow, Item>(
  queries: Queries,
  table: ItemTable<Row, Item>,
  wanted: ListQuery,
  matching: PageQuery<Row>['matching'],
): Promise<Page<Item>> {
  const { rows, ...page } = await readPage<Row>(
    queries,
    {
      matching,
      columns: 'item.*',
      order: { time: `item.${table.timeColumn}`, tie: 'item.row_id', tieType: 'bigint' },
      keysetOf: (row) => ({ timeUnixNano: unsigned(table.timeOf(row)), id: row.row_id.toString() }),
    },
    wanted,
  );
  const shared = await readShared(queries, wanted.workspace, rows);
  return { items: rows.map((row) => table.itemOf(row, shared)), ...page };
}
