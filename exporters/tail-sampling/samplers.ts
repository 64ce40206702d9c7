/** Every tail sampler that configuration files define and pipelines name, as one component. */
import path from 'node:path';
import type { Component } from '../../src/component.js';
import type { ConfiguredComponent } from '../../src/config-file/components.js';
import type { Pipeline } from '../../src/config-file/pipelines.js';
import type { Chooser } from '../chooser.js';
import { exporterName } from '../components.js';
import type { ExporterEvents } from '../events.js';
import { TAIL_SAMPLING, type TailSamplingConfig } from './config.js';
import { createTailSampler, type SamplerOptions, type SamplerState, type TailSampler } from './sampler.js';

type Shared = Pick<SamplerOptions, 'buffer' | 'bufferMaxBytes' | 'maxWaitingBytes' | 'pool' | 'neededFrom' | 'events'>;

export interface TailSamplersOptions extends Shared {
  service: { readonly processors: readonly ConfiguredComponent[]; readonly pipelines: readonly Pipeline[] } | undefined;
  /** Of their verdicts, a folder each. */
  directory: string;
  exporterEvents: Pick<ExporterEvents, 'leftOut'>;
}

export interface TailSamplers extends Component {
  /** Whether there are any: then there has to be their pool. */
  readonly isUsed: boolean;
  /** undefined for a processor that is no tail sampler. */
  chooser(processor: string, exporter: string): Chooser | undefined;
  /** By their names. */
  states(): Record<string, SamplerState>;
}

const LINGER_MS = 100;

/** Create it before the buffer is started; start it behind the exporters, so that it ends before them. */
export function createTailSamplers(options: TailSamplersOptions): TailSamplers {
  const { processors, pipelines } = options.service ?? { processors: [], pipelines: [] };
  const named = processors.filter(
    ({ id, type }) => type === TAIL_SAMPLING && pipelines.some((pipeline) => pipeline.processors.includes(id)),
  );
  const samplers = new Map(named.map((component) => [component.id, samplerOf(component, pipelines, options)]));
  const each = (act: (sampler: TailSampler) => Promise<void>) => Promise.all([...samplers.values()].map(act));
  return {
    name: 'tail-sampling',
    isUsed: samplers.size > 0,
    async start() {
      await each((sampler) => sampler.start());
    },
    async shutdown(deadline) {
      await each((sampler) => sampler.shutdown(deadline));
    },
    chooser: (processor, exporter) =>
      samplers.get(processor)?.chooser({
        exporter,
        leftOut: (signal, items) => options.exporterEvents.leftOut({ exporter, signal, processor, items }),
      }),
    states: () => Object.fromEntries([...samplers.values()].map((sampler) => [sampler.name, sampler.state()])),
  };
}

function samplerOf(
  { id, settings }: ConfiguredComponent,
  pipelines: readonly Pipeline[],
  { directory, ...options }: TailSamplersOptions,
): TailSampler {
  const name = exporterName(id);
  return createTailSampler({
    ...options,
    name,
    config: settings as TailSamplingConfig,
    directory: path.join(directory, name),
    samplesLogs: pipelines.some(({ signal, processors }) => signal === 'logs' && processors.includes(id)),
    lingerMs: LINGER_MS,
  });
}
