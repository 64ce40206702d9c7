/** Started with a smaller BUFFER_MAX_BYTES and a backlog, the buffer kept the files of its old size until the next start. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { drain, frameOf, numbered, range, shutDown, startedBuffer, temporaryDirectory } from '../buffer/fixture.js';

const SMALL = 256 * 1024;

function bytesOnDisk(directory: string): number {
  const segments = readdirSync(directory).filter((name) => name.startsWith('segment-'));
  return segments.reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

it('a buffer that was made smaller never gives up the space of its backlog', async () => {
  const directory = await temporaryDirectory();
  const before = await startedBuffer({ directory, settings: { maxBytes: '1MiB' } }, 'store');
  for (const number of range(1, 200)) await before.append(frameOf(numbered(number, 4000)));
  await shutDown(before);
  expect(bytesOnDisk(directory)).toBeGreaterThan(2 * SMALL);

  const after = await startedBuffer({ directory, settings: { maxBytes: String(SMALL) } }, 'store');
  const store = after.consumer('store');
  expect(drain(store)).toHaveLength(200);
  for (const number of range(201, 260)) {
    await after.append(frameOf(numbered(number, 4000)));
    drain(store);
  }
  expect(bytesOnDisk(directory)).toBeLessThanOrEqual(SMALL);
});
