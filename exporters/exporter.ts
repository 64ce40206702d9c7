/**
 * A consumer of the buffer that sends what it finds to a backend. Ranges are read in their order, some at a time; what a
 * range holds goes out in as few requests as it can; a range is released when the last of them is taken, refused for good
 * or given up. A crash repeats what was not released: every accepted item reaches the backend at least once.
 */
import { setMaxListeners } from 'node:events';
import { MIN_FRAME_BYTES } from '../src/buffer/frame.js';
import type { DamagedFrame } from '../src/buffer/reader.js';
import { readPayloads } from '../src/buffer/reader.js';
import {
  type BufferConsumer,
  type Component,
  type ConsumerLag,
  type ConsumerOptions,
  type Encoding,
  type Frame,
  type FrameInput,
  type FrameRange,
  type ItemCounts,
  type Loss,
  SIGNALS,
  type Signal,
} from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { backoffMs, pause } from './backoff.js';
import { Batch, batchesOf, type Part, smaller } from './batch.js';
import type { Chooser, Passage, Tell } from './chooser.js';
import { Circuit, type Pass } from './circuit.js';
import type { QueueConfig } from './config.js';
import type { ExporterEvents } from './events.js';
import { ReadMemory } from './read-memory.js';
import { Slots } from './slots.js';
import type { CutTask, Piece } from './split.js';
import { isLostThread, LOST_THREADS, type Transcode, Transcoder } from './transcoding.js';
import type { Answer, Transport } from './transport.js';

/** What a backend refused for good, or what can't be read, as the dead letters keep it. */
export interface RefusedLetter {
  exporter: string;
  bufferId: string;
  sequence: number;
  /** Of the last frame in it: those of its signal and workspace that stand between are in it, too. */
  lastSequence: number;
  piece: string;
  reason: string;
  frame: { signal: Signal; encoding: Encoding; workspace: string; items: number; receivedTimeUnixMs: number };
  payload: Uint8Array;
  /** It is as it was received: what processors leave out is in it. */
  isUnprocessed?: boolean;
}

/** A dead letter's frame. */
export type ResentFrame = FrameInput & Pick<RefusedLetter, 'sequence' | 'isUnprocessed'>;

export interface ExporterOptions {
  name: string;
  config: QueueConfig;
  /** The room that the whole buffer has. */
  bufferMaxBytes: number;
  buffer: { readonly id: string; consumer(name: string, options?: ConsumerOptions): BufferConsumer };
  /** Where each signal goes; frames of a signal that goes nowhere are passed by. */
  transports: Partial<Record<Signal, Transport>>;
  /** What of each range goes out; without one, everything. */
  chooser?: Chooser | undefined;
  toProtobuf: Transcode;
  /** `cutToSize` on another thread. */
  cut(task: CutTask): Promise<Piece[]>;
  /** Resolves when it is on disk; adding the same again replaces it. */
  bury(letter: RefusedLetter): Promise<void>;
  events: ExporterEvents;
}

export interface ExporterState {
  endpoints: string[];
  /** What goes out by it. */
  signals: Signal[];
  /** Some of that is left out on purpose. */
  chooses: boolean;
  circuit: 'closed' | 'open';
  inFlight: number;
  lag: ConsumerLag;
  maxLagBytes: number;
  /** Items that were given up since the start, because the exporter lagged by more than its share. */
  droppedItems: number;
  lastError: { message: string; timeUnixMs: number } | undefined;
}

export interface Exporter extends Component {
  /** As a shutdown, but nothing more is taken from the buffer: what is under way ends, and another one has the rest. */
  retire(options: { deadlineMs: number }): Promise<void>;
  state(): ExporterState;
  /** A restart begins with that sequence, or a later one. */
  persistedCursor(): number;
  /** Once, now. Rejects with BACKEND_UNAVAILABLE, or CONFLICT when the backend refuses it again. */
  resend(frame: ResentFrame): Promise<void>;
}

