import { spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type Disk, nodeDisk } from '../../src/buffer/disk.js';
import { nopBufferEvents } from '../../src/buffer/events.js';
import {
  child,
  codeOf,
  copyOf,
  drain,
  frameOf,
  numbered,
  numbersOf,
  range,
  seeded,
  shutDown,
  startedBuffer,
  temporaryDirectory,
} from './fixture.js';

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Takes `space` bytes, then reports ENOSPC, as a file system does: after it wrote what went in. */
function smallDisk(state: { space: number }): Disk {
  return {
    ...nodeDisk,
    async writev(fd, pieces, position) {
      if (pieces[0]!.length <= 32 * 1024 && state.space <= 0) throw failure('ENOSPC');
      const bytes = Buffer.concat(pieces).subarray(0, Math.max(0, state.space));
      state.space -= bytes.length;
      return nodeDisk.writev(fd, [bytes], position);
    },
  };
}

describe('disk', () => {
  it('refuses with DISK_FULL exactly the frames that found no space, and resumes by itself', async () => {
    const directory = await temporaryDirectory();
    const state = { space: Number.POSITIVE_INFINITY };
    const buffer = await startedBuffer({ directory, disk: smallDisk(state) }, 'store');
    const random = seeded(11);
    const acknowledged: number[] = [];
    const refusals: unknown[] = [];
    for (let number = 0; number < 600; number += 10) {
      state.space = random(3) === 0 ? random(8000) : Number.POSITIVE_INFINITY;
      const numbers = range(number, number + 9);
      const outcomes = numbers.map((one) => codeOf(buffer.append(frameOf(numbered(one, random(2000))))));
      for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
        if (typeof outcome === 'string') refusals.push(outcome);
        else acknowledged.push(numbers[index]!);
      }
    }
    state.space = Number.POSITIVE_INFINITY;
    expect(new Set(refusals)).toEqual(new Set(['DISK_FULL']));
    expect(refusals.length).toBeGreaterThan(50);
    expect(numbersOf(drain(buffer.consumer('store'), { release: false }))).toEqual(acknowledged);
    expect(buffer.states.slice(0, 2)).toEqual(['disk-full', 'open']);
    await shutDown(buffer);

    const again = await startedBuffer({ directory }, 'store');
    expect(numbersOf(drain(again.consumer('store')))).toEqual(acknowledged);
    expect(again.recoveries[0]).toMatchObject({ tornBytes: 0, damages: [] });
  });

  it('leaves nothing of a refused write to be found after a crash', async () => {
    const directory = await temporaryDirectory();
    const state = { space: Number.POSITIVE_INFINITY };
    const buffer = await startedBuffer({ directory, disk: smallDisk(state) }, 'store');
    await buffer.append(frameOf(numbered(1)));
    state.space = 5000;
    const refused = await Promise.all(range(10, 19).map((n) => codeOf(buffer.append(frameOf(numbered(n, 1000))))));
    expect(refused).toEqual(Array(10).fill('DISK_FULL'));
    const found = await startedBuffer({ directory: await copyOf(directory) }, 'store');
    expect(numbersOf(drain(found.consumer('store')))).toEqual([1]);
    expect(found.recoveries[0]).toMatchObject({ tornBytes: 0 });
  });

  it.each(['fdatasync', 'writev'] as const)(
    'takes nothing more after %s failed, and trusts nothing of it',
    async (broken) => {
      const directory = await temporaryDirectory();
      let fails = false;
      const check = (operation: string) => (fails && operation === broken ? Promise.reject(failure('EIO')) : undefined);
      const disk: Disk = {
        ...nodeDisk,
        fdatasync: (fd) => check('fdatasync') ?? nodeDisk.fdatasync(fd),
        writev: (...parts) => check('writev') ?? nodeDisk.writev(...parts),
      };
      const buffer = await startedBuffer({ directory, disk }, 'store');
      await buffer.append(frameOf(numbered(1)));
      fails = true;
      expect(await codeOf(buffer.append(frameOf(numbered(2))))).toBe('DISK_FAILED');
      fails = false;
      expect(await codeOf(buffer.append(frameOf(numbered(3))))).toBe('DISK_FAILED');
      expect(buffer.states).toEqual(['failed']);
      expect(numbersOf(drain(buffer.consumer('store'), { release: false }))).toEqual([1]);
      await shutDown(buffer);

      const again = await startedBuffer({ directory }, 'store');
      const { sequence } = await again.append(frameOf(numbered(4)));
      expect(sequence).toBeGreaterThan(3);
      expect(numbersOf(drain(again.consumer('store')))).toEqual(expect.arrayContaining([1, 4]));
    },
  );

  it('takes nothing more when what it acknowledged with BUFFER_SYNC=interval can not be synced', async () => {
    let fails = false;
    const fdatasync: Disk['fdatasync'] = (fd) => (fails ? Promise.reject(failure('EIO')) : nodeDisk.fdatasync(fd));
    const settings = { sync: 'interval', syncIntervalMs: '1' };
    const disk = { ...nodeDisk, fdatasync };
    const buffer = await startedBuffer({ directory: await temporaryDirectory(), disk, settings }, 'store');
    await buffer.append(frameOf(numbered(1)));
    fails = true;
    await buffer.append(frameOf(numbered(2)));
    while (buffer.stats().state !== 'failed') await new Promise(setImmediate);
    expect(await codeOf(buffer.append(frameOf(numbered(3))))).toBe('DISK_FAILED');
    fails = false;
    expect(await codeOf(buffer.append(frameOf(numbered(4))))).toBe('DISK_FAILED');
  });

  it('takes frames again when a new segment could not be opened at first', async () => {
    let fails = true;
    const open: Disk['open'] = (path, flags) =>
      fails && path.includes('segment') ? Promise.reject(failure('EMFILE')) : nodeDisk.open(path, flags);
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory, disk: { ...nodeDisk, open } }, 'store');
    expect(await codeOf(buffer.append(frameOf(numbered(1))))).toBe('DISK_FAILED');
    fails = false;
    await buffer.append(frameOf(numbered(2)));
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual([2]);
    expect(buffer.states).toEqual(['failed', 'open']);
  });

  it('acknowledges and hands out nothing before it is synced', async () => {
    let letGo = () => {};
    let holds = false;
    const fdatasync: Disk['fdatasync'] = async (fd) => {
      if (holds)
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
      return nodeDisk.fdatasync(fd);
    };
    const written: number[] = [];
    const writev: Disk['writev'] = async (...parts) => {
      const bytes = await nodeDisk.writev(...parts);
      written.push(bytes);
      return bytes;
    };
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory, disk: { ...nodeDisk, fdatasync, writev } }, 'store');
    await buffer.append(frameOf(numbered(1)));
    drain(buffer.consumer('store'));
    holds = true;
    const writes = written.length;
    let acknowledged = false;
    const append = buffer.append(frameOf(numbered(2))).then(() => {
      acknowledged = true;
    });
    while (written.length === writes) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(acknowledged).toBe(false);
    expect(buffer.consumer('store').pending().items).toBe(0);
    holds = false;
    letGo();
    await append;
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual([2]);
  });

  it('goes on when the system writes fewer bytes than it was given', async () => {
    const random = seeded(5);
    const writev: Disk['writev'] = (fd, pieces, position) => {
      const bytes = Buffer.concat(pieces);
      return nodeDisk.writev(fd, [bytes.subarray(0, 1 + random(bytes.length))], position);
    };
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory, disk: { ...nodeDisk, writev } }, 'store');
    await Promise.all(range(1, 100).map((n) => buffer.append(frameOf([numbered(n, 500)]))));
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual(range(1, 100));
  });

  it('keeps nobody from appending when the cursors can not be kept, and keeps them later', async () => {
    let fails = false;
    const errors: unknown[] = [];
    const writev: Disk['writev'] = (fd, pieces, position) =>
      fails && pieces.length === 1 ? Promise.reject(failure('ENOSPC')) : nodeDisk.writev(fd, pieces, position);
    const events = { ...nopBufferEvents, cursorsNotKept: (error: unknown) => errors.push(error) };
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory, events, disk: { ...nodeDisk, writev } }, 'store');
    const store = buffer.consumer('store');
    await buffer.append(frameOf(numbered(1)));
    fails = true;
    drain(store);
    while (errors.length === 0) await new Promise(setImmediate);
    expect(store.persistedCursor()).toBe(1);
    await buffer.append(frameOf(numbered(2)));
    fails = false;
    while (store.persistedCursor() !== 2) await new Promise(setImmediate);
    expect(errors).toHaveLength(1);
  });
});

const unshare = ['unshare', '-rm', 'sh', '-c'];
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']).status === 0;

/** The children mount a small file system over the directory, in a namespace of their own. */
describe.skipIf(!canMount)('on a small file system of its own (needs unshare and tmpfs)', () => {
  const onTmpfs = async (options: string, task: string) => {
    const directory = await temporaryDirectory();
    const mount = `mount -t tmpfs -o ${options} tmpfs ${directory} && exec "$@"`;
    const process = child([task, directory], [...unshare, mount, 'sh']);
    return JSON.parse(await text(process.stdout)) as unknown;
  };

  it('a full disk is refused with DISK_FULL, the buffer resumes, and holds exactly what it acknowledged', async () => {
    const told = (await onTmpfs('size=4m', 'fillDisk')) as Record<'refusals' | 'acknowledged' | 'found', unknown[]>;
    expect(told.refusals).toEqual(['DISK_FULL']);
    expect(told).toMatchObject({ resumed: 8 });
    expect(told.found).toEqual(told.acknowledged);
  });

  it('a read-only directory is refused with DATA_DIR_UNUSABLE', async () => {
    expect(await onTmpfs('ro', 'open')).toBe('DATA_DIR_UNUSABLE');
  });
});
