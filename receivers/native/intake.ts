/**
 * The native door: a request becomes one frame of the buffer, an OTLP payload and a trailer, and is answered when the
 * store has told what became of it.
 */
import type { Appender, FrameOutcome, Outcomes, Signal } from '../../src/component.js';
import { type GatewayError, toGatewayError } from '../../src/errors.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type {
  LogBody,
  NativeAnswer,
  NativeIntake,
  NativeRequest,
  SpanBody,
  SpanChanges,
  TraceBody,
} from '../../src/model/native.js';
import { hexOfId } from '../../src/model/native-ids.js';
import { LogTimes, logIdOf } from '../../src/model/native-log-ids.js';
import { attributesTextOf, metadataAttributes, SPAN_FIELDS } from '../../src/model/native-metadata.js';
import { nativeSpanOf } from '../../src/model/native-view.js';
import type { Span, TraceRecord } from '../../src/model/telemetry.js';
import { encodeTrailer, type Trailer } from '../../src/model/trailer.js';
import { nopReceiverEvents, type ReceiverEvents } from '../otlp/events.js';
import {
  answer,
  keptAnswer,
  keyReused,
  NO_CONTENT,
  NOTHING_THERE,
  replayedAnswer,
  spanAnswer,
  spanExists,
  spanPlace,
  traceExists,
  traceMissing,
  unexplained,
} from './answers.js';
import { logAudit, spanAudits } from './audit.js';
import { batchAnswer, distinctSpans, withoutKnown } from './batch.js';
import { traceIdOf, type WrittenId } from './ids.js';
import { logPayload, type TimedLog } from './log-payload.js';
import { gathered } from './payload.js';
import { hasChanges, revisedSpan } from './revision.js';
import { type SpanDraft, spanDraft, spanPayload } from './span-payload.js';
import { storedSpanPayload } from './stored-span.js';
import { requestEvent, type Tally } from './tally.js';
import { Turns, Unfinished } from './turns.js';
import { within } from './within.js';

export interface NativeIntakeOptions {
  next: Appender;
  outcomes: Outcomes;
  /** Of this gateway among those that share a store, 0 to 63: it keeps the ids of their logs apart. */
  gatewayNumber: () => number;
  /** Whether what is added gets rows in the audit log, as updates and deletions do; true when it is absent. */
  auditAdditions?: boolean;
  /** Of frames: a request that is refused before it becomes one is the API's. */
  events?: Pick<ReceiverEvents, 'request'>;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How long a request with an idempotency key, and a change of a span, waits for what the buffer held at the start. */
  caughtUpWithinMs?: number;
}

/** One frame to be written, and how its outcome is answered. */
interface Deed {
  signal: Signal;
  items: number;
  payload: Uint8Array;
  trailer: Partial<Trailer>;
  /** When all of it is new, as it is for nearly every request; also what a repeated request is told. */
  answer: NativeAnswer;
  /** The answer, or the one that an earlier request with the same key was given, once it is known what was new. */
  settle?(given: NativeAnswer, outcome: FrameOutcome): NativeAnswer;
}

const NO_PAYLOAD = new Uint8Array(0);
const CAUGHT_UP_WITHIN_MS = 10_000;

export function createNativeIntake(options: NativeIntakeOptions): NativeIntake {
  return new Intake(options);
}

class Intake implements NativeIntake {
  private readonly turns: Turns;
  private readonly logTimes: LogTimes;
  private readonly now: () => number;
  private readonly events: Pick<ReceiverEvents, 'request'>;

  constructor(private readonly options: NativeIntakeOptions) {
    this.now = options.now ?? Date.now;
    this.turns = new Turns(options.caughtUpWithinMs ?? CAUGHT_UP_WITHIN_MS);
    this.events = options.events ?? nopReceiverEvents;
    this.logTimes = new LogTimes(options.gatewayNumber, this.now);
  }

  async createLogs(
    request: NativeRequest,
    logs: readonly LogBody[],
    { batch }: { batch: boolean },
  ): Promise<NativeAnswer> {
    if (logs.length === 0) return answer(202, { ids: [], accepted: 0, status: 'accepted' });
    return this.inTurn(request, [], async () => {
      const timed = logs.map((log): TimedLog => ({ log, timeUnixNano: this.logTimes.next() }));
      const ids = timed.map(({ timeUnixNano }) => logIdOf(timeUnixNano));
      const content = batch ? { ids, accepted: ids.length, status: 'accepted' } : { id: ids[0], status: 'accepted' };
      return this.write(request, {
        signal: 'logs',
        items: timed.length,
        payload: await gathered(logPayload(timed)),
        trailer: {
          audit: this.ofAddition(() => [logAudit(request, logs, batch ? { count: ids.length } : { id: ids[0] })]),
        },
        answer: answer(202, content),
      });
    });
  }

