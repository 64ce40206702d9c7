/**
 * Reads of one trace or one span, which are many and short: a message to a thread costs the event loop more than most of
 * them cost the thread. Those that come while the threads are at it go to them together.
 */
import { GatewayError } from '../../../errors.js';
import type { PointAnswer, PointRead } from './messages.js';

export interface PointReadsOptions {
  /** Answers the first of the reads, one at least: a message holds so many spans and no more. */
  send: (reads: readonly PointRead[]) => Promise<readonly PointAnswer[]>;
  /** Messages that are under way at a time. */
  maxMessages?: number;
}

interface Waiting {
  read: PointRead;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** As many as there are reading threads. */
const MAX_MESSAGES = 2;
const MAX_READS = 64;
const MAX_WAITING = 1000;

export class PointReads {
  private waiting: Waiting[] = [];
  private messages = 0;
  private flushing: NodeJS.Immediate | undefined;

  constructor(private readonly options: PointReadsOptions) {}

  run<Result>(read: PointRead): Promise<Result> {
    if (this.waiting.length >= MAX_WAITING) {
      return Promise.reject(new GatewayError('OVERLOADED', `${MAX_WAITING} reads wait for the store already`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ read, resolve: resolve as Waiting['resolve'], reject });
      // What the same turn of the event loop brings goes together.
      this.flushing ??= setImmediate(() => this.flush());
    });
  }

  private flush(): void {
    this.flushing = undefined;
    const { maxMessages = MAX_MESSAGES } = this.options;
    while (this.waiting.length > 0 && this.messages < maxMessages) {
      const share = Math.ceil(this.waiting.length / (maxMessages - this.messages));
      void this.send(this.waiting.splice(0, Math.min(share, MAX_READS)));
    }
  }

  private async send(some: readonly Waiting[]): Promise<void> {
    this.messages++;
    try {
      const answers = await this.options.send(some.map(({ read }) => read));
      for (const [at, answer] of answers.entries()) settle(some[at]!, answer);
      this.waiting.unshift(...some.slice(answers.length));
    } catch (error) {
      for (const { reject } of some) reject(error);
    } finally {
      this.messages--;
      this.flush();
    }
  }
}

function settle({ resolve, reject }: Waiting, answer: PointAnswer): void {
  if ('failure' in answer) reject(new GatewayError(answer.failure.code, answer.failure.message));
  else resolve(answer.value);
}
