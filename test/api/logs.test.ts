import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nativeLogSchema } from '../../src/api/logs/schema.js';
import { GatewayError } from '../../src/errors.js';
import { testNativeApp } from '../helpers/api.js';
import { recordSource } from '../helpers/records.js';

let context: Awaited<ReturnType<typeof testNativeApp>>;
let app: FastifyInstance;

beforeAll(async () => {
  context = await testNativeApp();
  app = context.app;
});
afterAll(() => app.close());

let workspace = 0;
/** Each test has a workspace of its own. */
afterEach(() => void workspace++);

const headersOf = (headers: Record<string, string>) => ({
  'x-workspace-id': `w${workspace}`,
  'content-type': 'application/json',
  ...headers,
});

async function post(payload: unknown, headers: Record<string, string> = {}) {
  const text = typeof payload === 'string' || payload instanceof Buffer ? payload : JSON.stringify(payload);
  const response = await app.inject({ method: 'POST', url: '/v1/logs', payload: text, headers: headersOf(headers) });
  return { status: response.statusCode, body: response.json(), headers: response.headers };
}

async function get(path: string) {
  const response = await app.inject({ url: path, headers: headersOf({}) });
  return { status: response.statusCode, body: response.json() };
}

async function fieldFaults(payload: unknown): Promise<string[]> {
  const { status, body } = await post(payload);
  expect([status, body.code, body.error]).toEqual([422, 'VALIDATION_FAILED', 'Validation failed']);
  return body.details.fields;
}

const minimal = { prompt_name: 'welcome', version_tag: '1.0.0' };
const full = {
  ...minimal,
  provider: 'ollama',
  model: 'llama3',
  tokens_in: 0,
  tokens_out: 35,
  latency_ms: 840,
  cost_usd: 0.25,
  ollama_options: { temperature: 0.5 },
  ollama_keep_alive: '5m',
  ollama_format: { type: 'object' },
  metadata: { user: 'ü-17', nested: { deep: [1, 1.5, null] } },
  status: 'error',
  error_code: 'rate_limited',
  http_status: 429,
  run_id: 'r-1',
  trace_id: '7C9E6679-7425-40de-944b-e07fc1f90ae7',
  span_id: '1b4e28ba-2fa1-41d2-883f-0016d3cca427',
};

