/** What crosses between the main thread and the store writers: plain data, both ways. */
import type { FrameRange } from '../src/component.js';
import type { WriteResult, WriterOptions } from '../src/store/telemetry/telemetry.js';

/** Handed to a writer thread when it is made. */
export interface WriterThreadOptions {
  writer: WriterOptions;
  deadLetterDirectory: string;
}

/** For a range at which a thread died: frame by frame, each in a transaction of its own. */
export interface Care {
  /** Shared memory: the sequence of the frame that the thread is at, 0 when at none. */
  at: Float64Array;
  /** Sequences that go to the dead letters without a look. */
  bury: readonly number[];
}

export interface StoreTask {
  bufferId: string;
  range: FrameRange;
  care?: Care | undefined;
}

export interface Stored extends WriteResult {
  outcome: 'stored';
  /** Frames that went to the dead letters, each with its reason. */
  deadLetters: { sequence: number; reason: string }[];
  decodeMs: number;
  writeMs: number;
}

/** Nothing may be taken as written; the same task may succeed later. */
export interface Unavailable {
  outcome: 'unavailable';
  reason: string;
}

/** The thread ended without an answer; another one takes its place. */
export interface Died {
  outcome: 'died';
  reason: string;
}

export type StoreResult = Stored | Unavailable;
