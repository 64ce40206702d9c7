import type { GatewayError } from '../errors.js';

/**
 * open: appends are accepted. full: a consumer still needs the oldest segment. disk-full: the last write found no space.
 * failed: the disk reported an error after which nothing written is trusted; appends are refused until a restart.
 */
export type BufferState = 'open' | 'full' | 'disk-full' | 'failed';

/** A place in a segment that held no whole frame, though one was written there. */
export interface Damage {
  path: string;
  offset: number;
  bytes: number;
  /** The sequences that are missing, as far as the neighbours tell. */
  firstSequence: number;
  lastSequence: number;
  reason: string;
}

export interface RecoveryReport {
  segments: number;
  /** What was read to find the frames that some consumer still needs. */
  scannedBytes: number;
  frames: number;
  items: number;
  /** Bytes of frames at the end that were not completely written when the process ended, and were cut off. */
  tornBytes: number;
  tornPath: string | undefined;
  damagedPlaces: number;
  /** The first thousand of them. */
  damages: Damage[];
  durationMs: number;
}

export interface BufferEvents {
  opened(opened: { directory: string; id: string; segmentBytes: number; maxBytes: number }): void;
  /** Once per start, when the directory was not new. */
  recovered(report: RecoveryReport): void;
  /** Once per group of frames that was written, synced and acknowledged together. */
  committed(group: { frames: number; items: number; bytes: number; durationMs: number }): void;
  stateChanged(change: { from: BufferState; to: BufferState; error: GatewayError | undefined }): void;
  /** The cursors could not be kept; consumers would repeat work after a restart. Once per row of failures. */
  cursorsNotKept(error: unknown): void;
}

export const nopBufferEvents: BufferEvents = {
  opened() {},
  recovered() {},
  committed() {},
  stateChanged() {},
  cursorsNotKept() {},
};
