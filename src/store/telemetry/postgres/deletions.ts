/** Deleting traces, with what they told of calls to models: in one transaction. */
import type { TraceDeletion } from '../telemetry.js';
import { lockTraces } from './claims.js';
import { HAVE_CONTENTS_ALONE, removePlaces, removeUnused } from './contents.js';
import type { GenerationRow } from './generation-rows.js';
import { applyGenerations, type GenerationTables, type GoneGenerations } from './generation-writes.js';
import { hexOf, traceIdArray } from './native-ids.js';
import { sumUpAnew } from './revisions.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';

/** Answers what of calls is gone with them. */
export async function deleteTraces(
  tables: GenerationTables,
  deletions: readonly TraceDeletion[],
): Promise<readonly GenerationRow[]> {
  if (deletions.length === 0) return [];
  const { client } = tables;
  const rows = deletions.map(({ workspace, traceId, receivedUntilUnixMs }) => ({
    workspace,
    trace_id: hexOf(traceId),
    until: receivedUntilUnixMs,
  }));
  const items = rowsOf('item', 'workspace text, trace_id uuid, until bigint', rows);
  const ids = traceIdArray(deletions.map(({ traceId }) => traceId));
  const ofTrace = (row: string) =>
    `${row}.trace_id = any(${ids}) and ${row}.trace_id = item.trace_id and ${row}.workspace = item.workspace`;
  const results = await runTogether(client, [
    'begin',
    HAVE_CONTENTS_ALONE,
    BY_INDEX,
    lockTraces(deletions.map(({ traceId }) => traceId)),
    // In the order in which writers claim ids: neither then waits for the other in a ring.
    `select from native_spans native join ${items} on ${ofTrace('native')}
     order by native.workspace, native.trace_id, native.span_id for update of native`,
    `delete from trace_records record using ${items}
     where ${ofTrace('record')} and record.received_time_unix_ms <= item.until`,
    `delete from spans span using ${items} where ${ofTrace('span')} and span.received_time_unix_ms <= item.until`,
    findSpanless(ids, items),
    // An id whose span is gone is free again.
    `delete from native_spans native using ${items} where ${ofTrace('native')} and not exists (
       select 1 from spans span where span.trace_id = native.trace_id and span.span_id = native.span_id
         and span.workspace = native.workspace offset 0)`,
    ...sumUpAnew(deletions),
    removePlaces(deletions),
  ]);
  const spanless = new Set(results.flatMap(({ rows }) => rows).map(({ spanless }) => spanless));
  const gone = deletions.map((deletion) => goneWith(deletion, spanless));
  const applied = await applyGenerations(tables, { rows: [], texts: [] }, gone);
  await runTogether(client, [...applied.statements, ...removeUnused(results), deleteEventTexts(deletions), 'commit']);
  return applied.gone;
}

/**
 * Calls whose spans this transaction has just deleted. What another gateway commits from here on, span and call, stays: by
 * the times alone its call would go, and its span would not.
 */
function findSpanless(ids: string, items: string): string {
  return `select row.workspace || '/' || replace(row.trace_id::text, '-', '') || '/' || row.row_id as spanless
    from generations row join ${items} on row.trace_id = item.trace_id and row.workspace = item.workspace
    where row.trace_id = any(${ids}) and not row.from_log and row.received_time_unix_ms <= item.until and not exists (
      select 1 from spans span where span.trace_id = row.trace_id and span.span_id = row.span_id
        and span.workspace = row.workspace offset 0)`;
}

function goneWith({ workspace, traceId }: TraceDeletion, spanless: ReadonlySet<unknown>): GoneGenerations {
  const id = hexOf(traceId);
  const isGone = ({ source, rowId }: GenerationRow) => source === 'span' && spanless.has(`${workspace}/${id}/${rowId}`);
  return { workspace, traceId: id, isGone };
}

/** Of spans that are not there any more; those that are to come yet lose the words of their events, as the trace was deleted. */
function deleteEventTexts(deletions: readonly TraceDeletion[]): string {
  const rows = deletions.map(({ workspace, traceId }) => ({ workspace, trace_id: hexOf(traceId) }));
  return `delete from generation_texts text using ${rowsOf('item', 'workspace text, trace_id uuid', rows)}
    where text.trace_id = any(${traceIdArray(deletions.map(({ traceId }) => traceId))})
      and text.trace_id = item.trace_id and text.workspace = item.workspace and text.of_event
      and not exists (select 1 from generations row where row.trace_id = text.trace_id and row.row_id = text.row_id
        and row.workspace = text.workspace offset 0)`;
}
