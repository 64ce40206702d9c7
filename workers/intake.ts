/** Hands the buffer's ranges out, one after another: when a batch is full, when somebody waits for it, or when it has lingered. */
import type { BufferConsumer, FrameRange } from '../src/component.js';
import type { WorkerConfig } from './config.js';
import { Pause } from './pause.js';

export interface IntakeOptions {
  config: Pick<WorkerConfig, 'batchMaxItems' | 'batchMaxBytes' | 'batchLingerMs'>;
  consumer: Pick<BufferConsumer, 'readable' | 'pending' | 'next'>;
  /** Resolves when what a range leads to has a place. */
  room: () => Promise<void>;
  /** Called for each range before the next is looked for. */
  taken: (range: FrameRange) => void;
  /** From then on nothing lingers, and nothing more is waited for. */
  draining: AbortSignal;
}

/**
 * While many write and wait, a moment brings more of them into one batch, each of which costs the event loop and the disk
 * as much as several requests do. Where few do, nobody waits for it.
 */
const CROWD_FRAMES = 8;
const GATHER_MS = 3;

type Pending = Pick<ReturnType<BufferConsumer['pending']>, 'items' | 'bytes'>;

export class Intake {
  private readonly lingering = new Pause();
  private readonly gathering = new Pause();
  private lastFrames = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private takenUntil = 0;
  private awaitedUntil = 0;

  constructor(private readonly options: IntakeOptions) {
    const hurry = () => {
      this.lingering.cut();
      this.gathering.cut();
    };
    options.draining.addEventListener('abort', hurry, { once: true });
  }

  /** The next range; undefined when the buffer is empty and draining. */
  take(): Promise<FrameRange | undefined> {
    const taken = this.turn.then(() => this.takeInTurn());
    this.turn = taken.catch(() => {});
    return taken;
  }

  /** Somebody waits for that frame. */
  awaited(sequence: number): void {
    this.awaitedUntil = Math.max(this.awaitedUntil, sequence);
    if (this.isAwaited()) this.lingering.cut();
  }

  private async takeInTurn(): Promise<FrameRange | undefined> {
    const { config, consumer, room, taken, draining } = this.options;
    await room();
    await consumer.readable(draining);
    const pending = consumer.pending();
    if (pending.items === 0 && pending.bytes === 0) return undefined;
    if (!this.isDue(pending)) await this.linger(pending);
    else if (!this.isFull(pending) && this.lastFrames >= CROWD_FRAMES) await this.gathering.sleep(GATHER_MS);
    const range = consumer.next({ maxBytes: config.batchMaxBytes, maxItems: config.batchMaxItems });
    if (!range) return undefined;
    this.takenUntil = range.lastSequence;
    this.lastFrames = range.frames;
    taken(range);
    return range;
  }

  private isDue(pending: Pending): boolean {
    return this.isFull(pending) || this.isAwaited();
  }

  /** Or the last one: more is not waited for. */
  private isFull({ items, bytes }: Pending): boolean {
    const { config, draining } = this.options;
    return items >= config.batchMaxItems || bytes >= config.batchMaxBytes || draining.aborted;
  }

  private isAwaited(): boolean {
    return this.awaitedUntil > this.takenUntil;
  }

  private linger({ oldestReceivedTimeUnixMs }: { oldestReceivedTimeUnixMs: number }): Promise<void> {
    const { batchLingerMs } = this.options.config;
    const leftMs = oldestReceivedTimeUnixMs + batchLingerMs - Date.now();
    return this.lingering.sleep(Math.min(Math.max(leftMs, 0), batchLingerMs));
  }
}
