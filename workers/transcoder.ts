/** The piscina entry that makes OTLP/JSON protobuf for exporters, whose backends take that. */
import type { Signal } from '../src/component.js';
import { toProtobuf } from '../src/otlp/decode-json.js';

export interface TranscodeTask {
  signal: Signal;
  payload: Uint8Array;
}

/** The result is a copy: the writer's memory is used again. */
export default function run({ argument }: { operation: 'protobuf'; argument: TranscodeTask }): Uint8Array {
  const { buffer, byteOffset, length } = argument.payload;
  return new Uint8Array(toProtobuf(argument.signal, Buffer.from(buffer, byteOffset, length)));
}
