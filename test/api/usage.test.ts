import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccessFixture, startAccess } from '../helpers/access.js';
import { testApp } from '../helpers/api.js';
import { storedGeneration } from '../helpers/generations-memory.js';
import { recordSource } from '../helpers/records.js';

const WORKSPACE = 'default';
const DAY_MS = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const date = (daysAgo: number) => new Date(TODAY - daysAgo * DAY_MS).toISOString().slice(0, 10);
const nanos = (daysAgo: number) => BigInt(TODAY - daysAgo * DAY_MS) * 1_000_000n;
const costOf = (picodollars: bigint) => ({
  picodollars,
  price: { key: 'k', source: 'workspace', version: '1', provider: '', model: 'm', serviceTier: '', rates: {} } as const,
});

const source = recordSource(3);
const evaluation = (daysAgo: number, name: string, score: string) => ({
  ...source.logRecord(),
  timeUnixNano: nanos(daysAgo),
  eventName: 'gen_ai.evaluation.result',
  attributes: `{"gen_ai.evaluation.name":"${name}","gen_ai.evaluation.score.value":${score}}`,
});

let access: AccessFixture;
let app: FastifyInstance;
beforeAll(async () => {
  access = await startAccess();
  const context = await testApp({ access: access.keyring });
  app = context.app;
  const { generations } = context;
  generations.add(
    WORKSPACE,
    storedGeneration({
      startTimeUnixNano: nanos(1),
      promptName: 'welcome',
      promptVersion: '1.0.0',
      cost: costOf(123_456_789_012_345n),
    }),
    storedGeneration({ startTimeUnixNano: nanos(1), isError: true, userId: 'ann' }),
    storedGeneration({ startTimeUnixNano: nanos(3), promptName: 'bye', cost: costOf(1n), provider: 'anthropic' }),
    storedGeneration({ startTimeUnixNano: nanos(40) }),
    storedGeneration({ startTimeUnixNano: nanos(1), counted: false }),
  );
  generations.add('other', storedGeneration({ startTimeUnixNano: nanos(1), promptName: 'secret' }));
  const made = { workspace: WORKSPACE, workflowName: 'w', input: undefined, output: undefined, traceId: undefined };
  const run = (number: number, status: 'failed' | 'completed', daysAgo: number) => {
    const hex = String(number).padStart(32, '0');
    const id = { text: hex, hex };
    return access.control.runs.create({ ...made, runId: id, status, metadata: '{}' }, TODAY - daysAgo * DAY_MS);
  };
  await run(1, 'failed', 1);
  await run(2, 'completed', 1);
  await run(3, 'failed', 50);
  context.telemetry.addLogRecords(WORKSPACE, [
    evaluation(1, 'helpful', '0.5'),
    evaluation(1, 'helpful', '1'),
    evaluation(2, 'helpful', '0.25'),
    evaluation(40, 'helpful', '0.75'),
    evaluation(1, 'polite', '{"$double":"NaN"}'),
    evaluation(1, 'short', '3'),
  ]);
});
afterAll(async () => {
  await app.close();
  await access.close();
});

async function get(url: string) {
  const response = await app.inject({ url });
  return { status: response.statusCode, body: response.json(), text: response.body };
}

describe('a time series', () => {
  it('has days outside of its window, or what is not counted, or rates of the wrong whole', async () => {
    const { body, text } = await get('/v1/metrics/time-series?window=30d');
    expect(body).toMatchObject({ window: '30d', start: date(30), end: date(0) });
    expect(body.daily.map((day: { date: string }) => day.date)).toEqual([date(3), date(1)]);
    expect(body.daily[1]).toMatchObject({
      request_count: 2,
      total_tokens: 240,
      unpriced_count: 1,
      avg_latency_ms: 500,
      error_rate: 0.5,
      log_error_rate: 0.5,
    });
    expect(text).toContain('"total_cost_usd":123.456789012345');
    expect(body.daily[0]).toMatchObject({ error_rate: null, log_error_rate: 0 });
  });

  it('of 90 days is that of 30', async () => {
    expect((await get('/v1/metrics/time-series?window=90d')).body.daily).toHaveLength(3);
  });

  it.each(['time-series', 'prompts', 'activity'])('of %s takes another window', async (name) => {
    const { status, body } = await get(`/v1/metrics/${name}?window=1y`);
    expect([status, body.error]).toEqual([400, 'Invalid window parameter. Must be one of: 7d, 30d, 90d']);
  });
});

