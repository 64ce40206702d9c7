import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { datadogSettings } from '../../exporters/datadog/config.js';
import { createDatadogExporter } from '../../exporters/datadog/transports.js';
import { nopExporterEvents } from '../../exporters/events.js';
import { createExporter } from '../../exporters/exporter.js';
import { fileSettings } from '../../exporters/file/config.js';
import { createFileTransports } from '../../exporters/file/transport.js';
import { createHttpTransport } from '../../exporters/otlp/http.js';
import { cutToSize } from '../../exporters/split.js';
import type { Transport } from '../../exporters/transport.js';
import { nopReceiverEvents } from '../../receivers/otlp/events.js';
import { createGrpcReceiver } from '../../receivers/otlp/grpc.js';
import { createHttpReceiver } from '../../receivers/otlp/http.js';
import { InFlight } from '../../receivers/otlp/in-flight.js';
import { createApi } from '../../src/api/server.js';
import { createBuffer } from '../../src/buffer/buffer.js';
import { nopBufferEvents } from '../../src/buffer/events.js';
import { createFates } from '../../src/buffer/fates.js';
import type { Component, Signal, TaskPool } from '../../src/component.js';
import { type Config, loadConfig } from '../../src/config.js';
import { createDataDirectory } from '../../src/data-directory.js';
import { createGateway } from '../../src/gateway.js';
import { nopLimitEvents } from '../../src/limits/events.js';
import { createLimiter } from '../../src/limits/limiter.js';
import { createSelfTelemetry } from '../../src/observability/self-telemetry/component.js';
import { nopPricingEvents } from '../../src/pricing/events.js';
import { createPriceList } from '../../src/pricing/prices.js';
import { createRepricer } from '../../src/pricing/repricer.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { createFilesystemDriver } from '../../src/registry/git/filesystem-driver.js';
import { createConfiguredGithubDriver } from '../../src/registry/github/configured.js';
import { createRegistry } from '../../src/registry/registry.js';
import { Renderings } from '../../src/registry/renderings.js';
import { createS3Driver } from '../../src/registry/s3/driver.js';
import { createGatewayNumber } from '../../src/store/control/gateway-number.js';
import { createControlStore } from '../../src/store/control/store.js';
import { createSqliteTelemetry } from '../../src/store/telemetry/sqlite/store.js';
import { createDrain, nopDrainEvents } from '../../workers/drain.js';
import { createPool } from '../../workers/pool.js';
import { frameWith, spanOf, until } from '../exporters/fixture.js';
import { apiOptions } from '../helpers/api.js';

let directory: string;
let config: Config;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'components-'));
  const env = {
    DATA_DIR: path.join(directory, 'data'),
    PORT: '0',
    OTLP_HTTP_PORT: '0',
    OTLP_GRPC_PORT: '0',
    LOG_LEVEL: 'silent',
  };
  config = loadConfig({ env, directory });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const doors = () => ({
  config: config.receivers,
  next: { append: async () => ({ sequence: 1 }) },
  authenticate: () => 'default',
  inFlight: new InFlight(1000),
  events: nopReceiverEvents,
});
const buffer = () =>
  createBuffer({
    config: config.buffer,
    directory: path.join(directory, 'buffer'),
    maxFrameBytes: 2 ** 20,
    events: nopBufferEvents,
  });

/** Two components that live and end together, as the gateway has them. */
function both(first: Component, second: Component): Component {
  return {
    name: second.name,
    async start() {
      await first.start();
      await second.start();
    },
    async shutdown(options) {
      await second.shutdown(options);
      await first.shutdown(options);
    },
  };
}

type Transports = Partial<Record<Signal, Transport>>;

const exporterOf = (source: ReturnType<typeof buffer>, transports: Transports) =>
  createExporter({
    name: 'otlp',
    config: config.exporting,
    buffer: source,
    bufferMaxBytes: 2 ** 20,
    transports,
    toProtobuf: async (_signal, payload) => ({ payload }),
    cut: async (task) => cutToSize(task),
    bury: async () => {},
    events: nopExporterEvents,
  });

/** One whose requests a thread encodes; started, it has tried to send one. */
function encodingExporter(transportsOf: (pool: TaskPool) => Transports): Component {
  const pool = createPool({ entry: 'export-encoder', threads: 1, idleTimeoutMs: 60_000, maxQueue: 10 });
  const source = buffer();
  const exporter = exporterOf(source, transportsOf(pool));
  return {
    name: exporter.name,
    async start() {
      for (const component of [pool, source, exporter]) await component.start();
      await source.append(frameWith([spanOf(1)]));
      const isTried = () => exporter.state().lag.frames === 0 || exporter.state().lastError !== undefined;
      await until(isTried, 'an answer, or that there is none');
    },
    async shutdown(options) {
      for (const component of [exporter, source, pool]) await component.shutdown(options);
    },
  };
}

const S3 = { s3Bucket: 'b', s3AccessKey: 'k', s3SecretKey: 's' };

