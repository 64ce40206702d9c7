/**
 * Requests for one and the same thing (a span of a client's own id, an idempotency key) are served one after the other:
 * side by side, two writer threads would each take theirs for the first.
 */
import { GatewayError } from '../../src/errors.js';
import { within } from './within.js';

/** Of requests that are under way, up to 1,000 each; some 30 MB. */
const MAX_KEYS = 250_000;

/** What a deed rejects with that goes on after its answer: nobody else has its turn before `end`. */
export class Unfinished extends Error {
  constructor(
    readonly reason: unknown,
    readonly end: Promise<unknown>,
  ) {
    super('Goes on', { cause: reason });
  }
}

export class Turns {
  constructor(private readonly maxWaitMs: number) {}

  /** Of each key, the end of the last request that asked for it. */
  private readonly ends = new Map<string, Promise<void>>();
  /** Of each key, the ends of all who have it beside others. */
  private readonly sharers = new Map<string, Set<Promise<void>>>();

  /** Keys that are taken, or waited for. */
  get size(): number {
    return this.ends.size + this.sharers.size;
  }

  /**
   * All keys at once, so that two who share several never wait for one another. A key of `shared` may be had by any number
   * who share it, but by none of them beside one who takes it alone. Rejects with OVERLOADED, with STORE_UNAVAILABLE when
   * those before don't come to an end, and with the reason of an Unfinished.
   */
  async take<Result>(
    keys: readonly string[],
    deed: () => Promise<Result>,
    shared: readonly string[] = [],
  ): Promise<Result> {
    if (keys.length + shared.length === 0) return deed().catch(rethrow);
    if (this.size + keys.length + shared.length > MAX_KEYS) {
      throw new GatewayError('OVERLOADED', 'Too many requests wait for others with the same ids');
    }
    const before = this.before(keys, shared);
    const { promise: end, resolve: finish } = withResolvers();
    this.enter(end, keys, shared);
    const leave = () => {
      finish();
      this.leave(end, keys, shared);
    };
    try {
      await this.comeUp(before);
      const result = await deed();
      leave();
      return result;
    } catch (error) {
      if (error instanceof Unfinished) void error.end.then(leave);
      else leave();
      return rethrow(error);
    }
  }

  /** Who leaves the queue keeps its place in it: those behind wait for those before. */
  private async comeUp(before: readonly (Promise<void> | undefined)[]): Promise<void> {
    const waited = before.filter((end) => end !== undefined);
    if (waited.length === 0) return;
    const ended = Promise.all(waited);
    await within(ended, this.maxWaitMs).catch((error: unknown) => {
      throw new Unfinished(error, ended);
    });
  }

  private before(keys: readonly string[], shared: readonly string[]): (Promise<void> | undefined)[] {
    const before = keys.map((key) => this.ends.get(key));
    for (const key of shared) before.push(this.ends.get(key));
    if (this.sharers.size > 0) for (const key of keys) before.push(...(this.sharers.get(key) ?? []));
    return before;
  }

  private enter(end: Promise<void>, keys: readonly string[], shared: readonly string[]): void {
    for (const key of keys) this.ends.set(key, end);
    for (const key of shared) {
      const sharers = this.sharers.get(key);
      if (sharers) sharers.add(end);
      else this.sharers.set(key, new Set([end]));
    }
  }

  private leave(end: Promise<void>, keys: readonly string[], shared: readonly string[]): void {
    for (const key of keys) if (this.ends.get(key) === end) this.ends.delete(key);
    for (const key of shared) {
      const sharers = this.sharers.get(key);
      if (sharers?.delete(end) && sharers.size === 0) this.sharers.delete(key);
    }
  }
}

function rethrow(error: unknown): never {
  throw error instanceof Unfinished ? error.reason : error;
}

/** Promise.withResolvers, which Node 20 has not. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
