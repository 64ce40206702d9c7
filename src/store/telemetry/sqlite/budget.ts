import { GatewayError } from '../../../errors.js';
import { ContentRoom } from '../contents.js';

/** The clock is looked at once in so many calls: a row costs less than asking for the time. */
const CALLS_PER_LOOK = 64;

/** How long one query may take. What reads many rows calls `spend` for each, so that no query holds a thread for long. */
export class Budget {
  static of(durationMs: number): Budget {
    const budget = new Budget();
    budget.start(durationMs);
    return budget;
  }

  /** For what belongs into the records of the answer. */
  contents = new ContentRoom();
  private deadline = 0;
  private calls = 0;

  start(durationMs: number): void {
    this.deadline = performance.now() + durationMs;
    this.calls = 0;
    this.contents = new ContentRoom();
  }

  spend(): void {
    if (++this.calls % CALLS_PER_LOOK === 0) this.check();
  }

  /** Throws QUERY_TIMEOUT when nothing is left. */
  check(): void {
    if (this.isSpent()) {
      throw new GatewayError('QUERY_TIMEOUT', 'The query takes too long: narrow its time range or its filters');
    }
  }

  isSpent(): boolean {
    return performance.now() >= this.deadline;
  }
}
