/** Ids as clients write them, with their bytes, and ids for those who write none. */
import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../src/errors.js';
import { bytesOfHex, spanIdHex, traceIdHex } from '../../src/model/native-ids.js';

export interface WrittenId {
  id: Uint8Array;
  /** As the client wrote it. */
  text: string;
  hex: string;
}

/** Schemas refuse before: this is for callers without one. */
function written(hexOf: (text: string) => string | undefined, text: string, member: string): WrittenId {
  const hex = hexOf(text);
  if (hex === undefined) throw new GatewayError('VALIDATION_FAILED', `"${member}" must be a valid GUID`);
  return { id: bytesOfHex(hex), text, hex };
}

export function traceIdOf(text: string = randomUUID()): WrittenId {
  return written(traceIdHex, text, 'trace_id');
}

export function spanIdOf(text: string = randomUUID(), member = 'span_id'): WrittenId {
  return written(spanIdHex, text, member);
}

/** What an attribute must keep: undefined where the id's hex says it all. */
export function keptText(id: WrittenId | undefined): string | undefined {
  return id === undefined || id.text === id.hex ? undefined : id.text;
}
