import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBatchIds, makerOf, withBatchIds } from '../../src/buffer/batch-ids.js';
import { createFates, type Fates, type Told } from '../../src/buffer/fates.js';
import type { FrameRange } from '../../src/component.js';
import {
  copyOf,
  drain,
  EVERYTHING,
  frameOf,
  numbered,
  range,
  shutDown,
  type TestBuffer,
  temporaryDirectory,
  testBuffer,
} from './fixture.js';

const BUFFER_ID = '0a1b2c3d-0000-4000-8000-000000000000';
const SECRET = 'known to nobody else';
const batch = { sequence: 52, signal: 'logs', receivedTimeUnixMs: 1_700_000_000_000 } as const;

const told = (sequence: number, rest: Partial<Told> = {}): Told => ({
  sequence,
  signal: 'traces',
  workspace: 'default',
  ...rest,
});

interface Watched {
  buffer: TestBuffer;
  fates: Fates;
  lost: number;
}

const MAX_LAG_BYTES = 100_000;

/** A store, and an exporter that may lose frames. */
async function watched(directory: string, exporters: readonly string[] = ['tempo']): Promise<Watched> {
  const buffer = testBuffer({ directory });
  const fates = createFates({
    buffer,
    directory,
    notKept(error) {
      throw error;
    },
  });
  const context = { buffer, fates, lost: 0 };
  const lost = () => {
    context.lost += 1;
  };
  buffer.consumer('store');
  for (const name of exporters) {
    fates.watched().consumer(name, { overflow: { maxLagBytes: MAX_LAG_BYTES, lost } });
  }
  await buffer.start();
  await fates.start();
  onTestFinished(() => fates.shutdown({ deadlineMs: 1000 }));
  return context;
}

async function close({ buffer, fates }: Watched): Promise<void> {
  await fates.shutdown({ deadlineMs: 1000 });
  await shutDown(buffer);
}

const statesOf = (fates: Fates, sequence: number, rest?: Partial<Told>) => {
  const found = Object.entries(fates.of(told(sequence, rest)) ?? {});
  return Object.fromEntries(found.map(([name, { state }]) => [name, state]));
};

describe('ids of batches', () => {
  const ids = createBatchIds(BUFFER_ID, SECRET);
  const id = ids.make('ours', batch);

  it('tell the place, the signal and the second to the workspace that they were made for', () => {
    expect(ids.read('ours', id)).toEqual(batch);
    expect(makerOf(id)).toBe('0a1b2c3d');
    expect(id).toMatch(/^[\w-]+$/);
  });

  it("are nobody's but that workspace's, that gateway's and that place's", () => {
    expect(ids.read('theirs', id)).toBeUndefined();
    expect(ids.read('ours', id.replace('-52-', '-53-'))).toBeUndefined();
    expect(createBatchIds(BUFFER_ID, 'of another gateway').read('ours', id)).toBeUndefined();
    expect(createBatchIds(BUFFER_ID.replace('0a', '0b'), SECRET).read('ours', id)).toBeUndefined();
    for (const wrong of ['', 'x', id.slice(0, -1), `${id}0`, '0a1b2c3d-52']) {
      expect(ids.read('ours', wrong)).toBeUndefined();
      expect(makerOf(wrong)).toBeUndefined();
    }
  });

  it('come with what was appended', async () => {
    const next = withBatchIds({ append: async () => ({ sequence: 7 }) }, () => ids);
    const { batchId } = await next.append(frameOf(numbered(1), { workspace: 'ours', signal: 'metrics' }));
    expect(ids.read('ours', batchId!)).toMatchObject({ sequence: 7, signal: 'metrics' });
  });
});

