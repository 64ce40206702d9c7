/** Many small dead letters could not be listed (a file each, all at once), and were never too many for their folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Appender } from '../../src/component.js';
import { createDeadLetterBox, deadLetterId, writeDeadLetter } from '../../workers/dead-letters.js';

const BUFFER = '0a1b2c3d-0000-4000-8000-000000000000';
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'dead-letters-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function bury(sequence: number): void {
  const frame = { signal: 'logs', encoding: 'protobuf', workspace: 'lab', items: 1, receivedTimeUnixMs: 1 } as const;
  writeDeadLetter(directory, { bufferId: BUFFER, sequence, reason: 'x', frame, payload: Buffer.alloc(0) });
}

describe('dead letters', () => {
  it('without a payload fill the disk past their bound', async () => {
    for (let sequence = 1; sequence <= 100; sequence++) bury(sequence);
    const box = createDeadLetterBox(directory);
    expect(await box.trim(64 * 1024)).toBe(92);
    expect((await box.list()).map(({ sequence }) => sequence)).toEqual([100, 99, 98, 97, 96, 95, 94, 93]);
  });

  it('are trimmed by several at once, and counted twice', async () => {
    for (let sequence = 1; sequence <= 20; sequence++) bury(sequence);
    const box = createDeadLetterBox(directory);
    const dropped = await Promise.all([box.trim(0), box.trim(0), box.trim(0)]);
    expect(dropped.reduce((sum, count) => sum + count)).toBe(20);
  });

  it('are stored twice when two ask for their replay at once', async () => {
    bury(1);
    const box = createDeadLetterBox(directory);
    let appended = 0;
    const next: Appender = { append: async () => ({ sequence: ++appended }) };
    const id = deadLetterId(BUFFER, 1);
    const replays = await Promise.allSettled([box.replay(id, next), box.replay(id, next)]);
    expect(replays.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(replays[1]).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect(appended).toBe(1);
  });
});
