/**
 * Prompts in a repository at GitHub: a version is a file, the commit that brings it, and a tag that stays. Read from a bare
 * clone on this machine, also while GitHub is down; written through GitHub's API.
 */
import { mkdir } from 'node:fs/promises';
import { GatewayError } from '../../errors.js';
import type { PromptKey } from '../../store/control/prompt-version.js';
import { within } from '../../store/deadline.js';
import type { Arrivals, PromptDriver, StoredVersion, VersionContent } from '../driver.js';
import type { RegistryEvents } from '../events.js';
import { usesProgram } from '../git/program.js';
import { InTurn } from '../git/turns.js';
import { GitVersions } from '../git/versions.js';
import { pathOf, tagOf } from '../paths.js';
import { Calls, PATIENCE, type Patience, Refusal } from './calls.js';
import type { Clone, CloneOptions } from './clone.js';
import { placeOf } from './place.js';
import { ProgramClone } from './program-clone.js';
import type { Rest } from './rest.js';

export interface GithubDriverOptions {
  /** `owner/repository`. */
  repo: string;
  branch: string;
  token: string;
  apiUrl: string;
  /** How often GitHub is asked for what is new, unless somebody says that there is something. 0: with every comparison. */
  syncIntervalMs: number;
  /** Absolute path of the clone. */
  directory: string;
  events: Pick<RegistryEvents, 'gitMissing' | 'contentStoreUnreachable' | 'contentStoreReachable' | 'tagsRefused'>;
  /** `auto`: the git program where there is one. */
  git?: 'auto' | 'program' | 'script';
  patience?: Patience;
}

interface Opened {
  clone: Clone;
  versions: GitVersions;
  rest: Rest;
  /** A limit of REST keeps nobody from fetching. */
  toClone: Calls;
  toRest: Calls;
  ending: AbortController;
}

/** RFC 9110 §15.5.21; GitHub's for a file or a ref that is there already. */
const UNPROCESSABLE = 422;

class GithubDriver implements PromptDriver {
  readonly name = 'registry/github';
  readonly kind = 'github';
  readonly defers = true;
  private readonly writing = new InTurn();
  private readonly fetching = new InTurn();
  private opened: Opened | undefined;
  private nextFetch: Promise<void> | undefined;
  private stale = true;
  private reachable = true;
  /** Tags of this clone may be missing at GitHub. */
  private tagsDue = true;
  private timer: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private tellDue = () => {};

  constructor(private readonly options: GithubDriverOptions) {}

  get adoptsAtOnce(): number {
    return this.open.versions.atOnce;
  }

  /** GitHub is not asked for anything yet: a start waits for nobody. */
  async start(): Promise<void> {
    const { directory, token, syncIntervalMs, patience = PATIENCE } = this.options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const place = placeOf(this.options);
    const ending = new AbortController();
    const { signal } = ending;
    const clone = { directory, branch: place.branch, url: place.gitUrl, token, signal };
    const made = (await usesProgram(this.options)) ? new ProgramClone(clone) : await scriptClone(clone);
    await made.open();
    const calls = { toClone: new Calls(patience, signal), toRest: new Calls(patience, signal) };
    const { Rest } = await import('./rest.js');
    const rest = new Rest(place, token, signal);
    this.opened = { clone: made, versions: new GitVersions(made), rest, ...calls, ending };
    if (syncIntervalMs > 0) this.timer = setInterval(() => this.refresh(), syncIntervalMs).unref();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    clearInterval(this.timer);
    clearTimeout(this.retry);
    if (!opened) return;
    // What GitHub has not taken by now is pending, and is written after the next start.
    opened.ending.abort();
    for (const calls of [opened.toClone, opened.toRest]) calls.close();
    await within(deadlineMs, Promise.all([this.writing.idle(), this.fetching.idle()]));
    await within(deadlineMs, opened.clone.close());
  }

  onDue(listener: () => void): void {
    this.tellDue = listener;
  }

  refresh(): void {
    this.stale = true;
    this.tellDue();
  }

  write(version: VersionContent): Promise<StoredVersion> {
    return this.writing.run(async () => {
      try {
        return await this.writeInTurn(version);
      } catch (error) {
        if (error instanceof GatewayError && error.retryable) this.retryAfter(error.retryAfterMs);
        throw error;
      }
    });
  }

  async find(key: PromptKey): Promise<StoredVersion | undefined> {
    const known = await this.known(key);
    if (!known) await this.sync();
    this.tagsDue = true;
    return known ?? this.known(key);
  }

  async read(version: StoredVersion): Promise<string | undefined> {
    const known = await this.open.versions.read(version);
    if (known !== undefined) return known;
    // Another gateway has just written it.
    await this.sync();
    return this.open.versions.read(version);
  }

