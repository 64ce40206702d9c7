/** The block that a writer fills: one connection, every statement prepared once, one transaction a batch. */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type Database from 'better-sqlite3';
import type { SequenceRange } from '../../../component.js';
import type { DecodedFrame, LogRecord, MetricPoint, Span } from '../../../model/telemetry.js';
import type { Admission, Declaration, KeyedFrame } from './admission.js';
import { type BlockName, listPartials, textFileOf } from './block-files.js';
import { metricRows, prepareStatements, resourceRows, scopeRows } from './block-statements.js';
import { ContentWriter } from './contents.js';
import { createDatabaseFile, openForWriting, PAGE_BYTES } from './database-file.js';
import { GenerationWriter, type GenerationWriterOptions } from './generation-writer.js';
import { createSchema, SCHEMA_VERSION } from './schema.js';
import type { LastRows } from './text-file.js';
import { BlockTexts, type TextThread } from './text-writer.js';
import { shareOf, signed, spanIdKey, spanIdKeys, type TraceGroup } from './trace-groups.js';
import type { Owners } from './trace-owners.js';

const CACHE_KIB = 32 * 1024;
/** A checkpoint writes each page once however often it changed since the last: the more rarely, the fewer writes. */
const LOG_BYTES = 128 * 2 ** 20;

export interface BlockBatch extends Admission {
  bufferId: string;
  range: SequenceRange;
}

const NANOS_PER_MS = 1_000_000n;
const ROWS_SQL = 'SELECT spans + log_records + metric_points + (SELECT count(*) FROM trace_records) FROM block';
const LAST_ROWS_SQL =
  'SELECT (SELECT coalesce(max(id), 0) FROM spans) AS span, (SELECT coalesce(max(id), 0) FROM log_records) AS log';
const NO_IDS = Buffer.alloc(0);

interface Extent {
  count: number;
  min: bigint | null;
  max: bigint | null;
}

function extent(): Extent {
  return { count: 0, min: null, max: null };
}

function extend(target: Extent, time: bigint): void {
  if (target.min === null || time < target.min) target.min = time;
  if (target.max === null || time > target.max) target.max = time;
}

export function createBlockFile(directory: string, name: BlockName): void {
  for (const file of listPartials(directory, name.writer)) rmSync(path.join(directory, file), { force: true });
  createDatabaseFile(path.join(directory, name.file), (db) => createSchema(db, name));
}

function isPlain(span: Span): boolean {
  return (
    span.events === '[]' &&
    span.links === '[]' &&
    span.statusMessage === '' &&
    span.traceState === '' &&
    (span.droppedAttributesCount | span.droppedEventsCount | span.droppedLinksCount) === 0
  );
}

/** SQLite keeps NaN as NULL and −0 as 0, so these two are text. */
function doubleColumn(value: number | undefined): number | string | null {
  if (value === undefined) return null;
  if (Number.isNaN(value)) return 'NaN';
  return Object.is(value, -0) ? '-0.0' : value;
}

/** What a writer knows beyond its block. */
export interface WriterContext extends Omit<GenerationWriterOptions, 'texts'> {
  textThread: TextThread;
}

export class BlockWriter {
  private readonly statements;
  private readonly resources;
  private readonly scopes;
  private readonly metrics;
  private readonly workspaces = new Map<string, number>();
  private readonly generations: GenerationWriter;
  private readonly contents: ContentWriter;
  private readonly pageCount;
  private readonly dataVersion;
  private lastVersion: number;
  private rows: number;

  private constructor(
    private readonly db: Database.Database,
    readonly name: BlockName,
    private readonly texts: BlockTexts,
    context: WriterContext,
  ) {
    this.statements = prepareStatements(db);
    this.generations = new GenerationWriter(db, { ...context, texts });
    this.contents = new ContentWriter(db);
    this.resources = resourceRows(db);
    this.scopes = scopeRows(db);
    this.metrics = metricRows(db);
    this.pageCount = db.prepare('PRAGMA page_count').pluck();
    this.dataVersion = db.prepare('PRAGMA data_version').pluck();
    this.lastVersion = this.dataVersion.get() as number;
    this.rows = db.prepare(ROWS_SQL).pluck().get() as number;
  }

