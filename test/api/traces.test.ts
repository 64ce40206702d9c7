import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamPieces } from '../../src/api/stream.js';
import { spanSchema, traceItemSchema, traceSchema } from '../../src/api/traces/schema.js';
import { testApp } from '../helpers/api.js';
import { BASE_TIME_UNIX_NANO, recordSource, resource } from '../helpers/records.js';
import { createTelemetryMemory, type TelemetryMemory } from '../helpers/telemetry-memory.js';

const source = recordSource(1);
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

let app: FastifyInstance;
let telemetry: TelemetryMemory;

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await app.inject({ url, headers });
  return { status: response.statusCode, body: response.json(), raw: response.body };
}

async function names(query: string): Promise<string[]> {
  const { status, body } = await get(`/v1/traces?${query}`);
  expect(status).toBe(200);
  return body.items.map(({ name }: { name: string }) => name);
}

const rich = source.span({
  name: 'chat "gpt" é☃',
  parentSpanId: source.id(8),
  kind: 3,
  statusCode: 2,
  statusMessage: 'rate\nlimited',
  startTimeUnixNano: BASE_TIME_UNIX_NANO + 1n,
  endTimeUnixNano: BASE_TIME_UNIX_NANO + 1_500_002n,
  traceState: 'a=1',
  attributes: '{"one":1.0,"big":{"$int":"9223372036854775807"},"camelCase":[1,1.0,null]}',
  events:
    '[{"timeUnixNano":"7","name":"gen_ai.choice","attributes":{"finishReason":"stop"},"droppedAttributesCount":2}]',
  links: '[{"traceId":"0102","spanId":"03","traceState":"","attributes":{},"droppedAttributesCount":0,"flags":1}]',
  droppedAttributesCount: 1,
  droppedEventsCount: 2,
  droppedLinksCount: 3,
  resource: resource('llm', { answer: 42 }),
});

beforeAll(async () => {
  telemetry = createTelemetryMemory();
  app = (await testApp({ telemetry })).app;
  const second = BASE_TIME_UNIX_NANO + 3_600_000_000_000n;
  telemetry.addSpans('default', [rich]);
  telemetry.addSpans('default', [
    source.span({ name: 'slow', startTimeUnixNano: second, endTimeUnixNano: second + 2_000_000_000n }),
    source.span({ name: 'quick', startTimeUnixNano: second + 1n, endTimeUnixNano: second + 2n }),
  ]);
  telemetry.addSpans('other', [source.span({ name: 'elsewhere' })]);
});
afterAll(() => app.close());

describe('a span', () => {
  const url = () => `/v1/traces/${hex(rich.traceId)}/spans/${hex(rich.spanId)}`;

  it('comes back with everything OTLP carries', async () => {
    const { status, body } = await get(url());
    expect(status).toBe(200);
    expect(body).toEqual({
      trace_id: hex(rich.traceId),
      span_id: hex(rich.spanId),
      parent_id: hex(rich.parentSpanId!),
      name: 'chat "gpt" é☃',
      kind: 'client',
      status: 'error',
      status_message: 'rate\nlimited',
      start_time: 1_767_225_600_000,
      end_time: 1_767_225_600_001,
      start_time_unix_nano: '1767225600000000001',
      end_time_unix_nano: '1767225600001500002',
      duration_ms: 1.500001,
      metadata: { one: 1, big: 2 ** 63, camelCase: [1, 1, null] },
      trace_state: 'a=1',
      flags: 0x101,
      attributes: { one: 1, big: { $int: '9223372036854775807' }, camelCase: [1, 1, null] },
      events: [
        {
          time_unix_nano: '7',
          name: 'gen_ai.choice',
          attributes: { finishReason: 'stop' },
          dropped_attributes_count: 2,
        },
      ],
      links: [
        { trace_id: '0102', span_id: '03', trace_state: '', attributes: {}, dropped_attributes_count: 0, flags: 1 },
      ],
      dropped_attributes_count: 1,
      dropped_events_count: 2,
      dropped_links_count: 3,
      resource: {
        attributes: { 'service.name': 'llm', answer: 42 },
        dropped_attributes_count: 0,
        schema_url: '',
        entity_refs: [],
      },
      service: 'llm',
      scope: { name: 'test-scope', version: '1.0.0', attributes: {}, dropped_attributes_count: 0, schema_url: '' },
      created_at: 1_767_225_600,
    });
    expect(spanSchema.strict().safeParse(body).error).toBeUndefined();
  });

  it('keeps the text of its attributes, so that 1.0 stays a double', async () => {
    const { raw } = await get(url());
    expect(raw).toContain(`"attributes":${rich.attributes}`);
  });

  it('that is unknown is not found, and an id that is none is a bad request', async () => {
    expect(await get(`/v1/traces/${hex(rich.traceId)}/spans/${'1'.repeat(16)}`)).toMatchObject({
      status: 404,
      body: { error: 'Span not found', code: 'NOT_FOUND' },
    });
    expect(await get(`/v1/traces/${hex(rich.traceId)}/spans/xyz`)).toMatchObject({
      status: 400,
      body: { error: 'Invalid span_id parameter: xyz', code: 'BAD_REQUEST', detailsType: 'context' },
    });
  });
});

