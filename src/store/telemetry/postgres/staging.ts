/** Spans of a batch that holds resent ones: into a temporary table first, and from there only what is new. */
import type pg from 'pg';
import { GatewayError } from '../../../errors.js';
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

/** Spans inserted, and what they add to their traces: what was there already counts nowhere. */
export async function insertStaged(
  client: pg.ClientBase,
  frames: readonly DecodedFrame[],
): Promise<{ spans: number; traces: TraceBatches }> {
  const { rows } = await client.query<InsertedRow>(
    `insert into spans (${COLUMNS.spans}) select ${COLUMNS.spans} from ${STAGED_SPANS} on conflict do nothing
     returning workspace, trace_id, span_id, start_time_unix_nano::text as start`,
  );
  const inserted = new Set(
    rows.map((row) => identity(row.workspace, row.trace_id.replaceAll('-', ''), row.span_id, row.start)),
  );
  const traces = new TraceBatches();
  for (const { workspace, spans, receivedTimeUnixMs, native } of frames) {
    for (const span of spans) {
      // Deleted, so that a span that stands in the batch twice counts once.
      if (inserted.delete(identityOf(workspace, span))) traces.add(workspace, span, receivedTimeUnixMs);
      else if (native) throw overtaken();
    }
  }
  return { spans: rows.length, traces };
}

/** A span whose id was free is there now, by OTLP: the next try finds it, and tells its client. */
function overtaken(): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', 'A native span came by OTLP at the same time');
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
