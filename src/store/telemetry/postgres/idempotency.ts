/** Idempotency keys: which frames repeat a request that was applied, and what that one was answered. */
import type pg from 'pg';
import type { FrameOutcome } from '../../../component.js';
import type { DecodedFrame, Idempotency } from '../../../model/telemetry.js';
import type { TelemetryBatch } from '../telemetry.js';
import { readableText } from './json-text.js';
import { rowsOf } from './statements.js';

/** By the times at which the frames were received, so that a replay decides as the first try did. */
const KEPT_MS = 24 * 3_600_000;
/** What one batch may be held up by; whoever finds as many comes back soon. */
const MAX_SWEPT = 1_000;

interface KeptKey {
  workspace: string;
  key: string;
  fingerprint: string;
  answer: string;
  known_spans: string[];
  known_traces: string[];
}

interface KeyedFrame extends Idempotency {
  sequence: number;
  workspace: string;
  received: number;
}

function keyedFrames(frames: readonly DecodedFrame[]): KeyedFrame[] {
  return frames.flatMap(({ sequence, workspace, receivedTimeUnixMs: received, native }) => {
    if (!native?.idempotency) return [];
    const { key, fingerprint, answer } = native.idempotency;
    return [{ sequence, workspace, received, key: stored(key), fingerprint: stored(fingerprint), answer }];
  });
}

/** As it comes back from the table: without a NUL or half a surrogate pair. */
function stored(text: string): string {
  return readableText(Buffer.from(text).toString());
}

function nameOf({ workspace, key }: Pick<KeyedFrame, 'workspace' | 'key'>): string {
  return `${workspace}/${key}`;
}

/** Parts, each of them a batch, in none of which a key stands twice: whether the second counts hangs on the first. */
export function partsWithoutRepeatedKeys(batch: TelemetryBatch): TelemetryBatch[] {
  const seen = new Set<string>();
  const starts: number[] = [];
  for (const frame of keyedFrames(batch.frames)) {
    if (seen.has(nameOf(frame))) {
      starts.push(batch.frames.findIndex(({ sequence }) => sequence === frame.sequence));
      seen.clear();
    }
    seen.add(nameOf(frame));
  }
  return starts.length === 0 ? [batch] : cut(batch, starts);
}

function cut({ bufferId, range, frames }: TelemetryBatch, starts: readonly number[]): TelemetryBatch[] {
  return [0, ...starts].map((start, part) => {
    const end = starts[part];
    const first = start === 0 ? range.first : frames[start]!.sequence;
    const last = end === undefined ? range.last : frames[end]!.sequence - 1;
    return { bufferId, range: { first, last }, frames: frames.slice(start, end) };
  });
}

/**
 * Takes the keys of these frames, and asks for those that are taken. Of two transactions with one key the second waits
 * here for the first, and then finds what that one kept. In one order for everybody, so that none waits in a ring.
 */
export function takeKeys(frames: readonly DecodedFrame[]): string[] {
  const rows = keyedFrames(frames).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (rows.length === 0) return [];
  const taken = rowsOf('item', 'workspace text, key text, fingerprint text, answer text, received bigint', rows);
  const asked = rowsOf('item', 'workspace text, key text', rows);
  return [
    `insert into idempotency_keys as kept
       (received_time_unix_ms, workspace, key, fingerprint, answer, known_spans, known_traces)
     select received, workspace, key, fingerprint, answer, '{}', '{}' from ${taken}
     on conflict (workspace, key) do update set received_time_unix_ms = excluded.received_time_unix_ms,
       fingerprint = excluded.fingerprint, answer = excluded.answer, known_spans = '{}', known_traces = '{}'
     where kept.received_time_unix_ms <= excluded.received_time_unix_ms - ${KEPT_MS}
     returning workspace, key`,
    `select kept.workspace, kept.key, fingerprint, answer, known_spans, known_traces from idempotency_keys kept
     join ${asked} on kept.workspace = item.workspace and kept.key = item.key`,
  ];
}

/** Outcomes of the frames that repeat a request, by sequence. */
export function repeatedFrames(
  frames: readonly DecodedFrame[],
  [taken, kept]: readonly pg.QueryResult<Record<string, unknown>>[],
): Map<number, FrameOutcome> {
  const own = new Set((taken?.rows ?? []).map((row) => nameOf(row as unknown as KeptKey)));
  const all = new Map(((kept?.rows ?? []) as unknown as KeptKey[]).map((row) => [nameOf(row), row]));
  const repeated = keyedFrames(frames).filter((frame) => !own.has(nameOf(frame)));
  return new Map(repeated.map((frame) => [frame.sequence, repetition(frame, all.get(nameOf(frame))!)]));
}

function repetition({ sequence, fingerprint }: KeyedFrame, kept: KeptKey): FrameOutcome {
  const unwritten = { sequence, written: false };
  if (kept.fingerprint !== fingerprint) return { ...unwritten, knownTraces: [], knownSpans: [], keyReused: true };
  return { ...unwritten, knownTraces: kept.known_traces, knownSpans: kept.known_spans, replayed: kept.answer };
}

/** Of the frames whose keys were taken: one that was not written keeps none, others keep what was known. */
export function keepKeys(frames: readonly DecodedFrame[], outcomes: readonly FrameOutcome[]): string[] {
  const byFrame = new Map(outcomes.map((outcome) => [outcome.sequence, outcome]));
  const rows = keyedFrames(frames).map(({ sequence, workspace, key }) => ({
    workspace,
    key,
    ...byFrame.get(sequence)!,
  }));
  const own = rows.filter((row) => row.replayed === undefined && !row.keyReused);
  const dropped = own.filter((row) => !row.written);
  const partly = own.filter((row) => row.written && row.knownSpans.length + row.knownTraces.length > 0);
  return [...(dropped.length > 0 ? [drop(dropped)] : []), ...(partly.length > 0 ? [complete(partly)] : [])];
}

function drop(rows: readonly object[]): string {
  return `delete from idempotency_keys kept using ${rowsOf('item', 'workspace text, key text', rows)}
    where kept.workspace = item.workspace and kept.key = item.key`;
}

function complete(rows: readonly object[]): string {
  const columns = 'workspace text, key text, "knownSpans" text[], "knownTraces" text[]';
  return `update idempotency_keys kept set known_spans = item."knownSpans", known_traces = item."knownTraces"
    from ${rowsOf('item', columns, rows)} where kept.workspace = item.workspace and kept.key = item.key`;
}

/** Of requests so old that they count no more; what others are at is passed by. True when there may be more. */
export async function sweepKeys(client: pg.ClientBase, nowUnixMs: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from idempotency_keys where (workspace, key) in (
       select workspace, key from idempotency_keys where received_time_unix_ms <= $1 order by received_time_unix_ms
       limit ${MAX_SWEPT} for update skip locked)`,
    [nowUnixMs - KEPT_MS],
  );
  return rowCount === MAX_SWEPT;
}
