/**
 * Takes traces out of a block, whoever writes it and even when it is closed. Transactions are short, so that the block's
 * writer waits for a moment only; a deletion that is cut off is begun again from the start.
 */
import path from 'node:path';
import Database from 'better-sqlite3';
import type { TraceDeletion } from '../telemetry.js';
import { textFileOf } from './block-files.js';
import { BUSY_TIMEOUT_MS } from './connection.js';
import { ContentRemoval } from './contents.js';
import { GenerationChanges } from './generation-changes.js';
import { CONTENT_VERSION, GENERATION_VERSION, NATIVE_VERSION, SCHEMA_VERSION } from './schema.js';
import { inSoundTextFile } from './text-file.js';
import { shareOf } from './trace-groups.js';

const SPANS_PER_TRANSACTION = 5000;
/** What is deleted may stay in the log of the file when readers are busy: the next checkpoint takes it out. */
const CHECKPOINT_TIMEOUT_MS = 250;

interface BatchRow {
  id: bigint;
  first_span: bigint;
  span_count: bigint;
  revision?: bigint;
  received_time_unix_ms: bigint;
}

interface SpanRow {
  id: bigint;
  span_id: Buffer;
  parent_span_id: Buffer | null;
  start_time_unix_nano: bigint;
  end_time_unix_nano: bigint;
  name: string;
  status_code: bigint;
  received_time_unix_ms: bigint;
  service_name: string;
}

export class TraceDeletions {
  /** Traces that an older block has held: each is counted in the oldest. */
  private readonly counted = new Set<TraceDeletion>();

  constructor(private readonly deletions: readonly TraceDeletion[]) {}

  /** Call for the oldest block first. */
  deleteFrom(directory: string, file: string): void {
    const db = openForDeleting(path.join(directory, file));
    try {
      const block = new BlockTraces(db);
      const deleted = this.deletions.filter((deletion) => this.deleteOne(block, deletion));
      if (deleted.length === 0) return;
      emptyLog(db);
      inSoundTextFile(textFileOf(db.name), (texts) => emptyLog(texts.db));
    } finally {
      db.close();
    }
  }

  private deleteOne(block: BlockTraces, deletion: TraceDeletion): boolean {
    const held = block.delete(deletion, { counts: !this.counted.has(deletion) });
    if (held) this.counted.add(deletion);
    return held;
  }
}

/** Deleted bytes are overwritten, not only given free. */
export function openForDeleting(file: string): Database.Database {
  const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
  db.defaultSafeIntegers(true);
  return db;
}

function emptyLog(db: Database.Database): void {
  db.pragma(`busy_timeout = ${CHECKPOINT_TIMEOUT_MS}`);
  db.pragma('wal_checkpoint(TRUNCATE)');
}

class BlockTraces {
  private readonly version: number;
  /** Its writer adds rows. */
  private readonly isOpen: boolean;
  private readonly generations: GenerationChanges | undefined;
  private readonly contents: ContentRemoval | undefined;

  private prepared: ReturnType<typeof prepareStatements> | undefined;

  constructor(private readonly db: Database.Database) {
    const sql = 'SELECT schema_version AS version, closed_time_unix_ms AS closed FROM block';
    const { version, closed } = this.db.prepare(sql).get() as { version: bigint; closed: bigint | null };
    this.version = Number(version);
    this.isOpen = this.version === SCHEMA_VERSION && closed === null;
    if (this.version >= GENERATION_VERSION && this.version <= SCHEMA_VERSION)
      this.generations = new GenerationChanges(db);
    if (this.version >= CONTENT_VERSION && this.version <= SCHEMA_VERSION) this.contents = new ContentRemoval(db);
  }

  /** Once for each block, that of a later version excepted: traces have thousands of rows. */
  private get statements() {
    this.prepared ??= prepareStatements(this.db, this.version);
    return this.prepared;
  }

