/**
 * Clients that exist already, as what they send: the Node client's five calls, the Python client's, the CLI's, and curl.
 * Nothing about them is changed for this server; each database answers them alike.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly data: unknown,
  ) {
    super(`Request failed with status code ${status}`);
  }
}

/** As axios does: a body only where there is one, its type only then, and an error for everything but success. */
async function send(base: string, key: string, url: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  const response = await fetch(`${base}${url}`, {
    method,
    headers: {
      accept: 'application/json, text/plain, */*',
      'x-api-key': key,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const data: unknown = text === '' ? undefined : JSON.parse(text);
  if (!response.ok) throw new HttpError(response.status, data);
  return { status: response.status, data: data as Record<string, unknown> };
}

/** The five methods of the Node client, and the requests that they make. */
function nodeClient(baseUrl: string, apiKey: string) {
  const call = async (url: string, sent?: Sent) => (await send(baseUrl.replace(/\/$/, ''), apiKey, url, sent)).data;
  const query = (parameters: Record<string, unknown>) => {
    const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined);
    return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs as [string, string][])}`;
  };
  return {
    prompts: {
      list: (options: { page?: number; limit?: number; q?: string } = {}) => call(`/v1/prompts${query(options)}`),
      get(name: string, options: { version?: string; variables?: Record<string, unknown>; render?: boolean } = {}) {
        const { version, variables = {}, render = true } = options;
        const fields = Object.entries(variables).map(([key, value]) => [`variables[${key}]`, value]);
        return call(`/v1/prompts/${name}${query({ version, render, ...Object.fromEntries(fields) })}`);
      },
      versions: (name: string, options: { page?: number; limit?: number } = {}) =>
        call(`/v1/prompts/${name}/versions${query(options)}`),
      create: (prompt: unknown) => call('/v1/prompts', { method: 'POST', body: prompt }),
    },
    logs: { create: (entry: unknown) => call('/v1/logs', { method: 'POST', body: entry }) },
  };
}

const PROMPT = {
  name: 'welcome',
  version: '1.0.0',
  messages: [
    { role: 'system', content: 'You greet {{name}}.' },
    { role: 'user', content: 'Hello' },
  ],
  variables: { name: { type: 'string', required: true } },
  model_config: { model: 'gpt-4o-mini', temperature: 0.2 },
  tags: ['greeting'],
};

const SECONDS = 1e9;

async function start(databaseUrl: string | undefined): Promise<{ gateway: GatewayProcess; key: string }> {
  const env = { API_AUTH: 'required', ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }) };
  const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
  return { gateway, key: /\bpm_[0-9a-f]{64}\b/.exec(gateway.output.join('\n'))![0] };
}

function suite(databaseUrl: () => Promise<string | undefined>): void {
  it("the Node client's five calls work", async () => {
    const { gateway, key } = await start(await databaseUrl());
    const client = nodeClient(`${gateway.api}/`, key);
    const created = await client.prompts.create(PROMPT);
    expect(created).toMatchObject({ name: 'welcome', version_tag: '1.0.0', created_at: expect.any(Number) });
    expect(created.created_at).toBeLessThan(10 * SECONDS);
    await client.prompts.create({ ...PROMPT, version: '1.10.0' });
    await expect(client.prompts.create(PROMPT)).rejects.toMatchObject({
      status: 400,
      data: { error: 'Prompt already exists', code: 'BAD_REQUEST', details: { name: 'welcome', version: '1.0.0' } },
    });
    expect(await client.prompts.list()).toMatchObject({ items: [{ name: 'welcome' }], total: 1, page: 1, limit: 50 });
    expect(await client.prompts.list({ page: 1, limit: 10, q: 'WELC' })).toMatchObject({ total: 1 });
    expect(await client.prompts.list({ q: 'nothing' })).toMatchObject({ items: [], total: 0, totalPages: 0 });
    const rendered = await client.prompts.get('welcome', { variables: { name: 'Alice & Bob' } });
    expect(rendered).toMatchObject({
      content: { messages: [{ content: 'You greet Alice & Bob.' }, { content: 'Hello' }] },
      version: { name: 'welcome', version_tag: '1.10.0' },
    });
    const raw = await client.prompts.get('welcome', { version: '1.0.0', render: false });
    expect(raw).toMatchObject({ content: PROMPT, version: { version_tag: '1.0.0' } });
    await expect(client.prompts.get('welcome')).rejects.toMatchObject({
      status: 400,
      data: { error: 'Missing required variables: name' },
    });
    const versions = await client.prompts.versions('welcome', { page: 1, limit: 5 });
    expect(versions).toMatchObject({ total: 2, items: [{ status: 'active' }, { status: 'active' }] });
    expect(await client.prompts.versions('unknown')).toMatchObject({ items: [], total: 0 });
    const logged = await client.logs.create({
      prompt_name: 'welcome',
      version_tag: '1.0.0',
      tokens_in: 0,
      cost_usd: 0,
    });
    expect(logged).toEqual({ id: expect.any(Number), status: 'accepted' });
    await expect(client.logs.create({ prompt_name: 'welcome' })).rejects.toMatchObject({
      status: 422,
      data: { code: 'VALIDATION_FAILED', detailsType: 'fields', details: { fields: ['"version_tag" is required'] } },
    });
  });

  it("the CLI's and the Python client's calls for logs, traces, spans and runs work", async () => {
    const { gateway, key } = await start(await databaseUrl());
    const call = (method: string, url: string, body?: unknown) => send(gateway.api, key, url, { method, body });
    const log = await call('POST', '/v1/logs', {
      prompt_name: 'welcome',
      version_tag: '1.0.0',
      provider: 'openai',
      model: 'gpt-4o-mini',
      tokens_in: 12,
      tokens_out: 0,
      latency_ms: 340,
      cost_usd: 0.00012,
      metadata: { user: 'u1', nested: { deep: [1, 2.5, null, true] } },
    });
    expect(log).toEqual({ status: 202, data: { id: expect.any(Number), status: 'accepted' } });
    expect((await call('GET', '/v1/logs')).data.items).toEqual([
      expect.objectContaining({
        id: log.data.id,
        prompt_name: 'welcome',
        version_tag: '1.0.0',
        metadata: { user: 'u1', nested: { deep: [1, 2.5, null, true] } },
        provider: 'openai',
        model: 'gpt-4o-mini',
        tokens_in: 12,
        tokens_out: 0,
        latency_ms: 340,
        cost_usd: 0.00012,
        ollama_options: null,
        ollama_keep_alive: null,
        ollama_format: null,
        workspace_id: 'default',
        created_at: expect.any(Number),
        status: 'ok',
        error_code: null,
      }),
    ]);

    const traceId = '0F8FAD5B-D9CB-469F-A165-70867728950E';
    const trace = { trace_id: traceId, prompt_name: 'welcome', version_tag: '1.0.0', metadata: { beta: true } };
    expect(await call('POST', '/v1/traces', trace)).toEqual({
      status: 201,
      data: { trace_id: traceId, prompt_name: 'welcome', version_tag: '1.0.0', status: 'created' },
    });
    const bare = await call('POST', '/v1/traces', {});
    expect(bare.data).toMatchObject({ prompt_name: null, version_tag: null, status: 'created' });
    const span = await call('POST', `/v1/traces/${traceId}/spans`, {
      name: 'llm',
      status: 'running',
      start_time: 1_760_000_000_000,
      metadata: { 'user.id': 7 },
    });
    expect(span).toEqual({
      status: 201,
      data: { trace_id: traceId, span_id: expect.any(String), name: 'llm', status: 'running' },
    });
    const child = { name: 'tool', parent_id: span.data.span_id, start_time: 0, end_time: 5 };
    const toolId = (await call('POST', `/v1/traces/${traceId}/spans`, child)).data.span_id;
    expect((await call('GET', `/v1/traces/${traceId}`)).data).toMatchObject({
      trace_id: traceId,
      prompt_name: 'welcome',
      version_tag: '1.0.0',
      metadata: { beta: true },
      created_at: expect.any(Number),
      spans: [
        { span_id: toolId, parent_id: span.data.span_id, name: 'tool', status: 'unset', start_time: 0, end_time: 5 },
        {
          span_id: span.data.span_id,
          parent_id: null,
          name: 'llm',
          status: 'running',
          start_time: 1_760_000_000_000,
          end_time: null,
          metadata: { 'user.id': 7 },
        },
      ],
    });
    expect((await call('GET', `/v1/traces/${traceId}/spans/${toolId}`)).data).toMatchObject({
      start_time: 0,
      metadata: {},
    });

    const run = {
      workflow_name: 'support',
      status: 'running',
      input: { q: 'hi' },
      trace_id: traceId,
      metadata: { env: 'ci' },
    };
    const made = await call('POST', '/v1/runs', run);
    expect(made).toEqual({
      status: 201,
      data: { run_id: expect.any(String), workflow_name: 'support', status: 'running' },
    });
    const runUrl = `/v1/runs/${made.data.run_id}`;
    expect((await call('PATCH', runUrl, { status: 'completed', output: { a: 1 } })).data).toEqual({
      run_id: made.data.run_id,
      status: 'updated',
    });
    expect((await call('PATCH', runUrl, {})).data).toEqual({ message: 'No changes' });
    expect((await call('GET', runUrl)).data).toMatchObject({ ...run, status: 'completed', output: { a: 1 } });
    expect((await call('GET', '/v1/runs?page=1&limit=50')).data).toMatchObject({ total: 1, totalPages: 1 });

    expect((await call('DELETE', `/v1/traces/${traceId}`)).status).toBe(204);
    await expect(call('GET', `/v1/traces/${traceId}`)).rejects.toMatchObject({
      status: 404,
      data: { error: 'Trace not found' },
    });
    expect((await call('GET', runUrl)).data).toMatchObject({ trace_id: null });
    expect((await call('DELETE', runUrl)).status).toBe(204);
    await expect(call('GET', runUrl)).rejects.toMatchObject({ status: 404, data: { error: 'Run not found' } });
    const { items } = (await call('GET', '/v1/audit-logs?limit=100')).data as { items: { action: string }[] };
    const actions = items.map(({ action }) => action).sort();
    expect(actions.filter((action) => action !== 'api_key:create')).toEqual(
      ['delete_run', 'delete_trace', 'log:create', 'run:create', 'run:update'].concat([
        'trace:create',
        'trace:create',
        'trace:span:create',
        'trace:span:create',
      ]),
    );
    expect((await call('GET', '/v1/audit-logs/verify')).data).toMatchObject({ ok: true });
  });

  it('what was wrong with a request is told as clients know it', async () => {
    const { gateway, key } = await start(await databaseUrl());
    const refusal = async (url: string, sent: Sent = {}, asKey = key) => {
      const refused = await send(gateway.api, asKey, url, sent).catch((error: HttpError) => error);
      return refused instanceof HttpError ? [refused.status, (refused.data as { error: string }).error] : refused;
    };
    const unparsable = await fetch(`${gateway.api}/v1/logs`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: '{"prompt_name":',
    });
    expect([unparsable.status, await unparsable.json()]).toEqual([
      400,
      expect.objectContaining({ error: 'Bad Request', code: 'BAD_REQUEST', message: 'Invalid JSON body' }),
    ]);
    expect(await refusal('/v1/logs', {}, '')).toEqual([401, 'Missing X-API-Key header']);
    expect(await refusal('/v1/logs', {}, 'pm_nope')).toEqual([401, 'Invalid API key']);
    expect(await refusal('/v1/logs', { headers: { 'x-workspace-id': 'a b' } })).toEqual([
      400,
      expect.stringContaining('Invalid X-Workspace-Id header'),
    ]);
    const reader = (
      await send(gateway.api, key, '/v1/api-keys', { method: 'POST', body: { name: 'r', scopes: 'read' } })
    ).data;
    const log = { prompt_name: 'p', version_tag: '1' };
    expect(await refusal('/v1/logs', { method: 'POST', body: log }, reader.key as string)).toEqual([
      403,
      'Missing required scope: write',
    ]);
    expect(await refusal('/v1/logs?limit=101')).toEqual([422, 'Validation failed']);
    expect(
      await refusal('/v1/logs', { method: 'POST', body: { ...log, metadata: { text: 'x'.repeat(11 * 2 ** 20) } } }),
    ).toEqual([413, expect.any(String)]);
    const traceId = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    const create = { method: 'POST', body: { trace_id: traceId } };
    expect((await send(gateway.api, key, '/v1/traces', create)).status).toBe(201);
    expect(await refusal('/v1/traces', create)).toEqual([409, 'Trace already exists']);
    expect(await refusal(`/v1/traces/${traceId}/spans/${traceId}`)).toEqual([404, 'Span not found']);
    expect(await refusal('/nope')).toEqual([404, expect.any(String)]);
  });
}

describe('clients, over SQLite', () => suite(async () => undefined));
describe.skipIf(!postgres)('clients, over Postgres', () => suite(() => postgres!.createDatabase()));
