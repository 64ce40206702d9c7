import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { PointAnswer, PointRead } from '../../../src/store/telemetry/sqlite/messages.js';
import { PointReads } from '../../../src/store/telemetry/sqlite/point-reads.js';

function readOf(number: number): PointRead {
  return { operation: 'getTrace', workspace: String(number), traceId: new Uint8Array(16) };
}

/** A thread that answers when it is told to, `perMessage` reads at a time, each with its own number. */
function createThread(perMessage = Number.POSITIVE_INFINITY) {
  const messages: { numbers: number[]; answer(): void; fail(error: Error): void }[] = [];
  const send = (reads: readonly PointRead[]) =>
    new Promise<PointAnswer[]>((resolve, reject) => {
      const numbers = reads.map(({ workspace }) => Number(workspace));
      const answer = () => resolve(numbers.slice(0, perMessage).map((value) => ({ value })));
      messages.push({ numbers, answer, fail: reject });
    });
  return { messages, points: new PointReads({ send }) };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('reads of single traces', () => {
  it('of one turn go one by one', async () => {
    const { messages, points } = createThread();
    const reads = range(1, 10).map((number) => points.run(readOf(number)));
    await turn();
    expect(messages.map(({ numbers }) => numbers)).toEqual([range(1, 5), range(6, 10)]);
    for (const { answer } of messages) answer();
    expect(await Promise.all(reads)).toEqual(range(1, 10));
  });

  it('that come while both threads are busy are sent at once, instead of together when one is free', async () => {
    const { messages, points } = createThread();
    const first = [points.run(readOf(1)), points.run(readOf(2))];
    await turn();
    const later = range(3, 6).map((number) => points.run(readOf(number)));
    await turn();
    expect(messages).toHaveLength(2);
    messages[0]!.answer();
    await first[0];
    await turn();
    expect(messages.map(({ numbers }) => numbers)).toEqual([[1], [2], range(3, 6)]);
    for (const { answer } of messages) answer();
    expect(await Promise.all([...first, ...later])).toEqual(range(1, 6));
  });

  it('that a message had no room for are lost', async () => {
    const { messages, points } = createThread(2);
    const reads = range(1, 10).map((number) => points.run(readOf(number)));
    for (let turns = 0; turns < 20; turns++) {
      await turn();
      for (const { answer } of messages) answer();
    }
    expect(await Promise.all(reads)).toEqual(range(1, 10));
    expect(messages.length).toBeGreaterThanOrEqual(5);
  });

  it('fail with the reads of another message', async () => {
    const { messages, points } = createThread();
    const reads = [points.run(readOf(1)), points.run(readOf(2))];
    const settled = Promise.allSettled(reads);
    await turn();
    messages[0]!.fail(new Error('the thread died'));
    messages[1]!.answer();
    expect(await settled).toMatchObject([
      { status: 'rejected', reason: { message: 'the thread died' } },
      { status: 'fulfilled', value: 2 },
    ]);
    const next = points.run(readOf(3));
    await turn();
    messages[2]!.answer();
    expect(await next).toBe(3);
  });
});
