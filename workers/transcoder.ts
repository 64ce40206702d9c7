/** The piscina entry that makes OTLP/JSON protobuf for exporters, whose backends take that. */
import type { Transcoded } from '../exporters/transcoding.js';
import type { Signal } from '../src/component.js';
import { toProtobuf } from '../src/otlp/decode-json.js';

export interface TranscodeTask {
  signal: Signal;
  payload: Uint8Array;
}

/** The result is a copy: the writer's memory is used again. What can't be read is an answer: only a lost thread rejects. */
export default function run({ argument }: { operation: 'protobuf'; argument: TranscodeTask }): Transcoded {
  const { buffer, byteOffset, length } = argument.payload;
  try {
    return { payload: new Uint8Array(toProtobuf(argument.signal, Buffer.from(buffer, byteOffset, length))) };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}
