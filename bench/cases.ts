/** The cases, named `<in>-to-<out>`. Each starts what it measures, and leaves nothing behind. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startPostgres } from '../test/helpers/postgres.js';
import type { Case } from './case.js';
import { type Driven, driveGrpc, driveHttp, driveHttpSteadily } from './drive.js';
import { EXPORT_CASES } from './export-cases.js';
import { FORWARD_CASES } from './forward-cases.js';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.js';
import { GENERATION_CASES } from './generation-cases.js';
import type { LimitOptions, LimitResult } from './limit.js';
import { createLoad, type Load, type LoadEncoding, type Shape } from './load.js';
import { withGateway } from './measured-gateway.js';
import { NATIVE_CASES } from './native-cases.js';
import { PROMPT_CASES } from './prompt-cases.js';
import type { ReadOptions } from './read-traces.js';
import { assertClean, storeAll, storedSpans, untilStored } from './stored.js';
import { type Row, thousands } from './table.js';

const SPANS: Record<Shape, { large: number; sdk: number }> = {
  small: { large: 512, sdk: 50 },
  genai: { large: 128, sdk: 32 },
};
const SHAPES: readonly Shape[] = ['small', 'genai'];
/** Enough requests in flight that a group commit is always full. */
const CONNECTIONS = 32;
const MEBIBYTE = 2 ** 20;

function describeLoad(load: Load, shape: Shape): string {
  return `${shape}, ${load.spans} spans, ${Math.round(load.bytes / load.spans)} B each`;
}

type Send = (gateway: GatewayProcess, load: Load, seconds: number) => Promise<Driven>;

const sendHttp: Send = (gateway, load, seconds) =>
  driveHttp(gateway.otlpHttp, { load, connections: CONNECTIONS, until: { seconds } });
const sendGrpc: Send = (gateway, load, seconds) =>
  driveGrpc(gateway.otlpGrpc, { load, connections: CONNECTIONS, until: { seconds } });

async function toBuffer(name: string, send: Send, load: Load, shape: Shape, seconds: number): Promise<Row> {
  return withGateway({}, async (gateway) => {
    assertClean(await send(gateway, load, 1));
    const cpuBefore = gateway.cpuSeconds();
    const driven = await send(gateway, load, seconds);
    const cpu = gateway.cpuSeconds() - cpuBefore;
    assertClean(driven);
    const peak = Math.round(gateway.memory().peak / MEBIBYTE);
    return {
      case: name,
      load: describeLoad(load, shape),
      figure: `${thousands(driven.spans / driven.seconds)} spans/s`,
      notes: `${((cpu / driven.spans) * 1e6).toFixed(2)} µs CPU/span, p99 ${driven.latencyMs.p99.toFixed(0)} ms, peak ${peak} MiB`,
    };
  });
}

function toBufferCase(name: string, send: Send, encoding: LoadEncoding, size: 'large' | 'sdk'): Case {
  return {
    name,
    async run({ seconds, seed }) {
      const rows: Row[] = [];
      for (const shape of SHAPES) {
        const load = createLoad({ shape, spans: SPANS[shape][size], encoding, seed });
        rows.push(await toBuffer(name, send, load, shape, seconds));
      }
      return rows;
    },
  };
}

const execute = promisify(execFile);

/** Runs a measurement in a process of its own. */
async function runApart<Result>(name: 'limit' | 'read-traces', options: unknown): Promise<Result> {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), `${name}.js`);
  const { stdout } = await execute(process.execPath, [file, JSON.stringify(options)], { maxBuffer: 64 * MEBIBYTE });
  return JSON.parse(stdout) as Result;
}

const runLimit = (options: LimitOptions) => runApart<LimitResult>('limit', options);
const readApart = (options: ReadOptions) => runApart<number[]>('read-traces', options);

const limitCase: Case = {
  name: 'limit',
  async run({ seed }) {
    const rows: Row[] = [];
    for (const shape of SHAPES) {
      const load = { shape, spans: SPANS[shape].large, encoding: 'protobuf', seed } as const;
      const result = await runLimit({ load, spans: shape === 'small' ? 1_000_000 : 250_000, batchMaxItems: 5000 });
      rows.push({
        case: 'limit',
        load: describeLoad(createLoad(load), shape),
        figure: `${thousands(result.spansPerSecond)} spans/s`,
        notes: 'one thread: decode and insert, no network',
      });
    }
    return rows;
  },
};

function toStoreRow(
  name: string,
  shape: Shape,
  load: Load,
  stored: { seconds: number; driven: Driven },
  peak: number,
): Row {
  return {
    case: name,
    load: describeLoad(load, shape),
    figure: `${thousands(stored.driven.spans / stored.seconds)} spans/s`,
    notes: `${thousands(stored.driven.spans)} spans in ${stored.seconds.toFixed(1)} s, peak ${Math.round(peak / MEBIBYTE)} MiB`,
  };
}

