/**
 * The consumer that moves the buffer into the store: takes ranges, has a writer thread turn each into one transaction,
 * tells those who wait for their rows, and releases what is stored, deleted and in the audit log. What the store can't
 * take now is tried again with backoff while the buffer absorbs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BufferConsumer, Component, FrameRange, Outcomes, SequenceRange, TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { TelemetryStore } from '../src/store/telemetry/telemetry.js';
import type { AuditBatch, AuditTrail, AuditTrailEvents } from './audit-trail.js';
import { Casualty } from './casualty.js';
import type { WorkerConfig } from './config.js';
import type { DeadLetterBox } from './dead-letters.js';
import type { Burial, Deleted, DeleteTask, Died, Stored, Unavailable } from './messages.js';
import { OutcomeWaiters } from './outcome-waiters.js';
import { Pause } from './pause.js';
import { Progress } from './progress.js';
import { retryDelayMs } from './retry.js';

export interface DrainEvents extends AuditTrailEvents {
  /** One batch is stored. */
  stored(batch: { range: FrameRange; result: Stored }): void;
  deadLettered(letter: Burial): void;
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
  audited() {},
  auditTrailStuck() {},
  auditTrailRecovered() {},
};

export interface DrainOptions {
  config: Pick<
    WorkerConfig,
    'batchMaxItems' | 'batchMaxBytes' | 'batchLingerMs' | 'nativeWaitMs' | 'deadLetterMaxBytes'
  >;
  bufferId: () => string;
  consumer: BufferConsumer;
  /** One pool of one thread for each writer. */
  writers: readonly TaskPool[];
  telemetry: Pick<TelemetryStore, 'appliedRanges' | 'forgetApplied'>;
  auditTrail: Pick<AuditTrail, 'append' | 'room'>;
  deadLetters: Pick<DeadLetterBox, 'trim'>;
  events: DrainEvents;
}

export interface Drain extends Component, Outcomes {
  /** False from the first batch that the store could not take until one that it could. */
  healthy(): boolean;
}

const FORGET_INTERVAL_MS = 60_000;

function covers(applied: readonly SequenceRange[], range: FrameRange): boolean {
  return applied.some(({ first, last }) => first <= range.firstSequence && last >= range.lastSequence);
}

const NO_ANSWER: Unavailable = { outcome: 'unavailable', reason: 'no answer by the deadline of the shutdown' };

