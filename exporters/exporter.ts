/**
 * A consumer of the buffer that sends what it finds to a backend. Ranges are read in their order, some at a time; what a
 * range holds goes out in as few requests as it can; a range is released when the last of them is taken, refused for good
 * or given up. A crash repeats what was not released: every accepted item reaches the backend at least once.
 */
import { setMaxListeners } from 'node:events';
import {
  type BufferConsumer,
  type Component,
  type ConsumerLag,
  type ConsumerOptions,
  type FrameRange,
  type Loss,
  SIGNALS,
  type Signal,
} from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { pause } from './backoff.js';
import type { Chooser, Passage } from './chooser.js';
import type { QueueConfig } from './config.js';
import { Delivery } from './delivery.js';
import { Ending } from './ending.js';
import type { ExporterEvents } from './events.js';
import { Letters, type RefusedLetter } from './letters.js';
import { Losses } from './losses.js';
import { OwnFaults } from './own-faults.js';
import { RangeReader } from './range-reader.js';
import { ReadMemory } from './read-memory.js';
import { type ResentFrame, resend } from './resending.js';
import { Slots } from './slots.js';
import type { CutTask, Piece } from './split.js';
import type { Transcode } from './transcoding.js';
import type { Transport } from './transport.js';

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

/** A range between being taken and being released. */
interface Held {
  range: FrameRange;
  abort: AbortController;
}

/** A lag below this part of the share ends a row of losses. */
const RECOVERED_SHARE = 1 / 2;

class QueueExporter implements Exporter {
  readonly name: string;
  readonly #options: ExporterOptions;
  readonly #signals: Signal[];
  readonly #consumer: BufferConsumer;
  readonly #maxLagBytes: number;
  readonly #ending = new Ending();
  readonly #faults: OwnFaults;
  readonly #losses: Losses;
  readonly #reader: RangeReader;
  readonly #delivery: Delivery;
  readonly #ranges: Slots;
  /** Only where it is known when nobody reads it any more. */
  readonly #memory: ReadMemory | undefined;
  readonly #held = new Map<number, Held>();
  readonly #working = new Set<Promise<void>>();
  #loop: Promise<void> | undefined;
  #isRetiring = false;

