/** The file operations of the hot path, all on libuv's threads. Tests hand in one that fails. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { GatewayError } from '../errors.js';

export interface Disk {
  open(path: string, flags: string): Promise<number>;
  close(fd: number): Promise<void>;
  /** Returns how many bytes were written, which may be fewer than given. */
  writev(fd: number, pieces: Uint8Array[], position: number): Promise<number>;
  fdatasync(fd: number): Promise<void>;
  ftruncate(fd: number, length: number): Promise<void>;
}

const writev = promisify(fs.writev);

export const nodeDisk: Disk = {
  open: (path, flags) => promisify(fs.open)(path, flags, 0o600),
  close: promisify(fs.close),
  writev: async (fd, pieces, position) => (await writev(fd, pieces, position)).bytesWritten,
  fdatasync: promisify(fs.fdatasync),
  ftruncate: promisify(fs.ftruncate),
};

export async function writeWhole(disk: Disk, fd: number, pieces: Uint8Array[], position: number): Promise<void> {
  let rest = pieces;
  let at = position;
  while (rest.length > 0) {
    const written = await disk.writev(fd, rest, at);
    if (written === 0) throw new Error('the system wrote nothing');
    at += written;
    rest = withoutFirst(rest, written);
  }
}

function withoutFirst(pieces: Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  let first = 0;
  while (first < pieces.length && left >= pieces[first]!.length) left -= pieces[first++]!.length;
  const rest = pieces.slice(first);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

/** A new file's name lasts through a power cut only once its directory is synced. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows can't open a directory, and needs no such sync.
  if (process.platform === 'win32') return;
  const handle = await fs.promises.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file in one step, durably. */
export async function replaceFile(directory: string, path: string, text: string): Promise<void> {
  const handle = await fs.promises.open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.promises.rename(`${path}.new`, path);
  await syncDirectory(directory);
}

const OUT_OF_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export function toDiskError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (OUT_OF_SPACE.has(code ?? '')) {
    return new GatewayError('DISK_FULL', 'The disk of the buffer is full', { cause: error });
  }
  return new GatewayError('DISK_FAILED', `The disk of the buffer failed: ${message}`, { cause: error });
}