  async createTrace(request: NativeRequest, trace: TraceBody): Promise<NativeAnswer> {
    const traceId = traceIdOf(trace.trace_id);
    const keys = trace.trace_id === undefined ? [] : [traceKey(request, traceId.hex)];
    return this.inTurn(request, keys, () => {
      const { prompt_name = null, version_tag = null } = trace;
      return this.write(request, {
        signal: 'traces',
        items: 0,
        payload: NO_PAYLOAD,
        trailer: {
          audit: this.ofAddition(() => [request.audit({ action: 'trace:create', targetId: traceId.text })]),
          traces: [traceRecord(trace, traceId, this.now())],
        },
        answer: answer(201, { trace_id: traceId.text, prompt_name, version_tag, status: 'created' }),
        settle(given, { knownTraces }) {
          if (knownTraces.length > 0) throw traceExists(traceId.text);
          return given;
        },
      });
    });
  }

  async createSpans(
    request: NativeRequest,
    spans: readonly SpanBody[],
    { batch }: { batch: boolean },
  ): Promise<NativeAnswer> {
    if (spans.length === 0) return answer(201, { items: [], created: 0, duplicates: [] });
    const drafts = spans.map(spanDraft);
    const chosen = drafts.filter(({ body }) => body.span_id !== undefined);
    const keys = chosen.map(({ traceId, spanId }) => spanKey(request, traceId.hex, spanId.hex));
    return this.inTurn(request, keys, () =>
      batch ? this.createSpanBatch(request, drafts) : this.createSpan(request, drafts[0]!),
    );
  }

  private createSpan(request: NativeRequest, draft: SpanDraft): Promise<NativeAnswer> {
    const audit = this.ofAddition(() => spanAudits(request, [draft], { batch: false }));
    return this.writeSpans(request, [draft], audit, answer(201, spanAnswer(draft)), (given, { knownSpans }) => {
      if (knownSpans.length > 0) throw spanExists(spanPlace(draft));
      return given;
    });
  }

  private createSpanBatch(request: NativeRequest, drafts: readonly SpanDraft[]): Promise<NativeAnswer> {
    const distinct = distinctSpans(drafts);
    const audit = this.ofAddition(() => spanAudits(request, distinct, { batch: true }));
    return this.writeSpans(request, distinct, audit, batchAnswer(drafts, distinct), withoutKnown);
  }

  private async writeSpans(
    request: NativeRequest,
    drafts: readonly SpanDraft[],
    audit: AuditEntry[],
    given: NativeAnswer,
    settle: NonNullable<Deed['settle']>,
  ): Promise<NativeAnswer> {
    const payload = await gathered(spanPayload(drafts, this.now()));
    return this.write(request, {
      signal: 'traces',
      items: drafts.length,
      payload,
      trailer: { audit },
      answer: given,
      settle,
    });
  }

  reviseSpan(
    request: NativeRequest,
    { traceId, spanId }: { traceId: Uint8Array; spanId: Uint8Array },
    changes: SpanChanges,
    find: () => Promise<Span>,
  ): Promise<NativeAnswer> {
    const keys = [spanKey(request, hexOfId(traceId), hexOfId(spanId))];
    const deed = async () => {
      // A change that a restart has left in the buffer would be undone by a span that was read before it is stored.
      await this.caughtUp();
      const span = await find();
      if (!hasChanges(changes)) return answer(200, { message: 'No changes' });
      const { traceIdText = hexOfId(traceId), spanIdText } = nativeSpanOf(span);
      const audit = request.audit({
        action: 'trace:span:update',
        targetId: traceIdText,
        details: { span_id: spanIdText },
      });
      return this.write(request, {
        signal: 'traces',
        items: 1,
        payload: storedSpanPayload(revisedSpan(span, changes)),
        trailer: { audit: [audit], revises: true },
        answer: answer(200, { trace_id: traceIdText, span_id: spanIdText, status: 'updated' }),
      });
    };
    // A span that was read before its trace was deleted would come back with its revision.
    return this.inTurn(request, keys, deed, [traceKey(request, hexOfId(traceId))]);
  }

  deleteTrace(
    request: NativeRequest,
    trace: { traceId: Uint8Array; text: string },
    exists: () => Promise<boolean>,
  ): Promise<NativeAnswer> {
    return this.inTurn(request, [traceKey(request, hexOfId(trace.traceId))], async () => {
      const deletion = {
        audit: [request.audit({ action: 'delete_trace', targetId: trace.text })],
        deletes: [trace.traceId],
      };
      if (await exists()) return this.writeDeletion(request, deletion, NO_CONTENT);
      // The request may be one that comes again: only the store knows its key.
      if (request.idempotency !== undefined) return this.writeDeletion(request, {}, NOTHING_THERE);
      throw traceMissing();
    });
  }

