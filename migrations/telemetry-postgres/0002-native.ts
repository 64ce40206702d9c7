import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0002-native';

/** What the native API keeps beside spans and log records. Nothing of it is written for a frame of OTLP, but its bytes. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const WORKSPACE = 'workspace text collate "C" not null';

/** Metadata is text: nothing looks into it, and it comes back as it was sent. */
const TRACE_RECORDS = [
  `create table trace_records (
    created_time_unix_ms bigint not null,
    received_time_unix_ms bigint not null,
    trace_id uuid not null,
    ${WORKSPACE},
    trace_id_text text not null,
    prompt_name text,
    version_tag text,
    metadata text not null,
    primary key (trace_id, workspace)
  )`,
  `create index trace_records_prompt on trace_records (workspace, prompt_name, version_tag) where prompt_name is not null`,
  `create index trace_records_version on trace_records (workspace, version_tag) where version_tag is not null`,
  // Such a row puts a trace into the list from when it was declared; NULL for all that stand for spans.
  `alter table trace_batches add column declares boolean`,
];

/**
 * The ids of spans from the native door, each once: the unique index over spans has the start time in it, as the
 * partition's key has to be, and without it every day there is would have to be asked for an id.
 */
const NATIVE_SPANS = `create table native_spans (
    start_time_unix_nano bigint not null,
    trace_id uuid not null,
    span_id bytea not null,
    ${WORKSPACE},
    primary key (trace_id, span_id, workspace)
  )`;

/** Frames that were applied without anything being written, for when they are replayed. */
const UNWRITTEN_FRAMES = `create table unwritten_frames (
    buffer_id text collate "C" not null,
    sequence bigint not null,
    primary key (buffer_id, sequence)
  )`;

const IDEMPOTENCY_KEYS = [
  `create table idempotency_keys (
    received_time_unix_ms bigint not null,
    ${WORKSPACE},
    key text collate "C" not null,
    fingerprint text not null,
    answer text not null,
    known_spans text[] not null,
    known_traces text[] not null,
    primary key (workspace, key)
  )`,
  `create index idempotency_keys_oldest on idempotency_keys (received_time_unix_ms)`,
];

/** A row for each writer, so that none waits for another; half of each page is left for its new versions. */
const STORED_BYTES = `create table stored_bytes (
    bytes bigint not null,
    day integer not null,
    ${WORKSPACE},
    writer text collate "C" not null,
    primary key (workspace, day, writer)
  ) with (fillfactor = 50)`;

/** Log records without an event name, as most of OTLP's are, cost it nothing. */
const EVENTS = `create index log_records_event on log_records (workspace, event_name, item_time_unix_nano desc, row_id)
  where event_name <> ''`;

const STATEMENTS = [...TRACE_RECORDS, NATIVE_SPANS, UNWRITTEN_FRAMES, ...IDEMPOTENCY_KEYS, STORED_BYTES, EVENTS];