/**
 * The result, or `instead` once the signal is aborted: a store that doesn't answer holds no shutdown. What it may still
 * commit, its ledger tells the next start.
 */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal, instead: Result): Promise<Result> {
  if (signal.aborted) return Promise.resolve(instead);
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(instead);
    signal.addEventListener('abort', giveUp, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Operation = 'store' | 'recall' | 'delete';
type Failed = Unavailable | Died;

export function createDrain(options: DrainOptions): Drain {
  const { config, consumer, telemetry, auditTrail, events } = options;
  /** Aborted first: no further range is taken once the buffer is empty. */
  const draining = new AbortController();
  /** Aborted at the deadline: no further range is taken at all. */
  const ended = new AbortController();
  const waiters = new OutcomeWaiters(config.nativeWaitMs);
  const lingering = new Pause();
  /** From being handed out to being in the store; to being in the store with its deletions carried out. */
  const storing = new Progress();
  const finishing = new Progress();
  /** Ranges whose audit entries are on their way. */
  const concluding = new Set<Promise<void>>();
  let failing = false;
  let loops: Promise<void>[] = [];
  let taking: Promise<unknown> = Promise.resolve();
  let takenUntil = 0;
  let awaitedUntil = 0;
  let applied: SequenceRange[] = [];
  let forgetTimer: NodeJS.Timeout | undefined;
  let forgottenBefore = 0;
  /** Frames that stood in the buffer at the start and were not taken yet, and the last of those that were. */
  let backlog = { frames: 0, until: 0 };
  let backlogTaken = () => {};
  const backlogKnown = new Promise<void>((resolve) => {
    backlogTaken = resolve;
  });

  const fail = (reason: string) => {
    if (!failing) events.storeUnavailable(reason);
    failing = true;
  };
  const recover = () => {
    if (failing) events.storeRecovered();
    failing = false;
  };

  const noteTaken = (range: FrameRange): void => {
    storing.begin(range);
    finishing.begin(range);
    takenUntil = range.lastSequence;
    if (backlog.frames === 0) return;
    backlog = { frames: Math.max(0, backlog.frames - range.frames), until: range.lastSequence };
    if (backlog.frames === 0) backlogTaken();
  };

  /** Somebody waits for a frame that was not taken yet. */
  const isAwaited = () => awaitedUntil > takenUntil;

  /** Waits until a batch is full, awaited, or has lingered; undefined when the drain ends. Writers take turns here. */
  const takeBatch = async (): Promise<FrameRange | undefined> => {
    await unlessAborted(auditTrail.room(), ended.signal, undefined);
    await consumer.readable(draining.signal);
    const pending = consumer.pending();
    if (pending.items === 0 && pending.bytes === 0) return undefined;
    const isFull = pending.items >= config.batchMaxItems || pending.bytes >= config.batchMaxBytes;
    if (!isFull && !isAwaited() && !draining.signal.aborted) {
      const lingerMs = pending.oldestReceivedTimeUnixMs + config.batchLingerMs - Date.now();
      await lingering.sleep(Math.min(Math.max(lingerMs, 0), config.batchLingerMs));
    }
    const range = consumer.next({ maxBytes: config.batchMaxBytes, maxItems: config.batchMaxItems });
    if (range) noteTaken(range);
    return range;
  };
  const take = (): Promise<FrameRange | undefined> => {
    const taken = taking.then(takeBatch);
    taking = taken.catch(() => {});
    return taken;
  };

  const attempt = async <Result>(writer: TaskPool, operation: Operation, task: unknown): Promise<Result | Failed> => {
    try {
      return await unlessAborted(writer.run<Result | Failed>(operation, task), ended.signal, NO_ANSWER);
    } catch (error) {
      return { outcome: error instanceof GatewayError ? 'unavailable' : 'died', reason: messageOf(error) };
    }
  };

  /** Tries until the writer has done it; undefined when the deadline has passed: a restart does it again. */
  const persist = async <Done extends Stored | Deleted>(
    tryOnce: () => Promise<Done | Failed>,
    threadDied = () => {},
  ): Promise<Done | undefined> => {
    for (let tries = 0; !ended.signal.aborted; tries++) {
      const result = await tryOnce();
      if (result.outcome !== 'unavailable' && result.outcome !== 'died') {
        recover();
        return result;
      }
      if (result.outcome === 'died') threadDied();
      fail(result.reason);
      await sleep(retryDelayMs(tries), undefined, { signal: ended.signal }).catch(() => {});
    }
    return undefined;
  };

  const storeRange = (writer: TaskPool, range: FrameRange): Promise<Stored | undefined> => {
    const casualty = new Casualty();
    const operation = covers(applied, range) ? 'recall' : 'store';
    const tryOnce = () => {
      const task = { bufferId: options.bufferId(), range, care: casualty.care };
      return attempt<Stored>(writer, operation, task);
    };
    return persist(tryOnce, () => casualty.threadDied());
  };

  /** What was written to the store by another writer before this range was may be what is to be deleted. */
  const deleteTraces = async (writer: TaskPool, task: DeleteTask): Promise<Deleted | undefined> => {
    await unlessAborted(storing.endedBefore(task.range.firstSequence), ended.signal, undefined);
    return persist(() => attempt<Deleted>(writer, 'delete', task));
  };

  const handleRange = async (writer: TaskPool, range: FrameRange): Promise<void> => {
    const result = await storeRange(writer, range);
    if (!result) return;
    storing.end(range);
    if (!covers(applied, range)) events.stored({ range, result });
    bury(result.deadLetters);
    const deletions = new Set(result.deletions.map(({ sequence }) => sequence));
    for (const outcome of result.outcomes) if (!deletions.has(outcome.sequence)) waiters.answer(outcome);
    if (deletions.size > 0) return handleDeletions(writer, range, result);
    finishing.end(range);
    conclude(range, { entries: result.audit, deleted: [] });
  };

  /** Those who wait for a deletion are answered when nothing refers to the trace any more. */
  const handleDeletions = async (writer: TaskPool, range: FrameRange, stored: Stored): Promise<void> => {
    const task = { bufferId: options.bufferId(), range, deletions: stored.deletions };
    const result = await deleteTraces(writer, task);
    if (!result) return;
    finishing.end(range);
    bury(result.deadLetters);
    const buried = new Set(result.deadLetters.map(({ sequence }) => sequence));
    const done = stored.deletions.filter(({ sequence }) => !buried.has(sequence));
    const entries = stored.audit.concat(...done.map(({ audit }) => audit));
    const deleted = done.flatMap(({ workspace, traceIds }) => traceIds.map((traceId) => ({ workspace, traceId })));
    conclude(range, { entries, deleted }, () => {
      for (const outcome of stored.outcomes) waiters.answer(outcome);
    });
  };

  /** A crash before the release lets the range come again: then its audit entries are appended, if they are not there. */
  const conclude = (range: FrameRange, batch: AuditBatch, then = () => {}): void => {
    const release = () => {
      consumer.release(range);
      then();
    };
    if (batch.entries.length === 0 && batch.deleted.length === 0) {
      release();
      return;
    }
    const concluded = auditTrail.append(batch).then(release);
    concluding.add(concluded);
    void concluded.then(() => concluding.delete(concluded));
  };

  const bury = (letters: readonly Burial[]): void => {
    if (letters.length === 0) return;
    for (const letter of letters) {
      events.deadLettered(letter);
      waiters.bury(letter);
    }
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
      if (range) await handleRange(writer, range);
      else if (draining.signal.aborted) return;
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
        fail(messageOf(error));
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
    of(sequence) {
      const outcome = waiters.wait(sequence);
      awaitedUntil = Math.max(awaitedUntil, sequence);
      if (isAwaited()) lingering.cut();
      return outcome;
    },
    async caughtUp() {
      await unlessAborted(backlogKnown, ended.signal, undefined);
      await unlessAborted(finishing.endedBefore(backlog.until + 1), ended.signal, undefined);
      if (ended.signal.aborted) throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
    },
    async start() {
      backlog = { frames: consumer.lag().frames, until: 0 };
      if (backlog.frames === 0) backlogTaken();
      loops = [run()];
      forgetTimer = setInterval(() => void forget().catch(() => {}), FORGET_INTERVAL_MS);
      forgetTimer.unref();
    },
    async shutdown({ deadlineMs }) {
      clearInterval(forgetTimer);
      draining.abort();
      lingering.cut();
      const timer = setTimeout(() => ended.abort(), deadlineMs);
      await Promise.all(loops);
      await unlessAborted(Promise.all(concluding), ended.signal, []);
      clearTimeout(timer);
      ended.abort();
      waiters.close();
      loops = [];
    },
  };
}