  /** Whether the block held anything of the trace. A block of a later version, which nobody reads here, is left alone. */
  delete(deletion: TraceDeletion, { counts }: { counts: boolean }): boolean {
    if (this.version > SCHEMA_VERSION) return false;
    const workspaceId = this.workspaceId(deletion.workspace);
    if (workspaceId === undefined) return false;
    const batches = this.batches(workspaceId, deletion.traceId);
    if (batches.length === 0) return false;
    for (const some of inTransactions(batches)) {
      this.transact(() => {
        for (const batch of some) this.deleteBatch(batch, deletion.receivedUntilUnixMs);
      });
    }
    if (counts) this.transact(() => this.countTrace(workspaceId, deletion));
    return true;
  }

  /** Ids are not given twice: readers, and the writer's filter, take a row with a known id for one they have seen. */
  private transact(change: () => void): void {
    this.db
      .transaction(() => {
        const before = this.isOpen ? this.lastIds() : undefined;
        change();
        this.generations?.flush();
        if (before) this.holdPlaces(before, this.lastIds());
      })
      .immediate();
  }

  private workspaceId(name: string): bigint | undefined {
    return this.statements.workspace.get(name) as bigint | undefined;
  }

  private batches(workspaceId: bigint, traceId: Uint8Array): BatchRow[] {
    return this.statements.batches.all(traceId, workspaceId) as BatchRow[];
  }

  private deleteBatch(batch: BatchRow, receivedUntilUnixMs: number): void {
    if (!this.statements.batch.get(batch.id)) return;
    const spans = this.spans(batch);
    // A declaration has no spans; its own time counts.
    const times = spans.length > 0 ? spans.map((span) => span.received_time_unix_ms) : [batch.received_time_unix_ms];
    if (times.every((time) => time > receivedUntilUnixMs)) return;
    const kept = spans.filter((span) => span.received_time_unix_ms > receivedUntilUnixMs);
    for (const { id, received_time_unix_ms: received } of spans) {
      if (received > receivedUntilUnixMs) continue;
      this.generations?.remove(id);
      this.contents?.remove(id);
      this.statements.deleteSpan.run(id);
    }
    const runs = inRuns(kept);
    for (const run of runs) this.insertBatch(batch, run);
    if (batch.span_count === 0n) this.statements.deleteRecord!.run(batch.first_span);
    this.statements.deleteBatch.run(batch.id);
    this.count(spans.length - kept.length, (batch.revision ?? 0n) > 0n ? 1 - runs.length : 0);
  }

  private spans({ first_span: first, span_count: count }: BatchRow): SpanRow[] {
    return this.statements.spans.all(first, first + count) as SpanRow[];
  }

  /** A row like `batch` for what is left of it. */
  private insertBatch(batch: BatchRow, run: readonly SpanRow[]): void {
    const share = shareOf({
      spans: run.map((row) => ({
        spanId: row.span_id,
        parentSpanId: row.parent_span_id ?? undefined,
        startTimeUnixNano: row.start_time_unix_nano,
        endTimeUnixNano: row.end_time_unix_nano,
        name: row.name,
        statusCode: Number(row.status_code),
        resource: { serviceName: row.service_name },
      })),
      frames: run.map((row) => ({ receivedTimeUnixMs: Number(row.received_time_unix_ms) })),
    });
    this.statements.insertBatch.run(
      share.startTimeUnixNano,
      share.endTimeUnixNano,
      run[0]!.id,
      run.length,
      share.errorCount,
      share.receivedTimeUnixMs,
      share.rootName,
      share.rootStartTimeUnixNano,
      share.services,
      share.spanIds,
      batch.id,
    );
  }

  private countTrace(workspaceId: bigint, { traceId }: TraceDeletion): void {
    if (this.batches(workspaceId, traceId).length === 0)
      this.db.prepare('UPDATE block SET traces = max(traces - 1, 0)').run();
  }

  private count(deletedSpans: number, deletedRevisions: number): void {
    this.statements.count.run({ deletedSpans, deletedRevisions });
  }

