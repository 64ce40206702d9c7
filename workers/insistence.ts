/** Does what the store may not take now, again and again with backoff, and tells of outages once each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { retryDelayMs } from './retry.js';
import { unlessAborted } from './unless-aborted.js';

export interface InsistenceOptions {
  /** Aborted when nothing is tried any more. */
  ended: AbortSignal;
  /** The first failure after a success; `recovered` follows with the next success. */
  failed(reason: string): void;
  recovered(): void;
}

const NO_ANSWER = Symbol('no answer');

export class Insistence {
  private failing = false;

  constructor(private readonly options: InsistenceOptions) {}

  get healthy(): boolean {
    return !this.failing;
  }

  /** The result of the first attempt that succeeds; undefined when it ended before. */
  async until<Result>(attempt: () => Promise<Result>): Promise<Result | undefined> {
    const { ended } = this.options;
    for (let tries = 0; !ended.aborted; tries++) {
      try {
        const result = await unlessAborted<Result | typeof NO_ANSWER>(attempt(), ended, NO_ANSWER);
        if (result !== NO_ANSWER) return this.succeed(result);
        this.fail('no answer by the deadline of the shutdown');
      } catch (error) {
        this.fail(error instanceof Error ? error.message : String(error));
        await sleep(retryDelayMs(tries), undefined, { signal: ended }).catch(() => {});
      }
    }
    return undefined;
  }

  private succeed<Result>(result: Result): Result {
    if (this.failing) this.options.recovered();
    this.failing = false;
    return result;
  }

  private fail(reason: string): void {
    if (!this.failing) this.options.failed(reason);
    this.failing = true;
  }
}
