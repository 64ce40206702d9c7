/** What sending on to backends costs the store. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.js';
import type { GatewayProcess } from './gateway-process.js';
import { createLoad, type Load } from './load.js';
import { withGateway } from './measured-gateway.js';
import { storeAll } from './stored.js';
import { thousands } from './table.js';

const SPANS_PER_REQUEST = 512;
const SPANS = 400_000;
const TURNS = 3;

/** Takes everything, keeps nothing. It shares this process with the load, and the machine with the gateway. */
async function startNullSink(): Promise<Server> {
  const server = createServer((request, response) => {
    request.on('end', () => response.end());
    request.resume();
  });
  server.listen(0, '127.0.0.1');
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

async function untilDelivered(gateway: GatewayProcess): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${gateway.api}/metrics`)).text();
    const lags = [...text.matchAll(/^promptmetrics_buffer_consumer_lag_frames\{[^}]*\} (\S+)$/gm)];
    if (lags.every(([, lag]) => Number(lag) === 0)) return;
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

export const EXPORT_CASES: readonly Case[] = [storeAndExportersCase];
