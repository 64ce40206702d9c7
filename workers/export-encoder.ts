/** The piscina entry that encodes what exporters send: to decode a batch is nothing for the main thread. */
import type { ENCODE_TRACES } from '../exporters/datadog/agent.js';
import { encodeTracesOrReason, type TracePayload } from '../exporters/datadog/encode.js';
import { encodeLine, type RequestPayload } from '../exporters/file/otlp-json.js';
import type { ENCODE_LINE } from '../exporters/file/transport.js';

export type EncodeTask =
  | { operation: typeof ENCODE_TRACES; argument: TracePayload[] }
  | { operation: typeof ENCODE_LINE; argument: RequestPayload };

/** Answers EncodedTraces or EncodedLine. */
export default function run(task: EncodeTask) {
  return task.operation === 'file-line' ? encodeLine(task.argument) : encodeTracesOrReason(task.argument);
}
