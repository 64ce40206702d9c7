import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffConfig {
  retryInitialMs: number;
  retryMaxMs: number;
}

// The Collector's retry_on_failure: multiplier 1.5, randomization factor 0.5.
const MULTIPLIER = 1.5;
const RANDOMIZATION = 0.5;

/** How long to wait after so many retries: jittered, so that many gateways don't return in step. */
export function backoffMs({ retryInitialMs, retryMaxMs }: BackoffConfig, retries: number): number {
  const delay = Math.min(retryInitialMs * MULTIPLIER ** Math.max(0, retries), retryMaxMs);
  return delay * (1 - RANDOMIZATION + Math.random() * 2 * RANDOMIZATION);
}

/** Ends early when the signal is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs > 0 && !signal.aborted) await sleep(delayMs, undefined, { signal }).catch(() => {});
}
