/**
 * A consumer of the buffer that sends what it finds to a backend. Ranges are read in their order, some at a time; what a
 * range holds goes out in as few requests as it can; a range is released when the last of them is taken, refused for good
 * or given up. A crash repeats what was not released: every accepted item reaches the backend at least once.
 */
import type { DamagedFrame } from '../src/buffer/reader.js';
import { readFramesAside } from '../src/buffer/reader.js';
import type {
  BufferConsumer,
  Component,
  ConsumerLag,
  ConsumerOptions,
  Frame,
  FrameInput,
  FrameRange,
  Loss,
  Signal,
} from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { backoffMs, pause } from './backoff.js';
import { Batch, batchesOf, type Part } from './batch.js';
import type { Chooser } from './chooser.js';
import { Circuit, type Pass } from './circuit.js';
import type { QueueConfig } from './config.js';
import type { ExporterEvents } from './events.js';
import { Slots } from './slots.js';
import type { Answer, Transport } from './transport.js';

/** What a backend refused for good, as the dead letters keep it. */
export interface RefusedLetter {
  exporter: string;
  bufferId: string;
  sequence: number;
  piece: string;
  reason: string;
  frame: { signal: Signal; encoding: 'protobuf'; workspace: string; items: number; receivedTimeUnixMs: number };
  payload: Uint8Array;
}

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
  /** OTLP/JSON as protobuf, made on another thread. Rejects for what can't be read. */
  toProtobuf(signal: Signal, payload: Buffer): Promise<Uint8Array>;
  /** Resolves when it is on disk; adding the same again replaces it. */
  bury(letter: RefusedLetter): Promise<void>;
  events: ExporterEvents;
}

export interface ExporterState {
  endpoints: string[];
  circuit: 'closed' | 'open';
  inFlight: number;
  lag: ConsumerLag;
  maxLagBytes: number;
  /** Items that were given up since the start, because the exporter lagged by more than its share. */
  droppedItems: number;
  lastError: { message: string; timeUnixMs: number } | undefined;
}

