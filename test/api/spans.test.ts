import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { spanSchema, traceItemSchema, traceSchema } from '../../src/api/traces/schema.js';
import { testNativeApp } from '../helpers/api.js';

const TRACE = '7C9E6679-7425-40de-944b-e07fc1f90ae7';
const TRACE_HEX = '7c9e6679742540de944be07fc1f90ae7';
const SPAN = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const PARENT = '0f8fad5b-d9cb-469f-a165-70867728950e';

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

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

async function call(method: Method, url: string, payload?: unknown, headers: Record<string, string> = {}) {
  const isText = typeof payload === 'string' || payload instanceof Buffer;
  const response = await app.inject({
    method,
    url,
    headers: {
      'x-workspace-id': `w${workspace}`,
      ...(payload !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && { payload: isText ? payload : JSON.stringify(payload) }),
  });
  const body = response.body === '' ? undefined : response.json();
  return { status: response.statusCode, body, headers: response.headers };
}

const get = (url: string) => call('GET', url);
const post = (url: string, payload: unknown, headers?: Record<string, string>) => call('POST', url, payload, headers);
const spansUrl = `/v1/traces/${TRACE}/spans`;

async function fieldFaults(url: string, payload: unknown, method: Method = 'POST'): Promise<string[]> {
  const { status, body } = await call(method, url, payload);
  expect([status, body.code]).toEqual([422, 'VALIDATION_FAILED']);
  return body.details.fields;
}

const full = {
  span_id: SPAN,
  parent_id: PARENT,
  name: 'llm.call',
  status: 'ok',
  start_time: 1_767_225_600_000,
  end_time: 1_767_225_600_250,
  metadata: { model: 'gpt', n: 1.5, nothing: null, list: [1, { a: true }] },
};

describe('a trace', () => {
  const declaration = { trace_id: TRACE, prompt_name: 'welcome', version_tag: '1.0.0', metadata: { user: 'u', n: 0 } };

  it('is declared before its spans, and read as it was declared', async () => {
    const { status, body } = await post('/v1/traces', declaration);
    const { metadata, ...told } = declaration;
    expect([status, body]).toEqual([201, { ...told, status: 'created' }]);
    const one = await get(`/v1/traces/${TRACE}`);
    expect(one.body).toMatchObject({ ...declaration, span_count: 0, spans: [], created_at: expect.any(Number) });
    expect(traceSchema.strict().safeParse(one.body).error).toBeUndefined();
    const { body: list } = await get('/v1/traces');
    expect(list.items).toMatchObject([declaration]);
    expect(traceItemSchema.strict().safeParse(list.items[0]).error).toBeUndefined();
  });

  it('gets an id where its client gives none, and nulls for what it leaves out', async () => {
    const { status, body } = await post('/v1/traces', {});
    expect(status).toBe(201);
    expect(body).toEqual({ trace_id: expect.any(String), prompt_name: null, version_tag: null, status: 'created' });
    expect((await get(`/v1/traces/${body.trace_id}`)).body).toMatchObject({ metadata: {}, prompt_name: null });
  });

  it.each([TRACE_HEX, `{${TRACE}}`, TRACE.replaceAll('-', ':')])('%s is an id, and comes back as it is', async (id) => {
    expect((await post('/v1/traces', { trace_id: id })).body.trace_id).toBe(id);
    expect((await get('/v1/traces')).body.items[0].trace_id).toBe(id);
    expect((await get(`/v1/traces/${TRACE_HEX}`)).body.trace_id).toBe(TRACE_HEX);
  });

  it('that is there already is a conflict', async () => {
    await post('/v1/traces', declaration);
    const { status, body } = await post('/v1/traces', { trace_id: TRACE_HEX });
    expect([status, body.code]).toEqual([409, 'CONFLICT']);
  });

  it('may be declared after its spans', async () => {
    await post(spansUrl, full);
    expect((await post('/v1/traces', declaration)).status).toBe(201);
    expect((await get(`/v1/traces/${TRACE}`)).body).toMatchObject({ ...declaration, span_count: 1 });
  });

  it('is told every fault of its declaration', async () => {
    const faults = await fieldFaults('/v1/traces', {
      trace_id: 'x',
      prompt_name: '',
      version_tag: 'x'.repeat(65),
      metadata: [],
    });
    expect(faults).toEqual([
      '"trace_id" must be a valid GUID',
      '"prompt_name" is not allowed to be empty',
      '"version_tag" length must be less than or equal to 64 characters long',
      '"metadata" must be of type object',
    ]);
    expect(await fieldFaults('/v1/traces', [{}])).toEqual(['"value" must be of type object']);
    expect((await post('/v1/traces', '{')).body).toMatchObject({ error: 'Bad Request', message: 'Invalid JSON body' });
  });

  it('is found by what it was declared with', async () => {
    await post('/v1/traces', declaration);
    await post('/v1/traces', { prompt_name: 'other' });
    for (const [query, count] of [
      ['prompt_name=welcome', 1],
      ['version_tag=1.0.0&prompt_name=welcome', 1],
      ['version_tag=2.0.0', 0],
      ['', 2],
    ] as const) {
      expect((await get(`/v1/traces?${query}`)).body.total).toBe(count);
      expect((await get(`/v1/traces/count?${query}`)).body).toEqual({ count, countRelation: 'eq' });
    }
    expect((await get('/v1/traces/count?status=x')).status).toBe(422);
  });

  it('is gone with its spans when it is deleted, which is audited', async () => {
    await post('/v1/traces', declaration);
    await post(spansUrl, full);
    const { status, body } = await call('DELETE', `/v1/traces/${TRACE}`);
    expect([status, body]).toEqual([204, undefined]);
    expect(context.native.audit.at(-1)).toMatchObject({ action: 'delete_trace', targetId: TRACE });
    for (const url of [`/v1/traces/${TRACE}`, spansUrl, `${spansUrl}/count`]) {
      expect((await get(url)).body.error).toBe('Trace not found');
    }
    expect((await get(`${spansUrl}/${SPAN}`)).body.error).toBe('Span not found');
    expect((await call('DELETE', `/v1/traces/${TRACE}`)).body.error).toBe('Trace not found');
    expect((await call('DELETE', '/v1/traces/x')).body.error).toBe('Invalid trace_id parameter: x');
  });
});

describe('a span', () => {
  it('may come before its trace, and comes back as it was sent', async () => {
    const { status, body } = await post(spansUrl, full);
    expect([status, body]).toEqual([201, { trace_id: TRACE, span_id: SPAN, name: 'llm.call', status: 'ok' }]);
    const read = await get(`${spansUrl}/${SPAN}`);
    expect(read.body).toMatchObject({ ...full, trace_id: TRACE, created_at: expect.any(Number) });
    expect(spanSchema.strict().safeParse(read.body).error).toBeUndefined();
  });

  it('of a name alone has no times, and status unset', async () => {
    const { body } = await post(spansUrl, { name: 'bare' });
    const read = await get(`${spansUrl}/${body.span_id}`);
    expect(read.body).toMatchObject({
      span_id: body.span_id,
      parent_id: null,
      status: 'unset',
      start_time: null,
      end_time: null,
      metadata: {},
    });
    expect(spanSchema.strict().safeParse(read.body).error).toBeUndefined();
  });

  it('keeps times of zero', async () => {
    await post(spansUrl, { ...full, start_time: 0, end_time: '0' });
    expect((await get(`${spansUrl}/${SPAN}`)).body).toMatchObject({ start_time: 0, end_time: 0 });
  });

  it('that is there already is a conflict, and stays as it was', async () => {
    await post(spansUrl, full);
    const { status, body } = await post(spansUrl, { ...full, name: 'another' });
    expect([status, body.code]).toEqual([409, 'CONFLICT']);
    expect((await get(`${spansUrl}/${SPAN}`)).body.name).toBe('llm.call');
  });

  it('is told every fault, and none where its path is wrong', async () => {
    const faulty = {
      span_id: 'x',
      parent_id: 7,
      status: 'done',
      start_time: -1,
      end_time: 1.5,
      metadata: null,
    };
    const faults = [
      '"span_id" must be a valid GUID',
      '"parent_id" must be a string',
      '"name" is required',
      '"status" must be one of [unset, ok, error, running]',
      '"start_time" must be greater than or equal to 0',
      '"end_time" must be an integer',
      '"metadata" must be of type object',
    ];
    expect(await fieldFaults(spansUrl, faulty)).toEqual(faults);
    expect(await fieldFaults('/v1/spans', faulty)).toEqual(['"trace_id" is required', ...faults]);
    expect(await fieldFaults(spansUrl, { name: 'x'.repeat(257), start_time: 9_223_372_036_855 })).toEqual([
      '"name" length must be less than or equal to 256 characters long',
      '"start_time" must be less than or equal to 9223372036854',
    ]);
    expect((await post('/v1/traces/x/spans', full)).body.error).toBe('Invalid trace_id parameter: x');
    expect((await post(spansUrl, '')).body.message).toBe('Invalid JSON body');
    expect((await post(spansUrl, 'x', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await call('POST', spansUrl)).status).toBe(400);
  });

  it('is audited as trace:span:create', async () => {
    await post(spansUrl, full);
    expect(context.native.audit.at(-1)).toMatchObject({ action: 'trace:span:create', workspace: `w${workspace}` });
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)('may be compressed with %s, within the bound', async (coding, compress) => {
    const headers = { 'content-encoding': coding };
    expect((await post(spansUrl, compress(JSON.stringify(full)), headers)).status).toBe(201);
    const large = compress(JSON.stringify({ ...full, metadata: { text: 'x'.repeat(10 * 2 ** 20) } }));
    const { status, body } = await post(spansUrl, large, headers);
    expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect((await post(spansUrl, Buffer.from('nonsense'), headers)).body.code).toBe('INVALID_PAYLOAD');
    expect((await post(spansUrl, 'x', { 'content-encoding': 'zip' })).body.code).toBe('UNSUPPORTED_ENCODING');
  });
});

describe('bytes in flight', () => {
  it('leave no room for a span when they are too many, and are given back with its answer', async () => {
    const others = context.inFlight.lease();
    others.add(64 * 2 ** 20);
    const { status, body, headers } = await post(spansUrl, full);
    expect([status, body.code, headers['retry-after']]).toEqual([503, 'OVERLOADED', '1']);
    others.release();
    expect((await post(spansUrl, full)).status).toBe(201);
    while (context.inFlight.bytes > 0) await new Promise(setImmediate);
  });
});

describe('several spans', () => {
  const spans = [full, { name: 'second' }, { name: 'third', status: 'running' }];

  it('as an array are created, but for those that were there', async () => {
    await post(spansUrl, full);
    const { status, body } = await post(spansUrl, [...spans, full]);
    expect([status, body.created]).toEqual([201, 2]);
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['second', 'third']);
    const known = { trace_id: TRACE, span_id: SPAN };
    expect(body.duplicates).toEqual([known, known]);
  });

  it('none of which is new are a conflict', async () => {
    await post(spansUrl, [full]);
    expect((await post(spansUrl, [full])).status).toBe(409);
  });

  it('of any traces come one a line', async () => {
    const lines = spans.map((span, index) => JSON.stringify({ ...span, trace_id: index === 0 ? TRACE : PARENT }));
    const { status, body } = await post('/v1/spans', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
    expect([status, body.created]).toEqual([201, 3]);
    expect((await get(`/v1/traces/${PARENT}/spans`)).body.total).toBe(2);
  });

  it('with a fault are all refused', async () => {
    expect(await fieldFaults(spansUrl, [full, { status: 'ok' }])).toEqual(['"[1].name" is required']);
    const keys = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, i]));
    expect(await fieldFaults(spansUrl, [{ name: 'x', metadata: keys }])).toEqual([
      '[0].metadata cannot contain more than 50 keys',
    ]);
    expect(await fieldFaults(spansUrl, Array(1001).fill(full))).toEqual([
      '"value" must contain less than or equal to 1000 items',
    ]);
    expect((await get(spansUrl)).status).toBe(404);
  });
});

