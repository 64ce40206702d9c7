import { describe, expect, it } from 'vitest';
import { type FrameRange, type Loss, SIGNALS } from '../../src/component.js';
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
  testBuffer,
} from './fixture.js';

interface Lossy {
  buffer: TestBuffer;
  losses: Loss[];
}

const sumOf = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);

const lostFrames = (losses: Loss[]) =>
  losses.reduce((sum, { frames, abandoned }) => sum + frames + abandoned.reduce((all, one) => all + one.frames, 0), 0);

/** A store that keeps all, and an exporter that may lose what lags by more. */
async function lossyBuffer(maxLagBytes: number, settings: Record<string, string> = {}): Promise<Lossy> {
  const losses: Loss[] = [];
  const buffer = testBuffer({ directory: await temporaryDirectory(), settings });
  buffer.consumer('store');
  buffer.consumer('exporter', { overflow: { maxLagBytes, lost: (loss) => void losses.push(loss) } });
  await buffer.start();
  return { buffer, losses };
}

async function append(buffer: TestBuffer, numbers: number[], bytes = 9000): Promise<void> {
  for (const number of numbers) await buffer.append(frameOf(numbered(number, bytes), { items: 10 }));
}

describe('a consumer that may lose frames', () => {
  it('never fills the buffer, however much goes past it, while the store gets everything', async () => {
    const { buffer, losses } = await lossyBuffer(500_000);
    const stored: number[] = [];
    for (const number of range(1, 600)) {
      await append(buffer, [number]);
      stored.push(...numbersOf(drain(buffer.consumer('store'))));
      expect(buffer.consumer('exporter').lag().bytes).toBeLessThanOrEqual(500_000);
    }
    expect(stored).toEqual(range(1, 600));
    expect(buffer.states).toEqual([]);
    const kept = numbersOf(drain(buffer.consumer('exporter')));
    expect(kept).toEqual(range(600 - kept.length + 1, 600));
    expect(kept.length).toBeGreaterThan(20);
    expect(lostFrames(losses)).toBe(600 - kept.length);
    expect(losses.reduce((sum, { items }) => sum + items, 0)).toBe(10 * (600 - kept.length));
    expect(buffer.consumer('exporter').lag()).toMatchObject({ bytes: 0, frames: 0, items: 0 });
  });

  it('is told of which signals its losses are, of what it held as well', async () => {
    const { buffer, losses } = await lossyBuffer(100_000);
    const exporter = buffer.consumer('exporter');
    const signalOf = (number: number) => SIGNALS[number % 3]!;
    const taken: FrameRange[] = [];
    for (const number of range(1, 200)) {
      await buffer.append(frameOf(numbered(number, 9000), { signal: signalOf(number), items: number }));
      drain(buffer.consumer('store'));
      if (number % 40 === 0) taken.push(...takeAll(exporter, { maxBytes: 20_000, maxItems: 1_000_000 }));
    }
    taken.push(...takeAll(exporter));
    const lost = losses.flatMap((loss) => [loss, ...loss.abandoned]);
    const kept = taken.filter((one) => !lost.includes(one));
    expect(losses.some(({ abandoned }) => abandoned.length > 0)).toBe(true);
    // The sequences are the numbers.
    const keptNumbers = new Set(kept.flatMap((one) => range(one.firstSequence, one.lastSequence)));
    for (const signal of SIGNALS) {
      const numbers = range(1, 200).filter((number) => signalOf(number) === signal && !keptNumbers.has(number));
      expect(lost.reduce((sum, one) => sum + one.signals[signal], 0)).toBe(sumOf(numbers));
    }
    expect(sumOf(lost.map(({ items }) => items))).toBe(sumOf(lost.flatMap(({ signals }) => Object.values(signals))));
  });

  it('loses what it holds as well, is told which ranges those are, and may release them late', async () => {
    const { buffer, losses } = await lossyBuffer(300_000);
    const exporter = buffer.consumer('exporter');
    await append(buffer, range(1, 10));
    const held = takeAll(exporter, { maxBytes: 40_000, maxItems: 1_000_000 });
    await append(buffer, range(11, 20));
    const second = exporter.next(EVERYTHING)!;
    for (const number of range(21, 100)) {
      await append(buffer, [number]);
      drain(buffer.consumer('store'));
    }
    expect(losses.flatMap(({ abandoned }) => abandoned)).toEqual([...held, second]);
    const before = exporter.lag();
    exporter.release(held[0]!);
    exporter.release(second);
    expect(exporter.lag()).toMatchObject({ frames: before.frames, bytes: before.bytes });
    const kept = numbersOf(drain(exporter));
    expect(kept.at(-1)).toBe(100);
    expect(lostFrames(losses) + kept.length).toBe(100);
  });

  it('gives up its oldest when it alone keeps a small ring full, within its share too', async () => {
    const { buffer, losses } = await lossyBuffer(Number.MAX_SAFE_INTEGER, { maxBytes: '256KiB' });
    const stored: number[] = [];
    for (const number of range(1, 200)) {
      await append(buffer, [number]);
      stored.push(...numbersOf(drain(buffer.consumer('store'))));
    }
    expect(stored).toEqual(range(1, 200));
    expect(buffer.states).toEqual([]);
    const kept = numbersOf(drain(buffer.consumer('exporter')));
    expect(lostFrames(losses) + kept.length).toBe(200);
    expect(kept.at(-1)).toBe(200);
  });

  it('loses nothing for a store that is behind: the buffer is full then', async () => {
    const { buffer, losses } = await lossyBuffer(Number.MAX_SAFE_INTEGER);
    await expect(append(buffer, range(1, 200))).rejects.toMatchObject({ code: 'BUFFER_FULL' });
    expect(losses).toEqual([]);
    const stored = numbersOf(drain(buffer.consumer('store')));
    await append(buffer, [999]);
    expect(buffer.states).toEqual(['full', 'open']);
    expect(stored.length).toBeGreaterThan(50);
  });

  it('keeps its count right, whatever is taken, released and lost in which order', async () => {
    const random = seeded(7);
    const { buffer, losses } = await lossyBuffer(200_000);
    const exporter = buffer.consumer('exporter');
    const held: ReturnType<typeof takeAll> = [];
    let released = 0;
    for (let number = 0; number < 2000; ) {
      const batch = range(number, number + random(10));
      number += batch.length;
      await Promise.all(batch.map((one) => buffer.append(frameOf(numbered(one, random(6000))))));
      drain(buffer.consumer('store'));
      if (random(3) === 0) held.push(...takeAll(exporter, { maxBytes: random(60_000), maxItems: 1000 }));
      const abandoned = new Set(losses.flatMap((loss) => loss.abandoned.map((one) => one.firstSequence)));
      while (held.length > random(4)) {
        const one = held.splice(random(held.length), 1)[0]!;
        if (!abandoned.has(one.firstSequence)) released += one.frames;
        exporter.release(one);
      }
    }
    const abandoned = new Set(losses.flatMap((loss) => loss.abandoned.map((one) => one.firstSequence)));
    for (const one of held) {
      if (!abandoned.has(one.firstSequence)) released += one.frames;
      exporter.release(one);
    }
    const rest = drain(exporter).length;
    expect(losses.length).toBeGreaterThan(5);
    expect(lostFrames(losses) + released + rest).toBe(buffer.stats().durableSequence);
    expect(exporter.lag()).toEqual({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 });
  });
});

