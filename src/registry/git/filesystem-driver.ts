/**
 * Prompts in a Git repository on this machine: a version is a file, a commit that brings it, and a tag that stays. What
 * people do to the files afterwards changes no version: each is read at its own commit.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import type { PromptKey } from '../../store/control/prompt-version.js';
import { within } from '../../store/deadline.js';
import type { Arrivals, PromptDriver, StoredVersion, VersionContent } from '../driver.js';
import { pathOf } from '../paths.js';
import { type GitChoice, usesProgram } from './program.js';
import { ProgramRepository } from './program-repository.js';
import type { GitRepository } from './repository.js';
import { InTurn } from './turns.js';
import { GitVersions } from './versions.js';

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
  private opened: { repository: GitRepository; versions: GitVersions } | undefined;

  constructor(private readonly options: FilesystemDriverOptions) {}

  get adoptsAtOnce(): number {
    return this.open.versions.atOnce;
  }

  async start(): Promise<void> {
    const { directory } = this.options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const repository = (await usesProgram(this.options))
      ? new ProgramRepository(directory)
      : await scriptRepository(directory);
    await repository.open();
    this.opened = { repository, versions: new GitVersions(repository) };
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    if (!opened) return;
    await within(deadlineMs, this.writing.idle());
    await within(deadlineMs, opened.repository.close());
  }

  write(version: VersionContent): Promise<StoredVersion> {
    return this.writing.run(() => this.writeInTurn(version));
  }

  async find(key: PromptKey): Promise<StoredVersion | undefined> {
    const { versions } = this.open;
    const tagged = await versions.tagged(key);
    if (tagged) return tagged;
    const found = await versions.onBranch(key);
    if (found) await this.show(key);
    return found;
  }

  async adopt(version: StoredVersion): Promise<StoredVersion | undefined> {
    return this.open.versions.adopt(version);
  }

  async read(version: StoredVersion): Promise<string | undefined> {
    return this.open.versions.read(version);
  }

  async arrivals(since: string | undefined): Promise<Arrivals> {
    return this.open.versions.arrivals(since);
  }

  pathOf(key: PromptKey): string {
    return path.join(this.options.directory, pathOf(key));
  }

  /** Beside the writes, which Git allows: tidying up takes seconds. */
  async maintain(): Promise<void> {
    await this.open.repository.maintain();
  }

  private get open(): NonNullable<FilesystemDriver['opened']> {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The prompt store is not open');
    return this.opened;
  }

  /** A commit that lost against another is made again on top of it. */
  private async writeInTurn(version: VersionContent): Promise<StoredVersion> {
    const { repository, versions } = this.open;
    for (let tries = 1; tries <= COMMIT_TRIES; tries++) {
      const there = await this.find(version);
      if (there) return await this.requireSame(there, version);
      const { content, author, message, timeUnixMs } = version;
      const parent = await repository.head();
      const file = { path: pathOf(version), content, author, message, timeUnixMs };
      const commit = await repository.commit({ parent, ...file });
      if (commit !== undefined) {
        const kept = await versions.keep(version, commit);
        await repository.checkOut(file.path, content);
        return kept;
      }
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

  /** As it is now, for people: what follows the tag, and may be missing when a process was killed behind the commit. */
  private async show(key: PromptKey): Promise<void> {
    const { repository } = this.open;
    const head = await repository.head();
    const content = head === undefined ? undefined : await repository.read(head, pathOf(key));
    if (content !== undefined) await repository.checkOut(pathOf(key), content);
  }
}

/** Git in JavaScript takes a start longer than all else of the registry: it is loaded where there is no git program. */
async function scriptRepository(directory: string): Promise<GitRepository> {
  const { ScriptRepository } = await import('./script-repository.js');
  return new ScriptRepository(directory);
}

export function createFilesystemDriver(options: FilesystemDriverOptions): PromptDriver {
  return new FilesystemDriver(options);
}
