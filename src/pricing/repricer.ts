/**
 * Computes the costs of a time range anew, step by step. A job is a row of the control store with the cursor of its last
 * step: whoever holds its lease works on it, after a crash it goes on there, and a step that is done twice changes nothing
 * the second time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Component } from '../component.js';
import { GatewayError, toGatewayError } from '../errors.js';
import type { Lease, Repricing } from '../store/control/repricings.js';
import type { ControlStore } from '../store/control/store.js';
import { within } from '../store/deadline.js';
import type { RepriceResult, RepriceStep } from '../store/telemetry/generations.js';
import type { PricingEvents } from './events.js';

export interface RepricerOptions {
  control: Pick<ControlStore, 'repricings' | 'onChange'>;
  /** This gateway, also after a restart: a job that a crash broke off is its own at once. */
  owner(): string;
  /** One step, in a writer thread. Rejects with STORE_UNAVAILABLE when trying again can help. */
  step(step: RepriceStep): Promise<RepriceResult>;
  /** Awaited before a job: from then on, steps know all prices of before it was asked for. */
  refreshPrices?(): Promise<void>;
  events: PricingEvents;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Rows of a step. */
  rowsPerStep?: number;
  /** How often jobs of other gateways that came to nothing are looked for. */
  pollMs?: number;
  leaseMs?: number;
  /** Before what failed is tried again; doubled each time. */
  retryMs?: { first: number; most: number };
}

/** A few milliseconds of a writer's time. */
const ROWS_PER_STEP = 1_000;
const POLL_MS = 10_000;
/** Longer than a step takes on a busy machine. */
const LEASE_MS = 120_000;
const RETRY_MS = { first: 200, most: 30_000 };
/** A fault that trying again does not promise to end. */
const MAX_FAULTS = 3;
const NANO_PER_MS = 1_000_000n;

class Repricer implements Component {
  readonly name = 'repricer';
  private readonly now: () => number;
  private readonly rowsPerStep: number;
  private readonly leaseMs: number;
  private readonly retryMs: { first: number; most: number };
  private stopping: AbortController | undefined;
  private working: Promise<void> | undefined;
  private waking: AbortController | undefined;
  private stopHearing = () => {};

  constructor(private readonly options: RepricerOptions) {
    this.now = options.now ?? Date.now;
    this.rowsPerStep = options.rowsPerStep ?? ROWS_PER_STEP;
    this.leaseMs = options.leaseMs ?? LEASE_MS;
    this.retryMs = options.retryMs ?? RETRY_MS;
  }

  async start(): Promise<void> {
    this.stopping ??= new AbortController();
    this.stopHearing = this.options.control.onChange((change) => {
      if (change === 'missed' || change.topic === 'repricings') this.wake();
    });
    this.working ??= this.work(this.stopping.signal);
  }

