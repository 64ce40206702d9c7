/** The process's own logs and metrics, and for each component the events interface that it asks for. */
import type { DestinationStream } from 'pino';
import { createAccessEvents } from './access-events.js';
import { createApiEvents } from './api-events.js';
import { createBufferEvents } from './buffer-events.js';
import type { LoggingConfig } from './config.js';
import { createDrainEvents } from './drain-events.js';
import { createExporterEvents } from './exporter-events.js';
import { LastErrors } from './last-errors.js';
import { createLimitEvents } from './limit-events.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';
import { createPricingEvents } from './pricing-events.js';
import { createReceiverEvents } from './receiver-events.js';
import { createRegistryEvents } from './registry-events.js';
import { createReloadEvents } from './reload-events.js';
import { createRepetition } from './repetition.js';
import { createStoreEvents } from './store-events.js';
import { createTailSamplingEvents } from './tail-sampling-events.js';

export interface ObservabilityOptions {
  config: LoggingConfig;
  version: string;
  /** Where the log goes instead of standard output. */
  stream?: DestinationStream;
}

/** What a client can cause again and again is logged once in this time, of each kind. */
const REPETITION_INTERVAL_MS = 60_000;

export function createObservability({ config, version, stream }: ObservabilityOptions) {
  const logger = createLogger(config, stream);
  const metrics = createMetrics({ version });
  const repetition = () => createRepetition(REPETITION_INTERVAL_MS);
  const lastErrors = new LastErrors();
  const ownRepetition = repetition();
  return {
    logger,
    metrics,
    lastErrors,
    selfTelemetryFailed(error: unknown): void {
      const due = ownRepetition('self telemetry');
      if (!due) return;
      logger.warn(
        { event: 'self_telemetry.failed', quiet: due.quiet, err: error },
        "The gateway's own telemetry could not be sent",
      );
    },
    events: {
      access: createAccessEvents(logger),
      receiver: lastErrors.ofReceivers(createReceiverEvents(logger, metrics, repetition())),
      buffer: lastErrors.ofBuffer(createBufferEvents(logger, metrics)),
      store: createStoreEvents(logger, metrics),
      drain: lastErrors.ofDrain(createDrainEvents(logger, metrics, repetition())),
      exporter: createExporterEvents(logger, metrics, repetition()),
      tailSampling: createTailSamplingEvents(logger, metrics, repetition()),
      api: createApiEvents(logger, metrics, repetition()),
      limit: createLimitEvents(logger, metrics),
      registry: createRegistryEvents(logger, metrics, repetition()),
      pricing: createPricingEvents(logger, repetition()),
      reload: createReloadEvents(logger, metrics),
    },
  };
}

export type Observability = ReturnType<typeof createObservability>;
