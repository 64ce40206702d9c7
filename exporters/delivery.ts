/**
 * To the backends: parts go out in as few requests as they can, each tried again until it is taken, refused for good, or
 * given up. What is refused is halved where that may help, and is a dead letter where not.
 */
import type { ItemCounts, Signal } from '../src/component.js';
import { backoffMs, pause } from './backoff.js';
import { type Batch, batchesOf, type Part, smaller } from './batch.js';
import { bufferOf } from './buffer-view.js';
import { Circuit, type Pass } from './circuit.js';
import type { QueueConfig } from './config.js';
import type { Ending } from './ending.js';
import type { ExporterEvents } from './events.js';
import type { Letters } from './letters.js';
import type { Losses } from './losses.js';
import type { OwnFaults } from './own-faults.js';
import { Slots } from './slots.js';
import type { CutTask, Piece } from './split.js';
import { isLostThread, LOST_THREADS } from './transcoding.js';
import { type Answer, asRetry, type Transport } from './transport.js';

export interface DeliveryOptions {
  exporter: string;
  config: QueueConfig;
  transports: Partial<Record<Signal, Transport>>;
  /** `cutToSize` on another thread. */
  cut(task: CutTask): Promise<Piece[]>;
  letters: Letters;
  losses: Losses;
  faults: OwnFaults;
  ending: Ending;
  events: ExporterEvents;
}