  /** Of what the clone has when GitHub can't be asked. */
  async arrivals(since: string | undefined): Promise<Arrivals> {
    if (this.stale || this.options.syncIntervalMs === 0) await this.freshen();
    return this.open.versions.arrivals(since);
  }

  async adopt(version: StoredVersion): Promise<StoredVersion | undefined> {
    const adopted = await this.open.versions.adopt(version);
    this.tagsDue = true;
    return adopted;
  }

  pathOf(): undefined {
    return undefined;
  }

  async maintain(): Promise<void> {
    await this.open.clone.maintain();
  }

  private get open(): Opened {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The prompt store is not open');
    return this.opened;
  }

  private async writeInTurn(version: VersionContent): Promise<StoredVersion> {
    const there = (await this.known(version)) ?? (await this.commit(version));
    if ((await this.open.versions.read(there)) !== version.content) {
      throw new GatewayError('CONFLICT', 'The version is there with another content');
    }
    return there;
  }

  /**
   * A file that is there already may be ours: an answer was lost on its way, here or before a restart. Then its commit is
   * the one that brought it, and there is no second one.
   */
  private async commit(version: VersionContent): Promise<StoredVersion> {
    const made = await this.createFile(version);
    await this.sync();
    // Of a file that was there already, the commit is looked for, which takes longer.
    const stored = typeof made === 'string' ? await this.fetched(version, made) : await this.known(version);
    if (!stored) throw typeof made === 'string' ? notFetched(made) : made;
    await this.tagAtGithub(stored);
    return stored;
  }

  /** The commit, or why there is none when that may be because the file is there. */
  private async createFile(version: VersionContent): Promise<string | Refusal> {
    const { toRest, rest } = this.open;
    const file = { ...version, path: pathOf(version) };
    try {
      return await toRest.run('commit a version', () => rest.createFile(file));
    } catch (error) {
      if (error instanceof Refusal && error.status === UNPROCESSABLE) return error;
      throw error;
    }
  }

  private async fetched(version: VersionContent, commit: string): Promise<StoredVersion | undefined> {
    const { versions } = this.open;
    return (await versions.isAt(commit, version)) ? versions.keep(version, commit) : undefined;
  }

  /** As far as the clone knows. */
  private async known(key: PromptKey): Promise<StoredVersion | undefined> {
    const { versions } = this.open;
    return (await versions.tagged(key)) ?? versions.onBranch(key);
  }

  /** The version is whole without it: a tag that GitHub doesn't take now is pushed later. */
  private async tagAtGithub({ commitSha, ...key }: StoredVersion): Promise<void> {
    const { toRest, rest } = this.open;
    try {
      await toRest.run('make a tag', () => rest.createTag(tagOf(key), commitSha!));
    } catch (error) {
      if (!(error instanceof Refusal)) this.tagsDue = true;
    }
  }

  /** Who asks while one is under way waits for one that begins after it. */
  private sync(): Promise<void> {
    this.nextFetch ??= this.fetching.run(() => {
      this.nextFetch = undefined;
      return this.fetch();
    });
    return this.nextFetch;
  }

  private async fetch(): Promise<void> {
    const { toClone, clone } = this.open;
    await toClone.run('be fetched from', async () => {
      const head = await clone.remoteHead();
      if (head !== undefined && head !== (await clone.head())) await clone.fetch();
    });
  }

  private async freshen(): Promise<void> {
    await this.look();
    if (this.reachable && this.tagsDue) await this.pushTags();
  }

  private async look(): Promise<void> {
    this.stale = false;
    try {
      await this.sync();
      if (!this.reachable) this.options.events.contentStoreReachable();
      this.reachable = true;
    } catch (error) {
      this.stale = true;
      if (this.reachable) this.options.events.contentStoreUnreachable(error);
      this.reachable = false;
    }
  }

  /** Those of versions that came past the gateway, and those that could not be made when they should have been. */
  private async pushTags(): Promise<void> {
    const { clone } = this.open;
    if ((await clone.head()) === undefined) return;
    this.tagsDue = false;
    try {
      // Those that are left are brought by the next comparison.
      if (!(await clone.pushTags())) this.tagsDue = true;
    } catch (error) {
      this.tagsDue = true;
      this.options.events.tagsRefused(error);
    }
  }

  private retryAfter(waitMs = PATIENCE.resetMs): void {
    if (this.retry || !this.opened) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.tellDue();
    }, waitMs).unref();
  }
}

function notFetched(commit: string): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', `GitHub has made the commit ${commit}, and its branch lacks it`);
}

/** Git in JavaScript is loaded where there is no git program. */
async function scriptClone(options: CloneOptions): Promise<Clone> {
  const { ScriptClone } = await import('./script-clone.js');
  return new ScriptClone(options);
}

export function createGithubDriver(options: GithubDriverOptions): PromptDriver {
  return new GithubDriver(options);
}
