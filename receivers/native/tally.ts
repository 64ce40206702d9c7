/** What became of the items of a frame, for the metrics that all receivers share. */
import type { RequestEvent } from '../otlp/events.js';
import { outcomeOf } from '../otlp/ingest.js';

export interface Tally {
  /** Durable; once the store has told, those that were new. */
  accepted: number;
  /** Not appended. */
  refused: number;
}

export function requestEvent(
  request: Pick<RequestEvent, 'signal' | 'bytes' | 'durationMs' | 'error'>,
  tally: Tally,
): RequestEvent {
  const verdict = { ...tally, rejected: 0, message: '', error: request.error };
  return { ...verdict, transport: 'native', outcome: outcomeOf(verdict), ...request };
}
