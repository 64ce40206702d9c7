/** Trace and span ids in paths and queries: OTLP's hex, and the GUIDs of the native API, in any spelling. */
import { z } from 'zod';
import { parseSpanId, parseTraceId } from '../model/native-ids.js';

const TRACE_ID = {
  description: '32 hex digits, or the same 16 bytes as a UUID',
  examples: ['5b8efff798038103d269b633813fc60c'],
};
const SPAN_ID = { description: '16 hex digits, or the GUID that its client gave it', examples: ['eee19b7ec3c1b174'] };

/** An id, and how it was written. */
export interface WrittenId {
  id: Uint8Array;
  text: string;
}

type Parse = (text: string) => Uint8Array | undefined;

function idParameter(parse: Parse, fault: string) {
  return z.string().transform((text, context): WrittenId => {
    const id = parse(text);
    if (id !== undefined) return { id, text };
    context.addIssue({ code: 'custom', message: fault, input: text });
    return z.NEVER;
  });
}

export function writtenTraceId() {
  return idParameter(parseTraceId, 'must be 32 hex digits or a UUID').meta(TRACE_ID);
}

export function writtenSpanId() {
  return idParameter(parseSpanId, 'must be 16 hex digits or a UUID').meta(SPAN_ID);
}

export function traceIdParameter() {
  return idParameter(parseTraceId, 'must be 32 hex digits or a UUID')
    .transform(({ id }) => id)
    .meta(TRACE_ID);
}

export function spanIdParameter() {
  return idParameter(parseSpanId, 'must be 16 hex digits or a UUID')
    .transform(({ id }) => id)
    .meta(SPAN_ID);
}
