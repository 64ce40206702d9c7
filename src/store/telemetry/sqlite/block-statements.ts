/** The statements that fill a block, prepared once for each connection. */
import type Database from 'better-sqlite3';
import type { Metric, Resource, Scope } from '../../../model/telemetry.js';
import { InternedRows } from './interned-rows.js';

/** `columns` in their order; those with a literal take it instead of a parameter. */
function insertSql(table: string, columns: readonly string[], literals: Record<string, string> = {}): string {
  const values = columns.map((column) => literals[column] ?? '?');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')})`;
}

const SPAN_COLUMNS = [
  'workspace_id',
  'trace_id',
  'span_id',
  'parent_span_id',
  'start_time_unix_nano',
  'end_time_unix_nano',
  'name',
  'kind',
  'status_code',
  'flags',
  'resource_id',
  'scope_id',
  'received_time_unix_ms',
  'attributes',
  'status_message',
  'trace_state',
  'dropped_attributes_count',
  'dropped_events_count',
  'dropped_links_count',
  'events',
  'links',
];
/** What most spans leave empty: a statement with these as literals binds a third less. */
const RARE_SPAN_COLUMNS = {
  status_message: "''",
  trace_state: "''",
  dropped_attributes_count: '0',
  dropped_events_count: '0',
  dropped_links_count: '0',
  events: "'[]'",
  links: "'[]'",
};

const KEY_COLUMNS = [
  'workspace_id',
  'key',
  'received_time_unix_ms',
  'fingerprint',
  'answer',
  'known_traces',
  'known_spans',
];

const EXTENT_SQL = ['trace', 'log', 'point', 'generation'].map(
  (of) => `
  min_${of}_time = coalesce(min(min_${of}_time, @${of}Min), min_${of}_time, @${of}Min),
  max_${of}_time = coalesce(max(max_${of}_time, @${of}Max), max_${of}_time, @${of}Max)`,
);
const COUNT_SQL = `UPDATE block SET
  spans = spans + @spans, traces = traces + @traces, log_records = log_records + @logRecords,
  metric_points = metric_points + @metricPoints, revisions = revisions + @revisions, ${EXTENT_SQL.join(', ')}`;

export function prepareStatements(db: Database.Database) {
  const insert = (table: string, columns: string, literals?: Record<string, string>) =>
    db.prepare(insertSql(table, columns.split(' '), literals));
  return {
    plainSpan: db.prepare(insertSql('spans', SPAN_COLUMNS, RARE_SPAN_COLUMNS)),
    span: db.prepare(insertSql('spans', SPAN_COLUMNS)),
    traceBatch: insert(
      'trace_batches',
      'workspace_id trace_id start_time_unix_nano end_time_unix_nano first_span span_count error_count ' +
        'received_time_unix_ms root_name root_start_time_unix_nano services revision span_ids',
    ),
    traceRecord: insert(
      'trace_records',
      'workspace_id trace_id created_time_unix_ms received_time_unix_ms trace_id_text prompt_name version_tag metadata',
    ),
    // A key that is there already is older than its life.
    idempotencyKey: db.prepare(insertSql('idempotency_keys', KEY_COLUMNS).replace('INSERT', 'INSERT OR REPLACE')),
    unwritten: db.prepare('INSERT OR IGNORE INTO unwritten (buffer_id, sequence) VALUES (?, ?)'),
    logRecord: insert(
      'log_records',
      'workspace_id time_unix_nano observed_time_unix_nano severity_number severity_text event_name trace_id span_id ' +
        'flags resource_id scope_id received_time_unix_ms dropped_attributes_count body attributes',
    ),
    metricPoint: insert(
      'metric_points',
      'workspace_id metric_id time_unix_nano start_time_unix_nano flags resource_id scope_id received_time_unix_ms ' +
        'int_value double_value attributes distribution exemplars',
    ),
    spanIds: db
      .prepare(
        `SELECT span_ids FROM trace_batches INDEXED BY trace_batches_by_trace
          WHERE trace_id = ? AND workspace_id = (SELECT id FROM workspaces WHERE name = ?)`,
      )
      .pluck(),
    findWorkspace: db.prepare('SELECT id FROM workspaces WHERE name = ?'),
    insertWorkspace: db.prepare('INSERT INTO workspaces (name) VALUES (?)'),
    countInWorkspace: db.prepare(
      'UPDATE workspaces SET log_records = log_records + ?, metric_points = metric_points + ?, bytes = bytes + ? ' +
        'WHERE id = ?',
    ),
    applied: db.prepare(
      'INSERT INTO applied (buffer_id, first, last) VALUES (?, ?, ?) ' +
        'ON CONFLICT (buffer_id, first) DO UPDATE SET last = max(last, excluded.last)',
    ),
    followed: db
      .prepare('SELECT first FROM applied WHERE buffer_id = ? AND first <= ? AND last >= ? ORDER BY first DESC LIMIT 1')
      .pluck(),
    count: db.prepare(COUNT_SQL),
    close: db.prepare('UPDATE block SET closed_time_unix_ms = ?'),
  };
}

export function resourceRows(db: Database.Database): InternedRows<Resource> {
  const columns = ['digest', 'service_name', 'attributes', 'dropped_attributes_count', 'schema_url', 'entity_refs'];
  return new InternedRows(
    db.prepare('SELECT id FROM resources WHERE digest = ?'),
    db.prepare(insertSql('resources', columns)),
    (of) => [of.serviceName, of.attributes, of.droppedAttributesCount, of.schemaUrl, of.entityRefs],
  );
}

export function scopeRows(db: Database.Database): InternedRows<Scope> {
  const columns = ['digest', 'name', 'version', 'attributes', 'dropped_attributes_count', 'schema_url'];
  return new InternedRows(
    db.prepare('SELECT id FROM scopes WHERE digest = ?'),
    db.prepare(insertSql('scopes', columns)),
    (of) => [of.name, of.version, of.attributes, of.droppedAttributesCount, of.schemaUrl],
  );
}

export function metricRows(db: Database.Database): InternedRows<Metric> {
  const columns = ['digest', 'name', 'description', 'unit', 'type', 'temporality', 'monotonic', 'metadata'];
  return new InternedRows(
    db.prepare('SELECT id FROM metrics WHERE digest = ?'),
    db.prepare(insertSql('metrics', columns)),
    (of) => [of.name, of.description, of.unit, of.type, of.temporality, of.monotonic ? 1 : 0, of.metadata],
  );
}
