/** What a failed call to GitHub means. Decided by status and headers; by no message. */
import { GatewayError } from '../../errors.js';

export type Kind =
  /** Too many requests: not before `waitMs`. */
  | 'limited'
  /** It can't be reached, or has a fault of its own. */
  | 'down'
  /** The branch has moved while we wrote, or must not be written to. */
  | 'moved'
  /** The token may not do this, or there is no such repository: settings, not the request, are wrong. */
  | 'denied'
  /** The request itself. */
  | 'refused'
  /** The breaker is open: GitHub was not asked. */
  | 'unasked';

export interface Verdict {
  kind: Kind;
  status: number | undefined;
  /** What GitHub says to wait. */
  waitMs: number | undefined;
  explanation: string;
}

interface Answered {
  status: number;
  message: string;
  response?: { headers: Readonly<Record<string, string | number | undefined>> };
}

const MAX_EXPLANATION_CHARACTERS = 300;
/** GitHub's limits are by the hour. */
const MAX_WAIT_MS = 3_600_000;

function isAnswered(error: unknown): error is Answered {
  return typeof (error as Answered | undefined)?.status === 'number';
}

/** Both forms of RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(header: string, nowMs: number): number | undefined {
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const timeMs = Date.parse(header);
  return Number.isNaN(timeMs) ? undefined : Math.max(0, timeMs - nowMs);
}

/** GitHub's own limits say when they end, in seconds since the epoch. */
function waitOf({ response }: Answered, nowMs: number): number | undefined {
  const {
    'retry-after': after,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': reset,
  } = response?.headers ?? {};
  if (after !== undefined) return readRetryAfter(String(after), nowMs);
  if (String(remaining) !== '0' || reset === undefined) return undefined;
  return Math.max(0, Number(reset) * 1000 - nowMs);
}

function kindOf({ status, response }: Answered, waitMs: number | undefined): Kind {
  // Without an answer, the library says 500.
  if (response === undefined || status >= 500) return 'down';
  if (status === 429 || (status === 403 && waitMs !== undefined)) return 'limited';
  if (status === 409) return 'moved';
  return [401, 403, 404].includes(status) ? 'denied' : 'refused';
}

export function verdictOf(error: unknown, nowMs = Date.now()): Verdict {
  const explanation = String((error as Error | undefined)?.message ?? error).slice(0, MAX_EXPLANATION_CHARACTERS);
  const unanswered = { status: undefined, waitMs: undefined, explanation };
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'EOPENBREAKER') return { ...unanswered, kind: 'unasked' };
  if (error instanceof GatewayError || !isAnswered(error)) return { ...unanswered, kind: 'down' };
  const told = waitOf(error, nowMs);
  const waitMs = told === undefined ? undefined : Math.min(told, MAX_WAIT_MS);
  const status = error.response === undefined ? undefined : error.status;
  return { kind: kindOf(error, waitMs), status, waitMs, explanation };
}
