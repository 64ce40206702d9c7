/** Every exporter that the configuration names, as one component: they start, send and stop side by side. */
import type { Component, FrameInput, TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { createBackends, type ExporterSources } from './backends.js';
import type { Chooser } from './chooser.js';
import type { QueueConfig } from './config.js';
import { createExporter, type Exporter, type ExporterOptions, type ExporterState } from './exporter.js';
import { type Door, refuseOwnDoors } from './own-address.js';
import { CUT, type CutTask, type Piece } from './split.js';

type Shared = Pick<ExporterOptions, 'bufferMaxBytes' | 'buffer' | 'toProtobuf' | 'bury' | 'events'>;

export interface ExportersOptions extends Shared {
  config: ExporterSources;
  queue: QueueConfig;
  /** Cuts requests, and encodes for backends that take something else than OTLP in protobuf: started before the exporters. */
  pool: TaskPool;
  /** Where this gateway listens: nothing is exported to there. */
  doors: readonly Door[];
  version: string;
  /** What of each range goes to the exporter of that name; undefined: everything. */
  chooserOf?(exporter: string): Chooser | undefined;
  /** What an operator should know of a backend, told at the start. */
  advise(exporter: string, advice: string): void;
}

export interface Exporters extends Component {
  readonly names: readonly string[];
  /** By name. */
  states(): Record<string, ExporterState>;
  /** No exporter begins with an earlier sequence after a restart. */
  persistedCursor(): number;
  /** Sends a dead letter's frame to the backend that refused it, once. Rejects with CONFLICT or BACKEND_UNAVAILABLE. */
  resend(exporter: string, frame: FrameInput): Promise<void>;
}

/** Registers a consumer of the buffer for each: create them before the buffer is started. Throws CONFIG_INVALID. */
export function createExporters(options: ExportersOptions): Exporters {
  const { config, queue, pool, version, buffer } = options;
  const backends = createBackends({ config, queue, pool, version, gatewayId: () => buffer.id });
  const cut = (task: CutTask) => pool.run<Piece[]>(CUT, task);
  const exporters = new Map<string, Exporter>(
    backends.map(({ name, queue, transports }) => [
      name,
      createExporter({ ...options, name, config: queue, transports, cut, chooser: options.chooserOf?.(name) }),
    ]),
  );
  const each = (act: (exporter: Exporter) => Promise<void>) => Promise.all([...exporters.values()].map(act));

  const refuseOwn = async (): Promise<void> => {
    for (const { name, urls } of backends) {
      for (const url of urls) await refuseOwnDoors(name, url, options.doors);
    }
  };

  return {
    name: 'exporters',
    names: [...exporters.keys()],
    async start() {
      await refuseOwn();
      for (const { name, advice } of backends) if (advice !== undefined) options.advise(name, advice);
      await each((exporter) => exporter.start());
    },
    async shutdown(deadline) {
      await each((exporter) => exporter.shutdown(deadline));
    },
    states: () => Object.fromEntries([...exporters].map(([name, exporter]) => [name, exporter.state()])),
    persistedCursor: () => Math.min(...[...exporters.values()].map((exporter) => exporter.persistedCursor())),
    async resend(name, frame) {
      const exporter = exporters.get(name);
      if (!exporter) throw new GatewayError('CONFLICT', `The exporter ${name} is not configured any more`);
      await exporter.resend(frame);
    },
  };
}
