import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Marked, Marks } from '../../src/buffer/marks.js';
import { readFrames } from '../../src/buffer/reader.js';
import type { BufferConsumer, FrameRange } from '../../src/component.js';
import {
  drain,
  EVERYTHING,
  frameOf,
  numbered,
  numbersOf,
  range,
  seeded,
  shutDown,
  startedBuffer,
  type TestBuffer,
  takeAll,
  temporaryDirectory,
} from './fixture.js';

async function append(buffer: TestBuffer, numbers: number[], bytes = 200): Promise<void> {
  for (const number of numbers) await buffer.append(frameOf(numbered(number, bytes), { items: 10 }));
}

async function keptCursor(consumer: BufferConsumer, sequence: number): Promise<void> {
  while (consumer.persistedCursor() !== sequence) await delay(5);
}

describe('consumer', () => {
  it('moves its cursor only over what is released without a gap', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    const store = buffer.consumer('store');
    const ranges = [];
    for (const number of range(1, 5)) {
      await append(buffer, [number]);
      ranges.push(structuredClone(store.next(EVERYTHING)!));
    }
    const [first, second, third, fourth, fifth] = ranges;
    store.release(third!);
    store.release(second!);
    expect(store.lag()).toMatchObject({ frames: 5, items: 50 });
    store.release(first!);
    store.release(first!);
    expect(store.lag()).toMatchObject({ frames: 2, items: 20 });
    store.release(fifth!);
    store.release(fourth!);
    expect(store.lag()).toEqual({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 });
    await keptCursor(store, 6);
  });

  it('hands out again, after a restart, what was not released, and only that', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store');
    const store = buffer.consumer('store');
    await append(buffer, range(1, 3));
    store.release(store.next(EVERYTHING)!);
    await append(buffer, range(4, 6));
    store.next(EVERYTHING);
    await append(buffer, range(7, 9));
    store.release(store.next(EVERYTHING)!);
    await shutDown(buffer);
    expect(store.persistedCursor()).toBe(4);

    const again = await startedBuffer({ directory }, 'store');
    expect(again.consumer('store').pending()).toMatchObject({ items: 60 });
    expect(numbersOf(drain(again.consumer('store')))).toEqual(range(4, 9));
  });

  it('gets each frame once, whatever is taken and released in which order', async () => {
    const random = seeded(42);
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'a', 'b');
    const consumers = ['a', 'b'].map((name) => ({
      consumer: buffer.consumer(name),
      found: [] as number[],
      held: [] as ReturnType<typeof takeAll>,
    }));
    for (let number = 0; number < 3000; ) {
      const batch = range(number, number + random(12));
      number += batch.length;
      await Promise.all(
        batch.map((one) => buffer.append(frameOf(numbered(one, random(4000)), { items: random(300) }))),
      );
      for (const { consumer, found, held } of consumers) {
        const taken = takeAll(consumer, { maxBytes: random(200_000), maxItems: random(3000) });
        for (const one of taken) found.push(...numbersOf([...readFrames(one)]));
        held.push(...taken);
        while (held.length > random(6)) consumer.release(held.splice(random(held.length), 1)[0]!);
      }
    }
    for (const { consumer, found, held } of consumers) {
      for (const one of held) consumer.release(one);
      expect(found).toEqual(range(0, found.length - 1));
      expect(found.length).toBeGreaterThanOrEqual(3000);
      expect(consumer.lag()).toEqual({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 });
    }
    expect(buffer.stats()).toMatchObject({ bytes: 0, frames: 0, items: 0 });
  });

  it('hands out ranges that add up to what is pending, and stay near the limits', async () => {
    const buffer = await startedBuffer(
      { directory: await temporaryDirectory(), settings: { maxBytes: '8MiB' } },
      'store',
    );
    const store = buffer.consumer('store');
    const before = Date.now();
    await append(buffer, range(1, 200), 10_000);
    const pending = store.pending();
    expect(pending.items).toBe(2000);
    expect(pending.oldestReceivedTimeUnixMs).toBeGreaterThanOrEqual(before);
    const ranges = takeAll(store, { maxBytes: 600_000, maxItems: 1_000_000 });
    expect(ranges.length).toBeGreaterThan(3);
    for (const one of ranges) expect(one.length).toBeLessThanOrEqual(600_000);
    expect(ranges.reduce((sum, one) => sum + one.length, 0)).toBe(pending.bytes);
    expect(ranges.reduce((sum, one) => sum + one.frames, 0)).toBe(200);
    expect(ranges.reduce((sum, one) => sum + one.items, 0)).toBe(2000);
    expect(store.pending()).toEqual({ bytes: 0, items: 0, oldestReceivedTimeUnixMs: 0 });
  });

  it('goes on where it was when it has its name back, and starts at the oldest held frame when it is new', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store', 'tempo');
    await append(buffer, range(1, 5));
    for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
    await append(buffer, range(6, 9));
    drain(buffer.consumer('tempo'));
    expect(numbersOf(drain(buffer.consumer('late'), { release: false }))).toEqual(range(6, 9));
    await shutDown(buffer);

    const again = await startedBuffer({ directory }, 'store', 'tempo', 'jaeger');
    expect(numbersOf(drain(again.consumer('store'), { release: false }))).toEqual(range(6, 9));
    expect(numbersOf(drain(again.consumer('tempo'), { release: false }))).toEqual([]);
    expect(numbersOf(drain(again.consumer('jaeger'), { release: false }))).toEqual(range(6, 9));
    expect(again.consumer('store')).toBe(again.consumer('store'));
    await append(again, [10]);
    expect(numbersOf(drain(again.consumer('tempo')))).toEqual([10]);
    expect(numbersOf(drain(again.consumer('store')))).toEqual([10]);
  });

  it('that is renewed begins with what the one before did not release, whatever that one releases later', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store', 'tempo');
    const before = buffer.consumer('tempo');
    const taken: FrameRange[] = [];
    for (const number of range(1, 5)) {
      await append(buffer, [number]);
      taken.push(before.next(EVERYTHING)!);
    }
    await append(buffer, [6]);
    for (const index of [0, 1, 3]) before.release(taken[index]!);
    const renewed = buffer.renewConsumer('tempo');
    expect(buffer.consumer('tempo')).toBe(renewed);
    before.release(taken[2]!);
    expect(renewed.lag().frames).toBe(4);
    await append(buffer, [7]);
    expect(numbersOf(drain(renewed, { release: false }))).toEqual(range(3, 7));
    await shutDown(buffer);

    const again = await startedBuffer({ directory }, 'store', 'tempo');
    expect(numbersOf(drain(again.consumer('tempo')))).toEqual(range(3, 7));
  });

  it('that is renewed while nothing is handed out goes on, and one that is not there is new', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store', 'tempo');
    await append(buffer, range(1, 3));
    drain(buffer.consumer('tempo'));
    await append(buffer, [4]);
    expect(numbersOf(drain(buffer.renewConsumer('tempo')))).toEqual([4]);
    await append(buffer, [5]);
    expect(numbersOf(drain(buffer.renewConsumer('tempo')))).toEqual([5]);
    expect(numbersOf(drain(buffer.renewConsumer('jaeger')))).toEqual(range(1, 5));
  });

  it('that is to begin now, while frames are being written, takes their ranges apart', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    await append(buffer, [1]);
    const writing = append(buffer, [2, 3]);
    await new Promise(setImmediate);
    const late = buffer.consumer('late', { from: 'now' });
    await writing;
    const first = late.next(EVERYTHING)!;
    await append(buffer, [4]);
    const second = late.next(EVERYTHING)!;
    late.release(second);
    late.release(first);
    expect(late.lag().frames).toBe(0);
    expect(numbersOf([...readFrames(first), ...readFrames(second)])).not.toContain(1);
  });

  it('that was forgotten at the start is new when it comes back', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store', 'tempo');
    await append(buffer, range(1, 5));
    drain(buffer.consumer('tempo'));
    await shutDown(buffer);
    const again = await startedBuffer({ directory }, 'store');
    expect(numbersOf(drain(again.consumer('tempo')))).toEqual(range(1, 5));
  });

  it('does not hold the others up once it is no longer registered', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store', 'dead');
    await append(buffer, range(1, 10));
    await shutDown(buffer);

    const again = await startedBuffer({ directory }, 'store');
    const store = again.consumer('store');
    const found = numbersOf(drain(store));
    for (const number of range(11, 200)) {
      await append(again, [number], 20_000);
      found.push(...numbersOf(drain(store)));
    }
    expect(found).toEqual(range(1, 200));
    expect(again.states).toEqual([]);
  });

  it('may be registered after frames were appended: nothing is let go while there is none', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() });
    await append(buffer, range(1, 20));
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual(range(1, 20));
  });

  it('wakes who waits when something becomes readable, and when the waiting is given up', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    const store = buffer.consumer('store');
    const never = new AbortController().signal;
    const [both] = [Promise.all([store.readable(never), store.readable(never)])];
    await append(buffer, [1]);
    await both;
    await store.readable(never);
    expect(numbersOf(drain(store))).toEqual([1]);

    const abort = new AbortController();
    const waiting = store.readable(abort.signal);
    abort.abort();
    await waiting;
    await store.readable(abort.signal);
    expect(store.next(EVERYTHING)).toBeUndefined();
  });

  it('tells the age of the frame that is oldest, not of those before it', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    const store = buffer.consumer('store');
    await append(buffer, [1]);
    store.release(store.next(EVERYTHING)!);
    await delay(20);
    const between = Date.now();
    await append(buffer, [2]);
    expect(store.pending().oldestReceivedTimeUnixMs).toBeGreaterThanOrEqual(between);
    expect(store.next(EVERYTHING)!.oldestReceivedTimeUnixMs).toBeGreaterThanOrEqual(between);
  });
});

describe('marks', () => {
  const markOf = (sequence: number, offset: number, bytes: number, items: number): Marked => ({
    path: 'segment',
    offset,
    end: offset + bytes,
    firstSequence: sequence,
    sequence,
    signal: 'traces' as const,
    items,
    receivedTimeUnixMs: 0,
  });

  it.each([
    ['tiny', 64, 1],
    ['tiny ones with many items', 64, 5000],
    ['small', 2000, 12],
    ['large', 300_000, 512],
  ])('stay few for 256 MiB of %s frames, and count them all', (_, bytes, items) => {
    const marks = new Marks();
    const frames = Math.floor(2 ** 28 / bytes);
    for (let index = 0; index < frames; index += 1) marks.add(markOf(index + 1, index * bytes, bytes, items));
    const counted = frames * items;
    const signals = { traces: counted, logs: 0, metrics: 0 };
    expect(marks.totals).toEqual({ bytes: frames * bytes, frames, items: counted, signals });
    expect(marks.find(frames + 1) - marks.first).toBeLessThan(9000);
  });
});