describe('a consumer that is new', () => {
  it('begins behind the newest frame when it is told so, also after a restart before anything came', async () => {
    const directory = await temporaryDirectory();
    const first = await startedBuffer({ directory }, 'store');
    await append(first, range(1, 5));
    await shutDown(first);
    for (const _round of [1, 2]) {
      const idle = testBuffer({ directory });
      idle.consumer('store');
      idle.consumer('tempo', { from: 'now' });
      await idle.start();
      await shutDown(idle);
    }
    const again = testBuffer({ directory });
    again.consumer('store');
    const tempo = again.consumer('tempo', { from: 'now' });
    await again.start();
    await append(again, range(6, 8));
    expect(numbersOf(drain(tempo))).toEqual([6, 7, 8]);
    expect(numbersOf(drain(again.consumer('store')))).toEqual(range(1, 8));
  });

  it('goes on where it was, not behind the newest, when it is not new', async () => {
    const directory = await temporaryDirectory();
    for (const number of [1, 2, 3]) {
      const buffer = testBuffer({ directory });
      buffer.consumer('store');
      buffer.consumer('tempo', { from: 'now' });
      await buffer.start();
      await append(buffer, [number]);
      if (number === 3) expect(numbersOf(drain(buffer.consumer('tempo')))).toEqual([1, 2, 3]);
      await shutDown(buffer);
    }
  });
});

describe('a consumer that is gone', () => {
  it('is forgotten by a start without it: when it comes back it is new', async () => {
    const directory = await temporaryDirectory();
    const first = await startedBuffer({ directory }, 'store', 'gone');
    await append(first, range(1, 5));
    await shutDown(first);
    await shutDown(await startedBuffer({ directory }, 'store'));
    const again = testBuffer({ directory });
    again.consumer('store');
    const back = again.consumer('gone', { from: 'now' });
    await again.start();
    await append(again, [6]);
    expect(numbersOf(drain(back))).toEqual([6]);
  });

  it('keeps its cursor through a start that registers nobody', async () => {
    const directory = await temporaryDirectory();
    const first = await startedBuffer({ directory }, 'store');
    await append(first, range(1, 5));
    drain(first.consumer('store'));
    await shutDown(first);
    await shutDown(await startedBuffer({ directory }));
    const again = await startedBuffer({ directory }, 'store');
    expect(numbersOf(drain(again.consumer('store')))).toEqual([]);
  });

  it('makes room at once when it is removed while the buffer is full', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store', 'dead');
    const number = await fillUntilRefused(buffer);
    buffer.removeConsumer('dead');
    buffer.removeConsumer('dead');
    expect(buffer.states).toEqual(['full', 'open']);
    await append(buffer, [number]);
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual([number]);
  });
});

/** Appends, the store following, until the consumer that doesn't follow has filled the buffer; the number refused. */
async function fillUntilRefused(buffer: TestBuffer): Promise<number> {
  for (let number = 1; ; number += 1) {
    try {
      await append(buffer, [number]);
    } catch {
      return number;
    }
    drain(buffer.consumer('store'));
  }
}
