/** The native door before an in-memory store: what it appends is decoded and stored at once, by the rules of the store. */
import { createNativeIntake } from '../../receivers/native/intake.js';
import type { Appender, FrameInput, FrameOutcome, Outcomes } from '../../src/component.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type { NativeIntake } from '../../src/model/native.js';
import type { Idempotency, Span } from '../../src/model/telemetry.js';
import { decodeTrailer, type Trailer } from '../../src/model/trailer.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import type { TelemetryMemory } from './telemetry-memory.js';

export interface NativeMemory {
  intake: NativeIntake;
  /** Where OTLP requests go as well: frames without a trailer. */
  next: Appender;
  /** Of all frames that were written. */
  audit: AuditEntry[];
  /** Every append rejects with this while it is set. */
  failure: unknown;
}

const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

function bytesOf(payload: FrameInput['payload']): Buffer {
  return Buffer.concat(payload instanceof Uint8Array ? [payload] : [...payload]);
}

const NO_TRAILER: Trailer = { audit: [], traces: [], revises: false, deletes: [], idempotency: undefined };

/** What an earlier frame with the same key was answered, or that it was another request. */
function replayOf(kept: Idempotency | undefined, asked: Idempotency | undefined): Partial<FrameOutcome> | undefined {
  if (kept === undefined) return undefined;
  return kept.fingerprint === asked?.fingerprint ? { replayed: kept.answer } : { keyReused: true };
}

async function knownSpans(telemetry: TelemetryMemory, workspace: string, spans: readonly Span[]): Promise<Span[]> {
  const found = await Promise.all(spans.map((span) => telemetry.getSpan(workspace, span.traceId, span.spanId)));
  return spans.filter((_, index) => found[index] !== undefined);
}

export function createNativeMemory(telemetry: TelemetryMemory): NativeMemory {
  const keys = new Map<string, Idempotency>();
  const outcomes: FrameOutcome[] = [];

  const declare = async (workspace: string, { traces }: Trailer): Promise<string[]> => {
    const known: string[] = [];
    for (const record of traces) {
      const { items } = await telemetry.listTraces({ workspace, limit: 1_000_000 });
      const isKnown = items.some((each) => each.record && hex(each.traceId) === hex(record.traceId));
      if (isKnown) known.push(hex(record.traceId));
      else telemetry.declareTraces(workspace, [record]);
    }
    return known;
  };

  const store = async (frame: FrameInput, trailer: Trailer): Promise<Omit<FrameOutcome, 'sequence'>> => {
    const { workspace } = frame;
    const { spans, logRecords } = decodeRequest({ ...frame, payload: bytesOf(frame.payload) });
    const known = trailer.revises ? [] : await knownSpans(telemetry, workspace, spans);
    if (trailer.revises) telemetry.reviseSpans(workspace, spans);
    else
      telemetry.addSpans(
        workspace,
        spans.filter((span) => !known.includes(span)),
      );
    telemetry.addLogRecords(workspace, logRecords);
    const knownTraces = await declare(workspace, trailer);
    for (const traceId of trailer.deletes) telemetry.deleteTrace(workspace, traceId);
    const asked = trailer.traces.length + spans.length;
    const written = asked === 0 || knownTraces.length + known.length < asked;
    return { written, knownTraces, knownSpans: known.map(({ traceId, spanId }) => hex(traceId) + hex(spanId)) };
  };

  const apply = async (frame: FrameInput): Promise<Omit<FrameOutcome, 'sequence'>> => {
    const trailer = frame.trailer ? decodeTrailer(Buffer.from(frame.trailer)) : NO_TRAILER;
    const key = trailer.idempotency && `${frame.workspace} ${trailer.idempotency.key}`;
    const replay = key === undefined ? undefined : replayOf(keys.get(key), trailer.idempotency);
    if (replay) return { written: false, knownTraces: [], knownSpans: [], ...replay };
    const outcome = await store(frame, trailer);
    if (outcome.written && key !== undefined) keys.set(key, trailer.idempotency!);
    if (outcome.written) memory.audit.push(...trailer.audit);
    return outcome;
  };

  const next: Appender = {
    async append(frame) {
      if (memory.failure !== undefined) throw memory.failure;
      const sequence = outcomes.length + 1;
      outcomes.push({ sequence, ...(await apply(frame)) });
      return { sequence };
    },
  };
  const told: Outcomes = {
    of: async (sequence) => outcomes[sequence - 1]!,
    settled: async () => {},
    caughtUp: async () => {},
  };
  const memory: NativeMemory = {
    intake: createNativeIntake({ next, outcomes: told, gatewayNumber: () => 0 }),
    next,
    audit: [],
    failure: undefined,
  };
  return memory;
}
