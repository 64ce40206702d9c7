import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { logTimeOf } from '../../src/model/native-log-ids.js';
import { testApp } from '../helpers/api.js';
import { storedGeneration } from '../helpers/generations-memory.js';
import { recordSource } from '../helpers/records.js';

const WORKSPACE = 'default';
const PRICE = {
  key: 'p',
  source: 'catalog',
  version: '0.1.8',
  provider: 'openai',
  model: 'gpt-4o',
  serviceTier: '',
  rates: { input: '2.5', output: '10' },
} as const;

let context: Awaited<ReturnType<typeof testApp>>;
let app: FastifyInstance;
beforeEach(async () => {
  context = await testApp();
  app = context.app;
});
afterEach(() => app.close());

async function get(url: string) {
  const response = await app.inject({ url, headers: { 'x-workspace-id': WORKSPACE } });
  return { status: response.statusCode, body: response.json() };
}

const idOf = ({ traceId, spanId }: { traceId: Uint8Array | undefined; spanId: Uint8Array | undefined }) =>
  `${Buffer.from(traceId!).toString('hex')}-${Buffer.from(spanId!).toString('hex')}`;

describe('a list of generations', () => {
  it('loses a digit of the cost, or calls what has no price free', async () => {
    const priced = storedGeneration({ cost: { picodollars: 123_456_789_012_345n, price: PRICE } });
    const unpriced = storedGeneration();
    context.generations.add(WORKSPACE, priced, unpriced);
    const response = await app.inject({ url: '/v1/generations?order=asc' });
    expect(response.body).toContain('"cost_usd":123.456789012345,');
    expect(response.json().items[1]).toMatchObject({ cost_usd: null, price: null });
  });

  it('shows parts of the usage that nobody counted, or leaves out the total', async () => {
    context.generations.add(WORKSPACE, storedGeneration({ usage: { input: 7, output: 3, cacheRead: 2 } }));
    const { body } = await get('/v1/generations');
    expect(body.items[0].usage).toEqual({ input: 7, output: 3, cache_read: 2, total: 10 });
  });

  it.each([
    ['kind=llm,embedding', { kinds: ['llm', 'embedding'] }],
    ['model=gpt-4o&provider=openai', { model: 'gpt-4o', provider: 'openai' }],
    ['prompt_name=welcome&version_tag=1.0.0', { promptName: 'welcome', promptVersion: '1.0.0' }],
    ['session_id=s&user_id=u&environment=prod', { sessionId: 's', userId: 'u', environment: 'prod' }],
    ['error=true&priced=false&counted=true', { isError: true, isPriced: false, counted: true }],
    ['min_cost_usd=0.5&max_cost_usd=1', { minPicodollars: 500_000_000_000n, maxPicodollars: 1_000_000_000_000n }],
    ['min_tokens=1&max_tokens=2', { minTokens: 1, maxTokens: 2 }],
    ['min_duration_ms=1.5&max_duration_ms=1e30', { minDurationNano: 1_500_000n, maxDurationNano: 2n ** 63n - 1n }],
    ['search=%20refund%20policy', { text: 'refund policy' }],
    [
      'from=2026-01-01&to=2026-01-02',
      { fromUnixNano: 1_767_225_600_000_000_000n, toUnixNano: 1_767_312_000_000_000_000n },
    ],
  ])('does not filter by %s, nor does its count', async (query, asked) => {
    expect((await get(`/v1/generations?${query}`)).status).toBe(200);
    expect((await get(`/v1/generations/count?${query}`)).body).toEqual({ count: 0, countRelation: 'eq' });
    for (const sent of context.generations.queries) expect(sent).toMatchObject({ workspace: WORKSPACE, ...asked });
  });

  it.each([
    'kind=span',
    'kind=banana',
    'min_cost_usd=-1',
    'error=maybe',
    'min_tokens=1.5',
    'search=',
    'trace_id=xyz',
    'include=messages&limit=21',
    'cursor=abc',
  ])('takes %s', async (query) => {
    expect((await get(`/v1/generations?${query}`)).status).toBe(422);
  });

  it('skips or repeats one from page to page', async () => {
    const all = Array.from({ length: 7 }, () => storedGeneration());
    context.generations.add(WORKSPACE, ...all);
    const ids: string[] = [];
    let cursor = '';
    do {
      const { body } = await get(`/v1/generations?limit=3${cursor && `&cursor=${cursor}`}`);
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor ?? '';
    } while (cursor);
    expect(ids).toEqual(all.toReversed().map(idOf));
  });
});

