import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import {
  child,
  drain,
  isDamaged,
  numberOf,
  range,
  seeded,
  shutDown,
  startedBuffer,
  temporaryDirectory,
  whole,
} from './fixture.js';

describe('a process that is killed while it appends', () => {
  it.each(range(1, 5))('leaves every frame that it acknowledged (round %i)', async (round) => {
    const directory = await temporaryDirectory();
    const random = seeded(round);
    const acknowledged = new Map<number, number>();
    for (let life = 0; life < 2; life += 1) {
      const process = child(['appendForever', directory]);
      const until = acknowledged.size + 50 + random(1500);
      for await (const line of createInterface({ input: process.stdout })) {
        // The last line may be cut.
        if (line.endsWith(']')) acknowledged.set(...(JSON.parse(line) as [number, number]));
        if (acknowledged.size === until) process.kill('SIGKILL');
      }
      if (process.signalCode === null) await once(process, 'exit');
    }
    const buffer = await startedBuffer({ directory, settings: { maxBytes: '64MiB' } }, 'store');
    const frames = drain(buffer.consumer('store'));
    const found = new Map(whole(frames).map((frame) => [frame.sequence, numberOf(frame.payload)]));
    expect(frames.filter(isDamaged)).toEqual([]);
    expect(found.size).toBe(frames.length);
    expect([...acknowledged].filter(([sequence, number]) => found.get(sequence) !== number)).toEqual([]);
    await shutDown(buffer);
  });
});
