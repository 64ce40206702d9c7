/**
 * Every route that the API has, called with a key of one workspace for what is another's. The walk is made from the list
 * of routes: a new one is walked too, and one whose parameters nobody has ids for fails.
 */
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeadLetter, DeadLetters } from '../../src/api/dead-letters/source.js';
import { logIdOf } from '../../src/model/native-log-ids.js';
import { LOG_EVENT } from '../../src/model/native-names.js';
import { type AccessFixture, type Minted, OPERATOR, startAccess } from '../helpers/access.js';
import { testNativeApp } from '../helpers/api.js';
import { storedGeneration } from '../helpers/generations-memory.js';
import { recordSource } from '../helpers/records.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { BATCH_ID, batchesOf, failingStage, pipelineOf, storedBatch } from '../helpers/tracking.js';

const OURS = 'ours';
const THEIRS = 'theirs';
const MARK = 'belongs-to-theirs';

const source = recordSource(21);
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

const spans = source.trace(3).map((span) => ({ ...span, name: MARK }));
const record = { ...source.logRecord(), eventName: MARK };
const nativeLog = { ...source.logRecord(), eventName: LOG_EVENT, attributes: JSON.stringify({ user: MARK }) };
const declared = {
  traceId: source.id(16),
  traceIdText: MARK,
  promptName: MARK,
  versionTag: undefined,
  metadata: '{}',
  createdTimeUnixMs: 1,
};
const point = { ...source.metricPoint('gauge'), name: MARK };

const letters: DeadLetter[] = [
  {
    id: '0a1b2c3d-7',
    reason: MARK,
    failedTimeUnixMs: 1,
    payloadBytes: 1,
    frame: { signal: 'traces', encoding: 'protobuf', workspace: THEIRS, items: 1, receivedTimeUnixMs: 1 },
  },
];
const THEIR_RUN = { text: '5b8efff798038103d269b633813fc60c', hex: '5b8efff798038103d269b633813fc60c' };
const touched: string[] = [];
const deadLetters: DeadLetters = {
  list: async () => letters,
  get: async (id) => letters.find((letter) => letter.id === id),
  replay: async (id) => touched.push(`replay ${id}`),
  remove: async (id) => touched.push(`remove ${id}`) > 0,
};

let access: AccessFixture;
let prompts: RegistryFixture;
let context: Awaited<ReturnType<typeof testNativeApp>>;
let app: FastifyInstance;
let ours: Minted;
let theirs: Minted;
let theirKey: Minted;
let theirPrice: number;

beforeAll(async () => {
  access = await startAccess();
  ours = await access.mint(OURS, 'read,write,admin');
  theirs = await access.mint(THEIRS, 'read,write,admin', { name: `${MARK} admin` });
  theirKey = await access.mint(THEIRS, 'read', { name: MARK });
  prompts = await startRegistry(access.control, { watching: { maxStreamMs: 200 } });
  const { registry } = prompts;
  context = await testNativeApp({
    ...{ access: access.keyring, identify: access.keyring.forApi, deadLetters, registry },
    batches: batchesOf({ [BATCH_ID]: { workspace: THEIRS, told: storedBatch } }),
    readPipeline: pipelineOf([{ ...failingStage, lastError: { message: `HTTP 400: ${MARK}`, timeUnixMs: 1 } }]),
  });
  app = context.app;
  const run = { workspace: THEIRS, runId: THEIR_RUN, workflowName: MARK, status: 'running', metadata: '{}' } as const;
  const key = { workspace: THEIRS, pattern: MARK, provider: '', serviceTier: '', validFromUnixMs: 0 };
  theirPrice = (await access.control.prices.put(key, { input: '1' }, 1)).id;
  await access.control.repricings.create({ workspace: THEIRS, fromUnixMs: 1, toUnixMs: 2 }, 1);
  await access.control.runs.create({ ...run, input: undefined, output: undefined, traceId: undefined }, 1);
  const author = { ...OPERATOR, workspace: THEIRS };
  await registry.create({ name: MARK, version: '1.0.0', messages: [{ role: 'user', content: MARK }] }, author, {});
  const label = { promptName: MARK, name: 'production' };
  await registry.setLabel(label, author, {});
  await registry.labels.propose(label, author, {});
  await registry.labels.protect(MARK, author, {});
  context.telemetry.addSpans(THEIRS, spans);
  const { traceId, spanId } = spans[0]!;
  const marked = { name: MARK, sessionId: MARK, userId: MARK, promptName: MARK, requestModel: MARK, responseModel: '' };
  context.generations.add(
    THEIRS,
    storedGeneration({ traceId, spanId, startTimeUnixNano: BigInt(Date.now()) * 1_000_000n, ...marked }),
  );
  context.telemetry.addLogRecords(THEIRS, [record, nativeLog]);
  context.telemetry.declareTraces(THEIRS, [declared]);
  context.telemetry.addMetricPoints(THEIRS, [point]);
});
afterAll(async () => {
  await app.close();
  await prompts.close();
  await access.close();
});

