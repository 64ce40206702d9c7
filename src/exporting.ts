/** Where what is in the buffer goes besides the store, in either mode: each backend with a cursor of its own. */
import path from 'node:path';
import { createExporters, type Exporters } from '../exporters/exporters.js';
import { createTailSamplers } from '../exporters/tail-sampling/samplers.js';
import { type DeadLetterBox, trimNowAndThen } from '../workers/dead-letters.js';
import { createInformedWriter, type KnowledgeSource } from '../workers/informed-writer.js';
import { createPool } from '../workers/pool.js';
import type { DurableBuffer } from './buffer/buffer.js';
import type { WatchedBuffer } from './buffer/fates.js';
import type { BufferConsumer, Component } from './component.js';
import type { Config } from './config.js';
import type { Observability } from './observability/observability.js';
import { VERSION } from './version.js';

const TRANSCODER_IDLE_MS = 60_000;
const ENCODER_IDLE_MS = 60_000;

export interface ExportingOptions {
  config: Config;
  buffer: WatchedBuffer;
  deadLetters: DeadLetterBox;
  observability: Observability;
  /** Of a gateway with a store: prices and prompts of the workspaces. */
  knowledge?: KnowledgeSource;
}

export interface Exporting {
  readonly exporters: Exporters;
  /** In the order of their start, behind the buffer's. */
  readonly components: readonly Component[];
}

/** Create it before the buffer is started. Throws CONFIG_INVALID. */
export function createExporting(options: ExportingOptions): Exporting {
  const { config, buffer, deadLetters, observability, knowledge } = options;
  const { logger, metrics, events } = observability;
  // JSON becomes protobuf on a thread, and on another one requests are cut, and made what files and Datadog's Agent take.
  const transcoder = createPool({ entry: 'transcoder', threads: 1, idleTimeoutMs: TRANSCODER_IDLE_MS, maxQueue: 1000 });
  const encoder = createPool({ entry: 'export-encoder', threads: 1, idleTimeoutMs: ENCODER_IDLE_MS, maxQueue: 1000 });
  const { host, httpPort, grpcPort } = config.receivers;
  const trimLetters = trimNowAndThen(deadLetters, config.workers, events.drain);
  const samplerThread = createPool({ entry: 'tail-sampler', threads: 1, maxQueue: 1000 });
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
    exporterEvents: events.exporter,
  });
  const exporters: Exporters = createExporters({
    config,
    queue: config.exporting,
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
    chooserOf: samplers.chooserOf,
    advise: (exporter, advice) => logger.info({ event: 'exporter.advice', exporter }, advice),
    events: events.exporter,
  });
  metrics.observeTailSamplers(samplers.states);
  // The samplers end first: what they have not decided on stays in the buffer, and the exporters send the rest.
  const sampling = samplers.isUsed ? { thread: [samplerThread], samplers: [samplers] } : { thread: [], samplers: [] };
  const components = [transcoder, encoder, ...sampling.thread, exporters, ...sampling.samplers];
  return { exporters, components };
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
