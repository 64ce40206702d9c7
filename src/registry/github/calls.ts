/**
 * Every call to one of GitHub's doors goes through here: what passes by is tried again after a while, the door is left alone
 * for as long as it says, and after many failures for half a minute.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import CircuitBreaker from 'opossum';
import { GatewayError } from '../../errors.js';
import { type Verdict, verdictOf } from './verdict.js';

export interface Patience {
  /** Before the second try; twice as long before each further one. */
  backoffMs: number;
  /** A longer wait is not waited for: the call fails, and GitHub is left alone until then. */
  maxWaitMs: number;
  /** How long nobody asks after many failures. */
  resetMs: number;
}

export const PATIENCE: Patience = { backoffMs: 500, maxWaitMs: 5_000, resetMs: 30_000 };

const TRIES = 3;
/** Half of at least five calls within ten seconds have failed. */
const BREAKER = {
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
  rollingCountTimeout: 10_000,
  timeout: false,
} as const;

/** GitHub has understood the request, and will not do it. */
export class Refusal extends GatewayError {
  readonly status: number | undefined;

  constructor(what: string, { status, explanation }: Verdict) {
    super('BAD_REQUEST', `GitHub refuses to ${what}: ${explanation}`);
    this.status = status;
  }
}

function unavailable(what: string, { kind, status, explanation }: Verdict, retryAfterMs: number): GatewayError {
  const answered = status === undefined ? '' : ` (${status})`;
  const why = kind === 'unasked' ? 'it has failed too often just now' : explanation;
  return new GatewayError('STORE_UNAVAILABLE', `GitHub can't ${what} now${answered}: ${why}`, { retryAfterMs });
}

export class Calls {
  private readonly breaker: CircuitBreaker<[() => Promise<unknown>], unknown>;
  private heldUntilMs = 0;

  constructor(
    private readonly patience: Patience,
    /** Ends what is under way. */
    private readonly signal: AbortSignal,
  ) {
    this.breaker = new CircuitBreaker((call) => call(), {
      ...BREAKER,
      resetTimeout: patience.resetMs,
      errorFilter: (error: unknown) => verdictOf(error).kind !== 'down',
    });
  }

  close(): void {
    this.breaker.shutdown();
  }

  /**
   * What is called must bear being called twice. Rejects with STORE_UNAVAILABLE, which says when to ask again, or with a
   * {@link Refusal}.
   */
  async run<Result>(what: string, call: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      this.requireFree(what);
      try {
        return (await this.breaker.fire(call)) as Result;
      } catch (error) {
        await this.waitAfter(what, verdictOf(error), tries);
      }
    }
  }

  private requireFree(what: string): void {
    if (this.signal.aborted) throw new GatewayError('SHUTTING_DOWN', 'The prompt store is not open');
    const waitMs = this.heldUntilMs - Date.now();
    if (waitMs <= 0) return;
    const explanation = 'it has asked to be left alone';
    throw unavailable(what, { kind: 'limited', status: undefined, waitMs, explanation }, waitMs);
  }

  private async waitAfter(what: string, verdict: Verdict, tries: number): Promise<void> {
    const { kind } = verdict;
    if (kind === 'refused') throw new Refusal(what, verdict);
    const { backoffMs, maxWaitMs, resetMs } = this.patience;
    if (kind === 'denied' || kind === 'unasked') throw unavailable(what, verdict, resetMs);
    const waitMs = verdict.waitMs ?? backoffMs * 2 ** (tries - 1);
    if (tries < TRIES && waitMs <= maxWaitMs) return this.sleep(waitMs);
    // GitHub's documentation: at least a minute, where a limit tells no time.
    if (kind === 'limited' || verdict.waitMs !== undefined)
      this.heldUntilMs = Date.now() + (verdict.waitMs ?? 2 * resetMs);
    throw unavailable(what, verdict, Math.max(waitMs, this.heldUntilMs - Date.now()));
  }

  private async sleep(waitMs: number): Promise<void> {
    await sleep(waitMs, undefined, { signal: this.signal }).catch(() => {});
  }
}
