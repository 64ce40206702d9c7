/** Every tail sampler that configuration files define and pipelines name, as one component. */
import path from 'node:path';
import { type Component, SIGNALS, type Signal } from '../../src/component.js';
import type { ConfiguredComponent } from '../../src/config-file/components.js';
import type { Pipeline } from '../../src/config-file/pipelines.js';
import { GatewayError } from '../../src/errors.js';
import { bySignal, type Chooser, inTurn } from '../chooser.js';
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
  /** Of the exporter of that name; undefined when no pipeline to it names a tail sampler. Throws CONFIG_INVALID. */
  chooserOf(exporter: string): Chooser | undefined;
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
  const chooser = (processor: string, exporter: string) =>
    samplers.get(processor)!.chooser({
      exporter,
      leftOut: (signal, items) => options.exporterEvents.leftOut({ exporter, signal, processor, items }),
    });
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
    chooserOf(exporter) {
      const chosen = SIGNALS.flatMap((signal) => {
        const ids = samplersBetween(exporter, signal, pipelines, samplers);
        return ids.length === 0 ? [] : [[signal, inTurn(ids.map((id) => chooser(id, exporter)))] as const];
      });
      return chosen.length === 0 ? undefined : bySignal(Object.fromEntries(chosen));
    },
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

/** What is received goes through all pipelines of its signal: those that lead to one exporter have to agree. */
function samplersBetween(
  exporter: string,
  signal: Signal,
  pipelines: readonly Pipeline[],
  samplers: ReadonlyMap<string, TailSampler>,
): string[] {
  const leading = pipelines.filter(
    (pipeline) => pipeline.signal === signal && pipeline.exporters.some((id) => exporterName(id) === exporter),
  );
  const lists = leading.map(({ processors }) => processors.filter((id) => samplers.has(id)));
  const [first = []] = lists;
  if (lists.some((list) => list.join() !== first.join())) {
    const names = leading.map(({ id }) => id).join(' and ');
    const message = `service.pipelines: ${names} lead to one exporter of ${signal}, and name different tail samplers`;
    throw new GatewayError('CONFIG_INVALID', message);
  }
  return first;
}
