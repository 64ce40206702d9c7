/** What one recent block knows: its spans by trace, through a filter that answers most questions, and what it applied. */
import type Database from 'better-sqlite3';
import type { SequenceRange } from '../../../component.js';
import { hashTraceId, TraceFilter } from './trace-filter.js';
import type { TraceGroup } from './trace-groups.js';

const EVERYTHING: SequenceRange = { first: 0, last: Number.MAX_SAFE_INTEGER };

export class RecentBlock {
  private readonly filter = new TraceFilter();
  private lastRow = 0;
  private statements;

  constructor(
    private db: Database.Database,
    /** False while its writer fills the block over the same connection. */
    private ownsConnection: boolean,
  ) {
    this.statements = prepareStatements(db);
  }

  /** Takes in what was committed since the last call. */
  refresh(): void {
    for (const row of this.statements.tracesSince.iterate(this.lastRow)) {
      const [id, traceId] = row as [number, Uint8Array];
      this.filter.add(hashTraceId(traceId));
      this.lastRow = id;
    }
  }

  /** Goes on over another connection, with what it learnt. */
  move(db: Database.Database): void {
    this.close();
    this.db = db;
    this.ownsConnection = true;
    this.statements = prepareStatements(db);
  }

  /** The ids of the spans that this block has of the group's trace: runs of 8-byte ids, one for each batch. */
  spanIds({ hash, traceId, workspace }: TraceGroup): Uint8Array[] {
    return this.filter.mayHold(hash) ? (this.statements.spanIds.all(traceId, workspace) as Uint8Array[]) : [];
  }

  /** Those that overlap `range`; all of them without one. */
  appliedRanges(bufferId: string, { first, last }: SequenceRange = EVERYTHING): SequenceRange[] {
    return this.statements.applied.all(bufferId, last, first) as SequenceRange[];
  }

  close(): void {
    if (this.ownsConnection) this.db.close();
  }
}

function prepareStatements(db: Database.Database) {
  return {
    tracesSince: db.prepare('SELECT id, trace_id FROM trace_batches WHERE id > ? ORDER BY id').raw(),
    spanIds: db
      .prepare(
        `SELECT span_ids FROM trace_batches WHERE trace_id = ?
           AND workspace_id = (SELECT id FROM workspaces WHERE name = ?)`,
      )
      .pluck(),
    applied: db.prepare('SELECT first, last FROM applied WHERE buffer_id = ? AND first <= ? AND last >= ?'),
  };
}
