/** What one batch adds to a trace: a trace list is a merge of few such rows, and no span is read for it. */
import type { Span } from '../../../model/telemetry.js';
import { signed } from './time.js';

const STATUS_ERROR = 2;

/** Times as they are stored: signed. */
export interface TraceBatch {
  workspace: string;
  traceId: Uint8Array;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  receivedTimeUnixMs: number;
  spanCount: number;
  errorCount: number;
  /** Of the earliest root in the batch. */
  rootName: string | undefined;
  rootStartTimeUnixNano: bigint | undefined;
  services: string[];
}

export class TraceBatches {
  private readonly workspaces = new Map<string, Map<string, TraceBatch>>();
  private latest: TraceBatch | undefined;

  add(workspace: string, span: Span, receivedTimeUnixMs: number): void {
    const batch = this.of(workspace, span, receivedTimeUnixMs);
    const start = signed(span.startTimeUnixNano);
    const end = signed(span.endTimeUnixNano);
    if (start < batch.startTimeUnixNano) batch.startTimeUnixNano = start;
    if (end > batch.endTimeUnixNano) batch.endTimeUnixNano = end;
    if (receivedTimeUnixMs < batch.receivedTimeUnixMs) batch.receivedTimeUnixMs = receivedTimeUnixMs;
    batch.spanCount++;
    if (span.statusCode === STATUS_ERROR) batch.errorCount++;
    const { serviceName } = span.resource;
    if (serviceName !== '' && !batch.services.includes(serviceName)) batch.services.push(serviceName);
    if (span.parentSpanId === undefined) addRoot(batch, span.name, start);
  }

  *all(): Iterable<TraceBatch> {
    for (const traces of this.workspaces.values()) yield* traces.values();
  }

  get size(): number {
    let size = 0;
    for (const traces of this.workspaces.values()) size += traces.size;
    return size;
  }

  /** Of a span that was added, and counted before. Nothing may be added any more. */
  uncount(workspace: string, traceId: Uint8Array, failed: boolean): void {
    const batch = this.tracesOf(workspace).get(idKey(traceId));
    if (!batch) return;
    batch.spanCount--;
    if (failed) batch.errorCount--;
  }

  drop(workspace: string, traceId: Uint8Array): void {
    this.tracesOf(workspace).delete(idKey(traceId));
  }

  private of(workspace: string, span: Span, receivedTimeUnixMs: number): TraceBatch {
    const { latest } = this;
    if (latest && latest.workspace === workspace && sameId(latest.traceId, span.traceId)) return latest;
    const traces = this.tracesOf(workspace);
    const key = idKey(span.traceId);
    const batch = traces.get(key) ?? emptyBatch(workspace, span, receivedTimeUnixMs);
    if (batch.spanCount === 0) traces.set(key, batch);
    this.latest = batch;
    return batch;
  }

  private tracesOf(workspace: string): Map<string, TraceBatch> {
    const known = this.workspaces.get(workspace);
    if (known) return known;
    const traces = new Map<string, TraceBatch>();
    this.workspaces.set(workspace, traces);
    return traces;
  }
}

function emptyBatch(workspace: string, span: Span, receivedTimeUnixMs: number): TraceBatch {
  return {
    workspace,
    traceId: span.traceId,
    startTimeUnixNano: signed(span.startTimeUnixNano),
    endTimeUnixNano: signed(span.endTimeUnixNano),
    receivedTimeUnixMs,
    spanCount: 0,
    errorCount: 0,
    rootName: undefined,
    rootStartTimeUnixNano: undefined,
    services: [],
  };
}

function addRoot(batch: TraceBatch, name: string, start: bigint): void {
  if (batch.rootStartTimeUnixNano !== undefined && batch.rootStartTimeUnixNano <= start) return;
  batch.rootName = name;
  batch.rootStartTimeUnixNano = start;
}

function sameId(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < 16; at++) if (a[at] !== b[at]) return false;
  return true;
}

function idKey(id: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(id, 0, id.length);
}
