import fs from 'node:fs';
import { promisify } from 'node:util';

const read = promisify(fs.read);

const WINDOW_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/** Behind the last line that has an end; 0 when none has. What a process wrote when it died may have none. */
export async function endOfLastLine(fd: number, size: number): Promise<number> {
  const window = Buffer.allocUnsafe(WINDOW_BYTES);
  for (let stop = size; stop > 0; ) {
    const from = Math.max(0, stop - WINDOW_BYTES);
    const { bytesRead } = await read(fd, window, 0, stop - from, from);
    const found = window.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (found !== -1) return from + found + 1;
    stop = from;
  }
  return 0;
}
