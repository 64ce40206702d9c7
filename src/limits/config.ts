import { z } from 'zod';
import { bytes, integer, milliseconds, type SettingMeta, text } from '../setting.js';

const MAX_WINDOW_MS = 24 * 60 * 60 * 1000;
const MAX_PER_WINDOW = 1_000_000_000;

export const limitSettings = z.object({
  windowMs: milliseconds(1, MAX_WINDOW_MS)
    .prefault('60000')
    .meta({
      env: 'RATE_LIMIT_WINDOW_MS',
      description: 'API: length of the sliding window in which the requests of a key are counted',
    } satisfies SettingMeta),
  maxRequests: integer(0, MAX_PER_WINDOW)
    .prefault('300')
    .meta({
      env: 'RATE_LIMIT_MAX_REQUESTS',
      description:
        'API: requests in a window for each key (without a key: for each address; loopback has none); more get 429; 0 for no limit',
    } satisfies SettingMeta),
  redisUrl: text()
    .refine((url) => /^rediss?:\/\/./.test(url) && URL.canParse(url), 'expected redis://host:6379 or rediss://…')
    .optional()
    .meta({
      env: 'REDIS_URL',
      description:
        'Redis that the gateways of one installation share: for the limits, and to tell each other what has changed; without it, or while it is away, each counts for itself',
      secret: true,
    } satisfies SettingMeta),
  otlpSpansPerSecond: integer(0, MAX_PER_WINDOW)
    .prefault('0')
    .meta({
      env: 'OTLP_RATE_LIMIT_SPANS_PER_SECOND',
      description:
        'OTLP: spans, log records and data points a second for each workspace and gateway; more get 429 / RESOURCE_EXHAUSTED; 0 for no limit',
    } satisfies SettingMeta),
  otlpBytesPerSecond: bytes()
    .prefault('0')
    .meta({
      env: 'OTLP_RATE_LIMIT_BYTES_PER_SECOND',
      description: 'OTLP: bytes a second, decompressed, for each workspace and gateway; 0 for no limit',
    } satisfies SettingMeta),
});

export type LimitConfig = z.infer<typeof limitSettings>;
