import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { BufferConsumer, FrameRange, SequenceRange, TaskPool } from '../../src/component.js';
import { createDrain, type Drain, type DrainEvents, nopDrainEvents } from '../../workers/drain.js';
import type { StoreResult, StoreTask } from '../../workers/messages.js';
import { retryDelayMs } from '../../workers/retry.js';

function rangeOf(sequence: number, items = 10): FrameRange {
  return {
    path: '/nowhere',
    offset: sequence * 100,
    length: 100,
    firstSequence: sequence,
    lastSequence: sequence,
    frames: 1,
    items,
    oldestReceivedTimeUnixMs: Date.now(),
  };
}

/** A consumer over a list of ranges, which a test may add to. */
function createConsumer(ranges: FrameRange[]) {
  const released: number[] = [];
  let wake = () => {};
  const consumer: BufferConsumer = {
    name: 'store',
    next: () => ranges.shift(),
    pending: () => ({
      bytes: ranges.length * 100,
      items: ranges.reduce((sum, range) => sum + range.items, 0),
      oldestReceivedTimeUnixMs: ranges[0]?.oldestReceivedTimeUnixMs ?? 0,
    }),
    readable: (signal) =>
      new Promise((resolve) => {
        if (ranges.length > 0 || signal.aborted) return resolve();
        wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    release: (range) => void released.push(range.firstSequence),
    persistedCursor: () => 1,
    lag: () => ({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 }),
  };
  const add = (range: FrameRange) => {
    ranges.push(range);
    wake();
  };
  return { consumer, released, add };
}

const STORED: StoreResult = {
  outcome: 'stored',
  spans: 10,
  duplicateSpans: 0,
  logRecords: 0,
  metricPoints: 0,
  outcomes: [],
  deadLetters: [],
  audit: [],
  deletions: [],
  decodeMs: 0,
  writeMs: 0,
};

/** Answers each task in turn from `answers`, then `STORED`; keeps what it was asked. */
function createWriter(answers: (StoreResult | Error)[] = []) {
  const tasks: StoreTask[] = [];
  const operations: string[] = [];
  const pool: TaskPool = {
    async run<Result>(operation: string, argument: unknown): Promise<Result> {
      tasks.push(argument as StoreTask);
      operations.push(operation);
      const answer = answers.shift() ?? STORED;
      if (answer instanceof Error) throw answer;
      return answer as Result;
    },
  };
  return { pool, tasks, operations };
}

let drain: Drain | undefined;
afterEach(async () => {
  await drain?.shutdown({ deadlineMs: 100 });
});

interface Setup {
  ranges: FrameRange[];
  writers: TaskPool[];
  applied?: () => Promise<SequenceRange[]>;
  events?: Partial<DrainEvents>;
  trim?: (maxBytes: number) => Promise<number>;
}

function startDrain(setup: Setup) {
  const { consumer, released, add } = createConsumer(setup.ranges);
  drain = createDrain({
    config: { batchMaxItems: 100, batchMaxBytes: 1000, batchLingerMs: 5, nativeWaitMs: 1000, deadLetterMaxBytes: 1000 },
    bufferId: () => 'buffer',
    consumer,
    writers: setup.writers,
    telemetry: { appliedRanges: setup.applied ?? (async () => []), forgetApplied: async () => {} },
    auditTrail: { append: async () => {}, room: async () => {} },
    deadLetters: { trim: setup.trim ?? (async () => 0) },
    events: { ...nopDrainEvents, ...setup.events },
  });
  return { drain, released, add, started: drain.start() };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

describe('the drain', () => {
  it('releases a range only after the store has taken it', async () => {
    const writer = createWriter([{ outcome: 'unavailable', reason: 'down' }]);
    const { released } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool] });
    await until(() => writer.tasks.length === 1);
    expect(released).toEqual([]);
    await until(() => released.length === 1);
    expect(writer.tasks.map((task) => task.range.firstSequence)).toEqual([1, 1]);
  });

  it('tries a range again when its thread dies', async () => {
    const writer = createWriter([new Error('worker exited')]);
    const { released } = startDrain({ ranges: [rangeOf(1), rangeOf(2)], writers: [writer.pool] });
    await until(() => released.length === 2);
    expect(released).toEqual([1, 2]);
  });

  it('reports an outage once, and its end once', async () => {
    const seen: string[] = [];
    const down: StoreResult = { outcome: 'unavailable', reason: 'connection refused' };
    const writer = createWriter([down, down, down]);
    const { released, drain } = startDrain({
      ranges: [rangeOf(1)],
      writers: [writer.pool],
      events: { storeUnavailable: (reason) => seen.push(reason), storeRecovered: () => seen.push('recovered') },
    });
    await until(() => seen.length === 1);
    expect(drain.healthy()).toBe(false);
    await until(() => released.length === 1);
    expect(seen).toEqual(['connection refused', 'recovered']);
    expect(drain.healthy()).toBe(true);
  });

  it('releases what a crash had left applied without writing it again', async () => {
    const writer = createWriter();
    const { released } = startDrain({
      ranges: [rangeOf(1), rangeOf(2), rangeOf(3)],
      writers: [writer.pool],
      applied: async () => [{ first: 1, last: 2 }],
    });
    await until(() => released.length === 3);
    expect(writer.operations).toEqual(['recall', 'recall', 'store']);
  });

  it('waits for a store that is down when the gateway starts', async () => {
    let tries = 0;
    const writer = createWriter();
    const { released } = startDrain({
      ranges: [rangeOf(1)],
      writers: [writer.pool],
      applied: async () => {
        if (++tries < 3) throw new Error('connection refused');
        return [];
      },
    });
    await until(() => released.length === 1);
    expect(tries).toBe(3);
  });

  it('stores what the buffer still holds before it shuts down', async () => {
    const writer = createWriter();
    const ranges = Array.from({ length: 20 }, (_, index) => rangeOf(index + 1));
    const { drain, released } = startDrain({ ranges, writers: [writer.pool] });
    await drain.shutdown({ deadlineMs: 10_000 });
    expect(released).toHaveLength(20);
  });

  it('leaves what it could not store by the deadline unreleased, for the next start', async () => {
    const writer = createWriter(
      Array.from({ length: 1000 }, () => ({ outcome: 'unavailable', reason: 'down' }) as const),
    );
    const { drain, released } = startDrain({ ranges: [rangeOf(1)], writers: [writer.pool] });
    await until(() => writer.tasks.length > 0);
    await drain.shutdown({ deadlineMs: 20 });
    expect(released).toEqual([]);
  });

  it('hands each range to one writer only', async () => {
    const writers = [createWriter(), createWriter()];
    const ranges = Array.from({ length: 40 }, (_, index) => rangeOf(index + 1));
    const { released } = startDrain({ ranges, writers: writers.map((writer) => writer.pool) });
    await until(() => released.length === 40);
    const written = writers.flatMap((writer) => writer.tasks.map((task) => task.range.firstSequence));
    expect(written.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it('names each dead letter and keeps their folder within its bound', async () => {
    const letters: number[] = [];
    let dropped = 0;
    const writer = createWriter([
      { ...(STORED as object), deadLetters: [{ sequence: 7, reason: 'bad' }] } as StoreResult,
    ]);
    startDrain({
      ranges: [rangeOf(7)],
      writers: [writer.pool],
      trim: async (maxBytes) => (maxBytes === 1000 ? 2 : 0),
      events: {
        deadLettered: ({ sequence }) => letters.push(sequence),
        deadLettersDropped: (count) => {
          dropped += count;
        },
      },
    });
    await until(() => dropped > 0);
    expect(letters).toEqual([7]);
    expect(dropped).toBe(2);
  });

  it('picks up what arrives after it fell asleep', async () => {
    const writer = createWriter();
    const { released, add } = startDrain({ ranges: [], writers: [writer.pool] });
    await sleep(10);
    add(rangeOf(1));
    await until(() => released.length === 1);
  });
});

describe('the pause between tries', () => {
  it('doubles from 100 ms up to 10 s, give or take a tenth', () => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const plain = Math.min(100 * 2 ** attempt, 10_000);
      const delay = retryDelayMs(attempt);
      expect(delay).toBeGreaterThanOrEqual(plain * 0.9);
      expect(delay).toBeLessThanOrEqual(plain * 1.1);
    }
  });
});
