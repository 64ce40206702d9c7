/** Deleting traces: in one transaction, and in one round trip. */
import type pg from 'pg';
import type { TraceDeletion } from '../telemetry.js';
import { lockTraces } from './claims.js';
import { hexOf, traceIdArray } from './native-ids.js';
import { sumUpAnew } from './revisions.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';

export async function deleteTraces(client: pg.ClientBase, deletions: readonly TraceDeletion[]): Promise<void> {
  if (deletions.length === 0) return;
  const rows = deletions.map(({ workspace, traceId, receivedUntilUnixMs }) => ({
    workspace,
    trace_id: hexOf(traceId),
    until: receivedUntilUnixMs,
  }));
  const items = rowsOf('item', 'workspace text, trace_id uuid, until bigint', rows);
  const ids = traceIdArray(deletions.map(({ traceId }) => traceId));
  const ofTrace = (row: string) =>
    `${row}.trace_id = any(${ids}) and ${row}.trace_id = item.trace_id and ${row}.workspace = item.workspace`;
  await runTogether(client, [
    'begin',
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
    'commit',
  ]);
}
