/**
 * Requests for one and the same thing (a span of a client's own id, an idempotency key) are served one after the other:
 * side by side, two writer threads would each take theirs for the first.
 */
import { GatewayError } from '../../src/errors.js';

/** Of requests that are under way, up to 1,000 each; some 30 MB. */
const MAX_KEYS = 250_000;

export class Turns {
  /** Of each key, the end of the last request that asked for it. */
  private readonly ends = new Map<string, Promise<void>>();

  /** Keys that are taken, or waited for. */
  get size(): number {
    return this.ends.size;
  }

  /** All keys at once, so that two who share several never wait for one another. Rejects with OVERLOADED. */
  async take<Result>(keys: readonly string[], deed: () => Promise<Result>): Promise<Result> {
    if (keys.length === 0) return deed();
    if (this.ends.size + keys.length > MAX_KEYS) {
      throw new GatewayError('OVERLOADED', 'Too many requests wait for others with the same ids');
    }
    const before = keys.map((key) => this.ends.get(key));
    const { promise: end, resolve: finish } = withResolvers();
    for (const key of keys) this.ends.set(key, end);
    try {
      await Promise.all(before);
      return await deed();
    } finally {
      finish();
      for (const key of keys) if (this.ends.get(key) === end) this.ends.delete(key);
    }
  }
}

/** Promise.withResolvers, which Node 20 has not. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
