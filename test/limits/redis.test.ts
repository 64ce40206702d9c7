import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Allowance } from '../../src/limits/allowance.js';
import { createLimiter, type Limiter } from '../../src/limits/limiter.js';
import { startRedis } from '../helpers/redis.js';
import { recordEvents } from './events.js';

const server = await startRedis();
afterAll(() => server?.kill());

const limiters: Limiter[] = [];
afterEach(async () => {
  await Promise.all(limiters.splice(0).map((limiter) => limiter.shutdown({ deadlineMs: 0 })));
});

/** One gateway's limiter. */
async function startLimiter(config: { maxRequests?: number; windowMs?: number; redisUrl?: string } = {}) {
  const events = recordEvents();
  const limiter = createLimiter({
    config: { windowMs: 60_000, maxRequests: 100, redisUrl: server!.url, ...config },
    events,
  });
  limiters.push(limiter);
  await limiter.start();
  const charge = async (bucket = 'a') => limiter.requests!.charge(bucket);
  return { limiter, events, charge };
}

const allowed = (answers: Allowance[]) => answers.filter((answer) => answer.allowed).length;

describe.skipIf(!server)('a limit shared through Redis', () => {
  let control: Redis;
  beforeEach(async () => {
    control = new Redis(server!.url);
    await control.flushall();
  });
  afterEach(() => control.disconnect());

  test('500 requests at once over two gateways, at a limit of 100: exactly 100 pass', async () => {
    const gateways = [await startLimiter(), await startLimiter()];
    const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => gateways[index % 2]!.charge()));
    expect(allowed(answers)).toBe(100);
    expect(gateways.flatMap(({ events }) => events.alone.mock.calls)).toEqual([]);
    const remaining = answers.filter((answer) => answer.allowed).map((answer) => answer.remaining);
    expect(remaining.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('what one gateway let through, another refuses, and says when to come again', async () => {
    const one = await startLimiter({ maxRequests: 2 });
    const other = await startLimiter({ maxRequests: 2 });
    expect(await one.charge()).toEqual({
      allowed: true,
      limit: 2,
      remaining: 1,
      resetAfterMs: 60_000,
      retryAfterMs: 0,
    });
    await one.charge();
    const refused = await other.charge();
    expect(refused).toMatchObject({ allowed: false, limit: 2, remaining: 0 });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(refused.resetAfterMs);
    expect(refused.resetAfterMs).toBeLessThanOrEqual(60_000);
    expect((await other.charge('b')).allowed).toBe(true);
  });

  test('a place is free again when its window is over, by the clock of the server', async () => {
    const { charge } = await startLimiter({ maxRequests: 3, windowMs: 400 });
    const passed: { askedMs: number; answeredMs: number }[] = [];
    while (passed.length < 10) {
      const askedMs = performance.now();
      if ((await charge()).allowed) passed.push({ askedMs, answeredMs: performance.now() });
    }
    // Redis counted the fourth before it was answered, and the first after it was asked for: in whole milliseconds.
    const spans = passed.slice(3).map(({ answeredMs }, index) => answeredMs - passed[index]!.askedMs);
    expect(Math.min(...spans)).toBeGreaterThan(398);
  });

  test('nothing stays in Redis when the windows are empty', async () => {
    const { charge } = await startLimiter({ windowMs: 50 });
    await charge('a');
    await charge('b');
    while ((await control.dbsize()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('the memory of a window in Redis does not grow with the limit', async () => {
    const { charge } = await startLimiter({ maxRequests: 1_000_000, windowMs: 1000 });
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 500 }, () => charge()));
    const [key] = await control.keys('*:a');
    expect(await control.strlen(key!)).toBeLessThan(61 * 12 + 10);
  });

  test('a server whose clock went back keeps nobody out for longer than a window', async () => {
    const { charge } = await startLimiter({ maxRequests: 1, windowMs: 1000 });
    await charge();
    const [key] = await control.keys('*:a');
    const future = `local s = cmsgpack.unpack(redis.call('GET', KEYS[1])); s[1] = s[1] + 3600000; redis.call('SET', KEYS[1], cmsgpack.pack(s))`;
    await control.eval(future, 1, key!);
    const other = await startLimiter({ maxRequests: 1, windowMs: 1000 });
    const refused = await other.charge();
    expect(refused.allowed).toBe(false);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(1000);
  });

  test('goes on when the server has forgotten the script', async () => {
    const { charge, events } = await startLimiter();
    await charge();
    await control.script('FLUSH');
    const answers = await Promise.all(Array.from({ length: 10 }, () => charge()));
    expect(allowed(answers)).toBe(10);
    expect(events.alone).not.toHaveBeenCalled();
  });
});

/** Resolves when the condition holds; the test's own time-out ends what never does. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe.skipIf(!server)('without its Redis', () => {
  test('a gateway counts for itself from what it has let through, and shares again when Redis is back', async () => {
    const { charge, events } = await startLimiter({ maxRequests: 10 });
    for (let i = 0; i < 6; i++) expect((await charge('mine')).allowed).toBe(true);

    await server!.kill();
    const alone = await Promise.all(Array.from({ length: 20 }, () => charge('mine')));
    expect(allowed(alone)).toBe(4);
    expect(events.alone).toHaveBeenCalledTimes(1);

    await server!.start();
    await until(() => events.sharing.mock.calls.length === 2);
    // Redis came back empty, and this process still knows.
    expect((await charge('mine')).allowed).toBe(false);
    expect((await charge('b')).allowed).toBe(true);
    const other = await startLimiter({ maxRequests: 1 });
    expect((await other.charge('b')).allowed).toBe(false);
    expect(events.alone).toHaveBeenCalledTimes(1);
  });

  test('requests that are under way when it dies are decided, and not one too many passes', async () => {
    const { charge } = await startLimiter();
    const under = Array.from({ length: 300 }, () => charge('storm'));
    const killed = server!.kill();
    const more = Array.from({ length: 300 }, () => charge('storm'));
    await killed;
    const answers = await Promise.all([...under, ...more]);
    expect(answers).toHaveLength(600);
    expect(allowed(answers)).toBeLessThanOrEqual(100);
    await server!.start();
  });

  test('a server that hangs holds requests up once, then nobody', async () => {
    const { charge, events } = await startLimiter({ maxRequests: 10 });
    server!.pause();
    expect((await charge('hung')).allowed).toBe(true);
    expect(events.alone).toHaveBeenCalledTimes(1);
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    for (let i = 0; i < 9; i++) expect((await charge('hung')).allowed).toBe(true);
    expect((await charge('hung')).allowed).toBe(false);
    clearInterval(counting);
    // No timer had a turn in between: nothing was waited for.
    expect(turns).toBe(0);
    server!.resume();
    await until(() => events.sharing.mock.calls.length === 2);
  });

  test('a process that was busy itself does not take Redis for dead', async () => {
    const { charge, events } = await startLimiter();
    const charged = charge('busy');
    const busyUntilMs = performance.now() + 700;
    // The answer is on its way once the command has been sent, which takes a turn.
    await new Promise((resolve) => setImmediate(resolve));
    while (performance.now() < busyUntilMs);
    expect((await charged).remaining).toBe(99);
    expect(events.alone).not.toHaveBeenCalled();
  });

  test('a gateway starts while Redis is away, and shares when it comes', async () => {
    await server!.kill();
    const { charge, events } = await startLimiter({ maxRequests: 1 });
    expect(events.alone).toHaveBeenCalledTimes(1);
    expect((await charge('early')).allowed).toBe(true);
    expect((await charge('early')).allowed).toBe(false);
    await server!.start();
    await until(() => events.sharing.mock.calls.length === 1);
    expect((await charge('late')).allowed).toBe(true);
  });

  test('a gateway starts although Redis hangs', async () => {
    server!.pause();
    const { charge, events } = await startLimiter({ maxRequests: 1 });
    expect(events.alone).toHaveBeenCalledTimes(1);
    expect((await charge('hung')).allowed).toBe(true);
    server!.resume();
    await until(() => events.sharing.mock.calls.length === 1);
  });

  test('the reason is told in words, and without the password', async () => {
    const control = new Redis(server!.url);
    await control.config('SET', 'requirepass', 'right');
    const { events } = await startLimiter({ redisUrl: server!.url.replace('://', '://:wrong-secret@') });
    expect(events.alone.mock.calls).toEqual([[expect.stringContaining('WRONGPASS')]]);
    expect(JSON.stringify(events.alone.mock.calls)).not.toContain('secret');
    await control.config('SET', 'requirepass', '');
    control.disconnect();
  });

  test('that nobody listens is told, not that a queue is full', async () => {
    await server!.kill();
    const { events } = await startLimiter();
    expect(events.alone.mock.calls).toEqual([[expect.stringContaining('ECONNREFUSED')]]);
    await server!.start();
  });

  test('a server that takes no writes is as good as none', async () => {
    const { charge, events } = await startLimiter({ maxRequests: 1 });
    const control = new Redis(server!.url);
    await control.config('SET', 'min-replicas-to-write', '1');
    expect((await charge('stuck')).allowed).toBe(true);
    expect((await charge('stuck')).allowed).toBe(false);
    expect(events.alone).toHaveBeenCalledTimes(1);
    await control.config('SET', 'min-replicas-to-write', '0');
    await until(() => events.sharing.mock.calls.length === 2);
    expect(events.alone).toHaveBeenCalledTimes(1);
    control.disconnect();
  });

  test('a limiter that was shut down has no connection, and no probe brings one back', async () => {
    const { limiter } = await startLimiter();
    const control = new Redis(server!.url);
    await limiter.shutdown({ deadlineMs: 0 });
    await limiter.shutdown({ deadlineMs: 0 });
    let clients = '';
    do clients = String(await control.client('LIST'));
    while (clients.trim().split('\n').length > 1);
    control.disconnect();
  });
});
