/** The piscina entry for what exporters do to payloads: to go through a batch is nothing for the main thread. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { ENCODE_TRACES } from '../exporters/datadog/agent.js';
import { encodeTracesOrReason, type TracePayload } from '../exporters/datadog/encode.js';
import type { NOTHING } from '../exporters/encoding.js';
import type { ENCODE_LINE } from '../exporters/file/line-encoding.js';
import { encodeLine, type RequestPayload } from '../exporters/file/otlp-json.js';
import { type PROCESS, type ProcessTask, processParts } from '../exporters/processing/process.js';
import type { ObjectContent } from '../exporters/s3/content.js';
import { encodeObject } from '../exporters/s3/object.js';
import type { ENCODE_OBJECT } from '../exporters/s3/transport.js';
import { type CUT, type CutTask, cutToSize } from '../exporters/split.js';

export type EncodeTask =
  | { operation: typeof ENCODE_TRACES; argument: TracePayload[] }
  | { operation: typeof ENCODE_LINE; argument: RequestPayload }
  | { operation: typeof ENCODE_OBJECT; argument: ObjectContent }
  | { operation: typeof CUT; argument: CutTask }
  | { operation: typeof PROCESS; argument: ProcessTask }
  | { operation: typeof NOTHING; argument: undefined };

/** The payloads go back without a copy. */
function process(task: ProcessTask) {
  const processed = processParts(task);
  return move({ [transferableSymbol]: [processed.payloads.buffer], [valueSymbol]: processed });
}

/** So does the line. */
function line(request: RequestPayload) {
  const encoded = encodeLine(request);
  if (encoded.line === undefined) return encoded;
  return move({ [transferableSymbol]: [encoded.line.buffer], [valueSymbol]: encoded });
}

/** Answers EncodedTraces, EncodedLine, EncodedObject, Pieces, Processed, or nothing. */
export default function run(task: EncodeTask) {
  switch (task.operation) {
    case 'datadog-traces':
      return encodeTracesOrReason(task.argument);
    case 'file-line':
      return line(task.argument);
    case 's3-object':
      return encodeObject(task.argument);
    case 'cut':
      return cutToSize(task.argument);
    case 'process':
      return process(task.argument);
    case 'nothing':
      return;
  }
}
