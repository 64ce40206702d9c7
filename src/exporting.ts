/** Where what is in the buffer goes besides the store, in either mode: each backend with a cursor of its own. */
import { createExporters, type Exporters } from '../exporters/exporters.js';
import { type DeadLetterBox, trimNowAndThen } from '../workers/dead-letters.js';
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
}

export interface Exporting {
  readonly exporters: Exporters;
  /** In the order of their start, behind the buffer's. */
  readonly components: readonly Component[];
}

/** Create it before the buffer is started. Throws CONFIG_INVALID. */
export function createExporting({ config, buffer, deadLetters, observability }: ExportingOptions): Exporting {
  const { logger, events } = observability;
  // JSON becomes protobuf on a thread, and on another one requests are cut, and made what files and Datadog's Agent take.
  const transcoder = createPool({ entry: 'transcoder', threads: 1, idleTimeoutMs: TRANSCODER_IDLE_MS, maxQueue: 1000 });
  const encoder = createPool({ entry: 'export-encoder', threads: 1, idleTimeoutMs: ENCODER_IDLE_MS, maxQueue: 1000 });
  const { host, httpPort, grpcPort } = config.receivers;
  const trimLetters = trimNowAndThen(deadLetters, config.workers, events.drain);
  const exporters = createExporters({
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
    advise: (exporter, advice) => logger.info({ event: 'exporter.advice', exporter }, advice),
    events: events.exporter,
  });
  return { exporters, components: [transcoder, encoder, exporters] };
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
