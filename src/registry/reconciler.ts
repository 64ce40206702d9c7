/** Compares the index with the content store: what was broken off is settled, and what came past the gateway adopted. */
import { GatewayError } from '../errors.js';
import type { PromptKey } from '../store/control/prompts.js';
import type { ControlStore } from '../store/control/store.js';
import { compile } from './compiled.js';
import type { Arrival, PromptDriver, StoredVersion } from './driver.js';
import type { RegistryEvents } from './events.js';
import { describeKey, type IndexWriter } from './index-writer.js';
import { type Prompt, readPrompt } from './prompt.js';

export interface ReconcilerOptions {
  control: ControlStore;
  driver: PromptDriver;
  events: RegistryEvents;
  index: IndexWriter;
  writer: string;
}

const VERSIONS_PER_STEP = 200;
/** Versions that arrive before the content store may tidy up. */
const ARRIVALS_PER_MAINTENANCE = 500;

/** Versions that are remembered as still to be dealt with; beyond that, all since the kept revision are listed again. */
const MAX_OPEN = 1_000;
/** Versions that are remembered as told of. */
const MAX_TOLD = 10_000;

interface Adoptable {
  arrival: Arrival;
  stored: StoredVersion;
  prompt: Prompt;
}

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
  private arrived = 0;
  private ahead: Ahead | undefined;
  /** Why a version is left out, as it was told last. */
  private readonly told = new Map<string, string>();
  private running: Promise<void> | undefined;
  private again = false;

  constructor(private readonly options: ReconcilerOptions) {}

  /** One at a time: who asks during one waits for one that begins after it. */
  run(): Promise<void> {
    if (this.running) this.again = true;
    this.running ??= this.untilDone().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  async idle(): Promise<void> {
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
      const { waiting, failed } = await this.adopt(arrivals.slice(at, at + VERSIONS_PER_STEP));
      open.waiting.push(...waiting);
      open.failed.push(...failed);
    }
    return open;
  }

  private async adopt(arrivals: readonly Arrival[]): Promise<Open> {
    const { control, events } = this.options;
    const known = new Map((await control.prompts.known(arrivals)).map((row) => [describeKey(row), row.status]));
    const statusOf = (arrival: Arrival) => known.get(describeKey(arrival));
    const { adoptable, failed } = await this.readAll(arrivals.filter((arrival) => statusOf(arrival) === undefined));
    const { adopted, faulty } = await this.index(adoptable);
    if (adopted.length > 0) events.adopted(adopted.length);
    const done = new Set([...adopted, ...faulty].map(describeKey));
    // One that was begun by a client meanwhile has a row, too.
    const overtaken = adoptable.filter(({ stored }) => !done.has(describeKey(stored))).map(({ arrival }) => arrival);
    return { waiting: [...arrivals.filter((arrival) => statusOf(arrival) === 'pending'), ...overtaken], failed };
  }

  /** All at once; where the database does not take them, each alone: one that is at fault holds up no others. */
  private async index(adoptable: readonly Adoptable[]): Promise<{ adopted: PromptKey[]; faulty: PromptKey[] }> {
    if (adoptable.length === 0) return { adopted: [], faulty: [] };
    try {
      return { adopted: await this.options.index.adopt(adoptable), faulty: [] };
    } catch (error) {
      if (isFaultOf(error, adoptable.length)) return this.indexEach(adoptable);
      throw error;
    }
  }

  private async indexEach(adoptable: readonly Adoptable[]): Promise<{ adopted: PromptKey[]; faulty: PromptKey[] }> {
    const adopted: PromptKey[] = [];
    const faulty: PromptKey[] = [];
    for (const one of adoptable) {
      try {
        adopted.push(...(await this.options.index.adopt([one])));
      } catch (error) {
        if (!isFaultOf(error, 1)) throw error;
        this.tell(one.stored, error);
        faulty.push(one.stored);
      }
    }
    return { adopted, faulty };
  }

  private async readAll(arrivals: readonly Arrival[]): Promise<{ adoptable: Adoptable[]; failed: Arrival[] }> {
    const { adoptsAtOnce = 1 } = this.options.driver;
    const adoptable: Adoptable[] = [];
    const failures: { arrival: Arrival; error: unknown }[] = [];
    for (let at = 0; at < arrivals.length; at += adoptsAtOnce) {
      const some = arrivals.slice(at, at + adoptsAtOnce);
      const outcomes = await Promise.allSettled(some.map((arrival) => this.read(arrival)));
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') failures.push({ arrival: some[index]!, error: outcome.reason });
        else if (outcome.value) adoptable.push(outcome.value);
      }
    }
    // It is the content store that is at fault, not a version.
    if (failures.length > 1 && adoptable.length === 0) throw failures[0]!.error;
    for (const { arrival, error } of failures) this.tell(arrival, error);
    return { adoptable, failed: failures.map(({ arrival }) => arrival) };
  }

  private async read(arrival: Arrival): Promise<Adoptable | undefined> {
    const { driver } = this.options;
    const stored = await driver.adopt(arrival);
    const text = stored && (await driver.read(stored));
    if (stored === undefined || text === undefined) return undefined;
    try {
      const prompt = readPrompt(text, arrival);
      // What could not be rendered is not let in either.
      await compile(prompt);
      return { arrival: { ...arrival, ...stored }, stored, prompt };
    } catch (error) {
      this.tell(arrival, error);
      return undefined;
    }
  }

  /** Once, until it is another reason. */
  private tell(key: PromptKey, error: unknown): void {
    const described = describeKey(key);
    const reason = error instanceof Error ? error.message : String(error);
    if (this.told.get(described) === reason) return;
    if (this.told.size >= MAX_TOLD) this.told.clear();
    this.told.set(described, reason);
    this.options.events.unusable(described, reason);
  }

  private async maintain(arrivals: number): Promise<void> {
    this.arrived += arrivals;
    if (this.arrived < ARRIVALS_PER_MAINTENANCE) return;
    this.arrived = 0;
    await this.options.driver.maintain();
  }
}

/** Of a single version, whether it is at fault; of several, whether one of them may be. */
function isFaultOf(error: unknown, versions: number): boolean {
  if (!(error instanceof GatewayError)) return false;
  return !error.retryable || (versions > 1 && error.code === 'QUERY_TIMEOUT');
}
