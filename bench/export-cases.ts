/** What sending on to backends costs the store. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.js';
import { driveHttpSteadily } from './drive.js';
import type { GatewayProcess } from './gateway-process.js';
import { createLoad, type Load } from './load.js';
import { withGateway } from './measured-gateway.js';
import { assertClean, storeAll } from './stored.js';
import { thousands } from './table.js';

const SPANS_PER_REQUEST = 512;
const SPANS = 400_000;
const TURNS = 3;

/** Takes everything, keeps nothing. It shares this process with the load, and the machine with the gateway. */
async function startNullSink(port = 0): Promise<Server> {
  const server = createServer((request, response) => {
    request.on('end', () => response.end());
    request.resume();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Turn {
  /** Stored spans in a second. */
  rate: number;
  /** From the first request until the exporters have delivered the last span as well, in seconds. */
  seconds: number;
  cpuMicrosPerSpan: number;
}

/** Until no consumer lags by more than so many requests: under a load that goes on there are always some. */
async function untilDelivered(gateway: GatewayProcess, requests = 0): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${gateway.api}/metrics`)).text();
    const lags = [...text.matchAll(/^promptmetrics_buffer_consumer_lag_frames\{[^}]*\} (\S+)$/gm)];
    if (lags.every(([, lag]) => Number(lag) <= requests)) return;
    await sleep(20);
  }
}

function measure(env: Record<string, string>, load: Load): Promise<Turn> {
  return withGateway(env, async (gateway) => {
    await storeAll(gateway, load, 20);
    await untilDelivered(gateway);
    const cpuBefore = gateway.cpuSeconds();
    const started = performance.now();
    const { seconds, driven } = await storeAll(gateway, load, Math.ceil(SPANS / load.spans));
    await untilDelivered(gateway);
    return {
      rate: driven.spans / seconds,
      seconds: (performance.now() - started) / 1000,
      cpuMicrosPerSpan: ((gateway.cpuSeconds() - cpuBefore) / driven.spans) * 1e6,
    };
  });
}

function best(turns: readonly Turn[]): Turn {
  return turns.reduce((fastest, turn) => (turn.rate > fastest.rate ? turn : fastest));
}

/** In turns, so that what the machine does meanwhile falls on both; the best of each, since noise only takes away. */
const storeAndExportersCase: Case = {
  name: 'sqlite-and-exporters',
  async run({ seed }) {
    const load = createLoad({ shape: 'small', spans: SPANS_PER_REQUEST, encoding: 'protobuf', seed });
    const sinks = [await startNullSink(), await startNullSink()];
    const [otlp, jaeger] = sinks.map(urlOf);
    const alone: Turn[] = [];
    const both: Turn[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      alone.push(await measure({}, load));
      both.push(await measure({ OTEL_EXPORTER_OTLP_ENDPOINT: otlp!, JAEGER_ENDPOINT: jaeger! }, load));
    }
    for (const sink of sinks) sink.close();
    const [store, exporting] = [best(alone), best(both)];
    return [
      {
        case: 'sqlite-and-exporters',
        load: `small, ${load.spans} spans, ${Math.round(load.bytes / load.spans)} B each`,
        figure: `${(exporting.rate / store.rate).toFixed(2)} of the store alone`,
        notes:
          `store alone ${thousands(store.rate)} spans/s, with two exporters ${thousands(exporting.rate)}, all three done after ` +
          `${(SPANS / exporting.seconds / store.rate).toFixed(2)} of that rate; ` +
          `${store.cpuMicrosPerSpan.toFixed(1)} and ${exporting.cpuMicrosPerSpan.toFixed(1)} µs CPU/span`,
      },
    ];
  },
};

const LIVE_SPANS_PER_SECOND = 5000;
/** Times of the measured load for which the backend is down. */
const OUTAGE_TIMES = 5;
const MEBIBYTE = 2 ** 20;

/** A backend that is down while a steady load goes on, and then is back. */
const outageCase: Case = {
  name: 'exporter-outage',
  async run({ seconds, seed }) {
    const load = createLoad({ shape: 'small', spans: 50, encoding: 'protobuf', seed });
    const pace = { load, requestsPerSecond: LIVE_SPANS_PER_SECOND / load.spans };
    const first = await startNullSink();
    const { port } = first.address() as AddressInfo;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(first), EXPORTER_RETRY_MAX_MS: '2000' };
    return withGateway(env, async (gateway) => {
      assertClean(await driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds }));
      const before = gateway.memory().now;
      first.close();
      first.closeAllConnections();
      assertClean(await driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds: OUTAGE_TIMES * seconds }));
      const during = gateway.memory().now;
      const second = await startNullSink(port);
      const arrived = once(second, 'request').then(() => performance.now());
      const live = driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds });
      await arrived;
      const started = performance.now();
      await untilDelivered(gateway, pace.requestsPerSecond / 2);
      const caughtUpSeconds = (performance.now() - started) / 1000;
      assertClean(await live);
      second.close();
      second.closeAllConnections();
      const held = OUTAGE_TIMES * seconds * LIVE_SPANS_PER_SECOND;
      return [
        {
          case: 'exporter-outage',
          load: `small, ${load.spans} spans, ${thousands(LIVE_SPANS_PER_SECOND)} spans/s without a pause`,
          figure: `caught up at ${thousands(held / caughtUpSeconds / LIVE_SPANS_PER_SECOND)} times the live rate`,
          notes:
            `${thousands(held)} spans of ${OUTAGE_TIMES * seconds} s in ${caughtUpSeconds.toFixed(1)} s; ` +
            `${Math.round(before / MEBIBYTE)} MiB before, ${Math.round(during / MEBIBYTE)} MiB at the end of the outage`,
        },
      ];
    });
  },
};

export const EXPORT_CASES: readonly Case[] = [storeAndExportersCase, outageCase];