const toSqliteCase: Case = {
  name: 'otlp-http-to-sqlite',
  async run({ seed }) {
    const rows: Row[] = [];
    for (const shape of SHAPES) {
      const load = createLoad({ shape, spans: SPANS[shape].large, encoding: 'protobuf', seed });
      const spans = shape === 'small' ? 1_000_000 : 250_000;
      rows.push(
        await withGateway({}, async (gateway) => {
          const stored = await storeAll(gateway, load, Math.ceil(spans / load.spans));
          return toStoreRow('otlp-http-to-sqlite', shape, load, stored, gateway.memory().peak);
        }),
      );
    }
    return rows;
  },
};

const steadyCase: Case = {
  name: 'steady-10k',
  async run({ seconds, seed }) {
    const load = createLoad({ shape: 'small', spans: 50, encoding: 'protobuf', seed });
    return withGateway({}, async (gateway) => {
      const pace = { load, requestsPerSecond: 10_000 / load.spans };
      assertClean(await driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds: 2 }));
      const cpuBefore = gateway.cpuSeconds();
      const driven = await driveHttpSteadily(gateway.otlpHttp, { ...pace, seconds });
      const cores = (gateway.cpuSeconds() - cpuBefore) / driven.seconds;
      assertClean(driven);
      return [
        {
          case: 'steady-10k',
          load: describeLoad(load, 'small'),
          figure: `p99 ${driven.latencyMs.p99.toFixed(1)} ms`,
          notes: `${thousands(driven.spans / driven.seconds)} spans/s, ${cores.toFixed(2)} cores, p50 ${driven.latencyMs.p50.toFixed(1)} ms`,
        },
      ];
    });
  },
};

function p99(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * 0.99))] ?? Number.NaN;
}

const readCase: Case = {
  name: 'read-trace-while-ingesting',
  async run({ seconds, seed }) {
    const load = createLoad({ shape: 'small', spans: 512, encoding: 'protobuf', seed });
    return withGateway({}, async (gateway) => {
      const first = await driveHttp(gateway.otlpHttp, { load, connections: 1, until: { requests: 200 } });
      assertClean(first);
      await untilStored(gateway, first.spans);
      const traceIds = load.latestTraceIds();
      const driving = driveHttp(gateway.otlpHttp, { load, connections: CONNECTIONS, until: { seconds: seconds + 1 } });
      const latencies = await readApart({ api: gateway.api, traceIds, reads: seconds * 25, pauseMs: 5 });
      const driven = await driving;
      return [
        {
          case: 'read-trace-while-ingesting',
          load: describeLoad(load, 'small'),
          figure: `p99 ${p99(latencies).toFixed(1)} ms`,
          notes: `${latencies.length} reads beside ${thousands(driven.spans / driven.seconds)} spans/s`,
        },
      ];
    });
  },
};

