/** The whole path on one screen: builds every component, wires it to the next, starts and stops them in order. */
import path from 'node:path';
import { refuseOwnRequests } from '../exporters/own-address.js';
import { createNativeIntake } from '../receivers/native/intake.js';
import { createAuthenticate } from '../receivers/otlp/authenticate.js';
import { createGrpcReceiver } from '../receivers/otlp/grpc.js';
import { createOtlpHandler } from '../receivers/otlp/handler.js';
import { createHttpReceiver } from '../receivers/otlp/http.js';
import { InFlight } from '../receivers/otlp/in-flight.js';
import { createIngestLimit } from '../receivers/otlp/limit.js';
import { createAuditTrail } from '../workers/audit-trail.js';
import { createDeadLetterBox } from '../workers/dead-letters.js';
import { createDrain } from '../workers/drain.js';
import { createInformedWriter } from '../workers/informed-writer.js';
import { createKnowledge } from '../workers/knowledge.js';
import type { WriterThreadOptions } from '../workers/messages.js';
import { createPool } from '../workers/pool.js';
import { createRepriceStep } from '../workers/reprice-step.js';
import type { AccessEvents } from './access/events.js';
import { createKeyring } from './access/keyring.js';
import { urlOf } from './addresses.js';
import { announcement } from './announcement.js';
import { createApi } from './api/server.js';
import { createBuffer } from './buffer/buffer.js';
import { MAX_FRAME_HEADER_BYTES } from './buffer/frame.js';
import type { Component } from './component.js';
import type { Config } from './config.js';
import type { Reloadable, ReloadEvents } from './config-file/reload.js';
import { createDataDirectory } from './data-directory.js';
import { bufferHealth, createExporting } from './exporting.js';
import { Life } from './lifecycle.js';
import { createLimiter } from './limits/limiter.js';
import type { ReadConversation } from './model/conversation.js';
import { createObservability, type Observability } from './observability/observability.js';
import { createPipeline } from './observability/pipeline.js';
import { createSelfTelemetry } from './observability/self-telemetry/component.js';
import { tracedRegistry } from './observability/self-telemetry/traced-registry.js';
import { createPriceList } from './pricing/prices.js';
import { createRepricer } from './pricing/repricer.js';
import { createDriver } from './registry/drivers.js';
import { createRegistry } from './registry/registry.js';
import { Renderings } from './registry/renderings.js';
import { selfTelemetryOptions } from './self-telemetry.js';
import { createGatewayNumber } from './store/control/gateway-number.js';
import { createControlStore } from './store/control/store.js';
import { createTelemetryStore } from './store/telemetry/store.js';
import { createTracking } from './tracking.js';
import { VERSION } from './version.js';

export interface Gateway extends Component {
  readonly logger: Observability['logger'];
  /** What another configuration can be taken over by while it runs, and where that is told. */
  readonly reloading: { exporters: Reloadable<Config>; events: ReloadEvents };
}

const CONVERSATION_IDLE_MS = 60_000;

/** SQLite reads beside one another; more would only take memory from the writers. The second is made when it is needed. */
const READER_THREADS = { threads: 2, threadsAtStart: 1 };