/** Of the other workspace, by the path up to the parameter. */
function theirId(pathToParameter: string): string | undefined {
  const ids: Record<string, string> = {
    '/v1/traces/:trace_id': hex(spans[0]!.traceId),
    '/v1/traces/:trace_id/spans/:span_id': hex(spans[0]!.spanId),
    '/v1/generations/:id': `${hex(spans[0]!.traceId)}-${hex(spans[0]!.spanId)}`,
    '/v1/spans/:id': `${hex(spans[0]!.traceId)}-${hex(spans[0]!.spanId)}`,
    '/v1/sessions/:id': MARK,
    '/v1/users/:id': MARK,
    '/v1/logs/:id': String(logIdOf(nativeLog.timeUnixNano)),
    '/v1/runs/:run_id': THEIR_RUN.hex,
    '/v1/prices/:id': String(theirPrice),
    '/v1/prices/reprice/:id': '1',
    '/v1/dead-letters/:id': letters[0]!.id,
    '/v1/ingest/batches/:id': BATCH_ID,
    '/v1/prompts/:name': MARK,
    '/v1/prompts/:name/versions/:version': '1.0.0',
    '/v1/prompts/:name/labels/:label_name': 'production',
    '/v1/prompts/:name/labels/:label_name/proposals/:proposal_id': '1',
    '/v1/protected-labels/:label_name': MARK,
    '/v1/api-keys/:id': String(theirKey.id),
    '/v1/workspaces/:id': THEIRS,
  };
  return ids[pathToParameter];
}

/** Bodies that pass validation, of the routes that ask for one. */
const BODIES: Record<string, unknown> = {
  'POST /v1/api-keys': { name: 'spy', workspace_id: THEIRS },
  'POST /v1/workspaces': { id: 'spy' },
  'POST /v1/logs': { prompt_name: 'spy', version_tag: '1' },
  'POST /v1/traces': {},
  'POST /v1/spans': { trace_id: '7c9e6679742540de944be07fc1f90ae7', name: 'spy' },
  'PATCH /v1/traces/:trace_id/spans/:span_id': { name: 'spy' },
  'POST /v1/prompts': { name: 'spy', version: '1.0.0', messages: [{ role: 'user', content: 'x' }] },
  'POST /v1/prompts/:name/render': {},
  'POST /v1/prompts/:name/labels': { name: 'production' },
  'POST /v1/prompts/:name/labels/:label_name/proposals': {},
  'POST /v1/protected-labels': { name: 'production' },
  'POST /v1/runs': { workflow_name: 'spy' },
  'PATCH /v1/runs/:run_id': { status: 'failed' },
  'PUT /v1/prices': { model_pattern: 'spy', rates: { input: 1 } },
  'POST /v1/prices/reprice': { from: 1, to: 2 },
};

/** Of the routes that answer no request without. */
const QUERIES: Record<string, string> = {
  'GET /v1/prices/effective': '?model=gpt-4o',
  'DELETE /v1/prices': `?model_pattern=${MARK}`,
};

function theirUrl(pattern: string): string {
  let pathSoFar = '';
  const parts = pattern.split('/').map((part) => {
    pathSoFar = pathSoFar === '' && part === '' ? '' : `${pathSoFar}/${part}`;
    if (!part.startsWith(':')) return part;
    const id = theirId(pathSoFar);
    if (id === undefined) throw new Error(`Which id of another workspace belongs into ${pathSoFar}?`);
    return id;
  });
  return parts.join('/');
}

interface Route {
  method: string;
  url: string;
}

function call({ method, url }: Route, key: string, workspace: string) {
  const payload = BODIES[`${method} ${url}`];
  return app.inject({
    method: method as HTTPMethods as 'GET',
    url: `${theirUrl(url)}${QUERIES[`${method} ${url}`] ?? ''}`,
    headers: { 'x-api-key': key, 'x-workspace-id': workspace },
    ...(payload !== undefined && { payload: payload as object }),
  });
}

