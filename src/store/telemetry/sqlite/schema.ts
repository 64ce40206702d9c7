/**
 * The tables of a block. Forward only: a block keeps the version it was created with for as long as it lives, so a new
 * version adds to what the readers know and takes nothing away. Times are signed 64-bit nanoseconds.
 */
import type Database from 'better-sqlite3';
import { CONTENT_TABLES } from './contents.js';
import { GENERATION_TABLES } from './generation-schema.js';

/**
 * 2: trace_records, idempotency_keys, unwritten, trace_batches.revision, block.revisions, workspaces.bytes, log_records_by_event.
 * 3: the tables of generation-schema.ts, block.min_generation_time, block.max_generation_time.
 * 4: the tables of contents.ts.
 * 5: rollup_changes.
 * 6: generations.billed.
 * 7: generations.run_id.
 * 8: no texts, which are in a file of their own (text-file.ts).
 * 9: generations_failed.
 */
export const SCHEMA_VERSION = 9;

/** Blocks before it know nothing of what the native API writes: no declarations, revisions or keys, no bytes. */
export const NATIVE_VERSION = 2;

/** Blocks before it know nothing of generations. */
export const GENERATION_VERSION = 3;

/** In blocks before it all of a record stands in its row. */
export const CONTENT_VERSION = 4;

/** In blocks before it no generation names its run. */
export const RUN_VERSION = 7;

/** In blocks before it nothing waits to be folded into rollups. */
export const ROLLUP_CHANGES_VERSION = 5;

/** Blocks before it have their full text, of generations, among their own tables. */
export const TEXT_FILE_VERSION = 8;

/** In blocks before it generations that failed lie in no index of their own. */
export const FAILED_VERSION = 9;

/**
 * Neither spans nor trace shares have an index over random ids in arrival order: that is what makes one growing table
 * slow. `trace_batches` has one row for each (trace, batch), inserted sorted by trace id; the spans it stands for lie
 * next to each other, so a trace is a few short ranges of rowids. Wide columns are last: reading the ones before them
 * never follows an overflow chain.
 */
const TABLES = `
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
  -- Rows of trace_batches that bring newer versions of spans.
  revisions INTEGER NOT NULL DEFAULT 0,
  min_trace_time INTEGER,
  max_trace_time INTEGER,
  min_log_time INTEGER,
  max_log_time INTEGER,
  min_point_time INTEGER,
  max_point_time INTEGER,
  min_generation_time INTEGER,
  max_generation_time INTEGER
) STRICT;

CREATE TABLE workspaces (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  log_records INTEGER NOT NULL DEFAULT 0,
  metric_points INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
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
  -- 0, or which version of its spans the row brings: of the copies of a span that of the greatest counts.
  revision INTEGER NOT NULL DEFAULT 0,
  span_ids BLOB NOT NULL
) STRICT;
CREATE INDEX trace_batches_by_trace ON trace_batches (trace_id, workspace_id);
CREATE INDEX trace_batches_by_time ON trace_batches (workspace_id, start_time_unix_nano, trace_id);

-- Traces that a client declared. Each has a row in trace_batches as well, so that lists come by it: its span_count is 0, and
-- its first_span is the id of the row here, which so needs no index of its own.
CREATE TABLE trace_records (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  trace_id BLOB NOT NULL,
  created_time_unix_ms INTEGER NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  trace_id_text TEXT NOT NULL,
  prompt_name TEXT,
  version_tag TEXT,
  metadata TEXT NOT NULL
) STRICT;

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
CREATE INDEX log_records_by_event ON log_records (workspace_id, event_name, log_time) WHERE event_name <> '';

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

-- Of those, the frames with a trailer that brought nothing new: what they were told they are told again.
CREATE TABLE unwritten (
  buffer_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (buffer_id, sequence)
) STRICT, WITHOUT ROWID;

-- What requests with an idempotency key were answered. known_traces and known_spans are JSON arrays.
CREATE TABLE idempotency_keys (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  key TEXT NOT NULL,
  received_time_unix_ms INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  answer TEXT NOT NULL,
  known_traces TEXT NOT NULL,
  known_spans TEXT NOT NULL,
  UNIQUE (key, workspace_id)
) STRICT;
`;

const TIME = (column: string) =>
  `strftime('%Y-%m-%dT%H:%M:%S', ${column} / 1000000000, 'unixepoch') || printf('.%09dZ', ${column} % 1000000000)`;
const ORIGIN = (rows: string) => `
  JOIN workspaces w ON w.id = ${rows}.workspace_id
  JOIN resources r ON r.id = ${rows}.resource_id
  JOIN scopes s ON s.id = ${rows}.scope_id`;

/** For a person with `sqlite3`: ids in hex, times as text, workspace, resource and scope joined. */
const VIEWS = `
CREATE VIEW readable_spans AS SELECT
  w.name AS workspace, lower(hex(x.trace_id)) AS trace_id, lower(hex(x.span_id)) AS span_id,
  lower(hex(x.parent_span_id)) AS parent_span_id, r.service_name AS service, x.name,
  ${TIME('x.start_time_unix_nano')} AS start_time, (x.end_time_unix_nano - x.start_time_unix_nano) / 1e6 AS duration_ms,
  x.kind, x.status_code, x.status_message, x.attributes, x.events, x.links,
  r.attributes AS resource_attributes, s.name AS scope, x.start_time_unix_nano, x.end_time_unix_nano, x.id
FROM spans x ${ORIGIN('x')};

CREATE VIEW readable_log_records AS SELECT
  w.name AS workspace, ${TIME('x.log_time')} AS time, x.severity_text AS severity, x.severity_number,
  r.service_name AS service, x.event_name, x.body, x.attributes, lower(hex(x.trace_id)) AS trace_id,
  lower(hex(x.span_id)) AS span_id, r.attributes AS resource_attributes, s.name AS scope, x.log_time, x.id
FROM log_records x ${ORIGIN('x')};

CREATE VIEW readable_metric_points AS SELECT
  w.name AS workspace, m.name, m.type, m.unit, ${TIME('x.time_unix_nano')} AS time, r.service_name AS service,
  coalesce(x.int_value, x.double_value) AS value, x.distribution, x.attributes,
  r.attributes AS resource_attributes, s.name AS scope, x.time_unix_nano, x.id
FROM metric_points x ${ORIGIN('x')} JOIN metrics m ON m.id = x.metric_id;
`;

export interface BlockOrigin {
  writer: number;
  createdTimeUnixMs: number;
}

export function createSchema(db: Database.Database, { writer, createdTimeUnixMs }: BlockOrigin): void {
  db.transaction(() => {
    db.exec(TABLES);
    db.exec(GENERATION_TABLES);
    db.exec(CONTENT_TABLES);
    db.exec(VIEWS);
    const insert = db.prepare(
      'INSERT INTO block (id, schema_version, writer, created_time_unix_ms) VALUES (1, ?, ?, ?)',
    );
    insert.run(SCHEMA_VERSION, writer, createdTimeUnixMs);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  })();
}
