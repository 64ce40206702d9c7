/** Compares the index with the content store: what was broken off is settled, and what came past the gateway adopted. */
import { GatewayError } from '../errors.js';
import { describeKey } from '../store/control/prompt-version.js';
import type { ControlStore } from '../store/control/store.js';
import { Adoption } from './adoption.js';
import type { Arrival, PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import type { IndexWriter } from './index-writer.js';

export interface ReconcilerOptions {
  control: ControlStore;
  driver: PromptDriver;
  events: RegistryEvents;
  index: IndexWriter;
  writer: string;
}

export const VERSIONS_PER_STEP = 200;
/** Versions that arrive before the content store may tidy up. */
const ARRIVALS_PER_MAINTENANCE = 500;
/** Versions that are remembered as still to be dealt with; beyond that, all since the kept revision are listed again. */
const MAX_OPEN = 1_000;

/** What can't be dealt with yet. */
interface Open {
  /** A client's write of the same version goes on. */
  waiting: Arrival[];
  /** The content store can't tell of them just now. */
  failed: Arrival[];
}

/** What was listed beyond the revision that is kept. */
interface Ahead {
  kept: string | undefined;
  revision: string | undefined;
  /** They keep the revision from being kept. */
  open: readonly Arrival[];
}

export class Reconciler {
  private readonly adoption: Adoption;
  private arrived = 0;
  private ahead: Ahead | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(private readonly options: ReconcilerOptions) {
    const { driver, events, index } = options;
    this.adoption = new Adoption({ driver, events, put: (versions) => index.adopt(versions) });
  }

  /** One at a time: who asks during one waits for one that begins after it. */
  run(): Promise<void> {
    if (this.running) this.again = true;
    this.running ??= this.untilDone().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Ends one that goes on behind its step: of a hundred thousand arrivals, that may be minutes early. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running?.catch(() => {});
  }

  private async untilDone(): Promise<void> {
    do {
      this.again = false;
      await this.once();
    } while (this.again);
  }

  private async once(): Promise<void> {
    const { control, driver, index, writer } = this.options;
    await index.settleAll();
    const kept = await control.prompts.revision(writer);
    const { revision: since, open } =
      this.ahead?.kept === kept && this.ahead ? this.ahead : { revision: kept, open: [] };
    const { versions, revision } = await driver.arrivals(since);
    const { waiting, failed } = await this.adoptAll([...open, ...versions]);
    // What was being written while it was looked at has come to its end by now, as a rule.
    const again = await this.adoptAll(waiting);
    const left = [...failed, ...again.waiting, ...again.failed];
    this.ahead = left.length === 0 || left.length > MAX_OPEN ? undefined : { kept, revision, open: left };
    if (left.length === 0 && revision !== undefined && revision !== kept) {
      await control.prompts.setRevision(writer, revision);
    }
    await this.maintain(versions.length);
  }

  private async adoptAll(arrivals: readonly Arrival[]): Promise<Open> {
    const open: Open = { waiting: [], failed: [] };
    for (let at = 0; at < arrivals.length; at += VERSIONS_PER_STEP) {
      if (this.stopped) throw new GatewayError('SHUTTING_DOWN', 'The comparison goes on with the next start');
      const { waiting, failed } = await this.adopt(arrivals.slice(at, at + VERSIONS_PER_STEP));
      open.waiting.push(...waiting);
      open.failed.push(...failed);
    }
    return open;
  }

  private async adopt(arrivals: readonly Arrival[]): Promise<Open> {
    const { control, events } = this.options;
    const known = new Map((await control.prompts.known(arrivals)).map((row) => [describeKey(row), row.status]));
    const having = (status: string | undefined) =>
      arrivals.filter((arrival) => known.get(describeKey(arrival)) === status);
    const { adopted, overtaken, failed } = await this.adoption.take(having(undefined));
    if (adopted.length > 0) events.adopted(adopted.length);
    return { waiting: [...having('pending'), ...overtaken], failed };
  }

  private async maintain(arrivals: number): Promise<void> {
    this.arrived += arrivals;
    if (this.arrived < ARRIVALS_PER_MAINTENANCE) return;
    this.arrived = 0;
    await this.options.driver.maintain();
  }
}
