import type { FoldCounts } from './messages.js';

interface Named {
  sampler: string;
}

export interface TailSamplingEvents {
  /** Once for what was read at once. */
  folded(folded: Named & FoldCounts): void;
  /** Items of traces of which nothing is known any more: they are kept. */
  unknown(unknown: Named & { exporter: string; items: number }): void;
  /** No thread survives reading that frame: it tells no policy anything, and goes on as its traces do otherwise. */
  passedOver(passed: Named & { sequence: number; reason: string }): void;
  /** The sampler lost its oldest frames, as every consumer did: the buffer was full. */
  lost(lost: Named & { frames: number; items: number }): void;
  /** Something of this gateway's own keeps the sampler, and so its exporters, waiting: its disk, or its thread. */
  stuck(stuck: Named & { reason: string }): void;
}

export const nopTailSamplingEvents: TailSamplingEvents = {
  folded() {},
  unknown() {},
  passedOver() {},
  lost() {},
  stuck() {},
};
