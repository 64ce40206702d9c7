/** What the drivers with a repository ask of Git; done by the git program, or in JavaScript. All on one branch. */
import path from 'node:path';

export const BRANCH = 'main';
/** Where versions are: nothing else is looked through. */
export const ROOTS: readonly string[] = ['prompts', 'workspaces'];
/** Of authors whose address nobody knows. */
export const EMAIL = 'prompts@localhost';
/** A file that is larger is no prompt: its content is not read. */
export const MAX_FILE_BYTES = 16 * 2 ** 20;

/** Where a repository is, and the one branch of it that matters. */
export interface RepositoryPlace {
  /** Absolute path of the working tree; of the repository itself when it is bare. */
  directory: string;
  branch: string;
  bare: boolean;
}

export function gitDirectoryOf({ directory, bare }: RepositoryPlace): string {
  return bare ? directory : path.join(directory, '.git');
}

/** A name as a commit may have it (git-fast-import, `author`): what would end the name or the line is left out. */
export function authorName(name: string): string {
  return name.replaceAll(/[<>\p{Cc}]/gu, ' ').trim() || 'unknown';
}

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
  /** How many questions and tags it answers at about the price of one. */
  readonly atOnce: number;
  /** Makes the repository when there is none. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** The commit that the branch is at; undefined before the first. */
  head(): Promise<string | undefined>;
  /** The commit that a tag names. */
  tagged(tag: string): Promise<string | undefined>;
  /** The text of a file at that commit; undefined when it isn't there, or is too large. */
  read(commit: string, path: string): Promise<string | undefined>;
  /** Whether a file is there at that commit. One that is too large to be read may be told as missing. */
  has(commit: string, path: string): Promise<boolean>;
  /** Moves the branch to a new commit with one file more; undefined when somebody else has moved it, or holds its lock. */
  commit(commit: NewCommit): Promise<string | undefined>;
  /** A tag that is there already stays as it is. */
  createTag(tag: string, commit: string): Promise<void>;
  /** Puts the file into the working tree and the index, unless another one stands there. */
  checkOut(path: string, content: string): Promise<void>;
  /** What came onto the branch after `since` up to `head`, oldest first, in pages; all when `since` is not on the way. */
  added(since: string | undefined, head: string, under?: readonly string[]): AsyncIterable<AddedFile[]>;
  maintain(): Promise<void>;
}