  private lastIds(): { spans: bigint | null; batches: bigint | null } {
    const sql = 'SELECT (SELECT max(id) FROM spans) AS spans, (SELECT max(id) FROM trace_batches) AS batches';
    return this.db.prepare(sql).get() as { spans: bigint | null; batches: bigint | null };
  }

  /** A row of no workspace keeps the place of the last one. */
  private holdPlaces(before: ReturnType<BlockTraces['lastIds']>, after: ReturnType<BlockTraces['lastIds']>): void {
    if (before.spans !== after.spans) this.db.prepare(PLACE_OF_SPAN).run(before.spans);
    if (before.batches !== null && before.batches > (after.batches ?? 0n))
      this.db.prepare(PLACE_OF_BATCH).run(before.batches);
  }
}

function prepareStatements(db: Database.Database, version: number) {
  const isNative = version >= NATIVE_VERSION;
  const revision = isNative ? ', revision' : '';
  return {
    workspace: db.prepare('SELECT id FROM workspaces WHERE name = ?').pluck(),
    batches: db.prepare(
      'SELECT * FROM trace_batches INDEXED BY trace_batches_by_trace WHERE trace_id = ? AND workspace_id = ?',
    ),
    batch: db.prepare('SELECT 1 FROM trace_batches WHERE id = ?'),
    spans: db.prepare(
      `SELECT id, span_id, parent_span_id, start_time_unix_nano, end_time_unix_nano, name, status_code,
          received_time_unix_ms, (SELECT service_name FROM resources r WHERE r.id = resource_id) AS service_name
        FROM spans WHERE id >= ? AND id < ? ORDER BY id`,
    ),
    deleteSpan: db.prepare('DELETE FROM spans WHERE id = ?'),
    // Nothing was declared in older blocks.
    deleteRecord: isNative ? db.prepare('DELETE FROM trace_records WHERE id = ?') : undefined,
    count: db.prepare(
      `UPDATE block SET spans = spans - @deletedSpans ${isNative ? ', revisions = revisions - @deletedRevisions' : ''}`,
    ),
    deleteBatch: db.prepare('DELETE FROM trace_batches WHERE id = ?'),
    insertBatch: db.prepare(
      `INSERT INTO trace_batches (workspace_id, trace_id, start_time_unix_nano, end_time_unix_nano, first_span,
          span_count, error_count, received_time_unix_ms, root_name, root_start_time_unix_nano, services, span_ids ${revision})
        SELECT workspace_id, trace_id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? ${revision} FROM trace_batches WHERE id = ?`,
    ),
  };
}

const PLACE_OF_SPAN = `INSERT INTO spans VALUES (?, 0, zeroblob(16), zeroblob(8), NULL, 0, 0, '', 0, 0, 0, 0, 0, 0,
  '', '', 0, 0, 0, '{}', '[]', '[]')`;
const PLACE_OF_BATCH = `INSERT INTO trace_batches (id, workspace_id, trace_id, start_time_unix_nano, end_time_unix_nano,
    first_span, span_count, error_count, received_time_unix_ms, services, span_ids)
  VALUES (?, 0, zeroblob(16), 0, 0, 0, 0, 0, 0, '[]', zeroblob(0))`;

function* inTransactions(batches: readonly BatchRow[]): Generator<BatchRow[]> {
  let some: BatchRow[] = [];
  let spans = 0;
  for (const batch of batches) {
    some.push(batch);
    spans += Number(batch.span_count);
    if (spans < SPANS_PER_TRANSACTION) continue;
    yield some;
    some = [];
    spans = 0;
  }
  if (some.length > 0) yield some;
}

/** Spans whose rows lie next to each other. */
function inRuns(spans: readonly SpanRow[]): SpanRow[][] {
  const runs: SpanRow[][] = [];
  for (const span of spans) {
    const run = runs.at(-1);
    if (run && run.at(-1)!.id === span.id - 1n) run.push(span);
    else runs.push([span]);
  }
  return runs;
}
