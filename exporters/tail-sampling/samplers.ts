/** Every tail sampler that configuration files define and pipelines name, as one component. */
import path from 'node:path';
import {
  type BufferConsumer,
  type Component,
  type ConsumerOptions,
  SIGNALS,
  type Signal,
} from '../../src/component.js';
import type { ConfiguredComponent } from '../../src/config-file/components.js';
import type { Pipeline } from '../../src/config-file/pipelines.js';
import { GatewayError } from '../../src/errors.js';
import { bySignal, type Chooser, inTurn } from '../chooser.js';
import { agreedBefore, exporterName } from '../components.js';
import { identityOf } from '../identity.js';
import { TAIL_SAMPLING, type TailSamplingConfig } from './config.js';
import type { CloseTask } from './messages.js';
import {
  type ChoosingFor,
  createTailSampler,
  type SamplerOptions,
  type SamplerState,
  samplerConsumer,
  type TailSampler,
} from './sampler.js';

type Shared = Pick<SamplerOptions, 'bufferMaxBytes' | 'maxWaitingBytes' | 'pool' | 'neededFrom' | 'events'>;

/** What of a configuration says which traces are whose. */
export interface SamplingService {
  readonly processors?: readonly ConfiguredComponent[];
  readonly pipelines: readonly Pipeline[];
}

export interface TailSamplersOptions extends Shared {
  service: SamplingService | undefined;
  buffer: {
    readonly id: string;
    renewConsumer(name: string, options?: ConsumerOptions): BufferConsumer;
    removeConsumer(name: string): void;
  };
  /** Of their verdicts, a folder each. */
  directory: string;
}

/** The samplers of a configuration, which need not be the present ones. */
export interface SamplingPlan {
  readonly samplers: readonly PlannedSampler[];
  /** Those in front of the exporter of that name, for comparison. Throws CONFIG_INVALID. */
  identityOf(exporter: string): unknown;
  /**
   * Of the exporter of that name, once the plan is carried out; undefined when no pipeline to it names a tail sampler.
   * `bury`: to its dead letters.
   */
  chooserOf(exporter: string, bury: ChoosingFor['bury']): Chooser | undefined;
}

interface PlannedSampler {
  id: string;
  name: string;
  config: TailSamplingConfig;
  samplesLogs: boolean;
  identity: string;
}

export interface TailSamplers extends Component {
  /** Changes nothing. Throws CONFIG_INVALID. */
  plan(service: SamplingService | undefined): SamplingPlan;
  /**
   * Those that are the same go on; one that is not begins anew with the verdicts that there are. Exporters whose samplers
   * change must have ended. Does not reject.
   */
  carryOut(plan: SamplingPlan, deadline: { deadlineMs: number }): Promise<void>;
  /** By their names. */
  readonly states: () => Record<string, SamplerState>;
}

interface Running {
  sampler: TailSampler;
  identity: string;
}

const LINGER_MS = 100;

/** Create it before the buffer is started; start it behind the exporters, so that it ends before them. */
export function createTailSamplers(options: TailSamplersOptions): TailSamplers {
  return new SamplerSet(options);
}

class SamplerSet implements TailSamplers {
  readonly name = 'tail-sampling';
  readonly #options: TailSamplersOptions;
  /** By the ids of their components. */
  readonly #running = new Map<string, Running>();
  #isEnding = false;

  constructor(options: TailSamplersOptions) {
    this.#options = options;
    for (const planned of this.plan(options.service).samplers) this.#create(planned);
  }

  async start(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ sampler }) => sampler.start()));
  }

  async shutdown(deadline: { deadlineMs: number }): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#running.values()].map(({ sampler }) => sampler.shutdown(deadline)));
  }

  // Handed on as a function.
  readonly states = (): Record<string, SamplerState> => {
    return Object.fromEntries([...this.#running.values()].map(({ sampler }) => [sampler.name, sampler.state()]));
  };

  plan(service: SamplingService = { pipelines: [] }): SamplingPlan {
    const { pipelines } = service;
    const samplers = samplersOf(service);
    const between = (exporter: string, signal: Signal) =>
      agreedBefore({ exporter, signal }, pipelines, { own: samplers, what: 'tail samplers' });
    return {
      samplers,
      identityOf: (exporter) =>
        SIGNALS.map((signal) => between(exporter, signal).map(({ id, identity }) => [id, identity])),
      chooserOf: (exporter, bury) => {
        const chosen = SIGNALS.flatMap((signal) => {
          const choosers = between(exporter, signal).map(({ id }) => this.#chooser(id, exporter, bury));
          return choosers.length === 0 ? [] : [[signal, inTurn(choosers)] as const];
        });
        return chosen.length === 0 ? undefined : bySignal(Object.fromEntries(chosen));
      },
    };
  }

  async carryOut({ samplers }: SamplingPlan, deadline: { deadlineMs: number }): Promise<void> {
    const isSame = ({ id, identity }: PlannedSampler) => this.#running.get(id)?.identity === identity;
    const fresh = samplers.filter((planned) => !isSame(planned));
    const same = samplers.filter(isSame).map(({ id }) => id);
    const ending = [...this.#running].filter(([id]) => !same.includes(id));
    await Promise.all(ending.map(([, { sampler }]) => sampler.shutdown(deadline)));
    if (this.#isEnding) return;
    for (const [id] of ending) this.#running.delete(id);
    await Promise.all(fresh.map((planned) => this.#create(planned).start()));
    const names = samplers.map(({ name }) => name);
    for (const [, { sampler }] of ending) if (!names.includes(sampler.name)) this.#letGo(sampler.name);
  }

  #create({ id, identity, name, config, samplesLogs }: PlannedSampler): TailSampler {
    const { buffer, directory, ...options } = this.#options;
    const sampler = createTailSampler({
      ...options,
      buffer: {
        get id() {
          return buffer.id;
        },
        consumer: (consumer, wanted) => buffer.renewConsumer(consumer, wanted),
      },
      name,
      config,
      directory: path.join(directory, name),
      samplesLogs,
      lingerMs: LINGER_MS,
    });
    this.#running.set(id, { sampler, identity });
    return sampler;
  }

  /** What the thread has of it in memory, too. A thread that can't be asked has nothing. */
  #letGo(name: string): void {
    const { buffer, pool } = this.#options;
    buffer.removeConsumer(samplerConsumer(name));
    const task: CloseTask = { sampler: name };
    pool.run('close', task).catch(() => {});
  }

  #chooser(processor: string, exporter: string, bury: ChoosingFor['bury']): Chooser {
    return this.#running.get(processor)!.sampler.chooser({
      exporter,
      bury,
      processor,
    });
  }
}

function samplersOf({ processors = [], pipelines }: SamplingService): PlannedSampler[] {
  const planned = processors
    .filter(({ id, type }) => type === TAIL_SAMPLING && pipelines.some((pipeline) => pipeline.processors.includes(id)))
    .map(({ id, settings }) => {
      const config = settings as TailSamplingConfig;
      const samplesLogs = pipelines.some(({ signal, processors: ids }) => signal === 'logs' && ids.includes(id));
      return { id, name: exporterName(id), config, samplesLogs, identity: identityOf({ config, samplesLogs }) };
    });
  const names = planned.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new GatewayError('CONFIG_INVALID', `Two tail samplers would both be named ${twice}`);
  return planned;
}
