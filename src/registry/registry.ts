/** Prompts: written once as versions, found by name, version and label. */
import { auditEntry, type MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import type { Component } from '../component.js';
import { GatewayError } from '../errors.js';
import type { Change } from '../store/control/changes.js';
import type { Label } from '../store/control/labels.js';
import type { PromptKey, PromptVersion } from '../store/control/prompts.js';
import type { ControlStore, Repositories } from '../store/control/store.js';
import { within } from '../store/deadline.js';
import { compose } from './composition.js';
import type { RegistryConfig } from './config.js';
import { Dependents } from './dependents.js';
import type { PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import { IndexWriter } from './index-writer.js';
import type { Prompt } from './prompt.js';
import { Reconciler } from './reconciler.js';
import { type Resolved, Resolver } from './resolver.js';
import { LATEST, type Selector } from './selector.js';
import { isVersion } from './version.js';
import { type Watch, Watchers } from './watchers.js';
import { readWriterId } from './writer-id.js';

export interface LabelInput {
  promptName: string;
  name: string;
  /** The youngest version when there is none. */
  version?: string | undefined;
  reason?: string | undefined;
  /** Whether the label stands where its mover believes it does; moved whatever it is when there is none. */
  expects?: ((label: Label | undefined) => boolean) | undefined;
}

/** Started after the control store. */
export interface Registry extends Component {
  readonly control: ControlStore;
  /** In the principal's workspace. Throws BAD_REQUEST (`Prompt already exists`), VALIDATION_FAILED, CONFLICT. */
  create(prompt: Prompt, principal: Principal, context: MutationContext): Promise<PromptVersion>;
  /** Synchronous when it is in memory. Throws NOT_FOUND (`Prompt not found`, `Version not found`, `Label not found`). */
  resolve(workspace: string, name: string, selector: Selector): Resolved | Promise<Resolved>;
  /** With the prompts that it includes. Throws VALIDATION_FAILED when they can't be put together. */
  compose(workspace: string, resolved: Resolved): Resolved | Promise<Resolved>;
  /** Told of whatever changes of a prompt, here and on other gateways. Throws OVERLOADED, SHUTTING_DOWN. */
  watch(workspace: string, name: string): Watch;
  /** Ends every watch, and begins no further ones. */
  stopWatching(): void;
  readonly watching: WatchingOptions;
  /** Makes a label or moves it. Throws NOT_FOUND (`Prompt not found`), BAD_REQUEST for a version that there is not, PRECONDITION_FAILED. */
  setLabel(label: LabelInput, principal: Principal, context: MutationContext): Promise<Label>;
  /** Throws NOT_FOUND (`Label not found`). */
  deleteLabel(label: Omit<LabelInput, 'version'>, principal: Principal, context: MutationContext): Promise<void>;
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
  private readonly resolver: Resolver;
  private opened: Opened | undefined;
  private readonly watchers: Watchers;
  private readonly dependents: Dependents;
  private timer: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private lookedAtMs = 0;
  private stopHearing = () => {};
  private failing = false;

  constructor(private readonly options: RegistryOptions) {
    const { config, control, driver, events } = options;
    this.control = control;
    const bounds = { maxPrompts: config.cachePrompts, maxContentBytes: config.cacheBytes };
    this.resolver = new Resolver({ control, driver, events, ...bounds });
    this.watchers = new Watchers(config);
    this.dependents = new Dependents(bounds);
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
    await within(FIRST_COMPARISON_MS, this.tick());
    driver.onDue?.(() => void this.tick());
    this.timer = setInterval(() => void this.tick(), config.reconcileIntervalMs).unref();
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    clearInterval(this.timer);
    clearInterval(this.looking);
    this.stopWatching();
    this.stopHearing();
    const { opened } = this;
    this.opened = undefined;
    if (opened) await within(deadlineMs, opened.reconciler.idle());
    await this.options.driver.shutdown({ deadlineMs });
  }

  create(prompt: Prompt, principal: Principal, context: MutationContext): Promise<PromptVersion> {
    return this.open.index.create(prompt, principal, context);
  }

  resolve(workspace: string, name: string, selector: Selector): Resolved | Promise<Resolved> {
    return this.resolver.resolve(workspace, name, selector);
  }

  compose(workspace: string, resolved: Resolved): Resolved | Promise<Resolved> {
    return resolved.compiled.includes.length === 0 ? resolved : this.composeParts(workspace, resolved);
  }

  watch(workspace: string, name: string): Watch {
    return this.watchers.watch(workspace, name);
  }

  stopWatching(): void {
    this.watchers.close();
  }

  setLabel(input: LabelInput, principal: Principal, context: MutationContext): Promise<Label> {
    const { promptName, name, reason } = input;
    const { workspace } = principal;
    if (name === LATEST) throw new GatewayError('BAD_REQUEST', `The label ${LATEST} is kept by the server`);
    return this.control.transaction(async (repositories) => {
      const version = await versionFor(repositories, workspace, input);
      const key = { workspace, promptName, name };
      const before = input.expects && (await repositories.labels.get(key));
      const from = await repositories.labels.set(key, version, moverOf(principal, reason));
      // What was read may have been moved until `set` held it: then nothing of this has happened.
      if (input.expects && !(from === before?.version && input.expects(before))) throw movedMeanwhile(from);
      await repositories.changes.announce({ topic: 'prompts', workspace, name: promptName });
      const label = (await repositories.labels.get(key))!;
      const details = { label: name, from: from ?? null, to: version };
      const deed = {
        workspace,
        action: 'label:create',
        promptName,
        targetId: promptName,
        versionTag: version,
        details,
      };
      await repositories.auditLogs.append(auditEntry(principal, context, deed));
      return label;
    });
  }

  async deleteLabel(
    { promptName, name, reason }: Omit<LabelInput, 'version'>,
    principal: Principal,
    context: MutationContext,
  ): Promise<void> {
    const { workspace } = principal;
    await this.control.transaction(async ({ labels, changes, auditLogs }) => {
      const from = await labels.delete({ workspace, promptName, name }, moverOf(principal, reason));
      if (from === undefined) throw new GatewayError('NOT_FOUND', 'Label not found');
      await changes.announce({ topic: 'prompts', workspace, name: promptName });
      const details = { label: name, from, to: null };
      const deed = { workspace, action: 'label:delete', promptName, targetId: promptName, details };
      await auditLogs.append(auditEntry(principal, context, deed));
    });
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
      this.resolver.clear();
      this.watchers.tellAll();
    } else if (change.topic === 'prompts') {
      this.resolver.forget(change.workspace, change.name);
      this.watchers.tell(change.workspace, change.name);
      for (const name of this.dependents.of(change.workspace, change.name)) this.watchers.tell(change.workspace, name);
    }
  }

  private look(): void {
    const now = performance.now();
    if (this.control.hearsOthers() && now - this.lookedAtMs < LOOK_INTERVAL_MS.hearing) return;
    this.lookedAtMs = now;
    this.watchers.tellAll();
  }

  /** What is served goes on being served when it fails. */
  private async tick(): Promise<void> {
    try {
      await this.reconcile();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.options.events.reconcileFailed(error);
      this.failing = true;
    }
  }
}

function movedMeanwhile(version: string | undefined): GatewayError {
  const details = { version_tag: version ?? null };
  return new GatewayError('PRECONDITION_FAILED', 'The label does not stand where If-Match says', { details });
}

function moverOf({ name }: Principal, reason: string | undefined) {
  return { by: name, reason, movedAt: Math.floor(Date.now() / 1000) };
}

/** The version that was asked for, or the youngest, in the words that clients know. */
async function versionFor(
  { prompts }: Repositories,
  workspace: string,
  { promptName, version }: LabelInput,
): Promise<string> {
  const newest = await prompts.newest(workspace, promptName);
  if (!newest) throw new GatewayError('NOT_FOUND', 'Prompt not found');
  if (version === undefined) return newest.version;
  if (isVersion(version) && (await prompts.active({ workspace, name: promptName, version }))) return version;
  const details = { prompt_name: promptName, version_tag: version };
  throw new GatewayError('BAD_REQUEST', 'Version not found for this prompt', { details });
}

export function createRegistry(options: RegistryOptions): Registry {
  return new IndexedRegistry(options);
}
