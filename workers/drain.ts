/**
 * The consumer that moves the buffer into the store: takes ranges, has a writer thread turn each into one transaction,
 * and releases what is stored. What the store can't take now is tried again with backoff while the buffer absorbs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BufferConsumer, Component, FrameRange, SequenceRange, TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { TelemetryStore } from '../src/store/telemetry/telemetry.js';
import { Casualty } from './casualty.js';
import type { WorkerConfig } from './config.js';
import type { DeadLetterBox } from './dead-letters.js';
import type { Care, Died, Stored, StoreResult } from './messages.js';

export interface DrainEvents {
  /** One batch is stored. */
  stored(batch: { range: FrameRange; result: Stored }): void;
  deadLettered(letter: { sequence: number; reason: string }): void;
  deadLettersDropped(count: number): void;
  /** The store began to fail; `storeRecovered` follows when it takes batches again. */
  storeUnavailable(reason: string): void;
  storeRecovered(): void;
}

export const nopDrainEvents: DrainEvents = {
  stored() {},
  deadLettered() {},
  deadLettersDropped() {},
  storeUnavailable() {},
  storeRecovered() {},
};

export interface DrainOptions {
  config: Pick<WorkerConfig, 'batchMaxItems' | 'batchMaxBytes' | 'batchLingerMs' | 'deadLetterMaxBytes'>;
  bufferId: () => string;
  consumer: BufferConsumer;
  /** One pool of one thread for each writer. */
  writers: readonly TaskPool[];
  telemetry: Pick<TelemetryStore, 'appliedRanges' | 'forgetApplied'>;
  deadLetters: Pick<DeadLetterBox, 'trim'>;
  events: DrainEvents;
}

export interface Drain extends Component {
  /** False from the first batch that the store could not take until one that it could. */
  healthy(): boolean;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;
const FORGET_INTERVAL_MS = 60_000;

/** Doubles from 100 ms to 10 s, with up to a fifth of jitter so that many gateways don't return in step. */
export function retryDelayMs(attempt: number): number {
  const delay = Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS);
  return delay * (0.9 + Math.random() * 0.2);
}

function covers(applied: readonly SequenceRange[], range: FrameRange): boolean {
  return applied.some(({ first, last }) => first <= range.firstSequence && last >= range.lastSequence);
}

const NO_ANSWER: StoreResult = { outcome: 'unavailable', reason: 'no answer by the deadline of the shutdown' };

/**
 * The result, or `instead` once the signal is aborted: a store that doesn't answer holds no shutdown. What it may still
 * commit, its ledger tells the next start.
 */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal, instead: Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(instead);
    signal.addEventListener('abort', giveUp, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

export function createDrain(options: DrainOptions): Drain {
  const { config, consumer, telemetry, events } = options;
  /** Aborted first: no further range is taken once the buffer is empty. */
  const draining = new AbortController();
  /** Aborted at the deadline: no further range is taken at all. */
  const ended = new AbortController();
  let failing = false;
  let loops: Promise<void>[] = [];
  let taking: Promise<unknown> = Promise.resolve();
  let applied: SequenceRange[] = [];
  let forgetTimer: NodeJS.Timeout | undefined;
  let forgottenBefore = 0;

  const fail = (reason: string) => {
    if (!failing) events.storeUnavailable(reason);
    failing = true;
  };
  const recover = () => {
    if (failing) events.storeRecovered();
    failing = false;
  };

  /** Waits until a batch is full or has lingered; undefined when the drain ends. Writers take turns here. */
  const takeBatch = async (): Promise<FrameRange | undefined> => {
    await consumer.readable(draining.signal);
    const pending = consumer.pending();
    if (pending.items === 0 && pending.bytes === 0) return undefined;
    if (pending.items < config.batchMaxItems && pending.bytes < config.batchMaxBytes) {
      const lingerMs = pending.oldestReceivedTimeUnixMs + config.batchLingerMs - Date.now();
      await sleep(Math.min(Math.max(lingerMs, 0), config.batchLingerMs), undefined, { signal: draining.signal }).catch(
        () => {},
      );
    }
    return consumer.next({ maxBytes: config.batchMaxBytes, maxItems: config.batchMaxItems });
  };
  const take = (): Promise<FrameRange | undefined> => {
    const taken = taking.then(takeBatch);
    taking = taken.catch(() => {});
    return taken;
  };

  const attempt = async (writer: TaskPool, range: FrameRange, care?: Care): Promise<StoreResult | Died> => {
    try {
      const task = { bufferId: options.bufferId(), range, care };
      return await unlessAborted(writer.run<StoreResult>('store', task), ended.signal, NO_ANSWER);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { outcome: error instanceof GatewayError ? 'unavailable' : 'died', reason };
    }
  };

  /** Returns when the range is stored, or, unreleased, when the deadline has passed: a restart replays it. */
  const storeRange = async (writer: TaskPool, range: FrameRange): Promise<void> => {
    const casualty = new Casualty();
    for (let tries = 0; !ended.signal.aborted; tries++) {
      const result = await attempt(writer, range, casualty.care);
      if (result.outcome === 'stored') {
        recover();
        finish(range, result);
        return;
      }
      if (result.outcome === 'died') casualty.threadDied();
      fail(result.reason);
      await sleep(retryDelayMs(tries), undefined, { signal: ended.signal }).catch(() => {});
    }
  };

  const finish = (range: FrameRange, result: Stored): void => {
    consumer.release(range);
    events.stored({ range, result });
    if (result.deadLetters.length === 0) return;
    for (const letter of result.deadLetters) events.deadLettered(letter);
    void options.deadLetters.trim(config.deadLetterMaxBytes).then(
      (dropped) => {
        if (dropped > 0) events.deadLettersDropped(dropped);
      },
      () => {},
    );
  };

  const runWriter = async (writer: TaskPool): Promise<void> => {
    while (!ended.signal.aborted) {
      const range = await take();
      if (!range) {
        if (draining.signal.aborted) return;
      } else if (covers(applied, range)) consumer.release(range);
      else await storeRange(writer, range);
    }
  };

  /** What a crash left between the store's commit and the cursor's. The store may be down: then it is waited for. */
  const readApplied = async (): Promise<void> => {
    for (let tries = 0; !ended.signal.aborted; tries++) {
      try {
        const read = telemetry.appliedRanges(options.bufferId(), consumer.persistedCursor());
        applied = await unlessAborted(read, ended.signal, []);
        return recover();
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
        await sleep(retryDelayMs(tries), undefined, { signal: ended.signal }).catch(() => {});
      }
    }
  };

  const forget = async (): Promise<void> => {
    const before = consumer.persistedCursor();
    if (before === forgottenBefore) return;
    await telemetry.forgetApplied(options.bufferId(), before);
    forgottenBefore = before;
  };

  const run = async (): Promise<void> => {
    await readApplied();
    await Promise.all(options.writers.map(runWriter));
  };

  return {
    name: 'drain',
    healthy: () => !failing,
    async start() {
      loops = [run()];
      forgetTimer = setInterval(() => void forget().catch(() => {}), FORGET_INTERVAL_MS);
      forgetTimer.unref();
    },
    async shutdown({ deadlineMs }) {
      clearInterval(forgetTimer);
      draining.abort();
      const timer = setTimeout(() => ended.abort(), deadlineMs);
      await Promise.all(loops);
      clearTimeout(timer);
      loops = [];
    },
  };
}
