import type { Signal } from '../../component.js';

/** What one consumer of the buffer has made of a frame. `done`: it is through with it, and nothing else is known. */
export interface Fate {
  state: 'waiting' | 'taken' | 'done' | 'dead-letter' | 'partial' | 'lost' | 'unreadable' | 'unknown';
  /** Of what did not go as it should. */
  exception?: { reason: string; timeUnixMs: number; letter?: string | undefined; replayedAs?: number | undefined };
}

export interface BatchTold {
  signal: Signal;
  receivedTimeUnixMs: number;
  /** By consumer: the store under its own name, all others are exporters. */
  fates: Readonly<Record<string, Fate>>;
}

export interface ExporterTold {
  /** What it takes; anything else passes it by. */
  signals: readonly Signal[];
  /** Some of what it takes is left out by the processors of its pipelines. */
  chooses: boolean;
  lastError: { message: string; timeUnixMs: number } | undefined;
}

/** What is known of requests that were taken. */
export interface Batches {
  /** How ids of this gateway begin. */
  gateway(): string;
  /** How the ids of the gateway begin that gave that one out; undefined when it is no id of a batch. */
  makerOf(id: string): string | undefined;
  /** undefined when it is none of that workspace's here. */
  find(workspace: string, id: string): BatchTold | undefined;
  exporters(): Readonly<Record<string, ExporterTold>>;
}
