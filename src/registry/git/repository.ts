/** What the filesystem driver asks of Git; done by the git program, or in JavaScript. All on one branch. */

export const BRANCH = 'main';
export const BRANCH_REF = `refs/heads/${BRANCH}`;
/** Of authors whose address nobody knows. */
export const EMAIL = 'prompts@localhost';
/** A file that is larger is no prompt: its content is not read. */
export const MAX_FILE_BYTES = 16 * 2 ** 20;

export interface NewCommit {
  parent: string | undefined;
  path: string;
  content: string;
  author: string;
  message: string;
  timeUnixMs: number;
}

/** A file that a commit brought onto the branch. */
export interface AddedFile {
  path: string;
  commit: string;
  author: string;
  message: string;
  timeUnixMs: number;
}

export interface GitRepository {
  /** Makes the repository when there is none. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** The commit that the branch is at; undefined before the first. */
  head(): Promise<string | undefined>;
  /** The commit that a tag names. */
  tagged(tag: string): Promise<string | undefined>;
  /** The text of a file at that commit; undefined when it isn't there, or is too large. */
  read(commit: string, path: string): Promise<string | undefined>;
  /** Moves the branch to a new commit with one file more; undefined when somebody else has moved it, or holds its lock. */
  commit(commit: NewCommit): Promise<string | undefined>;
  /** A tag that is there already stays as it is. */
  createTag(tag: string, commit: string): Promise<void>;
  /** Puts the file into the working tree and the index, unless another one stands there. */
  checkOut(path: string, content: string): Promise<void>;
  /** What came onto the branch after `since` up to `head`, oldest first; all when `since` is not on the way. */
  added(since: string | undefined, head: string): Promise<AddedFile[]>;
  maintain(): Promise<void>;
}
