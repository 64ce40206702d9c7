/** `npm run demo` against a gateway: what it prints is run as it stands, and must show what it says. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { entryFile, type GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const run = promisify(execFile);
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

const ENGINES = [
  { engine: 'SQLite', database: async () => ({}) },
  ...(postgres
    ? [{ engine: 'Postgres', database: async () => ({ DATABASE_URL: await postgres.createDatabase() }) }]
    : []),
];

const DEMO = path.join(path.dirname(entryFile()), '..', 'bench', 'demo', 'run.js');
const KEY = /\bpm_[0-9a-f]{64}\b/;

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

function demo(env: Record<string, string>): Promise<Ran> {
  return run(process.execPath, [DEMO], { env: { PATH: process.env.PATH!, ...env } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by name
type Loose = any;

/** What each line of curl answers, in their order, by the path that it asks for. */
async function answersOf(stdout: string, key: string): Promise<{ path: string; body: Loose }[]> {
  const lines = stdout.split('\n').filter((line) => line.startsWith('curl '));
  const env = { PATH: process.env.PATH, PROMPTMETRICS_API_KEY: key };
  const answers: { path: string; body: Loose }[] = [];
  for (const line of lines) {
    const { stdout: text } = await run('bash', ['-c', line.replace('curl ', 'curl --fail-with-body ')], { env });
    answers.push({ path: new URL(/'(.*)'/.exec(line)![1]!).pathname, body: JSON.parse(text) });
  }
  return answers;
}

function environmentOf(gateway: GatewayProcess, key: string) {
  const headers = `x-api-key=${key}`;
  return {
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: gateway.otlpHttp, OTEL_EXPORTER_OTLP_HEADERS: headers },
    ...{ PROMPTMETRICS_URL: gateway.api, PROMPTMETRICS_API_KEY: key },
  };
}

const rolesOf = (messages: Loose[]) => messages.map(({ role }) => role as string);

describe.skipIf(!hasCurl)('npm run demo', () => {
  it.each(ENGINES)('sends a day that every view shows something of, from $engine', async ({ database }) => {
    const env = { API_AUTH: 'required', OTLP_AUTH: 'required', ...(await database()) };
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const key = KEY.exec(gateway.output.join('\n'))![0];
    const { code, stdout, stderr } = await demo(environmentOf(gateway, key));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

    const answers = await answersOf(stdout, key);
    expect(answers.length).toBeGreaterThan(12);
    const [newest, dear, failed, found, fromEvents, trace, cached, unpriced, ofAgent, sessions, session, ...rest] =
      answers.map(({ body }) => body);
    const [users, ofUser, byModel, byHour, byDay, byPrompt, without] = rest;

    expect(newest.items).toHaveLength(5);
    for (const { cost_usd } of dear.items) expect(cost_usd).toBeGreaterThanOrEqual(0.01);
    expect(failed.items.map(({ status }: Loose) => status)).toEqual(Array(5).fill('error'));
    expect(JSON.stringify(found.items[0].input)).toMatch(/zip/i);

    expect(rolesOf(fromEvents.input).slice(0, 2)).toEqual(['system', 'user']);
    expect(rolesOf(fromEvents.output)).toEqual(['assistant']);
    expect(fromEvents).toMatchObject({ session_id: expect.stringMatching(/^chat-/), cost_usd: expect.any(Number) });
    const span = trace.spans.find(({ span_id }: Loose) => span_id === fromEvents.span_id);
    expect(JSON.stringify(span.attributes)).not.toContain(fromEvents.output[0].parts[0].content);

    expect(cached.lines.map(({ token_type }: Loose) => token_type)).toEqual(['input', 'output', 'cache_read']);
    const lines = cached.lines.reduce((sum: number, line: Loose) => sum + line.cost_usd, 0);
    expect(lines).toBeCloseTo(cached.cost_usd, 12);
    expect(unpriced).toMatchObject({ cost_usd: null, price: null, explanation: expect.stringMatching(/^Unpriced/) });

    const [agent, ...steps] = ofAgent.items;
    expect(agent).toMatchObject({ kind: 'agent', counted: false });
    const thought = steps.filter(({ kind }: Loose) => kind === 'llm');
    const input = thought.reduce((sum: number, { usage }: Loose) => sum + usage.input, 0);
    expect(thought.length).toBeGreaterThan(1);
    expect(thought.every(({ counted }: Loose) => counted)).toBe(true);
    expect(agent.usage.input).toBe(input);

    expect(sessions.total).toBeGreaterThan(300);
    expect(session.trace_ids.length).toBeGreaterThan(1);
    expect(session.requests).toBeGreaterThanOrEqual(session.trace_ids.length);
    expect(users.total).toBe(18);
    expect(new Set(ofUser.items.map(({ user_id }: Loose) => user_id)).size).toBe(1);

    const models = byModel.rows.map(({ group }: Loose) => group.model);
    expect(models).toEqual(
      expect.arrayContaining(['gpt-4o-mini-2024-07-18', 'o4-mini-2025-04-16', 'gemini-2.5-flash']),
    );
    const requests = byModel.rows.reduce((sum: number, row: Loose) => sum + row.requests, 0);
    const hourly = byHour.rows.reduce((sum: number, row: Loose) => sum + row.requests, 0);
    const daily = byDay.daily.reduce((sum: number, row: Loose) => sum + row.request_count, 0);
    expect([requests, hourly]).toEqual([daily, daily]);
    expect(byHour.rows.length).toBeGreaterThan(20);
    expect(byPrompt.prompts.map(({ prompt_name }: Loose) => prompt_name)).toEqual(
      expect.arrayContaining(['handbook/answer', 'manual-search', 'night/summary', 'contracts-review', 'welcome-mail']),
    );
    expect(without.models).toEqual([expect.objectContaining({ model: 'acme/contracts-llama-70b' })]);
  });

  it('a second run is another day beside the first, and its calls are no further sightings of it', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: { API_AUTH: 'auto' } });
    const counts: number[] = [];
    for (let times = 0; times < 2; times++) {
      const { code, stderr } = await demo({
        OTEL_EXPORTER_OTLP_ENDPOINT: gateway.otlpHttp,
        PROMPTMETRICS_URL: gateway.api,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const answer = await fetch(`${gateway.api}/v1/metrics/time-series?window=7d`);
      const { daily } = (await answer.json()) as Loose;
      counts.push(daily.reduce((sum: number, { request_count }: Loose) => sum + request_count, 0));
    }
    expect(counts[1]).toBe(2 * counts[0]!);
  });

  it('without a gateway says so, and what to do', async () => {
    const { code, stderr } = await demo({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    expect(code).toBe(1);
    expect(stderr).toContain('npm start');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('with a wrong key for OTLP says which setting is missing', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: { OTLP_AUTH: 'required' } });
    const { code, stderr } = await demo({
      OTEL_EXPORTER_OTLP_ENDPOINT: gateway.otlpHttp,
      PROMPTMETRICS_URL: gateway.api,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('OTEL_EXPORTER_OTLP_HEADERS');
  });
});
