/** Idempotency keys: which frames repeat a request that was applied, and what that one was answered. */
import type pg from 'pg';
import type { FrameOutcome } from '../../../component.js';
import type { TelemetryBatch } from '../telemetry.js';
import { isNative, type NativeFrame } from './native-ids.js';
import { rowsOf } from './statements.js';

/** By the times at which the frames were received, so that a replay decides as the first try did. */
const KEPT_MS = 24 * 3_600_000;
const MAX_SWEPT = 10_000;

interface KeptKey {
  workspace: string;
  key: string;
  fingerprint: string;
  answer: string;
  known_spans: string[];
  known_traces: string[];
}

type KeyedFrame = NativeFrame & { native: { idempotency: NonNullable<NativeFrame['native']['idempotency']> } };

function isKeyed(frame: NativeFrame): frame is KeyedFrame {
  return frame.native.idempotency !== undefined;
}

function nameOf({ workspace, native: { idempotency } }: KeyedFrame): string {
  return `${workspace}/${idempotency.key}`;
}

/** Parts, each of them a batch, in none of which a key stands twice: whether the second counts hangs on the first. */
export function partsWithoutRepeatedKeys(batch: TelemetryBatch): TelemetryBatch[] {
  const seen = new Set<string>();
  const starts: number[] = [];
  for (const [at, frame] of batch.frames.entries()) {
    if (!isNative(frame) || !isKeyed(frame)) continue;
    if (seen.has(nameOf(frame))) {
      starts.push(at);
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
export function takeKeys(frames: readonly NativeFrame[]): string[] {
  const rows = frames
    .filter(isKeyed)
    .map(({ workspace, receivedTimeUnixMs, native: { idempotency } }) => ({
      workspace,
      received: receivedTimeUnixMs,
      ...idempotency,
    }))
    .sort((a, b) => (a.workspace < b.workspace || (a.workspace === b.workspace && a.key < b.key) ? -1 : 1));
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
  frames: readonly NativeFrame[],
  [taken, kept]: readonly pg.QueryResult<Record<string, unknown>>[],
): Map<number, FrameOutcome> {
  const own = new Set((taken?.rows ?? []).map((row) => `${row.workspace}/${row.key}`));
  const all = new Map((kept?.rows ?? []).map((row) => [`${row.workspace}/${row.key}`, row as unknown as KeptKey]));
  const outcomes = new Map<number, FrameOutcome>();
  for (const frame of frames.filter(isKeyed)) {
    const name = nameOf(frame);
    if (!own.has(name)) outcomes.set(frame.sequence, repetition(frame, all.get(name)!));
  }
  return outcomes;
}

function repetition({ sequence, native: { idempotency } }: KeyedFrame, kept: KeptKey): FrameOutcome {
  const unwritten = { sequence, written: false };
  if (kept.fingerprint !== idempotency.fingerprint) {
    return { ...unwritten, knownTraces: [], knownSpans: [], keyReused: true };
  }
  return { ...unwritten, knownTraces: kept.known_traces, knownSpans: kept.known_spans, replayed: kept.answer };
}

/** Of the frames whose keys were taken: one that was not written keeps none, others keep what was known. */
export function keepKeys(frames: readonly NativeFrame[], outcomes: readonly FrameOutcome[]): string[] {
  const byFrame = new Map(outcomes.map((outcome) => [outcome.sequence, outcome]));
  const rows = frames.filter(isKeyed).map(({ sequence, workspace, native: { idempotency } }) => ({
    workspace,
    key: idempotency.key,
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

/** Of requests so old that they count no more; what others are at is passed by. */
export async function sweepKeys(client: pg.ClientBase, nowUnixMs: number): Promise<void> {
  await client.query(
    `delete from idempotency_keys where (workspace, key) in (
       select workspace, key from idempotency_keys where received_time_unix_ms <= $1 order by received_time_unix_ms
       limit ${MAX_SWEPT} for update skip locked)`,
    [nowUnixMs - KEPT_MS],
  );
}
