import { describe, expect, test } from 'vitest';
import { limitSettings } from '../../src/limits/config.js';

describe('the settings of limits', () => {
  test('without any, a key has 300 requests a minute, and OTLP has no limit', () => {
    expect(limitSettings.parse({})).toEqual({
      windowMs: 60_000,
      maxRequests: 300,
      otlpSpansPerSecond: 0,
      otlpBytesPerSecond: 0,
    });
  });

  test.each(['redis://localhost', 'redis://:secret@10.0.0.1:6379/2', 'rediss://user:pass@redis.example:6380'])(
    'take %s',
    (redisUrl) => expect(limitSettings.parse({ redisUrl }).redisUrl).toBe(redisUrl),
  );

  test.each([
    { redisUrl: 'localhost:6379' },
    { redisUrl: 'redis://host:port' },
    { redisUrl: 'http://localhost:6379' },
    { windowMs: '0' },
    { windowMs: '1m' },
    { maxRequests: '-1' },
    { maxRequests: 'many' },
    { otlpBytesPerSecond: '1 parsec' },
  ])('refuse %j', (settings) => {
    expect(limitSettings.safeParse(settings).success).toBe(false);
  });

  test('bytes a second may have a unit', () => {
    expect(limitSettings.parse({ otlpBytesPerSecond: '10MiB' }).otlpBytesPerSecond).toBe(10 * 2 ** 20);
  });
});
