import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

async function* withBreaks(pieces: Iterable<string>): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    yield Buffer.from(piece);
    // A fast reader would otherwise have the next piece made in the same turn, and the next.
    await setImmediate();
  }
}

/** Makes each piece only when the reader has room for it, and lets the event loop turn before the next. */
export function streamPieces(pieces: Iterable<string>): Readable {
  return Readable.from(withBreaks(pieces), { objectMode: false, highWaterMark: 256 * 1024 });
}
