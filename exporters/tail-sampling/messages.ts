/** What crosses between a sampler and its thread: plain data, both ways. */
import type { Care } from '../../src/casualty.js';
import type { FrameRange, Signal } from '../../src/component.js';
import type { TailSamplingConfig } from './config.js';
import type { Verdict } from './verdict-table.js';

export interface OpenTask {
  sampler: string;
  config: TailSamplingConfig;
  /** Of its verdicts. */
  directory: string;
  bufferId: string;
  /** Whether log records go the way of their traces, so that they are traces' first signs as well. */
  samplesLogs: boolean;
}

/** There is no such sampler any more. */
export interface CloseTask {
  sampler: string;
}

export interface FoldTask {
  /** In their order, each behind the one before. */
  ranges: FrameRange[];
  /** There is nothing behind these ranges at that time. Absent when there is more to read. */
  nowUnixMs?: number | undefined;
  /** Traces that came before that sequence are decided now, whatever may still come of them. */
  decideBefore?: number | undefined;
  /** Exporters ask for nothing before that sequence any more. */
  neededFrom: number;
  /** What is condemned is passed over: nothing of it is told to any policy. */
  care?: Care | undefined;
}

export interface Folded {
  /** Whatever stands up to that sequence is decided, and the verdicts are on the disk. */
  decidedThrough: number;
  /** When the next verdict is due, from `nowUnixMs` on, or from the newest frame. undefined: no trace waits. */
  nextVerdictInMs: number | undefined;
  /** Traces that wait for their verdicts. */
  waiting: number;
  remembered: number;
  counts: FoldCounts;
  /** Of policies: they took too long, and matched nothing from then on. */
  slowPatterns: readonly string[];
}

export interface FoldCounts {
  newTraces: number;
  kept: number;
  dropped: number;
  /** Traces that each policy keeps; a trace counts for every one that does. */
  keptBy: Record<string, number>;
  /** Of them, decided before their time: too many waited, or the buffer had no room for more of them. */
  early: number;
  /** Spans and log records that came when their trace was decided, by the verdict. */
  late: Record<Verdict, number>;
  /** Requests that could not be read, or that no thread survives reading. */
  unreadable: number;
}

export interface ChoosePart {
  sequence: number;
  signal: Exclude<Signal, 'metrics'>;
  workspace: string;
  payload: Uint8Array;
}

export interface ChooseTask {
  parts: ChoosePart[];
}

export interface Chosen {
  /** For each part: undefined, nothing of it; without a payload, all of it. */
  parts: ({ items: number; payload?: Uint8Array } | undefined)[];
  /** Spans and log records that were kept because nothing is known of their trace any more. */
  unknown: number;
}

/** To a decider that was opened before. */
export type Addressed<Task> = Task & { sampler: string; session: string };

/**
 * unknown: there is no such session any more; open another one, and fold again from the oldest undecided trace on. failed:
 * the same, for something that may be otherwise the next time, a full disk mostly.
 */
export type SessionAnswer<Result> =
  | { outcome: 'done'; result: Result }
  | { outcome: 'unknown' }
  | { outcome: 'failed'; reason: string };
