/**
 * What a writer remembers of spans, put beside the table before it is written. Another gateway, of which this one hears
 * nothing, may have deleted the trace or revised the span since.
 */
import type pg from 'pg';
import { daysAround } from './claims.js';
import type { GenerationRow } from './generation-rows.js';
import { BY_INDEX, rowsOf, runTogether } from './statements.js';

/** All rows but those from memory whose span is gone or is another one by now. */
export async function withoutOutdated(
  client: pg.ClientBase,
  rows: readonly GenerationRow[],
  brought: readonly GenerationRow[],
): Promise<GenerationRow[]> {
  const ofBatch = new Set(brought);
  const remembered = rows.filter((row) => !ofBatch.has(row));
  if (remembered.length === 0) return [...rows];
  const results = await runTogether(client, [BY_INDEX, findSpans(remembered)]);
  const there = new Set(results[1]!.rows.map(nameOf));
  return rows.filter((row) => ofBatch.has(row) || there.has(nameOfRow(row)));
}

/**
 * Held until the transaction ends: a deletion that begins now waits, and then finds the rows. One that is at work already
 * is not waited for, or two that have several traces would wait for each other: what it has in hand counts as gone.
 */
function findSpans(rows: readonly GenerationRow[]): string {
  const items = rows.map(({ workspace, traceId, spanId, receivedTimeUnixMs }) => ({
    workspace,
    trace_id: traceId,
    span_id: `\\x${spanId}`,
    received: receivedTimeUnixMs,
  }));
  const ids = [...new Set(rows.map(({ traceId }) => traceId))].join();
  const { from, to } = daysAround(rows.map(({ generation }) => generation.startTimeUnixNano));
  return `select span.workspace, encode(span.span_id, 'hex') as span_id, replace(span.trace_id::text, '-', '') as trace_id
    from spans span join ${rowsOf('item', 'workspace text, trace_id uuid, span_id bytea, received bigint', items)}
      on span.trace_id = item.trace_id and span.span_id = item.span_id and span.workspace = item.workspace
        and span.received_time_unix_ms = item.received
    where span.trace_id = any('{${ids}}'::uuid[]) and span.start_time_unix_nano between ${from} and ${to}
    for key share of span skip locked`;
}

function nameOf({ workspace, trace_id: traceId, span_id: spanId }: Record<string, unknown>): string {
  return `${workspace}/${traceId}${spanId}`;
}

function nameOfRow({ workspace, traceId, spanId }: GenerationRow): string {
  return `${workspace}/${traceId}${spanId}`;
}
