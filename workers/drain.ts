/**
 * The consumer that moves the buffer into the store: takes ranges, has a writer thread turn each into one transaction,
 * tells those who wait for their rows, and releases what is stored, deleted and in the audit log. What the store can't
 * take now is tried again with backoff while the buffer absorbs.
 */
import { Casualty } from '../src/casualty.js';
import type { BufferConsumer, Component, FrameRange, Outcomes, SequenceRange, TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { AuditEntry } from '../src/model/audit-entry.js';
import type { TelemetryStore } from '../src/store/telemetry/telemetry.js';
import type { AuditBatch, AuditTrail, AuditTrailEvents } from './audit-trail.js';
import { Backlog } from './backlog.js';
import type { WorkerConfig } from './config.js';
import { type DeadLetterBox, trimBehind } from './dead-letters.js';
import { Insistence } from './insistence.js';
import { Intake } from './intake.js';
import type { Burial, Deleted, DeleteTask, Forgotten, Stored, StoreTask, Unavailable } from './messages.js';
import { OutcomeWaiters } from './outcome-waiters.js';
import { Progress } from './progress.js';
import { unlessAborted } from './unless-aborted.js';

export interface DrainEvents extends AuditTrailEvents {
  /** One batch is stored. */
  stored(batch: { range: FrameRange; result: Stored }): void;
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

type Operation = 'store' | 'recall' | 'delete' | 'forget';

/** Throws what can be tried again: the store's refusal, or (no GatewayError) the death of the thread. */
async function ask<Done>(writer: TaskPool, operation: Operation, task: StoreTask | DeleteTask): Promise<Done> {
  const result = await writer.run<Stored | Deleted | Forgotten | Unavailable>(operation, task);
  if (result.outcome === 'unavailable') throw new GatewayError('STORE_UNAVAILABLE', result.reason);
  return result as Done;
}

function entriesOf({ audit }: Stored): AuditEntry[] {
  return audit === '' ? [] : (JSON.parse(audit) as AuditEntry[]);
}

export function createDrain(options: DrainOptions): Drain {
  const { config, consumer, telemetry, auditTrail, events } = options;
  /** Aborted first: no further range is taken once the buffer is empty. */
  const draining = new AbortController();
  /** Aborted at the deadline: no further range is taken at all. */
  const ended = new AbortController();
  const store = new Insistence({
    ended: ended.signal,
    failed: (reason) => events.storeUnavailable(reason),
    recovered: () => events.storeRecovered(),
  });
  const waiters = new OutcomeWaiters(config.nativeWaitMs);
  /** Ranges between being handed out and being in the store. */
  const storing = new Progress();
  const backlog = new Backlog();
  const intake = new Intake({
    config,
    consumer,
    room: () => unlessAborted(auditTrail.room(), ended.signal, undefined),
    taken(range) {
      storing.begin(range);
      backlog.taken(range);
    },
    draining: draining.signal,
  });
  /** Ranges whose audit entries are on their way. */
  const concluding = new Set<Promise<void>>();
  let loops: Promise<void>[] = [];
  let applied: SequenceRange[] = [];
  let forgetTimer: NodeJS.Timeout | undefined;
  let forgottenBefore = 0;

  /** Undefined when the deadline has passed: a restart does it again. */
  const storeRange = (writer: TaskPool, range: FrameRange): Promise<Stored | undefined> => {
    const casualty = new Casualty();
    const operation = covers(applied, range) ? 'recall' : 'store';
    return store.until(async () => {
      try {
        return await ask<Stored>(writer, operation, { bufferId: options.bufferId(), range, care: casualty.care });
      } catch (error) {
        if (!(error instanceof GatewayError)) casualty.threadDied();
        throw error;
      }
    });
  };

  /** What another writer is still storing of the time before may be what is to be deleted. */
  const deleteTraces = async (writer: TaskPool, task: DeleteTask): Promise<Deleted | undefined> => {
    await unlessAborted(storing.endedBefore(task.range.firstSequence), ended.signal, undefined);
    const deleted = await store.until(() => ask<Deleted>(writer, 'delete', task));
    const others = options.writers.filter((other) => other !== writer);
    // They remember whose the traces were, for the spans that are still to come.
    await Promise.all(others.map((other) => store.until(() => ask<Forgotten>(other, 'forget', task))));
    return deleted;
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
    backlog.stored(range);
    conclude(range, { entries: entriesOf(result), deleted: [] });
  };

  /** Those who wait for a deletion are answered when nothing refers to the trace any more. */
  const handleDeletions = async (writer: TaskPool, range: FrameRange, stored: Stored): Promise<void> => {
    const task = { bufferId: options.bufferId(), range, deletions: stored.deletions };
    const result = await deleteTraces(writer, task);
    if (!result) return;
    backlog.stored(range);
    bury(result.deadLetters);
    const buried = new Set(result.deadLetters.map(({ sequence }) => sequence));
    const done = stored.deletions.filter(({ sequence }) => !buried.has(sequence));
    const entries = entriesOf(stored).concat(...done.map(({ audit }) => audit));
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
    trimBehind(options.deadLetters, config, events);
  };

  const runWriter = async (writer: TaskPool): Promise<void> => {
    while (!ended.signal.aborted) {
      const range = await intake.take();
      if (range) await handleRange(writer, range);
      else if (draining.signal.aborted) return;
    }
  };

  /** What a crash left between the store's commit and the cursor's. The store may be down: then it is waited for. */
  const readApplied = async (): Promise<void> => {
    const from = consumer.persistedCursor();
    applied = (await store.until(() => telemetry.appliedRanges(options.bufferId(), from))) ?? [];
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
    healthy: () => store.healthy,
    of(sequence) {
      intake.awaited(sequence);
      return waiters.wait(sequence);
    },
    settled: (sequence) => waiters.settled(sequence),
    async caughtUp() {
      await unlessAborted(backlog.cleared(), ended.signal, undefined);
      if (ended.signal.aborted) throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
    },
    async start() {
      backlog.begin(consumer.lag().frames);
      loops = [run()];
      forgetTimer = setInterval(() => void forget().catch(() => {}), FORGET_INTERVAL_MS);
      forgetTimer.unref();
    },
    async shutdown({ deadlineMs }) {
      clearInterval(forgetTimer);
      draining.abort();
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
