/** A bare clone of the repository at GitHub, in the data folder: what is in it is read without asking anybody. */
import type { GitRepository } from '../git/repository.js';

export interface Clone extends GitRepository {
  /** The commit that GitHub's branch is at; undefined when there is no such branch yet. */
  remoteHead(): Promise<string | undefined>;
  /** Brings the branch to where GitHub's is, and the tags that are not here. One that is here stays as it is. */
  fetch(): Promise<void>;
  /**
   * Brings the tags of versions to GitHub that it lacks. One that is there stays as it is. False when there are more of
   * them than fit into one go.
   */
  pushTags(): Promise<boolean>;
}

export interface CloneOptions {
  /** Absolute path. */
  directory: string;
  branch: string;
  url: string;
  token: string;
  /** Ends what is under way. */
  signal: AbortSignal;
}

/** The tags of versions. */
export const TAG_FOLDERS = ['refs/tags/prompts/', 'refs/tags/workspaces/'] as const;
