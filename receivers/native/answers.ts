/** What native requests are answered, and how an answer is kept for a request that comes again. */
import { GatewayError } from '../../src/errors.js';
import type { NativeAnswer } from '../../src/model/native.js';
import type { SpanDraft } from './span-payload.js';

export function answer(status: number, content: unknown): NativeAnswer {
  return { status, body: JSON.stringify(content), replayed: false };
}

export const NO_CONTENT: NativeAnswer = { status: 204, body: '', replayed: false };

/** Kept for a deletion that found nothing: it is refused with `traceMissing`, as often as it comes. */
export const NOTHING_THERE: NativeAnswer = { status: 404, body: '', replayed: false };

export function spanAnswer({ traceId, spanId, body }: SpanDraft) {
  return { trace_id: traceId.text, span_id: spanId.text, name: body.name, status: body.status };
}

export function spanPlace({ traceId, spanId }: SpanDraft) {
  return { trace_id: traceId.text, span_id: spanId.text };
}

/** For `Idempotency.answer`. */
export function keptAnswer({ status, body }: NativeAnswer): string {
  return JSON.stringify({ status, body });
}

export function replayedAnswer(kept: string): NativeAnswer {
  const { status, body } = JSON.parse(kept) as Pick<NativeAnswer, 'status' | 'body'>;
  return { status, body, replayed: true };
}

export function spanExists(details: unknown): GatewayError {
  return new GatewayError('CONFLICT', 'Span already exists', { details });
}

export function traceExists(traceId: string): GatewayError {
  return new GatewayError('CONFLICT', 'Trace already exists', { details: { trace_id: traceId } });
}

export function traceMissing(): GatewayError {
  return new GatewayError('NOT_FOUND', 'Trace not found');
}

export function keyReused(): GatewayError {
  return new GatewayError('IDEMPOTENCY_KEY_REUSED', 'Idempotency-Key was used for another request');
}

/** Nothing was written, so that to repeat it is safe, and tells which of its ids, or its key, was there. */
export function unexplained(): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', 'Nothing of the request was new, but the store was cut off. Repeat it');
}
