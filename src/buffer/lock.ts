import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { GatewayError } from '../errors.js';

/** Held as long as the descriptor is open; the system lets go of it even when the process is killed. */
export interface DirectoryLock {
  release(): Promise<void>;
}

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const file = await open(path.join(directory, 'lock'), 'a+', 0o600);
  try {
    if (!tryLock(file.fd)) throw await lockedError(directory, file);
    await file.truncate(0);
    await file.write(`${process.pid}\n`);
    return { release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function lockedError(directory: string, file: FileHandle): Promise<GatewayError> {
  // Windows doesn't let others read a locked file.
  const holder = await file.readFile('utf8').catch(() => '');
  const pid = holder.trim() === '' ? '' : ` (pid ${holder.trim()})`;
  return new GatewayError('DATA_DIR_LOCKED', `The buffer in ${directory} is in use by another process${pid}`);
}
