/** Prompts: written once as versions, found by name, version and label. */
import type { MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import type { Component } from '../component.js';
import { GatewayError } from '../errors.js';
import { promptHashOf } from '../model/prompt-hash.js';
import type { Change } from '../store/control/changes.js';
import type { Label } from '../store/control/labels.js';
import type { PromptKey, PromptVersion } from '../store/control/prompt-version.js';
import type { ControlStore } from '../store/control/store.js';
import { within } from '../store/deadline.js';
import { compose } from './composition.js';
import type { RegistryConfig } from './config.js';
import { Dependents } from './dependents.js';
import type { PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import { IndexWriter } from './index-writer.js';
import { KnownTemplates } from './known-templates.js';
import { type LabelInput, LabelWriter } from './labels.js';
import { firstTextOf, type Prompt } from './prompt.js';
import { Reconciler } from './reconciler.js';
import type { Renderings } from './renderings.js';
import type { Resolved } from './resolved.js';
import { Resolver } from './resolver.js';
import type { Selector } from './selector.js';
import { type Watch, Watchers } from './watchers.js';
import { readWriterId } from './writer-id.js';

/** Started after the control store. */
export interface Registry extends Component {
  readonly control: ControlStore;
  /** In the principal's workspace. Throws BAD_REQUEST (`Prompt already exists`), VALIDATION_FAILED, CONFLICT. */
  create(prompt: Prompt, principal: Principal, context: MutationContext): Promise<PromptVersion>;
  /** Synchronous when it is in memory. Throws NOT_FOUND (`Prompt not found`, `Version not found`, `Label not found`). */
  resolve(workspace: string, name: string, selector: Selector, unit?: string): Resolved | Promise<Resolved>;
  /** With the prompts that it includes. Throws VALIDATION_FAILED when they can't be put together. */
  compose(workspace: string, resolved: Resolved): Resolved | Promise<Resolved>;
  /** Told of whatever changes of a prompt, here and on other gateways. Throws OVERLOADED, SHUTTING_DOWN. */
  watch(workspace: string, name: string): Watch;
  /** Ends every watch, and begins no further ones. */
  stopWatching(): void;
  readonly watching: WatchingOptions;
  /** What spans that name no prompt are recognised by: it is told of each text that is handed out. */
  readonly renderings: Renderings;
  /**
   * The version that was handed out here with a text first; else the prompt that has the text, by the highest version with
   * it. undefined when none has it, or several have.
   */
  recognise(workspace: string, textHash: string): Promise<PromptKey | undefined>;
  readonly labels: LabelWriter;
  /** Makes a label or moves it, as `labels.set`. */
  setLabel(label: LabelInput, principal: Principal, context: MutationContext): Promise<Label>;
  /** As `labels.delete`. */
  deleteLabel(
    label: Omit<LabelInput, 'version' | 'split'>,
    principal: Principal,
    context: MutationContext,
  ): Promise<void>;
  /** The absolute path of a version's file; undefined where it is no file of this machine. */
  pathOf(key: PromptKey): string | undefined;
  /** Compares the index with the content store now. */
  reconcile(): Promise<void>;
  /** The content store has something new, says somebody who knows: it is compared soon. */
  refresh(): void;
}

/** How long those who watch are left without a word, and how long a stream of events lasts. */
export type WatchingOptions = Pick<RegistryConfig, 'heartbeatMs' | 'maxStreamMs'>;

export interface RegistryOptions {
  config: Pick<RegistryConfig, 'reconcileIntervalMs' | 'cachePrompts' | 'cacheBytes' | 'maxWatchers'> & WatchingOptions;
  /** Absolute path of DATA_DIR. */
  dataDirectory: string;
  control: ControlStore;
  driver: PromptDriver;
  renderings: Renderings;
  events: RegistryEvents;
}

/** What nobody tells of is found out when what is in memory is too old to be served: those who watch ask so often. */
const LOOK_INTERVAL_MS = { hearing: 15_000, deaf: 500 };

/** A start waits no longer for it: a content store on another machine may take its time. */
const FIRST_COMPARISON_MS = 5_000;

interface Opened {
  index: IndexWriter;
  reconciler: Reconciler;
}

class IndexedRegistry implements Registry {
  readonly name = 'registry';
  readonly control: ControlStore;
  readonly renderings: Renderings;
  private readonly resolver: Resolver;
  private opened: Opened | undefined;
  readonly labels: LabelWriter;
  private readonly watchers: Watchers;
  private readonly dependents = new Dependents();
  private readonly knownTemplates: KnownTemplates;
  private timer: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private lookedAtMs = 0;
  private stopHearing = () => {};
  private failing = false;

  constructor(private readonly options: RegistryOptions) {
    const { config, control, driver, events, renderings } = options;
    this.control = control;
    this.renderings = renderings;
    this.knownTemplates = new KnownTemplates({ hashes: control.promptHashes, renderings });
    const bounds = { maxPrompts: config.cachePrompts, maxContentBytes: config.cacheBytes };
    this.resolver = new Resolver({ control, driver, events, renderings, ...bounds });
    this.labels = new LabelWriter(control, this.resolver.resolve.bind(this.resolver));
    this.watchers = new Watchers(config);
  }

  get watching(): WatchingOptions {
    return this.options.config;
  }

  async start(): Promise<void> {
    const { config, control, driver, events, dataDirectory } = this.options;
    await driver.start();
    this.watchers.open();
    this.stopHearing = control.onChange((change) => this.hear(change));
    this.looking = setInterval(() => this.look(), LOOK_INTERVAL_MS.deaf).unref();
    const writer = await readWriterId(dataDirectory);
    const resolve = this.resolver.resolve.bind(this.resolver);
    const index = new IndexWriter({ control, driver, events, resolve, writer, onQueued: () => void this.tick() });
    this.opened = { index, reconciler: new Reconciler({ control, driver, events, index, writer }) };
    // A repository in disorder holds up neither ingestion nor what the index knows already.
    await within(FIRST_COMPARISON_MS, Promise.all([this.tick(), this.refreshTemplates()]));
    driver.onDue?.(() => void this.tick());
    this.timer = setInterval(() => {
      void this.tick();
      if (!control.hearsOthers()) this.knownTemplates.anyChanged();
      void this.refreshTemplates();
    }, config.reconcileIntervalMs).unref();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    clearInterval(this.timer);
    clearInterval(this.looking);
    this.stopWatching();
    this.stopHearing();
    const { opened } = this;
    this.opened = undefined;
    const ending = [opened?.reconciler.stop(), this.knownTemplates.stop()];
    await within(deadlineMs, Promise.all(ending));
    await this.options.driver.shutdown({ deadlineMs });
  }

  async create(prompt: Prompt, principal: Principal, context: MutationContext): Promise<PromptVersion> {
    const version = await this.open.index.create(prompt, principal, context);
    // Before the next look at the index: spans may follow at once.
    if (version.status === 'active') this.renderings.learn({ ...version, hash: promptHashOf(firstTextOf(prompt)) });
    return version;
  }

  resolve(workspace: string, name: string, selector: Selector, unit?: string): Resolved | Promise<Resolved> {
    return this.resolver.resolve(workspace, name, selector, unit);
  }

  compose(workspace: string, resolved: Resolved): Resolved | Promise<Resolved> {
    return resolved.compiled.includes.length === 0 ? resolved : this.composeParts(workspace, resolved);
  }

  async recognise(workspace: string, textHash: string): Promise<PromptKey | undefined> {
    const { prompts, promptHashes } = this.control;
    const handedOut = this.renderings.withText(workspace, textHash);
    if (handedOut && (await prompts.active(handedOut))) return handedOut;
    const [prompt, another] = await promptHashes.having(workspace, textHash, 2);
    return another ? undefined : prompt;
  }

  watch(workspace: string, name: string): Watch {
    return this.watchers.watch(workspace, name);
  }

  stopWatching(): void {
    this.watchers.close();
  }

  setLabel(input: LabelInput, principal: Principal, context: MutationContext): Promise<Label> {
    return this.labels.set(input, principal, context);
  }

  deleteLabel(
    label: Omit<LabelInput, 'version' | 'split'>,
    principal: Principal,
    context: MutationContext,
  ): Promise<void> {
    return this.labels.delete(label, principal, context);
  }

  pathOf(key: PromptKey): string | undefined {
    return this.options.driver.pathOf(key);
  }

  reconcile(): Promise<void> {
    return this.open.reconciler.run();
  }

  refresh(): void {
    const { driver } = this.options;
    if (driver.refresh) driver.refresh();
    else void this.tick();
  }

  private async composeParts(workspace: string, resolved: Resolved): Promise<Resolved> {
    const composed = await compose(this.resolver.resolve.bind(this.resolver), workspace, resolved);
    for (const { name } of composed.composition!.parts) this.dependents.add(workspace, name, resolved.version.name);
    return composed;
  }

  private get open(): Opened {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The prompt registry is not open');
    return this.opened;
  }

  /** What was known is forgotten first: who is told asks for it at once. */
  private hear(change: Change | 'missed'): void {
    if (change === 'missed') {
      this.resolver.forgetAll();
      this.watchers.tellAll();
      this.knownTemplates.anyChanged();
      void this.refreshTemplates();
    } else if (change.topic === 'prompts') {
      this.resolver.forget(change.workspace, change.name);
      this.watchers.tell(change.workspace, change.name);
      for (const name of this.dependents.of(change.workspace, change.name)) this.watchers.tell(change.workspace, name);
      this.knownTemplates.promptChanged(change);
      void this.refreshTemplates();
    }
  }

  private look(): void {
    const now = performance.now();
    if (this.control.hearsOthers() && now - this.lookedAtMs < LOOK_INTERVAL_MS.hearing) return;
    this.lookedAtMs = now;
    this.watchers.tellAll();
  }

  /** What could not be read is read with the next comparison, which tells of it. */
  private async refreshTemplates(): Promise<void> {
    await this.knownTemplates.refresh().catch(() => {});
  }

  /** What is served goes on being served when it fails. */
  private async tick(): Promise<void> {
    try {
      await this.reconcile();
      this.failing = false;
    } catch (error) {
      // One that a shutdown has ended has not failed.
      if (!this.failing && this.opened) this.options.events.reconcileFailed(error);
      this.failing = true;
    }
  }
}

export function createRegistry(options: RegistryOptions): Registry {
  return new IndexedRegistry(options);
}
