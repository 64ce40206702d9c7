/**
 * Makes the index anew from the content store, in steps of which each leaves it no worse than before: when it is broken
 * off, it is run again. Gateways may serve meanwhile; what they are just writing is left to them.
 */
import { GatewayError } from '../errors.js';
import type { IndexedVersion } from '../store/control/prompt-index.js';
import { describeKey } from '../store/control/prompt-version.js';
import type { ControlStore } from '../store/control/store.js';
import { Adoption } from './adoption.js';
import type { Arrival, PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import type { IndexWriter } from './index-writer.js';
import { VERSIONS_PER_STEP } from './reconciler.js';

export interface RebuildOptions {
  control: ControlStore;
  /** Started. */
  driver: PromptDriver;
  index: Pick<IndexWriter, 'renew'>;
  events: Pick<RegistryEvents, 'unusable'>;
  /** The gateway that goes on from what was listed. */
  writer: string;
  /** Told now and then how many versions are in the index. */
  onProgress(versions: number): void;
}

export interface Rebuilt {
  /** In the index as the content store has them. */
  versions: number;
  /** Rows whose version the content store does not have, or has as something that is no prompt. */
  removed: number;
  /** Labels that stood for such a version. Their history stays. */
  labelsRemoved: number;
  /** A client's write of them goes on: left to its gateway. */
  pending: number;
  /** The content store could not tell of them: what the index knew of them stays. */
  failed: number;
}

const LABEL_MOVER = { by: 'rebuild-index', reason: 'The content store does not have its version' };

class Rebuild {
  private readonly adoption: Adoption;
  private readonly indexed = new Set<string>();
  private readonly kept = new Set<string>();
  private pending = 0;
  private failed = 0;
  private removed = 0;

  constructor(private readonly options: RebuildOptions) {
    const { driver, events, index } = options;
    this.adoption = new Adoption({ driver, events, put: (versions) => index.renew(versions) });
  }

  /** Throws CONFLICT where the content store is empty and the index is not: it is another store, most likely. */
  async run(): Promise<Rebuilt> {
    const { control, driver, writer } = this.options;
    const { versions, revision } = await driver.arrivals(undefined);
    if (versions.length === 0) await this.requireEmptyIndex();
    for (let at = 0; at < versions.length; at += VERSIONS_PER_STEP) {
      await this.take(versions.slice(at, at + VERSIONS_PER_STEP));
    }
    await this.sweep();
    await control.promptIndex.removeLostTexts();
    const labelsRemoved = await this.removeLostLabels();
    const isWhole = this.pending === 0 && this.failed === 0;
    if (isWhole && revision !== undefined) await control.prompts.setRevision(writer, revision);
    await driver.maintain();
    const { indexed, removed, pending, failed } = this;
    return { versions: indexed.size, removed, labelsRemoved, pending, failed };
  }

  private async requireEmptyIndex(): Promise<void> {
    const [row] = await this.options.control.promptIndex.rows(0, 1);
    if (!row) return;
    const { kind } = this.options.driver;
    throw new GatewayError(
      'CONFLICT',
      `The content store (DRIVER=${kind}) has no prompt at all, and the index has some: nothing was changed. Is it the right one?`,
    );
  }

  private async take(arrivals: readonly Arrival[]): Promise<void> {
    const { adopted, overtaken, failed } = await this.adoption.take(arrivals);
    for (const key of adopted) this.indexed.add(describeKey(key));
    for (const key of [...overtaken, ...failed]) this.kept.add(describeKey(key));
    this.pending += overtaken.length;
    this.failed += failed.length;
    this.options.onProgress(this.indexed.size);
  }

  /** Rows that were not listed: a version stays also when the branch that it came on is moved away from it. */
  private async sweep(): Promise<void> {
    const { control } = this.options;
    for (let after = 0; ; ) {
      const rows = await control.promptIndex.rows(after, VERSIONS_PER_STEP);
      if (rows.length === 0) return;
      after = rows.at(-1)!.id;
      await this.sweepRows(rows.filter((row) => !this.isDealtWith(row)));
    }
  }

  private isDealtWith(row: IndexedVersion): boolean {
    const key = describeKey(row);
    return row.status === 'pending' || this.indexed.has(key) || this.kept.has(key);
  }

  private async sweepRows(rows: readonly IndexedVersion[]): Promise<void> {
    const { control, driver } = this.options;
    const found: Arrival[] = [];
    for (const row of rows) {
      const { author, message, createdAt } = row;
      const stored = await driver.find(row);
      if (stored) found.push({ ...stored, author, message, timeUnixMs: createdAt * 1000 });
    }
    if (found.length > 0) await this.take(found);
    const lost = rows.filter((row) => !this.isDealtWith(row));
    if (lost.length === 0) return;
    await control.transaction(async ({ promptIndex, changes }) => {
      await promptIndex.remove(lost.map(({ id }) => id));
      for (const { workspace, name } of lost) await changes.announce({ topic: 'prompts', workspace, name });
    });
    this.removed += lost.length;
  }

  private async removeLostLabels(): Promise<number> {
    const { control } = this.options;
    const labels = await control.promptIndex.lostLabels();
    for (const label of labels) {
      const { workspace, promptName: name } = label;
      await control.transaction(async (repositories) => {
        await repositories.labels.delete(label, { ...LABEL_MOVER, movedAt: Math.floor(Date.now() / 1000) });
        await repositories.changes.announce({ topic: 'prompts', workspace, name });
      });
    }
    return labels.length;
  }
}

export function rebuildIndex(options: RebuildOptions): Promise<Rebuilt> {
  return new Rebuild(options).run();
}
