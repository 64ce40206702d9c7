/** What one block tells a writer: its spans by trace, through a filter that answers most questions, and what it applied. */
import type Database from 'better-sqlite3';
import type { SequenceRange } from '../../../component.js';
import type { SeenResponse } from '../sightings.js';
import { OF_TRACE } from './generation-rows.js';
import { GENERATION_VERSION, NATIVE_VERSION } from './schema.js';
import { hashTraceId, TraceFilter } from './trace-filter.js';
import type { TraceGroup } from './trace-groups.js';
import { ALL_ROWS, type Owners, prepareOwners } from './trace-owners.js';

const EVERYTHING: SequenceRange = { first: 0, last: Number.MAX_SAFE_INTEGER };

export type TraceName = Pick<TraceGroup, 'hash' | 'traceId' | 'workspace'>;

/** What an earlier request with the same idempotency key was told. */
export interface KeyedAnswer {
  fingerprint: string;
  answer: string;
  knownTraces: string[];
  knownSpans: string[];
}

export interface KeyQuery {
  workspace: string;
  key: string;
  /** Milliseconds since the epoch: keys of requests that were received before are free again. */
  receivedFrom: number;
}

interface KeyRow {
  fingerprint: string;
  answer: string;
  known_traces: string;
  known_spans: string;
}

/** Where a block's rows end, or ended once. */
export interface BlockEnd {
  batch: number;
  /** The last log that is a generation. */
  log: number;
}

/** What has come to a block since. */
export interface BlockArrivals {
  traces: { workspace: string; traceId: Uint8Array }[];
  /** Of calls that count. */
  responses: { workspace: string; responseId: string }[];
}

export class RecentBlock {
  private filter: TraceFilter | undefined;
  private lastRow = 0;
  /** Not 0: it has generations of native logs, which no filter tells of. */
  private lastLog = 0;
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
    this.filter ??= new TraceFilter();
    for (const row of this.statements.tracesSince.iterate(this.lastRow)) {
      const [id, traceId] = row as [number, Uint8Array];
      this.filter.add(hashTraceId(traceId));
      this.lastRow = id;
    }
    this.lastLog = (this.statements.owned?.lastLog.get() as number | undefined) ?? 0;
  }

  /** As far as `refresh` has taken it in. */
  get end(): BlockEnd {
    return { batch: this.lastRow, log: this.lastLog };
  }

  arrivalsSince(end: BlockEnd): BlockArrivals {
    const { owned } = this.statements;
    return {
      traces: (owned?.arrivedTraces.all(end) ?? []) as BlockArrivals['traces'],
      responses: (owned?.arrivedResponses.all(end) ?? []) as BlockArrivals['responses'],
    };
  }

  /** Goes on over another connection, with what it learnt. */
  move(db: Database.Database): void {
    this.close();
    this.db = db;
    this.ownsConnection = true;
    this.statements = prepareStatements(db);
  }

  /**
   * The ids of the spans that this block has of the trace: runs of 8-byte ids, one for each batch, and an empty one for its
   * declaration. Call `refresh` before.
   */
  spanIds({ hash, traceId, workspace }: TraceName): Uint8Array[] {
    return this.filter?.mayHold(hash) ? (this.statements.spanIds.all(traceId, workspace) as Uint8Array[]) : [];
  }

  /** 0 when no span of the trace was revised. Call `refresh` before. */
  lastRevision({ hash, traceId, workspace }: TraceName): number {
    if (!this.filter?.mayHold(hash)) return 0;
    return (this.statements.native?.lastRevision.get(traceId, workspace) as number | null | undefined) ?? 0;
  }

  /** Call `refresh` before. */
  isDeclared({ hash, traceId, workspace }: TraceName): boolean {
    return this.filter?.mayHold(hash) === true && this.statements.declaration.get(traceId, workspace) !== undefined;
  }

  /** Counted calls whose response has that hash. */
  seenResponses(workspace: string, hash: bigint): SeenResponse[] {
    return (this.statements.seenResponses?.all(hash, workspace) ?? []) as SeenResponse[];
  }

  /** Whose the trace is; undefined when it has nothing of it. Call `refresh` before. */
  owners({ hash, traceId, workspace }: TraceName): Owners | undefined {
    const { owned } = this.statements;
    if (!owned || !(this.lastLog > 0 || this.filter?.mayHold(hash))) return undefined;
    const workspaceId = owned.workspace.get(workspace) as number | undefined;
    if (workspaceId === undefined) return undefined;
    const rows = { traceId, workspaceId, first: ALL_ROWS };
    return owned.holds.get(rows) === undefined ? undefined : owned.owners(rows);
  }

  keyedAnswer({ key, workspace, receivedFrom }: KeyQuery): KeyedAnswer | undefined {
    const row = this.statements.native?.key.get(key, workspace, receivedFrom) as KeyRow | undefined;
    return (
      row && {
        fingerprint: row.fingerprint,
        answer: row.answer,
        knownTraces: JSON.parse(row.known_traces) as string[],
        knownSpans: JSON.parse(row.known_spans) as string[],
      }
    );
  }

  /** Workspace and key of each. */
  keys(): [workspace: string, key: string][] {
    return (this.statements.native?.keys.all() ?? []) as [string, string][];
  }

  /** Those that overlap `range`; all of them without one. */
  appliedRanges(bufferId: string, { first, last }: SequenceRange = EVERYTHING): SequenceRange[] {
    return this.statements.applied.all(bufferId, last, first) as SequenceRange[];
  }

  /** Frames of `range` that were applied and brought nothing new. */
  unwritten(bufferId: string, { first, last }: SequenceRange = EVERYTHING): number[] {
    return (this.statements.native?.unwritten.all(bufferId, first, last) ?? []) as number[];
  }

  close(): void {
    if (this.ownsConnection) this.db.close();
  }
}

