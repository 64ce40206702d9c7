/** Keeps what is known of templates as the index has it: all of it at the start, then whatever changes. */
import { setImmediate as turn } from 'node:timers/promises';
import { MAX_KNOWN_TEXTS } from '../model/prompt-hash.js';
import type { HashedVersion, PromptHashes } from '../store/control/prompt-hashes.js';
import type { PromptKey } from '../store/control/prompt-version.js';
import type { Renderings } from './renderings.js';

export interface KnownTemplatesOptions {
  hashes: PromptHashes;
  renderings: Renderings;
}

type PromptName = Pick<PromptKey, 'workspace' | 'name'>;

const ROWS_PER_PAGE = 1_000;
/** Of more prompts than that, all are read again. */
const MAX_CHANGED = 1_000;

export class KnownTemplates {
  private readonly changed = new Map<string, PromptName>();
  private allChanged = true;
  private reading: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: KnownTemplatesOptions) {}

  promptChanged({ workspace, name }: PromptName): void {
    if (this.changed.size < MAX_CHANGED) this.changed.set(`${workspace}/${name}`, { workspace, name });
    else this.anyChanged();
  }

  anyChanged(): void {
    this.allChanged = true;
    this.changed.clear();
  }

  /** Reads what has changed; what it could not read is read the next time. */
  refresh(): Promise<void> {
    if (!this.allChanged && this.changed.size === 0) return Promise.resolve();
    this.reading ??= this.readAll();
    return this.reading;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.reading?.catch(() => {});
  }

  private async readAll(): Promise<void> {
    try {
      while (!this.stopped) {
        const [next] = this.changed;
        if (this.allChanged) await this.readIndex();
        else if (next) await this.readPrompt(...next);
        else return;
      }
    } finally {
      // In one turn with the last look: what changes from now on is another's to read.
      this.reading = undefined;
    }
  }

  private async readPrompt(key: string, { workspace, name }: PromptName): Promise<void> {
    this.changed.delete(key);
    try {
      await this.take(await this.options.hashes.ofPrompt(workspace, name, ROWS_PER_PAGE));
    } catch (error) {
      this.promptChanged({ workspace, name });
      throw error;
    }
  }

  /** What changes while it is read is read again. */
  private async readIndex(): Promise<void> {
    this.allChanged = false;
    try {
      await this.take(await this.youngest());
    } catch (error) {
      this.anyChanged();
      throw error;
    }
  }

  private async youngest(): Promise<HashedVersion[]> {
    const rows: HashedVersion[] = [];
    while (rows.length < MAX_KNOWN_TEXTS && !this.stopped) {
      const page = await this.options.hashes.list(rows.at(-1)?.id, ROWS_PER_PAGE);
      rows.push(...page);
      if (page.length < ROWS_PER_PAGE) break;
    }
    return rows;
  }

  /** Deleted ones first: others may have been hidden behind them. The youngest are learned last, and so forgotten last. */
  private async take(youngestFirst: readonly HashedVersion[]): Promise<void> {
    const { renderings } = this.options;
    const rows = youngestFirst.toReversed();
    await eachInTurns(rows, (row) => row.status === 'deleted' && renderings.unlearn(row));
    await eachInTurns(rows, (row) => row.status === 'active' && renderings.learn(row));
  }
}

/** Each takes microseconds: between thousands of them others have their turn. */
async function eachInTurns<Item>(items: readonly Item[], work: (item: Item) => unknown): Promise<void> {
  for (const [at, item] of items.entries()) {
    if (at > 0 && at % ROWS_PER_PAGE === 0) await turn();
    work(item);
  }
}
