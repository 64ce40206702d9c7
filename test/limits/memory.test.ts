import { describe, expect, test } from 'vitest';
import { createLimiter } from '../../src/limits/limiter.js';
import { createMemoryLimit, type MemoryLimitOptions } from '../../src/limits/memory.js';
import { PARTS, SlidingWindow } from '../../src/limits/window.js';
import { recordEvents } from './events.js';

function limitOf(options: Partial<MemoryLimitOptions> = {}) {
  const clock = { nowMs: 1_000_000 };
  const events = recordEvents();
  const limit = createMemoryLimit({ windowMs: 60_000, maxRequests: 3, nowMs: () => clock.nowMs, events, ...options });
  return { limit, clock, events };
}

describe('the sliding window', () => {
  test('lets exactly the limit through, and says what is left', () => {
    const { limit } = limitOf();
    const answers = Array.from({ length: 5 }, () => limit.charge('a'));
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
    expect(answers.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0, 0]);
    expect(answers.every((answer) => answer.limit === 3)).toBe(true);
  });

  test('a place is free again a window after it was taken, not a moment earlier', () => {
    const { limit, clock } = limitOf();
    limit.charge('a');
    clock.nowMs += 20_000;
    limit.charge('a');
    limit.charge('a');
    clock.nowMs += 39_999;
    expect(limit.charge('a')).toMatchObject({ allowed: false, retryAfterMs: 1, resetAfterMs: 20_001 });
    clock.nowMs += 1;
    expect(limit.charge('a')).toMatchObject({ allowed: true, remaining: 0 });
    expect(limit.charge('a')).toMatchObject({ allowed: false, retryAfterMs: 20_000, resetAfterMs: 60_000 });
  });

  test('a burst across what would be the edge of a fixed window is not let through twice', () => {
    const { limit, clock } = limitOf();
    clock.nowMs = 59_999;
    for (let i = 0; i < 3; i++) limit.charge('a');
    clock.nowMs = 60_001;
    expect(limit.charge('a').allowed).toBe(false);
  });

  test('refused requests are not counted: who keeps knocking gets in when it is due', () => {
    const { limit, clock } = limitOf();
    for (let i = 0; i < 3; i++) limit.charge('a');
    for (let i = 0; i < 100; i++) {
      clock.nowMs += 500;
      expect(limit.charge('a').allowed).toBe(false);
    }
    clock.nowMs += 10_000;
    expect(limit.charge('a').allowed).toBe(true);
  });

  test('one bucket takes nothing from another', () => {
    const { limit } = limitOf();
    for (let i = 0; i < 4; i++) limit.charge('a');
    expect(limit.charge('b')).toMatchObject({ allowed: true, remaining: 2 });
  });

  test('no window of any length ever holds one too many, and the place is free a sixtieth late at most', () => {
    const windowMs = 6000;
    const { limit, clock } = limitOf({ windowMs, maxRequests: 50 });
    const passed: number[] = [];
    let seed = 7;
    for (let i = 0; i < 20_000; i++) {
      seed = (seed * 48_271) % 2_147_483_647;
      clock.nowMs += (seed % 1000) ** 3 / 8e6;
      const inWindow = (length: number) => passed.filter((at) => clock.nowMs - at < length).length;
      const { allowed, retryAfterMs } = limit.charge('a');
      if (allowed) expect(inWindow(windowMs)).toBeLessThan(50);
      else expect(inWindow(windowMs * (1 + 1 / PARTS))).toBeGreaterThanOrEqual(50);
      expect(retryAfterMs).toBeLessThanOrEqual(windowMs);
      if (allowed) passed.push(clock.nowMs);
      if (passed.length > 200) passed.splice(0, 100);
    }
  });

  test('holds no more entries than its parts, however many requests there are', () => {
    const window = new SlidingWindow();
    for (let nowMs = 0; nowMs < 200_000; nowMs++) {
      window.count(nowMs, 60_000);
      window.add(nowMs, 60_000);
    }
    expect(window.entries).toBeLessThanOrEqual(PARTS + 1);
    expect(window.count(199_999, 60_000)).toBeLessThanOrEqual(60_000 + 1000);
  });
});

describe('the memory of the limit', () => {
  test('holds no more buckets than it may, and says that a busy one was forgotten', () => {
    const { limit, events } = limitOf({ maxBuckets: 1000 });
    for (let i = 0; i < 100_000; i++) limit.charge(`bucket-${i}`);
    expect(limit.buckets).toBe(1000);
    expect(events.forgotten).toHaveBeenCalledTimes(99_000);
  });

  test('is bounded by default', () => {
    const { limit } = limitOf();
    for (let i = 0; i < 100_000; i++) limit.charge(`bucket-${i}`);
    expect(limit.buckets).toBeLessThan(100_000);
  });

  test('forgets whoever was quiet longest, and nobody notices when their window was empty', () => {
    const { limit, clock, events } = limitOf({ maxBuckets: 2 });
    limit.charge('quiet');
    clock.nowMs += 60_000;
    for (let i = 0; i < 3; i++) limit.charge('busy');
    limit.charge('new');
    expect(events.forgotten).not.toHaveBeenCalled();
    expect(limit.charge('busy').allowed).toBe(false);
  });
});

test('500 requests at once, at a limit of 100: exactly 100 pass', async () => {
  const events = recordEvents();
  const limiter = createLimiter({ config: { windowMs: 60_000, maxRequests: 100, redisUrl: undefined }, events });
  await limiter.start();
  const answers = await Promise.all(Array.from({ length: 500 }, async () => limiter.requests!.charge('a')));
  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(100);
  await limiter.shutdown({ deadlineMs: 0 });
});

test('a limit of 0 is none', () => {
  const config = { windowMs: 60_000, maxRequests: 0, redisUrl: 'redis://127.0.0.1:1' };
  expect(createLimiter({ config, events: recordEvents() }).requests).toBeUndefined();
});
