import { z } from 'zod';
import { bytes, integer, milliseconds, oneOf, type SettingMeta } from '../src/setting.js';

const HOUR_MS = 3_600_000;
/** Node's timers take no more. */
export const MAX_TIME_MS = 2 ** 31 - 1;

/** What every exporter has: its place in the buffer, its requests, its patience. */
export const queueSettings = z.object({
  bufferSharePercent: integer(1, 95)
    .prefault('50')
    .meta({
      env: 'EXPORTER_BUFFER_SHARE',
      description:
        'Percent of BUFFER_MAX_BYTES that may wait for one exporter; beyond it, its oldest are dropped and counted',
    } satisfies SettingMeta),
  startAt: oneOf(['oldest', 'now'])
    .prefault('oldest')
    .meta({
      env: 'EXPORTER_START_AT',
      description: 'Where a new exporter begins: with the oldest request that is still in the buffer, or with the next',
    } satisfies SettingMeta),
  maxInFlight: integer(1, 1000)
    .prefault('10')
    .meta({ env: 'EXPORTER_MAX_IN_FLIGHT', description: 'Requests of one exporter at once' } satisfies SettingMeta),
  // gRPC servers take 4 MiB when nobody has told them otherwise.
  maxRequestBytes: bytes()
    .prefault('4000000')
    .meta({
      env: 'EXPORTER_MAX_REQUEST_BYTES',
      description: 'Received requests are merged up to this many bytes, and larger ones cut',
    } satisfies SettingMeta),
  maxRequestItems: integer(1, 10_000_000)
    .prefault('8192')
    .meta({
      env: 'EXPORTER_MAX_REQUEST_ITEMS',
      description: 'Received requests are merged up to this many spans, log records or data points',
    } satisfies SettingMeta),
  lingerMs: milliseconds(0, 60_000)
    .prefault('200')
    .meta({
      env: 'EXPORTER_LINGER_MS',
      description: 'How long a request that is not full waits for more before it is sent',
    } satisfies SettingMeta),
  retryInitialMs: milliseconds(1, HOUR_MS)
    .prefault('5000')
    .meta({
      env: 'EXPORTER_RETRY_INITIAL_MS',
      description: 'Wait before the first retry, give or take a half; each further one is 1.5 times as long',
    } satisfies SettingMeta),
  retryMaxMs: milliseconds(1, HOUR_MS)
    .prefault('30000')
    .meta({
      env: 'EXPORTER_RETRY_MAX_MS',
      description: 'Longest wait between two retries, unless the backend asks for more',
    } satisfies SettingMeta),
  retryMaxElapsedMs: milliseconds(0, MAX_TIME_MS)
    .prefault('0')
    .meta({
      env: 'EXPORTER_RETRY_MAX_ELAPSED_MS',
      description: 'After this time a request goes to the dead letters instead of being tried again; 0 = never',
    } satisfies SettingMeta),
  circuitFailures: integer(1, 1000)
    .prefault('5')
    .meta({
      env: 'EXPORTER_CIRCUIT_FAILURES',
      description: 'Failures in a row after which one request at a time probes the backend, until one is taken',
    } satisfies SettingMeta),
});

export type QueueConfig = z.output<typeof queueSettings>;
