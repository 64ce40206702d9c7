/** Deleting traces, with what they told of calls to models: in one transaction. */
import type { TraceDeletion } from '../telemetry.js';
import { lockTraces } from './claims.js';
import { HAVE_CONTENTS_ALONE, removePlaces, removeUnused } from './contents.js';
import { applyGenerations, type GenerationTables, type GoneGenerations } from './generation-writes.js';
import { hexOf, traceIdArray } from './native-ids.js';
import { sumUpAnew } from './revisions.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';

export async function deleteTraces(tables: GenerationTables, deletions: readonly TraceDeletion[]): Promise<void> {
  if (deletions.length === 0) return;
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
    // An id whose span is gone is free again.
    `delete from native_spans native using ${items} where ${ofTrace('native')} and not exists (
       select 1 from spans span where span.trace_id = native.trace_id and span.span_id = native.span_id
         and span.workspace = native.workspace offset 0)`,
    ...sumUpAnew(deletions),
    removePlaces(deletions),
  ]);
  const ending = await applyGenerations(tables, { rows: [], texts: [] }, deletions.map(goneWith));
  await runTogether(client, [...ending, ...removeUnused(results), deleteEventTexts(deletions), 'commit']);
}

function goneWith({ workspace, traceId, receivedUntilUnixMs }: TraceDeletion): GoneGenerations {
  return {
    workspace,
    traceId: hexOf(traceId),
    isGone: (row) => row.source === 'span' && row.receivedTimeUnixMs <= receivedUntilUnixMs,
  };
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
