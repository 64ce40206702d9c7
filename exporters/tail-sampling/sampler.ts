/**
 * Reads ahead of exporters, and tells them which traces are theirs. It has a cursor of its own in the buffer, and lets go of
 * a range when every trace that begins in it is decided and its verdict is on the disk: after a crash it reads again from
 * the oldest undecided trace on. No span is held in memory: the exporters' ranges wait in the buffer for the verdicts.
 */
import { Casualty } from '../../src/casualty.js';
import type { BufferConsumer, Component, ConsumerOptions, FrameRange, Loss, TaskPool } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { pause } from '../backoff.js';
import type { Part } from '../batch.js';
import { bufferOf } from '../buffer-view.js';
import type { Chooser, Passage } from '../chooser.js';
import { NOTHING } from '../encoding.js';
import { Isolation } from '../isolation.js';
import { isLostThread } from '../transcoding.js';
import type { TailSamplingConfig } from './config.js';
import type { TailSamplingEvents } from './events.js';
import type {
  Addressed,
  ChoosePart,
  ChooseTask,
  Chosen,
  Folded,
  FoldTask,
  OpenTask,
  SessionAnswer,
} from './messages.js';

export interface SamplerOptions {
  /** As metrics name it. */
  name: string;
  config: TailSamplingConfig;
  buffer: { readonly id: string; consumer(name: string, options?: ConsumerOptions): BufferConsumer };
  /** The room that the whole buffer has. */
  bufferMaxBytes: number;
  /** When more waits than this, the oldest traces are decided early, so that exporters need not give anything up. */
  maxWaitingBytes(): number;
  /** Of its verdicts. */
  directory: string;
  samplesLogs: boolean;
  /** Runs what workers/tail-sampler.ts does, on one thread that is kept. */
  pool: TaskPool;
  /** The lowest sequence that one of its exporters may still ask for. */
  neededFrom(): number;
  events: TailSamplingEvents;
  /** For which frames are gathered, and verdicts: each reading may end in a sync. */
  lingerMs: number;
  /** Between two attempts at what its disk or its thread failed at. */
  retryMs?: number;
  now?: () => number;
}

export interface SamplerState {
  /** Traces that wait for their verdict, and verdicts in memory. */
  waiting: number;
  remembered: number;
}

export interface ChoosingFor {
  exporter: string;
  /** By whose id what is left out is told. */
  processor: string;
  /** To the dead letters: no thread survives looking for the traces in it. */
  bury(part: Part, reason: string): Promise<void>;
}

export interface TailSampler extends Component {
  chooser(options: ChoosingFor): Chooser;
  state(): SamplerState;
}

/** Create it before the buffer is started; start it behind the buffer, and shut it down in front of its exporters. */
export function createTailSampler(options: SamplerOptions): TailSampler {
  return new ReadAhead(options);
}

/** The name of its cursor. */
export function samplerConsumer(sampler: string): string {
  return `${sampler}.sampler`;
}

const READ_BYTES = 4 * 1024 * 1024;
const READ_ITEMS = 10_000;
const RETRY_MS = 1000;
/** A trace longer than a timer can wait is looked at again before. */
const MAX_SLEEP_MS = 60_000;

interface Waiting {
  sequence: number;
  settle(isReady: boolean): void;
}

class ReadAhead implements TailSampler {
  readonly name: string;
  readonly #options: SamplerOptions;
  readonly #consumer: BufferConsumer;
  readonly #now: () => number;
  readonly #ended = new AbortController();
  /** Taken and not released, in their order. */
  #held: FrameRange[] = [];
  /** Of a thread that knows what it was told; undefined: it has to be told all that is held. */
  #session: string | undefined;
  /** That far, in this session. */
  #foldedThrough = 0;
  #decidedThrough = 0;
  #nextVerdictAtMs = Number.POSITIVE_INFINITY;
  #state: SamplerState = { waiting: 0, remembered: 0 };
  readonly #waiting = new Set<Waiting>();
  /** What no thread survives is passed over. */
  readonly #casualty = new Casualty();
  #wake = () => {};
  #loop: Promise<void> | undefined;

