/** What understanding LLM telemetry costs, and what its sums answer. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Case } from './case.js';
import type { FillOptions, FillResult } from './fill-calls.js';
import { startGatewayProcess } from './gateway-process.js';
import { createLoad, type Load } from './load.js';
import { withGateway } from './measured-gateway.js';
import { mapSecondsOf, storeAll } from './stored.js';
import { thousands } from './table.js';

const SPANS = 150_000;
const ROUNDS = 3;

interface StoredLoad {
  spans: number;
  seconds: number;
  /** Of the seconds those that a writer thread spent on mapping alone. */
  mapSeconds: number;
}

async function storeLoad(load: Load, mapping: boolean): Promise<StoredLoad> {
  return withGateway({ LLM_MAPPING: String(mapping) }, async (gateway) => {
    const { seconds, driven } = await storeAll(gateway, load, Math.ceil(SPANS / load.spans));
    return { seconds, spans: driven.spans, mapSeconds: await mapSecondsOf(gateway) };
  });
}

const rateOf = ({ spans, seconds }: StoredLoad) => spans / seconds;
/** Noise only takes away. */
const best = (rounds: readonly StoredLoad[]) => rounds.reduce((a, b) => (rateOf(a) >= rateOf(b) ? a : b));

/** Taking turns, so that a slow minute of the machine is one of both. */
const mappingCase: Case = {
  name: 'mapping',
  async run({ seed }) {
    const load = createLoad({ shape: 'genai', spans: 128, encoding: 'protobuf', seed });
    const rounds: Record<'on' | 'off', StoredLoad[]> = { on: [], off: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.on.push(await storeLoad(load, true));
      rounds.off.push(await storeLoad(load, false));
    }
    const [on, off] = [best(rounds.on), best(rounds.off)];
    const mapSeconds = on.mapSeconds / on.spans;
    const rates = { on: rateOf(on), off: rateOf(off), mapped: 1 / (1 / rateOf(off) + mapSeconds) };
    const row = {
      case: 'mapping',
      load: `genai, ${load.spans} spans, ${Math.round(load.bytes / load.spans)} B each`,
    };
    return [
      {
        ...row,
        figure: `${(rates.mapped / rates.off).toFixed(2)} of the rate without`,
        notes: `mapping itself: ${(mapSeconds * 1e6).toFixed(1)} µs of a writer thread a span; ${thousands(rates.off)} spans/s without`,
      },
      {
        ...row,
        figure: `${(rates.on / rates.off).toFixed(2)} of the rate without`,
        notes: `${thousands(rates.on)} spans/s with the rows of calls, sums and full text, in the same transaction`,
      },
    ];
  },
};

async function fillApart(options: FillOptions): Promise<FillResult> {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fill-calls.js');
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(options)]);
  return JSON.parse(stdout) as FillResult;
}

const CALLS = 10_000_000;
const DAYS = 90;
const QUERIES = {
  'time-series of 90 days': '/v1/metrics/time-series?window=90d',
  'by prompt and version': '/v1/metrics/prompts?window=90d',
  'by model, a day each': `/v1/metrics/usage?group_by=model&from=${Date.now() - DAYS * 86_400_000}`,
  'by user': `/v1/metrics/usage?group_by=user&series=false&from=${Date.now() - DAYS * 86_400_000}`,
  'by session, the 50 that cost most': `/v1/metrics/usage?group_by=session&series=false&limit=50&from=${Date.now() - DAYS * 86_400_000}`,
  sessions: '/v1/sessions?limit=50',
  'sessions of a user': '/v1/sessions?limit=50&user_id=user-5',
  'calls that failed': '/v1/generations?error=true&limit=50',
};
const READS = 20;

async function medianMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let read = 0; read < READS; read++) {
    const started = performance.now();
    const response = await fetch(url);
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[READS / 2]!;
}

const usageCase: Case = {
  name: 'usage-10m',
  long: true,
  async run() {
    const dataDirectory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
    const directory = path.join(dataDirectory, 'telemetry');
    mkdirSync(directory);
    try {
      const { seconds } = await fillApart({ directory, spans: CALLS, days: DAYS });
      const gateway = await startGatewayProcess({ dataDirectory });
      try {
        const rows = [];
        for (const [name, query] of Object.entries(QUERIES)) {
          rows.push({
            case: 'usage-10m',
            load: name,
            figure: `${(await medianMs(`${gateway.api}${query}`)).toFixed(1)} ms`,
            notes: `median of ${READS}, ${thousands(CALLS)} calls over ${DAYS} days (stored in ${Math.round(seconds)} s)`,
          });
        }
        return rows;
      } finally {
        await gateway.kill();
      }
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  },
};

export const GENERATION_CASES: readonly Case[] = [mappingCase, usageCase];
