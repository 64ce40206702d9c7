/**
 * Decides on traces. It reads frames of the buffer in their order, keeps a summary of each trace that is not decided, and
 * comes to its verdict once the decision wait is over, by the times at which frames were received: whoever reads the same
 * frames comes to the same verdicts, however late. Synchronous: for a worker thread.
 *
 * After a throw nothing is known of its state: another one, given all frames from the oldest undecided trace on, goes on.
 */
import { readFrames } from '../../src/buffer/reader.js';
import type { Care } from '../../src/casualty.js';
import type { Frame } from '../../src/component.js';
import type { Generation } from '../../src/model/generation.js';
import type { LogRecord, Span } from '../../src/model/telemetry.js';
import { type DecodedRequest, decodeRequest } from '../../src/otlp/decode.js';
import { bufferOf } from '../buffer-view.js';
import { keepItems } from '../keep-items.js';
import type { ChoosePart, ChooseTask, Chosen, FoldCounts, Folded, FoldTask, OpenTask } from './messages.js';
import { Policies } from './policies.js';
import { nameOf, TraceKeys } from './trace-keys.js';
import { newSummary, randomnessOf, type TraceSummary } from './trace-summary.js';
import { VerdictJournal } from './verdict-journal.js';
import type { TraceKey } from './verdict-table.js';

export interface DeciderOptions extends OpenTask {
  /** Puts into spans and log records what they tell of calls to models. */
  describe(workspace: string, decoded: DecodedRequest): void;
}

/** Calls that are remembered so that none counts twice, over all traces; beyond it each counts as one of its own. */
const MAX_CALLS = 200_000;

export class TraceDecider {
  readonly #options: DeciderOptions;
  readonly #policies: Policies;
  readonly #journal: VerdictJournal;
  readonly #keys: TraceKeys;
  /** By their age. */
  readonly #waiting = new Map<string, TraceSummary>();
  /** Milliseconds that have passed from frame to frame: a system clock that is set back doesn't hold verdicts up. */
  #clockMs = 0;
  #newestUnixMs: number | undefined;
  #readThrough = 0;
  /** How many calls the summaries remember together. */
  #calls = 0;
  #counts = noCounts();
  #slowPatterns = new Set<string>();

  constructor(options: DeciderOptions) {
    const { config, directory, bufferId } = options;
    const { sampledCacheSize, nonSampledCacheSize } = config.decisionCache;
    this.#options = options;
    this.#policies = new Policies(config.policies);
    this.#journal = new VerdictJournal({ directory, bufferId, maxVerdicts: sampledCacheSize + nonSampledCacheSize });
    this.#keys = new TraceKeys(this.#journal.secret);
  }

  fold({ ranges, nowUnixMs, decideBefore, neededFrom, care }: FoldTask): Folded {
    this.#counts = noCounts();
    this.#slowPatterns = new Set();
    this.#journal.reach(ranges[0]?.firstSequence ?? this.#readThrough + 1);
    for (const range of ranges) {
      for (const frame of readFrames(range)) if (!('damaged' in frame)) this.#foldCarefully(frame, care);
      this.#readThrough = range.lastSequence;
    }
    const clockMs = this.#clockAt(nowUnixMs);
    this.#decideDue(clockMs);
    if (decideBefore !== undefined) this.#decideEarly(({ firstSequence }) => firstSequence < decideBefore);
    this.#journal.sync();
    this.#journal.release(neededFrom);
    return this.#folded(clockMs);
  }

  choose({ parts }: ChooseTask): Chosen {
    const chosen: Chosen = { parts: [], unknown: 0 };
    for (const part of parts) chosen.parts.push(this.#chooseFrom(part, chosen));
    return chosen;
  }

  close(): void {
    this.#journal.close();
  }

  #folded(clockMs: number): Folded {
    const [oldest] = this.#waiting.values();
    return {
      decidedThrough: oldest === undefined ? this.#readThrough : oldest.firstSequence - 1,
      nextVerdictInMs: oldest && Math.max(0, oldest.deadlineMs - clockMs),
      waiting: this.#waiting.size,
      remembered: this.#journal.size,
      counts: this.#counts,
      slowPatterns: [...this.#slowPatterns],
    };
  }

  // ---- time ----

  #advance(receivedTimeUnixMs: number): void {
    this.#clockMs = this.#clockAt(receivedTimeUnixMs);
    this.#newestUnixMs = receivedTimeUnixMs;
  }

  #clockAt(timeUnixMs: number | undefined): number {
    if (timeUnixMs === undefined || this.#newestUnixMs === undefined) return this.#clockMs;
    return this.#clockMs + Math.max(0, timeUnixMs - this.#newestUnixMs);
  }

  // ---- what passes by ----

