/** The working tree beside the repository, for people: readers of prompts never look at it. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Whether the working tree shows our branch: somebody may have checked out another one. */
export async function showsBranch(gitDirectory: string, branchRef: string): Promise<boolean> {
  const head = await readFile(path.join(gitDirectory, 'HEAD'), 'utf8').catch(() => '');
  return head.trim() === `ref: ${branchRef}`;
}

/** Whole or not at all, and never over a file that somebody is working on. */
export async function placeFile(gitDirectory: string, file: string, content: string): Promise<void> {
  const draft = path.join(gitDirectory, `draft-${randomUUID()}`);
  await mkdir(path.dirname(file), { recursive: true });
  try {
    await writeFile(draft, content, { flag: 'wx' });
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
}
