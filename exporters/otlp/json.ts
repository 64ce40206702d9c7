/** OTLP/JSON for backends that take no protobuf: what the buffer holds is encoded on a thread. */
import type { TaskPool } from '../../src/component.js';
import { bufferOf } from '../buffer-view.js';
import { encodedOn } from '../encoding.js';
import type { EncodedLine, RequestPayload } from '../file/otlp-json.js';
import { ENCODE_LINE } from '../file/transport.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';

/** `pool`: runs `encodeLine` as the operation ENCODE_LINE. */
export function inJson(transport: Transport, pool: TaskPool): Transport {
  const send = async (request: ExportRequest, abort: AbortSignal): Promise<Answer> => {
    // A copy: what is handed to a thread takes the whole range along that it is a view of.
    const given: RequestPayload = { signal: request.signal, payload: new Uint8Array(request.payload) };
    const { line, reason } = await encodedOn<EncodedLine>(pool, ENCODE_LINE, given);
    if (line === undefined) return { kind: 'refused', reason, ofContent: true };
    return transport.send({ ...request, payload: bufferOf(line) }, abort);
  };
  return {
    endpoint: transport.endpoint,
    byWorkspace: transport.byWorkspace,
    async send(request, abort) {
      try {
        return await send(request, abort);
      } catch (error) {
        return { kind: 'retry', reason: (error as Error).message };
      }
    },
    close: () => transport.close(),
  };
}
