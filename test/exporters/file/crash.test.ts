import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { RotatingFile } from '../../../exporters/file/rotating-file.js';
import { temporaryDirectory } from '../../buffer/fixture.js';
import { processFile } from '../../helpers/process-file.js';

const APPENDER = processFile('test/exporters/file/appender.ts');
const FULL_DISK = processFile('test/exporters/file/full-disk.ts');

/** The numbers that it said were written before it was killed. */
async function killAfter(file: string, lines: number): Promise<number[]> {
  const argument = [APPENDER, file];
  const appender = spawn(process.execPath, argument, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void appender.kill('SIGKILL'));
  let told = '';
  for await (const chunk of appender.stdout) {
    told += String(chunk);
    if (told.split('\n').length > lines) appender.kill('SIGKILL');
  }
  return told.split('\n').slice(0, -1).map(Number);
}

it('a process that is killed takes acknowledged lines with it, or leaves half of one', async () => {
  const file = path.join(await temporaryDirectory(), 'audit.ndjson');
  const acknowledged = [await killAfter(file, 100), await killAfter(file, 300)];
  const last = new RotatingFile({
    path: file,
    config: { maxBytes: 2 ** 30, maxAgeMs: 0, maxFiles: 1000, sync: 'off', syncIntervalMs: 1 },
  });
  await last.append(Buffer.from('{"n":-1}'));
  await last.close();
  const folder = path.dirname(file);
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  for (const text of texts) expect(text.endsWith('\n')).toBe(true);
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1));
  const found = new Map<number, number>();
  for (const line of lines) {
    const { n } = JSON.parse(line) as { n: number };
    found.set(n, (found.get(n) ?? 0) + 1);
  }
  expect(found.get(-1)).toBe(1);
  const missing = acknowledged.flat().filter((n) => !found.has(n));
  expect(missing).toEqual([]);
  // Both processes began with 0.
  expect(found.get(0)).toBe(2);
});

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']).status === 0;

it.skipIf(!canMount)('a disk that is really full leaves half a line, or is full for good', async () => {
  const directory = await temporaryDirectory();
  const mount = `mount -t tmpfs -o size=2m tmpfs ${directory} && exec "$@"`;
  const command = ['-rm', 'sh', '-c', mount, 'sh', process.execPath, FULL_DISK, directory];
  const { stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8' });
  expect(JSON.parse(stdout || 'null'), stderr).toEqual({
    refusals: ['ENOSPC', 'ENOSPC'],
    whenFull: true,
    resumed: true,
    inTheEnd: true,
  });
});