  private writeDeletion(request: NativeRequest, trailer: Partial<Trailer>, given: NativeAnswer): Promise<NativeAnswer> {
    return this.write(request, {
      signal: 'traces',
      items: 0,
      payload: NO_PAYLOAD,
      trailer,
      answer: given,
      settle(settled) {
        if (settled.status === NOTHING_THERE.status) throw traceMissing();
        return settled;
      },
    });
  }

  private ofAddition(entries: () => AuditEntry[]): AuditEntry[] {
    return this.options.auditAdditions === false ? [] : entries();
  }

  /** A key can only be known when all that was written under it before a restart is stored. */
  private inTurn(
    { workspace, idempotency }: NativeRequest,
    keys: readonly string[],
    deed: () => Promise<NativeAnswer>,
    shared: readonly string[] = [],
  ): Promise<NativeAnswer> {
    if (idempotency === undefined) return this.turns.take(keys, deed, shared);
    const afterBacklog = async () => {
      await this.caughtUp();
      return deed();
    };
    return this.turns.take([...keys, `key ${workspace} ${idempotency.key}`], afterBacklog, shared);
  }

  private caughtUp(): Promise<void> {
    return within(this.options.outcomes.caughtUp(), this.options.caughtUpWithinMs ?? CAUGHT_UP_WITHIN_MS);
  }

  private async write(request: NativeRequest, deed: Deed): Promise<NativeAnswer> {
    const startedMs = performance.now();
    const { signal, payload } = deed;
    const tally: Tally = { accepted: 0, refused: deed.items };
    let failed: GatewayError | undefined;
    try {
      return await this.apply(request, deed, tally);
    } catch (error) {
      failed = toGatewayError(error instanceof Unfinished ? error.reason : error);
      throw error;
    } finally {
      const durationMs = performance.now() - startedMs;
      this.events.request(requestEvent({ signal, bytes: payload.length, durationMs, error: failed }, tally));
    }
  }

  private async apply({ workspace, idempotency }: NativeRequest, deed: Deed, tally: Tally): Promise<NativeAnswer> {
    const { signal, items, payload } = deed;
    const kept = idempotency && { idempotency: { ...idempotency, answer: keptAnswer(deed.answer) } };
    const trailer = encodeTrailer(kept === undefined ? deed.trailer : { ...deed.trailer, ...kept });
    const frame = { signal, encoding: 'protobuf', workspace, items, payload, trailer } as const;
    const { sequence, batchId } = await this.options.next.append(frame);
    tally.refused = 0;
    tally.accepted = items;
    const outcome = await this.outcomeOf(sequence);
    tally.accepted = newItems(items, outcome);
    const given = answerTo(deed, outcome);
    return batchId === undefined ? given : { ...given, batchId };
  }

  /** A frame whose outcome is not waited for any longer is durable, and will be stored. */
  private outcomeOf(sequence: number): Promise<FrameOutcome> {
    const { outcomes } = this.options;
    return outcomes.of(sequence).catch((error: unknown) => {
      throw new Unfinished(error, outcomes.settled(sequence));
    });
  }
}

function newItems(items: number, { written, knownSpans }: FrameOutcome): number {
  return written ? items - knownSpans.length : 0;
}

/**
 * Of a frame that was stored while the answer got lost (a connection within its commit, a thread behind it), the store
 * remembers that nothing of it was new, and not why.
 */
function isUnexplained({ written, replayed, knownSpans, knownTraces }: FrameOutcome): boolean {
  return !written && replayed === undefined && knownSpans.length + knownTraces.length === 0;
}

function answerTo(deed: Deed, outcome: FrameOutcome): NativeAnswer {
  if (outcome.keyReused) throw keyReused();
  if (isUnexplained(outcome)) throw unexplained();
  const given = outcome.replayed === undefined ? deed.answer : replayedAnswer(outcome.replayed);
  return deed.settle === undefined ? given : deed.settle(given, outcome);
}

function traceKey({ workspace }: NativeRequest, hex: string): string {
  return `trace ${workspace} ${hex}`;
}

function spanKey({ workspace }: NativeRequest, traceHex: string, spanHex: string): string {
  return `span ${workspace} ${traceHex}${spanHex}`;
}

function traceRecord(trace: TraceBody, { id, text }: WrittenId, createdTimeUnixMs: number): TraceRecord {
  return {
    traceId: id,
    traceIdText: text,
    promptName: trace.prompt_name,
    versionTag: trace.version_tag,
    metadata: attributesTextOf(metadataAttributes(trace.metadata ?? {}, SPAN_FIELDS)),
    createdTimeUnixMs,
  };
}
