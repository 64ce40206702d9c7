import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from './disk.js';

const identityFile = z.object({ id: z.uuid() });

/**
 * The id that the store's ledger knows this buffer by. It is made when the directory is new. When the file is gone or
 * damaged while segments are there, they tell it: with a new id the store would take what it has already for new.
 */
export async function identify(directory: string, idOfSegments: string | undefined): Promise<string> {
  const file = path.join(directory, 'meta.json');
  const kept = await readIdentity(file);
  if (kept !== undefined) return kept;
  const id = idOfSegments ?? randomUUID();
  await replaceFile(directory, file, `${JSON.stringify({ id })}\n`);
  return id;
}

async function readIdentity(file: string): Promise<string | undefined> {
  try {
    return identityFile.parse(JSON.parse(await readFile(file, 'utf8'))).id;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
