import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FrameInput } from '../../src/component.js';
import {
  createDeadLetterBox,
  type DeadLetterInput,
  type Resend,
  trimNowAndThen,
  writeDeadLetter,
} from '../../workers/dead-letters.js';

const BUFFER = '0a1b2c3d-0000-4000-8000-000000000000';
/** What the files of a letter count for, beside its payload. */
const FILES_BYTES = 8192;
let directory: string;
beforeEach(() => {
  directory = path.join(mkdtempSync(path.join(tmpdir(), 'dead-letters-')), 'dead-letter');
});
afterEach(() => rmSync(path.dirname(directory), { recursive: true, force: true }));

function letter(sequence: number, over: Partial<DeadLetterInput> = {}): DeadLetterInput {
  const frame = {
    signal: 'traces',
    encoding: 'protobuf',
    workspace: 'default',
    items: 3,
    receivedTimeUnixMs: 1,
  } as const;
  return { bufferId: BUFFER, sequence, reason: 'cannot be decoded: x', frame, payload: Buffer.from('abc'), ...over };
}

describe('the dead letters', () => {
  it('list nothing before there is any', async () => {
    expect(await createDeadLetterBox(directory).list()).toEqual([]);
  });

  it('keep the frame, its reason and its bytes', async () => {
    writeDeadLetter(directory, letter(7));
    const [found] = await createDeadLetterBox(directory).list();
    expect(found).toMatchObject({ id: '0a1b2c3d-7', sequence: 7, reason: 'cannot be decoded: x', payloadBytes: 3 });
    expect(found?.frame).toEqual(letter(7).frame);
  });

  it('hold a frame once, however often a replay buries it again', async () => {
    writeDeadLetter(directory, letter(7));
    writeDeadLetter(directory, letter(7));
    expect(await createDeadLetterBox(directory).list()).toHaveLength(1);
  });

  it('go back into the buffer on replay, as they came, and leave the box', async () => {
    writeDeadLetter(directory, letter(7));
    const appended: FrameInput[] = [];
    const box = createDeadLetterBox(directory);
    const next = {
      append: async (frame: FrameInput) => {
        appended.push(frame);
        return { sequence: 99 };
      },
    };
    expect(await box.replay('0a1b2c3d-7', next)).toBe(99);
    expect(appended).toEqual([
      { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: 3, payload: Buffer.from('abc') },
    ]);
    expect(await box.list()).toEqual([]);
  });

  it('keep the trailer byte for byte, and bring it back with the frame', async () => {
    const trailer = Buffer.concat([Buffer.from('{"audit":[{"action":"span:create"}]}'), Buffer.from([0xff, 0x00])]);
    writeDeadLetter(directory, letter(7, { trailer }));
    writeDeadLetter(directory, letter(8, { trailer: Buffer.alloc(0) }));
    const appended: FrameInput[] = [];
    const next = {
      append: async (frame: FrameInput) => {
        appended.push(frame);
        return { sequence: 99 };
      },
    };
    const box = createDeadLetterBox(directory);
    await box.replay('0a1b2c3d-7', next);
    await box.replay('0a1b2c3d-8', next);
    expect(appended.map((frame) => frame.trailer)).toEqual([trailer, undefined]);
  });

  it('stay when the buffer refuses the replay', async () => {
    writeDeadLetter(directory, letter(7));
    const box = createDeadLetterBox(directory);
    const next = {
      append: async () => {
        throw new Error('full');
      },
    };
    await expect(box.replay('0a1b2c3d-7', next)).rejects.toThrow('full');
    expect(await box.list()).toHaveLength(1);
  });

  it('that are replayed twice at once go into the buffer once, and may be replayed again when it refused', async () => {
    writeDeadLetter(directory, letter(7));
    const box = createDeadLetterBox(directory);
    let appends = 0;
    const next = {
      append: async () => {
        if (++appends === 1) throw new Error('full');
        return { sequence: 99 };
      },
    };
    const replay = () => box.replay('0a1b2c3d-7', next);
    const refused = replay();
    await expect(replay()).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(refused).rejects.toThrow('full');
    const answers = await Promise.allSettled([replay(), replay()]);
    expect(answers).toMatchObject([{ value: 99 }, { reason: { code: 'CONFLICT' } }]);
    expect(appends).toBe(2);
  });

  it('of a flood are looked after with the first of them, and then when a part of their bound has come', () => {
    const trim = vi.fn(async () => 0);
    const config = { deadLetterMaxBytes: 16_000_000 };
    const told = trimNowAndThen({ trim }, config, { deadLettersDropped() {} });
    const looks = (letters: number) => {
      for (let count = 0; count < letters; count++) told(50_000);
      return trim.mock.calls.length;
    };
    expect([looks(1), looks(10), looks(10)]).toEqual([1, 1, 2]);
  });

  it('of frames damaged on disk cannot be replayed', async () => {
    writeDeadLetter(directory, letter(7, { frame: undefined }));
    const next = { append: async () => ({ sequence: 1 }) };
    await expect(createDeadLetterBox(directory).replay('0a1b2c3d-7', next)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('answer NOT_FOUND for an id that names no letter, a path among them', async () => {
    writeDeadLetter(directory, letter(7));
    writeFileSync(path.join(path.dirname(directory), 'secret.json'), '{}');
    const box = createDeadLetterBox(directory);
    const next = { append: async () => ({ sequence: 1 }) };
    for (const id of ['0a1b2c3d-8', '../secret', '']) {
      await expect(box.replay(id, next)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await box.remove(id)).toBe(false);
    }
  });

  it('drop the oldest first when they outgrow their bound', async () => {
    for (let sequence = 1; sequence <= 5; sequence++) {
      writeDeadLetter(directory, letter(sequence, { payload: Buffer.alloc(100) }));
    }
    const box = createDeadLetterBox(directory);
    expect(await box.trim(2 * FILES_BYTES + 250)).toBe(3);
    expect((await box.list()).map(({ sequence }) => sequence)).toEqual([5, 4]);
  });
});

describe('the dead letters of exporters', () => {
  const refused = (sequence: number, exporter = 'tempo', piece = ''): DeadLetterInput =>
    letter(sequence, { exporter, piece, reason: 'HTTP 403: no' });

  it('stand beside the one of the store, and beside each other, for the same frame', async () => {
    const box = createDeadLetterBox(directory);
    writeDeadLetter(directory, letter(7));
    for (const one of [refused(7), refused(7), refused(7, 'otlp_2'), refused(7, 'tempo', '01')]) await box.add(one);
    const ids = (await box.list()).map(({ id }) => id);
    const own = '0a1b2c3d-7';
    expect(ids.sort()).toEqual([own, `${own}-otlp_2`, `${own}-tempo`, `${own}-tempo.01`]);
    expect(await box.get(`${own}-tempo.01`)).toMatchObject({ exporter: 'tempo', sequence: 7, reason: 'HTTP 403: no' });
  });

  it('are sent to their backend alone on replay, and stay while it refuses', async () => {
    const box = createDeadLetterBox(directory);
    await box.add({ ...refused(7), isUnprocessed: true });
    const nowhere = {
      append: async () => {
        throw new Error('everybody else has it');
      },
    };
    const id = '0a1b2c3d-7-tempo';
    await expect(box.replay(id, nowhere)).rejects.toMatchObject({ code: 'CONFLICT' });
    const failing = async () => {
      throw new Error('still not');
    };
    await expect(box.replay(id, nowhere, failing)).rejects.toThrow('still not');
    const sent: unknown[] = [];
    const resend: Resend = async (exporter, { payload, workspace, isUnprocessed }) => {
      sent.push([exporter, String(payload), workspace, isUnprocessed]);
    };
    expect(await box.replay(id, nowhere, resend)).toBe(7);
    expect(sent).toEqual([['tempo', 'abc', 'default', true]]);
    expect(await box.list()).toEqual([]);
  });

  it('make room before those of the store, whose content is nowhere else', async () => {
    const box = createDeadLetterBox(directory);
    writeDeadLetter(directory, letter(1));
    for (const sequence of [2, 3, 4]) await box.add(refused(sequence));
    expect(await box.trim(2 * (FILES_BYTES + 3))).toBe(2);
    expect((await box.list()).map(({ id }) => id)).toContain('0a1b2c3d-1');
  });

  it('are looked through now and then in a flood, and kept within their bound nearly', async () => {
    const box = createDeadLetterBox(directory);
    let looks = 0;
    const trim = async (maxBytes: number) => {
      looks += 1;
      return box.trim(maxBytes);
    };
    const dropped: number[] = [];
    const config = { deadLetterMaxBytes: 32 * (FILES_BYTES + 3) };
    const written = trimNowAndThen({ trim }, config, { deadLettersDropped: (count) => void dropped.push(count) });
    for (let sequence = 1; sequence <= 40; sequence++) {
      await box.add(refused(sequence));
      written(3);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(looks).toBeLessThanOrEqual(21);
    while (dropped.reduce((sum, count) => sum + count, 0) < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await box.list()).length).toBeLessThanOrEqual(34);
  });
});
