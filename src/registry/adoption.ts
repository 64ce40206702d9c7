/** Takes versions that stand in the content store into the index: those that are prompts, each as it came. */
import { GatewayError } from '../errors.js';
import { describeKey, type PromptKey } from '../store/control/prompt-version.js';
import { compile } from './compiled.js';
import type { Arrival, PromptDriver, StoredVersion } from './driver.js';
import type { RegistryEvents } from './events.js';
import { type Prompt, readPrompt } from './prompt.js';

export interface Adoptable {
  arrival: Arrival;
  stored: StoredVersion;
  prompt: Prompt;
}

export interface AdoptionOptions {
  driver: PromptDriver;
  events: Pick<RegistryEvents, 'unusable'>;
  /** All of them or none; answers those that are in the index as they came. */
  put(versions: readonly Adoptable[]): Promise<PromptKey[]>;
}

/** What has become of arrivals; those that are in none of the lists are left out, and told of. */
export interface Taken {
  adopted: PromptKey[];
  /** The index has a row that a client's write has begun. */
  overtaken: Arrival[];
  /** The content store can't tell of them just now. */
  failed: Arrival[];
}

/** Versions that are remembered as told of. */
const MAX_TOLD = 10_000;

export class Adoption {
  /** Why a version is left out, as it was told last. */
  private readonly told = new Map<string, string>();

  constructor(private readonly options: AdoptionOptions) {}

  /** Rejects when it is not a version that is at fault, but the content store or the database. */
  async take(arrivals: readonly Arrival[]): Promise<Taken> {
    const { adoptable, failed } = await this.readAll(arrivals);
    const { adopted, faulty } = await this.put(adoptable);
    const done = new Set([...adopted, ...faulty].map(describeKey));
    const overtaken = adoptable.filter(({ stored }) => !done.has(describeKey(stored))).map(({ arrival }) => arrival);
    return { adopted, overtaken, failed };
  }

  /** All at once; where the database does not take them, each alone: one that is at fault holds up no others. */
  private async put(adoptable: readonly Adoptable[]): Promise<{ adopted: PromptKey[]; faulty: PromptKey[] }> {
    if (adoptable.length === 0) return { adopted: [], faulty: [] };
    try {
      return { adopted: await this.options.put(adoptable), faulty: [] };
    } catch (error) {
      if (isFaultOf(error, adoptable.length)) return this.putEach(adoptable);
      throw error;
    }
  }

  private async putEach(adoptable: readonly Adoptable[]): Promise<{ adopted: PromptKey[]; faulty: PromptKey[] }> {
    const adopted: PromptKey[] = [];
    const faulty: PromptKey[] = [];
    for (const one of adoptable) {
      try {
        adopted.push(...(await this.options.put([one])));
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
    const closed = failures.find(({ error }) => error instanceof GatewayError && error.code === 'SHUTTING_DOWN');
    if (closed) throw closed.error;
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
}

/** Of a single version, whether it is at fault; of several, whether one of them may be. */
function isFaultOf(error: unknown, versions: number): boolean {
  if (!(error instanceof GatewayError)) return false;
  return !error.retryable || (versions > 1 && error.code === 'QUERY_TIMEOUT');
}
