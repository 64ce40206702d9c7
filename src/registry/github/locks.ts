/** Lock files that a power cut has left in the clone, which no git but ours uses: the next one would wait for ever. */
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Longer than git holds one of them. */
const OLD_MS = 120_000;

async function locksIn(gitDirectory: string): Promise<string[]> {
  const above = await readdir(gitDirectory);
  const refs = await readdir(path.join(gitDirectory, 'refs'), { recursive: true });
  const files = [...above, ...refs.map((ref) => path.join('refs', ref))];
  return files.filter((file) => file.endsWith('.lock')).map((file) => path.join(gitDirectory, file));
}

export async function removeOldLocks(gitDirectory: string): Promise<void> {
  for (const lock of await locksIn(gitDirectory)) {
    const made = await stat(lock).catch(() => undefined);
    if (made?.isFile() && Date.now() - made.mtimeMs > OLD_MS) await rm(lock, { force: true });
  }
}
