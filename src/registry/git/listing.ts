/**
 * Which files a commit has, kept of the commits that many are asked of: git walks through its folders for each of them,
 * and a folder of ten thousand prompts takes a millisecond.
 */
export interface ListingOptions {
  /** Path and object id of each file, in pages. */
  list(commit: string): AsyncIterable<[path: string, id: string][]>;
}

/** As many take git about as long as the listing of a large commit. */
const QUESTIONS_BEFORE_LISTING = 200;
/** Commits whose questions are counted; when there are more, none of them is asked often. */
const MAX_COUNTED = 100;
/** The head of the branch, and one that has brought many files. */
const MAX_LISTED = 2;
/** Some hundred bytes each. */
const MAX_FILES = 200_000;
const IDLE_MS = 60_000;

type Files = ReadonlyMap<string, string>;

export class Listing {
  private readonly asked = new Map<string, number>();
  /** Least recently used first; without files where they are too many. */
  private readonly listed = new Map<string, Files | undefined>();
  private listing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ListingOptions) {}

  /** The object of the file, `missing`, or undefined when the commit is not listed: then git knows. */
  find(commit: string, path: string): string | 'missing' | undefined {
    if (!this.listed.has(commit)) {
      this.count(commit);
      return undefined;
    }
    const files = this.listed.get(commit);
    this.keep(commit, files);
    return files && (files.get(path) ?? 'missing');
  }

  /** Resolves when no git is at work for it. */
  async close(): Promise<void> {
    await this.listing;
    this.clear();
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.listed.clear();
    this.asked.clear();
  }

  private count(commit: string): void {
    const times = (this.asked.get(commit) ?? 0) + 1;
    if (this.asked.size >= MAX_COUNTED) this.asked.clear();
    this.asked.set(commit, times);
    if (times < QUESTIONS_BEFORE_LISTING || this.listing) return;
    this.asked.delete(commit);
    // One that fails is no loss: git is asked, and it is tried again after as many questions.
    this.listing = this.list(commit)
      .catch(() => {})
      .finally(() => {
        this.listing = undefined;
      });
  }

  private async list(commit: string): Promise<void> {
    const files = new Map<string, string>();
    for await (const page of this.options.list(commit)) {
      for (const [path, id] of page) files.set(path, id);
      if (files.size > MAX_FILES) break;
    }
    this.keep(commit, files.size > MAX_FILES ? undefined : files);
  }

  private keep(commit: string, files: Files | undefined): void {
    this.listed.delete(commit);
    this.listed.set(commit, files);
    const [oldest] = this.listed.keys();
    if (this.listed.size > MAX_LISTED) this.listed.delete(oldest!);
    this.timer ??= setTimeout(() => this.clear(), IDLE_MS).unref();
    this.timer.refresh();
  }
}
