/**
 * MODE=forward: a pure sidecar. What comes in by OTLP stands in the durable buffer until every exporter has sent it on;
 * there is no store, and so no keys, no prompts, and no API but for health and dead letters.
 */
import path from 'node:path';
import { refuseOwnRequests } from '../exporters/own-address.js';
import { createAuthenticate } from '../receivers/otlp/authenticate.js';
import { createGrpcReceiver } from '../receivers/otlp/grpc.js';
import { createOtlpHandler } from '../receivers/otlp/handler.js';
import { createHttpReceiver } from '../receivers/otlp/http.js';
import { InFlight } from '../receivers/otlp/in-flight.js';
import { createIngestLimit } from '../receivers/otlp/limit.js';
import { createDeadLetterBox } from '../workers/dead-letters.js';
import { identifyWithoutKeys } from './access/keyless.js';
import { urlOf } from './addresses.js';
import { createForwardApi } from './api/forward.js';
import { createBuffer } from './buffer/buffer.js';
import { MAX_FRAME_HEADER_BYTES } from './buffer/frame.js';
import type { Appender, Component } from './component.js';
import type { Config } from './config.js';
import type { Reloadable, ReloadEvents } from './config-file/reload.js';
import { createDataDirectory } from './data-directory.js';
import { GatewayError } from './errors.js';
import { bufferHealth, createExporting } from './exporting.js';
import { Life } from './lifecycle.js';
import { createObservability, type Observability } from './observability/observability.js';
import { createPipeline } from './observability/pipeline.js';
import { createSelfTelemetry } from './observability/self-telemetry/component.js';
import { selfTelemetryOptions } from './self-telemetry.js';
import { createTracking } from './tracking.js';
import { VERSION } from './version.js';

export interface Forwarder extends Component {
  readonly logger: Observability['logger'];
  /** What another configuration can be taken over by while it runs, and where that is told. */
  readonly reloading: { exporters: Reloadable<Config>; events: ReloadEvents };
}

/** Throws CONFIG_INVALID, also when there is nowhere to forward to. */
export function createForwarder(config: Config): Forwarder {
  const dataDirectory = path.resolve(config.store.dataDir);
  const folder = (name: string) => path.join(dataDirectory, name);
  const observability = createObservability({ config: config.logging, version: VERSION });
  const { logger, metrics, events } = observability;
  const life = new Life();

  const buffer = createBuffer({
    config: config.buffer,
    directory: folder('buffer'),
    maxFrameBytes: config.receivers.maxBodyBytes + MAX_FRAME_HEADER_BYTES,
    events: events.buffer,
    unfinished: refuseToForgetStore,
  });
  const tracking = createTracking({
    buffer,
    directory: folder('buffer'),
    deadLetters: createDeadLetterBox(folder('dead-letter')),
    observability,
  });
  const { deadLetters, exporterEvents } = tracking;
  const followed = { buffer: tracking.buffer, deadLetters, exporterEvents };
  const exporting = createExporting({ config, ...followed, observability, nowhereToGo });
  const { exporters } = exporting;

  const forOtlp = identifyWithoutKeys(config.access.otlpAuth, 'OTLP_AUTH');
  const inFlight = new InFlight(config.receivers.maxInFlightBytes);
  const intake = createIngestLimit({ config: config.limits, next: tracking.next });
  const authenticate = refuseOwnRequests(() => buffer.id, createAuthenticate(forOtlp));
  const doors = { config: config.receivers, next: intake, authenticate, inFlight, events: events.receiver };
  const http = createHttpReceiver(doors);
  const grpc = createGrpcReceiver(doors);
  const selfTelemetry = createSelfTelemetry(selfTelemetryOptions({ config, buffer, observability }));
  const api = createForwardApi({
    config: config.api,
    tracing: selfTelemetry,
    identify: identifyWithoutKeys(config.access.apiAuth, 'API_AUTH'),
    identifyOtlp: forOtlp,
    otlp: createOtlpHandler({
      transport: 'api',
      next: life.whileServing(intake),
      inFlight,
      maxBodyBytes: config.receivers.maxBodyBytes,
      events: events.receiver,
      closing: life.isDraining,
    }),
    inFlight,
    deadLetters: { ...deadLetters, replay: (id) => deadLetters.replay(id, ofTheStore, exporters.resend) },
    batches: tracking.batches(exporters),
    readPipeline: createPipeline({ metrics, lastErrors: observability.lastErrors, buffer, exporters, inFlight }),
    health: {
      state: life.state,
      ports: () => ({ otlpHttp: http.addresses()[0]?.port, otlpGrpc: grpc.addresses()[0]?.port }),
      buffer: () => bufferHealth(buffer, exporters),
      exporters: exporters.states,
    },
    version: VERSION,
    metrics,
    events: events.api,
  });
  metrics.observeBuffer(() => bufferHealth(buffer, exporters));
  metrics.observeExporters(exporters.states);

  const data = createDataDirectory(dataDirectory);
  const components = [
    ...[data, api, buffer, tracking.component, ...(selfTelemetry ? [selfTelemetry] : [])],
    ...[...exporting.components, http, grpc],
  ];

  const announce = () => {
    const addresses = {
      api: urlOf({ protocol: 'http', ...api.address()! }),
      otlpHttp: urlOf(http.addresses()[0]!),
      otlpGrpc: urlOf(grpc.addresses()[0]!),
    };
    const { otlpHttp, otlpGrpc } = addresses;
    logger.info(`OTLP/HTTP on ${otlpHttp}, OTLP/gRPC on ${otlpGrpc}, sent on to ${exporters.names.join(', ')}`);
    logger.info({ event: 'ready', version: VERSION, mode: 'forward', dataDirectory, ...addresses }, 'Ready');
  };

  return {
    name: 'forwarder',
    logger,
    reloading: { exporters: exporting.reloadable, events: events.reload },
    ...life.of(components, { ready: announce, stopped: () => logger.info({ event: 'stopped' }, 'Stopped') }),
  };
}

function nowhereToGo(): GatewayError {
  return new GatewayError(
    'CONFIG_INVALID',
    'MODE=forward has no exporter to send to: set OTEL_EXPORTER_OTLP_ENDPOINT, or another exporter, or define one with --config',
  );
}

/** A store's cursor that is forgotten is data that nobody stores any more. */
function refuseToForgetStore(consumer: string): GatewayError | undefined {
  if (consumer !== 'store') return undefined;
  return new GatewayError(
    'CONFIG_INVALID',
    'MODE=forward: the buffer in DATA_DIR holds requests that the store has not, as far as is known: it was behind, or was killed ' +
      'before it could say how far it is. Start once with MODE=full and the same DATA_DIR and database, wait until /metrics says ' +
      'promptmetrics_buffer_consumer_lag_frames{consumer="store"} 0, and stop it by SIGTERM; or give this gateway a DATA_DIR of ' +
      'its own',
  );
}

/** What the store could not take, in a folder that had one: sent to the exporters it would arrive there twice. */
const ofTheStore: Appender = {
  async append() {
    throw new GatewayError('CONFLICT', 'This is for the store, which MODE=forward has not: replay it with MODE=full');
  },
};