/** The store's own cursor: an exporter that took it over would let go of what is not stored. */
const STORE = 'store';

/** Throws CONFIG_INVALID for a name that is not its own. */
export function createExporter(options: ExporterOptions): Exporter {
  if (options.name === STORE) throw new GatewayError('CONFIG_INVALID', `No exporter can be named ${STORE}`);
  return new QueueExporter(options);
}

interface Lane {
  transport: Transport;
  circuit: Circuit;
}

/** To choose from what a range holds. */
interface Attempt {
  signal: AbortSignal;
  tell: Tell;
}

/** A range between being taken and being released. */
interface Held {
  range: FrameRange;
  abort: AbortController;
}

/** What is wrong on this side is looked at again after so long, or sooner where backends are tried again sooner. */
const OWN_FAULT_PAUSE_MS = 1000;
/** A lag below this part of the share ends a row of losses. */
const RECOVERED_SHARE = 1 / 2;

class QueueExporter implements Exporter {
  readonly name: string;
  readonly #options: ExporterOptions;
  readonly #consumer: BufferConsumer;
  readonly #maxLagBytes: number;
  readonly #transcoder: Transcoder;
  readonly #lanes = new Map<Transport, Lane>();
  readonly #requests: Slots;
  readonly #ranges: Slots;
  /** Only where it is known when nobody reads it any more. */
  readonly #memory: ReadMemory | undefined;
  readonly #held = new Map<number, Held>();
  readonly #working = new Set<Promise<void>>();
  /** Aborted first: nothing lingers, nothing more is waited for. */
  readonly #draining = new AbortController();
  /** Aborted last: nothing is sent any more; what is not released stays in the buffer. */
  readonly #ended = new AbortController();
  #loop: Promise<void> | undefined;
  #isRetiring = false;
  /** Requests that were not taken, whatever became of them. */
  #failures = 0;
  /** Requests that wait to be tried again. */
  #postponed = 0;
  #droppedItems = 0;
  /** Items lost in the present row of losses. */
  #lossRow = 0;
  #lastError: ExporterState['lastError'];