  constructor(options: SamplerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const overflow = { maxLagBytes: options.bufferMaxBytes, lost: (loss: Loss) => this.#lost(loss) };
    this.#consumer = options.buffer.consumer(samplerConsumer(options.name), { from: 'oldest', overflow });
  }

  /** What it has let go of is decided. */
  async start(): Promise<void> {
    this.#decidedThrough = this.#consumer.persistedCursor() - 1;
    this.#loop = this.#run();
  }

  /** Nothing is decided before its time: what waits stays in the buffer. */
  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#ended.abort();
    this.#wake();
    for (const waiting of this.#waiting) waiting.settle(false);
    const deadline = new AbortController();
    await Promise.race([this.#loop, pause(deadlineMs, deadline.signal)]);
    deadline.abort();
  }

  state(): SamplerState {
    return this.#state;
  }

  chooser({ exporter, processor, bury }: ChoosingFor): Chooser {
    const isolation = new Isolation({
      work: (parts, tell) => this.#choose(parts, exporter, (passed) => tell({ processor, ...passed })),
      probe: () => this.#options.pool.run(NOTHING, undefined),
      setAside: (part, { message }) => bury(part, `no thread survives looking for its traces: ${message}`),
    });
    return {
      ready: (sequence, signals) => this.#ready(sequence, signals),
      choose: (parts, abort, tell) => isolation.choose(parts, abort, tell),
    };
  }

  // ---- reading ahead ----

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#step();
      } catch (error) {
        // At the end its thread may be gone first: what it did not come to stays in the buffer.
        if (this.#ended.signal.aborted) return;
        this.#session = undefined;
        this.#options.events.stuck({ sampler: this.name, reason: (error as Error).message });
        await pause(this.#options.retryMs ?? RETRY_MS, this.#ended.signal);
      }
      await this.#somethingToDo();
    }
  }

  /** Until there are frames, or a verdict is due, or the thread has to be told everything again. */
  async #somethingToDo(): Promise<void> {
    if (this.#session === undefined || this.#unfolded().length > 0) return;
    const stop = new AbortController();
    this.#wake = () => stop.abort();
    const dueInMs = this.#nextVerdictAtMs - this.#now();
    const timer = setTimeout(this.#wake, Math.min(MAX_SLEEP_MS, Math.max(0, dueInMs)));
    if (!this.#ended.signal.aborted) await this.#consumer.readable(stop.signal);
    clearTimeout(timer);
    if (this.#consumer.pending().bytes < READ_BYTES) await pause(this.#options.lingerMs, this.#ended.signal);
  }

  /** Reads what there is, up to a bound, and learns what is decided. */
  async #step(): Promise<void> {
    this.#session ??= await this.#open();
    if (this.#unfolded().length === 0) this.#take();
    const ranges = upTo(this.#unfolded(), READ_BYTES);
    const lastSequence = ranges.at(-1)?.lastSequence ?? this.#foldedThrough;
    const isAll = this.#consumer.pending().bytes === 0 && (this.#held.at(-1)?.lastSequence ?? 0) <= lastSequence;
    const nowUnixMs = isAll ? this.#now() : undefined;
    const decideBefore = isAll ? this.#decideBefore() : undefined;
    const folded = await this.#fold({ ranges, nowUnixMs, decideBefore, neededFrom: this.#neededFrom() });
    if (folded !== undefined) this.#learn(folded, lastSequence);
  }

  async #open(): Promise<string> {
    const { name, config, directory, buffer, samplesLogs, pool } = this.#options;
    const task: OpenTask = { sampler: name, config, directory, bufferId: buffer.id, samplesLogs };
    this.#foldedThrough = 0;
    return pool.run<string>('open', task);
  }

  #unfolded(): FrameRange[] {
    return this.#held.filter(({ lastSequence }) => lastSequence > this.#foldedThrough);
  }

  #take(): void {
    let bytes = 0;
    while (bytes < READ_BYTES) {
      const range = this.#consumer.next({ maxBytes: READ_BYTES - bytes, maxItems: READ_ITEMS });
      if (range === undefined) return;
      this.#held.push(range);
      bytes += range.length;
    }
  }

  /** Of the oldest ranges, as many as are too many. */
  #decideBefore(): number | undefined {
    const maxBytes = this.#options.maxWaitingBytes();
    let bytes = this.#held.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= maxBytes) return undefined;
    const last = this.#held.find(({ length }) => {
      bytes -= length;
      return bytes <= maxBytes;
    });
    return last && last.lastSequence + 1;
  }

  #neededFrom(): number {
    return Math.min(this.#options.neededFrom(), this.#consumer.persistedCursor());
  }

  /** undefined when the thread knows nothing of it any more. */
  async #fold(task: FoldTask): Promise<Folded | undefined> {
    const { care } = this.#casualty;
    const addressed: Addressed<FoldTask> = { ...task, care, sampler: this.name, session: this.#session! };
    const answer = await this.#askToFold(addressed);
    if (answer.outcome === 'done') return answer.result;
    if (answer.outcome === 'failed') throw new GatewayError('OVERLOADED', answer.reason);
    this.#session = undefined;
    return undefined;
  }

  async #askToFold(task: Addressed<FoldTask>): Promise<SessionAnswer<Folded>> {
    try {
      return await this.#options.pool.run<SessionAnswer<Folded>>('fold', task);
    } catch (error) {
      if (isLostThread(error) && !this.#ended.signal.aborted) this.#threadLost((error as Error).message);
      throw error;
    }
  }

