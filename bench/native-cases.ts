/** Cases of the native API: every request with a key, counted by the rate limit, and (writes) in the audit log. */
import type { Case } from './case.js';
import type { GatewayProcess } from './gateway-process.js';
import { runClient } from './http-client.js';
import { withGateway } from './measured-gateway.js';
import { createLogLoad, createSpanLoad, type NativeLoad } from './native-load.js';
import { type Row, thousands } from './table.js';

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;
/** Counts every request, and refuses none. */
const GUARDED = { API_AUTH: 'required', RATE_LIMIT_MAX_REQUESTS: '1000000000' };
const BARE = { API_AUTH: 'off', RATE_LIMIT_MAX_REQUESTS: '0', AUDIT_TELEMETRY: 'changes' };

function firstKeyOf(gateway: GatewayProcess): string {
  const key = /\bpm_[0-9a-f]{64}\b/.exec(gateway.output.join('\n'))?.[0];
  if (key === undefined) throw new Error('The gateway printed no key');
  return key;
}

interface Rate {
  requestsPerSecond: number;
  p99Ms: number;
  cpuMicrosPerRequest: number;
}

interface NativeDrive {
  load?: NativeLoad;
  paths?: readonly string[];
  connections?: number;
  until: { seconds: number } | { requests: number };
}

async function drive(
  gateway: GatewayProcess,
  { load, paths, connections = CONNECTIONS, until }: NativeDrive,
): Promise<Rate> {
  const headers = { 'content-type': 'application/json', 'x-api-key': firstKeyOf(gateway) };
  let reads = 0;
  const cpuBefore = gateway.cpuSeconds();
  const { requests, seconds, refused, latencyMs } = await runClient({
    baseUrl: gateway.api,
    connections,
    headers,
    until,
    next: () => (load ? { method: 'POST', ...load.next() } : { method: 'GET', path: paths![reads++ % paths!.length]! }),
  });
  if (refused > 0) throw new Error(`${refused} answers other than success: the measurement is void`);
  return {
    requestsPerSecond: requests / seconds,
    p99Ms: latencyMs.p99,
    cpuMicrosPerRequest: ((gateway.cpuSeconds() - cpuBefore) / requests) * 1e6,
  };
}

function rowOf(name: string, load: string, rate: Rate, items = 1): Row {
  const { requestsPerSecond, p99Ms, cpuMicrosPerRequest } = rate;
  const figure =
    items === 1 ? `${thousands(requestsPerSecond)} requests/s` : `${thousands(requestsPerSecond * items)} spans/s`;
  return {
    case: name,
    load,
    figure,
    notes: `p99 ${p99Ms.toFixed(0)} ms, ${cpuMicrosPerRequest.toFixed(0)} µs CPU/request`,
  };
}

async function warmAndDrive(gateway: GatewayProcess, load: NativeLoad, seconds: number): Promise<Rate> {
  await drive(gateway, { load, until: { seconds: WARM_UP_SECONDS } });
  return drive(gateway, { load, until: { seconds } });
}

const spanCase: Case = {
  name: 'native-span-to-sqlite',
  async run({ seconds }) {
    const load = createSpanLoad(1);
    const rate = await withGateway(GUARDED, (gateway) => warmAndDrive(gateway, load, seconds));
    return [rowOf('native-span-to-sqlite', `1 span of ${load.bytes} B a request`, rate)];
  },
};

/** In turns, so that what the machine does meanwhile falls on both. */
const TURNS = 3;

const guardCase: Case = {
  name: 'native-span-guarded',
  async run({ seconds }) {
    const load = createSpanLoad(1);
    const rates = { guarded: 0, bare: 0 };
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [name, env] of [
        ['guarded', GUARDED],
        ['bare', BARE],
      ] as const) {
        const rate = await withGateway(env, (gateway) => warmAndDrive(gateway, load, seconds));
        rates[name] += rate.requestsPerSecond / TURNS;
      }
    }
    return [
      {
        case: 'native-span-guarded',
        load: `1 span of ${load.bytes} B a request`,
        figure: `${((1 - rates.guarded / rates.bare) * 100).toFixed(0)} % fewer requests/s`,
        notes: `${thousands(rates.guarded)} with key, limit and audit, ${thousands(rates.bare)} without`,
      },
    ];
  },
};

const LOGS_BEFORE = 1_000_000;
const LOGS_A_BATCH = 1000;

const logCase: Case = {
  name: 'native-log-to-sqlite',
  async run({ seconds }) {
    const load = createLogLoad(1);
    const text = `1 log of ${load.bytes} B a request`;
    return withGateway(GUARDED, async (gateway) => {
      const empty = await warmAndDrive(gateway, load, seconds);
      const filling = {
        load: createLogLoad(LOGS_A_BATCH),
        connections: 4,
        until: { requests: LOGS_BEFORE / LOGS_A_BATCH },
      };
      await drive(gateway, filling);
      const full = await warmAndDrive(gateway, load, seconds);
      return [
        rowOf('native-log-to-sqlite', text, empty),
        rowOf('native-log-to-sqlite', `${text}, on ${thousands(LOGS_BEFORE)} of the month`, full),
      ];
    });
  },
};

const SPANS_A_BATCH = 100;

const batchCase: Case = {
  name: 'native-spans-batch',
  async run({ seconds }) {
    const load = createSpanLoad(SPANS_A_BATCH);
    const rate = await withGateway(GUARDED, (gateway) => warmAndDrive(gateway, load, seconds));
    return [rowOf('native-spans-batch', `${SPANS_A_BATCH} spans, ${load.bytes} B a request`, rate, SPANS_A_BATCH)];
  },
};

const readCase: Case = {
  name: 'authenticated-get-trace',
  async run({ seconds }) {
    const load = createSpanLoad(1);
    return withGateway(GUARDED, async (gateway) => {
      await drive(gateway, { load, until: { requests: 20_000 } });
      const paths = load.traceIds.slice(0, -1).map((id) => `/v1/traces/${id}`);
      await drive(gateway, { paths, until: { seconds: WARM_UP_SECONDS } });
      const rate = await drive(gateway, { paths, until: { seconds } });
      return [rowOf('authenticated-get-trace', '10 spans a trace, with a key', rate)];
    });
  },
};

export const NATIVE_CASES: readonly Case[] = [spanCase, guardCase, logCase, batchCase, readCase];
