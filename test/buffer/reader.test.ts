import { open } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type DamagedFrame, readFrames, readPayloads } from '../../src/buffer/reader.js';
import type { Frame, FrameInput, FrameRange } from '../../src/component.js';
import {
  EVERYTHING,
  frameOf,
  isDamaged,
  numbered,
  range,
  seeded,
  startedBuffer,
  temporaryDirectory,
} from './fixture.js';

type Random = ReturnType<typeof seeded>;

/** Of all sizes, some of nothing, some with a trailer. */
function randomFrame(number: number, random: Random): FrameInput {
  const payload = random(8) === 0 ? Buffer.alloc(0) : numbered(number, 8 + random(400));
  const trailer = random(4) === 0 ? { trailer: Buffer.alloc(random(60), 0x7b) } : {};
  return frameOf(payload, { workspace: 'w'.repeat(random(30)), items: random(5), ...trailer });
}

async function randomRange(random: Random): Promise<FrameRange> {
  const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
  await Promise.all(range(1, 60).map((number) => buffer.append(randomFrame(number, random))));
  return buffer.consumer('store').next(EVERYTHING)!;
}

async function flip({ path, offset }: FrameRange, at: number): Promise<void> {
  const handle = await open(path, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, offset + at);
  await handle.write(Buffer.from([buffer[0]! ^ 0x10]), 0, 1, offset + at);
  await handle.close();
}

function told(frame: Frame | DamagedFrame) {
  if (isDamaged(frame)) return { ...frame, bytes: frame.bytes.toString('latin1') };
  const { trailer: _, ...rest } = frame;
  return { ...rest, payload: frame.payload.toString('latin1') };
}

describe('payloads that are read to be sent on', () => {
  it('are those of the frames, however they are damaged, and stay so while the next ones are read', async () => {
    const random = seeded(7);
    for (let round = 0; round < 40; round += 1) {
      const taken = await randomRange(random);
      for (let flips = random(4); flips > 0; flips -= 1) await flip(taken, random(taken.length));
      const memory = Buffer.alloc(taken.length + random(100), 0xaa);
      const frames: (Frame | DamagedFrame)[] = [];
      const read = [];
      for (const frame of await readPayloads(taken, memory)) {
        read.push(told(frame));
        frames.push(frame);
      }
      expect(read).toEqual([...readFrames(taken)].map(told));
      const later = frames.filter((frame) => !isDamaged(frame)).map(told);
      expect(later).toEqual(read.filter((frame) => !('damaged' in frame)));
    }
  });

  it('stand one behind the other, without a header or a trailer in between', async () => {
    const taken = await randomRange(seeded(11));
    const memory = Buffer.alloc(taken.length);
    const payloads = [...(await readPayloads(taken, memory))].map((frame) => (frame as Frame).payload);
    const whole = Buffer.concat(payloads);
    expect(whole.length).toBeGreaterThan(0);
    expect(memory.subarray(0, whole.length).equals(whole)).toBe(true);
  });
});
