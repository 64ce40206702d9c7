/** A window is remembered in so many parts at most. */
export const PARTS = 60;

/**
 * How many requests lie in the last `windowMs`, at any moment, and never one too few: requests of the same sixtieth of a
 * window share one entry, which leaves when the last of them does. So the memory of a window has a bound that doesn't
 * grow with the limit, a burst leaves at the very moment it is due, and a steady stream at most a sixtieth late.
 */
export class SlidingWindow {
  /** When the last request of each entry came, ascending. */
  readonly #lastMs: number[] = [];
  readonly #counts: number[] = [];
  #total = 0;

  get entries(): number {
    return this.#counts.length;
  }

  /** Requests in the window that ends now. */
  count(nowMs: number, windowMs: number): number {
    while (this.#lastMs.length > 0 && nowMs - this.#lastMs[0]! >= windowMs) {
      this.#lastMs.shift();
      this.#total -= this.#counts.shift()!;
    }
    return this.#total;
  }

  add(nowMs: number, windowMs: number): void {
    const newest = this.#lastMs.length - 1;
    const partMs = windowMs / PARTS;
    const shared = newest >= 0 && Math.floor(this.#lastMs[newest]! / partMs) === Math.floor(nowMs / partMs);
    if (shared) {
      this.#lastMs[newest] = nowMs;
      this.#counts[newest]!++;
    } else {
      this.#lastMs.push(nowMs);
      this.#counts.push(1);
    }
    this.#total++;
  }

  /** Until fewer requests than now are in the window. Undefined where none is. */
  nextLeavesAfterMs(nowMs: number, windowMs: number): number {
    return this.#lastMs[0]! + windowMs - nowMs;
  }

  /** Until none is. */
  emptyAfterMs(nowMs: number, windowMs: number): number {
    return this.#lastMs.at(-1)! + windowMs - nowMs;
  }
}