interface Lane {
  transport: Transport;
  circuit: Circuit;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #lanes = new Map<Transport, Lane>();
  readonly #requests: Slots;
  #failures = 0;
  /** Requests that wait to be tried again. */
  #postponed = 0;
  #lastError: { message: string; timeUnixMs: number } | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#requests = new Slots(options.config.maxInFlight);
    for (const transport of Object.values(options.transports)) this.#addLane(transport);
  }

  get endpoints(): string[] {
    return [...this.#lanes.keys()].map(({ endpoint }) => endpoint);
  }
  /** Open as long as one of the backends takes nothing. */
  get circuit(): 'closed' | 'open' {
    return [...this.#lanes.values()].some(({ circuit }) => circuit.isOpen) ? 'open' : 'closed';
  }
  get inFlight(): number {
    return this.#requests.used;
  }
  get lastError(): { message: string; timeUnixMs: number } | undefined {
    return this.#lastError;
  }
  /** Requests that were not taken, whatever became of them. */
  get failures(): number {
    return this.#failures;
  }
  get isFailing(): boolean {
    return this.#postponed > 0 || this.circuit === 'open';
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.keys()].map((transport) => transport.close()));
  }

  /** Resolves when everything is taken, buried, or given up; rejects, for a defect, when nothing is under way any more. */
  async deliver(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const cut = (part: Part, maxBytes: number) => this.#cut(part, maxBytes, signal);
    const group = (part: Part) => groupOf(part, this.#laneOf(part).transport);
    const batches = await batchesOf(parts, this.#options.config, group, cut);
    const ends = await Promise.allSettled(batches.map((batch) => this.#insist(batch, signal)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #addLane(transport: Transport): void {
    const { exporter, config, events } = this.#options;
    const { endpoint } = transport;
    const circuit = new Circuit({
      config,
      opened: (reason) => events.failed({ exporter, endpoint, reason }),
      closed: () => events.recovered({ exporter, endpoint }),
    });
    this.#lanes.set(transport, { transport, circuit });
  }

  #laneOf({ signal }: { signal: Signal }): Lane {
    return this.#lanes.get(this.#options.transports[signal]!)!;
  }

  /** Whole where no thread survives it: the backend is to judge it. */
  async #cut(part: Part, maxBytes: number, signal: AbortSignal): Promise<readonly Part[]> {
    for (let lost = 0; lost < LOST_THREADS && !signal.aborted; ) {
      try {
        const { signal: of, items, payload } = part;
        // A copy: what is handed to a thread takes the whole range along that it is a view of.
        const pieces = await this.#options.cut({ signal: of, items, payload: new Uint8Array(payload), maxBytes });
        return pieces.map((one) => pieceOf(part, one));
      } catch (error) {
        if (isLostThread(error)) lost += 1;
        await this.#options.faults.wait(error, signal);
      }
    }
    return [part];
  }

  /** Resolves when the batch is taken, buried, or given up. */
  async #insist(batch: Batch, signal: AbortSignal): Promise<void> {
    const { exporter, events, losses } = this.#options;
    const lane = this.#laneOf(batch);
    const startedMs = performance.now();
    for (let retries = 0; ; retries++) {
      const answer = await this.#attempt(lane, batch, signal);
      if (answer === undefined) return losses.giveUp(itemsOf(batch));
      if (answer.kind !== 'retry') return this.#conclude(batch, answer, signal);
      if (this.#isTooOld(startedMs)) return this.#bury(batch, `${answer.reason} (tried for too long)`, signal);
      events.postponed({ exporter, signal: batch.signal, reason: answer.reason });
      await this.#postpone(lane, retries, signal);
    }
  }

  #isTooOld(startedMs: number): boolean {
    const { retryMaxElapsedMs } = this.#options.config;
    return retryMaxElapsedMs > 0 && performance.now() - startedMs > retryMaxElapsedMs;
  }

  /** One request; undefined when there was none, or when its answer doesn't count any more. */
  async #attempt(lane: Lane, batch: Batch, signal: AbortSignal): Promise<Answer | undefined> {
    for (;;) {
      const pass = await lane.circuit.enter(signal);
      if (pass === undefined) return undefined;
      await this.#requests.acquire();
      try {
        if (lane.circuit.isGoodFor(pass)) return await this.#send(lane, batch, pass);
      } finally {
        this.#requests.release();
      }
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
    if (this.#options.ending.ended.aborted) {
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
    return transport.send({ signal, workspace, payload: batch.payload(), parts }, this.#options.ending.ended);
  }

  #delivered(batch: Batch, answer: Answer & { kind: 'accepted' }, durationMs: number): void {
    const { exporter, events } = this.#options;
    const { signal, items, bytes, parts } = batch;
    const range = { first: parts[0]!.sequence, last: parts.at(-1)!.sequence };
    const rejected = Math.min(items, Math.max(0, answer.rejected));
    const { message } = answer;
    events.delivered({ exporter, signal, range, items, bytes, rejected, message, durationMs });
    if (answer.unreadable) events.answerUnreadable({ exporter, reason: answer.unreadable });
  }

  async #conclude(batch: Batch, answer: Exclude<Answer, { kind: 'retry' }>, signal: AbortSignal): Promise<void> {
    if (answer.kind === 'accepted') return;
    const pieces = await this.#piecesFor(batch, answer, signal);
    if (pieces === undefined) return this.#bury(batch, answer.reason, signal);
    for (const piece of pieces) await this.#insist(piece, signal);
  }

  /** Smaller requests that may fare better: what is at fault in one frame must not cost its neighbours. */
  async #piecesFor(batch: Batch, answer: Answer, signal: AbortSignal): Promise<Batch[] | undefined> {
    if (answer.kind === 'too-large') return smaller(batch, (part, maxBytes) => this.#cut(part, maxBytes, signal));
    return answer.kind === 'refused' && answer.ofContent ? batch.byFrames() : undefined;
  }

  /** With a circuit that is open its pace is the circuit's. */
  async #postpone({ circuit }: Lane, retries: number, signal: AbortSignal): Promise<void> {
    const { config, ending } = this.#options;
    ending.endIfDraining();
    this.#postponed += 1;
    if (!circuit.isOpen) await pause(backoffMs(config, retries), signal);
    this.#postponed -= 1;
  }

  async #bury(batch: Batch, reason: string, signal: AbortSignal): Promise<void> {
    const { exporter, letters, losses, events } = this.#options;
    if (!(await letters.addBatch(batch, reason, signal))) return losses.giveUp(itemsOf(batch));
    events.refused({ exporter, signal: batch.signal, items: batch.items, reason });
  }
}

const HOUR_MS = 3_600_000;

/** Equal for what may go in one request. */
function groupOf({ signal, workspace, receivedTimeUnixMs }: Part, { byWorkspace, byHour }: Transport): string {
  const hour = byHour ? Math.floor(receivedTimeUnixMs / HOUR_MS) : '';
  return `${signal} ${hour} ${byWorkspace ? workspace : ''}`;
}

function pieceOf(part: Part, { piece, items, payload }: Piece): Part {
  return { ...part, piece: part.piece + piece, items, payload: bufferOf(payload) };
}

function itemsOf({ signal, items }: Batch): ItemCounts {
  return { traces: 0, logs: 0, metrics: 0, [signal]: items };
}
