/** Every exporter that the configuration names, as one component: they start, send and stop side by side. */
import type { Component, FrameInput } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { QueueConfig } from './config.js';
import { createExporter, type Exporter, type ExporterOptions, type ExporterState } from './exporter.js';
import { type OtlpSources, otlpBackends } from './otlp/components.js';
import { createTransports } from './otlp/transport.js';
import { type Door, refuseOwnDoors } from './own-address.js';

type Shared = Pick<ExporterOptions, 'bufferMaxBytes' | 'buffer' | 'toProtobuf' | 'bury' | 'events'>;

export interface ExportersOptions extends Shared {
  config: OtlpSources;
  queue: QueueConfig;
  /** Where this gateway listens: nothing is exported to there. */
  doors: readonly Door[];
  version: string;
  /** What an operator should know of a backend, told at the start. */
  advise(exporter: string, advice: string): void;
}

export interface Exporters extends Component {
  readonly names: readonly string[];
  /** By name. */
  states(): Record<string, ExporterState>;
  /** Sends a dead letter's frame to the backend that refused it, once. Rejects with CONFLICT or BACKEND_UNAVAILABLE. */
  resend(exporter: string, frame: FrameInput): Promise<void>;
}

/** Registers a consumer of the buffer for each: create them before the buffer is started. Throws CONFIG_INVALID. */
export function createExporters(options: ExportersOptions): Exporters {
  const configured = otlpBackends(options.config);
  const { queue, version } = options;
  const exporters = new Map<string, Exporter>(
    configured.map((one) => {
      const gatewayId = () => options.buffer.id;
      const config = { ...queue, ...one.queue };
      const transports = createTransports(one, { connections: config.maxInFlight, version, gatewayId });
      return [one.name, createExporter({ ...options, name: one.name, config, transports })];
    }),
  );
  const each = (act: (exporter: Exporter) => Promise<void>) => Promise.all([...exporters.values()].map(act));

  const refuseOwn = async (): Promise<void> => {
    for (const { name, destinations } of configured) {
      for (const { url } of Object.values(destinations)) await refuseOwnDoors(name, url, options.doors);
    }
  };

  return {
    name: 'exporters',
    names: [...exporters.keys()],
    async start() {
      await refuseOwn();
      for (const { name, advice } of configured) if (advice !== undefined) options.advise(name, advice);
      await each((exporter) => exporter.start());
    },
    async shutdown(deadline) {
      await each((exporter) => exporter.shutdown(deadline));
    },
    states: () => Object.fromEntries([...exporters].map(([name, exporter]) => [name, exporter.state()])),
    async resend(name, frame) {
      const exporter = exporters.get(name);
      if (!exporter) throw new GatewayError('CONFLICT', `The exporter ${name} is not configured any more`);
      await exporter.resend(frame);
    },
  };
}