  constructor(options: ExporterOptions) {
    const { name, config, buffer, bufferMaxBytes, transports, chooser, toProtobuf, cut, bury, events } = options;
    this.name = name;
    this.#options = options;
    this.#signals = SIGNALS.filter((signal) => transports[signal] !== undefined);
    this.#maxLagBytes = Math.floor((bufferMaxBytes * config.bufferSharePercent) / 100);
    const overflow = { maxLagBytes: this.#maxLagBytes, lost: (loss: Loss) => this.#lost(loss) };
    this.#consumer = buffer.consumer(name, { from: config.startAt, overflow });
    const own = { exporter: name, signals: this.#signals, config, events, ending: this.#ending };
    this.#faults = new OwnFaults(own);
    this.#losses = new Losses(own);
    const shared = { ...own, letters: new Letters({ ...own, buffer, bury, faults: this.#faults }) };
    this.#reader = new RangeReader({ ...shared, chooser, toProtobuf });
    this.#delivery = new Delivery({ ...shared, transports, cut, losses: this.#losses, faults: this.#faults });
    this.#ranges = new Slots(config.maxInFlight);
    const isLetGo = Object.values(transports).every(({ letsGo }) => letsGo);
    this.#memory = isLetGo && chooser === undefined ? new ReadMemory() : undefined;
    // Whatever waits listens, and as much may wait as the configuration says.
    setMaxListeners(0, this.#ending.ended);
    this.#ending.ended.addEventListener('abort', () => {
      for (const { abort } of this.#held.values()) abort.abort();
    });
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#ending.drain();
    if (this.#loop !== undefined) await this.#drain(deadlineMs);
    this.#ending.end();
    this.#memory?.close();
    await this.#delivery.close();
  }

  async retire(deadline: { deadlineMs: number }): Promise<void> {
    this.#isRetiring = true;
    await this.shutdown(deadline);
  }

  state(): ExporterState {
    const { endpoints, circuit, inFlight, lastError } = this.#delivery;
    return {
      endpoints,
      signals: this.#signals,
      chooses: this.#options.chooser !== undefined,
      circuit,
      inFlight,
      lag: this.#consumer.lag(),
      maxLagBytes: this.#maxLagBytes,
      droppedItems: this.#losses.items,
      lastError,
    };
  }

  persistedCursor(): number {
    return this.#consumer.persistedCursor();
  }

  async resend(frame: ResentFrame): Promise<void> {
    const { transports, chooser, toProtobuf } = this.#options;
    const tell = (passage: Passage) => this.#processed(passage);
    await resend(frame, { exporter: this.name, transports, chooser, toProtobuf, ended: this.#ending.ended, tell });
  }

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
    const { draining, ended } = this.#ending;
    await this.#consumer.readable(draining);
    const pending = this.#consumer.pending();
    if (pending.bytes < maxRequestBytes && pending.items < maxRequestItems) await pause(lingerMs, draining);
    if (this.#isRetiring || ended.aborted) return undefined;
    const range = this.#consumer.next({ maxBytes: maxRequestBytes, maxItems: maxRequestItems });
    // What was pending may have been lost meanwhile.
    return range === undefined && !draining.aborted ? this.#take() : range;
  }

  async #export(range: FrameRange): Promise<void> {
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    this.#held.set(range.firstSequence, { range, abort });
    if (this.#ending.ended.aborted) abort.abort();
    try {
      await this.#insist(range, abort.signal);
    } finally {
      this.#held.delete(range.firstSequence);
    }
  }

  /** Whatever fails on this side is told, and the range tried again: it is released when it went out, or given up. */
  async #insist(range: FrameRange, signal: AbortSignal): Promise<void> {
    const isReady = await this.#reader.isReady(range, [signal, this.#ending.draining]);
    // What is undecided when a shutdown begins stays in the buffer.
    if (!isReady && !signal.aborted) return;
    while (!signal.aborted) {
      try {
        if (await this.#pass(range, signal)) return;
      } catch (error) {
        await this.#faults.wait(error, signal);
      }
    }
    this.#losses.giveUp(range.signals);
  }

  /** True when everything of it is taken, buried or given up by itself; false when it was given up before that began. */
  async #pass(range: FrameRange, signal: AbortSignal): Promise<boolean> {
    const { failures } = this.#delivery;
    const memory = this.#memory?.take(range.length) ?? Buffer.allocUnsafeSlow(range.length);
    const passages: Passage[] = [];
    const parts = await this.#reader.partsOf(range, { memory, signal, tell: (passage) => passages.push(passage) });
    if (parts === undefined) return false;
    await this.#delivery.deliver(parts, signal);
    // A backend that did not take a request may still be reading it.
    if (this.#delivery.failures === failures) this.#memory?.giveBack(memory);
    if (!signal.aborted) this.#release(range, passages);
    return true;
  }

  #release(range: FrameRange, passages: readonly Passage[]): void {
    for (const passage of passages) this.#processed(passage);
    this.#consumer.release(range);
    const { row } = this.#losses;
    if (row > 0 && this.#consumer.lag().bytes < this.#maxLagBytes * RECOVERED_SHARE) this.#losses.endRow();
  }

  #processed(passage: Passage): void {
    this.#options.events.processed({ exporter: this.name, ...passage });
  }

  /** The buffer has moved on: ranges that were waiting are not tried again. What is on the wire may still arrive. */
  #lost({ frames, signals, abandoned }: Loss): void {
    this.#losses.count(signals, frames);
    for (const { firstSequence } of abandoned) this.#held.get(firstSequence)?.abort.abort();
  }

  async #drain(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#ending.end(), this.#delivery.isFailing ? 0 : deadlineMs);
    await this.#loop;
    await Promise.all(this.#working);
    clearTimeout(timer);
  }
}
