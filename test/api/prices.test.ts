import type { InjectOptions } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_PRICES, MAX_RUNNING_REPRICINGS } from '../../src/pricing/changes.js';
import { storedGeneration } from '../helpers/generations-memory.js';
import { type AccessApp, onEachDatabase, openForAll } from './databases.js';

const DONE = { status: 'done', examined: 12, changed: 4 } as const;

onEachDatabase((open) => {
  const start = async () => {
    const context = await open();
    const { key } = await context.access.mint('default', 'read,write,admin');
    const call = (method: string, url: string, payload?: unknown, headers = {}) =>
      context.app.inject({
        method: method as 'PUT',
        url,
        headers: { 'x-api-key': key, ...headers },
        ...(payload !== undefined && { payload: payload as object }),
      });
    const audit = async () => {
      const { items } = await context.access.control.auditLogs.list({ workspace: 'default', limit: 50, order: 'asc' });
      return items.filter(({ action }) => action.startsWith('price:'));
    };
    return { ...context, call, audit };
  };

  it('a call that its price has no rate of is told to have no price, or not of which tokens', async () => {
    const { call, generations } = await start();
    const generation = storedGeneration({ requestModel: 'acme-1', responseModel: '', usage: { input: 5, output: 7 } });
    generations.add('default', generation);
    const id = [generation.traceId!, generation.spanId!].map((bytes) => Buffer.from(bytes).toString('hex')).join('-');
    const explanation = async () => (await call('GET', `/v1/spans/${id}/cost`)).json().explanation;
    await call('PUT', '/v1/prices', { model_pattern: 'acme-*', rates: { output: '3' } });
    expect(await explanation()).toBe("Unpriced: the entry acme-* of the workspace's own prices has no rate of input");
    await call('PUT', '/v1/prices', { model_pattern: 'acme-*', rates: { input: '1', output: '3' } });
    expect(await explanation()).toMatch(/came later/);
  });

  it('a price is set, read, listed, counted, changed and deleted, each change in the audit log', async () => {
    const { call, audit } = await start();
    const body = {
      model_pattern: 'GPT-4o**',
      provider: 'xai',
      rates: { input: 2.5, cache_read: '0.50', output: '10' },
    };
    const made = await call('PUT', '/v1/prices', body);
    expect(made.statusCode).toBe(201);
    const price = made.json();
    expect(price).toMatchObject({
      revision: 1,
      model_pattern: 'gpt-4o*',
      provider: 'x_ai',
      service_tier: null,
      valid_from: null,
      rates: { input: '2.5', cache_read: '0.5', output: '10' },
    });
    expect((await call('GET', `/v1/prices/${price.id}`)).json()).toEqual(price);
    const again = await call('PUT', '/v1/prices', { ...body, provider: 'x_ai', valid_from: null });
    expect([again.statusCode, again.json()]).toEqual([200, price]);
    const changed = await call('PUT', '/v1/prices', { ...body, rates: { output: 1e-6 } });
    expect(changed.json()).toMatchObject({ id: price.id, revision: 2, rates: { output: '0.000001' } });
    expect((await call('GET', '/v1/prices')).json()).toMatchObject({ total: 1, items: [changed.json()] });
    expect((await call('GET', '/v1/prices/count?provider=xai')).json()).toEqual({ count: 1, countRelation: 'eq' });
    expect((await call('GET', '/v1/prices/count?provider=')).json().count).toBe(0);
    expect((await call('DELETE', `/v1/prices/${price.id}`)).statusCode).toBe(204);
    expect((await call('DELETE', `/v1/prices/${price.id}`)).statusCode).toBe(404);
    expect((await call('GET', `/v1/prices/${price.id}`)).statusCode).toBe(404);
    const rows = await audit();
    expect(rows.map(({ action, targetId }) => [action, targetId])).toEqual([
      ['price:set', String(price.id)],
      ['price:set', String(price.id)],
      ['price:delete', String(price.id)],
    ]);
    expect(rows[1]!.details).toMatchObject({ revision: 2, before: { input: '2.5' }, rates: { output: '0.000001' } });
  });

  it('a price is deleted by what it is of', async () => {
    const { call } = await start();
    for (const valid_from of [null, '2026-01-01']) {
      await call('PUT', '/v1/prices', { model_pattern: 'o3', service_tier: 'flex', valid_from, rates: { input: 1 } });
    }
    expect((await call('DELETE', '/v1/prices?model_pattern=o3')).statusCode).toBe(404);
    const url = '/v1/prices?model_pattern=O3&service_tier=flex&valid_from=2026-01-01T00:00:00Z';
    expect((await call('DELETE', url)).statusCode).toBe(204);
    expect((await call('GET', '/v1/prices')).json().items).toMatchObject([{ valid_from: null }]);
  });

  it('a workspace has no more prices than are kept in memory', async () => {
    const { call, access } = await start();
    const of = { workspace: 'default', provider: '', serviceTier: '', validFromUnixMs: 0 };
    await access.control.transaction(async ({ prices }) => {
      for (let at = 0; at < MAX_PRICES; at++) await prices.put({ ...of, pattern: `m${at}` }, { input: '1' }, 1);
    });
    expect((await call('PUT', '/v1/prices', { model_pattern: 'more', rates: { input: 1 } })).statusCode).toBe(409);
    expect((await call('PUT', '/v1/prices', { model_pattern: 'm7', rates: { input: 2 } })).statusCode).toBe(200);
  });

  it('a key that may only read or write changes no price, and reads them', async () => {
    const { app, access } = await start();
    const { key } = await access.mint('default', 'read,write');
    const send = (method: 'PUT' | 'GET' | 'POST', url: string, payload: object) =>
      app.inject({ method, url, headers: { 'x-api-key': key }, ...(method !== 'GET' && { payload }) });
    expect((await send('PUT', '/v1/prices', { model_pattern: 'x', rates: { input: 1 } })).statusCode).toBe(403);
    expect((await send('POST', '/v1/prices/reprice', { from: 1, to: 2 })).statusCode).toBe(403);
    expect((await send('GET', '/v1/prices', {})).statusCode).toBe(200);
  });

  it('searches, requests, images and an hour in the cache have rates of their own', async () => {
    const { call } = await start();
    const rates = { input: '3', output: '15', cache_write_1h: '6', input_image: '4', output_image: '40' };
    const whole = { ...rates, web_searches: '10', requests: '5' };
    const { rates: kept } = (await call('PUT', '/v1/prices', { model_pattern: 'claude-*', rates: whole })).json();
    expect(kept).toEqual(whole);
    const published = (await call('GET', '/v1/prices/effective?model=claude-sonnet-4-5&provider=anthropic')).json();
    expect(published).toMatchObject({ source: 'workspace', bands: [{ rates: whole }] });
    const sonar = (await call('GET', '/v1/prices/effective?model=sonar-pro&provider=perplexity')).json();
    expect(sonar.bands).toEqual([{ above_input_tokens: -1, rates: { input: '3', output: '15', requests: '14' } }]);
  });

  it('the price that applies is shown with its reason: published, own, of a context, or none', async () => {
    const { call } = await start();
    const effective = async (query: string) => (await call('GET', `/v1/prices/effective?${query}`)).json();
    expect(await effective('model=openai/gpt-4o')).toMatchObject({
      source: 'catalog',
      matched: { provider: 'openai', model: 'gpt-4o', service_tier: '' },
      bands: [{ above_input_tokens: -1, rates: { input: '2.5', cache_read: '1.25', output: '10' } }],
    });
    const { bands } = await effective('model=gemini-2.5-pro&provider=gcp.vertex_ai');
    expect(bands.map((band: { above_input_tokens: number }) => band.above_input_tokens)).toEqual([-1, 200_000]);
    const none = await effective('model=nobody-knows-it');
    expect(none).toMatchObject({ source: null, matched: null, bands: [] });
    expect(none.why).toContain('unpriced');
    const rates = { input: 1, output: 2 };
    const later = (await call('PUT', '/v1/prices', { model_pattern: 'gpt-*', valid_from: '2026-06-01', rates })).json();
    expect(await effective('model=gpt-4o&at=2026-05-31T23:59:59Z')).toMatchObject({
      source: 'catalog',
      own_prices: [],
    });
    expect(await effective('model=gpt-4o&at=2026-06-01')).toMatchObject({
      source: 'workspace',
      version: `${later.id}.1`,
      bands: [{ rates: { input: '1', output: '2' } }],
      own_prices: [{ id: later.id }],
    });
    expect((await call('GET', '/v1/prices/effective')).statusCode).toBe(422);
    expect((await call('GET', '/v1/prices/effective?model=x&at=soon')).statusCode).toBe(422);
  });

  it('a workspace that is deleted takes its prices along, and what is priced anew', async () => {
    const { access, as } = await open();
    const { key } = await access.mint('acme', 'admin');
    const master = await access.mint('*', 'read,write,admin');
    await as(key, 'acme')('POST', '/v1/prices/reprice', { from: 1, to: 2 });
    const of = { workspace: 'acme', pattern: '*', provider: '', serviceTier: '', validFromUnixMs: 0 };
    await access.control.prices.put(of, { input: '1' }, 1);
    expect((await as(master.key)('DELETE', '/v1/workspaces/acme')).statusCode).toBe(204);
    expect(await access.control.prices.allOf('acme')).toEqual([]);
    expect(await access.control.repricings.count({ workspace: 'acme' })).toMatchObject({ total: 0 });
  });

  it('a repricing is begun, audited, and shown with its progress', async () => {
    const { call, audit, access } = await start();
    const begun = await call('POST', '/v1/prices/reprice', { from: '2026-11-01', to: 1_794_000_000_000 });
    expect([begun.statusCode, begun.json()]).toEqual([202, { id: expect.any(Number), status: 'running' }]);
    const { id } = begun.json();
    expect(begun.headers.location).toBe(`/v1/prices/reprice/${id}`);
    expect((await call('GET', `/v1/prices/reprice/${id}`)).json()).toMatchObject({
      id,
      from: '2026-11-01T00:00:00.000Z',
      to: new Date(1_794_000_000_000).toISOString(),
      status: 'running',
      examined: 0,
      changed: 0,
      finished_at: null,
    });
    expect(await audit()).toMatchObject([{ action: 'price:reprice', targetId: String(id) }]);
    const lease = { owner: 'me', nowUnixMs: Date.now(), untilUnixMs: Date.now() + 60_000 };
    await access.control.repricings.claim(lease);
    await access.control.repricings.advance(id, { cursor: 'x', examined: 10, changed: 3 }, lease);
    expect((await call('GET', `/v1/prices/reprice/${id}`)).json()).toMatchObject({ examined: 10, changed: 3 });
    await access.control.repricings.finish(id, DONE, lease);
    const { items } = (await call('GET', '/v1/prices/reprice?status=done')).json();
    expect(items).toMatchObject([{ id, ...DONE, finished_at: expect.any(String) }]);
    expect((await call('GET', '/v1/prices/reprice/count?status=running')).json().count).toBe(0);
  });

  it('a repricing without a range is refused, and so is one too many', async () => {
    const { call } = await start();
    const bodies = [
      {},
      { from: 1 },
      { from: 2, to: 1 },
      { from: 1, to: 1 },
      { from: 'x', to: 2 },
      { from: 1, to: 2, all: 1 },
    ];
    for (const body of bodies) expect((await call('POST', '/v1/prices/reprice', body)).statusCode).toBe(422);
    for (let at = 0; at < MAX_RUNNING_REPRICINGS; at++) {
      expect((await call('POST', '/v1/prices/reprice', { from: 1, to: 2 })).statusCode).toBe(202);
    }
    expect((await call('POST', '/v1/prices/reprice', { from: 1, to: 2 })).statusCode).toBe(409);
    expect((await call('GET', '/v1/prices/reprice/nope')).statusCode).toBe(404);
  });
});

