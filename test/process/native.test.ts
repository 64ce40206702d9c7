/** Native requests through the whole gateway, on each database: answered when what they wrote can be read. */
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGatewayForAll, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const TRACE = '7C9E6679-7425-40de-944b-e07fc1f90ae7';
const TRACE_HEX = '7c9e6679742540de944be07fc1f90ae7';
const SPAN = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const START_MS = 1_767_225_600_000;

const ROOT = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'agent' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_HEX,
              spanId: '1111111111111111',
              name: 'agent.run',
              kind: 2,
              startTimeUnixNano: `${START_MS}000000`,
              endTimeUnixNano: `${START_MS + 500}000000`,
            },
          ],
        },
      ],
    },
  ],
};

const engines: [string, boolean, () => Promise<Record<string, string>>][] = [
  ['SQLite', false, async () => ({})],
  ['Postgres', !server, async () => ({ DATABASE_URL: await server!.createDatabase() })],
];

for (const [engine, skipped, environment] of engines) {
  describe.skipIf(skipped)(`on ${engine}`, () => {
    let gateway: GatewayProcess;
    let key: string;
    let workspace = 0;
    // One for all tests of the engine: each has a workspace of its own.
    beforeAll(async () => {
      const env = { RATE_LIMIT_MAX_REQUESTS: '1000000', ...(await environment()) };
      gateway = await startGatewayForAll({ dataDirectory: temporaryDirectory(), env });
      key = /pm_[0-9a-f]{64}/.exec(gateway.output.join('\n'))![0];
    });
    afterAll(() => gateway?.stop());
    afterEach(() => void workspace++);

    const call = async (method: string, path: string, payload?: unknown, more: Record<string, string> = {}) => {
      const isRaw = typeof payload === 'string' || payload instanceof Buffer;
      const response = await fetch(`${gateway.api}${path}`, {
        method,
        headers: {
          'x-api-key': key,
          'x-workspace-id': `w${workspace}`,
          ...(payload !== undefined && { 'content-type': 'application/json' }),
          ...more,
        },
        ...(payload !== undefined && { body: isRaw ? new Uint8Array(Buffer.from(payload)) : JSON.stringify(payload) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
    };
    const get = async (path: string) => (await call('GET', path)).body;
    const post = (path: string, payload: unknown, more?: Record<string, string>) => call('POST', path, payload, more);
    const spansUrl = `/v1/traces/${TRACE}/spans`;

    /** OTLP answers when its spans are durable; they can be read soon after. */
    const untilStored = async (path: string) => {
      while ((await call('GET', path)).status === 404) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    it('what was written is there as soon as it is answered', async () => {
      for (let round = 0; round < 20; round++) {
        const { body: trace } = await post('/v1/traces', { prompt_name: `p${round}`, metadata: { round } });
        expect(await get(`/v1/traces/${trace.trace_id}`)).toMatchObject({
          prompt_name: `p${round}`,
          metadata: { round },
        });
        const { body: span } = await post(`/v1/traces/${trace.trace_id}/spans`, { name: 'work', start_time: 0 });
        const read = await get(`/v1/traces/${trace.trace_id}/spans/${span.span_id}`);
        expect(read).toMatchObject({ name: 'work', start_time: 0, end_time: null });
        const { body: log } = await post('/v1/logs', { prompt_name: `p${round}`, version_tag: '1', cost_usd: 0 });
        expect(await get(`/v1/logs/${log.id}`)).toMatchObject({ prompt_name: `p${round}`, cost_usd: 0 });
      }
      expect(await get('/v1/traces/count')).toEqual({ count: 20, countRelation: 'eq' });
      expect(await get('/v1/logs/count?prompt_name=p7')).toEqual({ count: 1, countRelation: 'eq' });
      expect((await get('/v1/traces?prompt_name=p3')).items).toMatchObject([{ prompt_name: 'p3', span_count: 1 }]);
    });

    it('a trace is one trace, whichever door its spans came through', async () => {
      await post(spansUrl, {
        span_id: SPAN,
        parent_id: '1111111111111111',
        name: 'llm.call',
        start_time: START_MS + 1,
      });
      expect((await post('/v1/traces', ROOT)).status).toBe(200);
      await untilStored(`${spansUrl}/1111111111111111`);
      await post('/v1/traces', { trace_id: TRACE, prompt_name: 'welcome' });
      const trace = await get(`/v1/traces/${TRACE}`);
      expect(trace).toMatchObject({
        trace_id: TRACE,
        name: 'agent.run',
        prompt_name: 'welcome',
        span_count: 2,
        spans: [
          { span_id: '1111111111111111', parent_id: null, service: 'agent' },
          { span_id: SPAN, parent_id: '1111111111111111' },
        ],
      });
      expect((await get('/v1/traces')).items).toMatchObject([{ trace_id: TRACE, span_count: 2, name: 'agent.run' }]);
      expect((await get(`${spansUrl}?order=desc&limit=1`)).items).toMatchObject([{ span_id: SPAN }]);
      expect((await get(`${spansUrl}?service=agent`)).items).toMatchObject([{ name: 'agent.run' }]);
      expect((await get(`${spansUrl}?kind=server&name=agent.run`)).total).toBe(1);
    });

    it('what is there already is a conflict, in the same request or a later one, also by OTLP', async () => {
      const span = { span_id: SPAN, name: 'once' };
      expect((await post(spansUrl, span)).status).toBe(201);
      expect((await post(spansUrl, { ...span, name: 'twice' })).status).toBe(409);
      expect((await post(spansUrl, [span, { name: 'new' }, span])).body).toMatchObject({
        created: 1,
        duplicates: [{ span_id: SPAN }, { span_id: SPAN }],
      });
      expect((await post('/v1/traces', { trace_id: TRACE })).status).toBe(201);
      expect((await post('/v1/traces', { trace_id: TRACE_HEX })).status).toBe(409);
      await post('/v1/traces', ROOT);
      await untilStored(`${spansUrl}/1111111111111111`);
      expect((await post(spansUrl, { span_id: '1111111111111111', name: 'twice', start_time: START_MS })).status).toBe(
        409,
      );
      expect((await get(`${spansUrl}/${SPAN}`)).name).toBe('once');
    });

    it('of many who store one span at once, one does', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => post(spansUrl, { span_id: SPAN, name: `n${n}` })),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([201, ...Array(19).fill(409)]);
    });

    it('a span that runs is closed, and the trace tells of it', async () => {
      await post(spansUrl, {
        span_id: SPAN,
        name: 'work',
        status: 'running',
        start_time: START_MS,
        metadata: { a: 1 },
      });
      expect((await get(`${spansUrl}?status=running`)).total).toBe(1);
      const closed = await call('PATCH', `${spansUrl}/${SPAN}`, { status: 'error', end_time: START_MS + 2000 });
      expect(closed.body).toEqual({ trace_id: TRACE, span_id: SPAN, status: 'updated' });
      expect(await get(`${spansUrl}/${SPAN}`)).toMatchObject({
        status: 'error',
        duration_ms: 2000,
        metadata: { a: 1 },
      });
      const trace = await get(`/v1/traces/${TRACE}`);
      expect(trace).toMatchObject({ status: 'error', span_count: 1, error_count: 1, duration_ms: 2000 });
      expect((await get('/v1/traces?status=error')).items).toMatchObject([{ span_count: 1, error_count: 1 }]);
      expect((await get(`${spansUrl}?status=running`)).total).toBe(0);
    });

    it('changes of one span at the same time are all there afterwards', async () => {
      await post(spansUrl, { span_id: SPAN, name: 'work', status: 'running' });
      const changes = [
        { name: 'renamed' },
        { status: 'ok' },
        { start_time: 1 },
        { end_time: 2 },
        { metadata: { m: 1 } },
      ];
      await Promise.all(changes.map((change) => call('PATCH', `${spansUrl}/${SPAN}`, change)));
      expect(await get(`${spansUrl}/${SPAN}`)).toMatchObject(Object.assign({}, ...changes));
    });

    it('a deleted trace is gone everywhere, and may come again', async () => {
      await post('/v1/traces', { trace_id: TRACE });
      await post(spansUrl, [{ name: 'a' }, { name: 'b' }]);
      expect((await call('DELETE', `/v1/traces/${TRACE}`)).status).toBe(204);
      expect((await call('GET', `/v1/traces/${TRACE}`)).status).toBe(404);
      expect((await call('GET', spansUrl)).status).toBe(404);
      expect((await get('/v1/traces')).total).toBe(0);
      expect((await call('DELETE', `/v1/traces/${TRACE}`)).status).toBe(404);
      expect((await post('/v1/traces', { trace_id: TRACE })).status).toBe(201);
      expect((await get('/v1/traces')).total).toBe(1);
    });

    it('a request that is sent again under its key is done once', async () => {
      const key = { 'idempotency-key': 'k' };
      const log = { prompt_name: 'p', version_tag: '1' };
      const first = await post('/v1/logs', log, key);
      const again = await Promise.all(Array.from({ length: 5 }, () => post('/v1/logs', log, key)));
      for (const { status, body, headers } of again) {
        expect([status, body, headers.get('idempotency-replayed')]).toEqual([202, first.body, 'true']);
      }
      expect((await get('/v1/logs')).total).toBe(1);
      expect((await post('/v1/logs', { ...log, model: 'm' }, key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
      const spanKey = { 'idempotency-key': 'spans' };
      const spans = [{ name: 'a' }, { name: 'b' }];
      const created = await post(spansUrl, spans, spanKey);
      expect((await post(spansUrl, spans, spanKey)).body).toEqual(created.body);
      expect((await get(spansUrl)).total).toBe(2);
    });

    it('lines and compressed bodies are read', async () => {
      const lines = Array.from({ length: 1000 }, (_, n) => JSON.stringify({ prompt_name: `p${n}`, version_tag: '1' }));
      const { body } = await post('/v1/logs', gzipSync(lines.join('\n')), {
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
      });
      expect(body.accepted).toBe(1000);
      expect(new Set(body.ids).size).toBe(1000);
      expect(await get(`/v1/logs/${body.ids[500]}`)).toMatchObject({ prompt_name: 'p500' });
      expect(await get('/v1/logs/count')).toMatchObject({ count: 1000 });
      const spans = gzipSync(JSON.stringify([{ trace_id: TRACE, name: 'a' }]));
      expect((await post('/v1/spans', spans, { 'content-encoding': 'gzip' })).status).toBe(201);
    });

    it('logs are followed by cursor to their end in both orders, each once', async () => {
      const { body } = await post(
        '/v1/logs',
        Array.from({ length: 25 }, (_, n) => ({ prompt_name: `p${n}`, version_tag: '1' })),
      );
      for (const order of ['asc', 'desc']) {
        const seen: number[] = [];
        let cursor = '';
        do {
          const page = await get(`/v1/logs?limit=10&order=${order}${cursor && `&cursor=${cursor}`}`);
          seen.push(...page.items.map(({ id }: { id: number }) => id));
          cursor = page.nextCursor ?? '';
        } while (cursor !== '');
        expect(seen).toEqual(order === 'asc' ? body.ids : body.ids.toReversed());
      }
    });

    it('every change is in the audit log', async () => {
      await post('/v1/traces', { trace_id: TRACE }, { 'x-request-id': 'mine' });
      await post(spansUrl, { span_id: SPAN, name: 'x' });
      await call('PATCH', `${spansUrl}/${SPAN}`, { name: 'y' });
      await post('/v1/logs', { prompt_name: 'p', version_tag: '1' });
      await call('DELETE', `/v1/traces/${TRACE}`);
      const actions = ['trace:create', 'trace:span:create', 'trace:span:update', 'log:create', 'delete_trace'];
      let items: { action: string; target_id: string; request_id: string }[] = [];
      while (items.length < actions.length) ({ items } = await get('/v1/audit-logs'));
      expect(items.map(({ action }) => action).sort()).toEqual(actions.toSorted());
      expect(items.find(({ action }) => action === 'trace:create')).toMatchObject({
        target_id: TRACE,
        request_id: 'mine',
      });
    });
  });
}
