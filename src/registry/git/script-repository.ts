/** Git in JavaScript, for machines without the git program: slower, and with the same files, refs and locks. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import git from 'isomorphic-git';
import {
  type AddedFile,
  authorName,
  BRANCH,
  EMAIL,
  type GitRepository,
  gitDirectoryOf,
  MAX_FILE_BYTES,
  type NewCommit,
  type RepositoryPlace,
  ROOTS,
} from './repository.js';
import { placeFile, showsBranch } from './worktree.js';

const FILES_PER_PAGE = 500;

type Tree = Awaited<ReturnType<typeof git.readTree>>['tree'];
type Entry = Tree[number];

function isMissing(error: unknown): boolean {
  return error instanceof git.Errors.NotFoundError || error instanceof git.Errors.ObjectTypeError;
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export class ScriptRepository implements GitRepository {
  readonly atOnce = 1;
  private readonly gitdir: string;
  private readonly at: { fs: typeof fs; dir: string; gitdir: string };
  private readonly branchRef: string;
  private readonly place: RepositoryPlace;

  constructor(place: RepositoryPlace | string) {
    this.place = typeof place === 'string' ? { directory: place, branch: BRANCH, bare: false } : place;
    this.branchRef = `refs/heads/${this.place.branch}`;
    this.gitdir = gitDirectoryOf(this.place);
    this.at = { fs, dir: this.place.directory, gitdir: this.gitdir };
  }

  async open(): Promise<void> {
    if (fs.existsSync(path.join(this.gitdir, 'HEAD'))) return;
    const { branch, bare } = this.place;
    await git.init({ ...this.at, defaultBranch: branch, bare });
    if (bare) return;
    await git.setConfig({ ...this.at, path: 'receive.denyCurrentBranch', value: 'updateInstead' });
  }

  async close(): Promise<void> {}

  head(): Promise<string | undefined> {
    return this.resolve(this.branchRef);
  }

  tagged(tag: string): Promise<string | undefined> {
    return this.resolve(`refs/tags/${tag}`);
  }

  async read(commit: string, file: string): Promise<string | undefined> {
    try {
      const { blob } = await git.readBlob({ ...this.at, oid: commit, filepath: file });
      return blob.length > MAX_FILE_BYTES ? undefined : Buffer.from(blob).toString('utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async has(commit: string, file: string): Promise<boolean> {
    return (await this.read(commit, file)) !== undefined;
  }

  async commit(commit: NewCommit): Promise<string | undefined> {
    const written: string[] = [];
    const root = commit.parent === undefined ? undefined : await this.treeOf(commit.parent);
    const blob = await git.writeBlob({ ...this.at, blob: Buffer.from(commit.content) });
    written.push(blob);
    const tree = await this.treeWith(root, commit.path.split('/'), blob, written);
    const oid = await this.writeCommit(commit, tree);
    written.push(oid);
    await this.sync(written);
    return (await this.moveBranch(commit.parent, oid)) ? oid : undefined;
  }

  /** Made beside and linked into its place: it is never half there, and never over another. */
  async createTag(tag: string, commit: string): Promise<void> {
    if ((await this.tagged(tag)) !== undefined) return;
    const file = path.join(this.gitdir, 'refs/tags', tag);
    await mkdir(path.dirname(file), { recursive: true });
    const draft = path.join(this.gitdir, `draft-${randomUUID()}`);
    await this.writeSynced(await open(draft, 'wx'), `${commit}\n`);
    try {
      await link(draft, file).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(draft, { force: true });
    }
  }

  async checkOut(file: string, content: string): Promise<void> {
    if (!(await showsBranch(this.gitdir, this.branchRef))) return;
    await placeFile(this.gitdir, path.join(this.place.directory, file), content);
    const lock = path.join(this.gitdir, 'index.lock');
    const held = await this.take(lock);
    // Somebody is at work there: the version is whole without it.
    if (!held) return;
    await held.close();
    try {
      await git.add({ ...this.at, filepath: file });
    } finally {
      await rm(lock, { force: true });
    }
  }

  async *added(since: string | undefined, head: string, under = ROOTS): AsyncGenerator<AddedFile[]> {
    const cache = {};
    let page: AddedFile[] = [];
    for (const { oid, commit } of await this.line(since, head, cache)) {
      const [parent] = commit.parent;
      const before = parent === undefined ? undefined : await this.treeOf(parent, cache);
      const of = { commit: oid, author: commit.author.name, message: commit.message.trim() };
      const timeUnixMs = commit.committer.timestamp * 1000;
      for await (const file of this.newPaths(commit.tree, before, '', cache)) {
        if (under === ROOTS || under.includes(file)) page.push({ path: file, ...of, timeUnixMs });
        if (page.length < FILES_PER_PAGE) continue;
        yield page;
        page = [];
        // What is in its cache, the library answers without ever letting others have their turn.
        await immediate();
      }
    }
    yield page;
  }

  async maintain(): Promise<void> {}

  private async resolve(ref: string): Promise<string | undefined> {
    try {
      const oid = await git.resolveRef({ ...this.at, ref });
      // A tag that a person has made may be an object of its own, around the commit.
      return (await git.readCommit({ ...this.at, oid })).oid;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  private async treeOf(commit: string, cache: object = {}): Promise<string> {
    return (await git.readCommit({ ...this.at, oid: commit, cache })).commit.tree;
  }

  private async entries(tree: string | undefined, cache: object = {}): Promise<Tree> {
    return tree === undefined ? [] : (await git.readTree({ ...this.at, oid: tree, cache })).tree;
  }

  /** The id of a tree like that one, with the file in it. */
  private async treeWith(
    tree: string | undefined,
    [name, ...rest]: readonly string[],
    blob: string,
    written: string[],
  ): Promise<string> {
    const entries = await this.entries(tree);
    const old = entries.find(({ path: named, type }) => named === name && type === 'tree')?.oid;
    const entry: Entry =
      rest.length === 0
        ? { mode: '100644', path: name!, oid: blob, type: 'blob' }
        : { mode: '040000', path: name!, oid: await this.treeWith(old, rest, blob, written), type: 'tree' };
    const others = entries.filter(({ path: named }) => named !== name);
    const oid = await git.writeTree({ ...this.at, tree: [...others, entry] });
    written.push(oid);
    return oid;
  }

  private writeCommit({ parent, author, message, timeUnixMs }: NewCommit, tree: string): Promise<string> {
    const who = { name: authorName(author), email: EMAIL, timestamp: Math.floor(timeUnixMs / 1000), timezoneOffset: 0 };
    const parents = parent === undefined ? [] : [parent];
    const commit = { tree, parent: parents, author: who, committer: who, message: `${message}\n` };
    return git.writeCommit({ ...this.at, commit });
  }

  private async sync(oids: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const oid of oids) {
      const folder = path.join(this.gitdir, 'objects', oid.slice(0, 2));
      // One that stood in a pack already has no file of its own.
      await syncFile(path.join(folder, oid.slice(2))).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      folders.add(folder);
    }
    for (const folder of folders) if (fs.existsSync(folder)) await syncFile(folder);
  }

  /** As Git does it: who makes the lock file may change the ref, and does so by renaming it. */
  private async moveBranch(from: string | undefined, to: string): Promise<boolean> {
    const ref = path.join(this.gitdir, this.branchRef);
    await mkdir(path.dirname(ref), { recursive: true });
    const lock = `${ref}.lock`;
    const held = await this.take(lock);
    if (!held) return false;
    await this.writeSynced(held, `${to}\n`);
    if ((await this.head()) !== from) {
      await rm(lock, { force: true });
      return false;
    }
    await rename(lock, ref);
    await syncFile(path.dirname(ref));
    return true;
  }

  private async take(lock: string): Promise<FileHandle | undefined> {
    try {
      return await open(lock, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    }
  }

  private async writeSynced(handle: FileHandle, text: string): Promise<void> {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Of each commit the first parent, back to `since`; oldest first. */
  private async line(since: string | undefined, head: string, cache: object) {
    const commits: Awaited<ReturnType<typeof git.readCommit>>[] = [];
    for (
      let oid: string | undefined = head;
      oid !== undefined && oid !== since;
      oid = commits.at(-1)!.commit.parent[0]
    ) {
      commits.push(await git.readCommit({ ...this.at, oid, cache }));
    }
    return commits.reverse();
  }

  private async *newPaths(
    tree: string,
    before: string | undefined,
    folder: string,
    cache: object,
  ): AsyncGenerator<string> {
    const old = new Map((await this.entries(before, cache)).map((entry) => [entry.path, entry]));
    for (const { path: name, oid, type } of await this.entries(tree, cache)) {
      const known = old.get(name);
      if (known?.oid === oid || (folder === '' && !ROOTS.includes(name))) continue;
      const inner = known?.type === 'tree' ? known.oid : undefined;
      if (type === 'tree') yield* this.newPaths(oid, inner, `${folder}${name}/`, cache);
      else if (type === 'blob' && known?.type !== 'blob') yield `${folder}${name}`;
    }
  }
}
