import { z } from 'zod';
import { GatewayError } from '../errors.js';
import { bytes, milliseconds, oneOf, type SettingMeta } from '../setting.js';
import { MAX_FRAME_HEADER_BYTES } from './frame.js';
import { SEGMENT_HEADER_BYTES } from './segment.js';

export const bufferSettings = z.object({
  maxBytes: bytes()
    .prefault('1GiB')
    .meta({
      env: 'BUFFER_MAX_BYTES',
      description: 'Disk space of the durable buffer; senders are asked to retry while it is full',
    } satisfies SettingMeta),
  sync: oneOf(['always', 'interval', 'off'])
    .prefault('always')
    .meta({
      env: 'BUFFER_SYNC',
      description:
        'When data counts as kept: always = synced to disk before the answer, interval = written, synced every BUFFER_SYNC_INTERVAL_MS, off = written, synced by the system',
    } satisfies SettingMeta),
  syncIntervalMs: milliseconds(1, 60_000)
    .prefault('100')
    .meta({
      env: 'BUFFER_SYNC_INTERVAL_MS',
      description: 'Time between two syncs with BUFFER_SYNC=interval',
    } satisfies SettingMeta),
  maxPendingBytes: bytes()
    .prefault('64MiB')
    .meta({
      env: 'BUFFER_MAX_PENDING_BYTES',
      description: 'Memory for requests that wait for the disk; more are refused for the moment',
    } satisfies SettingMeta),
});

export type BufferConfig = z.output<typeof bufferSettings>;

/** How the bytes are cut into segment files. */
export interface RingLayout {
  maxBytes: number;
  segmentBytes: number;
}

/** One that is written, one that is drained, one to go on with: fewer would stop ingestion at each change of segment. */
const MIN_SEGMENTS = 3;
/** The last part of a segment that a frame doesn't fit in is lost to the ring, so small ones use the space better … */
const SEGMENTS = 16;
/** … and larger ones than this gain nothing. */
const MAX_SEGMENT_BYTES = 128 * 2 ** 20;
const PAGE_BYTES = 4096;

/** Throws CONFIG_INVALID when the ring would be too small for its largest frame. */
export function ringLayout(maxBytes: number, maxFrameBytes: number): RingLayout {
  const smallest = SEGMENT_HEADER_BYTES + MAX_FRAME_HEADER_BYTES + maxFrameBytes;
  const preferred = Math.min(maxBytes / SEGMENTS, MAX_SEGMENT_BYTES);
  const segmentBytes = Math.ceil(Math.max(smallest, preferred) / PAGE_BYTES) * PAGE_BYTES;
  if (segmentBytes * MIN_SEGMENTS > maxBytes) throw tooSmall(maxBytes, segmentBytes * MIN_SEGMENTS);
  return { maxBytes, segmentBytes };
}

function tooSmall(maxBytes: number, neededBytes: number): GatewayError {
  return new GatewayError(
    'CONFIG_INVALID',
    `BUFFER_MAX_BYTES is ${maxBytes}, but the buffer must hold at least ${MIN_SEGMENTS} of the largest requests: ` +
      `set BUFFER_MAX_BYTES to ${neededBytes} or more, or lower MAX_BODY_BYTES`,
  );
}
