/** Git by the git program. */
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import { Listing } from './listing.js';
import { LOG_FORMAT, LogReader } from './log.js';
import { ObjectReader } from './object-reader.js';
import { type Outcome, type RunOptions, readGit, runGit } from './program.js';
import {
  type AddedFile,
  authorName,
  BRANCH,
  EMAIL,
  type GitRepository,
  gitDirectoryOf,
  type NewCommit,
  type RepositoryPlace,
  ROOTS,
} from './repository.js';
import { placeFile, showsBranch } from './worktree.js';

/** What a person's settings must not change about what we do. */
const OWN_SETTINGS = ['core.hooksPath=/dev/null', 'core.fsync=all', 'core.fsyncMethod=fsync', 'gc.autoDetach=false'];
/** A disk takes milliseconds for each file that it is to keep: of many tags, one file is made of them in the end. */
const NOT_EACH = ['-c', 'core.fsync=none'];
const TAGS_PER_PACKING = 2_000;
/** Somebody else at work in the working tree holds the lock of the index. */
const INDEX_TRIES = 5;
const INDEX_RETRY_MS = 50;

function failed(what: string, { code, stderr }: Outcome): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', `git ${what} ended with ${code}: ${stderr}`);
}

/** fast-import's `data` counts bytes. */
function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`;
}

function person(name: string, timeUnixMs: number): string {
  return `${authorName(name)} <${EMAIL}> ${Math.floor(timeUnixMs / 1000)} +0000`;
}

function importOf(branchRef: string, { parent, path: file, content, author, message, timeUnixMs }: NewCommit): string {
  const who = person(author, timeUnixMs);
  const lines = [
    'feature done',
    `commit ${branchRef}`,
    'mark :1',
    `author ${who}`,
    `committer ${who}`,
    data(message),
    ...(parent === undefined ? [] : [`from ${parent}`]),
    `M 100644 inline ${file}`,
    data(content),
    'get-mark :1',
    'done',
  ];
  return `${lines.join('\n')}\n`;
}

interface NewTag {
  tag: string;
  commit: string;
  resolve(): void;
  reject(error: unknown): void;
}

export class ProgramRepository implements GitRepository {
  readonly atOnce = 200;
  private readonly gitDirectory: string;
  private readonly before: readonly string[];
  private readonly objects: ObjectReader;

  private readonly listing = new Listing({ list: (commit) => this.filesOf(commit) });
  private readonly newTags: NewTag[] = [];
  /** Those that a power cut may still take away. */
  private unpacked = 0;
  private tagging: Promise<unknown> = Promise.resolve();
  private readonly branchRef: string;
  private readonly place: RepositoryPlace;

  constructor(place: RepositoryPlace | string) {
    this.place = typeof place === 'string' ? { directory: place, branch: BRANCH, bare: false } : place;
    const { directory, branch, bare } = this.place;
    this.branchRef = `refs/heads/${branch}`;
    this.gitDirectory = gitDirectoryOf(this.place);
    // Named in full: what GIT_DIR says of another repository is not meant.
    const where = [`--git-dir=${this.gitDirectory}`, ...(bare ? [] : [`--work-tree=${directory}`])];
    this.before = [...where, ...OWN_SETTINGS.flatMap((setting) => ['-c', setting])];
    this.objects = new ObjectReader(this.before);
  }

  async open(): Promise<void> {
    const { directory, branch, bare } = this.place;
    const how = ['--quiet', `--initial-branch=${branch}`, ...(bare ? ['--bare'] : [])];
    const made = await runGit(['init', ...how, '--', directory]);
    if (made.code !== 0) {
      throw new GatewayError('DATA_DIR_UNUSABLE', `No Git repository can be in ${directory}: ${made.stderr}`);
    }
    if (bare) return;
    // People may push into it: the working tree follows.
    await this.run(['config', 'receive.denyCurrentBranch', 'updateInstead']);
  }

  async close(): Promise<void> {
    await Promise.all([this.tagging, this.listing.close()]);
    await this.packTags();
    await this.objects.close();
  }

  async head(): Promise<string | undefined> {
    return (await this.objects.read(`${this.branchRef}^{commit}`))?.id;
  }

  async tagged(tag: string): Promise<string | undefined> {
    return (await this.objects.read(`refs/tags/${tag}^{commit}`))?.id;
  }

  async read(commit: string, file: string): Promise<string | undefined> {
    const listed = this.listing.find(commit, file);
    if (listed === 'missing') return undefined;
    return (await this.objects.read(listed ?? `${commit}:${file}`))?.content?.toString('utf8');
  }

  async has(commit: string, file: string): Promise<boolean> {
    const listed = this.listing.find(commit, file);
    return listed === undefined ? (await this.read(commit, file)) !== undefined : listed !== 'missing';
  }

  /** fast-import moves the branch only forwards, from where it found it, and under Git's own lock. */
  async commit(commit: NewCommit): Promise<string | undefined> {
    const outcome = await this.attempt(['fast-import', '--quiet', '--done'], importOf(this.branchRef, commit));
    if (outcome.code === 0) return outcome.stdout.toString('utf8').trim();
    // Said of a branch that has moved; and of one that is locked.
    if (/not updating|unable to lock|cannot lock ref|unable to create/i.test(outcome.stderr)) return undefined;
    throw failed('fast-import', outcome);
  }

  /** Tags that are asked for at the same moment are made by one git: a process for each would cost milliseconds. */
  createTag(tag: string, commit: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.newTags.push({ tag, commit, resolve, reject }) > 1) return;
      this.tagging = this.tagging.then(() => immediate()).then(() => this.createTags());
    });
  }

  private async createTags(): Promise<void> {
    const tags = this.newTags.splice(0);
    const outcome = await this.makeTags(tags).catch(() => undefined);
    if (outcome?.code === 0) {
      if (tags.length > 1) await this.packTags(tags.length);
      for (const { resolve } of tags) resolve();
    }
    // All or none of them are made: one that can't be holds up none of the others.
    else for (const one of tags) await this.createAlone(one).then(one.resolve, one.reject);
  }

  private async createAlone(one: NewTag): Promise<void> {
    const outcome = await this.makeTags([one]);
    if (outcome.code === 0 || (await this.tagged(one.tag)) !== undefined) return;
    if ((await this.removeBroken(one.tag)) && (await this.makeTags([one])).code === 0) return;
    throw failed('update-ref', outcome);
  }

  private makeTags(tags: readonly NewTag[]): Promise<Outcome> {
    const lines = tags.map(({ tag, commit }) => `create refs/tags/${tag} ${commit}\n`);
    return this.attempt([...(tags.length > 1 ? NOT_EACH : []), 'update-ref', '--stdin'], lines.join(''));
  }

  /** Into one file, which is on the disk when git ends: the commits of the tags are there before them. */
  private async packTags(made = 0): Promise<void> {
    this.unpacked += made;
    if (this.unpacked < (made > 0 ? TAGS_PER_PACKING : 1)) return;
    // Where somebody else packs, it is done already.
    await this.attempt(['pack-refs', '--all']);
    this.unpacked = 0;
  }

  /** A power cut leaves an empty file of a tag that was not packed yet; git takes it for one that must not be changed. */
  private async removeBroken(tag: string): Promise<boolean> {
    const file = path.join(this.gitDirectory, 'refs/tags', tag);
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile() || found.size > 0) return false;
    await rm(file);
    return true;
  }

  async checkOut(file: string, content: string): Promise<void> {
    if (!(await showsBranch(this.gitDirectory, this.branchRef))) return;
    await placeFile(this.gitDirectory, path.join(this.place.directory, file), content);
    for (let tries = 1; tries <= INDEX_TRIES; tries++) {
      const outcome = await this.attempt(['update-index', '--add', '-z', '--stdin'], `${file}\0`);
      if (outcome.code === 0) return;
      await sleep(INDEX_RETRY_MS * tries);
    }
    // The version is whole without it; `git status` shows the file until somebody adds it.
  }

  async *added(since: string | undefined, head: string, under = ROOTS): AsyncGenerator<AddedFile[]> {
    const known = since !== undefined && (await this.isAncestor(since, head));
    const range = known ? `${since}..${head}` : head;
    // What a merge brought counts from the merge on: only that state was ever on the branch.
    const how = ['--first-parent', '-m', '--reverse', '--no-renames', '--diff-filter=A', '--name-only', '-z'];
    const log = [...this.before, 'log', LOG_FORMAT, ...how, range, '--', ...under];
    const reader = new LogReader();
    for await (const text of readGit(log, (outcome) => failed('log', outcome))) yield reader.take(text);
  }

  async maintain(): Promise<void> {
    await this.packTags();
    await this.attempt(['gc', '--auto', '--quiet']);
  }

  /** `<mode> <type> <id>\t<path>`, each with NUL behind it. */
  private async *filesOf(commit: string): AsyncGenerator<[string, string][]> {
    const listing = [...this.before, 'ls-tree', '-r', '-z', '--full-tree', commit, '--', ...ROOTS];
    let rest = '';
    for await (const text of readGit(listing, (outcome) => failed('ls-tree', outcome))) {
      const lines = (rest + text).split('\0');
      rest = lines.pop()!;
      yield lines.map((line) => [line.slice(line.indexOf('\t') + 1), line.split(/[ \t]/, 3)[2]!]);
    }
  }

  private async isAncestor(commit: string, head: string): Promise<boolean> {
    return (await this.attempt(['merge-base', '--is-ancestor', commit, head])).code === 0;
  }

  /** Any command, with the settings of ours. */
  attempt(command: readonly string[], input?: string, options?: RunOptions): Promise<Outcome> {
    return runGit([...this.before, ...command], input, options);
  }

  private async run(command: readonly string[]): Promise<Outcome> {
    const outcome = await this.attempt(command);
    if (outcome.code !== 0) throw failed(command[0]!, outcome);
    return outcome;
  }
}