  constructor(options: ExporterOptions) {
    const { name, config, buffer, bufferMaxBytes } = options;
    this.name = name;
    this.#options = options;
    this.#transcoder = new Transcoder(options.toProtobuf);
    this.#maxLagBytes = Math.floor((bufferMaxBytes * config.bufferSharePercent) / 100);
    const overflow = { maxLagBytes: this.#maxLagBytes, lost: (loss: Loss) => this.#lost(loss) };
    this.#consumer = buffer.consumer(name, { from: config.startAt, overflow });
    this.#requests = new Slots(config.maxInFlight);
    this.#ranges = new Slots(config.maxInFlight);
    for (const transport of Object.values(options.transports)) this.#addLane(transport);
    const isLetGo = Object.values(options.transports).every(({ letsGo }) => letsGo);
    this.#memory = isLetGo && options.chooser === undefined ? new ReadMemory() : undefined;
    // Whatever waits listens, and as much may wait as the configuration says.
    setMaxListeners(0, this.#ended.signal);
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#draining.abort();
    if (this.#loop !== undefined) await this.#drain(deadlineMs);
    this.#end();
    this.#memory?.close();
    await Promise.all([...this.#lanes.keys()].map((transport) => transport.close()));
  }

  async retire(deadline: { deadlineMs: number }): Promise<void> {
    this.#isRetiring = true;
    await this.shutdown(deadline);
  }

  state(): ExporterState {
    const lanes = [...this.#lanes.values()];
    return {
      endpoints: lanes.map(({ transport }) => transport.endpoint),
      signals: SIGNALS.filter((signal) => this.#options.transports[signal] !== undefined),
      chooses: this.#options.chooser !== undefined,
      circuit: lanes.some(({ circuit }) => circuit.isOpen) ? 'open' : 'closed',
      inFlight: this.#requests.used,
      lag: this.#consumer.lag(),
      maxLagBytes: this.#maxLagBytes,
      droppedItems: this.#droppedItems,
      lastError: this.#lastError,
    };
  }

  persistedCursor(): number {
    return this.#consumer.persistedCursor();
  }

  async resend(frame: ResentFrame): Promise<void> {
    const transport = this.#options.transports[frame.signal];
    if (!transport) throw new GatewayError('CONFLICT', `The exporter ${this.name} sends no ${frame.signal}`);
    const payload = await this.#resendable(frame).catch((error: unknown) => Promise.reject(asUnavailable(error)));
    if (payload === undefined) return;
    const { signal, workspace } = frame;
    const answer = await transport.send({ signal, workspace, payload }, this.#ended.signal).catch(asRetry);
    if (answer.kind !== 'accepted') {
      const words = `The exporter ${this.name} could not deliver it: ${answer.reason}`;
      throw new GatewayError(answer.kind === 'retry' ? 'BACKEND_UNAVAILABLE' : 'CONFLICT', words);
    }
    // What it refused is nowhere but in the letter.
    if (answer.rejected > 0) {
      const words = `The backend of ${this.name} took it but for ${answer.rejected} items: ${answer.message}`;
      throw new GatewayError('CONFLICT', words);
    }
  }

  /** undefined where the configuration keeps all of it from this exporter. What is JSON was never chosen from. */
  async #resendable(frame: ResentFrame): Promise<Buffer | undefined> {
    if (frame.isUnprocessed && this.#options.chooser !== undefined) {
      throw new GatewayError('CONFLICT', `It could not be processed, and ${this.name} gets nothing that was not`);
    }
    const bytes = Buffer.concat(frame.payload instanceof Uint8Array ? [frame.payload] : frame.payload);
    if (frame.encoding === 'protobuf') return bytes;
    return this.#chosenFrom(frame, await this.#protobufOf(frame.signal, bytes));
  }

  async #protobufOf(signal: Signal, json: Buffer): Promise<Buffer> {
    const made = await this.#options.toProtobuf(signal, json);
    if (made.payload === undefined) throw new GatewayError('CONFLICT', `It can't be read: ${made.reason}`);
    return bufferOf(made.payload);
  }

  async #chosenFrom({ sequence, signal, workspace, items }: ResentFrame, payload: Buffer): Promise<Buffer | undefined> {
    const part = { sequence, piece: '', signal, workspace, items, receivedTimeUnixMs: Date.now(), payload };
    const chosen = await this.#chosen([part], { signal: this.#ended.signal, tell: (one) => this.#processed(one) });
    if (chosen === undefined) throw new GatewayError('SHUTTING_DOWN', `The exporter ${this.name} is ending`);
    return chosen[0]?.payload;
  }

  #addLane(transport: Transport): void {
    const { config, events } = this.#options;
    const { endpoint } = transport;
    const circuit = new Circuit({
      config,
      opened: (reason) => events.failed({ exporter: this.name, endpoint, reason }),
      closed: () => events.recovered({ exporter: this.name, endpoint }),
    });
    this.#lanes.set(transport, { transport, circuit });
  }

  // ---- from the buffer ----

  async #run(): Promise<void> {
    for (;;) {
      await this.#ranges.acquire();
      const range = await this.#take();
      if (range === undefined) return;
      const work = this.#export(range).finally(() => this.#ranges.release());
      this.#working.add(work);
      void work.finally(() => this.#working.delete(work));
    }
  }

  /** The next range; undefined when there is nothing more while draining, and at the end. */
  async #take(): Promise<FrameRange | undefined> {
    const { maxRequestBytes, maxRequestItems, lingerMs } = this.#options.config;
    await this.#consumer.readable(this.#draining.signal);
    const pending = this.#consumer.pending();
    if (pending.bytes < maxRequestBytes && pending.items < maxRequestItems) {
      await pause(lingerMs, this.#draining.signal);
    }
    if (this.#isRetiring || this.#ended.signal.aborted) return undefined;
    const range = this.#consumer.next({ maxBytes: maxRequestBytes, maxItems: maxRequestItems });
    // What was pending may have been lost meanwhile.
    return range === undefined && !this.#draining.signal.aborted ? this.#take() : range;
  }

  async #export(range: FrameRange): Promise<void> {
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    this.#held.set(range.firstSequence, { range, abort });
    if (this.#ended.signal.aborted) abort.abort();
    try {
      await this.#insist(range, abort.signal);
    } finally {
      this.#held.delete(range.firstSequence);
    }
  }

  /** Whatever fails on this side is told, and the range tried again: it is released when it went out, or given up. */
  async #insist(range: FrameRange, signal: AbortSignal): Promise<void> {
    if (!(await this.#isReady(range, signal))) return;
    while (!signal.aborted) {
      try {
        const failures = this.#failures;
        const memory = this.#memory?.take(range.length) ?? Buffer.allocUnsafeSlow(range.length);
        const passages: Passage[] = [];
        const parts = await this.#partsOf(range, memory, { signal, tell: (one) => passages.push(one) });
        if (parts === undefined) break;
        await this.#deliverAll(parts, signal);
        // A backend that did not take a request may still be reading it.
        if (this.#failures === failures) this.#memory?.giveBack(memory);
        if (!signal.aborted) this.#release(range, passages);
        return;
      } catch (error) {
        await this.#ownFault(error, signal);
      }
    }
    this.#giveUp(range.signals);
  }

  #release(range: FrameRange, passages: readonly Passage[]): void {
    for (const passage of passages) this.#processed(passage);
    this.#consumer.release(range);
    if (this.#lossRow > 0 && this.#consumer.lag().bytes < this.#maxLagBytes * RECOVERED_SHARE) this.#endLossRow();
  }

  /** False for one that was given up, and for one that stays in the buffer, being undecided when a shutdown begins. */
  async #isReady({ lastSequence, signals }: FrameRange, signal: AbortSignal): Promise<boolean> {
    const { chooser } = this.#options;
    const isReady = chooser?.ready ? await chooser.ready(lastSequence, [signal, this.#draining.signal]) : true;
    if (!isReady && signal.aborted) this.#giveUp(signals);
    return isReady;
  }

  /** undefined when the range was given up meanwhile: its place may hold other frames by now. */
  async #partsOf(range: FrameRange, memory: Buffer, { signal, tell }: Attempt): Promise<Part[] | undefined> {
    const frames = await readPayloads(range, memory);
    if (signal.aborted) return undefined;
    return this.#chosen(await this.#toParts(frames, signal), { signal, tell });
  }

  async #chosen(parts: Part[], { signal, tell }: Attempt): Promise<Part[] | undefined> {
    const { chooser } = this.#options;
    const isChosen = chooser === undefined || parts.length === 0;
    const chosen = isChosen ? parts : await chooser.choose(parts, signal, tell);
    return signal.aborted ? undefined : chosen;
  }

  #processed(passage: Passage): void {
    this.#options.events.processed({ exporter: this.name, ...passage });
  }

  async #toParts(frames: Iterable<Frame | DamagedFrame>, abort: AbortSignal): Promise<Part[]> {
    const parts: Part[] = [];
    for (const frame of frames) {
      if ('damaged' in frame) this.#damaged(frame);
      else if (frame.payload.length > 0 && frame.items > 0 && this.#options.transports[frame.signal]) {
        const part = await this.#toPart(frame, abort);
        if (part) parts.push(part);
      }
    }
    return parts;
  }

  /** undefined for what can't be read, which is among the dead letters then. Rejects where its thread is lost or busy. */
  async #toPart(frame: Frame, abort: AbortSignal): Promise<Part | undefined> {
    const { sequence, signal, encoding, workspace, items, receivedTimeUnixMs, payload } = frame;
    const part = { sequence, piece: '', signal, workspace, items, receivedTimeUnixMs, payload };
    if (encoding === 'protobuf') return part;
    const made = await this.#transcoder.transcode(frame);
    if (made.payload !== undefined) return { ...part, payload: bufferOf(made.payload) };
    const reason = `it can't be read as OTLP/JSON: ${made.reason}`;
    if (await this.#buryOne({ ...part, encoding }, reason, abort)) {
      this.#options.events.unusable({ exporter: this.name, frames: 1, buried: 1, reason });
    }
    return undefined;
  }

  // ---- to the backend ----

  #laneOf({ signal }: { signal: Signal }): Lane {
    return this.#lanes.get(this.#options.transports[signal]!)!;
  }

  /** Resolves when everything is taken, buried, or given up; rejects, for a defect, when nothing is under way any more. */
  async #deliverAll(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const cut = (part: Part, maxBytes: number) => this.#cut(part, maxBytes, signal);
    const group = (part: Part) => groupOf(part, this.#laneOf(part).transport);
    const batches = await batchesOf(parts, this.#options.config, group, cut);
    const ends = await Promise.allSettled(batches.map((batch) => this.#deliver(batch, signal)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Whole where no thread survives it: the backend is to judge it. */
  async #cut(part: Part, maxBytes: number, signal: AbortSignal): Promise<readonly Part[]> {
    for (let lost = 0; lost < LOST_THREADS && !signal.aborted; ) {
      try {
        const { signal: of, items, payload } = part;
        // A copy: what is handed to a thread takes the whole range along that it is a view of.
        const pieces = await this.#options.cut({ signal: of, items, payload: new Uint8Array(payload), maxBytes });
        return pieces.map((one) => ({
          ...part,
          ...one,
          piece: part.piece + one.piece,
          payload: bufferOf(one.payload),
        }));
      } catch (error) {
        if (isLostThread(error)) lost += 1;
        await this.#ownFault(error, signal);
      }
    }
    return [part];
  }

  /** Resolves when the batch is taken, buried, or given up. */
  async #deliver(batch: Batch, signal: AbortSignal): Promise<void> {
    const lane = this.#laneOf(batch);
    const startedMs = performance.now();
    for (let retries = 0; ; retries++) {
      const answer = await this.#attempt(lane, batch, signal);
      if (answer === undefined) return this.#giveUp(itemsOf(batch));
      if (answer.kind !== 'retry') return this.#conclude(batch, answer, signal);
      if (this.#isTooOld(startedMs)) return this.#bury(batch, `${answer.reason} (tried for too long)`, signal);
      this.#options.events.postponed({ exporter: this.name, signal: batch.signal, reason: answer.reason });
      await this.#postpone(lane, retries, signal);
    }
  }

  #isTooOld(startedMs: number): boolean {
    const { retryMaxElapsedMs } = this.#options.config;
    return retryMaxElapsedMs > 0 && performance.now() - startedMs > retryMaxElapsedMs;
  }

  /** One request; undefined when there was none, or when its answer doesn't count any more. */
  async #attempt(lane: Lane, batch: Batch, signal: AbortSignal): Promise<Answer | undefined> {
    const pass = await lane.circuit.enter(signal);
    if (pass === undefined) return undefined;
    await this.#requests.acquire();
    try {
      return await this.#send(lane, batch, pass);
    } finally {
      this.#requests.release();
    }
  }

  async #send({ transport, circuit }: Lane, batch: Batch, pass: Pass): Promise<Answer | undefined> {
    const startedMs = performance.now();
    const answer = await this.#answerOf(transport, batch).catch(asRetry);
    if (answer.kind === 'accepted') {
      circuit.succeeded(pass);
      this.#delivered(batch, answer, performance.now() - startedMs);
      return answer;
    }
    this.#failures += 1;
    if (this.#ended.signal.aborted) {
      circuit.abandoned(pass);
      return undefined;
    }
    this.#lastError = { message: answer.reason, timeUnixMs: Date.now() };
    // Whoever refuses is there.
    if (answer.kind === 'retry') circuit.failed(pass, answer.reason, answer.retryAfterMs);
    else circuit.succeeded(pass);
    return answer;
  }

  /** Whatever it throws is an answer: a probe that nobody hands back would be waited for by all the others. */
  async #answerOf(transport: Transport, batch: Batch): Promise<Answer> {
    const { signal, workspace, parts } = batch;
    return transport.send({ signal, workspace, payload: batch.payload(), parts }, this.#ended.signal);
  }

  #delivered(batch: Batch, answer: Answer & { kind: 'accepted' }, durationMs: number): void {
    const { events } = this.#options;
    const { signal, items, bytes, parts } = batch;
    const range = { first: parts[0]!.sequence, last: parts.at(-1)!.sequence };
    const rejected = Math.min(items, Math.max(0, answer.rejected));
    const { message } = answer;
    events.delivered({ exporter: this.name, signal, range, items, bytes, rejected, message, durationMs });
    if (answer.unreadable) events.answerUnreadable({ exporter: this.name, reason: answer.unreadable });
  }

  async #conclude(batch: Batch, answer: Exclude<Answer, { kind: 'retry' }>, signal: AbortSignal): Promise<void> {
    if (answer.kind === 'accepted') return;
    const pieces = await this.#piecesFor(batch, answer, signal);
    if (pieces === undefined) return this.#bury(batch, answer.reason, signal);
    for (const piece of pieces) await this.#deliver(piece, signal);
  }