export function createGateway(config: Config): Gateway {
  const dataDirectory = path.resolve(config.store.dataDir);
  const folder = (name: string) => path.join(dataDirectory, name);
  const observability = createObservability({ config: config.logging, version: VERSION });
  const { logger, metrics, events } = observability;
  const life = new Life();

  // The store: control data, and telemetry.
  const controlThread = createPool({ entry: 'control-database', threads: 1, maxQueue: 1000 });
  const control = createControlStore({
    config: config.store,
    thread: controlThread,
    redisUrl: config.limits.redisUrl,
  });
  const telemetryReaders = createPool({ entry: 'sqlite-reader', ...READER_THREADS, maxQueue: 1000 });
  const telemetry = createTelemetryStore({
    config: config.store,
    directory: folder('telemetry'),
    pool: telemetryReaders,
    events: events.store,
  });

  // Messages are read out of spans on a thread of its own, which is there while somebody asks.
  const conversations = createPool({
    entry: 'conversation-reader',
    threads: 1,
    idleTimeoutMs: CONVERSATION_IDLE_MS,
    maxQueue: 1000,
  });
  const readConversation: ReadConversation = (source) => conversations.run('read', source);

  // The durable ring buffer, and the workers that drain it into the store.
  const maxFrameBytes = config.receivers.maxBodyBytes + MAX_FRAME_HEADER_BYTES;
  const buffer = createBuffer({
    config: config.buffer,
    directory: folder('buffer'),
    maxFrameBytes,
    events: events.buffer,
  });
  const gatewayNumber = createGatewayNumber({ control, bufferId: () => buffer.id });
  const consumer = buffer.consumer('store');
  const tracking = createTracking({
    buffer,
    directory: folder('buffer'),
    deadLetters: createDeadLetterBox(folder('dead-letter')),
    observability,
  });
  const { deadLetters, drainEvents, exporterEvents } = tracking;
  // What calls to models cost, by each workspace's own prices.
  const prices = createPriceList({ control, events: events.pricing });
  // Which prompt a span was made with that names none.
  const renderings = new Renderings(events.registry);
  const knowledge = createKnowledge({ prices, prompts: renderings });
  const writers = Array.from({ length: config.workers.writers }, (_, writer) => {
    const workerData: WriterThreadOptions = {
      writer: telemetry.writerOptions(writer),
      deadLetterDirectory: folder('dead-letter'),
      mapping: config.workers.mapping,
      maxAttributeBytes: config.workers.maxAttributeBytes,
    };
    const options = { threads: 1, maxQueue: 2, workerData, closeOperation: 'close' };
    return createInformedWriter(createPool({ entry: 'store-writer', ...options }), knowledge);
  });
  const repricer = createRepricer({
    control,
    owner: () => buffer.id,
    step: createRepriceStep(writers[0]!),
    refreshPrices: () => prices.refresh(),
    events: events.pricing,
  });
  const auditTrail = createAuditTrail({ config: config.workers, control, deadLetters, events: drainEvents });
  const selfTelemetry = createSelfTelemetry(selfTelemetryOptions({ config, buffer, observability }));
  const drain = createDrain({
    config: config.workers,
    bufferId: () => buffer.id,
    consumer,
    writers,
    telemetry,
    auditTrail,
    deadLetters,
    events: selfTelemetry?.ofDrain(drainEvents) ?? drainEvents,
  });

  // Where what is in the buffer goes besides: each backend with a cursor of its own.
  const followed = { buffer: tracking.buffer, deadLetters, exporterEvents };
  const exporting = createExporting({ config, ...followed, observability, knowledge });
  const { exporters } = exporting;

  // Who may come in, and how much of it.
  let firstKey: string | undefined;
  const accessEvents: AccessEvents = {
    ...events.access,
    firstKeyMade(key) {
      firstKey = key;
      events.access.firstKeyMade(key);
    },
  };
  const keyring = createKeyring({ config: config.access, dataDirectory, control, events: accessEvents });
  const limiter = createLimiter({ config: config.limits, events: events.limit });
  const intake = createIngestLimit({ config: config.limits, next: tracking.next });

  // Prompts: their content in a driver's hands, their index in the control store.
  const registry = createRegistry({
    config: config.registry,
    dataDirectory,
    control,
    driver: createDriver({
      config: config.registry,
      control,
      directory: path.resolve(config.registry.directory ?? folder('prompts')),
      clonesDirectory: folder('github'),
      sharedDatabase: config.store.databaseUrl !== undefined,
      events: events.registry,
    }),
    renderings,
    events: events.registry,
  });

  // The doors.
  const inFlight = new InFlight(config.receivers.maxInFlightBytes);
  const authenticate = refuseOwnRequests(() => buffer.id, createAuthenticate(keyring.forOtlp));
  const doors = { config: config.receivers, next: intake, authenticate, inFlight, events: events.receiver };
  const http = createHttpReceiver(doors);
  const grpc = createGrpcReceiver(doors);
  const api = createApi({
    config: config.api,
    telemetry,
    generations: { reader: telemetry, readConversation },
    identify: keyring.forApi,
    identifyOtlp: keyring.forOtlp,
    access: keyring,
    registry: tracedRegistry(registry, selfTelemetry),
    tracing: selfTelemetry,
    webhookSecret: config.registry.githubWebhookSecret,
    ...(limiter.requests && { limit: limiter.requests }),
    otlp: createOtlpHandler({
      transport: 'api',
      next: life.whileServing(intake),
      inFlight,
      maxBodyBytes: config.receivers.maxBodyBytes,
      events: events.receiver,
      closing: life.isDraining,
    }),
    // A key's requests are limited, not the items within them: that limit is OTLP's.
    native: createNativeIntake({
      next: life.whileServing(tracking.next),
      outcomes: drain,
      gatewayNumber: gatewayNumber.number,
      auditAdditions: config.access.auditTelemetry === 'all',
      events: events.receiver,
    }),
    inFlight,
    deadLetters: { ...deadLetters, replay: (id) => deadLetters.replay(id, buffer, exporters.resend) },
    batches: tracking.batches(exporters),
    readPipeline: createPipeline({
      ...{ metrics, lastErrors: observability.lastErrors, buffer, exporters, inFlight },
      store: { lag: () => consumer.lag(), writers: writers.length },
    }),
    health: {
      state: life.state,
      ports: () => ({ otlpHttp: http.addresses()[0]?.port, otlpGrpc: grpc.addresses()[0]?.port }),
      buffer: () => bufferHealth(buffer, exporters, consumer),
      exporters: () => exporters.states(),
      store: { type: telemetry.engine, ping: () => pingBoth(control, telemetry), writing: drain.healthy },
    },
    version: VERSION,
    metrics,
    events: events.api,
  });
  metrics.observeBuffer(() => bufferHealth(buffer, exporters, consumer));
  metrics.observeExporters(exporters.states);

  // Started from the store outwards to the doors, stopped the other way.
  const data = createDataDirectory(dataDirectory);
  const storage =
    telemetry.engine === 'sqlite' ? [controlThread, control, telemetryReaders, telemetry] : [control, telemetry];
  const components = [
    data,
    ...storage,
    conversations,
    keyring,
    prices,
    limiter,
    registry,
    api,
    buffer,
    tracking.component,
    ...(selfTelemetry ? [selfTelemetry] : []),
    gatewayNumber,
    ...writers,
    repricer,
    auditTrail,
    // Behind the store when all stops: what is left of the time is theirs, and what is not sent then stays in the buffer.
    ...exporting.components,
    drain,
    http,
    grpc,
  ];

  const announce = () => {
    const addresses = {
      api: urlOf({ protocol: 'http', ...api.address()! }),
      otlpHttp: urlOf(http.addresses()[0]!),
      otlpGrpc: urlOf(grpc.addresses()[0]!),
    };
    const stored = telemetry.engine === 'sqlite' ? 'SQLite' : 'Postgres';
    const told = { addresses, dataDirectory, telemetry: stored, access: config.access, firstKey } as const;
    for (const line of announcement(told)) logger.info(line);
    firstKey = undefined;
    logger.info({ event: 'ready', version: VERSION, dataDirectory, ...addresses }, 'Ready');
  };

  return {
    name: 'gateway',
    logger,
    reloading: { exporters: exporting.reloadable, events: events.reload },
    ...life.of(components, { ready: announce, stopped: () => logger.info({ event: 'stopped' }, 'Stopped') }),
  };
}

async function pingBoth(...stores: { ping(): Promise<void> }[]): Promise<void> {
  await Promise.all(stores.map((store) => store.ping()));
}
