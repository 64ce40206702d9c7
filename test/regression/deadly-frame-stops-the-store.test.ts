/** A frame that a writer's thread died of was tried again for ever, and nothing behind it was stored. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BufferConsumer, FrameRange, TaskPool } from '../../src/component.js';
import { createDrain, type DrainEvents, nopDrainEvents } from '../../workers/drain.js';
import type { StoreResult, StoreTask } from '../../workers/messages.js';

const RANGE: FrameRange = {
  path: '/nowhere',
  offset: 0,
  length: 100,
  firstSequence: 1,
  lastSequence: 3,
  frames: 3,
  items: 3,
  signals: { traces: 3, logs: 0, metrics: 0 },
  oldestReceivedTimeUnixMs: 0,
};

function consumerOf(range: FrameRange) {
  const left = [range];
  const released: FrameRange[] = [];
  const consumer: BufferConsumer = {
    name: 'store',
    next: () => left.shift(),
    pending: () => ({ bytes: left.length, items: left.length, oldestReceivedTimeUnixMs: 0 }),
    readable: async (signal) => {
      while (left.length === 0 && !signal.aborted) await sleep(2);
    },
    release: (done) => void released.push(done),
    persistedCursor: () => 1,
    lag: () => ({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 }),
  };
  return { consumer, released };
}

function storedWith(deadLetters: { sequence: number; reason: string }[]): StoreResult {
  const counts = {
    spans: 2,
    duplicateSpans: 0,
    logRecords: 0,
    metricPoints: 0,
    cutTexts: 0,
    decodeMs: 0,
    mapMs: 0,
    writeMs: 0,
  };
  return { outcome: 'stored', ...counts, outcomes: [], deadLetters, audit: '', deletions: [] };
}

function startDrain(consumer: BufferConsumer, writer: TaskPool['run'], events: Partial<DrainEvents> = {}) {
  const drain = createDrain({
    config: { batchMaxItems: 100, batchMaxBytes: 1000, batchLingerMs: 0, nativeWaitMs: 1000, deadLetterMaxBytes: 1000 },
    bufferId: () => 'buffer',
    consumer,
    writers: [{ run: writer }],
    telemetry: { appliedRanges: async () => [], forgetApplied: async () => {} },
    auditTrail: { append: async () => {}, room: async () => {} },
    deadLetters: { trim: async () => 0 },
    events: { ...nopDrainEvents, ...events },
  });
  void drain.start();
  return drain;
}

describe('a frame that the writer dies of', () => {
  it('is tried for ever, instead of alone and then buried', async () => {
    const { consumer, released } = consumerOf(RANGE);
    const tasks: StoreTask[] = [];
    /** Dies of frame 2 until it is told to bury it, as a thread does that runs out of memory. */
    const writer = async (_: string, argument: unknown) => {
      const { care } = argument as StoreTask;
      tasks.push(argument as StoreTask);
      if (care !== undefined) care.at[0] = 2;
      if (care?.bury.includes(2)) return storedWith([{ sequence: 2, reason: 'deadly' }]);
      throw new Error('Worker terminated due to reaching memory limit');
    };
    const buried: number[] = [];
    const drain = startDrain(consumer, writer as TaskPool['run'], {
      deadLettered: ({ sequence }) => void buried.push(sequence),
    });
    while (released.length === 0) await sleep(5);
    await drain.shutdown({ deadlineMs: 100 });
    expect(buried).toEqual([2]);
    expect(tasks.map(({ care }) => care?.bury)).toEqual([undefined, [], [], [2]]);
  });

  it('is looked for where the thread dies before it is at any frame', async () => {
    const { consumer, released } = consumerOf(RANGE);
    const buried: unknown[] = [];
    let tries = 0;
    const writer = async (_: string, argument: unknown) => {
      buried.push(...((argument as StoreTask).care?.bury ?? []));
      if (++tries < 6) throw new Error('the thread did not come up');
      return storedWith([]);
    };
    const drain = startDrain(consumer, writer as TaskPool['run']);
    while (released.length === 0) await sleep(5);
    await drain.shutdown({ deadlineMs: 100 });
    expect(buried).toEqual([]);
  });
});

describe('a store that never answers', () => {
  it('holds the shutdown past its deadline', async () => {
    const { consumer, released } = consumerOf(RANGE);
    let asked = false;
    const writer = () => {
      asked = true;
      return new Promise<never>(() => {});
    };
    const drain = startDrain(consumer, writer);
    while (!asked) await sleep(2);
    await drain.shutdown({ deadlineMs: 20 });
    expect(released).toEqual([]);
  });
});
