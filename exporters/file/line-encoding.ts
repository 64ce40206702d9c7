/** Requests as OTLP/JSON, made of the buffer's protobuf on a thread: for files, and for backends that take no protobuf. */
import type { TaskPool } from '../../src/component.js';
import { encodedOn } from '../encoding.js';
import type { ExportRequest } from '../transport.js';
import type { EncodedLine, RequestPayload } from './otlp-json.js';

/** The operation of the pool: a RequestPayload in, an EncodedLine out. */
export const ENCODE_LINE = 'file-line';

/** Rejects as `encodedOn` does. The payload is not read any more once it resolves. */
export function lineOf({ signal, payload }: ExportRequest, pool: TaskPool): Promise<EncodedLine> {
  return encodedOn<EncodedLine>(pool, ENCODE_LINE, () => {
    // A copy: what is handed to a thread takes the whole range along that it is a view of.
    const copy = new Uint8Array(payload);
    const argument: RequestPayload = { signal, payload: copy };
    return { argument, transfer: [copy.buffer] };
  });
}