describe('one generation', () => {
  const source = recordSource(5);

  function withMessages() {
    const span = {
      ...source.trace(1)[0]!,
      attributes: JSON.stringify({
        'gen_ai.operation.name': 'chat',
        'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'Hello' }] }]),
      }),
    };
    const event = {
      ...source.logRecord(),
      traceId: span.traceId,
      spanId: span.spanId,
      eventName: 'gen_ai.choice',
      body: JSON.stringify({ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi there' } }),
    };
    context.telemetry.addSpans(WORKSPACE, [span]);
    context.telemetry.addLogRecords(WORKSPACE, [event]);
    const generation = storedGeneration({ traceId: span.traceId, spanId: span.spanId });
    context.generations.add(WORKSPACE, generation);
    return generation;
  }

  it('is without the messages of its attributes, or those that came as log events', async () => {
    const { body } = await get(`/v1/generations/${idOf(withMessages())}`);
    expect(body.input).toEqual([{ role: 'user', parts: [{ type: 'text', content: 'Hello' }] }]);
    expect(body.output).toMatchObject([{ role: 'assistant', parts: [{ type: 'text', content: 'Hi there' }] }]);
  });

  it('loses the events of a span in which an application has logged a thousand other things before', async () => {
    const generation = withMessages();
    const { traceId, spanId } = generation as { traceId: Uint8Array; spanId: Uint8Array };
    const [event] = (await context.telemetry.listLogs({ workspace: WORKSPACE, traceId, spanId, limit: 1 })).items;
    const said = (at: number) => ({
      ...source.logRecord(),
      traceId,
      spanId,
      body: `"${at}"`,
      timeUnixNano: BigInt(at),
    });
    const noise = Array.from({ length: 1500 }, (_, at) => said(at));
    expect(event!.timeUnixNano).toBeGreaterThan(1500n);
    context.telemetry.addLogRecords(WORKSPACE, noise);
    const { body } = await get(`/v1/generations/${idOf(generation)}`);
    expect(body).toMatchObject({ output: [{ parts: [{ content: 'Hi there' }] }], messages_truncated: false });
  });

  it('takes as many events as a client has sent, however large they are', async () => {
    const generation = withMessages();
    const { traceId, spanId } = generation as { traceId: Uint8Array; spanId: Uint8Array };
    const body = JSON.stringify({ content: 'x'.repeat(2 ** 20) });
    const event = { ...source.logRecord(), traceId, spanId, body, eventName: 'gen_ai.user.message', attributes: '{}' };
    context.telemetry.addLogRecords(
      WORKSPACE,
      Array.from({ length: 250 }, () => event),
    );
    const asked = vi.spyOn(context.telemetry, 'listLogs');
    const { body: read } = await get(`/v1/generations/${idOf(generation)}`);
    expect([read.messages_truncated, asked.mock.calls.length]).toEqual([true, 1]);
  });

  it('has messages in a list only when they are asked for', async () => {
    withMessages();
    const [plain, full] = [await get('/v1/generations'), await get('/v1/generations?include=messages&limit=5')];
    expect(plain.body.items[0]).not.toHaveProperty('input');
    expect(full.body.items[0].input[0].parts[0].content).toBe('Hello');
  });

  it('of a log is found by the id that POST /v1/logs gave', async () => {
    const id = 123_456_789;
    const log = { source: 'log', traceId: undefined, spanId: undefined, startTimeUnixNano: logTimeOf(id)! } as const;
    context.generations.add(WORKSPACE, storedGeneration(log));
    expect((await get(`/v1/generations/log-${id}`)).body).toMatchObject({ id: `log-${id}`, source: 'log', input: [] });
  });

  it.each(['abc', 'log-x', `${'0'.repeat(32)}`, `${'g'.repeat(32)}-${'0'.repeat(16)}`])('%s is an id', async (id) => {
    expect((await get(`/v1/generations/${id}`)).status).toBe(400);
    expect((await get(`/v1/spans/${id}/cost`)).status).toBe(400);
  });

  it('that nobody has is anything but a 404', async () => {
    const id = `${'1'.repeat(32)}-${'2'.repeat(16)}`;
    expect((await get(`/v1/generations/${id}`)).status).toBe(404);
    expect((await get(`/v1/spans/${id}/cost`)).status).toBe(404);
  });
});

describe('a cost', () => {
  it('is explained by lines that do not add up to it', async () => {
    // 900 × 2.5 + 100 × 1.25 + 50 × 10 dollars a million
    const price = { ...PRICE, rates: { input: '2.5', cacheRead: '1.25', output: '10' } };
    const generation = storedGeneration({
      usage: { input: 1000, cacheRead: 100, output: 50 },
      cost: { picodollars: 2_875_000_000n, price },
      reportedCost: 3_000_000_000n,
    });
    context.generations.add(WORKSPACE, generation);
    const { body } = await get(`/v1/spans/${idOf(generation)}/cost`);
    expect(body).toMatchObject({ cost_usd: 0.002875, reported_cost_usd: 0.003, price: { version: '0.1.8' } });
    expect(body.lines).toHaveLength(3);
    const sum = body.lines.reduce((total: number, line: { cost_usd: number }) => total + line.cost_usd, 0);
    expect(sum).toBeCloseTo(0.002875, 12);
    expect(body.explanation).toContain('gpt-4o');
  });

  it('hides what it leaves out, or takes another rate for', async () => {
    const price = { ...PRICE, rates: { input: '3', cacheWrite: '4', output: '10', requests: '14' } };
    const generation = storedGeneration({
      serviceTier: 'flex',
      usage: { input: 1000, cacheWrite: 100, output: 50 },
      billed: { cacheWrite1h: 100, webSearches: 2 },
      cost: { picodollars: 17_600_000_000n, price },
    });
    context.generations.add(WORKSPACE, generation);
    const { body } = await get(`/v1/spans/${idOf(generation)}/cost`);
    expect(body.lines.slice(2)).toEqual([
      { token_type: 'cache_write_1h', tokens: 100, usd_per_million_tokens: '4', cost_usd: 0.0004 },
      { billed: 'requests', count: 1, usd_per_thousand: '14', cost_usd: 0.014 },
    ]);
    expect(body.notes).toEqual([
      expect.stringContaining('service tier flex'),
      expect.stringContaining('no rate of cache_write_1h'),
      expect.stringContaining('no price of web_searches: 2 of them'),
    ]);
  });

  const UNKNOWN = { requestModel: 'acme-1', responseModel: '' };

  it.each([
    ['that nobody lists', UNKNOWN, /no entry/],
    ['that names no model', { requestModel: '', responseModel: '' }, /no model/],
    ['that tells of no tokens', { usage: {} }, /no tokens/],
    ['that took no tokens', { usage: { input: 0, output: 0 } }, /no tokens/],
    ['from before its price', {}, /entry gpt-4o of the price catalogue .* came later/],
    ['beyond all measure', { usage: { input: Number.MAX_SAFE_INTEGER } }, /more than nine million dollars/],
  ])('of an unpriced call %s is zero, or gives another reason for it', async (_, of, reason) => {
    const generation = storedGeneration({ requestModel: 'gpt-4o', responseModel: '', ...of });
    context.generations.add(WORKSPACE, generation);
    const { body } = await get(`/v1/spans/${idOf(generation)}/cost`);
    expect(body).toMatchObject({ cost_usd: null, lines: [], price: null });
    expect(body.explanation).toMatch(reason);
  });

  it('of half a call looks like that of a whole one', async () => {
    const cost = { picodollars: 2_500_000_000n, price: PRICE };
    const half = storedGeneration({ kind: 'llm', usage: { input: 1000 }, cost });
    const embedding = storedGeneration({ kind: 'embedding', usage: { input: 1000 }, cost });
    context.generations.add(WORKSPACE, half, embedding);
    expect((await get(`/v1/spans/${idOf(half)}/cost`)).body.notes).toEqual([
      expect.stringContaining('no output tokens'),
    ]);
    expect((await get(`/v1/spans/${idOf(embedding)}/cost`)).body.notes).toEqual([]);
  });
});

describe('sessions and users', () => {
  beforeEach(() => {
    const traceId = Buffer.alloc(16, 9);
    context.generations.add(
      WORKSPACE,
      storedGeneration({ sessionId: 's/1', userId: 'ann', traceId }),
      storedGeneration({ sessionId: 's/1', userId: 'bob', traceId, isError: true }),
      storedGeneration({ sessionId: 's2', userId: 'ann' }),
    );
  });

  it('are listed without what they sum up to, the latest active first', async () => {
    const { body } = await get('/v1/sessions');
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual(['s2', 's/1']);
    expect(body.items[1]).toMatchObject({ requests: 2, errors: 1, unpriced: 2, traces: 1, user_ids: ['ann', 'bob'] });
    expect((await get('/v1/users')).body.items[0]).toMatchObject({ id: 'ann', sessions: 2, requests: 2 });
  });

  it('are found when their id has a slash, with their traces', async () => {
    const { body } = await get(`/v1/sessions/${encodeURIComponent('s/1')}`);
    expect(body).toMatchObject({ id: 's/1', trace_ids: ['09'.repeat(16)] });
    expect((await get('/v1/users/ann')).body).toMatchObject({ id: 'ann' });
  });

  it('of a user are those of others', async () => {
    expect((await get('/v1/sessions?user_id=bob')).body.items).toHaveLength(1);
  });

  it('that nobody has are anything but a 404', async () => {
    expect((await get('/v1/sessions/none')).status).toBe(404);
    expect((await get('/v1/users/none')).status).toBe(404);
  });
});
