/** Where what is in the buffer goes besides the store, in either mode: each backend with a cursor of its own. */
import path from 'node:path';
import type { ExporterEvents } from '../exporters/events.js';
import { createExporters, type Exporters } from '../exporters/exporters.js';
import { createTailSamplers } from '../exporters/tail-sampling/samplers.js';
import { type DeadLetterBox, trimNowAndThen } from '../workers/dead-letters.js';
import { createInformedWriter, type KnowledgeSource } from '../workers/informed-writer.js';
import { createPool } from '../workers/pool.js';
import type { DurableBuffer } from './buffer/buffer.js';
import type { WatchedBuffer } from './buffer/fates.js';
import type { BufferConsumer, Component } from './component.js';
import { type Config, isOfExporters } from './config.js';
import type { Reloadable } from './config-file/reload.js';
import type { GatewayError } from './errors.js';
import type { Observability } from './observability/observability.js';
import { VERSION } from './version.js';

const TRANSCODER_IDLE_MS = 60_000;
const ENCODER_IDLE_MS = 60_000;

export interface ExportingOptions {
  config: Config;
  buffer: WatchedBuffer;
  deadLetters: DeadLetterBox;
  observability: Observability;
  exporterEvents: ExporterEvents;
  /** Of a gateway with a store: prices and prompts of the workspaces. */
  knowledge?: KnowledgeSource;
  /** Of a gateway without one: what is told when there are no exporters. */
  nowhereToGo?: () => GatewayError;
}

export interface Exporting {
  readonly exporters: Exporters;
  /** In the order of their start, behind the buffer's. */
  readonly components: readonly Component[];
  /** Takes over what of a configuration says where things go, and what of them. */
  readonly reloadable: Reloadable<Config>;
}

/** Create it before the buffer is started. Throws CONFIG_INVALID. */
export function createExporting(options: ExportingOptions): Exporting {
  const { config, buffer, deadLetters, observability, exporterEvents, knowledge, nowhereToGo } = options;
  const { logger, metrics, events } = observability;
  // JSON becomes protobuf on a thread, and on another one requests are cut, and made what files and Datadog's Agent take.
  const transcoder = createPool({ entry: 'transcoder', threads: 1, idleTimeoutMs: TRANSCODER_IDLE_MS, maxQueue: 1000 });
  const encoder = createPool({ entry: 'export-encoder', threads: 1, idleTimeoutMs: ENCODER_IDLE_MS, maxQueue: 1000 });
  const { host, httpPort, grpcPort } = config.receivers;
  const trimLetters = trimNowAndThen(deadLetters, config.workers, events.drain);
  // Made with the first trace that is decided on, and kept.
  const samplerThread = createPool({
    entry: 'tail-sampler',
    threads: 1,
    idleTimeoutMs: Number.POSITIVE_INFINITY,
    maxQueue: 1000,
  });
  const samplers = createTailSamplers({
    service: config.service,
    buffer,
    bufferMaxBytes: config.buffer.maxBytes,
    // A half of what an exporter may leave waiting: the other one is for its backend's outages.
    maxWaitingBytes: () => Math.min(...Object.values(exporters.states()).map(({ maxLagBytes }) => maxLagBytes)) / 2,
    directory: path.join(path.resolve(config.store.dataDir), 'tail-sampling'),
    pool: knowledge ? createInformedWriter(samplerThread, knowledge) : samplerThread,
    neededFrom: () => exporters.persistedCursor(),
    events: events.tailSampling,
  });
  const exporters: Exporters = createExporters({
    config,
    pool: encoder,
    buffer,
    bufferMaxBytes: config.buffer.maxBytes,
    doors: [httpPort, grpcPort, config.api.port].map((port) => ({ host, port })),
    // A copy: what is handed to a thread takes the whole range along that it is a view of.
    toProtobuf: (signal, payload) => transcoder.run('protobuf', { signal, payload: new Uint8Array(payload) }),
    async bury(letter) {
      await deadLetters.add(letter);
      trimLetters(letter.payload.length);
    },
    version: VERSION,
    sampling: samplers,
    advise: (exporter, advice) => logger.info({ event: 'exporter.advice', exporter }, advice),
    reconciled: events.reload.reconciled,
    events: exporterEvents,
  });
  if (nowhereToGo && exporters.names.length === 0) throw nowhereToGo();
  metrics.observeTailSamplers(samplers.states);
  // The samplers end first: what they have not decided on stays in the buffer, and the exporters send the rest.
  const components = [transcoder, encoder, samplerThread, exporters, samplers];
  return { exporters, components, reloadable: reloadableOf(exporters, options) };
}

function reloadableOf(exporters: Exporters, { config: running, nowhereToGo }: ExportingOptions): Reloadable<Config> {
  const deadline = { deadlineMs: running.process.shutdownDeadlineMs };
  return {
    takes: isOfExporters,
    async check(config) {
      const names = await exporters.check(config);
      if (nowhereToGo && names.length === 0) throw nowhereToGo();
    },
    reload: (config) => exporters.reload(config, deadline),
  };
}

/** What /health/deep and /metrics tell of the buffer and of those who follow it. */
export function bufferHealth(buffer: DurableBuffer, exporters: Exporters, store?: BufferConsumer) {
  const { state, bytes, maxBytes } = buffer.stats();
  const states = exporters.states();
  return {
    accepting: state === 'open',
    bytes,
    maxBytes,
    consumers: { ...(store && { store: store.lag() }), ...mapped(states, ({ lag }) => lag) },
    capacities: mapped(states, ({ maxLagBytes }) => maxLagBytes),
  };
}

function mapped<From, To>(named: Record<string, From>, to: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, to(value)]));
}