describe('a span that runs', () => {
  it('is closed by what it lacked, and keeps the rest', async () => {
    const { end_time, ...running } = { ...full, status: 'running' };
    await post(spansUrl, running);
    expect((await get(`${spansUrl}/${SPAN}`)).body).toMatchObject({ status: 'running', end_time: null });
    const { status, body } = await call('PATCH', `${spansUrl}/${SPAN}`, { status: 'ok', end_time });
    expect([status, body]).toEqual([200, { trace_id: TRACE, span_id: SPAN, status: 'updated' }]);
    expect((await get(`${spansUrl}/${SPAN}`)).body).toMatchObject(full);
    expect((await get(spansUrl)).body.total).toBe(1);
  });

  it('keeps what it is when nothing changes', async () => {
    await post(spansUrl, full);
    const { status, body } = await call('PATCH', `${spansUrl}/${SPAN}`, {});
    expect([status, body]).toEqual([200, { message: 'No changes' }]);
  });

  it('has its metadata replaced as a whole', async () => {
    await post(spansUrl, full);
    await call('PATCH', `${spansUrl}/${SPAN}`, { name: 'renamed', metadata: { only: 1 } });
    expect((await get(`${spansUrl}/${SPAN}`)).body).toMatchObject({
      name: 'renamed',
      metadata: { only: 1 },
      status: 'ok',
    });
  });

  it('is told what is wrong with a change, and when there is no such span', async () => {
    expect((await call('PATCH', `${spansUrl}/${SPAN}`, { name: 'x' })).body.error).toBe('Span not found');
    expect((await call('PATCH', `${spansUrl}/x`, { name: 'x' })).body.error).toBe('Invalid span_id parameter: x');
    const faults = await fieldFaults(`${spansUrl}/${SPAN}`, { name: '', status: 'x', end_time: 'soon' }, 'PATCH');
    expect(faults).toEqual([
      '"name" is not allowed to be empty',
      '"status" must be one of [unset, ok, error, running]',
      '"end_time" must be a number',
    ]);
    expect(await fieldFaults(`${spansUrl}/${SPAN}`, [], 'PATCH')).toEqual(['"value" must be of type object']);
  });
});

