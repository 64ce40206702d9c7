/**
 * Prompts in a Git repository on this machine: a version is a file, a commit that brings it, and a tag that stays. What
 * people do to the files afterwards changes no version: each is read at its own commit.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import type { PromptKey } from '../../store/control/prompts.js';
import { within } from '../../store/deadline.js';
import type { Arrivals, PromptDriver, StoredVersion, VersionContent } from '../driver.js';
import { keyOf, pathOf, tagOf } from '../paths.js';
import { type GitChoice, usesProgram } from './program.js';
import { ProgramRepository } from './program-repository.js';
import type { GitRepository } from './repository.js';
import { ScriptRepository } from './script-repository.js';
import { InTurn } from './turns.js';

export interface FilesystemDriverOptions extends GitChoice {
  /** Absolute path of the repository. */
  directory: string;
}

/** Somebody else commits to the same branch, or holds its lock: together some five seconds. */
const COMMIT_TRIES = 20;
const RETRY_MS = 25;

class FilesystemDriver implements PromptDriver {
  readonly name = 'registry/filesystem';
  readonly kind = 'filesystem';
  private readonly writing = new InTurn();
  private opened: GitRepository | undefined;

  constructor(private readonly options: FilesystemDriverOptions) {}

  get adoptsAtOnce(): number {
    return this.repository.atOnce;
  }

  async start(): Promise<void> {
    const { directory } = this.options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const repository = (await usesProgram(this.options))
      ? new ProgramRepository(directory)
      : new ScriptRepository(directory);
    await repository.open();
    this.opened = repository;
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    const repository = this.opened;
    this.opened = undefined;
    if (!repository) return;
    await within(deadlineMs, this.writing.idle());
    await within(deadlineMs, repository.close());
  }

  write(version: VersionContent): Promise<StoredVersion> {
    return this.writing.run(() => this.writeInTurn(version));
  }

  async find(key: PromptKey): Promise<StoredVersion | undefined> {
    const { repository } = this;
    const tagged = await repository.tagged(tagOf(key));
    if (tagged !== undefined) return storedAt(key, tagged);
    const head = await repository.head();
    const content = head === undefined ? undefined : await repository.read(head, pathOf(key));
    return content === undefined ? undefined : this.complete(key, head!, content);
  }

  async adopt({ commitSha, ...key }: StoredVersion): Promise<StoredVersion | undefined> {
    const there = await this.repository.tagged(tagOf(key));
    if (there !== undefined) return storedAt(key, there);
    const head = await this.repository.head();
    if (head === undefined || commitSha === undefined) return undefined;
    if ((await this.repository.read(head, pathOf(key))) === undefined) return undefined;
    await this.repository.createTag(tagOf(key), commitSha);
    return storedAt(key, commitSha);
  }

  async read({ commitSha, ...key }: StoredVersion): Promise<string | undefined> {
    const { repository } = this;
    const commit = commitSha ?? (await repository.tagged(tagOf(key)));
    return commit === undefined ? undefined : repository.read(commit, pathOf(key));
  }

  async arrivals(since: string | undefined): Promise<Arrivals> {
    const { repository } = this;
    const head = await repository.head();
    if (head === undefined || head === since) return { versions: [], revision: head };
    const versions = (await repository.added(since, head)).flatMap(({ path: file, commit, ...of }) => {
      const key = keyOf(file);
      return key ? [{ ...key, ...of, commitSha: commit }] : [];
    });
    return { versions, revision: head };
  }

  pathOf(key: PromptKey): string {
    return path.join(this.options.directory, pathOf(key));
  }

  /** Beside the writes, which Git allows: tidying up takes seconds. */
  async maintain(): Promise<void> {
    await this.repository.maintain();
  }

  private get repository(): GitRepository {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The prompt store is not open');
    return this.opened;
  }

  /** A commit that lost against another is made again on top of it. */
  private async writeInTurn(version: VersionContent): Promise<StoredVersion> {
    const { repository } = this;
    for (let tries = 1; tries <= COMMIT_TRIES; tries++) {
      const there = await this.find(version);
      if (there) return await this.requireSame(there, version);
      const { content, author, message, timeUnixMs } = version;
      const parent = await repository.head();
      const file = { path: pathOf(version), content, author, message, timeUnixMs };
      const commit = await repository.commit({ parent, ...file });
      if (commit !== undefined) return this.complete(version, commit, content);
      await sleep(RETRY_MS * tries);
    }
    throw new GatewayError(
      'STORE_UNAVAILABLE',
      'The branch main of the prompt repository is locked: .git/refs/heads/main.lock',
    );
  }

  private async requireSame(there: StoredVersion, { content }: VersionContent): Promise<StoredVersion> {
    if ((await this.read(there)) === content) return there;
    throw new GatewayError('CONFLICT', 'The version is there with another content');
  }

  /** What follows the commit, and may be missing when a process was killed behind it. */
  private async complete(key: PromptKey, commit: string, content: string): Promise<StoredVersion> {
    const { repository } = this;
    await repository.createTag(tagOf(key), commit);
    await repository.checkOut(pathOf(key), content);
    return storedAt(key, commit);
  }
}

function storedAt({ workspace, name, version }: PromptKey, commitSha: string): StoredVersion {
  return { workspace, name, version, commitSha };
}

export function createFilesystemDriver(options: FilesystemDriverOptions): PromptDriver {
  return new FilesystemDriver(options);
}