const guarded = () => app.guardedRoutes.filter(({ scope }) => scope !== undefined);
/** Ids of traces are their clients' own: another's says nothing here. */
const OWN_TRACE = { method: 'POST', url: '/v1/traces/:trace_id/spans' };
const isOwnTrace = ({ method, url }: Route) => method === OWN_TRACE.method && url === OWN_TRACE.url;

/** Lists of an unknown prompt are empty ones, as clients know them. */
const EMPTY_WHEN_UNKNOWN = /^\/v1\/prompts\/:name\/(versions|labels)(\/count)?$/;
const isEmpty = (body: string) => body === '' || JSON.parse(body).total === 0;

const named = () => guarded().filter((route) => route.url.includes(':') && !isOwnTrace(route));
const unnamed = () => guarded().filter(({ url }) => !url.includes(':'));

describe("with a key of one's own workspace, what is another's", () => {
  it('is there, for those whom it belongs to', async () => {
    const reads = named().filter(({ method, scope, url }) => {
      return method === 'GET' && scope !== 'any' && !url.startsWith('/v1/workspaces');
    });
    expect(reads.length).toBeGreaterThanOrEqual(3);
    for (const route of reads) {
      expect([route.url, (await call(route, theirs.key, THEIRS)).statusCode]).toEqual([route.url, 200]);
    }
  });

  it('is 403 or 404 by its id, whatever the method (405 where a path lacks it)', async () => {
    expect(named().length).toBeGreaterThan(10);
    for (const route of named()) {
      const { statusCode, body } = await call(route, ours.key, OURS);
      const told = `${route.method} ${route.url} answered ${statusCode}`;
      const nothing = statusCode === 405 && route.scope === 'any';
      const empty = EMPTY_WHEN_UNKNOWN.test(route.url) && statusCode === 200 && isEmpty(body);
      expect(nothing || empty ? 404 : statusCode, told).toBeOneOf([403, 404]);
      expect(body, told).not.toContain(MARK);
    }
  });

  it('is refused when its workspace is named, on every route', async () => {
    for (const route of guarded()) {
      const { statusCode, body } = await call(route, ours.key, THEIRS);
      expect([`${route.method} ${route.url}`, statusCode]).toEqual([`${route.method} ${route.url}`, 401]);
      expect(body).not.toContain(MARK);
    }
  });

  it('is in no list and no count', async () => {
    const lists = unnamed().filter(({ method, scope }) => method === 'GET' && scope !== 'any');
    expect(lists.length).toBeGreaterThan(5);
    for (const route of lists) {
      const mine = await call(route, ours.key, OURS);
      const told = `${route.method} ${route.url}`;
      expect(mine.statusCode, told).toBeOneOf([200, 403]);
      expect(mine.body, told).not.toContain(MARK);
      expect(mine.body, told).not.toContain(hex(spans[0]!.traceId));
      expect(mine.body, told).not.toContain(THEIRS);
    }
  });

  it('is not made by us', async () => {
    const response = await call({ method: 'POST', url: '/v1/api-keys' }, ours.key, OURS);
    expect(response.statusCode).toBe(403);
    expect((await call({ method: 'POST', url: '/v1/workspaces' }, ours.key, OURS)).statusCode).toBe(403);
  });

  it('stays apart from a trace that we have under the same id', async () => {
    const url = theirUrl(OWN_TRACE.url);
    const headers = { 'x-api-key': ours.key, 'x-workspace-id': OURS };
    const payload = { span_id: hex(spans[0]!.spanId), name: 'ours' };
    expect((await app.inject({ method: 'POST', url, headers, payload })).statusCode).toBe(201);
    const { items } = (await app.inject({ url, headers })).json();
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['ours']);
    expect((await app.inject({ method: 'DELETE', url: url.replace('/spans', ''), headers })).statusCode).toBe(204);
  });

  it('is still there, untouched, after all of this', async () => {
    const trace = await context.telemetry.getTrace(THEIRS, spans[0]!.traceId);
    expect(trace?.spans.map(({ name }) => name)).toEqual([MARK, MARK, MARK]);
    expect(touched).toEqual([]);
    expect((await access.control.apiKeys.get(theirKey.id, 'all'))?.replacedBy).toBeUndefined();
    expect(await access.control.workspaces.get(THEIRS)).toBeDefined();
    expect(await access.control.runs.get(THEIRS, THEIR_RUN.hex)).toMatchObject({ status: 'running' });
    expect(await access.control.prices.get(THEIRS, theirPrice)).toMatchObject({ revision: 1, rates: { input: '1' } });
    const { total } = await access.control.apiKeys.list({ visible: { workspace: THEIRS }, limit: 10 });
    expect(total).toBe(2);
  });
});