  #threadLost(reason: string): void {
    const sequence = this.#casualty.threadDied();
    if (sequence !== undefined) this.#options.events.passedOver({ sampler: this.name, sequence, reason });
  }

  #learn({ decidedThrough, nextVerdictInMs, waiting, remembered, ...folded }: Folded, foldedThrough: number): void {
    this.#foldedThrough = foldedThrough;
    this.#nextVerdictAtMs = this.#now() + (nextVerdictInMs ?? Number.POSITIVE_INFINITY);
    this.#state = { waiting, remembered };
    this.#decidedThrough = Math.max(this.#decidedThrough, decidedThrough);
    this.#releaseDecided();
    for (const one of this.#waiting) if (one.sequence <= this.#decidedThrough) one.settle(true);
    this.#options.events.folded({ sampler: this.name, ...folded.counts });
    for (const pattern of folded.slowPatterns) {
      const reason = `the pattern ${pattern} took too long, and was taken for one that does not match`;
      this.#options.events.stuck({ sampler: this.name, reason });
    }
  }

  #releaseDecided(): void {
    const undecided = this.#held.findIndex(({ lastSequence }) => lastSequence > this.#decidedThrough);
    const decided = this.#held.splice(0, undecided === -1 ? this.#held.length : undecided);
    for (const range of decided) this.#consumer.release(range);
  }

  #lost({ frames, items, abandoned }: Loss): void {
    const gone = new Set(abandoned.map(({ firstSequence }) => firstSequence));
    this.#held = this.#held.filter(({ firstSequence }) => !gone.has(firstSequence));
    const sum = (of: (range: FrameRange) => number) => abandoned.reduce((all, range) => all + of(range), 0);
    const lost = { frames: frames + sum((range) => range.frames), items: items + sum((range) => range.items) };
    this.#options.events.lost({ sampler: this.name, ...lost });
  }

  // ---- for exporters ----

  async #ready(sequence: number, signals: readonly AbortSignal[]): Promise<boolean> {
    if (sequence <= this.#decidedThrough) return true;
    if ([this.#ended.signal, ...signals].some(({ aborted }) => aborted)) return false;
    return new Promise((resolve) => {
      const giveUp = () => waiting.settle(false);
      const settle = (isReady: boolean) => {
        this.#waiting.delete(waiting);
        for (const signal of signals) signal.removeEventListener('abort', giveUp);
        resolve(isReady);
      };
      const waiting = { sequence, settle };
      this.#waiting.add(waiting);
      for (const signal of signals) signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Metrics belong to no trace. */
  async #choose(parts: readonly Part[], exporter: string, tell: TellPassed): Promise<Part[]> {
    const sampled = parts.filter(isSampled);
    if (sampled.length === 0) return [...parts];
    const { parts: kept, unknown } = await this.#verdictsOn(sampled);
    if (unknown > 0) this.#options.events.unknown({ sampler: this.name, exporter, items: unknown });
    const left = new Map(sampled.map((part, index) => [part as Part, leftOf(part, kept[index])]));
    for (const signal of ['traces', 'logs'] as const) {
      const own = sampled.filter((part) => part.signal === signal);
      const incoming = own.reduce((sum, part) => sum + part.items, 0);
      const outgoing = own.reduce((sum, part) => sum + (left.get(part)?.items ?? 0), 0);
      if (incoming > 0) tell({ signal, incoming, outgoing });
    }
    return parts.flatMap((part) => (left.has(part) ? (left.get(part) ?? []) : part));
  }

  /** Rejects when the thread began anew: the exporter asks again, when it knows its verdicts. */
  async #verdictsOn(parts: readonly SampledPart[]): Promise<Chosen> {
    const session = this.#session;
    if (session === undefined) throw new GatewayError('OVERLOADED', `${this.name} is opening its verdicts`);
    // All are views of what was read for one range: handed over, that is copied once.
    const asked = parts.map(({ sequence, signal, workspace, payload }) => ({ sequence, signal, workspace, payload }));
    const task: Addressed<ChooseTask> = { sampler: this.name, session, parts: asked };
    const answer = await this.#options.pool.run<SessionAnswer<Chosen>>('choose', task);
    if (answer.outcome === 'done') return answer.result;
    if (this.#session === session) this.#session = undefined;
    this.#wake();
    const reason = answer.outcome === 'failed' ? `: ${answer.reason}` : '';
    throw new GatewayError('OVERLOADED', `${this.name} is opening its verdicts again${reason}`);
  }
}

type TellPassed = (passed: Omit<Passage, 'processor'>) => void;

type SampledPart = Part & { signal: ChoosePart['signal'] };

function isSampled(part: Part): part is SampledPart {
  return part.signal !== 'metrics';
}

function leftOf(part: Part, kept: Chosen['parts'][number]): Part | undefined {
  if (kept?.payload === undefined) return kept && part;
  const { payload, items } = kept;
  return { ...part, items, payload: bufferOf(payload) };
}

/** At least one, when there is one. */
function upTo(ranges: readonly FrameRange[], maxBytes: number): FrameRange[] {
  let bytes = 0;
  const end = ranges.findIndex(({ length }, index) => {
    bytes += length;
    return index > 0 && bytes > maxBytes;
  });
  return ranges.slice(0, end === -1 ? ranges.length : end);
}
