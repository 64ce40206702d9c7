/** The request around the items, which traces and logs number alike. */
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

/** Items without a resource, for a native client tells of none, under the native door's scope. */
export function nativePayload<Item>(items: readonly Item[], putItem: (writer: WireWriter, item: Item) => void): Buffer {
  return writePayload((writer) =>
    putMessage(writer, 0x0a, () =>
      putMessage(writer, 0x12, () => {
        putMessage(writer, 0x0a, () => putString(writer, 0x0a, NATIVE_SCOPE));
        for (const item of items) putMessage(writer, 0x12, () => putItem(writer, item));
      }),
    ),
  );
}