export interface Exporter extends Component {
  state(): ExporterState;
  /** Once, now. Rejects with BACKEND_UNAVAILABLE, or CONFLICT when the backend refuses it again. */
  resend(frame: FrameInput): Promise<void>;
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

/** A range between being taken and being released. */
interface Held {
  range: FrameRange;
  abort: AbortController;
}

/** What is wrong on this side is looked at again after so long. */
const OWN_FAULT_PAUSE_MS = 1000;
/** A lag below this part of the share ends a row of losses. */
const RECOVERED_SHARE = 1 / 2;

class QueueExporter implements Exporter {
  readonly name: string;
  readonly #options: ExporterOptions;
  readonly #consumer: BufferConsumer;
  readonly #maxLagBytes: number;
  readonly #lanes = new Map<Transport, Lane>();
  readonly #requests: Slots;
  readonly #ranges: Slots;
  readonly #held = new Map<number, Held>();
  readonly #working = new Set<Promise<void>>();
  /** Aborted first: nothing lingers, nothing more is waited for. */
  readonly #draining = new AbortController();
  /** Aborted last: nothing is sent any more; what is not released stays in the buffer. */
  readonly #ended = new AbortController();
  #loop: Promise<void> | undefined;
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
    this.#maxLagBytes = Math.floor((bufferMaxBytes * config.bufferSharePercent) / 100);
    const overflow = { maxLagBytes: this.#maxLagBytes, lost: (loss: Loss) => this.#lost(loss) };
    this.#consumer = buffer.consumer(name, { from: config.startAt, overflow });
    this.#requests = new Slots(config.maxInFlight);
    this.#ranges = new Slots(config.maxInFlight);
    for (const transport of Object.values(options.transports)) this.#addLane(transport);
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#draining.abort();
    if (this.#loop !== undefined) await this.#drain(deadlineMs);
    this.#end();
    await Promise.all([...this.#lanes.keys()].map((transport) => transport.close()));
  }

  state(): ExporterState {
    const lanes = [...this.#lanes.values()];
    return {
      endpoints: lanes.map(({ transport }) => transport.endpoint),
      circuit: lanes.some(({ circuit }) => circuit.isOpen) ? 'open' : 'closed',
      inFlight: this.#requests.used,
      lag: this.#consumer.lag(),
      maxLagBytes: this.#maxLagBytes,
      droppedItems: this.#droppedItems,
      lastError: this.#lastError,
    };
  }

  async resend(frame: FrameInput): Promise<void> {
    const transport = this.#options.transports[frame.signal];
    if (!transport) throw new GatewayError('CONFLICT', `The exporter ${this.name} sends no ${frame.signal}`);
    const payload = Buffer.concat(frame.payload instanceof Uint8Array ? [frame.payload] : frame.payload);
    const { signal, workspace } = frame;
    const answer = await transport.send({ signal, workspace, payload }, this.#ended.signal).catch(asRetry);
    if (answer.kind === 'accepted') return;
    const words = `The exporter ${this.name} could not deliver it: ${answer.reason}`;
    throw new GatewayError(answer.kind === 'retry' ? 'BACKEND_UNAVAILABLE' : 'CONFLICT', words);
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
    if (this.#ended.signal.aborted) return undefined;
    const range = this.#consumer.next({ maxBytes: maxRequestBytes, maxItems: maxRequestItems });
    // What was pending may have been lost meanwhile.
    return range === undefined && !this.#draining.signal.aborted ? this.#take() : range;
  }

  async #export(range: FrameRange): Promise<void> {
    const abort = new AbortController();
    this.#held.set(range.firstSequence, { range, abort });
    if (this.#ended.signal.aborted) abort.abort();
    try {
      const parts = await this.#partsOf(range, abort.signal);
      if (parts === undefined) return this.#giveUp(range.items);
      const batches = batchesOf(parts, this.#options.config, (part) => groupOf(part, this.#laneOf(part).transport));
      await Promise.all(batches.map((batch) => this.#deliver(batch, abort.signal)));
      if (!abort.signal.aborted) this.#consumer.release(range);
    } finally {
      this.#held.delete(range.firstSequence);
    }
  }

  /** undefined when the range was given up before it could be read. */
  async #partsOf(range: FrameRange, signal: AbortSignal): Promise<Part[] | undefined> {
    while (!signal.aborted) {
      try {
        const frames = await readFramesAside(range);
        // Given up while it was read, its place may hold other frames by now.
        if (signal.aborted) return undefined;
        return await this.#chosen(await this.#toParts(frames), signal);
      } catch (error) {
        await this.#ownFault(error, signal);
      }
    }
    return undefined;
  }

  async #chosen(parts: Part[], signal: AbortSignal): Promise<Part[] | undefined> {
    const { chooser } = this.#options;
    if (chooser === undefined || parts.length === 0) return parts;
    const chosen = await chooser.choose(parts, signal);
    return signal.aborted ? undefined : chosen;
  }

  async #toParts(frames: Iterable<Frame | DamagedFrame>): Promise<Part[]> {
    const parts: Part[] = [];
    for (const frame of frames) {
      if ('damaged' in frame) this.#unusable(frame.reason);
      else if (frame.payload.length > 0 && frame.items > 0 && this.#options.transports[frame.signal]) {
        const part = await this.#toPart(frame);
        if (part) parts.push(part);
      }
    }
    return parts;
  }

  async #toPart({ sequence, signal, encoding, workspace, items, receivedTimeUnixMs, payload }: Frame) {
    const part = { sequence, piece: '', signal, workspace, items, receivedTimeUnixMs };
    if (encoding === 'protobuf') return { ...part, payload };
    try {
      const made = await this.#options.toProtobuf(signal, payload);
      return { ...part, payload: Buffer.from(made.buffer, made.byteOffset, made.length) };
    } catch (error) {
      // Its thread is busy or gone: the range is read again.
      if (error instanceof GatewayError && error.retryable) throw error;
      this.#unusable((error as Error).message);
      return undefined;
    }
  }

  // ---- to the backend ----

  #laneOf({ signal }: { signal: Signal }): Lane {
    return this.#lanes.get(this.#options.transports[signal]!)!;
  }

  /** Resolves when the batch is taken, buried, or given up. */
  async #deliver(batch: Batch, signal: AbortSignal): Promise<void> {
    const lane = this.#laneOf(batch);
    const startedMs = performance.now();
    for (let retries = 0; ; retries++) {
      const answer = await this.#attempt(lane, batch, signal);
      if (answer === undefined) return this.#giveUp(batch.items);
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
    const { signal, workspace, parts } = batch;
    const request = { signal, workspace, payload: batch.payload(), parts };
    const answer = await transport.send(request, this.#ended.signal).catch(asRetry);
    if (answer.kind === 'accepted') {
      circuit.succeeded(pass);
      this.#delivered(batch, answer, performance.now() - startedMs);
      return answer;
    }
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

  #delivered(batch: Batch, answer: Answer & { kind: 'accepted' }, durationMs: number): void {
    const { events } = this.#options;
    const { signal, items, bytes } = batch;
    const rejected = Math.min(items, Math.max(0, answer.rejected));
    const { message } = answer;
    events.delivered({ exporter: this.name, signal, items, bytes, rejected, message, durationMs });
    if (answer.unreadable) events.answerUnreadable({ exporter: this.name, reason: answer.unreadable });
    if (this.#lossRow > 0 && this.#consumer.lag().bytes < this.#maxLagBytes * RECOVERED_SHARE) this.#endLossRow();
  }

  async #conclude(batch: Batch, answer: Exclude<Answer, { kind: 'retry' }>, signal: AbortSignal): Promise<void> {
    if (answer.kind === 'accepted') return;
    const halves = this.#halvesFor(batch, answer);
    if (halves === undefined) return this.#bury(batch, answer.reason, signal);
    for (const half of halves) await this.#deliver(half, signal);
  }

  /** Smaller requests that may fare better: what is at fault in one frame must not cost its neighbours. */
  #halvesFor(batch: Batch, answer: Answer): [Batch, Batch] | undefined {
    if (answer.kind === 'too-large') return batch.halves();
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
      if (!(await this.#buryOne(own, reason, signal))) return this.#giveUp(batch.items);
    }
    const { signal: of, items } = batch;
    this.#options.events.refused({ exporter: this.name, signal: of, items, reason });
  }

  async #buryOne(batch: Batch, reason: string, signal: AbortSignal): Promise<boolean> {
    const { sequence, piece, receivedTimeUnixMs } = batch.parts[0]!;
    const { signal: of, workspace, items } = batch;
    const frame = { signal: of, encoding: 'protobuf', workspace, items, receivedTimeUnixMs } as const;
    const bufferId = this.#options.buffer.id;
    const letter = { exporter: this.name, bufferId, sequence, piece, reason, frame, payload: batch.payload() };
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
    await pause(OWN_FAULT_PAUSE_MS, signal);
  }

  #unusable(reason: string): void {
    this.#options.events.unusable({ exporter: this.name, frames: 1, reason });
  }

  // ---- losses, and the end ----

  /** The buffer has moved on: ranges that were waiting are not tried again. What is on the wire may still arrive. */
  #lost({ frames, items, abandoned }: Loss): void {
    this.#countLoss(items, frames);
    for (const { firstSequence } of abandoned) this.#held.get(firstSequence)?.abort.abort();
  }

  /** At the end it stays in the buffer; otherwise it is lost. */
  #giveUp(items: number): void {
    if (!this.#ended.signal.aborted) this.#countLoss(items, 0);
  }

  #countLoss(items: number, frames: number): void {
    if (items === 0 && frames === 0) return;
    const first = this.#lossRow === 0;
    this.#lossRow += items;
    this.#droppedItems += items;
    this.#options.events.dropped({ exporter: this.name, frames, items, first });
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
