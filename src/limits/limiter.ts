import type { Component } from '../component.js';
import type { Allowance } from './allowance.js';
import type { LimitConfig } from './config.js';
import type { LimitEvents } from './events.js';
import { createMemoryLimit } from './memory.js';
import { createRedisLimit } from './redis.js';
import { createSharedLimit, type SharedLimit } from './shared.js';

export interface LimiterOptions {
  config: Pick<LimitConfig, 'windowMs' | 'maxRequests' | 'redisUrl'>;
  events: LimitEvents;
  /** A clock that never goes back, for the windows of this process. */
  nowMs?: () => number;
}

export interface RequestLimit {
  /** Counts one request of this bucket, unless that would be one too many. Never rejects; waits for Redis at most half a second. */
  charge(bucket: string): Allowance | Promise<Allowance>;
}

export interface Limiter extends Component {
  /** undefined when requests have no limit. */
  readonly requests: RequestLimit | undefined;
}

/** Sliding windows of requests: in the memory of this process, or in the Redis that it shares with others. */
export function createLimiter({ config, events, nowMs = () => performance.now() }: LimiterOptions): Limiter {
  const { maxRequests, windowMs, redisUrl } = config;
  const memory = createMemoryLimit({ windowMs, maxRequests, nowMs, events });
  const limited = maxRequests > 0;
  const shared: SharedLimit | undefined =
    limited && redisUrl !== undefined
      ? createSharedLimit({ redis: createRedisLimit({ url: redisUrl, windowMs, maxRequests }), memory, events })
      : undefined;
  return {
    name: 'limiter',
    requests: limited ? (shared ?? memory) : undefined,
    async start() {
      await shared?.start();
    },
    async shutdown() {
      shared?.stop();
    },
  };
}
