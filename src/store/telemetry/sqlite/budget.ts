import { GatewayError } from '../../../errors.js';

/** The clock is looked at once in so many calls: a row costs less than asking for the time. */
const CALLS_PER_LOOK = 64;

/** How long one query may take. Every scan calls `spend` for each row, so that no query holds a thread for long. */
export class Budget {
  private deadline = 0;
  private calls = 0;

  start(durationMs: number): void {
    this.deadline = performance.now() + durationMs;
    this.calls = 0;
  }

  spend(): void {
    if (++this.calls % CALLS_PER_LOOK !== 0 || performance.now() < this.deadline) return;
    throw new GatewayError('QUERY_TIMEOUT', 'The query takes too long: narrow its time range or its filters');
  }
}
