import type { ConsumerLag, Signal } from '../../component.js';

/** What went by one place since the start; undefined for what is not counted there. */
export interface Flow {
  requests?: number | undefined;
  items?: number | undefined;
  bytes?: number | undefined;
  /** The items, by their signal. */
  signals?: Readonly<Record<Signal, number>> | undefined;
}

export interface StageError {
  message: string;
  timeUnixMs: number;
}

export interface Stage {
  kind: 'receiver' | 'buffer' | 'store' | 'audit' | 'exporter';
  name: string;
  /** ok; or what is wrong: full, disk-full, failed, failing. */
  status: string;
  in: Flow;
  out: Flow;
  /** What was sent back to be tried again, by whoever sent it. */
  refused?: Flow;
  /** Items that are in no later stage, by why. */
  dropped: Readonly<Record<string, number>>;
  /** What is here now; undefined where nothing waits. */
  lag?: ConsumerLag | undefined;
  /** Numbers of its own, by name. */
  details: Readonly<Record<string, number>>;
  lastError: StageError | undefined;
}

export interface Pipeline {
  startedTimeUnixMs: number;
  /** In the order of the path. */
  stages: Stage[];
}

/** Counted along the path already: asking adds what there is, and costs the path nothing. */
export type ReadPipeline = () => Promise<Pipeline>;
