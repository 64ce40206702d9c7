import type { Allowance } from './allowance.js';
import type { LimitEvents } from './events.js';
import type { MemoryLimit } from './memory.js';
import type { RedisLimit } from './redis.js';

const PROBE_INTERVAL_MS = 500;
/** A charge like any other: a Redis that answers but can't be written to is of no use. */
const PROBE_BUCKET = 'probe';

export interface SharedLimitOptions {
  redis: RedisLimit;
  memory: MemoryLimit;
  events: Pick<LimitEvents, 'sharing' | 'alone'>;
}

export interface SharedLimit {
  charge(bucket: string): Allowance | Promise<Allowance>;
  start(): Promise<void>;
  stop(): void;
}

/**
 * Redis counts while it answers; memory counts beside it what this process let through. So an outage gives no key a
 * fresh allowance, nor does a Redis that comes back empty, and who is over the limit here costs no round trip.
 */
export function createSharedLimit({ redis, memory, events }: SharedLimitOptions): SharedLimit {
  let state: 'stopped' | 'unknown' | 'sharing' | 'alone' = 'stopped';
  let timer: NodeJS.Timeout | undefined;

  function found(): void {
    if (state === 'stopped' || state === 'sharing') return;
    state = 'sharing';
    events.sharing();
  }

  function lost(error: unknown): void {
    if (state === 'stopped' || state === 'alone') return;
    state = 'alone';
    events.alone(error instanceof Error ? error.message : String(error));
    probeLater();
  }

  function probeLater(): void {
    timer = setTimeout(() => void probeAgain(), PROBE_INTERVAL_MS).unref();
  }

  async function probe(): Promise<void> {
    await redis.charge(PROBE_BUCKET);
    found();
  }

  async function probeAgain(): Promise<void> {
    await probe().catch(() => {
      if (state !== 'alone') return;
      // It may hang, or be a replica by now: a new connection asks for its name again.
      redis.reconnect();
      probeLater();
    });
  }

  async function chargeShared(bucket: string): Promise<Allowance> {
    try {
      const allowance = await redis.charge(bucket);
      if (!allowance.allowed) return allowance;
      // Others of this bucket may have been let through without Redis while this one was under way.
      const own = memory.charge(bucket);
      return own.allowed ? allowance : own;
    } catch (error) {
      lost(error);
      return memory.charge(bucket);
    }
  }

  return {
    charge(bucket) {
      if (state !== 'sharing') return memory.charge(bucket);
      return memory.refusal(bucket) ?? chargeShared(bucket);
    },
    async start() {
      state = 'unknown';
      await redis.connect().then(probe).catch(lost);
    },
    stop() {
      state = 'stopped';
      clearTimeout(timer);
      redis.disconnect();
    },
  };
}
