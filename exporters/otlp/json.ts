/** OTLP/JSON for backends that take no protobuf: what the buffer holds is encoded on a thread. */
import type { TaskPool } from '../../src/component.js';
import { bufferOf } from '../buffer-view.js';
import { lineOf } from '../file/line-encoding.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';

/** `pool`: runs `encodeLine` as the operation ENCODE_LINE. */
export function inJson(transport: Transport, pool: TaskPool): Transport {
  const send = async (request: ExportRequest, abort: AbortSignal): Promise<Answer> => {
    const { line, reason } = await lineOf(request, pool);
    if (line === undefined) return { kind: 'refused', reason, ofContent: true };
    return transport.send({ ...request, payload: bufferOf(line) }, abort);
  };
  return {
    endpoint: transport.endpoint,
    byWorkspace: transport.byWorkspace,
    // What is sent is the line.
    letsGo: true,
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
