import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0003-generations';

/**
 * What spans and native logs tell of calls to models, and its sums. Nothing of it is written for a batch that tells of none.
 *
 * Text columns hold at most 256 characters where they stand in an index: whoever writes them cuts them (generation-rows.ts).
 */
export async function up(db: QueryExecutorProvider): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const WORKSPACE = 'workspace text collate "C" not null';

/** The id is a hash of the key, as that of a resource is. */
const PRICES = `create table generation_prices (
    ${WORKSPACE},
    id bigint not null,
    key text not null,
    source text not null,
    version text not null,
    provider text not null,
    model text not null,
    service_tier text not null,
    rates json not null,
    exact text,
    primary key (workspace, id)
  )`;

/**
 * Messages stay with the span. `session_id` and `user_id` are the row's own, or those of its trace; what it said itself
 * stands beside them, for when the trace comes to say another one.
 */
const GENERATIONS = [
  `create table generations (
    start_time_unix_nano bigint not null,
    row_id bigint not null,
    duration_nano bigint not null,
    received_time_unix_ms bigint not null,
    price_id bigint,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    input_audio_tokens bigint,
    output_audio_tokens bigint,
    time_to_first_token_nano bigint,
    trace_id uuid,
    from_log boolean not null,
    counted boolean not null,
    countable boolean not null,
    is_error boolean not null,
    streaming boolean,
    span_id bytea,
    parent_span_id bytea,
    picodollars numeric,
    reported_picodollars numeric,
    ${WORKSPACE},
    kind text not null,
    name text not null,
    service text not null,
    scope text not null,
    operation text,
    provider text,
    request_model text,
    response_model text,
    response_id text,
    service_tier text,
    prompt_name text,
    prompt_version text,
    prompt_hash text,
    session_id text collate "C",
    user_id text collate "C",
    own_session_id text,
    own_user_id text,
    environment text,
    release text,
    agent_name text,
    workflow_name text,
    tool_name text,
    tool_call_id text,
    finish_reasons text[],
    tags text[],
    mapping_warnings text[]
  ) partition by range (start_time_unix_nano)`,
  'create table generations_default partition of generations default',
  'create index generations_newest on generations (workspace, start_time_unix_nano desc, row_id)',
  'create index generations_trace on generations (trace_id) where trace_id is not null',
  `create index generations_session on generations (workspace, session_id, start_time_unix_nano desc, row_id)
     where session_id is not null`,
  `create index generations_user on generations (workspace, user_id, start_time_unix_nano desc, row_id)
     where user_id is not null`,
];

/**
 * Words by the row that they find: a span's own, and those of each log event with messages of it, which may come first. A
 * log without a trace has the trace of zeros.
 */
const TEXTS = [
  `create table generation_texts (
    time_unix_nano bigint not null,
    row_id bigint not null,
    trace_id uuid not null,
    of_event boolean not null,
    ${WORKSPACE},
    words tsvector not null
  ) partition by range (time_unix_nano)`,
  'create table generation_texts_default partition of generation_texts default',
  'create index generation_texts_row on generation_texts (trace_id, row_id)',
  // A batch of messages is more than the 4 MB that are set aside otherwise: with eight times as much a text costs a third less.
  'create index generation_texts_words on generation_texts using gin (words) with (gin_pending_list_limit = 32768)',
];

/** A row for each trace with generations: whoever changes what is known of them holds it. */
const TRACES = `create table generation_traces (
    first_time_unix_nano bigint not null,
    last_time_unix_nano bigint not null,
    trace_id uuid not null,
    ${WORKSPACE},
    primary key (trace_id, workspace)
  )`;

/** Calls by the id of their response, for some days: of several sightings of one the first counts. */
const CALLS = [
  `create table response_calls (
    received_time_unix_ms bigint not null,
    ${WORKSPACE},
    response_id text collate "C" not null,
    calls text not null,
    primary key (workspace, response_id)
  )`,
  'create index response_calls_oldest on response_calls (received_time_unix_ms)',
];

/** Which sessions and users each trace tells of; that of zeros stands for the logs without one. '' is none. */
const TRACE_IDENTITIES = [
  `create table trace_identities (
    first_time_unix_nano bigint not null,
    last_time_unix_nano bigint not null,
    trace_id uuid not null,
    ${WORKSPACE},
    session_id text collate "C" not null,
    user_id text collate "C" not null,
    primary key (workspace, trace_id, session_id, user_id)
  )`,
  `create index trace_identities_session on trace_identities (workspace, session_id) where session_id <> ''`,
  `create index trace_identities_user on trace_identities (workspace, user_id) where user_id <> ''`,
];

/** Sums are numeric: 2^53 tokens, a thousand times, are more than 64 bits hold. */
const SUMS = `
    requests bigint not null,
    errors bigint not null,
    unpriced bigint not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cache_read_tokens numeric not null,
    cache_write_tokens numeric not null,
    reasoning_tokens numeric not null,
    input_audio_tokens numeric not null,
    output_audio_tokens numeric not null,
    picodollars numeric not null,
    duration_nano numeric not null`;

/** Sessions and users. Room is left in each page for its new versions. */
const IDENTITIES = [
  `create table identities (
    first_time_unix_nano bigint not null,
    last_time_unix_nano bigint not null,
    dimensions smallint not null,
    ${WORKSPACE},
    id text collate "C" not null,
    ${SUMS},
    primary key (workspace, dimensions, id)
  ) with (fillfactor = 70)`,
  'create index identities_latest on identities (workspace, dimensions, last_time_unix_nano desc, id)',
];

/**
 * Sums of each minute, hour and day of calls by what they were of, and of each day of users and of sessions (`dimensions`
 * counts the sets). The key is a hash of the values. Every batch appends its own sketch of durations to the one that is there.
 */
const ROLLUPS = [
  `create table rollups (
    time_unix_s bigint not null,
    key bigint not null,
    grain integer not null,
    dimensions smallint not null,
    ${WORKSPACE},
    model text,
    provider text,
    prompt text,
    version text,
    environment text,
    identity text collate "C",
    ${SUMS},
    sketch bytea not null,
    primary key (workspace, dimensions, grain, time_unix_s, key)
  ) with (fillfactor = 50, toast_tuple_target = 8160)`,
  `create index rollups_identity on rollups (workspace, dimensions, identity, grain, time_unix_s) where identity is not null`,
];

const STATEMENTS = [PRICES, ...GENERATIONS, ...TEXTS, TRACES, ...CALLS, ...TRACE_IDENTITIES, ...IDENTITIES, ...ROLLUPS];
