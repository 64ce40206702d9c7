/** Sliding windows in Redis, which every gateway that names the same REDIS_URL shares. */
import type { Redis } from 'ioredis';
import type { Allowance } from './allowance.js';
import { PARTS } from './window.js';

/**
 * The window of window.ts: {last, count, last, count, …} by time, ascending. One script, so nobody comes in between;
 * by the server's clock, so no gateway's clock matters; and the key is gone when its window is empty. A time in the
 * future means that the server's clock went back: those requests count from now.
 */
const CHARGE = `
local limit, window, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local stored = redis.call('GET', KEYS[1])
local entries = stored and cmsgpack.unpack(stored) or {}
local kept, total = {}, 0
for i = 1, #entries, 2 do
  local last = math.min(entries[i], now)
  if now - last < window then
    kept[#kept + 1] = last
    kept[#kept + 1] = entries[i + 1]
    total = total + entries[i + 1]
  end
end
local newest = #kept - 1
if total >= limit then
  return {0, 0, kept[newest] + window - now, kept[1] + window - now}
end
local part = window / parts
if newest > 0 and math.floor(kept[newest] / part) == math.floor(now / part) then
  kept[newest] = now
  kept[newest + 1] = kept[newest + 1] + 1
else
  kept[#kept + 1] = now
  kept[#kept + 1] = 1
end
redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'PX', window)
return {1, limit - total - 1, window, 0}
`;

/** Other programs may live in the same Redis. */
const KEY_PREFIX = 'promptmetrics:rate_limit:';
/** A healthy Redis answers within a millisecond; nobody waits longer than this for one that isn't. */
const ANSWER_TIMEOUT_MS = 500;
/** Of the first connection, and of each step in which another is made. */
const CONNECT_TIMEOUT_MS = 1000;
const MAX_RECONNECT_DELAY_MS = 1000;

type Answer = [allowed: 0 | 1, remaining: number, resetAfterMs: number, retryAfterMs: number];

interface Connection extends Redis {
  charge(key: string, limit: number, windowMs: number, parts: number): Promise<Answer>;
}

export interface RedisLimitOptions {
  url: string;
  windowMs: number;
  maxRequests: number;
}

export interface RedisLimit {
  /** Rejects when Redis is not there within a second; goes on trying to reach it all the same. */
  connect(): Promise<void>;
  /** Rejects when Redis doesn't answer, soon. */
  charge(bucket: string): Promise<Allowance>;
  /** Drops the connection, and makes another one. */
  reconnect(): void;
  disconnect(): void;
}

/** The client is loaded where there is a Redis: it takes a start a tenth of a second. */
async function createConnection(url: string): Promise<Connection> {
  const { Redis } = await import('ioredis');
  const connection = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS),
    // A request is decided now: what can't be sent fails, and what was sent isn't sent again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  connection.defineCommand('charge', { numberOfKeys: 1, lua: CHARGE });
  return connection as Connection;
}

/** Late is what has not arrived even then: a process that was busy itself reads its mail before it blames anybody. */
function inTime<Result>(timeoutMs: number, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = () => setImmediate(() => reject(new Error(`No answer within ${timeoutMs} ms`)));
    const timer = setTimeout(late, timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Only the words: with a failed command come its arguments, and those of AUTH are secret. */
function described(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}

export function createRedisLimit({ url, windowMs, maxRequests: limit }: RedisLimitOptions): RedisLimit {
  let connection: Connection | undefined;
  /** Why there is no connection. A command that fails for want of one doesn't know. */
  let fault: unknown;
  /** While the client was loaded. */
  let ended = false;

  async function open(): Promise<Connection> {
    const opened = await createConnection(url);
    opened.on('error', (error) => {
      fault = error;
    });
    opened.on('ready', () => {
      fault = undefined;
    });
    return opened;
  }

  async function explained<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw new Error(described(fault ?? error));
    }
  }

  return {
    async connect() {
      ended = false;
      const opened = await open();
      if (ended) return;
      connection = opened;
      await explained(inTime(CONNECT_TIMEOUT_MS, opened.connect()));
    },
    async charge(bucket) {
      if (connection === undefined) throw new Error('Not connected');
      const asked = connection.charge(KEY_PREFIX + bucket, limit, windowMs, PARTS);
      const answer = await explained(inTime(ANSWER_TIMEOUT_MS, asked));
      const [allowed, remaining, resetAfterMs, retryAfterMs] = answer;
      return { allowed: allowed === 1, limit, remaining, resetAfterMs, retryAfterMs };
    },
    reconnect() {
      if (connection?.status === 'ready') connection.disconnect(true);
    },
    disconnect() {
      ended = true;
      connection?.disconnect();
      connection = undefined;
    },
  };
}
