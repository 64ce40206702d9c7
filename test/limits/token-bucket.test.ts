import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../src/limits/token-bucket.js';

/** Takes it if it may be taken; how long to wait otherwise. */
function ask(bucket: TokenBucket, amount: number, nowMs: number): number {
  const waitMs = bucket.waitMs(amount, nowMs);
  if (waitMs === 0) bucket.take(amount, nowMs);
  return waitMs;
}

describe('a token bucket', () => {
  test('gives a second’s worth at once, then what flows in', () => {
    const bucket = new TokenBucket(100);
    expect(ask(bucket, 60, 0)).toBe(0);
    expect(ask(bucket, 60, 0)).toBe(200);
    expect(ask(bucket, 60, 199)).toBe(1);
    expect(ask(bucket, 60, 200)).toBe(0);
    expect(ask(bucket, 1, 200)).toBe(10);
  });

  test('holds no more than a second’s worth, however long it rests', () => {
    const bucket = new TokenBucket(100);
    ask(bucket, 100, 0);
    expect(ask(bucket, 100, 1_000_000)).toBe(0);
    expect(ask(bucket, 1, 1_000_000)).toBe(10);
  });

  test('gives more than it holds when it is full, and nothing until that has flowed in', () => {
    const bucket = new TokenBucket(100);
    ask(bucket, 1, 0);
    expect(ask(bucket, 1000, 0)).toBe(10);
    expect(ask(bucket, 1000, 10)).toBe(0);
    expect(ask(bucket, 1, 10)).toBe(9010);
    expect(ask(bucket, 1, 9019)).toBe(1);
    expect(ask(bucket, 1, 9020)).toBe(0);
  });

  test.each([1, 3, 7, 1000, 12_345, 1e9])(
    'who waits as long as was said is never told to wait again, at %i a second',
    (rate) => {
      const bucket = new TokenBucket(rate);
      let nowMs = 0.1;
      let seed = 11;
      let taken = 0;
      for (let i = 0; i < 2000; i++) {
        seed = (seed * 48_271) % 2_147_483_647;
        const amount = 1 + (seed % (2 * rate));
        nowMs += bucket.waitMs(amount, nowMs);
        expect(bucket.waitMs(amount, nowMs)).toBe(0);
        bucket.take(amount, nowMs);
        taken += amount;
      }
      // Never more than flowed in, a second's worth at the start, and the debt of the last.
      expect(taken).toBeLessThanOrEqual((nowMs / 1000 + 1 + 2) * rate * (1 + 1e-6));
    },
  );
});
