/** A read-only connection to one block: its statements, and the few rows that many others point at. */
import { existsSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { SequenceRange } from '../../../component.js';
import type { Metric, Resource, Scope, TraceRecord } from '../../../model/telemetry.js';
import type { StoredTexts } from '../contents.js';
import type { StoredGeneration } from '../generations.js';
import type { StoredLogRecord, StoredMetricPoint, StoredSpan } from '../telemetry.js';
import { textFileOf } from './block-files.js';
import type { Budget } from './budget.js';
import { bodyContains, type Conditions } from './conditions.js';
import { openReadOnly } from './connection.js';
import { PLACES_OF_RECORD, restoreRow } from './contents.js';
import { isDamaged } from './failures.js';
import { type GenerationRow, selectGenerations, toStoredGeneration } from './generation-rows.js';
import {
  PLAIN_ATTRIBUTES,
  PLAIN_EVENTS,
  PLAIN_ID,
  PLAIN_SPAN_COLUMNS,
  type PlainSpan,
  type PlainSpans,
} from './plain-spans.js';
import {
  type LogRow,
  type MetricRow,
  type PointRow,
  type ResourceRow,
  type ScopeRow,
  type SpanRow,
  type TraceRecordRow,
  toLogRecord,
  toMetric,
  toMetricPoint,
  toResource,
  toScope,
  toSpan,
  toTraceRecord,
} from './rows.js';
import {
  CONTENT_VERSION,
  FAILED_VERSION,
  GENERATION_VERSION,
  NATIVE_VERSION,
  ROLLUP_CHANGES_VERSION,
  RUN_VERSION,
  SCHEMA_VERSION,
  TEXT_FILE_VERSION,
} from './schema.js';
import { signed, spanIdKey, spanIdKeys } from './trace-groups.js';

/** Dozens of blocks are open at a time; the page cache of the system stands behind these few pages. */
export const CACHE_KIB = 256;
const MAX_STATEMENTS = 64;
const MAX_REMEMBERED_ROWS = 256;

/** From the earliest to the latest; undefined when the block has none. */
export interface Extent {
  min: bigint;
  max: bigint;
}

export interface BlockInfo {
  closed: boolean;
  /** It may have newer versions of spans of other blocks. */
  revises: boolean;
  traces: Extent | undefined;
  logRecords: Extent | undefined;
  metricPoints: Extent | undefined;
  generations: Extent | undefined;
}

/** What one batch brought of one trace. */
export interface ShareRow {
  id: bigint;
  workspace_id: bigint;
  trace_id: Buffer;
  start_time_unix_nano: bigint;
  end_time_unix_nano: bigint;
  first_span: bigint;
  span_count: bigint;
  error_count: bigint;
  received_time_unix_ms: bigint;
  root_name: string | null;
  root_start_time_unix_nano: bigint | null;
  services: string;
  /** Absent in blocks of version 1. */
  revision?: bigint;
  span_ids: Buffer;
}

type ShareValues = [
  id: bigint,
  workspaceId: bigint,
  traceId: Buffer,
  start: bigint,
  end: bigint,
  firstSpan: bigint,
  spanCount: bigint,
  errorCount: bigint,
  received: bigint,
  rootName: string | null,
  rootStart: bigint | null,
  services: string,
  spanIds: Buffer,
  revision: bigint,
];

function toShare(values: ShareValues): ShareRow {
  const [id, workspaceId, traceId, start, end, firstSpan, spanCount, errorCount, received, ...rest] = values;
  const [rootName, rootStart, services, spanIds, revision] = rest;
  return {
    id,
    workspace_id: workspaceId,
    trace_id: traceId,
    start_time_unix_nano: start,
    end_time_unix_nano: end,
    first_span: firstSpan,
    span_count: spanCount,
    error_count: errorCount,
    received_time_unix_ms: received,
    root_name: rootName,
    root_start_time_unix_nano: rootStart,
    services,
    revision,
    span_ids: spanIds,
  };
}

/** What the SQL of a trace list asks of a trace id, beyond its own block. */
export interface TraceRelations {
  /** false: the trace has no other batch than the one that is looked at. */
  mayBeShared(traceId: Uint8Array): boolean;
  /** false: no other block has a batch of the trace. */
  elsewhere(traceId: Uint8Array): boolean;
}

const UNKNOWN: TraceRelations = { mayBeShared: () => true, elsewhere: () => true };

/** The narrow columns of a span: they lie before the wide ones. */
export interface NarrowSpanRow {
  span_id: Buffer;
  parent_span_id: Buffer | null;
  start_time_unix_nano: bigint;
  name: string;
}

/** What of a span a summary tells. */
export interface SummarySpanRow extends NarrowSpanRow {
  end_time_unix_nano: bigint;
  status_code: bigint;
  service_name: string;
}

export interface SpanPlaceRow {
  id: bigint;
  span_id: Buffer;
  start_time_unix_nano: bigint;
}

const NO_CONDITIONS: Conditions = { sql: [], parameters: {} };

/** A later version of the gateway made the block. */
export class UnsupportedBlock extends Error {}

function bounded<Key, Value>(map: Map<Key, Value>, key: Key, max: number, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  if (map.size >= max) map.clear();
  map.set(key, value);
  return value;
}

let connections = 0;

export class BlockReader {
  /** No other has it, nor one that was opened before. */
  readonly connection = ++connections;
  private readonly db: Database.Database;
  private readonly statements = new Map<string, Database.Statement>();
  private readonly arrayStatements = new Map<string, Database.Statement>();
  private readonly workspaces = new Map<string, bigint>();
  private readonly resources = new Map<bigint, Resource>();
  private readonly scopes = new Map<bigint, Scope>();
  private readonly metrics = new Map<bigint, Metric>();
  private relations = UNKNOWN;
  private version: number | undefined;
  private hasTexts = false;
  private textDamage: string | undefined;

  constructor(
    directory: string,
    readonly file: string,
    private readonly budget: Budget,
  ) {
    this.db = openReadOnly(directory, file, { cacheKib: CACHE_KIB });
    this.db.defaultSafeIntegers(true);
    this.db.function('within_budget', { deterministic: false }, () => {
      budget.spend();
      return 1;
    });
    this.db.function('may_be_shared', { deterministic: false }, (traceId: unknown) =>
      this.relations.mayBeShared(traceId as Uint8Array) ? 1 : 0,
    );
    this.db.function('elsewhere', { deterministic: false }, (traceId: unknown) =>
      this.relations.elsewhere(traceId as Uint8Array) ? 1 : 0,
    );
    this.db.function('body_contains', { deterministic: true }, (body: unknown, needle: unknown) =>
      bodyContains(body as string, needle as string),
    );
  }

  close(): void {
    this.db.close();
  }

  /**
   * Of `texts`, the full text of the block, which is read apart from its rows: it may have more than they. None where the block
   * has no such words, or where they can't be read: that is told by `damage`, and the rows stay readable.
   */
  allTexts<Row>(sql: string, parameters: unknown): Row[] {
    if (!this.hasGenerations || this.textDamage !== undefined) return [];
    try {
      return this.findTexts() ? this.all<Row>(sql, parameters) : [];
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.textDamage = (error as Error).message;
      return [];
    }
  }

  /** Of the file of its full text. */
  get damage(): { file: string; reason: string } | undefined {
    return this.textDamage === undefined ? undefined : { file: textFileOf(this.file), reason: this.textDamage };
  }

  /** Whether `texts` can be asked. The file comes with the first text, maybe after this connection. */
  private findTexts(): boolean {
    if (this.hasTexts || this.schemaVersion() < TEXT_FILE_VERSION) return true;
    const file = textFileOf(this.db.name);
    if (!existsSync(file)) return false;
    this.db.prepare('ATTACH ? AS full_text').run(file);
    this.hasTexts = true;
    this.db.pragma(`full_text.cache_size = -${CACHE_KIB}`);
    return true;
  }

  all<Row>(sql: string, parameters: unknown): Row[] {
    return this.prepared(sql).all(parameters) as Row[];
  }

  get<Row>(sql: string, parameters: unknown): Row | undefined {
    return this.prepared(sql).get(parameters) as Row | undefined;
  }

  iterate<Row>(sql: string, parameters: unknown): IterableIterator<Row> {
    return this.prepared(sql).iterate(parameters) as IterableIterator<Row>;
  }

  /** Another number after another connection has changed the block; of no use to compare with another connection's. */
  dataVersion(): number {
    return Number(this.db.pragma('data_version', { simple: true }));
  }

  /** What its writer commits meanwhile is not seen. */
  inOneState(reads: () => void): void {
    this.db.transaction(reads)();
  }

  /** As `iterate`, each row an array: making objects of many columns takes as long as reading them. */
  iterateArrays(sql: string, parameters: unknown): IterableIterator<unknown[]> {
    return this.arrays(sql).iterate(parameters) as IterableIterator<unknown[]>;
  }

  /** Integers as numbers: one that is no safe integer is not exact. The text is to be of no other kind of read. */
  iterateNumbers(sql: string, parameters: unknown): IterableIterator<unknown[]> {
    return this.arrays(sql).safeIntegers(false).iterate(parameters) as IterableIterator<unknown[]>;
  }

  getArray(sql: string, parameters: unknown): unknown[] | undefined {
    return this.arrays(sql).get(parameters) as unknown[] | undefined;
  }

  /** Throws UnsupportedBlock. */
  info(): BlockInfo {
    const row = this.get<Record<string, bigint | null>>('SELECT * FROM block', [])!;
    if (Number(row.schema_version) > SCHEMA_VERSION) {
      throw new UnsupportedBlock(
        `its tables are of version ${row.schema_version}; this gateway knows up to ${SCHEMA_VERSION}`,
      );
    }
    const extent = (of: string): Extent | undefined => {
      const [min, max] = [row[`min_${of}_time`], row[`max_${of}_time`]];
      return typeof min === 'bigint' && typeof max === 'bigint' ? { min, max } : undefined;
    };
    return {
      closed: row.closed_time_unix_ms !== null,
      revises: Number(row.revisions ?? 0) > 0,
      traces: extent('trace'),
      logRecords: extent('log'),
      metricPoints: extent('point'),
      generations: extent('generation'),
    };
  }

  /** Blocks of version 1 have no declarations, no revisions, and no index by event name. */
  get isNative(): boolean {
    return this.schemaVersion() >= NATIVE_VERSION;
  }

  get hasGenerations(): boolean {
    return this.schemaVersion() >= GENERATION_VERSION;
  }

  get hasRollupChanges(): boolean {
    return this.schemaVersion() >= ROLLUP_CHANGES_VERSION;
  }

  get hasFailedIndex(): boolean {
    return this.schemaVersion() >= FAILED_VERSION;
  }

  private schemaVersion(): number {
    this.version ??= Number(this.get<{ version: bigint }>('SELECT schema_version AS version FROM block', [])!.version);
    return this.version;
  }

  /** Of a span, or (negative) of a native log. */
  generation(id: bigint): StoredGeneration | undefined {
    const row = this.get<GenerationRow>(`${selectGenerations()} WHERE x.id = ?`, [id]);
    return row && toStoredGeneration(row);
  }

  /** Of a native log, by its time. */
  generationOfLog(workspace: string, timeUnixNano: bigint): StoredGeneration | undefined {
    const sql = `${selectGenerations('generations x INDEXED BY generations_by_time')}
      WHERE x.workspace_id = ? AND x.start_time_unix_nano = ? AND x.id < 0 LIMIT 1`;
    const workspaceId = this.workspaceId(workspace);
    if (workspaceId === undefined) return undefined;
    const row = this.get<GenerationRow>(sql, [workspaceId, signed(timeUnixNano)]);
    return row && toStoredGeneration(row);
  }

  /** Of a session or a user; undefined when the block has none of that name. */
  identityId(workspaceId: bigint, type: number, name: string): bigint | undefined {
    const sql = 'SELECT id FROM identities WHERE name = ? AND type = ? AND workspace_id = ?';
    return this.get<{ id: bigint }>(sql, [name, type, workspaceId])?.id;
  }

  /** Where generations of the trace may be: rows of its spans in every version, and of its logs. */
  generationIdsOfTrace(workspaceId: bigint, traceId: Uint8Array): bigint[] {
    const spans = this.shares(workspaceId, traceId).flatMap(({ first_span: first, span_ids: ids }) =>
      Array.from({ length: ids.length / 8 }, (_, at) => first + BigInt(at)),
    );
    const sql =
      'SELECT -id AS id FROM log_records INDEXED BY log_records_by_trace WHERE trace_id = ? AND workspace_id = ?';
    return [...spans, ...this.all<{ id: bigint }>(sql, [traceId, workspaceId]).map(({ id }) => id)];
  }

  /** Native logs that name it; none in blocks of older versions. */
  generationIdsOfRun(workspaceId: bigint, runId: string): bigint[] {
    if (this.schemaVersion() < RUN_VERSION) return [];
    const sql = 'SELECT id FROM generations INDEXED BY generations_by_run WHERE run_id = ? AND workspace_id = ?';
    return this.all<{ id: bigint }>(sql, [runId, workspaceId]).map(({ id }) => id);
  }

  /** Rows of one span, in every version. */
  generationIds(workspaceId: bigint, { traceId, spanId }: { traceId: Uint8Array; spanId: Uint8Array }): bigint[] {
    const key = spanIdKey(spanId);
    return this.shares(workspaceId, traceId).flatMap(({ first_span: first, span_ids: ids }) =>
      spanIdKeys(ids).flatMap((held, at) => (held === key ? [first + BigInt(at)] : [])),
    );
  }

  appliedRanges(bufferId: string, from: number): SequenceRange[] {
    const sql = 'SELECT first, last FROM applied WHERE buffer_id = ? AND last >= ?';
    const rows = this.all<{ first: bigint; last: bigint }>(sql, [bufferId, from]);
    return rows.map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
  }

  /** undefined when the block has nothing of this workspace. */
  workspaceId(name: string): bigint | undefined {
    const known = this.workspaces.get(name);
    if (known !== undefined) return known;
    const row = this.get<{ id: bigint }>('SELECT id FROM workspaces WHERE name = ?', [name]);
    return row && bounded(this.workspaces, name, MAX_REMEMBERED_ROWS, () => row.id);
  }

  /** Runs `read`, whose SQL asks `may_be_shared(trace_id)` and `elsewhere(trace_id)`. */
  withRelations<Result>(relations: TraceRelations, read: () => Result): Result {
    this.relations = relations;
    try {
      return read();
    } finally {
      this.relations = UNKNOWN;
    }
  }

  /** Pages that the connection keeps: a scan comes back to those of a batch again and again. */
  setCache(kib: number): void {
    this.db.pragma(`cache_size = -${kib}`);
  }

  hasTrace(workspace: string, traceId: Uint8Array): boolean {
    const id = this.workspaceId(workspace);
    const sql = `SELECT 1 FROM trace_batches INDEXED BY trace_batches_by_trace WHERE trace_id = ? AND workspace_id = ? LIMIT 1`;
    return id !== undefined && this.get(sql, [traceId, id]) !== undefined;
  }

  /** The last row's id; rows are numbered from 1 on. */
  lastTraceBatch(): number {
    return Number(this.get<{ last: bigint | null }>('SELECT max(id) AS last FROM trace_batches', [])!.last ?? 0);
  }

  /** The trace ids of the next rows, 16 bytes each. As one text: a thousand values cost as much as one this way. */
  traceIdsAfter(row: number, count: number): { ids: Uint8Array; last: number } {
    const sql = `SELECT group_concat(hex(trace_id), '') AS ids, max(id) AS last
      FROM (SELECT id, trace_id FROM trace_batches WHERE id > ? ORDER BY id LIMIT ?)`;
    const { ids, last } = this.get<{ ids: string | null; last: bigint | null }>(sql, [row, count])!;
    return { ids: Buffer.from(ids ?? '', 'hex'), last: Number(last ?? row) };
  }

  shares(workspaceId: bigint, traceId: Uint8Array): ShareRow[] {
    const revision = this.isNative ? 'revision' : '0';
    const sql = `SELECT id, workspace_id, trace_id, start_time_unix_nano, end_time_unix_nano, first_span, span_count,
        error_count, received_time_unix_ms, root_name, root_start_time_unix_nano, services, span_ids, ${revision}
      FROM trace_batches INDEXED BY trace_batches_by_trace WHERE trace_id = ? AND workspace_id = ?`;
    return (this.arrays(sql).all(traceId, workspaceId) as ShareValues[]).map(toShare);
  }

  /** Spans of these rowids, in the order of the list: of the versions of a span, whoever asks knows which is the newer. */
  plainSpans(ids: readonly bigint[]): PlainSpans {
    const sql = `SELECT ${PLAIN_SPAN_COLUMNS} FROM json_each(?) AS asked CROSS JOIN spans ON spans.id = asked.value ORDER BY asked.key`;
    const rows = this.arrays(sql).safeIntegers(false).all(`[${ids.join()}]`) as PlainSpan[];
    for (const row of rows) this.restorePlain(row);
    const resources = new Map<number, Resource>();
    const scopes = new Map<number, Scope>();
    for (const { 8: resourceId, 9: scopeId } of rows) {
      if (!resources.has(resourceId)) resources.set(resourceId, this.resource(BigInt(resourceId)));
      if (!scopes.has(scopeId)) scopes.set(scopeId, this.scope(BigInt(scopeId)));
    }
    return { rows, resources, scopes };
  }

  /** `count` spans from rowid `first` on. */
  spans(first: bigint, count: bigint): StoredSpan[] {
    const rows = this.all<SpanRow>('SELECT * FROM spans WHERE id >= ? AND id < ? AND within_budget()', [
      first,
      first + count,
    ]);
    return rows.map((row) => {
      this.restore(row.id, row);
      return toSpan(row, this.resource(row.resource_id), this.scope(row.scope_id));
    });
  }

  /** What was taken out of the texts of a span's row, or, negative, of a log record's. */
  private restore(recordId: bigint | number, texts: StoredTexts): void {
    if (this.schemaVersion() < CONTENT_VERSION) return;
    restoreRow(texts, this.budget.contents, () => this.iterateArrays(PLACES_OF_RECORD, [recordId]));
  }

  private restorePlain(row: PlainSpan): void {
    const texts = { attributes: row[PLAIN_ATTRIBUTES], events: row[PLAIN_EVENTS] };
    this.restore(row[PLAIN_ID], texts);
    row[PLAIN_ATTRIBUTES] = texts.attributes;
    row[PLAIN_EVENTS] = texts.events;
  }

  /** What a share without spans stands for; undefined when it was deleted in the meantime. */
  traceRecord({ first_span: id, trace_id: traceId, workspace_id: workspaceId }: ShareRow): TraceRecord | undefined {
    const sql = 'SELECT * FROM trace_records WHERE id = ? AND trace_id = ? AND workspace_id = ?';
    const row = this.get<TraceRecordRow>(sql, [id, traceId, workspaceId]);
    return row && toTraceRecord(row);
  }

  storedBytes(workspace: string): number {
    if (!this.isNative) return 0;
    const row = this.get<{ bytes: bigint }>('SELECT bytes FROM workspaces WHERE name = ?', [workspace]);
    return Number(row?.bytes ?? 0);
  }

  /** Of those that meet the conditions on row `x`. */
  spanPlaces(first: bigint, count: bigint, { sql, parameters }: Conditions = NO_CONDITIONS): SpanPlaceRow[] {
    const where = ['x.id >= @first', 'x.id < @end', 'within_budget()', ...sql].join(' AND ');
    const select = `SELECT x.id, x.span_id, x.start_time_unix_nano FROM spans x WHERE ${where}`;
    return this.all(select, { ...parameters, first, end: first + count });
  }

  narrowSpans(first: bigint, count: bigint): NarrowSpanRow[] {
    const sql = `SELECT span_id, parent_span_id, start_time_unix_nano, name FROM spans
      WHERE id >= ? AND id < ? AND within_budget()`;
    return this.all(sql, [first, first + count]);
  }

  summarySpans(first: bigint, count: bigint): SummarySpanRow[] {
    const sql = `SELECT span_id, parent_span_id, start_time_unix_nano, end_time_unix_nano, name, status_code,
        (SELECT service_name FROM resources r WHERE r.id = resource_id) AS service_name
      FROM spans WHERE id >= ? AND id < ? AND within_budget()`;
    return this.all(sql, [first, first + count]);
  }

  logRecord(id: bigint): StoredLogRecord {
    const row = this.get<LogRow>('SELECT * FROM log_records WHERE id = ?', [id])!;
    this.restore(-id, row);
    return toLogRecord(row, this.resource(row.resource_id), this.scope(row.scope_id));
  }

  metricPoint(id: bigint): StoredMetricPoint {
    const row = this.get<PointRow>('SELECT * FROM metric_points WHERE id = ?', [id])!;
    return toMetricPoint(row, this.metric(row.metric_id), this.resource(row.resource_id), this.scope(row.scope_id));
  }

  private resource(id: bigint): Resource {
    return this.remembered(this.resources, id, 'resources', (row: ResourceRow) => toResource(row));
  }

  private scope(id: bigint): Scope {
    return this.remembered(this.scopes, id, 'scopes', (row: ScopeRow) => toScope(row));
  }

  private metric(id: bigint): Metric {
    return this.remembered(this.metrics, id, 'metrics', (row: MetricRow) => toMetric(row));
  }

  private remembered<Row, Value>(map: Map<bigint, Value>, id: bigint, table: string, read: (row: Row) => Value): Value {
    return bounded(map, id, MAX_REMEMBERED_ROWS, () =>
      read(this.get<Row>(`SELECT * FROM ${table} WHERE id = ?`, [id])!),
    );
  }

  /** Rows as arrays: making objects of them, name by name, takes as long as all the rest. */
  private arrays(sql: string): Database.Statement {
    return bounded(this.arrayStatements, sql, MAX_STATEMENTS, () => this.db.prepare(sql).raw(true));
  }

  private prepared(sql: string): Database.Statement {
    return bounded(this.statements, sql, MAX_STATEMENTS, () => this.db.prepare(sql));
  }
}
