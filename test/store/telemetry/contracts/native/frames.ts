/** What the native API makes of its requests, and what a writer says of them. */
import type { FrameOutcome } from '../../../../../src/component.js';
import type { DecodedFrame, NativeWrite, Span, TraceRecord } from '../../../../../src/model/telemetry.js';
import { BASE_TIME_UNIX_NANO, type RecordSource } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import type { Session } from '../../session.js';

const MS = 1_000_000n;
export const BASE_TIME_UNIX_MS = Number(BASE_TIME_UNIX_NANO / MS);

export function native(write: Partial<NativeWrite> = {}): NativeWrite {
  return { traces: [], revises: false, idempotency: undefined, ...write };
}

export function declaration(source: RecordSource, overrides: Partial<TraceRecord> = {}): TraceRecord {
  const traceId = overrides.traceId ?? source.id(16);
  return {
    traceId,
    traceIdText: hex(traceId),
    promptName: undefined,
    versionTag: undefined,
    metadata: '{}',
    createdTimeUnixMs: BASE_TIME_UNIX_MS,
    ...overrides,
  };
}

export function declares(...traces: TraceRecord[]): Partial<DecodedFrame> {
  return { native: native({ traces }) };
}

export function revises(...spans: Span[]): Partial<DecodedFrame> {
  return { native: native({ revises: true }), spans };
}

export function keyed(key: string, fingerprint: string, records: Partial<DecodedFrame>): Partial<DecodedFrame> {
  const idempotency = { key, fingerprint, answer: `answer of ${fingerprint}` };
  return { ...records, native: native({ ...records.native, idempotency }) };
}

export function outcome(frame: DecodedFrame, rest: Partial<FrameOutcome> = {}): FrameOutcome {
  return { sequence: frame.sequence, written: true, knownTraces: [], knownSpans: [], ...rest };
}

export function spanName({ traceId, spanId }: Span): string {
  return hex(traceId) + hex(spanId);
}

export async function writeOutcome(
  session: Session,
  frame: DecodedFrame,
  writer = 0,
): Promise<readonly FrameOutcome[]> {
  return (await session.write([frame], { writer })).outcomes;
}

export async function deleteTrace(session: Session, traceId: Uint8Array, receivedUntilUnixMs: number, writer = 0) {
  await (await session.target.writer(writer)).deleteTraces([{ workspace: 'default', traceId, receivedUntilUnixMs }]);
}

/** Pushes what is stored out of the blocks that a writer compares with. */
export async function fillBlocks(session: Session, source: RecordSource, blocks: number): Promise<void> {
  for (let at = 0; at < blocks; at++) await session.writeOne({ spans: source.trace(4) });
}
