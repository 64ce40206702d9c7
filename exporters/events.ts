import type { ItemCounts, SequenceRange, Signal } from '../src/component.js';
import type { Passage } from './chooser.js';

interface Named {
  exporter: string;
}

export interface ExporterEvents {
  /** One request was taken by the backend. `rejected` of its items are lost (partial success), for the reason of `message`. */
  delivered(
    delivered: Named & {
      signal: Signal;
      /** From the first frame in it to the last. */
      range: SequenceRange;
      items: number;
      bytes: number;
      rejected: number;
      message: string;
      durationMs: number;
    },
  ): void;
  /** A request is to be tried again. */
  postponed(postponed: Named & { signal: Signal; reason: string }): void;
  /** The backend takes nothing: requests wait in the buffer. `recovered` follows when it takes one again. */
  failed(failed: Named & { endpoint: string; reason: string }): void;
  recovered(recovered: Named & { endpoint: string }): void;
  /** The backend will never take this; it is among the dead letters. */
  refused(refused: Named & { signal: Signal; items: number; reason: string }): void;
  /** Of a range that was released, what came to a processor and what it let pass: to leave something out is no loss. */
  processed(processed: Named & Passage): void;
  /** The oldest were given up, because the exporter lags by more than its share. `first`: of a row of such losses. */
  dropped(dropped: Named & { frames: number; items: number; signals: ItemCounts; first: boolean }): void;
  /** That row is over: so many items were lost in it. */
  keptUp(keptUp: Named & { items: number }): void;
  /** Frames that are `damaged` on disk, which stood there, or can't be read as what they say they are: these are `buried`. */
  unusable(
    unusable: Named & { frames: number; buried: number; reason: string; damaged?: SequenceRange | undefined },
  ): void;
  /** A success with an answer that could not be read. */
  answerUnreadable(unreadable: Named & { reason: string }): void;
  /** Something of this gateway's own keeps the exporter waiting: its disk, or its dead letters. */
  stuck(stuck: Named & { reason: string }): void;
}

export const nopExporterEvents: ExporterEvents = {
  delivered() {},
  postponed() {},
  failed() {},
  recovered() {},
  refused() {},
  processed() {},
  dropped() {},
  keptUp() {},
  unusable() {},
  answerUnreadable() {},
  stuck() {},
};