  #foldCarefully(frame: Frame, care: Care | undefined): void {
    this.#advance(frame.receivedTimeUnixMs);
    this.#decideDue(this.#clockMs);
    if (care === undefined) this.#foldFrame(frame);
    else if (care.bury.includes(frame.sequence)) this.#counts.unreadable += 1;
    else {
      care.at[0] = frame.sequence;
      this.#foldFrame(frame);
      care.at[0] = 0;
    }
  }

  #foldFrame(frame: Frame): void {
    if (frame.signal === 'metrics' || frame.items === 0) return;
    if (frame.signal === 'logs' && !this.#options.samplesLogs && !this.#policies.needs.logs) return;
    const decoded = this.#decode(frame);
    if (decoded === undefined) return;
    const { spans, logRecords } = decoded;
    const matched = this.#policies.matchPatterns(spans, this.#slowPatterns);
    for (const [index, span] of spans.entries()) {
      this.#foldItem(frame, span.traceId, (trace) => this.#noteSpan(trace, span, matched[index]));
    }
    for (const record of logRecords) {
      if (record.traceId) this.#foldItem(frame, record.traceId, (trace) => this.#noteLogRecord(trace, record));
    }
  }

  /** What can't be read is nobody's: whoever exports it says so. */
  #decode(frame: Frame): DecodedRequest | undefined {
    try {
      const decoded = decodeRequest(frame);
      if (this.#policies.needs.generations) this.#options.describe(frame.workspace, decoded);
      return decoded;
    } catch {
      this.#counts.unreadable += 1;
      return undefined;
    }
  }

  #foldItem(frame: Frame, traceId: Uint8Array, note: (trace: TraceSummary) => void): void {
    const key = this.#keys.of(frame.workspace, traceId);
    const name = nameOf(key);
    const known = this.#waiting.get(name);
    if (known !== undefined) note(known);
    else if (!this.#isDecided(key)) note(this.#begin(name, key, traceId, frame.sequence));
  }

  /** Of one that was decided long ago the verdict is written again, so that it is remembered as long as spans come. */
  #isDecided(key: TraceKey): boolean {
    const known = this.#journal.recall(key);
    if (known === undefined) return false;
    this.#counts.late[known.verdict] += 1;
    if (!known.recent) this.#journal.add({ key, verdict: known.verdict });
    return true;
  }

  #begin(name: string, key: TraceKey, traceId: Uint8Array, firstSequence: number): TraceSummary {
    const { numTraces, decisionWait } = this.#options.config;
    const deadlineMs = this.#clockMs + decisionWait;
    const trace = newSummary({ key, randomness: randomnessOf(traceId), firstSequence, deadlineMs });
    this.#counts.newTraces += 1;
    this.#waiting.set(name, trace);
    this.#decideEarly(() => this.#waiting.size > numTraces);
    return trace;
  }

  #noteSpan(trace: TraceSummary, span: Span, matchedPatterns: number | undefined): void {
    this.#policies.noteSpan(trace, span, matchedPatterns);
    const { startTimeUnixNano: start, endTimeUnixNano: end, generation } = span;
    trace.spans += 1;
    if (start > 0n && (trace.startTimeUnixNano === 0n || start < trace.startTimeUnixNano))
      trace.startTimeUnixNano = start;
    if (end > trace.endTimeUnixNano) trace.endTimeUnixNano = end;
    if (generation !== undefined) this.#noteCall(trace, generation, span.spanId);
  }

  #noteLogRecord(trace: TraceSummary, record: LogRecord): void {
    this.#policies.noteLogRecord(trace, record);
    if (record.generation !== undefined) this.#noteCall(trace, record.generation, record.spanId);
  }

  #noteCall(trace: TraceSummary, generation: Generation, spanId: Uint8Array | undefined): void {
    if (!generation.countable || this.#isCounted(trace, generation.responseId || idText(spanId))) return;
    const { cost, reportedCost, usage } = generation;
    trace.picodollars += cost?.picodollars ?? reportedCost ?? 0n;
    trace.tokens += (usage.input ?? 0) + (usage.output ?? 0);
  }

  /** The same call may be told of by two spans, and a span be sent again. */
  #isCounted(trace: TraceSummary, call: string): boolean {
    if (call === '' || this.#calls >= MAX_CALLS) return false;
    trace.calls ??= new Set();
    if (trace.calls.has(call)) return true;
    trace.calls.add(call);
    this.#calls += 1;
    return false;
  }

  // ---- verdicts ----

  #decideDue(clockMs: number): void {
    for (const [name, trace] of this.#waiting) {
      if (trace.deadlineMs > clockMs) return;
      this.#decide(name, trace);
    }
  }

  #decideEarly(isDue: (trace: TraceSummary) => boolean): void {
    for (const [name, trace] of this.#waiting) {
      if (!isDue(trace)) return;
      this.#counts.early += 1;
      this.#decide(name, trace);
    }
  }

  #decide(name: string, trace: TraceSummary): void {
    const keeping = this.#policies.keeping(trace);
    const verdict = keeping.length > 0 ? 'kept' : 'dropped';
    this.#counts[verdict] += 1;
    for (const policy of keeping) this.#counts.keptBy[policy] = (this.#counts.keptBy[policy] ?? 0) + 1;
    this.#waiting.delete(name);
    this.#calls -= trace.calls?.size ?? 0;
    this.#journal.add({ key: trace.key, verdict });
  }

  // ---- what goes to an exporter ----

  #chooseFrom({ sequence, signal, workspace, payload }: ChoosePart, chosen: Chosen): Chosen['parts'][number] {
    const whole = bufferOf(payload);
    const kept = keepItems(signal, whole, (at) => {
      if (at === undefined) return true;
      const verdict = this.#journal.at(sequence, this.#keys.of(workspace, whole, at));
      if (verdict === undefined) chosen.unknown += 1;
      return verdict !== 'dropped';
    });
    if (kept === undefined || kept.payload === whole) return kept && { items: kept.items };
    // A copy: it may be a view of memory that is shared with others.
    return { items: kept.items, payload: new Uint8Array(kept.payload) };
  }
}

function noCounts(): FoldCounts {
  const late = { kept: 0, dropped: 0 };
  return { newTraces: 0, kept: 0, dropped: 0, keptBy: {}, early: 0, late, unreadable: 0 };
}

function idText(id: Uint8Array | undefined): string {
  return id === undefined ? '' : Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
}
