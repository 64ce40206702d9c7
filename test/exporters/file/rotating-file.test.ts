import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotatingFile, type RotatingFileOptions } from '../../../exporters/file/rotating-file.js';
import { type Disk, nodeDisk } from '../../../src/buffer/disk.js';

let directory: string;
let file: string;
let opened: RotatingFile[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'file-exporter-'));
  file = path.join(directory, 'audit.ndjson');
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  rmSync(directory, { recursive: true, force: true });
});

const CONFIG: RotatingFileOptions['config'] = {
  maxBytes: 1000,
  maxAgeMs: 0,
  maxFiles: 3,
  sync: 'always',
  syncIntervalMs: 1,
};

function create(config: Partial<RotatingFileOptions['config']> = {}, rest: Partial<RotatingFileOptions> = {}) {
  const created = new RotatingFile({ path: file, config: { ...CONFIG, ...config }, ...rest });
  opened.push(created);
  return created;
}

const line = (text: string) => Buffer.from(text);
const names = () => readdirSync(directory).sort();
const linesOf = (name: string) => readFileSync(path.join(directory, name), 'utf8').split('\n').slice(0, -1);
/** Of all files, the oldest first: `-` sorts before `.`. */
const allLines = () => names().flatMap(linesOf);

/** A disk of which one operation fails when it is told to. */
function failingDisk() {
  const disk = { ...nodeDisk, fail: {} as Partial<Record<keyof Disk, string>>, calls: [] as string[] };
  const failed = (operation: keyof Disk) => {
    disk.calls.push(operation);
    const code = disk.fail[operation];
    return code && Object.assign(new Error(`${code}: no luck`), { code });
  };
  disk.fdatasync = async (fd) => {
    const error = failed('fdatasync');
    if (error) throw error;
    await nodeDisk.fdatasync(fd);
  };
  // What a full disk does: some of it is written.
  disk.writev = async (fd, pieces, position) => {
    const error = failed('writev');
    if (!error) return nodeDisk.writev(fd, pieces, position);
    await nodeDisk.writev(fd, [pieces[0]!.subarray(0, 3)], position);
    throw error;
  };
  disk.ftruncate = async (fd, length) => {
    const error = failed('ftruncate');
    if (error) throw error;
    await nodeDisk.ftruncate(fd, length);
  };
  return disk;
}

