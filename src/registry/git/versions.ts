/** Versions in a repository: a file, the commit that brought it, and a tag that stays. The same wherever the repository is. */
import type { PromptKey } from '../../store/control/prompt-version.js';
import type { Arrival, Arrivals, StoredVersion } from '../driver.js';
import { keyOf, pathOf, tagOf } from '../paths.js';
import type { AddedFile, GitRepository } from './repository.js';

export class GitVersions {
  constructor(private readonly repository: GitRepository) {}

  /** How many may be adopted and read beside one another. */
  get atOnce(): number {
    return this.repository.atOnce;
  }

  /** undefined too for one that was broken off between its commit and its tag. */
  async tagged(key: PromptKey): Promise<StoredVersion | undefined> {
    const commit = await this.repository.tagged(tagOf(key));
    return commit === undefined ? undefined : storedAt(key, commit);
  }

  /** One without a tag gets it, at the commit that brought its file: people may have changed the file since. */
  async onBranch(key: PromptKey): Promise<StoredVersion | undefined> {
    const head = await this.repository.head();
    if (head === undefined || !(await this.isAt(head, key))) return undefined;
    return this.keep(key, (await this.originOf(head, key)) ?? head);
  }

  /** As that commit has it. */
  async keep(key: PromptKey, commit: string): Promise<StoredVersion> {
    await this.repository.createTag(tagOf(key), commit);
    // Another gateway may have been faster.
    return storedAt(key, (await this.repository.tagged(tagOf(key))) ?? commit);
  }

  /** Whether the commit is here and has its file. */
  isAt(commit: string, key: PromptKey): Promise<boolean> {
    return this.repository.has(commit, pathOf(key));
  }

  /** Not what has gone again before anybody looked. */
  async adopt({ commitSha, ...key }: StoredVersion): Promise<StoredVersion | undefined> {
    const there = await this.tagged(key);
    if (there || commitSha === undefined) return there;
    const head = await this.repository.head();
    if (head === undefined || !(await this.isAt(head, key))) return undefined;
    await this.repository.createTag(tagOf(key), commitSha);
    return storedAt(key, commitSha);
  }

  async read({ commitSha, ...key }: StoredVersion): Promise<string | undefined> {
    const commit = commitSha ?? (await this.repository.tagged(tagOf(key)));
    return commit === undefined ? undefined : this.repository.read(commit, pathOf(key));
  }

  async arrivals(since: string | undefined): Promise<Arrivals> {
    const head = await this.repository.head();
    const versions: Arrival[] = [];
    if (head === undefined || head === since) return { versions, revision: head };
    for await (const files of this.repository.added(since, head)) {
      for (const file of files) versions.push(...arrivalsOf(file));
    }
    return { versions, revision: head };
  }

  /** The last time that it came, where it had gone in between. */
  private async originOf(head: string, key: PromptKey): Promise<string | undefined> {
    let commit: string | undefined;
    for await (const files of this.repository.added(undefined, head, [pathOf(key)])) {
      commit = files.at(-1)?.commit ?? commit;
    }
    return commit;
  }
}

function arrivalsOf({ path, commit, ...of }: AddedFile): Arrival[] {
  const key = keyOf(path);
  return key ? [{ ...key, ...of, commitSha: commit }] : [];
}

function storedAt({ workspace, name, version }: PromptKey, commitSha: string): StoredVersion {
  return { workspace, name, version, commitSha };
}
