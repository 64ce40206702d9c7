/** Every backend that is configured, of whatever kind, as what an exporter is made of. */
import type { Signal, TaskPool } from '../src/component.js';
import type { QueueConfig } from './config.js';
import { type DatadogBackend, type DatadogSources, datadogBackends } from './datadog/components.js';
import { createDatadogExporter } from './datadog/transports.js';
import { type FileBackend, type FileSources, fileBackends } from './file/components.js';
import { createFileTransports } from './file/transport.js';
import { type OtlpSources, otlpBackends } from './otlp/components.js';
import type { OtlpExporterConfig } from './otlp/config.js';
import { createTransports } from './otlp/transport.js';
import { type S3Backend, type S3Sources, s3Backends } from './s3/components.js';
import { createS3Transport } from './s3/transport.js';
import type { Transport } from './transport.js';

/** Where exporters are named: variables, and configuration files. */
export interface ExporterSources extends OtlpSources, DatadogSources, FileSources, S3Sources {}

export interface Backend {
  name: string;
  queue: QueueConfig;
  transports: Partial<Record<Signal, Transport>>;
  /** Where requests go over TCP. */
  urls: readonly URL[];
  advice: string | undefined;
  /** Plain data, secrets too: two backends of one name and one making differ in nothing that is not in here. */
  making: unknown;
}

export interface BackendOptions {
  config: ExporterSources;
  /** What holds for every exporter that says nothing else. */
  queue: QueueConfig;
  /** Runs what workers/export-encoder.ts does. */
  pool: TaskPool;
  version: string;
  gatewayId: () => string;
}

/** In the order in which they are told of. Throws CONFIG_INVALID; does no I/O. */
export function createBackends(options: BackendOptions): Backend[] {
  return [
    ...otlpBackends(options.config).map((one) => otlpBackend(one, options)),
    ...datadogBackends(options.config).map((one) => datadogBackend(one, options)),
    ...fileBackends(options.config).map((one) => fileBackend(one, options)),
    ...s3Backends(options.config).map((one) => s3Backend(one, options)),
  ];
}

function otlpBackend(one: OtlpExporterConfig, { pool, version, gatewayId, ...options }: BackendOptions): Backend {
  const queue = { ...options.queue, ...one.queue };
  return {
    name: one.name,
    queue,
    transports: createTransports(one, { connections: queue.maxInFlight, pool, version, gatewayId }),
    urls: Object.values(one.destinations).map(({ url }) => url),
    advice: one.advice,
    making: one.destinations,
  };
}

function datadogBackend({ name, config, signals, ...one }: DatadogBackend, options: BackendOptions): Backend {
  const queue = { ...options.queue, ...one.queue };
  const { pool, version, gatewayId } = options;
  const made = createDatadogExporter({ name, config, pool, connections: queue.maxInFlight, version, gatewayId });
  const maxRequestBytes = Math.min(queue.maxRequestBytes, made.maxRequestBytes ?? queue.maxRequestBytes);
  return {
    name,
    queue: { ...queue, maxRequestBytes },
    transports: only(signals, made.transports),
    urls: made.urls,
    advice: one.advice ?? made.advice,
    making: config,
  };
}

function fileBackend({ name, config, signals, ...one }: FileBackend, { queue, pool }: BackendOptions): Backend {
  return {
    name,
    queue: { ...queue, ...one.queue },
    transports: only(signals, createFileTransports({ config, pool })),
    urls: [],
    advice: one.advice,
    making: config,
  };
}

/** One for all signals: they fail together. */
function s3Backend({ name, config, signals, ...one }: S3Backend, { queue, pool, gatewayId }: BackendOptions): Backend {
  const transport = createS3Transport({ config, pool, gatewayId });
  return {
    name,
    queue: { ...queue, ...one.queue },
    transports: only(signals, { traces: transport, logs: transport, metrics: transport }),
    urls: config.endpoint === undefined ? [] : [new URL(config.endpoint)],
    advice: one.advice,
    making: config,
  };
}

/** A transport that is not used has opened nothing. */
function only(signals: readonly Signal[], transports: Backend['transports']): Backend['transports'] {
  const taken = Object.entries(transports).filter(([signal]) => signals.includes(signal as Signal));
  return Object.fromEntries(taken) as Backend['transports'];
}
