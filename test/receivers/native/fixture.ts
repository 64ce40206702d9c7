/** The native door before a store in memory: frames are decoded for real, and outcomes follow from what came before. */
import { setImmediate as turn } from 'node:timers/promises';
import { createNativeIntake, type NativeIntakeOptions } from '../../../receivers/native/intake.js';
import { checkProtobuf } from '../../../receivers/otlp/check-protobuf.js';
import type { Appender, FrameInput, FrameOutcome, Outcomes } from '../../../src/component.js';
import type { AuditEntry } from '../../../src/model/audit-entry.js';
import type { NativeRequest } from '../../../src/model/native.js';
import { hexOfId } from '../../../src/model/native-ids.js';
import type { LogRecord, Span } from '../../../src/model/telemetry.js';
import { decodeTrailer, type Trailer } from '../../../src/model/trailer.js';
import { decodeRequest } from '../../../src/otlp/decode.js';

export const NOW = 1_767_225_600_123;

export interface WrittenFrame {
  input: FrameInput;
  trailer: Trailer;
  spans: Span[];
  logRecords: LogRecord[];
}

export function readFrame(input: FrameInput): WrittenFrame {
  const payload = Buffer.from(input.payload as Uint8Array);
  const { accepted, rejected } = checkProtobuf(input.signal, payload);
  if (accepted !== input.items || rejected !== 0) throw new Error(`${accepted} items, not ${input.items}`);
  const { spans, logRecords } = decodeRequest({ signal: input.signal, encoding: input.encoding, payload });
  return { input, trailer: decodeTrailer(Buffer.from(input.trailer ?? [])), spans, logRecords };
}

export interface MemoryStore extends Appender, Outcomes {
  readonly frames: WrittenFrame[];
  /** The newest of each id. */
  readonly spans: Map<string, Span>;
  /** Most frames that were under way at one time. */
  widest: number;
}

/** As slow as a turn of the event loop, so that requests meet. */
export function createMemoryStore(): MemoryStore {
  const frames: WrittenFrame[] = [];
  const spans = new Map<string, Span>();
  const traces = new Set<string>();
  const keys = new Map<string, FrameOutcome & { fingerprint: string; answer: string }>();
  let underWay = 0;

  function settle(sequence: number): FrameOutcome {
    const { input, trailer, spans: own } = frames[sequence - 1]!;
    const key = trailer.idempotency && `${input.workspace} ${trailer.idempotency.key}`;
    const before = key === undefined ? undefined : keys.get(key);
    if (before && before.fingerprint !== trailer.idempotency!.fingerprint) {
      return { sequence, written: false, knownTraces: [], knownSpans: [], keyReused: true };
    }
    if (before) return { ...before, sequence, written: false, replayed: before.answer };
    const knownSpans: string[] = [];
    const knownTraces = trailer.traces.map(({ traceId }) => hexOfId(traceId)).filter((id) => traces.has(id));
    for (const span of own) {
      const name = hexOfId(span.traceId) + hexOfId(span.spanId);
      if (spans.has(name) && !trailer.revises) knownSpans.push(name);
      else spans.set(name, span);
    }
    for (const { traceId } of trailer.traces) traces.add(hexOfId(traceId));
    const items = own.length + trailer.traces.length;
    const written = items === 0 || knownSpans.length + knownTraces.length < items;
    const outcome = { sequence, written, knownTraces, knownSpans };
    if (key !== undefined && written) keys.set(key, { ...outcome, ...trailer.idempotency! });
    return outcome;
  }

  return {
    frames,
    spans,
    widest: 0,
    async append(input) {
      this.widest = Math.max(this.widest, ++underWay);
      frames.push(readFrame(input));
      const sequence = frames.length;
      await turn();
      return { sequence };
    },
    async of(sequence) {
      await turn();
      underWay -= 1;
      return settle(sequence);
    },
    settled: async () => {},
    caughtUp: async () => {},
  };
}

export function createDoor(options: Partial<NativeIntakeOptions> = {}) {
  const store = createMemoryStore();
  const intake = createNativeIntake({
    next: store,
    outcomes: store,
    gatewayNumber: () => 7,
    now: () => NOW,
    ...options,
  });
  return { store, intake };
}

export function nativeRequest(overrides: Partial<NativeRequest> = {}): NativeRequest {
  return {
    workspace: 'default',
    audit: (deed): AuditEntry => ({ workspace: 'default', timeUnixMs: NOW, keyId: 1, keyName: 'test', ...deed }),
    idempotency: undefined,
    ...overrides,
  };
}