  /** undefined for a block that takes no more rows: it is closed, or of another version of the tables. */
  static open(directory: string, name: BlockName, context: WriterContext): BlockWriter | undefined {
    const file = path.join(directory, name.file);
    const db = openForWriting(file, { cacheKib: CACHE_KIB, logBytes: LOG_BYTES });
    try {
      const block = db.prepare('SELECT schema_version AS version, closed_time_unix_ms AS closed FROM block').get() as
        | { version: number; closed: number | null }
        | undefined;
      if (block?.version === SCHEMA_VERSION && block.closed === null) {
        const texts = new BlockTexts(textFileOf(file), context.textThread);
        texts.settle(db.prepare(LAST_ROWS_SQL).get() as LastRows);
        return new BlockWriter(db, name, texts, context);
      }
    } catch (error) {
      db.close();
      throw error;
    }
    db.close();
    return undefined;
  }

  /** Spans, log records, metric points and declared traces together. */
  rowCount(): number {
    return this.rows;
  }

  byteCount(): number {
    return (this.pageCount.get() as number) * PAGE_BYTES + this.texts.byteCount();
  }

  /** Somebody deleted a file of it: nobody would ever see what goes into that. */
  get isGone(): boolean {
    return !existsSync(this.db.name) || this.texts.isGone();
  }

  /** A batch was rolled back whose texts may be committed: open the block anew before another is written. */
  get hasTextsAhead(): boolean {
    return this.texts.isAhead;
  }

  /** The connection, for looking up what this block holds. */
  get connection(): Database.Database {
    return this.db;
  }

  /** Whose the trace will be once the group, which revises nothing, is written. */
  foretell(group: TraceGroup): Owners {
    const row = this.statements.findWorkspace.get(group.workspace) as { id: number } | undefined;
    return this.generations.foretell(group, row?.id);
  }

  /** Whether somebody else has changed rows since it was asked last: a deletion, a new price, the session of a trace. */
  wasChanged(): boolean {
    const version = this.dataVersion.get() as number;
    const changed = version !== this.lastVersion;
    this.lastVersion = version;
    return changed;
  }

  /** Whether it has some version of every span of the group. */
  hasSpans({ spans, traceId, workspace }: TraceGroup): boolean {
    const held = this.statements.spanIds.all(traceId, workspace) as Buffer[];
    const ids = new Set(held.flatMap(spanIdKeys));
    return spans.every(({ spanId }) => ids.has(spanIdKey(spanId)));
  }