  /** The step that runs is waited for: its transaction ends well either way, and the next gateway need not repeat it. */
  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.stopHearing();
    this.stopHearing = () => {};
    this.stopping?.abort();
    this.wake();
    const { working } = this;
    this.stopping = undefined;
    this.working = undefined;
    if (working) await within(deadlineMs, working);
  }

  private wake(): void {
    this.waking?.abort();
  }

  private async work(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      // From here on a job that is announced, and the shutdown, end the wait below at once.
      this.waking = new AbortController();
      const job = await this.claim(stopped);
      if (job) await this.carryOut(job, stopped);
      else await this.pause(this.options.pollMs ?? POLL_MS, this.waking.signal);
    }
    await this.release();
  }

  private async release(): Promise<void> {
    try {
      await this.options.control.repricings.release(this.options.owner());
    } catch {
      // The lease runs out by itself.
    }
  }

  private async claim(stopped: AbortSignal): Promise<Repricing | undefined> {
    return this.insist(stopped, async () => {
      const job = await this.options.control.repricings.claim(this.lease());
      if (job) await this.options.refreshPrices?.();
      return job;
    });
  }

  private lease(): Lease {
    const nowUnixMs = this.now();
    return { owner: this.options.owner(), nowUnixMs, untilUnixMs: nowUnixMs + this.leaseMs };
  }

  /** To its end, to the shutdown, or until another gateway has it. */
  private async carryOut(job: Repricing, stopped: AbortSignal): Promise<void> {
    if (job.cursor === undefined) this.options.events.repricingBegun(job.id, job.workspace);
    let done = job;
    while (!stopped.aborted) {
      const startedAtMs = performance.now();
      const result = await this.insistOnStep(done, stopped);
      if (result === undefined) return;
      if (result instanceof GatewayError) return this.end(done, stopped, result);
      const { examined, changed, next: cursor } = result;
      done = { ...done, examined: done.examined + examined, changed: done.changed + changed, cursor };
      if (cursor === undefined) return this.end(done, stopped);
      if (!(await this.keep(done, stopped))) return;
      // At most half of a writer's time: batches that came meanwhile have their turn.
      await this.pause(performance.now() - startedAtMs, stopped);
    }
  }

  /** A store that is away comes back, however long that takes; a fault that stays is the answer. undefined: stopped, or lost. */
  private async insistOnStep(job: Repricing, stopped: AbortSignal): Promise<RepriceResult | GatewayError | undefined> {
    let faults = 0;
    for (let waitMs = this.retryMs.first; ; waitMs = Math.min(waitMs * 2, this.retryMs.most)) {
      const result = await this.tryStep(job);
      if (!(result instanceof GatewayError)) return result;
      if (!result.retryable && ++faults === MAX_FAULTS) return result;
      this.options.events.repricingDelayed(result);
      await this.pause(waitMs, stopped);
      // The lease must not run out meanwhile; whose it became does the rest.
      if (stopped.aborted || !(await this.keep(job, stopped))) return undefined;
    }
  }

  private async tryStep(job: Repricing): Promise<RepriceResult | GatewayError> {
    const { workspace, fromUnixMs, toUnixMs, cursor: after } = job;
    const range = { fromUnixNano: BigInt(fromUnixMs) * NANO_PER_MS, toUnixNano: BigInt(toUnixMs) * NANO_PER_MS };
    try {
      return await this.options.step({ workspace, ...range, after, limit: this.rowsPerStep });
    } catch (error) {
      return toGatewayError(error);
    }
  }

  /** Also while stopping: a step that is done is noted, if the store takes it at once. */
  private async keep(job: Repricing, stopped: AbortSignal): Promise<boolean> {
    const { repricings } = this.options.control;
    return (await this.insist(stopped, () => repricings.advance(job.id, job, this.lease()))) ?? false;
  }

  private async end(job: Repricing, stopped: AbortSignal, error?: GatewayError): Promise<void> {
    const { events, control } = this.options;
    const { examined, changed } = job;
    const status = error ? 'failed' : 'done';
    const outcome = { status, examined, changed, ...(error && { error: error.message }) } as const;
    const ended = await this.insist(stopped, () => control.repricings.finish(job.id, outcome, this.lease()));
    if (ended) events.repricingEnded(job.id, { status, examined, changed, ...(error && { error }) });
  }

  /** Until the control store answers, or the component stops: then undefined. Tries at least once. */
  private async insist<Result>(stopped: AbortSignal, ask: () => Promise<Result>): Promise<Result | undefined> {
    for (let waitMs = this.retryMs.first; ; waitMs = Math.min(waitMs * 2, this.retryMs.most)) {
      try {
        return await ask();
      } catch (error) {
        if (stopped.aborted) return undefined;
        this.options.events.repricingDelayed(error);
      }
      await this.pause(waitMs, stopped);
      if (stopped.aborted) return undefined;
    }
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
  }
}

/** Started after the control store, the prices, and what carries out the steps. */
export function createRepricer(options: RepricerOptions): Component {
  return new Repricer(options);
}
