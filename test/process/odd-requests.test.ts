/** Requests that no client means to send, to every native route that takes a body: each is answered, none by a 5xx. */
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { errorSchema } from '../../src/api/errors.js';
import { getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const SEED = 20_260;
const REQUESTS_PER_ROUTE = 60;
const CONNECTIONS = 8;

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

/** mulberry32: the same requests each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomFrom(SEED);

function oneOf<Value>(values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)]!;
}

function nested(open: string, close: string, depth: number): string {
  return open.repeat(depth) + close.repeat(depth);
}

/** JSON text. */
const ODD_VALUES = [
  'null',
  'true',
  '-1',
  '-0',
  '0.1',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  '18446744073709551616',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\uffff"',
  `"${'x'.repeat(70_000)}"`,
  '"{7c9e6679-7425-40de-944b-e07fc1f90ae7}"',
  '"00000000-0000-0000-0000-000000000000"',
  '"0000000000000000"',
  '[]',
  '[null]',
  '{}',
  '{"":""}',
  '{"__proto__":{"a":1},"constructor":null,"toString":1,"hasOwnProperty":{}}',
  '{"\\u0000":"\\u0000","\\ud800":"\\ud800"}',
  '{"a.b":1,"a":{"b":2},"a[0]":[{"b":[]}],"promptmetrics.x":1,"service.name":7}',
  '{"error":{"code":{"a":1}}}',
  '{"error":true,"n":1e400,"m":-0,"l":[1,"a",null,{"x":[[]]}]}',
  nested('[', ']', 200),
  nested('{"a":', '}', 50).replace('}', '1}'),
  nested('[', ']', 20_000),
  nested('{"a":[', ']}', 3000),
  `{${Array.from({ length: 51 }, (_, n) => `"k${n}":${n}`)}}`,
  `{${Array.from({ length: 50 }, (_, n) => `"k${n}":"${'y'.repeat(2000)}"`)}}`,
];

const MEMBERS = ['prompt_name', 'version_tag', 'provider', 'model', 'tokens_in', 'tokens_out', 'latency_ms', 'cost_usd']
  .concat(['ollama_options', 'ollama_keep_alive', 'ollama_format', 'metadata', 'status', 'error_code', 'http_status'])
  .concat(['trace_id', 'span_id', 'parent_id', 'name', 'start_time', 'end_time', 'run_id', 'workflow_name', 'input'])
  .concat(['output', '__proto__', 'constructor', 'resourceSpans', 'resourceLogs', 'length', '', 'toJSON']);

const ODD_BODIES: (string | Buffer)[] = [
  '',
  ' ',
  '{',
  'null',
  '[]',
  '[[]]',
  '7',
  '"text"',
  '{"a":1}{"b":2}',
  '\ufeff{}',
  Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
  Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  nested('[', ']', 100_000),
  nested('{"a":', '}', 100_000),
  `[${'{},'.repeat(1000)}{}]`,
  '\n\n\n',
  gzipSync('{}'),
];

const ODD_HEADERS: Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/json;;;=' },
  { 'content-type': 'application/x-ndjson' },
  { 'content-type': 'application/x-protobuf' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-encoding': 'gzip' },
  { 'content-encoding': 'deflate' },
  { 'content-encoding': 'br' },
  { 'content-encoding': 'gzip, br' },
  { 'content-encoding': 'zstd' },
  { 'idempotency-key': ' ' },
  { 'idempotency-key': 'k'.repeat(256) },
  { 'idempotency-key': 'k\u00e9' },
  { 'idempotency-key': '"quoted", other' },
  { 'x-workspace-id': 'no workspace' },
  { 'x-workspace-id': 'w'.repeat(128) },
  { 'x-request-id': '\u00e9'.repeat(3000) },
  { 'x-forwarded-for': "'; drop table runs; --" },
  { 'if-none-match': '*' },
  { accept: 'image/png' },
  { traceparent: '00-nonsense' },
];

const ODD_QUERIES = ['?', '?a[b]=c', '?a[]=1&a[b][c]=2', '?__proto__[x]=1', '?%ff=%00', '?page=1&page=2', '?limit=0']
  .concat(['?format=otlp', '?cursor=%00', '?metadata[a]=b', `?${'q'.repeat(8000)}`])
  .concat(['?attributes[a]=1&attributes=2', '?from=NaN']);

const TRACE = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const SPAN = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const RUN = 'a8098c1a-f86e-11da-bd1a-00112444be1e';
const ODD_IDS = ['%00', '%ff', '..%2f', '%7B%7D', '0', ' ', '0'.repeat(32), '0'.repeat(16), 'x'.repeat(5000), '%F0%9F'];

interface Route {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

const ROUTES: Route[] = [
  { method: 'POST', path: '/v1/logs', body: { prompt_name: 'p', version_tag: '1' } },
  { method: 'POST', path: '/v1/traces', body: { prompt_name: 'p' } },
  { method: 'POST', path: `/v1/traces/${TRACE}/spans`, body: { name: 'n' } },
  { method: 'POST', path: '/v1/spans', body: { trace_id: TRACE, name: 'n' } },
  { method: 'PATCH', path: `/v1/traces/${TRACE}/spans/${SPAN}`, body: { name: 'm' } },
  { method: 'POST', path: '/v1/runs', body: { workflow_name: 'w' } },
  { method: 'PATCH', path: `/v1/runs/${RUN}`, body: { status: 'running' } },
];

function oddObject(body: Record<string, unknown>): string {
  const members = Object.entries(body).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
    members.push(`${JSON.stringify(oneOf(MEMBERS))}:${oneOf(ODD_VALUES)}`);
  }
  return `{${members}}`;
}

function oddBody({ body }: Route): string | Buffer {
  const kind = random();
  if (kind < 0.15) return oneOf(ODD_BODIES);
  if (kind < 0.3) return `[${Array.from({ length: 3 }, () => oddObject(body))}]`;
  return oddObject(body);
}

function oddUrl({ path }: Route): string {
  const odd = random() < 0.1 ? path.replace(/[^/]{36}/, oneOf(ODD_IDS)) : path;
  return random() < 0.2 ? odd + oneOf(ODD_QUERIES) : odd;
}

function oddRequest(route: Route) {
  const body = oddBody(route);
  const headers = { 'content-type': 'application/json', ...(random() < 0.3 && oneOf(ODD_HEADERS)) };
  return { method: route.method, url: oddUrl(route), headers, body: new Uint8Array(Buffer.from(body)) };
}

type OddRequest = ReturnType<typeof oddRequest>;

/** The same for each engine. */
const REQUESTS = ROUTES.flatMap((route) => Array.from({ length: REQUESTS_PER_ROUTE }, () => oddRequest(route)));

interface Answered {
  status: number;
  /** What is wrong with the answer. */
  faults: string[];
}

async function answerTo(api: string, { url, ...request }: OddRequest): Promise<Answered> {
  const response = await fetch(`${api}${url}`, request);
  const text = await response.text();
  const asked = `${request.method} ${url.slice(0, 200)} ${JSON.stringify(request.headers).slice(0, 300)}`;
  const told = `${asked} ${Buffer.from(request.body).toString().slice(0, 500)}: ${response.status} ${text.slice(0, 300)}`;
  const { status } = response;
  if (status >= 500) return { status, faults: [told] };
  const isReadable = response.headers.get('content-type') !== 'application/x-protobuf' && !response.ok;
  return { status, faults: isReadable && !isError(text) ? [`${told} is not the shape of an error`] : [] };
}

/** As the API writes it; or, of what went for OTLP, google.rpc.Status. */
function isError(text: string): boolean {
  const body = JSON.parse(text) as object;
  return errorSchema.safeParse(body).success || ('code' in body && 'message' in body);
}

async function create(api: string, path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${api}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(201);
}

const LISTS = ['/v1/logs', '/v1/traces', `/v1/traces/${TRACE}/spans`, '/v1/runs', '/v1/audit-logs'];

const engines: [string, boolean, () => Promise<Record<string, string>>][] = [
  ['SQLite', false, async () => ({})],
  ['Postgres', !postgres, async () => ({ DATABASE_URL: await postgres!.createDatabase() })],
];

describe.each(engines)('odd requests on %s', (_engine, skipped, environment) => {
  it.skipIf(skipped)(
    'are answered in the shape that they should be, and leave nothing that cannot be read',
    async () => {
      const { api } = await startGateway({ dataDirectory: temporaryDirectory(), env: await environment() });
      await create(api, `/v1/traces/${TRACE}/spans`, { span_id: SPAN, name: 'n' });
      await create(api, '/v1/runs', { run_id: RUN, workflow_name: 'w' });
      const waiting = REQUESTS.values();
      const answers: Answered[] = [];
      const send = async () => {
        for (const request of waiting) answers.push(await answerTo(api, request));
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, send));
      expect(answers.flatMap(({ faults }) => faults)).toEqual([]);
      // Not all so odd that nothing of them is looked at.
      const statuses = [...new Set(answers.map(({ status }) => status))];
      expect(statuses).toEqual(expect.arrayContaining([200, 201, 202, 400, 404, 415, 422]));
      for (const list of LISTS) {
        const { total, items } = await getJson<{ total: number; items: unknown[] }>(`${api}${list}?limit=100`);
        expect([list, items.length]).toEqual([list, Math.min(100, total)]);
      }
      expect(await getJson(`${api}/v1/dead-letters/count`)).toMatchObject({ count: 0 });
      expect(await getJson(`${api}/v1/audit-logs/verify`)).toMatchObject({ ok: true });
    },
  );
});
