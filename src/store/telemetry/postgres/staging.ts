/** Spans of a batch that holds resent ones: into a temporary table first, and from there only what is new. */
import type pg from 'pg';
import type { DecodedFrame, Span } from '../../../model/telemetry.js';
import { COLUMNS } from './rows.js';
import { signed } from './time.js';
import { TraceBatches } from './trace-batches.js';

export const STAGED_SPANS = 'staged_spans';

interface InsertedRow {
  workspace: string;
  trace_id: string;
  span_id: Buffer;
  start: string;
}

export interface InsertedSpans {
  spans: number;
  /** What they add to their traces. */
  traces: TraceBatches;
  /** The batch without the other spans. */
  frames: readonly DecodedFrame[];
}

/** A native span whose id was free when it was claimed is there now, by OTLP: the next try finds it, and tells its client. */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError';
}

/** What was there already counts nowhere. In one order for everybody: nobody then waits for another's spans in a ring. */
export async function insertStaged(client: pg.ClientBase, frames: readonly DecodedFrame[]): Promise<InsertedSpans> {
  const { rows } = await client.query<InsertedRow>(
    `insert into spans (${COLUMNS.spans}) select ${COLUMNS.spans} from ${STAGED_SPANS} order by trace_id, span_id on conflict do nothing
     returning workspace, trace_id, span_id, start_time_unix_nano::text as start`,
  );
  const inserted = new Set(
    rows.map((row) => identity(row.workspace, row.trace_id.replaceAll('-', ''), row.span_id, row.start)),
  );
  const traces = new TraceBatches();
  const left = frames.map((frame) => {
    // Deleted, so that a span that stands in the batch twice counts once.
    const spans = frame.spans.filter((span) => inserted.delete(identityOf(frame.workspace, span)));
    if (frame.native && spans.length < frame.spans.length) throw new OvertakenError();
    for (const span of spans) traces.add(frame.workspace, span, frame.receivedTimeUnixMs);
    return { ...frame, spans };
  });
  return { spans: rows.length, traces, frames: left };
}

function identityOf(workspace: string, span: Span): string {
  return identity(
    workspace,
    Buffer.from(span.traceId).toString('hex'),
    span.spanId,
    signed(span.startTimeUnixNano).toString(),
  );
}

function identity(workspace: string, traceId: string, spanId: Uint8Array, start: string): string {
  return `${workspace}/${traceId}/${Buffer.from(spanId).toString('hex')}/${start}`;
}
