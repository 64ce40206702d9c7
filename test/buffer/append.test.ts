import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Frame, FrameInput } from '../../src/component.js';
import {
  codeOf,
  drain,
  frameOf,
  numbered,
  numbersOf,
  range,
  seeded,
  shutDown,
  startedBuffer,
  takeAll,
  temporaryDirectory,
  testBuffer,
  whole,
} from './fixture.js';

const SIGNALS = ['traces', 'logs', 'metrics'] as const;
const ENCODINGS = ['protobuf', 'json'] as const;
const WORKSPACES = ['default', 'a', 'größer-als-ascii', 'x'.repeat(1024)];

function randomFrame(random: (below: number) => number, number: number): FrameInput {
  const payload = numbered(number, random(random(4) === 0 ? 40_000 : 600));
  const cut = random(payload.length);
  return {
    signal: SIGNALS[random(3)]!,
    encoding: ENCODINGS[random(2)]!,
    workspace: WORKSPACES[random(4)]!,
    items: random(1000),
    payload: random(3) === 0 ? [payload.subarray(0, cut), payload.subarray(cut)] : payload,
  };
}

describe('append', () => {
  it('acknowledges in the order in which frames came, with ascending sequences, many in one group', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() });
    const acknowledged: number[] = [];
    const appends = range(1, 300).map(async (number) => {
      const { sequence } = await buffer.append(frameOf(numbered(number)));
      expect(sequence).toBe(number);
      acknowledged.push(number);
    });
    await Promise.all(appends);
    expect(acknowledged).toEqual(range(1, 300));
    expect(buffer.groups.length).toBeLessThan(20);
    expect(buffer.groups.reduce((sum, frames) => sum + frames)).toBe(300);
    expect(buffer.stats()).toMatchObject({ frames: 300, items: 300, durableSequence: 300, pendingAppends: 0 });
  });

  it('keeps every field and the order of random frames over restarts', async () => {
    const directory = await temporaryDirectory();
    const random = seeded(20_240_501);
    let number = 0;
    for (let round = 0; round < 8; round += 1) {
      const buffer = await startedBuffer({ directory, settings: { maxBytes: '8MiB' } }, 'store');
      const sent = Array.from({ length: 40 + random(40) }, () => randomFrame(random, number++));
      const sequences = await Promise.all(sent.map((frame) => buffer.append(frame)));
      await shutDown(buffer);

      const again = await startedBuffer({ directory, settings: { maxBytes: '8MiB' } }, 'store');
      const found = drain(again.consumer('store')) as Frame[];
      expect(found.map(plain)).toEqual(sent.map((frame, index) => plain({ ...frame, ...sequences[index]! })));
      await shutDown(again);
    }
  });

  it('writes the circle over many times behind a slow consumer, and loses and repeats nothing', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory }, 'slow');
    const slow = buffer.consumer('slow');
    const random = seeded(7);
    const found: number[] = [];
    let number = 0;
    while (number < 4000) {
      const batch = range(number, number + random(30));
      number += batch.length;
      await Promise.all(batch.map((one) => buffer.append(frameOf(numbered(one, random(3000))))));
      if (buffer.stats().bytes > 700_000) found.push(...numbersOf(drain(slow)));
    }
    found.push(...numbersOf(drain(slow)));
    expect(found).toEqual(range(0, number - 1));
    expect(buffer.states).toEqual([]);
    const files = (await readdir(directory)).filter((name) => name.startsWith('segment'));
    const sizes = await Promise.all(files.map(async (name) => (await stat(path.join(directory, name))).size));
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(2 ** 20);
  });

  it('refuses with BUFFER_FULL while a consumer holds the oldest segment, and takes more once it lets go', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'fast', 'slow');
    const acknowledged: number[] = [];
    for (let number = 0; buffer.stats().state === 'open'; number += 1) {
      const outcome = await codeOf(buffer.append(frameOf(numbered(number, 9000))));
      if (outcome === 'BUFFER_FULL') break;
      acknowledged.push(number);
    }
    drain(buffer.consumer('fast'));
    await expect(buffer.append(frameOf(numbered(1)))).rejects.toMatchObject({
      code: 'BUFFER_FULL',
      retryable: true,
      retryAfterMs: 1000,
    });
    expect(acknowledged.length * 9000).toBeGreaterThan(800_000);

    expect(numbersOf(drain(buffer.consumer('slow')))).toEqual(acknowledged);
    await buffer.append(frameOf(numbered(5, 9000)));
    expect(numbersOf(drain(buffer.consumer('slow')))).toEqual([5]);
    expect(buffer.states).toEqual(['full', 'open']);
  });

  it('refuses a frame larger than a segment for good, and takes the largest that it promises', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    await expect(buffer.append(frameOf(Buffer.alloc(70_000)))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      retryable: false,
    });
    await buffer.append(frameOf(numbered(1, 40_000), { workspace: 'x'.repeat(1024) }));
    expect(numbersOf(drain(buffer.consumer('store')))).toEqual([1]);
    expect(await codeOf(buffer.append(frameOf(numbered(1), { workspace: 'x'.repeat(1025) })))).toBe('BAD_REQUEST');
  });

  it('refuses with OVERLOADED what would wait in more memory than configured', async () => {
    const directory = await temporaryDirectory();
    const buffer = await startedBuffer({ directory, settings: { maxPendingBytes: '100KiB' } });
    const outcomes = await Promise.all(range(1, 10).map((n) => codeOf(buffer.append(frameOf(numbered(n, 30_000))))));
    expect(outcomes.filter((outcome) => outcome === 'OVERLOADED')).toHaveLength(7);
    expect(buffer.stats()).toMatchObject({ frames: 3, pendingAppends: 0, pendingBytes: 0 });
    await buffer.append(frameOf(numbered(1)));
  });

  it('keeps frames of no bytes and no items', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    await buffer.append(frameOf([], { items: 0 }));
    await buffer.append(frameOf(Buffer.alloc(0), { items: 0 }));
    expect(drain(buffer.consumer('store'))).toMatchObject([
      { sequence: 1, items: 0, payload: Buffer.alloc(0) },
      { sequence: 2, items: 0, payload: Buffer.alloc(0) },
    ]);
  });

  it.each(['interval', 'off'])('with BUFFER_SYNC=%s keeps what it acknowledged over a restart', async (sync) => {
    const directory = await temporaryDirectory();
    const settings = { sync, syncIntervalMs: '1', maxBytes: '4MiB' };
    const buffer = await startedBuffer({ directory, settings }, 'store');
    for (const batch of range(0, 29)) {
      await Promise.all(range(1, 10).map((n) => buffer.append(frameOf(numbered(batch * 10 + n, 9000)))));
    }
    await shutDown(buffer);
    const again = await startedBuffer({ directory, settings }, 'store');
    expect(numbersOf(drain(again.consumer('store')))).toEqual(range(1, 300));
  });

  it('says which settings to change when the ring is too small for its largest frame', async () => {
    const directory = await temporaryDirectory();
    expect(() => testBuffer({ directory, maxFrameBytes: 400_000 })).toThrow(/BUFFER_MAX_BYTES.*MAX_BODY_BYTES/);
    expect(() => testBuffer({ directory, maxFrameBytes: 400_000 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it('works on in a ring that was made larger or smaller by the settings', async () => {
    const directory = await temporaryDirectory();
    const random = seeded(3);
    let number = 0;
    for (const maxBytes of ['4MiB', '1MiB', '8MiB', '1MiB', '2MiB']) {
      const buffer = await startedBuffer({ directory, settings: { maxBytes } }, 'store');
      const held = numbersOf(drain(buffer.consumer('store')));
      const from = number - held.length;
      expect(held).toEqual(range(from, number - 1));
      for (let batch = 0; batch < 60; batch += 1) {
        for (const one of takeAll(buffer.consumer('store'))) buffer.consumer('store').release(one);
        const next = range(number, number + 9);
        await Promise.all(next.map((one) => buffer.append(frameOf(numbered(one, random(6000))))));
        number += 10;
      }
      await shutDown(buffer);
    }
    const files = (await readdir(directory)).filter((name) => name.startsWith('segment'));
    expect(files.length).toBeLessThanOrEqual(16);
  });
});

function plain(frame: FrameInput & { sequence: number }) {
  const { sequence, signal, encoding, workspace, items, payload } = frame;
  const bytes = payload instanceof Uint8Array ? payload : Buffer.concat(payload);
  return { sequence, signal, encoding, workspace, items, payload: Buffer.from(bytes).toString('latin1') };
}

describe('a trailer', () => {
  it('comes back beside the payload, apart from it', async () => {
    const buffer = await startedBuffer({ directory: await temporaryDirectory() }, 'store');
    const consumer = buffer.consumer('store');
    const trailer = Buffer.from('{"audit":[]}');
    await buffer.append(frameOf([Buffer.from('first '), Buffer.from('second')], { trailer }));
    await buffer.append(frameOf(Buffer.alloc(0), { trailer, items: 0, encoding: 'json' }));
    await buffer.append(frameOf(Buffer.from('bare'), { trailer: Buffer.alloc(0) }));
    const frames = whole(drain(consumer));
    expect(
      frames.map(({ payload, trailer: read, encoding }) => [payload.toString(), read.toString(), encoding]),
    ).toEqual([
      ['first second', '{"audit":[]}', 'protobuf'],
      ['', '{"audit":[]}', 'json'],
      ['bare', '', 'protobuf'],
    ]);
  });
});