/** Fills a store with 20 million spans, then looks for traces of any age in it. */
const growthCase: Case = {
  name: 'growth-20m',
  long: true,
  async run({ seed }) {
    const load = { shape: 'small', spans: 512, encoding: 'protobuf', seed } as const;
    const dataDirectory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
    const directory = path.join(dataDirectory, 'telemetry');
    mkdirSync(directory);
    try {
      const result = await runLimit({
        load,
        spans: 20_000_000,
        batchMaxItems: 5000,
        windowSpans: 1_000_000,
        directory,
      });
      const latencies = await readTraces(dataDirectory, result.sampledTraceIds);
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const empty = mean(result.windows.slice(0, 2));
      const grown = mean(result.windows.slice(10, 20));
      const text = describeLoad(createLoad(load), 'small');
      return [
        {
          case: 'growth-20m',
          load: text,
          figure: `${(grown / empty).toFixed(2)} of the empty rate`,
          notes: `${thousands(empty)} spans/s in the first 2 million, ${thousands(grown)} from 10 to 20 million`,
        },
        {
          case: 'trace-by-id-20m',
          load: text,
          figure: `p99 ${p99(latencies).toFixed(1)} ms`,
          notes: `${latencies.length} traces of any age among ${thousands(result.spans)} spans`,
        },
      ];
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  },
};

async function readTraces(dataDirectory: string, traceIds: string[]): Promise<number[]> {
  const gateway = await startGatewayProcess({ dataDirectory });
  try {
    return await readApart({ api: gateway.api, traceIds, reads: 2000, pauseMs: 0 });
  } finally {
    await gateway.kill();
  }
}

/** One writer and two, draining the same buffer, with nothing else on the machine. */
const writersCase: Case = {
  name: 'buffer-to-sqlite',
  async run({ seed }) {
    const rows: Row[] = [];
    for (const shape of SHAPES) {
      const load = createLoad({ shape, spans: SPANS[shape].large, encoding: 'protobuf', seed });
      const filled = await fillBuffer(load, shape === 'small' ? 900_000 : 300_000);
      const rates = [];
      for (const writers of [1, 2]) rates.push(await drainRate(filled, writers));
      rmSync(filled.dataDirectory, { recursive: true, force: true });
      rows.push({
        case: 'buffer-to-sqlite',
        load: describeLoad(load, shape),
        figure: `${(rates[1]! / rates[0]!).toFixed(2)} times one writer`,
        notes: `1 writer ${thousands(rates[0]!)} spans/s, 2 writers ${thousands(rates[1]!)}`,
      });
    }
    return rows;
  },
};

interface Filled {
  dataDirectory: string;
  spans: number;
}

/** A data folder whose buffer holds spans that no store has: its gateway waited for a fuller batch until it was killed. */
async function fillBuffer(load: Load, spans: number): Promise<Filled> {
  const dataDirectory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
  const env = {
    BUFFER_MAX_BYTES: '8GiB',
    BATCH_LINGER_MS: '60000',
    BATCH_MAX_ITEMS: '1000000',
    BATCH_MAX_BYTES: '4GiB',
  };
  const gateway = await startGatewayProcess({ dataDirectory, env });
  try {
    const requests = Math.floor(spans / load.spans);
    const driven = await driveHttp(gateway.otlpHttp, { load, connections: 8, until: { requests } });
    assertClean(driven);
    return { dataDirectory, spans: driven.spans };
  } finally {
    await gateway.kill();
  }
}

async function drainRate({ dataDirectory, spans }: Filled, writers: number): Promise<number> {
  const copy = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
  cpSync(dataDirectory, copy, { recursive: true });
  const env = { BUFFER_MAX_BYTES: '8GiB', WORKERS: String(writers) };
  const gateway = await startGatewayProcess({ dataDirectory: copy, env });
  try {
    const storedBefore = await storedSpans(gateway);
    const started = performance.now();
    await untilStored(gateway, spans);
    return ((spans - storedBefore) / (performance.now() - started)) * 1000;
  } finally {
    await gateway.kill();
    rmSync(copy, { recursive: true, force: true });
  }
}

const toPostgresCase: Case = {
  name: 'otlp-http-to-postgres',
  async run({ seed }) {
    const postgres = await startPostgres(['fsync=on', 'shared_buffers=512MB']);
    if (!postgres) return [];
    try {
      const rows: Row[] = [];
      for (const shape of SHAPES) {
        const load = createLoad({ shape, spans: SPANS[shape].large, encoding: 'protobuf', seed });
        const spans = shape === 'small' ? 600_000 : 150_000;
        const env = { DATABASE_URL: await postgres.createDatabase() };
        rows.push(
          await withGateway(env, async (gateway) => {
            const stored = await storeAll(gateway, load, Math.ceil(spans / load.spans));
            return toStoreRow('otlp-http-to-postgres', shape, load, stored, gateway.memory().peak);
          }),
        );
      }
      return rows;
    } finally {
      await postgres.remove();
    }
  },
};

const memoryCase: Case = {
  name: 'memory-10m',
  long: true,
  async run({ seed }) {
    const load = createLoad({ shape: 'small', spans: 512, encoding: 'protobuf', seed });
    return withGateway({}, async (gateway) => {
      const readings: string[] = [];
      for (let million = 2; million <= 10; million += 2) {
        await storeAll(gateway, load, Math.ceil(2_000_000 / load.spans));
        readings.push(String(Math.round(gateway.memory().now / MEBIBYTE)));
      }
      return [
        {
          case: 'memory-10m',
          load: describeLoad(load, 'small'),
          figure: `peak ${Math.round(gateway.memory().peak / MEBIBYTE)} MiB`,
          notes: `${readings.join(', ')} MiB after 2, 4, 6, 8 and 10 million stored spans`,
        },
      ];
    });
  },
};

export const CASES: readonly Case[] = [
  toBufferCase('otlp-http-to-buffer', sendHttp, 'protobuf', 'large'),
  toBufferCase('otlp-http-to-buffer (SDK-sized)', sendHttp, 'protobuf', 'sdk'),
  toBufferCase('otlp-http-json-to-buffer', sendHttp, 'json', 'large'),
  toBufferCase('otlp-grpc-to-buffer', sendGrpc, 'protobuf', 'large'),
  limitCase,
  toSqliteCase,
  toPostgresCase,
  writersCase,
  steadyCase,
  readCase,
  growthCase,
  memoryCase,
  ...EXPORT_CASES,
  ...FORWARD_CASES,
  ...GENERATION_CASES,
  ...NATIVE_CASES,
  ...PROMPT_CASES,
];
