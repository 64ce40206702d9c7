/** How much flows in a second. */
const BURST_MS = 1000;

/**
 * Fills at a steady rate, and holds what flows in within one second. An amount larger than that passes when the bucket
 * is full, and leaves a debt behind: over time never more passes than flows in, and nothing is refused for ever.
 *
 * Kept as one time, so that a bucket that rests needs no care: everything is measured in the milliseconds that it takes
 * to flow in.
 */
export class TokenBucket {
  #fullAtMs = Number.NEGATIVE_INFINITY;
  readonly #msPerToken: number;

  constructor(perSecond: number) {
    this.#msPerToken = 1000 / perSecond;
  }

  /** Until that much may be taken: whole milliseconds, 0 for now. */
  waitMs(amount: number, nowMs: number): number {
    const heldMs = BURST_MS - Math.max(0, this.#fullAtMs - nowMs);
    const neededMs = Math.min(amount * this.#msPerToken, BURST_MS);
    // A sum of fractions may miss by less than a microsecond.
    return Math.max(0, Math.ceil(neededMs - heldMs - 1e-3));
  }

  take(amount: number, nowMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + amount * this.#msPerToken;
  }
}
