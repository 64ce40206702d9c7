const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/** Doubles from 100 ms to 10 s, with up to a fifth of jitter so that many gateways don't return in step. */
export function retryDelayMs(attempt: number): number {
  const delay = Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS);
  return delay * (0.9 + Math.random() * 0.2);
}