describe('a trace', () => {
  it('is found by its id in any case, and by the UUID of the same bytes, and goes by the id that was asked for', async () => {
    const id = hex(rich.traceId);
    const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    for (const spelling of [id, id.toUpperCase(), uuid, uuid.toUpperCase(), `{${uuid}}`]) {
      const { status, body } = await get(`/v1/traces/${spelling}`);
      expect(status).toBe(200);
      expect(traceSchema.strict().safeParse(body).error).toBeUndefined();
      const counted = { span_count: 1, error_count: 1, status: 'error', services: ['llm'] };
      expect(body).toMatchObject({ trace_id: spelling, ...counted, spans: [{ trace_id: spelling }] });
    }
  });

  it('of another workspace is not found', async () => {
    expect(await get(`/v1/traces/${hex(rich.traceId)}`, { 'x-workspace-id': 'other' })).toMatchObject({
      status: 404,
      body: { error: 'Trace not found' },
    });
  });

  it.each(['nope', '1234', `${'a'.repeat(31)}g`, `{${'a'.repeat(32)}`, '0'.repeat(32)])(
    'with the malformed id %s is a bad request',
    async (id) => {
      expect(await get(`/v1/traces/${id}`)).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    },
  );

  it('of 20,000 spans is sent whole, in pieces', async () => {
    const spans = source.trace(20_000, { name: 'huge' });
    const { app: large, telemetry: store } = await testApp();
    store.addSpans('default', spans);
    await large.listen({ port: 0, host: '127.0.0.1' });
    const { port } = large.server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/v1/traces/${hex(spans[0]!.traceId)}`);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('transfer-encoding')).toBe('chunked');
    const body = (await response.json()) as { spans: { span_id: string }[] };
    expect(body.spans.map(({ span_id }) => span_id)).toEqual(spans.map(({ spanId }) => hex(spanId)));
    await large.close();
  });
});

describe('a trace that fails while it is sent', () => {
  it('ends without its end, and the log says why', async () => {
    const context = await testApp();
    const broken = source.trace(1000, { name: 'broken' });
    context.telemetry.addSpans('default', [
      ...broken.slice(0, -1),
      { ...broken.at(-1)!, events: undefined as unknown as string },
    ]);
    await context.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = context.app.server.address() as AddressInfo;
    const response = fetch(`http://127.0.0.1:${port}/v1/traces/${hex(broken[0]!.traceId)}`);
    await expect(response.then((answer) => answer.text())).rejects.toThrow();
    expect(context.failures).toMatchObject([{ route: '/v1/traces/:trace_id', error: { code: 'INTERNAL_ERROR' } }]);
    await context.app.close();
  });
});