  /** Smaller requests that may fare better: what is at fault in one frame must not cost its neighbours. */
  async #piecesFor(batch: Batch, answer: Answer, signal: AbortSignal): Promise<Batch[] | undefined> {
    if (answer.kind === 'too-large') return smaller(batch, (part, maxBytes) => this.#cut(part, maxBytes, signal));
    return answer.kind === 'refused' && answer.ofContent ? batch.byFrames() : undefined;
  }

  /** With a circuit that is open its pace is the circuit's. A shutdown doesn't wait for a backend that doesn't answer. */
  async #postpone({ circuit }: Lane, retries: number, signal: AbortSignal): Promise<void> {
    if (this.#draining.signal.aborted) this.#end();
    this.#postponed += 1;
    if (!circuit.isOpen) await pause(backoffMs(this.#options.config, retries), signal);
    this.#postponed -= 1;
  }

  async #bury(batch: Batch, reason: string, signal: AbortSignal): Promise<void> {
    for (const own of byWorkspace(batch)) {
      const { items, parts } = own;
      const lastSequence = parts.at(-1)!.sequence;
      const letter = { ...parts[0]!, lastSequence, encoding: 'protobuf', items, payload: own.payload() } as const;
      if (!(await this.#buryOne(letter, reason, signal))) return this.#giveUp(itemsOf(batch));
    }
    const { signal: of, items } = batch;
    this.#options.events.refused({ exporter: this.name, signal: of, items, reason });
  }

  /** False when it was given up before it was on disk. */
  async #buryOne(
    part: Part & { encoding: Encoding; lastSequence?: number },
    reason: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { sequence, lastSequence = sequence, piece, payload, ...rest } = part;
    const { signal: of, encoding, workspace, items, receivedTimeUnixMs } = rest;
    const frame = { signal: of, encoding, workspace, items, receivedTimeUnixMs };
    const bufferId = this.#options.buffer.id;
    const letter = { exporter: this.name, bufferId, sequence, lastSequence, piece, reason, frame, payload };
    while (!signal.aborted) {
      try {
        await this.#options.bury(letter);
        return true;
      } catch (error) {
        await this.#ownFault(error, signal);
      }
    }
    return false;
  }

  async #ownFault(error: unknown, signal: AbortSignal): Promise<void> {
    this.#options.events.stuck({ exporter: this.name, reason: (error as Error).message });
    if (this.#draining.signal.aborted) this.#end();
    await pause(Math.min(OWN_FAULT_PAUSE_MS, this.#options.config.retryInitialMs), signal);
  }

  #damaged({ reason, firstSequence: first, lastSequence: last, bytes }: DamagedFrame): void {
    const damaged = { first, last };
    // Sequences are passed over after a crash: there were no more frames than bytes have room for.
    const frames = Math.min(last - first + 1, Math.max(1, Math.floor(bytes.length / MIN_FRAME_BYTES)));
    this.#options.events.unusable({ exporter: this.name, frames, buried: 0, reason, damaged });
  }

  // ---- losses, and the end ----

  /** The buffer has moved on: ranges that were waiting are not tried again. What is on the wire may still arrive. */
  #lost({ frames, signals, abandoned }: Loss): void {
    this.#countLoss(signals, frames);
    for (const { firstSequence } of abandoned) this.#held.get(firstSequence)?.abort.abort();
  }

  /** At the end it stays in the buffer; otherwise it is lost. */
  #giveUp(signals: ItemCounts): void {
    if (!this.#ended.signal.aborted) this.#countLoss(signals, 0);
  }

  /** What of it would have gone nowhere is none. What processors would have left out is not known, and counts. */
  #countLoss(all: ItemCounts, frames: number): void {
    const signals = this.#ownOf(all);
    const items = signals.traces + signals.logs + signals.metrics;
    if (items === 0) return;
    const first = this.#lossRow === 0;
    this.#lossRow += items;
    this.#droppedItems += items;
    this.#options.events.dropped({ exporter: this.name, frames, items, signals, first });
  }

  #ownOf(all: ItemCounts): ItemCounts {
    const { transports } = this.#options;
    const own = (signal: Signal) => (transports[signal] === undefined ? 0 : all[signal]);
    return { traces: own('traces'), logs: own('logs'), metrics: own('metrics') };
  }