const COMPONENTS: Record<string, () => Component> = {
  'data directory': () => createDataDirectory(path.join(directory, 'data')),
  buffer,
  fates: () => {
    const source = buffer();
    const folder = path.join(directory, 'buffer');
    return both(source, createFates({ buffer: source, directory: folder, notKept() {} }));
  },
  'self telemetry': () =>
    createSelfTelemetry({
      config: { ...config.selfTelemetry, endpoint: new URL('http://127.0.0.1:1') },
      ...{ version: '1', instanceId: () => 'me', headers: () => ({}), read: async () => [] },
      ...{ failed() {}, refuseOwn: async () => {} },
    })!,
  'writer pool': () => createPool({ entry: 'sqlite-reader', threads: 1, maxQueue: 1 }),
  'control store': () => {
    const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
    return both(thread, createControlStore({ config: { ...config.store, dataDir: directory }, thread }));
  },
  'gateway number': () => {
    const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
    const control = createControlStore({ config: { ...config.store, dataDir: directory }, thread });
    return both(both(thread, control), createGatewayNumber({ control, bufferId: () => 'mine' }));
  },
  prices: () => {
    const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
    const control = createControlStore({ config: { ...config.store, dataDir: directory }, thread });
    return both(both(thread, control), createPriceList({ control, events: nopPricingEvents }));
  },
  repricer: () => {
    const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
    const control = createControlStore({ config: { ...config.store, dataDir: directory }, thread });
    const step = async () => ({ examined: 0, changed: 0, next: undefined });
    return both(both(thread, control), createRepricer({ control, owner: () => 'me', step, events: nopPricingEvents }));
  },
  'telemetry store': () => {
    const pool = createPool({ entry: 'sqlite-reader', threads: 1, maxQueue: 10 });
    return both(pool, createSqliteTelemetry({ directory: path.join(directory, 'telemetry'), pool }));
  },
  drain: () => {
    const source = buffer();
    const drain = createDrain({
      config: config.workers,
      bufferId: () => source.id,
      consumer: source.consumer('store'),
      writers: [],
      telemetry: { appliedRanges: async () => [], forgetApplied: async () => {} },
      auditTrail: { append: async () => {}, room: async () => {} },
      deadLetters: { trim: async () => 0 },
      events: nopDrainEvents,
    });
    return both(source, drain);
  },
  'OTLP/HTTP receiver': () => createHttpReceiver(doors()),
  'OTLP/gRPC receiver': () => createGrpcReceiver(doors()),
  limiter: () => createLimiter({ config: config.limits, events: nopLimitEvents }),
  // Nobody listens there: trying again must end with the component.
  'limiter without its Redis': () =>
    createLimiter({ config: { ...config.limits, redisUrl: 'redis://127.0.0.1:1' }, events: nopLimitEvents }),
  'prompt registry': () => {
    const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
    const control = createControlStore({ config: { ...config.store, dataDir: directory }, thread });
    const prompts = { directory: path.join(directory, 'prompts'), events: nopRegistryEvents };
    const driver = createFilesystemDriver(prompts);
    const renderings = new Renderings(nopRegistryEvents);
    const registry = { config: config.registry, dataDirectory: directory, control, driver, renderings };
    return both(both(thread, control), createRegistry({ ...registry, events: nopRegistryEvents }));
  },
  'github driver without its GitHub': () =>
    createConfiguredGithubDriver({
      config: { ...config.registry, githubApiUrl: 'http://127.0.0.1:1', githubRepo: 'acme/prompts', githubToken: 't' },
      clonesDirectory: path.join(directory, 'github'),
      events: nopRegistryEvents,
    }),
  'S3 driver without its S3': () =>
    createS3Driver({ config: { ...config.registry, s3Endpoint: 'http://127.0.0.1:1', ...S3 } }),
  'exporter without its backend': () => {
    const source = buffer();
    const destination = {
      protocol: 'http/protobuf',
      url: new URL('http://127.0.0.1:1/v1/traces'),
      headers: {},
      compression: 'none',
      timeoutMs: 1000,
      tls: {},
    } as const;
    const transports = { traces: createHttpTransport({ destination, connections: 1, version: '1.2.3' }) };
    return both(source, exporterOf(source, transports));
  },
  'Datadog exporter without its Agent': () => {
    const settings = { mode: 'agent-traces', agentUrl: 'http://127.0.0.1:1' };
    return encodingExporter((pool) => {
      const made = { name: 'datadog', config: datadogSettings.parse(settings), pool, connections: 1, version: '1.2.3' };
      return createDatadogExporter(made).transports;
    });
  },
  'file exporter': () => {
    const file = path.join(directory, 'audit', '{signal}.ndjson');
    return encodingExporter((pool) =>
      createFileTransports({ config: { ...fileSettings.parse({}), path: file }, pool }),
    );
  },
  API: () => createApi(apiOptions().options),
  gateway: () => createGateway(config),
};

/** What keeps a process alive, and the files below the test's folder that it has open. */
function openThings(): string[] {
  const ignored = /^(PipeWrap|TTYWrap|MessagePort|Immediate|FSReqPromise|FSReqCallback)$/;
  const handles = process.getActiveResourcesInfo().filter((name) => !ignored.test(name));
  const files = readdirSync('/proc/self/fd')
    .map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target.startsWith(directory));
  return [...handles, ...files].sort();
}

/** What is open now and was not before, after the few turns that closing takes. The test runner's timers come and go. */
async function leftOpen(before: string[]): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const known = [...before];
    const more = openThings().filter(
      (thing) => !known.includes(thing) || known.splice(known.indexOf(thing), 1).length === 0,
    );
    if (more.length === 0 || tries === 500) return more;
    await sleep(10);
  }
}

describe.each(Object.entries(COMPONENTS))('%s', (_name, create) => {
  it('does no I/O when it is created, and shuts down although it never started', async () => {
    const before = openThings();
    const component = create();
    expect(await leftOpen(before)).toEqual([]);
    await component.shutdown({ deadlineMs: 1000 });
    await component.shutdown({ deadlineMs: 1000 });
    expect(await leftOpen(before)).toEqual([]);
  });

  it('leaves nothing open when it has shut down, and may be shut down twice', async () => {
    const before = openThings();
    const component = create();
    await component.start();
    await component.shutdown({ deadlineMs: 5000 });
    await component.shutdown({ deadlineMs: 5000 });
    expect(await leftOpen(before)).toEqual([]);
  });
});