describe('a bad price', () => {
  let context: AccessApp;
  let key: string;
  beforeAll(async () => {
    context = await openForAll();
    ({ key } = await context.access.mint('default', 'admin'));
    return context.close;
  });
  const put = (payload: unknown) =>
    context.app.inject({
      method: 'PUT',
      url: '/v1/prices',
      headers: { 'x-api-key': key },
      payload: payload as NonNullable<InjectOptions['payload']>,
    });

  it.each([
    [{}, ['"model_pattern" is required', '"rates" must be of type object']],
    [{ model_pattern: '', rates: { input: 1 } }, ['"model_pattern" is not allowed to be empty']],
    [{ model_pattern: ' ', rates: { input: 1 } }, ['"model_pattern" is not allowed to be empty']],
    [{ model_pattern: 'a\n', rates: { input: 1 } }, ['"model_pattern" must not have control characters']],
    [{ model_pattern: 'x', rates: {} }, ['"rates" must have input or output']],
    [{ model_pattern: 'x', rates: { cache_read: 1 } }, ['"rates" must have input or output']],
    [{ model_pattern: 'x', rates: { input: '1.0000001' } }, ['"rates.input" must have at most 6 decimals']],
    [{ model_pattern: 'x', rates: { input: 1_000_001 } }, ['"rates.input" must be less than or equal to 1000000']],
    [{ model_pattern: 'x', rates: { input: 1, tokens: 1 } }, ['"rates.tokens" is not allowed']],
    [
      { model_pattern: 'x', rates: { input: 1 }, valid_from: 'soon' },
      ['"valid_from" must be an ISO 8601 time or unix milliseconds'],
    ],
    [{ model_pattern: 'x', rates: { input: 1 }, price: 1 }, ['"price" is not allowed']],
    [
      { model_pattern: 'x'.repeat(257), rates: { input: 1 } },
      ['"model_pattern" length must be less than or equal to 256 characters long'],
    ],
  ])('%j is refused with the names of its faults', async (body, faults) => {
    const response = await put(body);
    expect(response.statusCode).toBe(422);
    expect(response.json().details.fields).toEqual(expect.arrayContaining(faults.slice(0, 1)));
    expect(response.json().details.fields).toHaveLength(faults.length);
  });

  it.each(['-1', 'abc', '', 'NaN', '1e400', -1, null, true, [1], { usd: 1 }])(
    'a rate of %j is refused',
    async (rate) => {
      const response = await put({ model_pattern: 'x', rates: { input: rate } });
      expect(response.statusCode).toBe(422);
      expect(response.json().details.fields[0]).toContain('"rates.input" ');
    },
  );
});
