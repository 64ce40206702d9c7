/** What is asked of GitHub's REST API: files that are made and never changed, and tags that stay. */
import { Octokit } from '@octokit/rest';
import { authorName, EMAIL } from '../git/repository.js';
import type { GithubPlace } from './place.js';

export interface NewFile {
  path: string;
  content: string;
  author: string;
  message: string;
  timeUnixMs: number;
}

/** A slow line carries the largest prompt in that time. */
const REQUEST_TIMEOUT_MS = 15_000;

/** It would write warnings and failures to the console. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** An answer that broke off says nothing of what has happened. */
class LostAnswer extends Error {}

export class Rest {
  private readonly octokit: Octokit;
  private readonly where: { owner: string; repo: string };

  constructor(
    private readonly place: GithubPlace,
    token: string,
    private readonly ending: AbortSignal,
  ) {
    const { owner, repository, apiUrl } = place;
    this.where = { owner, repo: repository };
    this.octokit = new Octokit({ auth: token, baseUrl: apiUrl, log: silent, userAgent: 'promptmetrics' });
  }

  /** The commit that brought the file. Never over another one: without the `sha` of what is there, GitHub says 422. */
  async createFile({ path, content, author, message, timeUnixMs }: NewFile): Promise<string> {
    const who = { name: authorName(author), email: EMAIL, date: new Date(timeUnixMs).toISOString() };
    const { data } = await this.octokit.rest.repos.createOrUpdateFileContents({
      ...this.where,
      branch: this.place.branch,
      path,
      message,
      content: Buffer.from(content).toString('base64'),
      author: who,
      committer: who,
      request: this.request(),
    });
    const commit = (data as Partial<typeof data> | undefined)?.commit?.sha;
    if (commit === undefined) throw new LostAnswer('the answer broke off');
    return commit;
  }

  /** 422 when there is one of that name. */
  async createTag(tag: string, commit: string): Promise<void> {
    await this.octokit.rest.git.createRef({
      ...this.where,
      ref: `refs/tags/${tag}`,
      sha: commit,
      request: this.request(),
    });
  }

  private request(): { signal: AbortSignal } {
    return { signal: AbortSignal.any([this.ending, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) };
  }
}
