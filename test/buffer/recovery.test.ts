import { open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { headerBytesOf } from '../../src/buffer/frame.js';
import { readFrames } from '../../src/buffer/reader.js';
import { SEGMENT_HEADER_BYTES } from '../../src/buffer/segment.js';
import {
  codeOf,
  copyOf,
  drain,
  EVERYTHING,
  frameOf,
  isDamaged,
  numbered,
  numbersOf,
  range,
  seeded,
  shutDown,
  startedBuffer,
  type TestBuffer,
  temporaryDirectory,
  whole,
} from './fixture.js';

const PAYLOAD_BYTES = 1000;
const HEADER_BYTES = headerBytesOf('default'.length, PAYLOAD_BYTES);
const FRAME_BYTES = HEADER_BYTES + PAYLOAD_BYTES;
/** Where the frame of that number (0, 1, …) begins in the first segment. */
const offsetOf = (number: number) => SEGMENT_HEADER_BYTES + number * FRAME_BYTES;

async function append(buffer: TestBuffer, numbers: number[]): Promise<void> {
  await Promise.all(numbers.map((number) => buffer.append(frameOf(numbered(number, PAYLOAD_BYTES)))));
}

/** A directory with frames of equal size, none of them released: what a process left that was killed. */
async function directoryOf(numbers: number[]): Promise<string> {
  const directory = await temporaryDirectory();
  const buffer = await startedBuffer({ directory }, 'store');
  await append(buffer, numbers);
  await shutDown(buffer);
  await forgetOrderlyEnd(directory);
  return directory;
}

/** As if the process had been killed: without its last write of the cursors. */
async function forgetOrderlyEnd(directory: string): Promise<void> {
  const file = path.join(directory, 'cursors');
  const text = await readFile(file, 'latin1');
  const orderly = text.indexOf('nextSequence');
  expect(orderly).toBeGreaterThan(0);
  await overwrite(file, orderly, Buffer.from('X'));
}

async function segments(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('segment')).sort();
  return names.map((name) => path.join(directory, name));
}

async function overwrite(file: string, offset: number, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, offset);
  await handle.close();
}

async function flip(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  await handle.write(Buffer.from([byte[0]! ^ 0x10]), 0, 1, offset);
  await handle.close();
}

