/** What clients declared of their traces. */
import type { TraceRecord } from '../../../model/telemetry.js';
import type { Queries } from './queries.js';
import { idOfUuid } from './records.js';

interface TraceRecordRow {
  trace_id: string;
  trace_id_text: string;
  prompt_name: string | null;
  version_tag: string | null;
  metadata: string;
  created_time_unix_ms: bigint;
}

/** By trace id, as Postgres writes it: ready to be joined to a summary. */
export async function readTraceRecords(
  queries: Queries,
  workspace: string,
  ids: readonly string[],
): Promise<Map<string, { record: TraceRecord }>> {
  const rows = await queries.rows<TraceRecordRow>(
    `select trace_id, trace_id_text, prompt_name, version_tag, metadata, created_time_unix_ms from trace_records
     where workspace = $1 and trace_id = any($2::uuid[])`,
    [workspace, ids],
  );
  return new Map(rows.map((row) => [row.trace_id, { record: recordOf(row) }]));
}

function recordOf(row: TraceRecordRow): TraceRecord {
  return {
    traceId: new Uint8Array(idOfUuid(row.trace_id)),
    traceIdText: row.trace_id_text,
    promptName: row.prompt_name ?? undefined,
    versionTag: row.version_tag ?? undefined,
    metadata: row.metadata,
    createdTimeUnixMs: Number(row.created_time_unix_ms),
  };
}
