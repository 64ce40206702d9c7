/** The tables of a block as version 1 made them: such blocks stay as they are for as long as they live. */
export const TABLES_OF_VERSION_1 = `
CREATE TABLE block (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  writer INTEGER NOT NULL,
  created_time_unix_ms INTEGER NOT NULL,
  closed_time_unix_ms INTEGER,
  spans INTEGER NOT NULL DEFAULT 0,
  traces INTEGER NOT NULL DEFAULT 0,
  log_records INTEGER NOT NULL DEFAULT 0,
  metric_points INTEGER NOT NULL DEFAULT 0,
  min_trace_time INTEGER,
  max_trace_time INTEGER,
  min_log_time INTEGER,
  max_log_time INTEGER,
  min_point_time INTEGER,
  max_point_time INTEGER
) STRICT;

CREATE TABLE workspaces (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  log_records INTEGER NOT NULL DEFAULT 0,
  metric_points INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE resources (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  service_name TEXT NOT NULL,
  attributes TEXT NOT NULL,
  dropped_attributes_count INTEGER NOT NULL,
  schema_url TEXT NOT NULL,
  entity_refs TEXT NOT NULL
) STRICT;

CREATE TABLE scopes (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  attributes TEXT NOT NULL,
  dropped_attributes_count INTEGER NOT NULL,
  schema_url TEXT NOT NULL
) STRICT;

CREATE TABLE spans (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  trace_id BLOB NOT NULL,
  span_id BLOB NOT NULL,
  parent_span_id BLOB,
  start_time_unix_nano INTEGER NOT NULL,
  end_time_unix_nano INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  scope_id INTEGER NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  status_message TEXT NOT NULL,
  trace_state TEXT NOT NULL,
  dropped_attributes_count INTEGER NOT NULL,
  dropped_events_count INTEGER NOT NULL,
  dropped_links_count INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  events TEXT NOT NULL,
  links TEXT NOT NULL
) STRICT;

CREATE TABLE trace_batches (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  trace_id BLOB NOT NULL,
  start_time_unix_nano INTEGER NOT NULL,
  end_time_unix_nano INTEGER NOT NULL,
  first_span INTEGER NOT NULL,
  span_count INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  root_name TEXT,
  root_start_time_unix_nano INTEGER,
  services TEXT NOT NULL,
  span_ids BLOB NOT NULL
) STRICT;
CREATE INDEX trace_batches_by_trace ON trace_batches (trace_id, workspace_id);
CREATE INDEX trace_batches_by_time ON trace_batches (workspace_id, start_time_unix_nano, trace_id);

CREATE TABLE log_records (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  log_time INTEGER AS (iif(time_unix_nano = 0, observed_time_unix_nano, time_unix_nano)) VIRTUAL,
  time_unix_nano INTEGER NOT NULL,
  observed_time_unix_nano INTEGER NOT NULL,
  severity_number INTEGER NOT NULL,
  severity_text TEXT NOT NULL,
  event_name TEXT NOT NULL,
  trace_id BLOB,
  span_id BLOB,
  flags INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  scope_id INTEGER NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  dropped_attributes_count INTEGER NOT NULL,
  body TEXT NOT NULL,
  attributes TEXT NOT NULL
) STRICT;
CREATE INDEX log_records_by_time ON log_records (workspace_id, log_time);
CREATE INDEX log_records_by_trace ON log_records (trace_id, workspace_id, log_time) WHERE trace_id IS NOT NULL;

CREATE TABLE metrics (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  unit TEXT NOT NULL,
  type TEXT NOT NULL,
  temporality INTEGER NOT NULL,
  monotonic INTEGER NOT NULL,
  metadata TEXT NOT NULL
) STRICT;
CREATE INDEX metrics_by_name ON metrics (name);

CREATE TABLE metric_points (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  metric_id INTEGER NOT NULL,
  time_unix_nano INTEGER NOT NULL,
  start_time_unix_nano INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  scope_id INTEGER NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  int_value INTEGER,
  -- REAL, or the text 'NaN' or '-0.0': SQLite keeps neither as a number.
  double_value ANY,
  attributes TEXT NOT NULL,
  distribution TEXT,
  exemplars TEXT NOT NULL
) STRICT;
CREATE INDEX metric_points_by_time ON metric_points (workspace_id, time_unix_nano);
CREATE INDEX metric_points_by_metric ON metric_points (metric_id, workspace_id, time_unix_nano);

-- Frames first to last of a buffer, both included, whose rows are in this block.
CREATE TABLE applied (
  buffer_id TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (buffer_id, first)
) STRICT, WITHOUT ROWID;
`;
