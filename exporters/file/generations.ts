/** The files that were put aside: `audit.ndjson` becomes `audit-2026-11-21T22-05-00-123Z.ndjson`. */
import { access, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';

function nameAt(file: string, timeMs: number): string {
  const { dir, name, ext } = path.parse(file);
  const stamp = new Date(timeMs).toISOString().replace(/[:.]/g, '-');
  return path.join(dir, `${name}-${stamp}${ext}`);
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Under a name that no other has: two may be put aside within a millisecond. */
export async function putAside(file: string, nowMs: number): Promise<void> {
  let timeMs = nowMs;
  while (await exists(nameAt(file, timeMs))) timeMs += 1;
  await rename(file, nameAt(file, timeMs));
}

const STAMP = /^-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;

/** Newest first; their names are in the order of their times. */
async function asideOf(file: string): Promise<string[]> {
  const { dir, name, ext } = path.parse(file);
  const isAside = (other: string) =>
    other.startsWith(name) && other.endsWith(ext) && STAMP.test(other.slice(name.length, other.length - ext.length));
  const names = (await readdir(dir === '' ? '.' : dir)).filter(isAside);
  return names
    .sort()
    .reverse()
    .map((other) => path.join(dir, other));
}

/** What can't be deleted now is so the next time. */
export async function keepNewest(file: string, count: number): Promise<void> {
  const surplus = (await asideOf(file)).slice(count);
  await Promise.all(surplus.map((other) => unlink(other).catch(() => {})));
}
