/** Compares the index with the content store: what was broken off is settled, and what came past the gateway adopted. */
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

interface Adoptable {
  arrival: Arrival;
  stored: StoredVersion;
  prompt: Prompt;
}

export class Reconciler {
  private arrived = 0;
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
    const since = await control.prompts.revision(writer);
    const { versions, revision } = await driver.arrivals(since);
    for (let at = 0; at < versions.length; at += VERSIONS_PER_STEP) {
      await this.adopt(versions.slice(at, at + VERSIONS_PER_STEP));
    }
    if (revision !== undefined && revision !== since) await control.prompts.setRevision(writer, revision);
    await this.maintain(versions.length);
  }

  private async adopt(arrivals: readonly Arrival[]): Promise<void> {
    const { control, events, index } = this.options;
    const known = new Set((await control.prompts.known(arrivals)).map(describeKey));
    const adoptable = await this.readAll(arrivals.filter((arrival) => !known.has(describeKey(arrival))));
    if (adoptable.length === 0) return;
    const adopted = await index.adopt(adoptable);
    if (adopted.length > 0) events.adopted(adopted.length);
  }

  private async readAll(arrivals: readonly Arrival[]): Promise<Adoptable[]> {
    const { adoptsAtOnce = 1 } = this.options.driver;
    const found: (Adoptable | undefined)[] = [];
    for (let at = 0; at < arrivals.length; at += adoptsAtOnce) {
      const some = arrivals.slice(at, at + adoptsAtOnce);
      found.push(...(await Promise.all(some.map((arrival) => this.read(arrival)))));
    }
    return found.filter((each) => each !== undefined);
  }

  private async read(arrival: Arrival): Promise<Adoptable | undefined> {
    const { driver, events } = this.options;
    const stored = await driver.adopt(arrival);
    const text = stored && (await driver.read(stored));
    if (stored === undefined || text === undefined) return undefined;
    try {
      const prompt = readPrompt(text, arrival);
      // What could not be rendered is not let in either.
      await compile(prompt);
      return { arrival: { ...arrival, ...stored }, stored, prompt };
    } catch (error) {
      events.unusable(describeKey(arrival), (error as Error).message);
      return undefined;
    }
  }

  private async maintain(arrivals: number): Promise<void> {
    this.arrived += arrivals;
    if (this.arrived < ARRIVALS_PER_MAINTENANCE) return;
    this.arrived = 0;
    await this.options.driver.maintain();
  }
}
