import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { child, codeOf, shutDown, startedBuffer, temporaryDirectory, testBuffer } from './fixture.js';

describe('the directory', () => {
  it('is refused to a second buffer of the same process, by name and pid, until the first lets go', async () => {
    const directory = await temporaryDirectory();
    const first = await startedBuffer({ directory });
    await expect(testBuffer({ directory }).start()).rejects.toMatchObject({
      code: 'DATA_DIR_LOCKED',
      message: expect.stringMatching(`${directory}.*pid ${process.pid}`),
    });
    await shutDown(first);
    const third = await startedBuffer({ directory });
    expect(third.id).toBe(first.id);
  });

  it('is refused to a second process, and free again once the first is killed', async () => {
    const directory = await temporaryDirectory();
    const holder = child(['hold', directory]);
    await once(holder.stdout, 'data');
    expect(JSON.parse(await text(child(['open', directory]).stdout))).toBe('DATA_DIR_LOCKED');
    await expect(testBuffer({ directory }).start()).rejects.toThrow(`pid ${holder.pid}`);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(JSON.parse(await text(child(['open', directory]).stdout))).toBe('open');
  });

  it('is named with the reason when it can not be used', async () => {
    const directory = path.join(await temporaryDirectory(), 'file');
    await writeFile(directory, '');
    await expect(testBuffer({ directory }).start()).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining(directory),
    });
    expect(await codeOf(testBuffer({ directory: path.join(directory, 'below') }).start())).toBe('DATA_DIR_UNUSABLE');
  });

  it('is made with the folders above it when it is missing', async () => {
    const directory = path.join(await temporaryDirectory(), 'data', 'buffer');
    const buffer = await startedBuffer({ directory });
    expect(buffer.id).toMatch(/^[\da-f-]{36}$/);
  });
});
