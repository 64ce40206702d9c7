import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lets the calling thread stand back when processors are short: receiving and answering go first, the buffer absorbs.
 * Linux only, where a thread has a niceness of its own and /proc/thread-self names it; elsewhere nothing happens.
 */
export function lowerThreadPriority(niceness: number): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, niceness);
  } catch {
    // No such file system, or not allowed: the thread keeps the priority it has.
  }
}
