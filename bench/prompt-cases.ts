/** Cases of the prompt registry: every request with a key, counted by the rate limit. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startPostgres } from '../test/helpers/postgres.js';
import type { Case } from './case.js';
import { driveHttp } from './drive.js';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.js';
import { type ClientResult, runClient } from './http-client.js';
import { createLoad } from './load.js';
import { withGateway } from './measured-gateway.js';
import { type Row, thousands } from './table.js';

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;
/** Counts every request, and refuses none. */
const GUARDED = { API_AUTH: 'required', RATE_LIMIT_MAX_REQUESTS: '1000000000' };
const PROMPT = '/v1/prompts/welcome?label=production&variables[name]=Alice';

const messages = (version: string) => [
  { role: 'system', content: `You welcome people to the place that they have come to, as of ${version}.` },
  { role: 'user', content: 'I am {{name}}.' },
];

function firstKeyOf(gateway: GatewayProcess): string {
  const key = /\bpm_[0-9a-f]{64}\b/.exec(gateway.output.join('\n'))?.[0];
  if (key === undefined) throw new Error('The gateway printed no key');
  return key;
}

async function call(gateway: GatewayProcess, key: string, url: string, body?: object): Promise<Response> {
  const response = await fetch(gateway.api + url, {
    headers: { 'x-api-key': key, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}

async function createPrompt(gateway: GatewayProcess, key: string, versions: readonly string[]): Promise<void> {
  for (const version of versions) {
    await call(gateway, key, '/v1/prompts', { name: 'welcome', version, messages: messages(version) });
  }
  await moveLabel(gateway, key, versions[0]!);
}

async function moveLabel(gateway: GatewayProcess, key: string, version: string): Promise<void> {
  await call(gateway, key, '/v1/prompts/welcome/labels', { name: 'production', version_tag: version });
}

interface Drive {
  seconds: number;
  etag?: string;
  paths?: readonly string[];
}

interface Rate extends ClientResult {
  cpuMicrosPerRequest: number;
}

async function drive(gateway: GatewayProcess, key: string, { seconds, etag, paths = [PROMPT] }: Drive): Promise<Rate> {
  const headers = { 'x-api-key': key, ...(etag !== undefined && { 'if-none-match': etag }) };
  let at = 0;
  const cpuBefore = gateway.cpuSeconds();
  const result = await runClient({
    baseUrl: gateway.api,
    connections: CONNECTIONS,
    headers,
    until: { seconds },
    next: () => ({ method: 'GET', path: paths[at++ % paths.length]! }),
    expected: etag === undefined ? 200 : 304,
  });
  if (result.refused > 0) throw new Error(`${result.refused} answers other than success: the measurement is void`);
  return { ...result, cpuMicrosPerRequest: ((gateway.cpuSeconds() - cpuBefore) / result.requests) * 1e6 };
}

function rowOf(name: string, load: string, { requests, seconds, latencyMs, cpuMicrosPerRequest }: Rate): Row {
  return {
    case: name,
    load,
    figure: `${thousands(requests / seconds)} requests/s`,
    notes: `p99 ${latencyMs.p99.toFixed(0)} ms, ${cpuMicrosPerRequest.toFixed(0)} µs CPU/request`,
  };
}

async function warmAndDrive(gateway: GatewayProcess, key: string, options: Drive): Promise<Rate> {
  await drive(gateway, key, { ...options, seconds: WARM_UP_SECONDS });
  return drive(gateway, key, options);
}

const renderedCase: Case = {
  name: 'get-prompt-by-label',
  async run({ seconds }) {
    return withGateway(GUARDED, async (gateway) => {
      const key = firstKeyOf(gateway);
      await createPrompt(gateway, key, ['1.0.0']);
      return [rowOf('get-prompt-by-label', 'rendered', await warmAndDrive(gateway, key, { seconds }))];
    });
  },
};

const notModifiedCase: Case = {
  name: 'get-prompt-not-modified',
  async run({ seconds }) {
    return withGateway(GUARDED, async (gateway) => {
      const key = firstKeyOf(gateway);
      await createPrompt(gateway, key, ['1.0.0']);
      const rows: Row[] = [];
      for (const [load, url] of [
        ['rendered, If-None-Match', PROMPT],
        ['with placeholders, If-None-Match', '/v1/prompts/welcome?label=production'],
      ] as const) {
        const etag = (await call(gateway, key, url)).headers.get('etag')!;
        const rate = await warmAndDrive(gateway, key, { seconds, etag, paths: [url] });
        rows.push(rowOf('get-prompt-not-modified', load, rate));
      }
      return rows;
    });
  },
};

const ingestingCase: Case = {
  name: 'get-prompt-while-ingesting',
  async run({ seconds, seed }) {
    return withGateway({ ...GUARDED, OTLP_AUTH: 'off' }, async (gateway) => {
      const key = firstKeyOf(gateway);
      await createPrompt(gateway, key, ['1.0.0']);
      const load = createLoad({ shape: 'small', spans: 512, encoding: 'protobuf', seed });
      const until = { seconds: seconds + WARM_UP_SECONDS };
      const ingesting = driveHttp(gateway.otlpHttp, { load, connections: 4, until });
      const rate = await warmAndDrive(gateway, key, { seconds });
      const driven = await ingesting;
      const row = rowOf('get-prompt-while-ingesting', 'rendered, beside OTLP', rate);
      return [{ ...row, notes: `${row.notes}, beside ${thousands(driven.spans / driven.seconds)} spans/s` }];
    });
  },
};

const MOVES = 50;

/** From before the label is moved until an answer of the other gateway has the new version. */
async function timeMoves(one: GatewayProcess, other: GatewayProcess, key: string): Promise<number[]> {
  const times: number[] = [];
  for (let move = 0; move < MOVES; move++) {
    const version = move % 2 ? '1.0.0' : '2.0.0';
    const started = performance.now();
    await moveLabel(one, key, version);
    for (;;) {
      const answer = (await (await call(other, key, PROMPT)).json()) as { version: { version_tag: string } };
      if (answer.version.version_tag === version) break;
      await sleep(1);
    }
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}

const otherGatewayCase: Case = {
  name: 'label-move-to-other-gateway',
  async run() {
    const postgres = await startPostgres();
    if (!postgres) return [];
    try {
      const prompts = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
      const env = { ...GUARDED, DATABASE_URL: await postgres.createDatabase(), PROMPTS_DIR: prompts };
      const secret = { API_KEY_SALT: 'a salt that both gateways of this measurement share' };
      try {
        return await withGateway({ ...env, ...secret }, (one) => {
          return withGateway({ ...env, ...secret }, async (other) => {
            const key = firstKeyOf(one);
            await createPrompt(one, key, ['1.0.0', '2.0.0']);
            const times = await timeMoves(one, other, key);
            return [
              {
                case: 'label-move-to-other-gateway',
                load: `${MOVES} moves, two gateways on one Postgres`,
                figure: `at most ${times.at(-1)!.toFixed(0)} ms`,
                notes: `median ${times[MOVES / 2]!.toFixed(0)} ms, from before the move`,
              },
            ];
          });
        });
      } finally {
        rmSync(prompts, { recursive: true, force: true });
      }
    } finally {
      await postgres.remove();
    }
  },
};

const PROMPTS = 10_000;
const VERSIONS_A_PROMPT = 10;

/** Committed in one go, as a clone of a repository that others have filled. */
async function fillRepository(directory: string): Promise<void> {
  const git = (...words: string[]) => promisify(execFile)('git', ['-C', directory, ...words]);
  mkdirSync(directory, { recursive: true });
  await git('init', '-q', '-b', 'main');
  // It would go on in the background, where nobody waits for its end.
  await git('config', 'gc.auto', '0');
  for (let prompt = 0; prompt < PROMPTS; prompt++) {
    const name = `prompt-${prompt}`;
    const folder = path.join(directory, 'prompts', name);
    mkdirSync(folder, { recursive: true });
    for (let patch = 0; patch < VERSIONS_A_PROMPT; patch++) {
      const version = `1.0.${patch}`;
      const content = JSON.stringify({ name, version, messages: messages(version) });
      writeFileSync(path.join(folder, `${version}.json`), content);
    }
  }
  await git('add', '.');
  await git('-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-q', '-m', 'All prompts');
}

async function startTimed(options: Parameters<typeof startGatewayProcess>[0]) {
  const started = performance.now();
  const gateway = await startGatewayProcess(options);
  return { gateway, seconds: (performance.now() - started) / 1000 };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const ADOPTION_POLL_MS = 500;

/** The gateway serves before it has compared its index with the repository. */
async function untilAdopted(gateway: GatewayProcess, key: string): Promise<void> {
  const adopted = async () => {
    const { count } = (await (await call(gateway, key, '/v1/prompts/count')).json()) as { count: number };
    return count;
  };
  while ((await adopted()) < PROMPTS) await sleep(ADOPTION_POLL_MS);
}

const manyCase: Case = {
  name: 'prompts-100k',
  long: true,
  async run({ seconds }) {
    const dataDirectory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
    const name = 'prompts-100k';
    const load = `${thousands(PROMPTS)} prompts, ${thousands(PROMPTS * VERSIONS_A_PROMPT)} versions`;
    try {
      await fillRepository(path.join(dataDirectory, 'prompts'));
      const first = await startTimed({ dataDirectory, env: GUARDED });
      const key = firstKeyOf(first.gateway);
      const adoptedMs = await timed(() => untilAdopted(first.gateway, key));
      await first.gateway.stop();
      const { gateway, seconds: startSeconds } = await startTimed({ dataDirectory, env: GUARDED });
      try {
        const listMs = await timed(() => call(gateway, key, '/v1/prompts?limit=100&page=100'));
        const paths = Array.from({ length: PROMPTS }, (_, at) => `/v1/prompts/prompt-${at}?variables[name]=Alice`);
        const rate = await warmAndDrive(gateway, key, { seconds, paths });
        return [
          {
            case: name,
            load,
            figure: `starts in ${startSeconds.toFixed(1)} s`,
            notes: `adopted in ${(first.seconds + adoptedMs / 1000).toFixed(1)} s; a page of the list in ${listMs.toFixed(0)} ms`,
          },
          rowOf(name, `${load}: all of them in turn, rendered`, rate),
        ];
      } finally {
        await gateway.kill();
      }
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true, maxRetries: 10 });
    }
  },
};

export const PROMPT_CASES: readonly Case[] = [renderedCase, notModifiedCase, ingestingCase, otherGatewayCase, manyCase];
