/** What crosses between the main thread and the store writers: plain data, both ways. */
import type { FrameRange } from '../src/component.js';
import type { WriteResult, WriterOptions } from '../src/store/telemetry/telemetry.js';

/** Handed to a writer thread when it is made. */
export interface WriterThreadOptions {
  writer: WriterOptions;
  deadLetterDirectory: string;
}

export interface StoreTask {
  bufferId: string;
  range: FrameRange;
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

export type StoreResult = Stored | Unavailable;
