/** Versions that wait until the content store takes them: in the order in which they were begun, and none overtakes. */
import type { PromptVersion } from '../store/control/prompt-version.js';
import type { Prompts } from '../store/control/prompts.js';

export class Waiting {
  private readonly ids = new Set<number>();

  constructor(private readonly prompts: Pick<Prompts, 'pending'>) {}

  /** Oldest first; without those that `isRunning` says are just being written, unless that is known to have failed. */
  async list(isRunning: (row: PromptVersion) => boolean): Promise<PromptVersion[]> {
    const before = [...this.ids];
    const rows = (await this.prompts.pending()).filter((row) => this.ids.has(row.id) || !isRunning(row));
    const still = new Set(rows.map(({ id }) => id));
    // Another gateway has brought them to their end. Those that came meanwhile stay.
    for (const id of before) if (!still.has(id)) this.ids.delete(id);
    for (const id of still) this.ids.add(id);
    return rows;
  }

  get any(): boolean {
    return this.ids.size > 0;
  }

  add({ id }: PromptVersion): void {
    this.ids.add(id);
  }

  delete({ id }: PromptVersion): void {
    this.ids.delete(id);
  }
}
