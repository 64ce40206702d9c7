import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/buffer/disk.js';
import {
  codeOf,
  drain,
  EVERYTHING,
  frameOf,
  numbered,
  numbersOf,
  range,
  shutDown,
  startedBuffer,
  temporaryDirectory,
  testBuffer,
} from './fixture.js';

describe('lifecycle', () => {
  it('touches nothing before it is started, and nothing when it never is', async () => {
    const directory = await temporaryDirectory();
    const buffer = testBuffer({ directory });
    const store = buffer.consumer('store');
    expect(store.next(EVERYTHING)).toBeUndefined();
    expect(store.lag()).toEqual({ bytes: 0, frames: 0, items: 0, oldestAgeMs: 0 });
    expect(buffer.stats()).toMatchObject({ bytes: 0, durableSequence: 0 });
    expect(await codeOf(buffer.append(frameOf(numbered(1))))).toBe('SHUTTING_DOWN');
    await shutDown(buffer);
    await shutDown(buffer);
    expect(await codeOf(buffer.start())).toBe('SHUTTING_DOWN');
    expect(await readdir(directory)).toEqual([]);
  });

  it('answers what is in flight when it is shut down, refuses what comes after, and leaves nothing open', async () => {
    const directory = await temporaryDirectory();
    const open = new Set<number>();
    const disk = {
      ...nodeDisk,
      open: async (path: string, flags: string) => {
        const fd = await nodeDisk.open(path, flags);
        open.add(fd);
        return fd;
      },
      close: (fd: number) => {
        open.delete(fd);
        return nodeDisk.close(fd);
      },
    };
    const buffer = await startedBuffer({ directory, disk }, 'store');
    const appends = range(1, 100).map((number) => buffer.append(frameOf(numbered(number, 3000))));
    const [first, second] = [shutDown(buffer), shutDown(buffer)];
    expect(await codeOf(buffer.append(frameOf(numbered(101))))).toBe('SHUTTING_DOWN');
    expect((await Promise.all(appends)).map((appended) => appended.sequence)).toEqual(range(1, 100));
    await Promise.all([first, second]);
    expect(open.size).toBe(0);

    const again = await startedBuffer({ directory }, 'store');
    expect(numbersOf(drain(again.consumer('store')))).toEqual(range(1, 100));
  });

  it('does not wait longer than the deadline for a disk that hangs', async () => {
    let hangs = false;
    let letGo = () => {};
    const fdatasync = async (fd: number) => {
      if (hangs)
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
      return nodeDisk.fdatasync(fd);
    };
    const buffer = await startedBuffer({ directory: await temporaryDirectory(), disk: { ...nodeDisk, fdatasync } });
    hangs = true;
    const append = buffer.append(frameOf(numbered(1)));
    await buffer.shutdown({ deadlineMs: 30 });
    hangs = false;
    letGo();
    await append;
  });

  it('waits for a start that is under way before it shuts down', async () => {
    const directory = await temporaryDirectory();
    const buffer = testBuffer({ directory });
    const starting = buffer.start();
    await Promise.all([starting, shutDown(buffer)]);
    await startedBuffer({ directory });
  });
});
