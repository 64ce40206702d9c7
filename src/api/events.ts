import type { GatewayError } from '../errors.js';

export interface ApiEvents {
  /** One request is answered; `route` is the pattern ('/v1/traces/:trace_id'), or 'unknown'. */
  answered(request: { method: string; route: string; status: number; durationMs: number }): void;
  /** The answer is a 5xx. `error.cause` holds what the client isn't told. */
  failed(request: { method: string; route: string; requestId: string; error: GatewayError }): void;
}

export const nopApiEvents: ApiEvents = {
  answered() {},
  failed() {},
};
