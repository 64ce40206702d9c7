/** How many payload bytes each workspace holds: a sum for each day and writer, moved on in the batch's transaction. */
import type { DecodedFrame } from '../../../model/telemetry.js';
import type { Queries } from './queries.js';
import { rowsOf } from './statements.js';

const DAY_MS = 86_400_000;

/** One row for each workspace of the batch; two about midnight. */
export function addBytes(writer: string, frames: readonly DecodedFrame[]): string[] {
  const rows = new Map<string, { workspace: string; day: number; writer: string; bytes: number }>();
  for (const { workspace, receivedTimeUnixMs, bytes } of frames) {
    if (bytes === 0) continue;
    const day = Math.floor(receivedTimeUnixMs / DAY_MS);
    const key = `${day}/${workspace}`;
    const row = rows.get(key);
    if (row) row.bytes += bytes;
    else rows.set(key, { workspace, day, writer, bytes });
  }
  if (rows.size === 0) return [];
  const items = rowsOf('item', 'workspace text, day integer, writer text, bytes bigint', [...rows.values()]);
  return [
    `insert into stored_bytes as held (workspace, day, writer, bytes) select workspace, day, writer, bytes from ${items}
     on conflict (workspace, day, writer) do update set bytes = held.bytes + excluded.bytes`,
  ];
}

export async function storedBytes(queries: Queries, workspace: string): Promise<number> {
  const sql = 'select coalesce(sum(bytes), 0)::text as bytes from stored_bytes where workspace = $1';
  const [row] = await queries.rows<{ bytes: string }>(sql, [workspace]);
  return Number(row!.bytes);
}