describe('recovery', () => {
  describe.each([
    ['cut off within its payload', (file: string, end: number) => truncate(file, end - 100)],
    ['cut off within its header', (file: string, end: number) => truncate(file, end - PAYLOAD_BYTES - 20)],
    ['zero from its middle on', (file: string, end: number) => overwrite(file, end - 500, Buffer.alloc(500))],
    ['zero altogether', (file: string, end: number) => overwrite(file, end - FRAME_BYTES, Buffer.alloc(FRAME_BYTES))],
    ['garbage from its middle on', (file: string, end: number) => overwrite(file, end - 500, Buffer.alloc(3000, 'ab'))],
    ['garbage altogether', (file: string, end: number) => overwrite(file, end - FRAME_BYTES, Buffer.alloc(5000, 'zq'))],
  ])('of a last frame that is %s', (_, tear) => {
    it('keeps all frames before it, and writes on behind them', async () => {
      const directory = await directoryOf(range(0, 9));
      const [file] = await segments(directory);
      await tear(file!, offsetOf(10));

      const buffer = await startedBuffer({ directory }, 'store');
      expect(buffer.recoveries[0]).toMatchObject({ frames: 9, damages: [] });
      await append(buffer, range(100, 119));
      expect(numbersOf(drain(buffer.consumer('store'), { release: false }))).toEqual([
        ...range(0, 8),
        ...range(100, 119),
      ]);
      await shutDown(buffer);

      const again = await startedBuffer({ directory }, 'store');
      const found = drain(again.consumer('store'));
      expect(numbersOf(found)).toEqual([...range(0, 8), ...range(100, 119)]);
      expect(found.filter(isDamaged)).toEqual([]);
      expect(again.recoveries[0]).toMatchObject({ tornBytes: 0, damages: [] });
    });
  });

  it('reports how much it cut off', async () => {
    const directory = await directoryOf(range(0, 9));
    const [file] = await segments(directory);
    await overwrite(file!, offsetOf(10) - 500, Buffer.alloc(500));
    const buffer = await startedBuffer({ directory }, 'store');
    expect(buffer.recoveries[0]).toMatchObject({ tornBytes: FRAME_BYTES, tornPath: file });
  });

  it('takes the rest of torn frames away, so that they are not found behind what is written there next', async () => {
    const directory = await directoryOf(range(0, 9));
    const [file] = await segments(directory);
    for (const number of [7, 8, 9]) await flip(file!, offsetOf(number) + HEADER_BYTES);
    const buffer = await startedBuffer({ directory }, 'store');
    expect(buffer.recoveries[0]).toMatchObject({ frames: 7, tornBytes: 3 * FRAME_BYTES });
    await append(buffer, [100]);

    const again = await startedBuffer({ directory: await copyOf(directory) }, 'store');
    expect(numbersOf(drain(again.consumer('store')))).toEqual([...range(0, 6), 100]);
    expect(again.recoveries[0]).toMatchObject({ tornBytes: 0, damages: [] });
  });

  it.each([
    ['payload', HEADER_BYTES + 100, 'payload checksum'],
    ['length', 17, 'no frame header'],
    ['sequence', 24, 'no frame header'],
    ['marker', 3, 'no frame header'],
    ['workspace length', 43, 'no frame header'],
  ])('steps over a frame with a flipped byte in its %s, and over nothing else', async (_, byte, reason) => {
    const directory = await directoryOf(range(0, 9));
    const [file] = await segments(directory);
    await flip(file!, offsetOf(4) + byte);

    const buffer = await startedBuffer({ directory }, 'store');
    const place = { firstSequence: 5, lastSequence: 5 };
    expect(buffer.recoveries[0]).toMatchObject({
      frames: 9,
      tornBytes: 0,
      damages: [{ path: file, offset: offsetOf(4), bytes: FRAME_BYTES, ...place, reason }],
    });
    const found = drain(buffer.consumer('store'));
    expect(numbersOf(found)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
    expect(found.filter(isDamaged)).toMatchObject([{ damaged: true, ...place }]);
    expect(found.filter(isDamaged)[0]!.bytes).toHaveLength(FRAME_BYTES);
  });

  it('steps over damage at the head of a segment and over several frames in a row', async () => {
    const directory = await directoryOf(range(0, 19));
    const [file] = await segments(directory);
    for (const number of [0, 7, 8, 9]) await flip(file!, offsetOf(number) + 16);
    await flip(file!, offsetOf(10) + HEADER_BYTES);

    const buffer = await startedBuffer({ directory }, 'store');
    const found = drain(buffer.consumer('store'));
    expect(numbersOf(found)).toEqual([...range(1, 6), ...range(11, 19)]);
    expect(found.filter(isDamaged)).toMatchObject([
      { firstSequence: 1, lastSequence: 1 },
      { firstSequence: 8, lastSequence: 10 },
      { firstSequence: 11, lastSequence: 11, workspace: 'default', signal: 'traces', items: 1 },
    ]);
    expect(buffer.recoveries[0]).toMatchObject({ damagedPlaces: 3, tornBytes: 0 });
  });

  it('hands a byte that flips while the buffer is open to the reader as damage, without losing its neighbours', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store');
    await append(buffer, range(0, 9));
    const [file] = await segments(directory);
    for (const at of [offsetOf(0) + 16, offsetOf(5) + HEADER_BYTES, offsetOf(9)]) await flip(file!, at);
    const found = drain(buffer.consumer('store'));
    expect(numbersOf(found)).toEqual([1, 2, 3, 4, 6, 7, 8]);
    expect(found.filter(isDamaged).map((one) => [one.firstSequence, one.lastSequence])).toEqual([
      [1, 1],
      [6, 6],
      [10, 10],
    ]);
  });

  it('reports the last frames of an older segment as damaged, not as torn', async () => {
    const directory = await directoryOf(range(0, 99));
    const [file] = await segments(directory);
    const lastInFirst = Math.floor((65_536 - SEGMENT_HEADER_BYTES) / FRAME_BYTES) - 1;
    await flip(file!, offsetOf(lastInFirst) + HEADER_BYTES + 9);

    const buffer = await startedBuffer({ directory }, 'store');
    const found = drain(buffer.consumer('store'));
    expect(numbersOf(found)).toEqual(range(0, 99).filter((number) => number !== lastInFirst));
    const place = { firstSequence: lastInFirst + 1, lastSequence: lastInFirst + 1 };
    expect(found.filter(isDamaged)).toMatchObject([place]);
    expect(buffer.recoveries[0]).toMatchObject({ tornBytes: 0, damages: [place] });
  });

  it('reports frames that are missing at the end of an older segment', async () => {
    const directory = await directoryOf(range(0, 99));
    const [file] = await segments(directory);
    await truncate(file!, offsetOf(40));
    const buffer = await startedBuffer({ directory }, 'store');
    const firstOfSecond = Math.floor((65_536 - SEGMENT_HEADER_BYTES) / FRAME_BYTES);
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual([...range(0, 39), ...range(firstOfSecond, 99)]);
    expect(buffer.recoveries[0]!.damages).toMatchObject([{ firstSequence: 41, lastSequence: firstOfSecond }]);
  });

  it.each([
    ['the first copy', [20]],
    ['both copies', [20, 4096 + 50]],
  ])('reads a segment with a flipped byte in %s of its header', async (_, offsets) => {
    const directory = await directoryOf(range(0, 99));
    const [file] = await segments(directory);
    for (const offset of offsets) await flip(file!, offset);
    const buffer = await startedBuffer({ directory }, 'store');
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual(range(0, 99));
    expect(buffer.recoveries[0]!.damages).toHaveLength(offsets.length - 1);
  });

  it('keeps its id when the file with it is damaged or gone, and refuses segments of another buffer', async () => {
    const directory = await directoryOf(range(0, 9));
    const meta = path.join(directory, 'meta.json');
    const { id } = JSON.parse(await readFile(meta, 'utf8')) as { id: string };
    for (const damage of [() => rm(meta), () => writeFile(meta, '{"id":')]) {
      await damage();
      const buffer = await startedBuffer({ directory }, 'store');
      expect(buffer.id).toBe(id);
      expect(numbersOf(drain(buffer.consumer('store'), { release: false }))).toEqual(range(0, 9));
      await shutDown(buffer);
    }
    await writeFile(meta, JSON.stringify({ id: '00000000-0000-4000-8000-000000000000' }));
    expect(await codeOf(startedBuffer({ directory }))).toBe('DATA_DIR_UNUSABLE');
  });

  it('gives no sequence twice, though the frames that had it are gone', async () => {
    const directory = await directoryOf(range(0, 9));
    const [file] = await segments(directory);
    await truncate(file!, offsetOf(3));
    const buffer = await startedBuffer({ directory }, 'store');
    const { sequence } = await buffer.append(frameOf(numbered(10)));
    expect(sequence).toBeGreaterThan(10);
    expect(whole(drain(buffer.consumer('store'))).map((frame) => frame.sequence)).toEqual([1, 2, 3, sequence]);
  });

  it('goes on with the next sequence after an orderly end', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store');
    await append(buffer, range(1, 5));
    await shutDown(buffer);
    const again = await startedBuffer({ directory }, 'store');
    expect(await again.append(frameOf(numbered(6)))).toEqual({ sequence: 6 });
  });

  it('takes a payload that looks like frames for a payload, even behind damage', async () => {
    const directory = await directoryOf(range(0, 5));
    const [file] = await segments(directory);
    const copied = (await readFile(file!)).subarray(0, offsetOf(6));
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    await buffer.append(frameOf(copied));
    await buffer.append(frameOf(numbered(77)));
    const taken = buffer.consumer('store').next(EVERYTHING)!;
    await flip(taken.path, taken.offset + 16);
    expect(numbersOf([...readFrames(taken)])).toEqual([77]);
  });

  it('finds nothing of earlier rounds in files that were written over', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'store');
    const store = buffer.consumer('store');
    const random = seeded(17);
    for (let number = 0; number < 3000; number += 50) {
      await append(buffer, range(number, number + 49));
      if (random(5) > 0) drain(store);
      const copy = await copyOf(directory);
      const found = await startedBuffer({ directory: copy }, 'store');
      const numbers = numbersOf(drain(found.consumer('store')));
      expect(numbers).toEqual(range(number + 50 - numbers.length, number + 49));
      expect(numbers.length).toBeGreaterThanOrEqual(store.lag().frames);
      expect(found.recoveries[0]).toMatchObject({ tornBytes: 0, damages: [] });
      await shutDown(found);
    }
  });

  it('never throws and never invents a frame, wherever bytes are flipped', async () => {
    const random = seeded(99);
    for (let round = 0; round < 15; round += 1) {
      const directory = await directoryOf(range(0, 99));
      const files = await segments(directory);
      const flips = 1 + random(6);
      for (let count = 0; count < flips; count += 1) await flip(files[random(files.length)]!, random(65_536));
      const buffer = await startedBuffer({ directory }, 'store');
      const numbers = numbersOf(drain(buffer.consumer('store')));
      expect(numbers.length).toBeGreaterThanOrEqual(100 - flips);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      await append(buffer, range(200, 209));
      expect(numbersOf(drain(buffer.consumer('store')))).toEqual(range(200, 209));
      await shutDown(buffer);
    }
  });

  it('reads frames that are larger than one window of the scan, and many that are cut by its edges', async () => {
    const directory = await temporaryDirectory();
    const large = { directory, maxFrameBytes: 10 * 2 ** 20, settings: { maxBytes: '64MiB' } };
    const buffer = await startedBuffer(large, 'store');
    const sizes = [9 * 2 ** 20, 100, 4 * 2 ** 20, 5 * 2 ** 20, ...Array.from({ length: 300 }, (_, i) => 40_000 + i)];
    for (const [number, size] of sizes.entries()) await buffer.append(frameOf(numbered(number, size)));
    await shutDown(buffer);
    const files = await segments(directory);
    // Loses the header of a frame of the second window, so that the search for the next one crosses windows as well.
    await flip(files[0]!, SEGMENT_HEADER_BYTES + 16);
    const again = await startedBuffer(large, 'store');
    expect(again.recoveries[0]).toMatchObject({ frames: sizes.length - 1, damagedPlaces: 1 });
    expect(numbersOf(drain(again.consumer('store')))).toEqual(range(1, sizes.length - 1));
  });
});
