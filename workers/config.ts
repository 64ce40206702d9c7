import { z } from 'zod';
import { bytes, flag, integer, milliseconds, type SettingMeta } from '../src/setting.js';

export const workerSettings = z.object({
  writers: integer(1, 64)
    .prefault('1')
    .meta({
      env: 'WORKERS',
      description: 'Store writers that run side by side, a thread each (SQLite: a block file each)',
    } satisfies SettingMeta),
  batchMaxItems: integer(1, 1_000_000)
    .prefault('5000')
    .meta({
      env: 'BATCH_MAX_ITEMS',
      description: 'Spans, log records or data points that one transaction of the store takes, about',
    } satisfies SettingMeta),
  batchMaxBytes: bytes()
    .prefault('4MiB')
    .meta({
      env: 'BATCH_MAX_BYTES',
      description: 'Request bytes that one transaction takes, about',
    } satisfies SettingMeta),
  batchLingerMs: milliseconds(0, 60_000)
    .prefault('100')
    .meta({
      env: 'BATCH_LINGER_MS',
      description: 'How long a batch that is not full waits for more before it is written',
    } satisfies SettingMeta),
  mapping: flag()
    .prefault('true')
    .meta({
      env: 'LLM_MAPPING',
      description: 'Reads spans and logs for models, tokens, cost, prompts, sessions and users, and keeps sums of them',
    } satisfies SettingMeta),
  maxAttributeBytes: bytes()
    .prefault('1MiB')
    .refine((value) => value >= 1024 && value <= 2 ** 29, 'expected 1KiB to 512MiB')
    .meta({
      env: 'MAX_ATTRIBUTE_BYTES',
      description:
        'A longer text in an attribute, an event or a log body is cut, and says so; media in base64 stay whole',
    } satisfies SettingMeta),
  nativeWaitMs: milliseconds(100, 600_000)
    .prefault('10000')
    .meta({
      env: 'NATIVE_WAIT_MS',
      description: 'How long a native request waits until what it wrote can be read; it is durable before',
    } satisfies SettingMeta),
  deadLetterMaxBytes: bytes()
    .prefault('256MiB')
    .meta({
      env: 'DEAD_LETTER_MAX_BYTES',
      description: 'Frames that could not be decoded or written, kept for inspection; the oldest go first',
    } satisfies SettingMeta),
});

export type WorkerConfig = z.infer<typeof workerSettings>;
