/** A drain over a buffer and writers that a test plays. */
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { BufferConsumer, FrameOutcome, FrameRange, SequenceRange, TaskPool } from '../../src/component.js';
import type { AuditTrail } from '../../workers/audit-trail.js';
import { createDrain, type DrainEvents, type DrainOptions, nopDrainEvents } from '../../workers/drain.js';
import type { Deleted, Stored, StoreResult, StoreTask } from '../../workers/messages.js';

export function rangeOf(sequence: number, items = 10): FrameRange {
  return {
    path: '/nowhere',
    offset: sequence * 100,
    length: 100,
    firstSequence: sequence,
    lastSequence: sequence,
    frames: 1,
    items,
    signals: { traces: items, logs: 0, metrics: 0 },
    oldestReceivedTimeUnixMs: Date.now(),
  };
}

/** A consumer over a list of ranges, which a test may add to. */
function createConsumer(ranges: FrameRange[], frames = 0) {
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
    lag: () => ({ bytes: 0, frames, items: 0, oldestAgeMs: 0 }),
  };
  const add = (range: FrameRange) => {
    ranges.push(range);
    wake();
  };
  return { consumer, released, add };
}

export const STORED: Stored = {
  outcome: 'stored',
  spans: 10,
  duplicateSpans: 0,
  logRecords: 0,
  metricPoints: 0,
  outcomes: [],
  deadLetters: [],
  audit: '',
  deletions: [],
  cutTexts: 0,
  decodeMs: 0,
  mapMs: 0,
  writeMs: 0,
};

/** Answers each task in turn from `answers`, then `STORED`; keeps what it was asked. */
export function createWriter(answers: (StoreResult | Deleted | Error)[] = []) {
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

export function outcomeOf(sequence: number, rest: Partial<FrameOutcome> = {}): FrameOutcome {
  return { sequence, written: true, knownTraces: [], knownSpans: [], ...rest };
}

const CONFIG = {
  batchMaxItems: 100,
  batchMaxBytes: 1000,
  batchLingerMs: 5,
  nativeWaitMs: 60_000,
  deadLetterMaxBytes: 1000,
};

export interface Setup {
  ranges: FrameRange[];
  /** How many frames stand in the buffer at the start. */
  backlog?: number;
  writers: TaskPool[];
  applied?: () => Promise<SequenceRange[]>;
  events?: Partial<DrainEvents>;
  trim?: (maxBytes: number) => Promise<number>;
  auditTrail?: Partial<AuditTrail>;
  config?: Partial<DrainOptions['config']>;
}

export function startDrain(setup: Setup) {
  const { consumer, released, add } = createConsumer(setup.ranges, setup.backlog);
  const drain = createDrain({
    config: { ...CONFIG, ...setup.config },
    bufferId: () => 'buffer',
    consumer,
    writers: setup.writers,
    telemetry: { appliedRanges: setup.applied ?? (async () => []), forgetApplied: async () => {} },
    auditTrail: { append: async () => {}, room: async () => {}, ...setup.auditTrail },
    deadLetters: { trim: setup.trim ?? (async () => 0) },
    events: { ...nopDrainEvents, ...setup.events },
  });
  onTestFinished(() => drain.shutdown({ deadlineMs: 100 }));
  return { drain, released, add, started: drain.start() };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}