describe('lines', () => {
  it('of several at once are lost, or out of order', async () => {
    const audit = create({ maxBytes: 1 << 20 });
    const texts = Array.from({ length: 50 }, (_, n) => `{"n":${n}}`);
    await Promise.all(texts.map((text) => audit.append(line(text))));
    expect(linesOf('audit.ndjson')).toEqual(texts);
  });

  it('that wait are synced one by one', async () => {
    const disk = failingDisk();
    const audit = create({}, { disk });
    await Promise.all(Array.from({ length: 20 }, () => audit.append(line('x'))));
    expect(disk.calls.filter((call) => call === 'fdatasync').length).toBeLessThan(5);
  });

  it('are acknowledged before they are synced', async () => {
    const disk = failingDisk();
    await create({}, { disk }).append(line('x'));
    expect(disk.calls).toEqual(['writev', 'fdatasync']);
  });

  it('are synced although nobody asked for it', async () => {
    const disk = failingDisk();
    const audit = create({ sync: 'off' }, { disk });
    await audit.append(line('x'));
    await audit.close();
    expect(disk.calls).toEqual(['writev']);
  });

  it('are never synced with an interval', async () => {
    const disk = failingDisk();
    await create({ sync: 'interval' }, { disk }).append(line('x'));
    while (!disk.calls.includes('fdatasync')) await sleep(1);
    expect(disk.calls).toEqual(['writev', 'fdatasync']);
  });

  it('that a failed sync may have cost are passed over in silence', async () => {
    const disk = failingDisk();
    const audit = create({ sync: 'interval' }, { disk });
    disk.fail.fdatasync = 'EIO';
    await audit.append(line('x'));
    while (!disk.calls.includes('fdatasync')) await sleep(1);
    delete disk.fail.fdatasync;
    await expect(audit.append(line('y'))).rejects.toThrow(/may not be on the disk: EIO/);
    await audit.append(line('y'));
    expect(linesOf('audit.ndjson')).toEqual(['x', 'y']);
  });

  it('can be read by everybody', async () => {
    await create().append(line('x'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('need a folder that is there', async () => {
    file = path.join(directory, 'a', 'b', 'audit.ndjson');
    await create().append(line('x'));
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });
});

describe('after a restart', () => {
  it('lines are written over', async () => {
    const first = create();
    await first.append(line('one'));
    await first.close();
    await create().append(line('two'));
    expect(linesOf('audit.ndjson')).toEqual(['one', 'two']);
  });

  it.each([
    ['a', 0],
    ['one\ntwo\nthr', 2],
    [`one\n${'x'.repeat(200_000)}`, 1],
    [`${'y'.repeat(100_000)}\n${'x'.repeat(70_000)}`, 1],
    ['one\n', 1],
    ['', 0],
  ])('a line that was torn goes on in the next (case %#)', async (content, whole) => {
    writeFileSync(file, content);
    await create({ maxBytes: 1 << 20 }).append(line('next'));
    expect(linesOf('audit.ndjson')).toEqual([...content.split('\n').slice(0, whole), 'next']);
  });

  it('the size of what was there doesn’t count', async () => {
    writeFileSync(file, `${'x'.repeat(990)}\n`);
    await create().append(line('0123456789'));
    expect(linesOf('audit.ndjson')).toEqual(['0123456789']);
    expect(names()).toHaveLength(2);
  });
});

describe('rotation', () => {
  it('cuts or loses a line, or lets a file become too large', async () => {
    const audit = create({ maxBytes: 100, maxFiles: 100 });
    const texts = Array.from({ length: 40 }, (_, n) => `{"n":${n},"x":"${'x'.repeat(n)}"}`);
    await Promise.all(texts.slice(0, 20).map((text) => audit.append(line(text))));
    for (const text of texts.slice(20)) await audit.append(line(text));
    expect(allLines()).toEqual(texts);
    for (const name of names()) expect(statSync(path.join(directory, name)).size).toBeLessThanOrEqual(100);
    expect(names().length).toBeGreaterThan(10);
  });

  it('loses a line that is larger than a file', async () => {
    const audit = create({ maxBytes: 10 });
    for (const text of ['a', 'b'.repeat(100), 'c']) await audit.append(line(text));
    expect(allLines()).toEqual(['a', 'b'.repeat(100), 'c']);
  });

  it('keeps more files than it may, or not the newest, or deletes what is not its own', async () => {
    const foreign = ['audit-2026.ndjson', 'audit-old.ndjson', 'other.ndjson', 'audit2-2026-01-01T00-00-00-000Z.ndjson'];
    for (const name of foreign) writeFileSync(path.join(directory, name), 'theirs\n');
    const audit = create({ maxBytes: 5 });
    for (const n of [1, 2, 3, 4, 5, 6]) await audit.append(line(`line${n}`));
    const own = names().filter((name) => !foreign.includes(name));
    expect(own.flatMap(linesOf)).toEqual(['line4', 'line5', 'line6']);
    expect(names()).toEqual(expect.arrayContaining(foreign));
  });

  it('keeps a file that it may not, when one is all that there may be', async () => {
    const audit = create({ maxBytes: 5, maxFiles: 1 });
    for (const n of [1, 2, 3]) await audit.append(line(`line${n}`));
    expect(names()).toEqual(['audit.ndjson']);
    expect(allLines()).toEqual(['line3']);
  });

  it('forgets the age of a file', async () => {
    let nowMs = Date.now();
    const audit = create({ maxAgeMs: 60_000 }, { now: () => nowMs });
    await audit.append(line('one'));
    nowMs += 59_000;
    await audit.append(line('two'));
    expect(names()).toHaveLength(1);
    nowMs += 2000;
    await audit.append(line('three'));
    expect(names()).toHaveLength(2);
    expect(linesOf('audit.ndjson')).toEqual(['three']);
  });

  it('puts two files aside under one name', async () => {
    const nowMs = Date.now();
    const audit = create({ maxBytes: 5, maxFiles: 10 }, { now: () => nowMs });
    for (const n of [1, 2, 3, 4]) await audit.append(line(`line${n}`));
    expect(allLines()).toEqual(['line1', 'line2', 'line3', 'line4']);
  });
});

describe('a full disk', () => {
  it('leaves half a line, or loses one that is tried again', async () => {
    const disk = failingDisk();
    const audit = create({}, { disk });
    await audit.append(line('{"n":1}'));
    disk.fail.writev = 'ENOSPC';
    await expect(audit.append(line('{"n":2}'))).rejects.toThrow('ENOSPC');
    expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n');
    disk.fail = {};
    await audit.append(line('{"n":2}'));
    expect(linesOf('audit.ndjson')).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('on which nothing can be cut off leaves half a line in the end', async () => {
    const disk = failingDisk();
    const audit = create({}, { disk });
    await audit.append(line('{"n":1}'));
    disk.fail = { writev: 'ENOSPC', ftruncate: 'EIO' };
    await expect(audit.append(line('{"n":2}'))).rejects.toThrow('ENOSPC');
    await expect(audit.append(line('{"n":2}'))).rejects.toThrow('EIO');
    disk.fail = {};
    await audit.append(line('{"n":2}'));
    expect(linesOf('audit.ndjson')).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('lets a line count as synced that is not', async () => {
    const disk = failingDisk();
    const audit = create({}, { disk });
    disk.fail.fdatasync = 'EIO';
    await expect(audit.append(line('lost'))).rejects.toThrow('EIO');
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('fails one of those that wait and forgets the others', async () => {
    const disk = failingDisk();
    disk.fail.writev = 'ENOSPC';
    const audit = create({}, { disk });
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => audit.append(line('x'))));
    expect(all.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  });
});

describe('the file', () => {
  it('is written by two at once', async () => {
    await create().append(line('mine'));
    const script = `const { tryLock } = require('fs-native-extensions');
      process.exit(tryLock(require('node:fs').openSync(${JSON.stringify(file)}, 'r+')) ? 1 : 0);`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', script]);
    expect(status, String(stderr)).toBe(0);
  });

  it('that somebody deleted takes lines that nobody will see', async () => {
    const audit = create();
    await audit.append(line('one'));
    rmSync(file);
    await audit.append(line('two'));
    expect(linesOf('audit.ndjson')).toEqual(['two']);
  });

  it('that can’t be opened is given up for good', async () => {
    await mkdir(file);
    const audit = create();
    await expect(audit.append(line('x'))).rejects.toThrow(/EISDIR|regular/);
    await rename(file, `${file}.folder`);
    await audit.append(line('x'));
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });
});
