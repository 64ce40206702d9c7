/**
 * Takes the generations of older versions of spans out of blocks that their newer versions are not written to. It is done before
 * those are written, so that a crash in between leaves a call out until the batch is replayed, and never counts it twice.
 */
import path from 'node:path';
import { GenerationChanges } from './generation-changes.js';
import { GENERATION_VERSION, SCHEMA_VERSION } from './schema.js';
import { openForDeleting } from './trace-deletion.js';
import { spanIdKey, spanIdKeys, type TraceGroup } from './trace-groups.js';

interface BatchRow {
  first_span: bigint;
  span_ids: Buffer;
}

const BATCHES = `SELECT first_span, span_ids FROM trace_batches INDEXED BY trace_batches_by_trace
  WHERE trace_id = ? AND workspace_id = (SELECT id FROM workspaces WHERE name = ?)`;

/** Whether the block had any version of every span of the group: older versions are in no other then. */
export function removeReplaced(directory: string, file: string, { spans, traceId, workspace }: TraceGroup): boolean {
  const db = openForDeleting(path.join(directory, file));
  try {
    const version = Number(db.prepare('SELECT schema_version FROM block').pluck().get());
    if (version > SCHEMA_VERSION) return false;
    const wanted = new Set(spans.map(({ spanId }) => spanIdKey(spanId)));
    const found = new Set<string>();
    const ids: bigint[] = [];
    for (const { first_span: first, span_ids: held } of db.prepare(BATCHES).all(traceId, workspace) as BatchRow[]) {
      for (const [at, key] of spanIdKeys(held).entries()) {
        if (!wanted.has(key)) continue;
        found.add(key);
        ids.push(first + BigInt(at));
      }
    }
    if (version >= GENERATION_VERSION && ids.length > 0) removeAll(new GenerationChanges(db), ids, db);
    return found.size === wanted.size;
  } finally {
    db.close();
  }
}

function removeAll(changes: GenerationChanges, ids: readonly bigint[], db: ReturnType<typeof openForDeleting>): void {
  db.transaction(() => {
    for (const id of ids) changes.remove(id);
    changes.flush();
  }).immediate();
}
