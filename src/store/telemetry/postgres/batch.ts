/** A batch on its way into the tables: what it touches, and its rows. */
import { randomBytes } from 'node:crypto';
import type { SequenceRange } from '../../../component.js';
import type { Generation } from '../../../model/generation.js';
import type { DecodedFrame, LogRecord, MetricPoint, Span } from '../../../model/telemetry.js';
import type { ContentPlaces } from './contents.js';
import type { CopyRows } from './copy-rows.js';
import { DaySet } from './partitions.js';
import { logItemTime, type SharedIds, writeLogRecord, writeMetricPoint, writeSpan, writeTraceBatch } from './rows.js';
import type { Shared } from './shared-rows.js';
import { type TraceBatch, TraceBatches } from './trace-batches.js';

/** Frames that no transaction has applied yet, and the ranges they stand for. */
export interface Work {
  bufferId: string;
  ranges: readonly SequenceRange[];
  frames: readonly DecodedFrame[];
}

export interface Survey {
  spans: number;
  logRecords: number;
  metricPoints: number;
  spanDays: DaySet;
  logDays: DaySet;
  pointDays: DaySet;
  /** Empty for a batch that tells of no call to a model, and asks for nothing of it. */
  generationDays: DaySet;
  textDays: DaySet;
  traces: TraceBatches;
}

/** One pass over the batch: counts, days, trace batches, and the shared objects that are not stored yet. */
export function survey(frames: readonly DecodedFrame[], shared: Shared): Survey {
  const found: Survey = {
    spans: 0,
    logRecords: 0,
    metricPoints: 0,
    spanDays: new DaySet(),
    logDays: new DaySet(),
    pointDays: new DaySet(),
    generationDays: new DaySet(),
    textDays: new DaySet(),
    traces: new TraceBatches(),
  };
  for (const frame of frames) {
    surveySpans(frame, shared, found);
    surveyLogRecords(frame, shared, found);
    surveyMetricPoints(frame, shared, found);
    for (const { createdTimeUnixMs } of frame.native?.traces ?? []) {
      found.spanDays.add(BigInt(createdTimeUnixMs) * 1_000_000n);
    }
  }
  return found;
}

function surveySpans({ workspace, spans, receivedTimeUnixMs }: DecodedFrame, shared: Shared, found: Survey): void {
  found.spans += spans.length;
  for (const span of spans) {
    found.spanDays.add(span.startTimeUnixNano);
    found.traces.add(workspace, span, receivedTimeUnixMs);
    idsOf(shared, workspace, span);
    if (span.generation) surveyGeneration(workspace, span.generation, shared, found);
  }
}

function surveyLogRecords({ workspace, logRecords }: DecodedFrame, shared: Shared, found: Survey): void {
  found.logRecords += logRecords.length;
  for (const record of logRecords) {
    found.logDays.add(logItemTime(record));
    idsOf(shared, workspace, record);
    if (record.generation) surveyGeneration(workspace, record.generation, shared, found);
    else if (record.searchText) found.textDays.add(logItemTime(record));
  }
}

function surveyGeneration(workspace: string, generation: Generation, { prices }: Shared, found: Survey): void {
  found.generationDays.add(generation.startTimeUnixNano);
  if (generation.searchText !== '') found.textDays.add(generation.startTimeUnixNano);
  if (generation.cost) prices.idOf(workspace, generation.cost.price);
}

function surveyMetricPoints({ workspace, metricPoints }: DecodedFrame, shared: Shared, found: Survey): void {
  found.metricPoints += metricPoints.length;
  for (const point of metricPoints) {
    found.pointDays.add(point.timeUnixNano);
    idsOf(shared, workspace, point);
    shared.metrics.idOf(workspace, point.metric);
  }
}

function idsOf(shared: Shared, workspace: string, record: Span | LogRecord | MetricPoint): SharedIds {
  return {
    resource: shared.resources.idOf(workspace, record.resource),
    scope: shared.scopes.idOf(workspace, record.scope),
  };
}

/** Rows between two looks whether a chunk is complete. */
const ROWS_PER_STEP = 64;

type Steps = Generator<void>;

export function* encodeSpans(rows: CopyRows, frames: readonly DecodedFrame[], shared: Shared): Steps {
  for (const { workspace, spans, receivedTimeUnixMs } of frames) {
    for (const [at, span] of spans.entries()) {
      writeSpan(rows, workspace, span, receivedTimeUnixMs, idsOf(shared, workspace, span));
      if (at % ROWS_PER_STEP === 0) yield;
    }
  }
}

export function* encodeTraceBatches(rows: CopyRows, batches: Iterable<TraceBatch>): Steps {
  const batchId = randomBytes(8).readBigInt64BE();
  let count = 0;
  for (const batch of batches) {
    writeTraceBatch(rows, batch, batchId);
    if (++count % ROWS_PER_STEP === 0) yield;
  }
}

/**
 * Tells rows of the same nanosecond apart, in an order that never changes: a number of the batch at random, and the place
 * in the batch. Two batches would need the same time and the same one of 2^40 numbers to clash.
 */
function firstRowId(): bigint {
  return (randomBytes(8).readBigInt64BE() >> 24n) << 24n;
}

export function* encodeLogRecords(
  rows: CopyRows,
  frames: readonly DecodedFrame[],
  shared: Shared,
  places: ContentPlaces,
): Steps {
  let rowId = firstRowId();
  for (const { workspace, logRecords, receivedTimeUnixMs } of frames) {
    for (const [at, record] of logRecords.entries()) {
      places.addLogRecord(workspace, record, rowId);
      writeLogRecord(rows, workspace, record, receivedTimeUnixMs, idsOf(shared, workspace, record), rowId++);
      if (at % ROWS_PER_STEP === 0) yield;
    }
  }
}

export function* encodeMetricPoints(rows: CopyRows, frames: readonly DecodedFrame[], shared: Shared): Steps {
  let rowId = firstRowId();
  for (const { workspace, metricPoints, receivedTimeUnixMs } of frames) {
    for (const [at, point] of metricPoints.entries()) {
      const ids = { ...idsOf(shared, workspace, point), metric: shared.metrics.idOf(workspace, point.metric) };
      writeMetricPoint(rows, workspace, point, receivedTimeUnixMs, ids, rowId++);
      if (at % ROWS_PER_STEP === 0) yield;
    }
  }
}
