/** The request around the items, which traces and logs number alike. */
import { setImmediate as turn } from 'node:timers/promises';
import { NATIVE_SCOPE } from '../../src/model/native-names.js';
import { WireWriter } from '../../src/otlp/wire-writer.js';
import { putMessage, putString } from './values.js';

const shared = new WireWriter();

/** The bytes are a copy: the writer is used again. Synchronous, and not reentrant. */
export function writePayload(write: (writer: WireWriter) => void): Buffer {
  shared.reset();
  write(shared);
  return Buffer.from(shared.finish());
}

/** Some 10 ms of work, of items that are all small members. */
const PIECE_BYTES = 256 * 1024;

/**
 * Items without a resource, for a native client tells of none, under the native door's scope: in pieces that are requests
 * of their own. One after the other they are one request too, for repeated fields add up.
 */
export function* nativePayload<Item>(
  items: readonly Item[],
  putItem: (writer: WireWriter, item: Item) => void,
): Generator<Buffer> {
  let at = 0;
  const putPiece = (writer: WireWriter) => {
    while (at < items.length && writer.length < PIECE_BYTES) {
      const item = items[at++]!;
      putMessage(writer, 0x12, () => putItem(writer, item));
    }
  };
  while (at < items.length) yield writePayload((writer) => putScope(writer, putPiece));
}

function putScope(writer: WireWriter, putItems: (writer: WireWriter) => void): void {
  putMessage(writer, 0x0a, () =>
    putMessage(writer, 0x12, () => {
      putMessage(writer, 0x0a, () => putString(writer, 0x0a, NATIVE_SCOPE));
      putItems(writer);
    }),
  );
}

/** All of it. Between large pieces the event loop turns: ten MiB of small objects take it half a second. */
export async function gathered(pieces: Iterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for (const piece of pieces) {
    all.push(piece);
    if (piece.length >= PIECE_BYTES) await turn();
  }
  return all.length === 1 ? all[0]! : Buffer.concat(all);
}
