/** Ids as clients write them, with their bytes, and ids for those who write none. */
import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../src/errors.js';
import { hexOfId, parseSpanId, parseTraceId } from '../../src/model/native-ids.js';

export interface WrittenId {
  id: Uint8Array;
  /** As the client wrote it. */
  text: string;
  hex: string;
}

/** Schemas refuse before: this is for callers without one. */
function written(parse: (text: string) => Uint8Array | undefined, text: string, member: string): WrittenId {
  const id = parse(text);
  if (id === undefined) throw new GatewayError('VALIDATION_FAILED', `"${member}" must be a valid GUID`);
  return { id, text, hex: hexOfId(id) };
}

export function traceIdOf(text: string = randomUUID()): WrittenId {
  return written(parseTraceId, text, 'trace_id');
}

export function spanIdOf(text: string = randomUUID(), member = 'span_id'): WrittenId {
  return written(parseSpanId, text, member);
}

/** What an attribute must keep: undefined where the id's hex says it all. */
export function keptText(id: WrittenId | undefined): string | undefined {
  return id === undefined || id.text === id.hex ? undefined : id.text;
}
