/**
 * Every exporter that the configuration names, as one component: they start, send and stop side by side, and while they do
 * another configuration may take the place of the one that there is.
 */
import {
  type BufferConsumer,
  type Component,
  type ConsumerOptions,
  SIGNALS,
  type Signal,
  type TaskPool,
} from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { type Backend, createBackends, type ExporterSources } from './backends.js';
import type { Part } from './batch.js';
import { bySignal, type Chooser, inTurn } from './chooser.js';
import type { QueueConfig } from './config.js';
import { createExporter, type Exporter, type ExporterOptions, type ExporterState } from './exporter.js';
import { identityOf } from './identity.js';
import { letterOf } from './letters.js';
import { type Door, refuseOwnDoors } from './own-address.js';
import { createProcessing } from './processing/chooser.js';
import { isLedTo, type Steps, stepsFromFiles } from './processing/components.js';
import { type ChoosingConfig, stepsFromVariables } from './processing/config.js';
import type { ResentFrame } from './resending.js';
import { CUT, type CutTask, type Piece } from './split.js';
import type { SamplingPlan, TailSamplers } from './tail-sampling/samplers.js';

type Shared = Pick<ExporterOptions, 'bufferMaxBytes' | 'toProtobuf' | 'bury' | 'events'>;

/** What of a configuration says which exporters there are, and what goes to each. */
export interface ExportersConfig extends ExporterSources {
  choosing: ChoosingConfig;
  /** What holds for every exporter that says nothing else. */
  exporting: QueueConfig;
}

export interface ExportersOptions extends Shared {
  config: ExportersConfig;
  buffer: {
    readonly id: string;
    renewConsumer(name: string, options?: ConsumerOptions): BufferConsumer;
    removeConsumer(name: string): void;
  };
  /** Cuts requests, and encodes for backends that take something else than OTLP in protobuf: started before the exporters. */
  pool: TaskPool;
  /** Where this gateway listens: nothing is exported to there. */
  doors: readonly Door[];
  version: string;
  /** Started behind the exporters, with the same configuration. */
  sampling: Pick<TailSamplers, 'plan' | 'carryOut'>;
  /** What an operator should know of a backend, told at the start. */
  advise(exporter: string, advice: string): void;
  reconciled(outcome: Reconciled): void;
}

/** Names. */
export interface Reconciled {
  added: readonly string[];
  changed: readonly string[];
  removed: readonly string[];
  unchanged: readonly string[];
}

export interface Exporters extends Component {
  /** Of those that there are now. */
  readonly names: readonly string[];
  /** By name. */
  readonly states: () => Record<string, ExporterState>;
  /** No exporter begins with an earlier sequence after a restart. */
  persistedCursor(): number;
  /** Sends a dead letter's frame to the backend that refused it, once. Rejects with CONFLICT or BACKEND_UNAVAILABLE. */
  readonly resend: (exporter: string, frame: ResentFrame) => Promise<void>;
  /** Whether these could be taken over; the names that they come to. Rejects with CONFIG_INVALID, and changes nothing. */
  check(config: ExportersConfig): Promise<string[]>;
  /**
   * Takes the exporters of that configuration over, once started: what is the same goes on untouched; what has changed ends
   * what is under way, and begins anew at its cursor; what is new begins where its setting says; what is gone holds nothing in
   * the buffer any more. One at a time. Rejects with CONFIG_INVALID, and has changed nothing then.
   */
  reload(config: ExportersConfig, deadline: { deadlineMs: number }): Promise<void>;
}

/** Registers a consumer of the buffer for each: create them before the buffer is started. Throws CONFIG_INVALID. */
export function createExporters(options: ExportersOptions): Exporters {
  return new ExporterSet(options);
}

interface PlannedExporter {
  name: string;
  backend: Backend;
  steps: Steps;
  identity: string;
}

interface Plan {
  sampling: SamplingPlan;
  exporters: readonly PlannedExporter[];
}