  #endLossRow(): void {
    this.#options.events.keptUp({ exporter: this.name, items: this.#lossRow });
    this.#lossRow = 0;
  }

  async #drain(deadlineMs: number): Promise<void> {
    const isFailing = this.#postponed > 0 || this.state().circuit === 'open';
    const timer = setTimeout(() => this.#end(), isFailing ? 0 : deadlineMs);
    await this.#loop;
    await Promise.all(this.#working);
    clearTimeout(timer);
  }

  #end(): void {
    this.#ended.abort();
    for (const { abort } of this.#held.values()) abort.abort();
  }
}

const HOUR_MS = 3_600_000;

/** Equal for what may go in one request. */
function groupOf({ signal, workspace, receivedTimeUnixMs }: Part, { byWorkspace, byHour }: Transport): string {
  const hour = byHour ? Math.floor(receivedTimeUnixMs / HOUR_MS) : '';
  return `${signal} ${hour} ${byWorkspace ? workspace : ''}`;
}

function itemsOf({ signal, items }: Batch): ItemCounts {
  return { traces: 0, logs: 0, metrics: 0, [signal]: items };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** What a lost thread says is no fault of who asked. */
function asUnavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('BACKEND_UNAVAILABLE', `It could not be made ready: ${(error as Error).message}`);
}

/** A transport answers whatever happens; one that doesn't must not end the process. */
function asRetry(error: unknown): Answer {
  return { kind: 'retry', reason: error instanceof Error ? error.message : String(error) };
}

function byWorkspace({ parts }: Batch): Batch[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const group = groups.get(part.workspace);
    if (group) group.push(part);
    else groups.set(part.workspace, [part]);
  }
  return [...groups.values()].map((group) => new Batch(group));
}
