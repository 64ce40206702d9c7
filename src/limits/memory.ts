import type { Allowance } from './allowance.js';
import { Buckets } from './buckets.js';
import type { LimitEvents } from './events.js';
import { SlidingWindow } from './window.js';

/** At half a kilobyte each, and 16 bytes for every sixtieth of a window in which they called. Half of them are sure to stay. */
const MAX_BUCKETS = 50_000;

export interface MemoryLimitOptions {
  windowMs: number;
  maxRequests: number;
  /** A clock that never goes back. */
  nowMs: () => number;
  events: Pick<LimitEvents, 'forgotten'>;
  maxBuckets?: number;
}

/** Sliding windows of one process. Everything here happens at once, so no two requests ever share the last place. */
export interface MemoryLimit {
  readonly buckets: number;
  /** Why a request may not pass now; undefined when it may. Counts nothing. */
  refusal(bucket: string): Allowance | undefined;
  /** Counts one request of this bucket, unless that would be one too many. */
  charge(bucket: string): Allowance;
}

export function createMemoryLimit({
  windowMs,
  maxRequests: limit,
  nowMs,
  events,
  maxBuckets: max = MAX_BUCKETS,
}: MemoryLimitOptions): MemoryLimit {
  const windows = new Buckets<SlidingWindow>({
    max,
    create: () => new SlidingWindow(),
    evicted: (window) => window.count(nowMs(), windowMs) > 0 && events.forgotten(),
  });

  function refusal(bucket: string): Allowance | undefined {
    const window = windows.find(bucket);
    const now = nowMs();
    if (window === undefined || window.count(now, windowMs) < limit) return undefined;
    const resetAfterMs = window.emptyAfterMs(now, windowMs);
    return {
      allowed: false,
      limit,
      remaining: 0,
      resetAfterMs,
      retryAfterMs: window.nextLeavesAfterMs(now, windowMs),
    };
  }

  function record(bucket: string): Allowance {
    const window = windows.touch(bucket);
    const now = nowMs();
    window.add(now, windowMs);
    const remaining = Math.max(0, limit - window.count(now, windowMs));
    return { allowed: true, limit, remaining, resetAfterMs: windowMs, retryAfterMs: 0 };
  }

  return {
    get buckets() {
      return windows.size;
    },
    refusal,
    charge: (bucket) => refusal(bucket) ?? record(bucket),
  };
}
