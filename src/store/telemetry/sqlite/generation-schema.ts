/** The tables of a block that tell of generations: rows of their own, so that a span that is none costs nothing. */
import { SUM_COLUMNS } from '../rollups.js';

/** ANY: an integer, or past 64 bits its decimal digits, which every comparison takes for greater than all integers. */
const SUMS = SUM_COLUMNS.map((column) => `${column} ANY NOT NULL DEFAULT 0`).join(', ');

/**
 * A generation has the id of its span's row, or, of a native log, that of the log's row made negative: so a trace's are found
 * by its batches. What many have in common (`descriptions`, `prices`) and the sessions and users (`identities`) are
 * numbered as they come: indexes by those numbers grow at their end, as indexes by time do.
 */
export const GENERATION_TABLES = `
CREATE TABLE descriptions (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  operation TEXT NOT NULL,
  provider TEXT NOT NULL,
  request_model TEXT NOT NULL,
  response_model TEXT NOT NULL,
  service_tier TEXT NOT NULL,
  prompt_name TEXT NOT NULL,
  prompt_version TEXT NOT NULL,
  environment TEXT NOT NULL,
  release TEXT NOT NULL,
  agent_name TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  tool_name TEXT NOT NULL,
  finish_reasons TEXT NOT NULL,
  streaming INTEGER
) STRICT;

CREATE TABLE prices (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  key TEXT NOT NULL,
  source TEXT NOT NULL,
  version TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  service_tier TEXT NOT NULL,
  rates TEXT NOT NULL
) STRICT;

-- Sessions (type 0) and users (type 1), with the sums of their counted calls in this block. Times are of their generations,
-- and NULL when none is left.
CREATE TABLE identities (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  type INTEGER NOT NULL,
  name TEXT NOT NULL,
  generations INTEGER NOT NULL DEFAULT 0,
  first_time INTEGER,
  last_time INTEGER,
  ${SUMS},
  UNIQUE (name, type, workspace_id)
) STRICT;
CREATE INDEX identities_by_time ON identities (workspace_id, type, last_time, name) WHERE last_time IS NOT NULL;

-- How many generations a trace has of a session and a user; 0 for none of either, x'' for no trace.
CREATE TABLE memberships (
  session_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  trace_id BLOB NOT NULL,
  generations INTEGER NOT NULL,
  PRIMARY KEY (session_id, user_id, trace_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (user_id, session_id, trace_id) WHERE user_id > 0;

CREATE TABLE generations (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  description_id INTEGER NOT NULL,
  start_time_unix_nano INTEGER NOT NULL,
  duration_nano INTEGER NOT NULL,
  countable INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  is_error INTEGER NOT NULL,
  is_unpriced INTEGER NOT NULL,
  session_id INTEGER,
  user_id INTEGER,
  -- 1: the session is that of the trace; 2: the user is.
  inherited INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  input_audio_tokens INTEGER,
  output_audio_tokens INTEGER,
  picodollars ANY,
  price_id INTEGER,
  reported_cost ANY,
  time_to_first_token_nano INTEGER,
  response_hash INTEGER,
  response_id TEXT NOT NULL,
  prompt_hash TEXT NOT NULL,
  tool_call_id TEXT NOT NULL,
  tags TEXT NOT NULL,
  mapping_warnings TEXT NOT NULL,
  -- JSON of what is billed beside the tokens; NULL for nothing.
  billed TEXT,
  -- Of a native log that names one, hex.
  run_id TEXT
) STRICT;
CREATE INDEX generations_by_run ON generations (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX generations_by_time ON generations (workspace_id, start_time_unix_nano);
CREATE INDEX generations_by_session ON generations (session_id, start_time_unix_nano) WHERE session_id IS NOT NULL;
CREATE INDEX generations_by_user ON generations (user_id, start_time_unix_nano) WHERE user_id IS NOT NULL;
-- Few fail, and who looks for them wants a page of them and how many there are. The description tells the kind and the model.
CREATE INDEX generations_failed ON generations (workspace_id, start_time_unix_nano, description_id) WHERE is_error = 1;
CREATE INDEX generations_by_response ON generations (response_hash) WHERE response_hash IS NOT NULL;

-- Sums of counted calls: src/store/telemetry/rollups.ts says of what. Grain and time are seconds.
CREATE TABLE rollups (
  workspace_id INTEGER NOT NULL,
  dimensions INTEGER NOT NULL,
  grain INTEGER NOT NULL,
  time INTEGER NOT NULL,
  key TEXT NOT NULL,
  ${SUMS},
  sketch BLOB NOT NULL,
  PRIMARY KEY (workspace_id, dimensions, grain, time, key)
) STRICT, WITHOUT ROWID;

-- What batches have added since to rollups of one workspace and set of dimensions: src/store/telemetry/rollup-changes.ts
-- says how. It is folded into rollups some batches at a time.
CREATE TABLE rollup_changes (
  id INTEGER PRIMARY KEY,
  workspace_id INTEGER NOT NULL,
  dimensions INTEGER NOT NULL,
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL,
  count INTEGER NOT NULL,
  changes TEXT NOT NULL
) STRICT;
CREATE INDEX rollup_changes_by_set ON rollup_changes (workspace_id, dimensions, count);
`;
