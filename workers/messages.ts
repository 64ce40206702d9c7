/** What crosses between the main thread and the store writers: plain data, both ways. */
import type { Care } from '../src/casualty.js';
import type { FrameRange } from '../src/component.js';
import type { AuditEntry } from '../src/model/audit-entry.js';
import type { RepriceResult, RepriceStep } from '../src/store/telemetry/generations.js';
import type { WriteResult, WriterOptions } from '../src/store/telemetry/telemetry.js';

/** Handed to a writer thread when it is made. */
export interface WriterThreadOptions {
  writer: WriterOptions;
  deadLetterDirectory: string;
  /** Whether spans and logs are read for what they tell of calls to models. */
  mapping: boolean;
  /** Longer texts are cut. */
  maxAttributeBytes: number;
}

/** Which versions of prices and prompts a thread was told; 0 of what it was never told. */
export interface Known {
  pricesVersion: number;
  promptsVersion: number;
}

/** A text that a prompt begins with, by its hash (`Generation.promptHash`): as it is written, or as it was handed out. */
export interface KnownPrompt {
  source: 'template' | 'rendering';
  workspace: string;
  hash: string;
  /** '' for one that is no sign of a prompt any more. */
  name: string;
  version: string;
}

export interface Knowledge extends Known {
  /** What the thread is thought to know. */
  after: Known;
  /** JSON text: every OwnPrice, in the place of those before. Absent when they are those of `after`. */
  prices?: string;
  /** JSON text: KnownPrompts that were learned since `after`. */
  prompts?: string;
}

export interface Informed {
  knowledge: Knowledge;
}

/** Of the operations `store`, and `recall`: then all of the range is stored already, and its trailers alone are read. */
export interface StoreTask extends Partial<Informed> {
  bufferId: string;
  range: FrameRange;
  /** Frame by frame, then, each in a transaction of its own; what is condemned goes to the dead letters. */
  care?: Care | undefined;
}

/** A frame that went to the dead letters. */
export interface Burial {
  sequence: number;
  reason: string;
}

/** What a frame deletes, and what the audit log is told of it once that is done. */
export interface FrameDeletion {
  sequence: number;
  workspace: string;
  traceIds: Uint8Array[];
  receivedUntilUnixMs: number;
  audit: AuditEntry[];
}

export interface Stored extends WriteResult {
  outcome: 'stored';
  deadLetters: Burial[];
  /**
   * JSON text of the entries of the frames that were written, each with its source; '' when there are none; those of
   * deletions stand with them. Text, because cloning objects from thread to thread costs several times as much.
   */
  audit: string;
  /** To be carried out once everything before the range is stored. */
  deletions: FrameDeletion[];
  /** Records that could not be understood beside being stored. */
  mappingFailures?: { count: number; reason: string };
  /** That were over the limit. */
  cutTexts: number;
  decodeMs: number;
  /** To find out what the records tell of calls to models. */
  mapMs: number;
  writeMs: number;
}

/** Nothing may be taken as written; the same task may succeed later. */
export interface Unavailable {
  outcome: 'unavailable';
  reason: string;
}

export type StoreResult = Stored | Unavailable;

/** The thread does not know what it was thought to: it began anew. Nothing was done. */
export interface Ignorant {
  outcome: 'ignorant';
  known: Known;
}

/** Of the operation `reprice`. */
export interface RepriceTask extends Partial<Informed> {
  step: RepriceStep;
}

export type RepriceTaskResult = ({ outcome: 'repriced' } & RepriceResult) | Unavailable;

/** Of the operation `delete`, and of `forget`, for the writers that another one deletes beside. */
export interface DeleteTask {
  bufferId: string;
  range: FrameRange;
  deletions: readonly FrameDeletion[];
}

export interface Deleted {
  outcome: 'deleted';
  /** Frames whose deletion can't be carried out. */
  deadLetters: Burial[];
}

export type DeleteResult = Deleted | Unavailable;

export interface Forgotten {
  outcome: 'forgotten';
}

export type ForgetResult = Forgotten | Unavailable;