it('prompts are listed with those of other workspaces, with calls that have none, or the cheapest first', async () => {
  const { body } = await get('/v1/metrics/prompts');
  expect(body.prompts).toMatchObject([
    { prompt_name: 'welcome', version_tag: '1.0.0', request_count: 1, error_rate: 0 },
    { prompt_name: 'bye', version_tag: null, total_tokens_in: 100, total_tokens_out: 20 },
  ]);
  expect((await get('/v1/metrics/prompts?limit=1')).body.prompts).toHaveLength(1);
});

it('a limit or a page beyond its bounds, which clients know as brought within them, is refused', async () => {
  for (const [limit, taken] of [
    ['500', 100],
    ['0', 1],
    ['-3', 1],
    ['many', 50],
    ['1.5', 50],
    ['', 50],
  ] as const) {
    const { status, body } = await get(`/v1/metrics/activity?limit=${limit}&page=0`);
    expect([status, body.recent_runs?.limit, body.recent_runs?.page]).toEqual([200, taken, 1]);
    expect((await get(`/v1/metrics/prompts?limit=${limit}`)).body.prompts).toHaveLength(Math.min(taken, 2));
  }
});

it('evaluations have scores of other days or names, or those that are no numbers', async () => {
  const { body } = await get('/v1/metrics/evaluations');
  const trend = [
    { date: date(2), avg_score: 0.25, result_count: 1, min_score: 0.25, max_score: 0.25 },
    { date: date(1), avg_score: 0.75, result_count: 2, min_score: 0.5, max_score: 1 },
  ];
  expect(body.truncated).toBe(false);
  expect(body.evaluations).toMatchObject([{ name: 'helpful', prompt_name: null, trend }, { name: 'short' }]);
  expect((await get('/v1/metrics/evaluations?name=short')).body.evaluations).toHaveLength(1);
  expect((await get('/v1/metrics/evaluations?evaluation_id=7')).body).toMatchObject({
    evaluations: [],
    truncated: false,
  });
});

it('activity counts runs of other times, or has no page of the latest', async () => {
  const { body } = await get('/v1/metrics/activity?limit=1');
  expect(body.summary).toMatchObject({ total_runs: 2, failed_runs: 1, total_logs: 3, active_prompts: 2 });
  expect(body.recent_runs).toMatchObject({ total: 2, limit: 1, totalPages: 2, items: [{ workflow_name: 'w' }] });
});

it('unpriced models are not told, or priced ones are', async () => {
  const { body } = await get('/v1/prices/unpriced');
  expect(body.models).toEqual([{ provider: 'openai', model: 'gpt-4o-2024-08-06', requests: 1 }]);
});

describe('usage', () => {
  it('groups by something else than what was asked, or is not narrowed', async () => {
    const { body } = await get(`/v1/metrics/usage?from=${date(30)}&group_by=provider&series=false`);
    expect(body.rows.map(({ group, requests }: { group: object; requests: number }) => [group, requests])).toEqual([
      [{ provider: 'openai' }, 2],
      [{ provider: 'anthropic' }, 1],
    ]);
    const first = await get(`/v1/metrics/usage?from=${date(30)}&group_by=provider&series=false&limit=1`);
    expect(first.body.rows).toEqual(body.rows.slice(0, 1));
    const narrowed = await get(`/v1/metrics/usage?from=${date(30)}&user=ann&series=false`);
    expect(narrowed.body.rows).toMatchObject([{ requests: 1, errors: 1, group: {} }]);
  });

  it('widens its range to whole steps, and tells which', async () => {
    const { body } = await get('/v1/metrics/usage?from=2026-01-01T10:30:00Z&to=2026-01-01T11:00:01Z&step=hour');
    expect(body).toMatchObject({ from: '2026-01-01T10:00:00.000Z', to: '2026-01-01T12:00:00.000Z', step: 'hour' });
  });

  it.each([
    'from=2026-01-02&to=2026-01-01',
    'from=2020-01-01&to=2026-01-01&step=minute',
    'group_by=colour',
    'step=week',
    'series=perhaps',
  ])('takes %s', async (query) => {
    expect((await get(`/v1/metrics/usage?${query}`)).status).toBe(422);
  });
});
