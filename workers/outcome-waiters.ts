/** Those who wait for their frame's rows: an entry of a map each, and one timer for all of them. */
import type { FrameOutcome } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { Burial } from './messages.js';

interface Waiter {
  deadlineMs: number;
  resolve(outcome: FrameOutcome): void;
  reject(error: GatewayError): void;
}

/** Far more than connections that wait at once. */
const MAX_WAITERS = 65_536;

export class OutcomeWaiters {
  /** By sequence, in the order in which their time is over. */
  private readonly waiting = new Map<number, Waiter>();
  /** Those whose time was over: what became of their frames, others may wait for. */
  private readonly late = new Map<number, { settled: Promise<void>; end(): void }>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly maxWaitMs: number) {}

  get size(): number {
    return this.waiting.size;
  }

  wait(sequence: number): Promise<FrameOutcome> {
    if (this.closed) return Promise.reject(shuttingDown());
    if (this.waiting.size + this.late.size >= MAX_WAITERS)
      return Promise.reject(notYet('too many others wait as well'));
    return new Promise((resolve, reject) => {
      this.waiting.set(sequence, { deadlineMs: performance.now() + this.maxWaitMs, resolve, reject });
      if (this.timer === undefined) this.sweepIn(this.maxWaitMs);
    });
  }

  /** At once for a frame that nobody gave up on. */
  async settled(sequence: number): Promise<void> {
    await this.late.get(sequence)?.settled;
  }

  answer(outcome: FrameOutcome): void {
    this.take(outcome.sequence)?.resolve(outcome);
    this.endLate(outcome.sequence);
  }

  bury({ sequence, reason }: Burial): void {
    const told = `The request could not be stored and was set aside as a dead letter: ${reason}`;
    this.take(sequence)?.reject(new GatewayError('INVALID_PAYLOAD', told));
    this.endLate(sequence);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const { reject } of this.waiting.values()) reject(shuttingDown());
    this.waiting.clear();
    for (const sequence of [...this.late.keys()]) this.endLate(sequence);
  }

  private giveUp(sequence: number): void {
    let end!: () => void;
    const settled = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.late.set(sequence, { settled, end });
    this.take(sequence)?.reject(notYet(`its rows could not be read within ${this.maxWaitMs} ms`));
  }

  private endLate(sequence: number): void {
    if (this.late.size === 0) return;
    this.late.get(sequence)?.end();
    this.late.delete(sequence);
  }

  private take(sequence: number): Waiter | undefined {
    const waiter = this.waiting.get(sequence);
    if (waiter) this.waiting.delete(sequence);
    return waiter;
  }

  private sweepIn(delayMs: number): void {
    this.timer = setTimeout(() => this.sweep(), delayMs);
  }

  /** The first who still has time ends the look: all behind have more. */
  private sweep(): void {
    this.timer = undefined;
    const now = performance.now();
    for (const [sequence, { deadlineMs }] of this.waiting) {
      if (deadlineMs > now) {
        this.sweepIn(deadlineMs - now);
        return;
      }
      this.giveUp(sequence);
    }
  }
}

const REPEAT = 'Repeat it only with the same Idempotency-Key';

function notYet(reason: string): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', `The request is durable and will be stored, but ${reason}. ${REPEAT}`);
}

function shuttingDown(): GatewayError {
  const told = `The request is durable and will be stored, but the gateway is shutting down. ${REPEAT}`;
  return new GatewayError('SHUTTING_DOWN', told);
}
