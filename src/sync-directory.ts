import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes durable which names a directory has: of files that were made, renamed or removed in it. For worker threads. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
