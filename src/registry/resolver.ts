/** From a name and a version or a label to what is served: from memory, where what was asked before costs no query. */
import { GatewayError } from '../errors.js';
import type { Label, Share } from '../store/control/labels.js';
import type { PromptVersion } from '../store/control/prompt-version.js';
import type { ControlStore } from '../store/control/store.js';
import { ContentCache, PointerCache, type Target } from './cache.js';
import { type CompiledPrompt, compile } from './compiled.js';
import type { PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import { isPromptName } from './paths.js';
import { readPrompt } from './prompt.js';
import type { Renderings } from './renderings.js';
import type { Resolved } from './resolved.js';
import { isLabel, LATEST, type Selector } from './selector.js';
import { assign, heaviest } from './split.js';
import { isVersion } from './version.js';

export interface ResolverOptions {
  control: ControlStore;
  driver: PromptDriver;
  events: RegistryEvents;
  renderings: Renderings;
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

function isNotFound(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'NOT_FOUND';
}

function targetOf(version: PromptVersion | undefined): Target | undefined {
  return version && { version };
}

type Chosen = Pick<Resolved, 'version' | 'variant'>;

function choose({ version, split }: Target, unit: string | undefined): Chosen {
  if (!split) return { version };
  const { label, seed, variants } = split;
  const chosen = unit === undefined ? version : assign(variants, seed, unit).version;
  return { version: chosen, variant: { label, version: chosen.version, by: unit === undefined ? 'largest' : 'unit' } };
}

export class Resolver {
  private readonly pointers: PointerCache;
  private readonly contents: ContentCache;
  /** Questions that are on their way: who asks the same waits for the same answer. */
  private readonly asking = new Map<string, Promise<Target>>();
  private readonly reading = new Map<number, Promise<CompiledPrompt>>();

  constructor(private readonly options: ResolverOptions) {
    this.pointers = new PointerCache(options);
    this.contents = new ContentCache(options);
  }

  /**
   * `unit`: who is to get the same version each time, of a label that stands for several. Throws NOT_FOUND, naming what is
   * missing: the prompt, the version or the label.
   */
  resolve(workspace: string, name: string, selector: Selector, unit?: string): Resolved | Promise<Resolved> {
    const known = this.pointers.get(workspace, name, keyOf(selector));
    if (!known || known.ageMs > this.maxAgeMs()) return this.ask(workspace, name, selector, unit, known?.target);
    const chosen = choose(known.target, unit);
    const compiled = this.contents.get(chosen.version.id);
    return compiled ? { ...chosen, compiled, stale: false } : this.load(chosen, false);
  }

  forget(workspace: string, name: string): void {
    // Who comes now must not be given the answer to a question from before the change.
    this.asking.clear();
    this.pointers.forget(workspace, name);
  }

  forgetAll(): void {
    this.asking.clear();
    this.pointers.forgetAll();
  }

  private maxAgeMs(): number {
    return this.options.control.hearsOthers() ? MAX_AGE_MS.hearing : MAX_AGE_MS.deaf;
  }

  private async ask(
    workspace: string,
    name: string,
    selector: Selector,
    unit: string | undefined,
    before: Target | undefined,
  ): Promise<Resolved> {
    try {
      return await this.load(choose(await this.askOnce(workspace, name, selector), unit), false);
    } catch (error) {
      if (!before || !(error instanceof GatewayError && error.retryable)) throw error;
      this.options.events.servedStale(error);
      return this.load(choose(before, unit), true);
    }
  }

  private askOnce(workspace: string, name: string, selector: Selector): Promise<Target> {
    const key = `${workspace}/${name} ${keyOf(selector)}`;
    const asked = this.asking.get(key);
    if (asked) return asked;
    const asking = this.askDatabase(workspace, name, selector).finally(() => {
      if (this.asking.get(key) === asking) this.asking.delete(key);
    });
    this.asking.set(key, asking);
    return asking;
  }

  private async askDatabase(workspace: string, name: string, selector: Selector): Promise<Target> {
    const mark = this.pointers.mark();
    try {
      const target = await this.find(workspace, name, selector);
      // With its content, or it would take the place of what can be served while the content store is away.
      await this.contentOf(choose(target, undefined).version);
      this.pointers.set(target, keyOf(selector), mark);
      return target;
    } catch (error) {
      if (isNotFound(error)) this.pointers.delete(workspace, name, keyOf(selector));
      throw error;
    }
  }

  /** What can be no name is not shown to the database. */
  private async find(workspace: string, name: string, selector: Selector): Promise<Target> {
    const { prompts } = this.options.control;
    if (!isPromptName(name)) throw missing('Prompt');
    const found = await this.select(workspace, name, selector);
    if (found) return found;
    if (selector === undefined || !(await prompts.exists(workspace, name))) throw missing('Prompt');
    throw missing('label' in selector ? 'Label' : 'Version');
  }

  private async select(workspace: string, name: string, selector: Selector): Promise<Target | undefined> {
    const { prompts } = this.options.control;
    if (selector === undefined) return targetOf(await prompts.latest(workspace, name));
    if ('label' in selector) return this.selectLabel(workspace, name, selector.label);
    const { version } = selector;
    return isVersion(version) ? targetOf(await prompts.active({ workspace, name, version })) : undefined;
  }

  private async selectLabel(workspace: string, promptName: string, name: string): Promise<Target | undefined> {
    const { prompts, labels } = this.options.control;
    if (name === LATEST) return targetOf(await prompts.latest(workspace, promptName));
    if (!isLabel(name)) return undefined;
    const label = await labels.get({ workspace, promptName, name });
    if (!label?.split) {
      return label && targetOf(await prompts.active({ workspace, name: promptName, version: label.version }));
    }
    return this.selectSplit(label, label.split);
  }

  /** Versions that are there no longer leave their share to the others. */
  private async selectSplit(label: Label, shares: readonly Share[]): Promise<Target | undefined> {
    const { workspace, promptName: name, name: labelName } = label;
    const find = async ({ version, weight }: Share) => {
      const found = weight > 0 ? await this.options.control.prompts.active({ workspace, name, version }) : undefined;
      return found ? [{ version: found, weight }] : [];
    };
    const variants = (await Promise.all(shares.map(find))).flat();
    if (variants.length === 0) return undefined;
    const seed = JSON.stringify([workspace, name, labelName]);
    return { version: heaviest(variants).version, split: { label: labelName, seed, variants } };
  }

  private async load(chosen: Chosen, stale: boolean): Promise<Resolved> {
    return { ...chosen, compiled: await this.contentOf(chosen.version), stale };
  }

  private async contentOf(version: PromptVersion): Promise<CompiledPrompt> {
    return this.contents.get(version.id) ?? this.readOnce(version);
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
    // The index has no hash of what was there before it had any.
    this.options.renderings.learn({ ...version, hash: compiled.textHash });
    return compiled;
  }
}