  /** All of the batch or nothing; texts are committed before the rows that they find. */
  async write(batch: BlockBatch): Promise<void> {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      const rows = this.insert(batch);
      await this.texts.committed();
      this.db.exec('COMMIT');
      this.texts.reached();
      this.generations.committed();
      this.rows += rows;
    } catch (error) {
      this.rollback();
      throw error;
    } finally {
      this.contents.forget();
    }
  }

  /** No more rows: readers may remember what they know of this block. */
  async finish(closedTimeUnixMs: number): Promise<void> {
    try {
      await this.texts.close({ finished: true });
      this.closeForGood(closedTimeUnixMs);
      this.db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      this.db.close();
    }
  }

  /** The block goes on when it is opened again. Whatever became of the thread, its texts are as they were committed. */
  async close(): Promise<void> {
    await this.texts.close({ finished: false }).catch(() => {});
    this.db.close();
  }

  private closeForGood(closedTimeUnixMs: number): void {
    this.db
      .transaction(() => {
        this.generations.finish();
        this.statements.close.run(closedTimeUnixMs);
      })
      .immediate();
  }

  private rollback(): void {
    // Some failures (a full disk, an I/O error) roll back by themselves.
    if (this.db.inTransaction) this.db.exec('ROLLBACK');
    this.workspaces.clear();
    this.generations.rollback();
    for (const interned of [this.resources, this.scopes, this.metrics]) interned.forget();
  }

  private insert(batch: BlockBatch): number {
    const traces = extent();
    this.generations.begin(batch.groups, (name) => this.workspaceId(name));
    for (const group of batch.groups) this.insertTrace(group, traces);
    const logs = extent();
    const points = extent();
    for (const frame of batch.frames) this.insertRecords(frame, logs, points);
    for (const declaration of batch.declarations) this.insertDeclaration(declaration, traces);
    for (const keyed of batch.keyed) this.insertKey(keyed);
    this.countInWorkspaces(batch.frames);
    this.insertApplied(batch);
    const generations = this.generations.flush();
    const spans = batch.groups.reduce((sum, group) => sum + group.spans.length, 0);
    this.statements.count.run({
      spans,
      traces: batch.newTraces,
      logRecords: logs.count,
      metricPoints: points.count,
      revisions: batch.groups.filter(({ revision }) => revision > 0).length,
      traceMin: traces.min,
      traceMax: traces.max,
      logMin: logs.min,
      logMax: logs.max,
      pointMin: points.min,
      pointMax: points.max,
      generationMin: generations.min,
      generationMax: generations.max,
    });
    return spans + logs.count + points.count + batch.declarations.length;
  }

  private insertTrace(group: TraceGroup, traces: Extent): void {
    const workspaceId = this.workspaceId(group.workspace);
    const firstSpan = this.insertSpans(group, workspaceId);
    const share = shareOf(group);
    extend(traces, share.startTimeUnixNano);
    this.statements.traceBatch.run(
      workspaceId,
      group.traceId,
      share.startTimeUnixNano,
      share.endTimeUnixNano,
      firstSpan,
      group.spans.length,
      share.errorCount,
      share.receivedTimeUnixMs,
      share.rootName,
      share.rootStartTimeUnixNano,
      share.services,
      group.revision,
      share.spanIds,
    );
    this.generations.addTrace(group, firstSpan, workspaceId);
  }

  /** The row in trace_batches without spans lets lists and lookups find it as they find any trace. */
  private insertDeclaration({ workspace, record, receivedTimeUnixMs }: Declaration, traces: Extent): void {
    const workspaceId = this.workspaceId(workspace);
    const { traceId, createdTimeUnixMs, traceIdText, promptName, versionTag, metadata } = record;
    const time = BigInt(createdTimeUnixMs) * NANOS_PER_MS;
    extend(traces, time);
    const { lastInsertRowid } = this.statements.traceRecord.run(
      workspaceId,
      traceId,
      createdTimeUnixMs,
      receivedTimeUnixMs,
      traceIdText,
      promptName ?? null,
      versionTag ?? null,
      metadata,
    );
    const [first, none] = [lastInsertRowid, 0];
    const { traceBatch } = this.statements;
    traceBatch.run(workspaceId, traceId, time, time, first, none, 0, receivedTimeUnixMs, null, null, '[]', 0, NO_IDS);
  }

  private insertKey({ frame, outcome }: KeyedFrame): void {
    const { key, fingerprint, answer } = frame.native!.idempotency!;
    this.statements.idempotencyKey.run(
      this.workspaceId(frame.workspace),
      key,
      frame.receivedTimeUnixMs,
      fingerprint,
      answer,
      JSON.stringify(outcome.knownTraces),
      JSON.stringify(outcome.knownSpans),
    );
  }

  /** One after another, so that the first rowid and the count find them all. */
  private insertSpans({ spans, frames }: TraceGroup, workspaceId: number): number {
    const firstSpan = this.insertSpan(spans[0]!, frames[0]!.receivedTimeUnixMs, workspaceId);
    for (let at = 1; at < spans.length; at++) {
      this.insertSpan(spans[at]!, frames[at]!.receivedTimeUnixMs, workspaceId);
    }
    return Number(firstSpan);
  }

  private insertSpan(span: Span, receivedTimeUnixMs: number, workspaceId: number): number | bigint {
    const id = this.insertSpanRow(span, receivedTimeUnixMs, workspaceId);
    if (span.contents) this.contents.add(id, span.contents);
    return id;
  }

  private insertSpanRow(span: Span, receivedTimeUnixMs: number, workspaceId: number): number | bigint {
    const resourceId = this.resources.idOf(span.resource);
    const scopeId = this.scopes.idOf(span.scope);
    if (isPlain(span)) {
      return this.statements.plainSpan.run(
        workspaceId,
        span.traceId,
        span.spanId,
        span.parentSpanId ?? null,
        signed(span.startTimeUnixNano),
        signed(span.endTimeUnixNano),
        span.name,
        span.kind,
        span.statusCode,
        span.flags,
        resourceId,
        scopeId,
        receivedTimeUnixMs,
        span.attributes,
      ).lastInsertRowid;
    }
    return this.statements.span.run(
      workspaceId,
      span.traceId,
      span.spanId,
      span.parentSpanId ?? null,
      signed(span.startTimeUnixNano),
      signed(span.endTimeUnixNano),
      span.name,
      span.kind,
      span.statusCode,
      span.flags,
      resourceId,
      scopeId,
      receivedTimeUnixMs,
      span.attributes,
      span.statusMessage,
      span.traceState,
      span.droppedAttributesCount,
      span.droppedEventsCount,
      span.droppedLinksCount,
      span.events,
      span.links,
    ).lastInsertRowid;
  }

  private insertRecords(frame: DecodedFrame, logs: Extent, points: Extent): void {
    const { logRecords, metricPoints } = frame;
    if (logRecords.length + metricPoints.length === 0) return;
    const workspaceId = this.workspaceId(frame.workspace);
    for (const record of logRecords) this.insertLogRecord(record, frame, workspaceId, logs);
    for (const point of metricPoints) this.insertMetricPoint(point, frame, workspaceId, points);
  }

  /** A frame that held nothing leaves no row for its workspace. */
  private countInWorkspaces(frames: readonly DecodedFrame[]): void {
    const counts = new Map<string, { logRecords: number; metricPoints: number; bytes: number }>();
    for (const { workspace, logRecords, metricPoints, bytes } of frames) {
      const count = counts.get(workspace) ?? { logRecords: 0, metricPoints: 0, bytes: 0 };
      count.logRecords += logRecords.length;
      count.metricPoints += metricPoints.length;
      count.bytes += bytes;
      counts.set(workspace, count);
    }
    for (const [workspace, { logRecords, metricPoints, bytes }] of counts) {
      if (logRecords + metricPoints + bytes === 0) continue;
      this.statements.countInWorkspace.run(logRecords, metricPoints, bytes, this.workspaceId(workspace));
    }
  }

  private insertLogRecord(record: LogRecord, frame: DecodedFrame, workspaceId: number, logs: Extent): void {
    const time = signed(record.timeUnixNano);
    const observedTime = signed(record.observedTimeUnixNano);
    logs.count++;
    extend(logs, time === 0n ? observedTime : time);
    const { lastInsertRowid } = this.statements.logRecord.run(
      workspaceId,
      time,
      observedTime,
      record.severityNumber,
      record.severityText,
      record.eventName,
      record.traceId ?? null,
      record.spanId ?? null,
      record.flags,
      this.resources.idOf(record.resource),
      this.scopes.idOf(record.scope),
      frame.receivedTimeUnixMs,
      record.droppedAttributesCount,
      record.body,
      record.attributes,
    );
    if (record.contents) this.contents.add(-Number(lastInsertRowid), record.contents);
    if (record.generation || record.searchText) {
      this.generations.addLogRecord(record, frame.workspace, workspaceId, Number(lastInsertRowid));
    }
  }

  private insertMetricPoint(point: MetricPoint, frame: DecodedFrame, workspaceId: number, points: Extent): void {
    const time = signed(point.timeUnixNano);
    points.count++;
    extend(points, time);
    this.statements.metricPoint.run(
      workspaceId,
      this.metrics.idOf(point.metric),
      time,
      signed(point.startTimeUnixNano),
      point.flags,
      this.resources.idOf(point.resource),
      this.scopes.idOf(point.scope),
      frame.receivedTimeUnixMs,
      point.intValue ?? null,
      doubleColumn(point.doubleValue),
      point.attributes,
      point.distribution ?? null,
      point.exemplars,
    );
  }

  /** Grows the range that this one follows, so that a writer that gets range after range keeps one row. */
  private insertApplied({ bufferId, range, outcomes }: BlockBatch): void {
    for (const { sequence, written } of outcomes) if (!written) this.statements.unwritten.run(bufferId, sequence);
    const followed = this.statements.followed.get(bufferId, range.first, range.first - 1) as number | undefined;
    this.statements.applied.run(bufferId, followed ?? range.first, range.last);
  }

  private workspaceId(name: string): number {
    const known = this.workspaces.get(name);
    if (known !== undefined) return known;
    const row = this.statements.findWorkspace.get(name) as { id: number } | undefined;
    const id = row?.id ?? Number(this.statements.insertWorkspace.run(name).lastInsertRowid);
    this.workspaces.set(name, id);
    return id;
  }
}