const WORKSPACE = '(SELECT id FROM workspaces WHERE name = ?)';

const SEEN_RESPONSES = `SELECT x.response_id AS responseId, coalesce(nullif(d.response_model, ''), d.request_model) AS model
  FROM generations x INDEXED BY generations_by_response CROSS JOIN descriptions d ON d.id = x.description_id
  WHERE x.response_hash = ? AND x.workspace_id = ${WORKSPACE} AND x.counted = 1`;

const ARRIVED_TRACES = `SELECT w.name AS workspace, b.trace_id AS traceId
    FROM trace_batches b JOIN workspaces w ON w.id = b.workspace_id WHERE b.id > @batch
  UNION ALL SELECT w.name, l.trace_id FROM generations x CROSS JOIN log_records l ON l.id = -x.id
    JOIN workspaces w ON w.id = x.workspace_id WHERE x.id < -@log AND x.id < 0 AND l.trace_id IS NOT NULL`;

const ARRIVED_RESPONSES = `SELECT w.name AS workspace, x.response_id AS responseId
    FROM generations x JOIN workspaces w ON w.id = x.workspace_id
    WHERE x.id >= (SELECT min(first_span) FROM trace_batches WHERE id > @batch AND span_count > 0)
      AND x.response_id <> '' AND x.counted = 1
  UNION ALL SELECT w.name, x.response_id FROM generations x JOIN workspaces w ON w.id = x.workspace_id
    WHERE x.id < -@log AND x.id < 0 AND x.response_id <> '' AND x.counted = 1`;

function prepareStatements(db: Database.Database) {
  const version = db.prepare('SELECT schema_version FROM block').pluck().get() as number;
  return {
    tracesSince: db.prepare('SELECT id, trace_id FROM trace_batches WHERE id > ? ORDER BY id').raw(),
    spanIds: db
      .prepare(`SELECT span_ids FROM trace_batches WHERE trace_id = ? AND workspace_id = ${WORKSPACE}`)
      .pluck(),
    declaration: db.prepare(
      `SELECT 1 FROM trace_batches WHERE trace_id = ? AND workspace_id = ${WORKSPACE} AND span_count = 0 LIMIT 1`,
    ),
    applied: db.prepare('SELECT first, last FROM applied WHERE buffer_id = ? AND first <= ? AND last >= ?'),
    native: version >= NATIVE_VERSION ? prepareNative(db) : undefined,
    seenResponses: version >= GENERATION_VERSION ? db.prepare(SEEN_RESPONSES) : undefined,
    owned: version >= GENERATION_VERSION ? prepareOwned(db) : undefined,
  };
}

function prepareOwned(db: Database.Database) {
  return {
    owners: prepareOwners(db),
    workspace: db.prepare('SELECT id FROM workspaces WHERE name = ?').pluck(),
    lastLog: db.prepare('SELECT -id FROM generations WHERE id < 0 ORDER BY id LIMIT 1').pluck(),
    arrivedTraces: db.prepare(ARRIVED_TRACES),
    arrivedResponses: db.prepare(ARRIVED_RESPONSES),
    holds: db.prepare(
      `SELECT 1 FROM trace_batches b INDEXED BY trace_batches_by_trace WHERE ${OF_TRACE}
       UNION ALL SELECT 1 FROM log_records l INDEXED BY log_records_by_trace
         WHERE l.trace_id = @traceId AND l.workspace_id = @workspaceId LIMIT 1`,
    ),
  };
}

function prepareNative(db: Database.Database) {
  return {
    key: db.prepare(
      `SELECT fingerprint, answer, known_traces, known_spans FROM idempotency_keys
         WHERE key = ? AND workspace_id = ${WORKSPACE} AND received_time_unix_ms >= ?`,
    ),
    lastRevision: db
      .prepare(`SELECT max(revision) FROM trace_batches WHERE trace_id = ? AND workspace_id = ${WORKSPACE}`)
      .pluck(),
    keys: db.prepare('SELECT w.name, k.key FROM idempotency_keys k JOIN workspaces w ON w.id = k.workspace_id').raw(),
    unwritten: db
      .prepare(
        'SELECT sequence FROM unwritten WHERE buffer_id = ? AND sequence >= ? AND sequence <= ? ORDER BY sequence',
      )
      .pluck(),
  };
}
