import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { StoreResult } from '../../workers/messages.js';
import { retryDelayMs } from '../../workers/retry.js';
import { createWriter, rangeOf, STORED, startDrain, until } from './played-drain.js';

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

  it('tells the other writers of a deletion before its range is released', async () => {
    const deletion = {
      sequence: 1,
      workspace: 'default',
      traceIds: [new Uint8Array(16)],
      receivedUntilUnixMs: 5,
      audit: [],
    };
    const deleting = createWriter([
      { ...STORED, deletions: [deletion] },
      { outcome: 'deleted', deadLetters: [] },
    ]);
    const other = createWriter([new Error('worker exited')]);
    const idle = { run: () => new Promise<never>(() => {}) };
    const { released } = startDrain({ ranges: [rangeOf(1)], writers: [deleting.pool, other.pool] });
    await until(() => released.length === 1);
    expect(deleting.operations).toEqual(['store', 'delete']);
    expect(other.operations).toEqual(['forget', 'forget']);
    expect(other.tasks[1]).toMatchObject({ deletions: [deletion] });
    const held = createWriter([
      { ...STORED, deletions: [deletion] },
      { outcome: 'deleted', deadLetters: [] },
    ]);
    const waiting = startDrain({ ranges: [rangeOf(1)], writers: [held.pool, idle] });
    await until(() => held.operations.length === 2);
    expect(waiting.released).toEqual([]);
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
    const writer = createWriter([{ ...STORED, deadLetters: [{ sequence: 7, reason: 'bad' }] }]);
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