describe('a log', () => {
  it('is answered with its id, and comes back with every field as it was sent', async () => {
    const { status, body } = await post(full);
    expect([status, body]).toEqual([202, { id: expect.any(Number), status: 'accepted' }]);
    const read = await get(`/v1/logs/${body.id}`);
    expect(read.status).toBe(200);
    expect(read.body).toEqual({
      ...full,
      id: body.id,
      ollama_format: '{"type":"object"}',
      workspace_id: `w${workspace}`,
      created_at: expect.any(Number),
      time: expect.any(Number),
    });
    expect(nativeLogSchema.strict().safeParse(read.body).error).toBeUndefined();
  });

  it('has nulls for what its client left out, {} for metadata, and status ok', async () => {
    const { body } = await post(minimal);
    const read = await get(`/v1/logs/${body.id}`);
    expect(nativeLogSchema.strict().safeParse(read.body).error).toBeUndefined();
    const { id, workspace_id, created_at, time, ...rest } = read.body;
    expect(rest).toEqual({
      ...minimal,
      metadata: {},
      provider: null,
      model: null,
      tokens_in: null,
      tokens_out: null,
      latency_ms: null,
      cost_usd: null,
      ollama_options: null,
      ollama_keep_alive: null,
      ollama_format: null,
      status: 'ok',
      error_code: null,
      http_status: null,
      run_id: null,
      trace_id: null,
      span_id: null,
    });
  });

  it('keeps zeros as zeros', async () => {
    const zeros = { tokens_in: 0, tokens_out: 0, latency_ms: 0, cost_usd: 0 };
    const { body } = await post({ ...minimal, ...zeros });
    expect((await get(`/v1/logs/${body.id}`)).body).toMatchObject(zeros);
  });

  it('takes numbers as text, and members that nobody knows', async () => {
    const { body } = await post({ ...minimal, tokens_in: '10', cost_usd: ' 1.5e-3 ', surprise: true });
    expect((await get(`/v1/logs/${body.id}`)).body).toMatchObject({ tokens_in: 10, cost_usd: 0.0015 });
  });

  it.each([
    [{ metadata: { error: { code: 'E42' } } }, { status: 'error', error_code: 'E42' }],
    [{ http_status: 503 }, { status: 'error', error_code: '503' }],
    [{ http_status: 404 }, { status: 'ok', error_code: null }],
    [{ status: 'ok', http_status: 500 }, { status: 'ok' }],
    [{ error_code: 42, status: 'error' }, { error_code: '42' }],
  ])('%j is told as %j', async (fields, told) => {
    const { body } = await post({ ...minimal, ...fields });
    expect((await get(`/v1/logs/${body.id}`)).body).toMatchObject(told);
  });

  it('is audited as log:create', async () => {
    await post(minimal, { 'x-request-id': 'r-7' });
    expect(context.native.audit.at(-1)).toMatchObject({
      action: 'log:create',
      workspace: `w${workspace}`,
      keyName: 'anyone',
      requestId: 'r-7',
    });
  });

  it('keeps metadata with names that objects have already', async () => {
    const metadata = '{"__proto__":{"a":1},"constructor":2,"":3,"promptmetrics.log":4}';
    const { body } = await post(`{"prompt_name":"p","version_tag":"1","metadata":${metadata}}`);
    const read = await app.inject({ url: `/v1/logs/${body.id}`, headers: headersOf({}) });
    const text = read.body;
    for (const member of ['"__proto__":{"a":1}', '"constructor":2', '"":3', '"promptmetrics.log":4']) {
      expect(text).toContain(member);
    }
  });

  it('nested deeper than OTLP goes comes back whole', async () => {
    const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`;
    const { status, body } = await post(`{"prompt_name":"p","version_tag":"1","metadata":{"deep":${deep}}}`);
    expect(status).toBe(202);
    const read = await app.inject({ url: `/v1/logs/${body.id}`, headers: headersOf({}) });
    expect(read.body).toContain(deep);
  });
});

describe('faults of a log', () => {
  it('are all named at once, in the words that clients know', async () => {
    const faults = await fieldFaults({
      version_tag: 'x'.repeat(65),
      provider: '',
      model: 7,
      tokens_in: -1,
      tokens_out: 1.5,
      latency_ms: 'fast',
      cost_usd: null,
      ollama_options: [],
      ollama_keep_alive: 'x'.repeat(17),
      ollama_format: 1,
      metadata: 'text',
      status: 'running',
      error_code: {},
      trace_id: 'abc',
      span_id: 'abc',
    });
    expect(faults).toEqual([
      '"prompt_name" is required',
      '"version_tag" length must be less than or equal to 64 characters long',
      '"provider" is not allowed to be empty',
      '"model" must be a string',
      '"tokens_in" must be greater than or equal to 0',
      '"tokens_out" must be an integer',
      '"latency_ms" must be a number',
      '"cost_usd" must be a number',
      '"ollama_options" must be of type object',
      '"ollama_keep_alive" length must be less than or equal to 16 characters long',
      '"ollama_format" must be one of [string, object]',
      '"metadata" must be of type object',
      '"status" must be one of [ok, error]',
      '"error_code" must be a string',
      '"trace_id" must be a valid GUID',
      '"span_id" must be a valid GUID',
    ]);
  });

  it('of metadata with more than 50 keys have their own words', async () => {
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    expect((await post({ ...minimal, metadata: keys(50) })).status).toBe(202);
    expect(await fieldFaults({ ...minimal, metadata: keys(51) })).toEqual([
      'metadata cannot contain more than 50 keys',
    ]);
  });

  it.each([
    ['null', 'must be of type object'],
    ['"text"', 'must be of type object'],
    ['7', 'must be of type object'],
  ])('the body %s %s', async (body, message) => {
    expect(await fieldFaults(body)).toEqual([`"value" ${message}`]);
  });

  it.each(['{', '', 'nope', '{"prompt_name":"x",}'])('the body %j is no JSON', async (text) => {
    const { status, body } = await post(text);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: 'Bad Request', code: 'BAD_REQUEST', message: 'Invalid JSON body' });
  });

  it('a body that is too large is a 413, compressed or not', async () => {
    const large = JSON.stringify({ ...minimal, metadata: { text: 'x'.repeat(10 * 2 ** 20) } });
    for (const [payload, coding] of [
      [Buffer.from(large), 'identity'],
      [gzipSync(large), 'gzip'],
      [deflateSync(large), 'deflate'],
      [brotliCompressSync(large), 'br'],
    ] as const) {
      const { status, body } = await post(payload, { 'content-encoding': coding });
      expect([coding, status, body.code]).toEqual([coding, 413, 'PAYLOAD_TOO_LARGE']);
    }
  });

  it('a store that takes nothing now is told as it is', async () => {
    context.native.failure = new GatewayError('BUFFER_FULL', 'The buffer is full');
    const { status, body, headers } = await post(minimal);
    context.native.failure = undefined;
    expect([status, body.code, headers['retry-after']]).toEqual([503, 'BUFFER_FULL', '1']);
  });
});

describe('several logs', () => {
  it('as an array are answered with their ids in order', async () => {
    const logs = ['a', 'b', 'c'].map((prompt_name) => ({ ...minimal, prompt_name }));
    const { status, body } = await post(logs);
    expect([status, body]).toMatchObject([202, { accepted: 3, status: 'accepted' }]);
    const read = await Promise.all(body.ids.map((id: number) => get(`/v1/logs/${id}`)));
    expect(read.map(({ body: log }) => log.prompt_name)).toEqual(['a', 'b', 'c']);
  });

  it.each(['application/x-ndjson', 'application/ndjson', 'application/jsonl; charset=utf-8'])(
    'come one a line as %s, blank lines or not',
    async (type) => {
      const lines = `${JSON.stringify(minimal)}\r\n\n${JSON.stringify(full)}\n`;
      const { status, body } = await post(lines, { 'content-type': type });
      expect([status, body.accepted]).toEqual([202, 2]);
    },
  );

  it('of one are still several', async () => {
    expect((await post([minimal])).body).toMatchObject({ accepted: 1, ids: [expect.any(Number)] });
    const line = await post(JSON.stringify(minimal), { 'content-type': 'application/x-ndjson' });
    expect(line.body).toMatchObject({ accepted: 1 });
  });

  it('are 1 to 1,000', async () => {
    const logs = (count: number) => Array.from({ length: count }, () => minimal);
    expect(await fieldFaults([])).toEqual(['"value" must contain at least 1 items']);
    expect((await post(logs(1000))).body.accepted).toBe(1000);
    const tooMany = '"value" must contain less than or equal to 1000 items';
    expect(await fieldFaults(logs(1001))).toEqual([tooMany]);
    const lines = logs(1001).map((log) => JSON.stringify(log));
    const { status, body } = await post(lines.join('\n'), { 'content-type': 'application/x-ndjson' });
    expect([status, body.details.fields]).toEqual([422, [tooMany]]);
  });

  it('with a fault in one are all refused, and the fault says which', async () => {
    const faults = await fieldFaults([minimal, { ...minimal, prompt_name: 1, tokens_in: -1 }, 7]);
    expect(faults).toEqual([
      '"[1].prompt_name" must be a string',
      '"[1].tokens_in" must be greater than or equal to 0',
      '"[2]" must be of type object',
    ]);
    expect((await get('/v1/logs')).body.total).toBe(0);
  });

  it('with a line that is no JSON are refused', async () => {
    const { status, body } = await post(`${JSON.stringify(minimal)}\n{`, { 'content-type': 'application/x-ndjson' });
    expect([status, body.message]).toEqual([400, 'Invalid JSON body']);
  });
});

describe('compressed bodies', () => {
  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ] as const)('%s is read', async (coding, compress) => {
    const { status } = await post(compress(JSON.stringify(minimal)), { 'content-encoding': coding });
    expect(status).toBe(202);
  });

  it('that are not what they say are refused', async () => {
    for (const coding of ['gzip', 'br']) {
      const { status, body } = await post(Buffer.from('not compressed'), { 'content-encoding': coding });
      expect([coding, status, body.code]).toEqual([coding, 400, 'INVALID_PAYLOAD']);
    }
  });

  it('in a coding that nobody here reads are refused', async () => {
    const { status, body } = await post('x', { 'content-encoding': 'compress' });
    expect([status, body.code]).toEqual([415, 'UNSUPPORTED_ENCODING']);
  });
});

describe('a log that is sent again', () => {
  it('under the same key is stored once, and answered as it was', async () => {
    const first = await post(minimal, { 'idempotency-key': 'k-1' });
    const again = await post(minimal, { 'idempotency-key': 'k-1' });
    expect([again.status, again.body, again.headers['idempotency-replayed']]).toEqual([202, first.body, 'true']);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect((await get('/v1/logs')).body.total).toBe(1);
  });

  it('differs, under a key that is taken', async () => {
    await post(minimal, { 'idempotency-key': 'k-2' });
    const { status, body } = await post({ ...minimal, model: 'other' }, { 'idempotency-key': 'k-2' });
    expect([status, body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it.each(['', 'x'.repeat(256), 'ümlaut'])('the key %j is none', async (key) => {
    expect((await post(minimal, { 'idempotency-key': key })).status).toBe(400);
  });
});

describe('the list of logs', () => {
  const names = async (query: string) => {
    const { status, body } = await get(`/v1/logs?${query}`);
    expect([query, status]).toEqual([query, 200]);
    return body.items.map(({ prompt_name }: { prompt_name: string }) => prompt_name);
  };

  const store = async () => {
    const { body } = await post([
      { ...full, prompt_name: 'a' },
      { ...minimal, prompt_name: 'b', provider: 'openai', metadata: { user: 'u-1', big: 12 } },
      { ...minimal, prompt_name: 'c', version_tag: '2.0.0' },
    ]);
    return body.ids as number[];
  };

  it('is newest first, or oldest first, and leaves out what came by OTLP', async () => {
    await store();
    context.telemetry.addLogRecords(`w${workspace}`, [recordSource(3).logRecord()]);
    const { body } = await get('/v1/logs');
    expect(body).toMatchObject({ total: 3, page: 1, limit: 50, totalPages: 1, nextCursor: null });
    expect(await names('')).toEqual(['c', 'b', 'a']);
    expect(await names('order=asc')).toEqual(['a', 'b', 'c']);
  });

  it('keeps to each filter', async () => {
    await store();
    const expected: [string, string[]][] = [
      ['prompt_name=b', ['b']],
      ['version_tag=2.0.0', ['c']],
      ['provider=ollama', ['a']],
      ['model=llama3', ['a']],
      ['status=ok', ['c', 'b']],
      ['status=error', ['a']],
      ['error_code=rate_limited', ['a']],
      ['run_id=r-1', ['a']],
      ['trace_id=7c9e6679742540de944be07fc1f90ae7', ['a']],
      ['span_id=1b4e28ba-2fa1-41d2-883f-0016d3cca427', ['a']],
      ['metadata[user]=u-1', ['b']],
      ['metadata[big]=12&metadata[user]=u-1', ['b']],
      ['metadata[user]=u-1&metadata[user]=u-2', []],
      ['attributes[gen_ai.request.model]=llama3', ['a']],
      ['to=2020-01-01', []],
      ['from=2020-01-01&status=ok', ['c', 'b']],
    ];
    for (const [query, found] of expected) {
      expect([query, await names(query)]).toEqual([query, found]);
      const { body } = await get(`/v1/logs/count?${query}`);
      expect([query, body]).toEqual([query, { count: found.length, countRelation: 'eq' }]);
    }
  });

  it('is followed by cursor to its end, in both orders', async () => {
    await store();
    for (const [order, expected] of [
      ['desc', ['c', 'b', 'a']],
      ['asc', ['a', 'b', 'c']],
    ]) {
      const seen: string[] = [];
      let cursor = '';
      do {
        const { body } = await get(`/v1/logs?limit=1&order=${order}${cursor && `&cursor=${cursor}`}`);
        seen.push(...body.items.map(({ prompt_name }: { prompt_name: string }) => prompt_name));
        cursor = body.nextCursor ?? '';
      } while (cursor !== '' && seen.length < 5);
      expect(seen).toEqual(expected);
    }
  });

  it('pages by number, and names every fault of a query', async () => {
    await store();
    expect((await get('/v1/logs?limit=2&page=2')).body).toMatchObject({ total: 3, page: 2, totalPages: 2 });
    const { status, body } = await get('/v1/logs?page=0&limit=101&order=up&status=x&prompt_name=&trace_id=1');
    expect([status, body.details.fields]).toEqual([
      422,
      [
        '"page" must be greater than or equal to 1',
        '"limit" must be less than or equal to 100',
        '"order" must be one of [asc, desc]',
        '"prompt_name" is not allowed to be empty',
        '"status" must be one of [ok, error]',
        '"trace_id" must be 32 hex digits or a UUID',
      ],
    ]);
    expect((await get('/v1/logs/count?status=x')).status).toBe(422);
  });

  it('has no other log under an id, and ids are numbers', async () => {
    const [id] = await store();
    expect((await get(`/v1/logs/${id! - 1}`)).body).toMatchObject({ error: 'Log not found', code: 'NOT_FOUND' });
    for (const bad of ['x', '-1', '1.5', '9007199254740993', '1e3']) {
      const { status, body } = await get(`/v1/logs/${bad}`);
      expect([status, body.error]).toEqual([400, `Invalid ID parameter: ${bad}`]);
    }
    workspace++;
    expect((await get(`/v1/logs/${id}`)).status).toBe(404);
  });
});
