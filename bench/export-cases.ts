/** What sending on to backends costs the store. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Case } from './case.js';
import { untilDelivered } from './delivered.js';
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
/** Times of the measured load for which the backend is down, unless it is said how long. */
const OUTAGE_TIMES = 5;
const MEMORY_READINGS = 10;
const MEBIBYTE = 2 ** 20;

const mebibytes = (bytes: number) => String(Math.round(bytes / MEBIBYTE));

/** Of traces, as the gateway counts them. */
async function countOf(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.api}/metrics`)).text();
  const lines = text.matchAll(new RegExp(`^${name}\\{[^}]*exporter="otlp"[^}]*\\} (\\S+)$`, 'gm'));
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Throws when a span was given up, or has not arrived. */
async function assertNothingLost(gateway: GatewayProcess, spans: number): Promise<void> {
  await untilDelivered(gateway);
  const sent = await countOf(gateway, 'otelcol_exporter_sent_spans_total');
  const dropped = await countOf(gateway, 'promptmetrics_exporter_dropped_items_total');
  if (dropped > 0 || sent < spans) throw new Error(`Of ${spans} spans ${sent} were sent, and ${dropped} dropped`);
}

/** A backend that is down while a steady load goes on, and then is back. */
const outageCase: Case = {
  name: 'exporter-outage',
  async run({ seconds, seed, outageSeconds = OUTAGE_TIMES * seconds }) {
    const load = createLoad({ shape: 'small', spans: 50, encoding: 'protobuf', seed });
    const pace = { load, requestsPerSecond: LIVE_SPANS_PER_SECOND / load.spans };
    const first = await startNullSink();
    const { port } = first.address() as AddressInfo;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(first), EXPORTER_RETRY_MAX_MS: '2000' };
    return withGateway(env, async (gateway) => {
      let sent = 0;
      const drive = async (forSeconds: number) => {
        const driven = await driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds: forSeconds });
        assertClean(driven);
        sent += driven.spans;
      };
      await drive(seconds);
      const memory = [gateway.memory().now];
      first.close();
      first.closeAllConnections();
      for (let reading = 0; reading < MEMORY_READINGS; reading++) {
        await drive(outageSeconds / MEMORY_READINGS);
        memory.push(gateway.memory().now);
      }
      const second = await startNullSink(port);
      const arrived = once(second, 'request').then(() => performance.now());
      const live = drive(seconds);
      await arrived;
      const started = performance.now();
      await untilDelivered(gateway, pace.requestsPerSecond / 2);
      const caughtUpSeconds = (performance.now() - started) / 1000;
      memory.push(gateway.memory().now);
      await live;
      await assertNothingLost(gateway, sent);
      second.close();
      second.closeAllConnections();
      const held = outageSeconds * LIVE_SPANS_PER_SECOND;
      const [before, ...during] = memory.map(mebibytes);
      const after = during.pop();
      return [
        {
          case: 'exporter-outage',
          load: `small, ${load.spans} spans, ${thousands(LIVE_SPANS_PER_SECOND)} spans/s without a pause`,
          figure: `caught up at ${thousands(held / caughtUpSeconds / LIVE_SPANS_PER_SECOND)} times the live rate`,
          notes:
            `${thousands(held)} spans of ${outageSeconds} s in ${caughtUpSeconds.toFixed(1)} s, none lost; ` +
            `${before} MiB before, ${during.join(', ')} MiB during the outage, ${after} MiB once caught up`,
        },
      ];
    });
  },
};

export const EXPORT_CASES: readonly Case[] = [storeAndExportersCase, outageCase];
