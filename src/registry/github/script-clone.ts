/** The clone, kept in JavaScript, for machines without the git program. */
import fs from 'node:fs';
import git from 'isomorphic-git';
import http from 'isomorphic-git/http/node';
import { GatewayError } from '../../errors.js';
import { within } from '../../store/deadline.js';
import { ScriptRepository } from '../git/script-repository.js';
import { type Clone, type CloneOptions, TAG_FOLDERS } from './clone.js';
import { credentialsOf } from './place.js';

const TIMEOUT_MS = 120_000;
/** Each is a push of its own; the next comparison brings the others. */
const TAGS_PER_PUSH = 50;
const REFUSALS = [git.Errors.PushRejectedError, git.Errors.GitPushError];

export class ScriptClone extends ScriptRepository implements Clone {
  private readonly ref: string;
  private readonly local: { fs: typeof fs; gitdir: string };
  private readonly remote: Pick<Parameters<typeof git.listServerRefs>[0], 'http' | 'url' | 'onAuth' | 'onAuthFailure'>;
  private readonly aborted: Promise<void>;
  private readonly refused = new Set<string>();

  constructor(private readonly options: CloneOptions) {
    super({ directory: options.directory, branch: options.branch, bare: true });
    const { branch, directory, url, token, signal } = options;
    this.ref = `refs/heads/${branch}`;
    this.local = { fs, gitdir: directory };
    this.aborted = new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    // Asked once more, it would be told the same.
    const onAuthFailure = () => ({ cancel: true });
    this.remote = { http, url, onAuth: () => credentialsOf(token), onAuthFailure };
  }

  override async open(): Promise<void> {
    await super.open();
    await git.addRemote({ ...this.local, remote: 'origin', url: this.options.url, force: true });
  }

  async remoteHead(): Promise<string | undefined> {
    const refs = await this.inTime('list', git.listServerRefs({ ...this.remote, prefix: this.ref }));
    return refs.find(({ ref }) => ref === this.ref)?.oid;
  }

  async fetch(): Promise<void> {
    const { branch } = this.options;
    const what = { ref: branch, remoteRef: branch, singleBranch: true, tags: true };
    const { fetchHead } = await this.inTime('fetch', git.fetch({ ...this.local, ...this.remote, ...what }));
    if (fetchHead === null) return;
    await git.writeRef({ ...this.local, ref: this.ref, value: fetchHead, force: true });
  }

  /** Those that GitHub has refused come last: they hold up none of the others. */
  async pushTags(): Promise<boolean> {
    const missing = await this.missingTags();
    const ordered = [
      ...missing.filter((ref) => !this.refused.has(ref)),
      ...missing.filter((ref) => this.refused.has(ref)),
    ];
    let refusal: unknown;
    for (const ref of ordered.slice(0, TAGS_PER_PUSH)) refusal = (await this.pushTag(ref)) ?? refusal;
    if (refusal !== undefined) throw refusal;
    return ordered.length <= TAGS_PER_PUSH;
  }

  private async missingTags(): Promise<string[]> {
    const there = new Set<string>();
    for (const prefix of TAG_FOLDERS) {
      const refs = await this.inTime('list', git.listServerRefs({ ...this.remote, prefix }));
      for (const { ref } of refs) there.add(ref);
    }
    const ours = (await git.listTags(this.local)).map((tag) => `refs/tags/${tag}`);
    return ours.filter((ref) => TAG_FOLDERS.some((folder) => ref.startsWith(folder)) && !there.has(ref));
  }

  /** Why GitHub will not have it. Rejects when it can't be asked. */
  private async pushTag(ref: string): Promise<unknown> {
    try {
      await this.inTime('push', git.push({ ...this.local, ...this.remote, ref, remoteRef: ref }));
      this.refused.delete(ref);
      return undefined;
    } catch (error) {
      if (!REFUSALS.some((Refused) => error instanceof Refused)) throw error;
      this.refused.add(ref);
      return error;
    }
  }

  /** The library has no deadline, and can't be told to stop. */
  private async inTime<Result>(what: string, work: Promise<Result>): Promise<Result> {
    let result: { value: Result } | undefined;
    const done = work.then((value) => {
      result = { value };
    });
    await within(TIMEOUT_MS, Promise.race([done, this.aborted]));
    if (result) return result.value;
    throw new GatewayError('STORE_UNAVAILABLE', `GitHub did not answer a ${what} in time`);
  }
}