describe('what became of a frame', () => {
  it('is told of each consumer: waiting, taken, done; and nothing of what was never appended', async () => {
    const { buffer, fates } = await watched(await temporaryDirectory());
    await buffer.append(frameOf(numbered(1)));
    expect(statesOf(fates, 1)).toEqual({ store: 'waiting', tempo: 'waiting' });
    const taken = buffer.consumer('tempo').next(EVERYTHING)!;
    drain(buffer.consumer('store'));
    expect(statesOf(fates, 1)).toEqual({ store: 'done', tempo: 'taken' });
    buffer.consumer('tempo').release(taken);
    expect(statesOf(fates, 1)).toEqual({ store: 'done', tempo: 'done' });
    for (const unknown of [0, 2, 1e15]) expect(fates.of(told(unknown))).toBeUndefined();
  });

  it('is known of a range that was released before one that was taken earlier', async () => {
    const { buffer, fates } = await watched(await temporaryDirectory());
    const ranges: FrameRange[] = [];
    for (const number of range(1, 3)) {
      await buffer.append(frameOf(numbered(number)));
      ranges.push(buffer.consumer('tempo').next(EVERYTHING)!);
    }
    buffer.consumer('tempo').release(ranges[1]!);
    expect(range(1, 3).map((sequence) => statesOf(fates, sequence).tempo)).toEqual(['taken', 'done', 'taken']);
  });

  it('is lost for an exporter that lagged too far, whether it had the frame or not, and only for it', async () => {
    const context = await watched(await temporaryDirectory());
    const { buffer, fates } = context;
    await buffer.append(frameOf(numbered(1, 9000)));
    buffer.consumer('tempo').next(EVERYTHING);
    for (const number of range(2, 40)) {
      await buffer.append(frameOf(numbered(number, 9000)));
      drain(buffer.consumer('store'));
    }
    expect(context.lost).toBeGreaterThan(0);
    const states = range(1, 40).map((sequence) => statesOf(fates, sequence).tempo);
    const kept = states.filter((state) => state === 'waiting').length;
    expect(kept).toBeLessThanOrEqual(Math.ceil(MAX_LAG_BYTES / 9000));
    expect(states.slice(0, -kept)).toEqual(states.slice(0, -kept).map(() => 'lost'));
    expect(statesOf(fates, 1).store).toBe('done');
    expect(fates.of(told(1))!.tempo!.exception).toMatchObject({ reason: expect.stringContaining('share') });
  });

  it('is a dead letter for the frames of one signal and workspace within its reach, until it is replayed', async () => {
    const { buffer, fates } = await watched(await temporaryDirectory());
    for (const number of range(1, 4)) await buffer.append(frameOf(numbered(number)));
    for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
    const letter = {
      kind: 'dead-letter',
      first: 1,
      last: 3,
      reason: 'HTTP 400: no',
      letter: '0a1b2c3d-1-tempo',
    } as const;
    fates.note('tempo', { ...letter, signal: 'traces', workspace: 'default' });
    expect(range(1, 4).map((sequence) => statesOf(fates, sequence).tempo)).toEqual([
      ...['dead-letter', 'dead-letter', 'dead-letter'],
      'done',
    ]);
    expect(statesOf(fates, 2, { workspace: 'other' }).tempo).toBe('done');
    expect(statesOf(fates, 2, { signal: 'logs' }).tempo).toBe('done');
    expect(statesOf(fates, 2).store).toBe('done');
    fates.replayed(letter.letter, 1);
    expect(fates.of(told(2))!.tempo!.exception).toMatchObject({ replayedAs: 1 });
  });

  it('is known after a restart, and ids of before are', async () => {
    const directory = await temporaryDirectory();
    const first = await watched(directory);
    await first.buffer.append(frameOf(numbered(1)));
    for (const name of ['store', 'tempo']) drain(first.buffer.consumer(name));
    first.fates.note('store', { kind: 'dead-letter', first: 1, last: 1, reason: 'unreadable' });
    const id = first.fates.ids.make('default', batch);
    await close(first);
    expect((await stat(path.join(directory, 'fates.json'))).mode & 0o077).toBe(0);
    const second = await watched(directory);
    expect(statesOf(second.fates, 1)).toEqual({ store: 'dead-letter', tempo: 'done' });
    expect(second.fates.ids.read('default', id)).toEqual(batch);
  });

  it('is unknown of what an exporter came after, and of what a damaged file told', async () => {
    const directory = await temporaryDirectory();
    const first = await watched(directory, []);
    await first.buffer.append(frameOf(numbered(1)));
    drain(first.buffer.consumer('store'));
    await first.buffer.append(frameOf(numbered(2)));
    await close(first);
    const second = await watched(directory);
    expect(statesOf(second.fates, 1)).toEqual({ store: 'done', tempo: 'unknown' });
    expect(statesOf(second.fates, 2)).toEqual({ store: 'waiting', tempo: 'waiting' });
    await close(second);
    await writeFile(path.join(directory, 'fates.json'), '{"secret":');
    const third = await watched(directory);
    expect(statesOf(third.fates, 1).store).toBe('unknown');
  });

  it('is not told by what became of the frames of another buffer, which stood in the folder before', async () => {
    const directory = await temporaryDirectory();
    const file = path.join(directory, 'fates.json');
    const first = await watched(directory);
    first.fates.note('store', { kind: 'dead-letter', first: 1, last: 3, reason: 'of another buffer' });
    await close(first);
    const kept = await readFile(file, 'utf8');
    expect(JSON.parse(kept).bufferId).toBe(first.buffer.id);
    await writeFile(file, kept.replace(first.buffer.id, BUFFER_ID));
    const second = await watched(directory);
    await second.buffer.append(frameOf(numbered(1)));
    expect(statesOf(second.fates, 1)).toEqual({ store: 'waiting', tempo: 'waiting' });
    await close(second);
    expect(await readFile(file, 'utf8')).not.toContain('of another buffer');
  });

  it('is not done of what came while the exporter was not there, whether it went at a start or in between', async () => {
    const directory = await temporaryDirectory();
    const one = async (number: number, { buffer }: Watched) => {
      await buffer.append(frameOf(numbered(number)));
      for (const name of Object.keys(buffer.progress())) drain(buffer.consumer(name));
    };
    for (const [number, exporters] of [
      [1, ['tempo', 'jaeger']],
      [2, ['jaeger']],
    ] as const) {
      const context = await watched(directory, exporters);
      await one(number, context);
      await close(context);
    }
    const third = await watched(directory, ['tempo', 'jaeger']);
    await one(3, third);
    expect(range(1, 3).map((sequence) => statesOf(third.fates, sequence).tempo)).toEqual([
      'unknown',
      'unknown',
      'done',
    ]);
    third.fates.watched().removeConsumer('jaeger');
    third.fates.note('jaeger', { kind: 'dead-letter', first: 3, last: 3, reason: 'refused when it was gone' });
    await one(4, third);
    third.fates.watched().consumer('jaeger', { from: 'now' });
    await one(5, third);
    await close(third);
    const { fates } = await watched(directory, ['tempo', 'jaeger']);
    const states = range(1, 5).map((sequence) => statesOf(fates, sequence));
    expect(states.map(({ jaeger }) => jaeger)).toEqual([...Array(4).fill('unknown'), 'done']);
    expect(states.map(({ tempo }) => tempo)).toEqual(['unknown', 'unknown', 'done', 'done', 'done']);
  });

  it('is unknown of the end of a buffer that was not closed', async () => {
    const directory = await temporaryDirectory();
    const first = await watched(directory);
    await first.buffer.append(frameOf(numbered(1)));
    const crashed = await watched(await copyOf(directory));
    const { passedOver } = crashed.buffer;
    expect(passedOver).toMatchObject({ first: 2 });
    expect(statesOf(crashed.fates, 2)).toEqual({ store: 'unknown', tempo: 'unknown' });
    expect(statesOf(crashed.fates, 1)).toEqual({ store: 'waiting', tempo: 'waiting' });
    await crashed.buffer.append(frameOf(numbered(2)));
    expect(statesOf(crashed.fates, passedOver!.last + 1).store).toBe('waiting');
  });

  it('is remembered of the last exceptions alone: what is before is not taken for done', async () => {
    const { buffer, fates } = await watched(await temporaryDirectory());
    for (const number of range(1, 1010)) await buffer.append(frameOf(numbered(number, 8)));
    for (const name of ['store', 'tempo']) drain(buffer.consumer(name));
    for (const first of range(1, 1001)) {
      fates.note('tempo', { kind: 'dead-letter', first, last: first, reason: `no ${first}` });
    }
    expect([1, 2, 1001, 1002].map((sequence) => statesOf(fates, sequence).tempo)).toEqual([
      ...['unknown', 'dead-letter', 'dead-letter'],
      'done',
    ]);
    expect(statesOf(fates, 1).store).toBe('done');
  });

  it('one row of losses is one exception in the file, which is not there before the start', async () => {
    const directory = await temporaryDirectory();
    expect(existsSync(path.join(directory, 'fates.json'))).toBe(false);
    const context = await watched(directory);
    for (const number of range(1, 60)) {
      await context.buffer.append(frameOf(numbered(number, 9000)));
      drain(context.buffer.consumer('store'));
    }
    await close(context);
    const kept = JSON.parse(await readFile(path.join(directory, 'fates.json'), 'utf8'));
    expect(context.lost).toBeGreaterThan(1);
    expect(kept.consumers.tempo.exceptions).toHaveLength(1);
    expect(kept.consumers.tempo.exceptions[0]).toMatchObject({ kind: 'lost', first: 1 });
  });
});
