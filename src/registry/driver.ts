/** What keeps the content of prompts: versions that are written once and never changed. */
import type { Component } from '../component.js';
import type { PromptKey } from '../store/control/prompt-version.js';

export interface VersionContent extends PromptKey {
  /** Of the version's file: one JSON object. */
  content: string;
  author: string;
  message: string;
  /** Milliseconds since the epoch. */
  timeUnixMs: number;
}

export interface StoredVersion extends PromptKey {
  /** Of the commit that brought it; undefined for a driver without commits. */
  commitSha: string | undefined;
}

/** A version that came into the store, through this gateway or past it. */
export interface Arrival extends StoredVersion {
  author: string;
  message: string;
  timeUnixMs: number;
}

/** As it is kept from now on; with what the store tells of its origin only when asked for one. */
export interface Adopted extends StoredVersion, Partial<Pick<Arrival, 'author' | 'message' | 'timeUnixMs'>> {}

export interface Arrivals {
  /** In the order in which they came. */
  versions: Arrival[];
  /** Ask with it for what comes later; undefined when the store is empty. */
  revision: string | undefined;
}

export interface PromptDriver extends Component {
  readonly kind: string;
  /** What can't be written now is kept in the index, as pending, and written later; else such a write fails. */
  readonly defers?: boolean;
  /** How many versions may be adopted and read beside one another; one after another when not told. */
  readonly adoptsAtOnce?: number;
  /**
   * Resolves when the version is whole: it is there after a power cut, and `find` knows it. The same content again is no
   * fault. Rejects with CONFLICT when the version is there with another content (which stays), with a retryable error
   * when it is not known whether it was written: `find` tells.
   */
  write(version: VersionContent): Promise<StoredVersion>;
  /** A version that is whole, as far as this driver is concerned: what was half done is completed by asking. */
  find(key: PromptKey): Promise<StoredVersion | undefined>;
  /** The text of its file; undefined when there is none. */
  read(version: StoredVersion): Promise<string | undefined>;
  /** What came after `since`; all there is without it, or when the store doesn't know it (any longer). */
  arrivals(since: string | undefined): Promise<Arrivals>;
  /** Keeps one that came as it came: answers it as it will be from now on, or undefined when it is gone again. */
  adopt(version: StoredVersion): Promise<Adopted | undefined>;
  /** The absolute path of the version's file; undefined where it is no file of this machine. */
  pathOf(key: PromptKey): string | undefined;
  /** Asks the content store for what is new with the next comparison, and for that comparison. */
  refresh?(): void;
  /** Hears that a comparison is due, beside those that are made in any case. */
  onDue?(listener: () => void): void;
  /** Called now and then, when there is time: lets the store tidy up. */
  maintain(): Promise<void>;
}
