import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0001-foundation';

/**
 * Times are nanoseconds since the epoch as signed 64-bit integers; unsigned 32-bit numbers (flags, counts) stand as their
 * two's complement. JSON columns are `json`, not `jsonb`: it keeps 1.0 apart from 1, and is cheaper to write. The few
 * documents that `->>` could not read (an escaped NUL or half a surrogate pair) stand there with U+FFFD in its place, and
 * in `exact` as they came: a JSON object from column name to the original text.
 *
 * Partitioned tables get a partition a day from the writers; the default partition takes times that no clock should tell.
 */
export async function up(db: QueryExecutorProvider): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const WORKSPACE = 'workspace text collate "C" not null';

/** Ids are a hash of the contents, so that writers agree on them without asking. */
const SHARED_TABLES = [
  `create table resources (
    ${WORKSPACE},
    id bigint not null,
    service_name text not null,
    attributes json not null,
    dropped_attributes_count integer not null,
    schema_url text not null,
    entity_refs json not null,
    exact text,
    primary key (workspace, id)
  )`,
  `create table scopes (
    ${WORKSPACE},
    id bigint not null,
    name text not null,
    version text not null,
    attributes json not null,
    dropped_attributes_count integer not null,
    schema_url text not null,
    exact text,
    primary key (workspace, id)
  )`,
  `create table metrics (
    ${WORKSPACE},
    id bigint not null,
    name text not null,
    description text not null,
    unit text not null,
    type text not null,
    temporality integer not null,
    monotonic boolean not null,
    metadata json not null,
    exact text,
    primary key (workspace, id)
  )`,
];

/** Fixed-width columns first, so that no padding stands between them. NULL for what is mostly empty. */
const PARTITIONED_TABLES = [
  `create table spans (
    start_time_unix_nano bigint not null,
    end_time_unix_nano bigint not null,
    received_time_unix_ms bigint not null,
    resource_id bigint not null,
    scope_id bigint not null,
    flags integer not null,
    kind integer not null,
    status_code integer not null,
    dropped_attributes_count integer not null,
    dropped_events_count integer not null,
    dropped_links_count integer not null,
    trace_id uuid not null,
    span_id bytea not null,
    parent_span_id bytea,
    ${WORKSPACE},
    name text not null,
    trace_state text,
    status_message text,
    attributes json not null,
    events json,
    links json,
    exact text
  ) partition by range (start_time_unix_nano)`,
  `create table trace_batches (
    start_time_unix_nano bigint not null,
    end_time_unix_nano bigint not null,
    received_time_unix_ms bigint not null,
    batch_id bigint not null,
    root_start_time_unix_nano bigint,
    span_count integer not null,
    error_count integer not null,
    trace_id uuid not null,
    ${WORKSPACE},
    root_name text,
    services text[] not null
  ) partition by range (start_time_unix_nano)`,
  `create table log_records (
    item_time_unix_nano bigint not null,
    row_id bigint not null,
    time_unix_nano bigint not null,
    observed_time_unix_nano bigint not null,
    received_time_unix_ms bigint not null,
    resource_id bigint not null,
    scope_id bigint not null,
    severity_number integer not null,
    flags integer not null,
    dropped_attributes_count integer not null,
    trace_id uuid,
    span_id bytea,
    ${WORKSPACE},
    severity_text text not null,
    event_name text not null,
    body json not null,
    attributes json not null,
    exact text
  ) partition by range (item_time_unix_nano)`,
  `create table metric_points (
    time_unix_nano bigint not null,
    row_id bigint not null,
    start_time_unix_nano bigint not null,
    received_time_unix_ms bigint not null,
    metric_id bigint not null,
    resource_id bigint not null,
    scope_id bigint not null,
    int_value bigint,
    double_value double precision,
    flags integer not null,
    ${WORKSPACE},
    attributes json not null,
    distribution json,
    exemplars json,
    exact text
  ) partition by range (time_unix_nano)`,
];

const INDEXES = [
  // What makes a span one. The partition's key has to be in it: a resend carries the same start.
  `create unique index spans_identity on spans (trace_id, span_id, workspace, start_time_unix_nano)`,
  `create index trace_batches_newest on trace_batches (workspace, start_time_unix_nano desc, trace_id)`,
  `create index trace_batches_failed on trace_batches (workspace, start_time_unix_nano) where error_count > 0`,
  `create index trace_batches_trace on trace_batches (trace_id, start_time_unix_nano)`,
  `create index log_records_newest on log_records (workspace, item_time_unix_nano desc, row_id)`,
  `create index log_records_trace on log_records (trace_id) where trace_id is not null`,
  `create index metric_points_newest on metric_points (workspace, time_unix_nano desc, row_id)`,
  `create index metric_points_metric on metric_points (workspace, metric_id, time_unix_nano desc, row_id)`,
];

const DEFAULT_PARTITIONS = ['spans', 'trace_batches', 'log_records', 'metric_points'].map(
  (table) => `create table ${table}_default partition of ${table} default`,
);

/**
 * Which frames of which buffer are stored. Ranges of one buffer can't overlap, whoever writes them: a second transaction
 * that would apply a frame again waits for the first, and then fails. The buffer's hash and the sequence share one number
 * line, because an exclusion over two columns would need an extension that not every server has.
 */
const LEDGER = `create table applied_ranges (
    buffer_id text collate "C" not null,
    first_sequence bigint not null,
    last_sequence bigint not null,
    primary key (buffer_id, first_sequence),
    exclude using gist (numrange(
      hashtextextended(buffer_id, 0)::numeric * 18446744073709551616 + first_sequence,
      hashtextextended(buffer_id, 0)::numeric * 18446744073709551616 + last_sequence,
      '[]'
    ) with &&)
  )`;

const STATEMENTS = [...SHARED_TABLES, ...PARTITIONED_TABLES, ...INDEXES, ...DEFAULT_PARTITIONS, LEDGER];
