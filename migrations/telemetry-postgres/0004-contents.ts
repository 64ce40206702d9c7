import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0004-contents';

/** What is large in spans and log records, once a day however often it comes, and where it belongs. */
export async function up(db: QueryExecutorProvider): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const WORKSPACE = 'workspace text collate "C" not null';

const STATEMENTS = [
  // The time is the start of the day (UTC) of the records that have it, so that it goes when they go.
  `create table contents (
    time_unix_nano bigint not null,
    ${WORKSPACE},
    digest bytea not null,
    text text not null,
    primary key (time_unix_nano, workspace, digest)
  ) partition by range (time_unix_nano)`,
  'create table contents_default partition of contents default',
  // Of a span: its start, trace and span id. Of a log record: its time, the trace of zeros, and row_id as 8 bytes. The place
  // and length of the mark are in UTF-16 units of the column's text (that of `exact`, where the column stands there). No
  // field: it belongs to an older version of the span, of which the deletion of the trace has to know.
  `create table content_places (
    time_unix_nano bigint not null,
    at integer not null,
    length integer not null,
    characters integer not null,
    field smallint,
    trace_id uuid not null,
    record_id bytea not null,
    digest bytea not null,
    ${WORKSPACE}
  ) partition by range (time_unix_nano)`,
  'create table content_places_default partition of content_places default',
  'create index content_places_record on content_places (trace_id, record_id)',
  'create index content_places_content on content_places (digest)',
];