interface Running {
  exporter: Exporter;
  identity: string;
}

class ExporterSet implements Exporters {
  readonly name = 'exporters';
  readonly #options: ExportersOptions;
  readonly #running = new Map<string, Running>();
  readonly #initial: readonly PlannedExporter[];
  #isEnding = false;

  constructor(options: ExportersOptions) {
    this.#options = options;
    const plan = this.#plan(options.config);
    this.#initial = plan.exporters;
    for (const planned of plan.exporters) this.#create(planned, plan.sampling);
  }

  get names(): string[] {
    return [...this.#running.keys()];
  }

  async start(): Promise<void> {
    await this.#refuseOwn(this.#initial);
    await this.#startAll(this.#initial);
  }

  async shutdown(deadline: { deadlineMs: number }): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#running.values()].map(({ exporter }) => exporter.shutdown(deadline)));
  }

  // Both are handed on as functions.
  readonly states = (): Record<string, ExporterState> => {
    return Object.fromEntries([...this.#running].map(([name, { exporter }]) => [name, exporter.state()]));
  };

  readonly resend = async (name: string, frame: ResentFrame): Promise<void> => {
    const running = this.#running.get(name);
    if (!running) throw new GatewayError('CONFLICT', `The exporter ${name} is not configured any more`);
    await running.exporter.resend(frame);
  };

  persistedCursor(): number {
    return Math.min(...[...this.#running.values()].map(({ exporter }) => exporter.persistedCursor()));
  }

  async check(config: ExportersConfig): Promise<string[]> {
    const { exporters } = this.#plan(config);
    await this.#refuseOwn(exporters);
    return exporters.map(({ name }) => name);
  }

  async reload(config: ExportersConfig, deadline: { deadlineMs: number }): Promise<void> {
    const plan = this.#plan(config);
    const { fresh, outcome } = this.#compare(plan);
    await this.#refuseOwn(fresh);
    const failure = await this.#retire([...outcome.changed, ...outcome.removed], deadline);
    this.#assertServing();
    await this.#options.sampling.carryOut(plan.sampling, deadline);
    this.#assertServing();
    for (const planned of fresh) this.#create(planned, plan.sampling);
    // After the new ones have their places: one that has another name now finds what its old one had not sent.
    for (const name of outcome.removed) this.#remove(name);
    await this.#startAll(fresh);
    this.#options.reconciled(outcome);
    if (failure !== undefined) throw failure;
  }

  #plan(config: ExportersConfig): Plan {
    const { pool, version, buffer } = this.#options;
    const sampling = this.#options.sampling.plan(config.service);
    const queue = config.exporting;
    const backends = createBackends({ config, queue, pool, version, gatewayId: () => buffer.id });
    return { sampling, exporters: backends.map((backend) => planOf(backend, config, sampling)) };
  }

  #compare({ exporters }: Plan): { fresh: PlannedExporter[]; outcome: Reconciled } {
    const isSame = ({ name, identity }: PlannedExporter) => this.#running.get(name)?.identity === identity;
    const fresh = exporters.filter((planned) => !isSame(planned));
    const names = exporters.map(({ name }) => name);
    const outcome = {
      added: fresh.map(({ name }) => name).filter((name) => !this.#running.has(name)),
      changed: fresh.map(({ name }) => name).filter((name) => this.#running.has(name)),
      removed: this.names.filter((name) => !names.includes(name)),
      unchanged: exporters.filter(isSame).map(({ name }) => name),
    };
    return { fresh, outcome };
  }

  async #refuseOwn(exporters: readonly PlannedExporter[]): Promise<void> {
    for (const { name, backend } of exporters) {
      for (const url of backend.urls) await refuseOwnDoors(name, url, this.#options.doors);
    }
  }

  /** The first failure: whatever it is, that exporter sends nothing any more. */
  async #retire(names: readonly string[], deadline: { deadlineMs: number }): Promise<unknown> {
    const ends = await Promise.allSettled(names.map((name) => this.#running.get(name)!.exporter.retire(deadline)));
    return ends.find((end) => end.status === 'rejected')?.reason;
  }

  /** In the place of the one of that name, if there is one. */
  #create({ name, backend, steps, identity }: PlannedExporter, sampling: SamplingPlan): void {
    const { buffer, pool, ...shared } = this.#options;
    const { transports, queue: config } = backend;
    const exporter = createExporter({
      ...shared,
      name,
      config,
      buffer: {
        get id() {
          return buffer.id;
        },
        consumer: (consumer, wanted) => buffer.renewConsumer(consumer, wanted),
      },
      transports,
      cut: (task: CutTask) => pool.run<Piece[]>(CUT, task),
      chooser: chooserOf(name, steps, sampling, this.#options),
    });
    this.#running.set(name, { exporter, identity });
  }

  #remove(name: string): void {
    this.#running.delete(name);
    this.#options.buffer.removeConsumer(name);
  }

  async #startAll(exporters: readonly PlannedExporter[]): Promise<void> {
    for (const { name, backend } of exporters) if (backend.advice) this.#options.advise(name, backend.advice);
    await Promise.all(exporters.map(({ name }) => this.#running.get(name)!.exporter.start()));
  }

  /** What was retired is as it is after a shutdown, then: the next start goes on with it. */
  #assertServing(): void {
    if (this.#isEnding) throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
  }
}

function planOf(backend: Backend, config: ExportersConfig, sampling: SamplingPlan): PlannedExporter {
  const { service, choosing } = config;
  const { name, queue, making } = backend;
  const isByFiles = service !== undefined && isLedTo(name, service);
  const transports = isByFiles ? backend.transports : only(choosing.signals, backend);
  const steps = isByFiles ? stepsFromFiles(name, service) : stepsFromVariables(choosing);
  const signals = Object.keys(transports);
  const identity = identityOf({ making, queue, signals, steps, sampling: sampling.identityOf(name) });
  return { name, backend: { ...backend, transports }, steps, identity };
}

function only(signals: readonly string[], { transports }: Backend): Backend['transports'] {
  return Object.fromEntries(Object.entries(transports).filter(([signal]) => signals.includes(signal)));
}

/** Whole traces first: what goes with them needs not be looked at. undefined: everything goes there as it is. */
function chooserOf(name: string, steps: Steps, sampling: SamplingPlan, options: ExportersOptions): Chooser | undefined {
  const bury = buryingOf(name, options);
  const choosers = [sampling.chooserOf(name, bury), processingOf(name, steps, { ...options, bury })];
  const chosen = choosers.filter((chooser) => chooser !== undefined);
  return chosen.length > 1 ? inTurn(chosen) : chosen[0];
}

/** Of parts that are as they were received: what can't be chosen from is not sent on. */
function buryingOf(exporter: string, { bury, buffer, events }: ExportersOptions) {
  return async (part: Part, reason: string): Promise<void> => {
    await bury({ ...letterOf(part, { exporter, bufferId: buffer.id, reason }), isUnprocessed: true });
    events.unusable({ exporter, frames: 1, buried: 1, reason });
  };
}

type ProcessingOptions = Pick<ExportersOptions, 'pool' | 'events'> & { bury: ReturnType<typeof buryingOf> };

function processingOf(exporter: string, steps: Steps, { pool, events, bury }: ProcessingOptions): Chooser | undefined {
  const choosers = SIGNALS.flatMap((signal) => {
    const own = steps[signal] ?? [];
    if (own.length === 0) return [];
    return [[signal, createProcessing({ exporter, signal, steps: own, pool, bury, events })] as const];
  });
  return choosers.length === 0 ? undefined : bySignal(Object.fromEntries(choosers) as Partial<Record<Signal, Chooser>>);
}