describe('a request under an idempotency key', () => {
  it('is done once, whatever it is', async () => {
    const again = async (key: string, method: Method, url: string, payload?: unknown) => {
      const headers = { 'idempotency-key': key };
      const [first, second] = [await call(method, url, payload, headers), await call(method, url, payload, headers)];
      expect([second.status, second.body]).toEqual([first.status, first.body]);
      return [first, second].map((answer) => answer.headers['idempotency-replayed']);
    };
    expect(await again('a', 'POST', '/v1/traces', {})).toEqual([undefined, 'true']);
    expect(await again('b', 'POST', spansUrl, { name: 'x' })).toEqual([undefined, 'true']);
    expect(await again('c', 'POST', '/v1/spans', [{ name: 'x', trace_id: TRACE }])).toEqual([undefined, 'true']);
    await post(spansUrl, full);
    expect(await again('d', 'PATCH', `${spansUrl}/${SPAN}`, { name: 'y' })).toEqual([undefined, 'true']);
    expect((await get('/v1/traces')).body.total).toBe(2);
  });

  it('is another when its path or body is', async () => {
    const headers = { 'idempotency-key': 'k' };
    await post(spansUrl, { name: 'x' }, headers);
    for (const [url, payload] of [
      [spansUrl, { name: 'y' }],
      [`/v1/traces/${PARENT}/spans`, { name: 'x' }],
    ] as const) {
      expect((await post(url, payload, headers)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    }
  });
});

describe('the spans of a trace', () => {
  const start = full.start_time;
  const store = () =>
    post(spansUrl, [
      { ...full, status: 'running' },
      { name: 'late', start_time: start + 2000, status: 'error', metadata: { user: 'u' } },
      { name: 'early', start_time: start - 1000 },
    ]);
  const names = async (query: string) => {
    const { status, body } = await get(`${spansUrl}?${query}`);
    expect([query, status]).toEqual([query, 200]);
    for (const item of body.items) expect(spanSchema.strict().safeParse(item).error).toBeUndefined();
    return body.items.map(({ name }: { name: string }) => name);
  };

  it('come by start time, and page by number and cursor', async () => {
    await store();
    expect(await names('')).toEqual(['early', 'llm.call', 'late']);
    expect(await names('order=desc')).toEqual(['late', 'llm.call', 'early']);
    expect(await names('limit=2&page=2')).toEqual(['late']);
    const { body } = await get(`${spansUrl}?limit=2`);
    expect(body).toMatchObject({ total: 3, totalPages: 2, nextCursor: expect.any(String) });
    expect(await names(`limit=2&cursor=${body.nextCursor}`)).toEqual(['late']);
    expect((await get(`${spansUrl}?cursor=x`)).status).toBe(422);
  });

  it('keep to each filter, and are counted by them', async () => {
    await store();
    for (const [query, found] of [
      ['name=late', ['late']],
      ['status=running', ['llm.call']],
      ['status=error', ['late']],
      ['kind=unspecified', ['early', 'llm.call', 'late']],
      ['kind=server', []],
      ['attributes[user]=u', ['late']],
      [`from=${start}&to=${start + 1}`, ['llm.call']],
      ['service=nobody', []],
    ] as const) {
      expect([query, await names(query)]).toEqual([query, found]);
      expect([query, (await get(`${spansUrl}/count?${query}`)).body.count]).toEqual([query, found.length]);
    }
    expect((await get(`${spansUrl}?status=x&kind=y&order=z`)).body.details.fields).toHaveLength(3);
  });

  it('of a trace that was only declared are none, and of an unknown one not found', async () => {
    await post('/v1/traces', { trace_id: TRACE });
    expect((await get(spansUrl)).body).toMatchObject({ items: [], total: 0 });
    expect((await get(`/v1/traces/${PARENT}/spans`)).body.error).toBe('Trace not found');
    expect((await get(`/v1/traces/${PARENT}/spans/count`)).body.error).toBe('Trace not found');
  });
});

describe('a span that came by OTLP', () => {
  const otlp = (attributes: object[]) => ({
    resourceSpans: [
      {
        resource: { attributes: [] },
        scopeSpans: [
          {
            scope: { name: 'promptmetrics.native' },
            spans: [
              {
                traceId: TRACE_HEX,
                spanId: '1111111111111111',
                parentSpanId: '2222222222222222',
                name: 'llm.call',
                startTimeUnixNano: '1767225600000000000',
                endTimeUnixNano: '1767225600250000000',
                attributes,
                status: { code: 1 },
              },
            ],
          },
        ],
      },
    ],
  });

  it('looks as one that came natively', async () => {
    const attributes = [
      { key: 'model', value: { stringValue: 'gpt' } },
      { key: 'n', value: { doubleValue: 1.5 } },
      { key: 'tokens', value: { intValue: '7' } },
    ];
    expect((await post('/v1/traces', otlp(attributes))).status).toBe(200);
    const url = `/v1/traces/${TRACE_HEX}/spans`;
    const byOtlp = await get(`${url}/1111111111111111`);
    workspace++;
    const native = {
      span_id: '1111111111111111',
      parent_id: '2222222222222222',
      name: 'llm.call',
      status: 'ok',
      start_time: 1_767_225_600_000,
      end_time: 1_767_225_600_250,
      metadata: { model: 'gpt', n: 1.5, tokens: 7 },
    };
    expect((await post(url, native)).status).toBe(201);
    expect((await get(`${url}/1111111111111111`)).body).toEqual(byOtlp.body);
  });

  it('stands beside native ones in one trace', async () => {
    await post('/v1/traces', otlp([]));
    await post(spansUrl, { ...full, start_time: full.start_time + 1, parent_id: '1111111111111111' });
    const { body } = await get(`/v1/traces/${TRACE}`);
    expect(body.spans.map(({ span_id, parent_id }: Record<string, string>) => [span_id, parent_id])).toEqual([
      ['1111111111111111', '2222222222222222'],
      [SPAN, '1111111111111111'],
    ]);
  });

  it('can be closed and deleted natively', async () => {
    await post('/v1/traces', otlp([]));
    const url = `/v1/traces/${TRACE_HEX}/spans/1111111111111111`;
    expect((await call('PATCH', url, { status: 'error' })).status).toBe(200);
    expect((await get(url)).body).toMatchObject({ status: 'error', name: 'llm.call' });
    expect((await call('DELETE', `/v1/traces/${TRACE_HEX}`)).status).toBe(204);
    expect((await get(url)).status).toBe(404);
  });
});
