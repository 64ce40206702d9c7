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
  startedBuffer,
  type TestBuffer,
  temporaryDirectory,
  whole,
} from './fixture.js';

/** Runs a process until it has acknowledged so many frames, and kills it. Adds [sequence, number] of each. */
async function killAfter(task: string, directory: string, frames: number, told: Map<number, number>): Promise<void> {
  const process = child([task, directory]);
  const until = told.size + frames;
  for await (const line of createInterface({ input: process.stdout })) {
    // The last line may be cut.
    if (line.endsWith(']')) told.set(...(JSON.parse(line) as [number, number]));
    if (told.size === until) process.kill('SIGKILL');
  }
  if (process.signalCode === null) await once(process, 'exit');
}

/** What was acknowledged from that sequence on, and isn't there, or isn't what it was. */
function missing(buffer: TestBuffer, told: Map<number, number>, from: number): [number, number][] {
  const frames = drain(buffer.consumer('store'));
  expect(frames.filter(isDamaged)).toEqual([]);
  const found = new Map(whole(frames).map((frame) => [frame.sequence, numberOf(frame.payload)]));
  expect(found.size).toBe(frames.length);
  return [...told].filter(([sequence, number]) => sequence >= from && found.get(sequence) !== number);
}

describe('a process that is killed while it appends', () => {
  it.each(range(1, 5))('leaves every frame that it acknowledged (round %i)', async (round) => {
    const directory = await temporaryDirectory();
    const random = seeded(round);
    const told = new Map<number, number>();
    await killAfter('appendForever', directory, 50 + random(1500), told);
    await killAfter('appendForever', directory, 50 + random(800), told);
    const buffer = await startedBuffer({ directory, settings: { maxBytes: '64MiB' } }, 'store');
    expect(missing(buffer, told, 1)).toEqual([]);
  });

  it.each(range(1, 3))(
    'leaves what its consumer was not done with, in files written over (round %i)',
    async (round) => {
      const directory = await temporaryDirectory();
      const told = new Map<number, number>();
      await killAfter('appendAndDrainForever', directory, 500 + seeded(round + 50)(2000), told);
      const buffer = await startedBuffer({ directory }, 'store');
      expect(missing(buffer, told, buffer.consumer('store').persistedCursor())).toEqual([]);
      expect(buffer.recoveries[0]!.damages).toEqual([]);
    },
  );
});