describe('an answer in pieces', () => {
  it('lets the event loop turn before each next piece', async () => {
    let turn = 0;
    let counting = true;
    const count = () => {
      turn++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const turns: number[] = [];
    function* pieces() {
      for (let piece = 0; piece < 20; piece++) {
        turns.push(turn);
        yield 'x'.repeat(1000);
      }
    }
    expect(await text(streamPieces(pieces()))).toHaveLength(20_000);
    counting = false;
    expect(new Set(turns).size).toBe(20);
  });

  it('stops being made when the client goes away', async () => {
    let made = 0;
    function* pieces() {
      for (;;) {
        made++;
        yield 'x'.repeat(100_000);
      }
    }
    const stream = streamPieces(pieces());
    await new Promise((resolve) => stream.once('data', resolve));
    stream.destroy();
    const madeByThen = made;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(made).toBeLessThanOrEqual(madeByThen + 1);
  });
});

describe('the list of traces', () => {
  it('is newest first, of one workspace, in the shape clients page through', async () => {
    const { body } = await get('/v1/traces');
    expect(body).toMatchObject({ total: 3, totalRelation: 'eq', page: 1, limit: 50, totalPages: 1, nextCursor: null });
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['quick', 'slow', rich.name]);
    for (const item of body.items) expect(traceItemSchema.strict().safeParse(item).error).toBeUndefined();
    expect(body.items[1]).toMatchObject({ duration_ms: 2000, status: 'ok' });
  });

  it('of an empty workspace has no pages', async () => {
    expect(await get('/v1/traces', { 'x-workspace-id': 'empty' })).toMatchObject({
      body: { items: [], total: 0, totalPages: 0, nextCursor: null },
    });
  });

  it('keeps to each filter', async () => {
    expect(await names('service=llm')).toEqual([rich.name]);
    expect(await names('name=slow')).toEqual(['slow']);
    expect(await names('status=error')).toEqual([rich.name]);
    expect(await names('status=ok')).toEqual(['quick', 'slow']);
    expect(await names('min_duration_ms=2000')).toEqual(['slow']);
    expect(await names('min_duration_ms=0.000001')).toEqual(['quick', 'slow', rich.name]);
    expect(await names('attributes[one]=1')).toEqual([rich.name]);
    expect(await names('attribute=service.name=llm&attributes[answer]=42')).toEqual([rich.name]);
    expect(await names('attribute=answer=42&attribute=answer=43')).toEqual([]);
    expect(await names('from=2026-01-01T01:00:00Z')).toEqual(['quick', 'slow']);
    expect(await names('from_unix_nano=1767229200000000001')).toEqual(['quick']);
    expect(await names('to=1767229200000')).toEqual([rich.name]);
    expect(await names('to_unix_nano=1767229200000000001')).toEqual(['slow', rich.name]);
    expect(await names('sevrice=unknown-names-are-ignored')).toHaveLength(3);
  });

  it('hands every filter to the store in its own type', async () => {
    await get('/v1/traces?from=1&to=2&service=s&name=n&status=ok&min_duration_ms=0.5&attribute=a=b=c&page=3&limit=7');
    expect(telemetry.queries.at(-1)).toEqual({
      workspace: 'default',
      fromUnixNano: 1_000_000n,
      toUnixNano: 2_000_000n,
      service: 's',
      name: 'n',
      status: 'ok',
      minDurationNano: 500_000n,
      attributes: [{ key: 'a', value: 'b=c' }],
      limit: 7,
      offset: 14,
    });
  });

  it('is followed by cursor to its end, each trace once', async () => {
    const seen: string[] = [];
    let query = 'limit=1';
    for (let pages = 0; pages < 4; pages++) {
      const { body } = await get(`/v1/traces?${query}`);
      seen.push(...body.items.map(({ name }: { name: string }) => name));
      if (body.nextCursor === null) break;
      query = `limit=1&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual(['quick', 'slow', rich.name]);
  });

  it('pages by number too', async () => {
    const { body } = await get('/v1/traces?limit=2&page=2');
    expect(body).toMatchObject({ page: 2, limit: 2, total: 3, totalPages: 2 });
    expect(body.items).toHaveLength(1);
  });

  it('names every fault of a query at once', async () => {
    const { status, body } = await get(
      '/v1/traces?page=0&limit=101&status=running&min_duration_ms=fast&from=yesterday&to_unix_nano=1.5&service=&attribute=novalue',
    );
    expect(status).toBe(422);
    expect(body).toMatchObject({ error: 'Validation failed', code: 'VALIDATION_FAILED', detailsType: 'fields' });
    expect(body.details.fields).toEqual([
      '"page" must be greater than or equal to 1',
      '"limit" must be less than or equal to 100',
      '"from" must be an ISO 8601 time or unix milliseconds',
      '"to_unix_nano" must be unix nanoseconds',
      '"service" is not allowed to be empty',
      '"attribute" must be written key=value',
      '"status" must be one of [ok, error]',
      '"min_duration_ms" must be a number',
    ]);
  });

  it.each([
    ['page=x', '"page" must be a number'],
    ['page=1.5', '"page" must be an integer'],
    ['limit=3&limit=5', '"limit" must be a number'],
    ['cursor=garbage', '"cursor" must be the nextCursor of an answer to this endpoint'],
    ['from=1&from_unix_nano=1', '"from" conflicts with "from_unix_nano"'],
    ['from=1&from=2', '"from" must be a string'],
  ])('%s is refused with the reason', async (query, message) => {
    const { status, body } = await get(`/v1/traces?${query}`);
    expect(status).toBe(422);
    expect(body.details.fields).toEqual([message]);
  });

  it('deeper than an offset is worth points to the cursor', async () => {
    expect((await get('/v1/traces?page=100&limit=100')).status).toBe(200);
    const { status, body } = await get('/v1/traces?page=101&limit=100');
    expect(status).toBe(422);
    expect(body.details.fields[0]).toMatch(/^"page" times "limit" must be less than or equal to 10000: .*"cursor"$/);
  });
});
