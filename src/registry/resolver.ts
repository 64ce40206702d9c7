/** From a name and a version or a label to what is served: from memory, where what was asked before costs no query. */
import { GatewayError } from '../errors.js';
import type { PromptVersion } from '../store/control/prompts.js';
import type { ControlStore } from '../store/control/store.js';
import { ContentCache, PointerCache } from './cache.js';
import { type CompiledPrompt, compile } from './compiled.js';
import type { Composition } from './composition.js';
import type { PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import { isPromptName } from './paths.js';
import { readPrompt } from './prompt.js';
import { isLabel, LATEST, type Selector } from './selector.js';
import { isVersion } from './version.js';

export interface Resolved {
  readonly version: PromptVersion;
  readonly compiled: CompiledPrompt;
  /** The database could not be asked: this is what it said before. */
  readonly stale: boolean;
  /** What it includes; undefined when it includes nothing, and before it is composed. */
  readonly composition?: Composition | undefined;
}

export interface ResolverOptions {
  control: ControlStore;
  driver: PromptDriver;
  events: RegistryEvents;
  maxPrompts: number;
  maxContentBytes: number;
}

/** How old what is in memory may be: where other gateways' changes are heard anyway, and where they are not. */
const MAX_AGE_MS = { hearing: 30_000, deaf: 1_000 };

function missing(what: 'Prompt' | 'Version' | 'Label'): GatewayError {
  return new GatewayError('NOT_FOUND', `${what} not found`);
}

function keyOf(selector: Selector): string {
  if (selector === undefined) return LATEST;
  return 'label' in selector ? `label ${selector.label}` : `version ${selector.version}`;
}

export class Resolver {
  private readonly pointers: PointerCache;
  private readonly contents: ContentCache;
  /** Questions that are on their way: who asks the same waits for the same answer. */
  private readonly asking = new Map<string, Promise<PromptVersion>>();
  private readonly reading = new Map<number, Promise<CompiledPrompt>>();

  constructor(private readonly options: ResolverOptions) {
    this.pointers = new PointerCache(options);
    this.contents = new ContentCache(options);
  }

  /** Throws NOT_FOUND, naming what is missing: the prompt, the version or the label. */
  resolve(workspace: string, name: string, selector: Selector): Resolved | Promise<Resolved> {
    const known = this.pointers.get(workspace, name, keyOf(selector));
    if (!known || known.ageMs > this.maxAgeMs()) return this.ask(workspace, name, selector, known?.version);
    const compiled = this.contents.get(known.version.id);
    return compiled ? { version: known.version, compiled, stale: false } : this.load(known.version, false);
  }

  forget(workspace: string, name: string): void {
    // Who comes now must not be given the answer to a question from before the change.
    this.asking.clear();
    this.pointers.forget(workspace, name);
  }

  clear(): void {
    this.asking.clear();
    this.pointers.clear();
  }

  private maxAgeMs(): number {
    return this.options.control.hearsOthers() ? MAX_AGE_MS.hearing : MAX_AGE_MS.deaf;
  }

  private async ask(
    workspace: string,
    name: string,
    selector: Selector,
    before: PromptVersion | undefined,
  ): Promise<Resolved> {
    try {
      return await this.load(await this.askOnce(workspace, name, selector), false);
    } catch (error) {
      if (!before || !(error instanceof GatewayError && error.retryable)) throw error;
      this.options.events.servedStale(error);
      return this.load(before, true);
    }
  }

  private askOnce(workspace: string, name: string, selector: Selector): Promise<PromptVersion> {
    const key = `${workspace}/${name} ${keyOf(selector)}`;
    const asked = this.asking.get(key);
    if (asked) return asked;
    const asking = this.askDatabase(workspace, name, selector).finally(() => {
      if (this.asking.get(key) === asking) this.asking.delete(key);
    });
    this.asking.set(key, asking);
    return asking;
  }

  private async askDatabase(workspace: string, name: string, selector: Selector): Promise<PromptVersion> {
    const mark = this.pointers.mark();
    const version = await this.find(workspace, name, selector);
    this.pointers.set(version, keyOf(selector), mark);
    return version;
  }

  /** What can be no name is not shown to the database. */
  private async find(workspace: string, name: string, selector: Selector): Promise<PromptVersion> {
    const { prompts } = this.options.control;
    if (!isPromptName(name)) throw missing('Prompt');
    const found = await this.select(workspace, name, selector);
    if (found) return found;
    if (selector === undefined || !(await prompts.exists(workspace, name))) throw missing('Prompt');
    throw missing('label' in selector ? 'Label' : 'Version');
  }

  private select(workspace: string, name: string, selector: Selector): Promise<PromptVersion | undefined> {
    const { prompts } = this.options.control;
    if (selector === undefined) return prompts.latest(workspace, name);
    if ('label' in selector) return this.selectLabel(workspace, name, selector.label);
    const { version } = selector;
    return isVersion(version) ? prompts.active({ workspace, name, version }) : Promise.resolve(undefined);
  }

  private async selectLabel(workspace: string, promptName: string, name: string): Promise<PromptVersion | undefined> {
    const { prompts, labels } = this.options.control;
    if (name === LATEST) return prompts.latest(workspace, promptName);
    if (!isLabel(name)) return undefined;
    const label = await labels.get({ workspace, promptName, name });
    return label && prompts.active({ workspace, name: promptName, version: label.version });
  }

  private async load(version: PromptVersion, stale: boolean): Promise<Resolved> {
    const compiled = this.contents.get(version.id) ?? (await this.readOnce(version));
    return { version, compiled, stale };
  }

  private readOnce(version: PromptVersion): Promise<CompiledPrompt> {
    const running = this.reading.get(version.id);
    if (running) return running;
    const reading = this.read(version).finally(() => this.reading.delete(version.id));
    this.reading.set(version.id, reading);
    return reading;
  }

  private async read(version: PromptVersion): Promise<CompiledPrompt> {
    const text = await this.options.driver.read(version);
    if (text === undefined) {
      throw new GatewayError('STORE_UNAVAILABLE', 'The content of this version is not in the store of this gateway');
    }
    const compiled = await compile(readPrompt(text, version));
    this.contents.set(version.id, compiled);
    return compiled;
  }
}
