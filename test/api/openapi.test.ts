import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeadLetters } from '../../src/api/dead-letters/source.js';
import { logIdOf } from '../../src/model/native-log-ids.js';
import { LOG_EVENT } from '../../src/model/native-names.js';
import { type AccessFixture, startAccess } from '../helpers/access.js';
import { testNativeApp } from '../helpers/api.js';
import { faults as faultsOf, type Schema } from '../helpers/json-schema.js';
import { recordSource } from '../helpers/records.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { BATCH_ID, batchesOf, failingStage, pipelineOf, storedBatch } from '../helpers/tracking.js';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: Record<string, unknown>;
  example?: unknown;
  style?: string;
}
interface Operation {
  summary: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> };
  security?: Record<string, string[]>[];
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Schema }>; headers?: Record<string, unknown> }
  >;
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> };
}

let app: FastifyInstance;
let access: AccessFixture;
let prompts: RegistryFixture;
let document: Document;
const source = recordSource(5);
const spans = source.trace(3);
const nativeLog = { ...source.logRecord(), eventName: LOG_EVENT };
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

beforeAll(async () => {
  access = await startAccess();
  const deadLetters = { list: async () => [] } as unknown as DeadLetters;
  const { keyring } = access;
  prompts = await startRegistry(access.control);
  const { registry } = prompts;
  const price = { workspace: 'default', pattern: 'gpt-*', provider: '', serviceTier: '', validFromUnixMs: 1 };
  await access.control.prices.put(price, { input: '1', cacheRead: '0.5' }, 1);
  await access.control.repricings.create({ workspace: 'default', fromUnixMs: 1, toUnixMs: 2 }, 1);
  const context = await testNativeApp({
    ...{ access: keyring, identify: keyring.forApi, deadLetters, registry },
    batches: batchesOf({ [BATCH_ID]: { workspace: 'default', told: storedBatch } }),
    readPipeline: pipelineOf([failingStage]),
  });
  app = context.app;
  context.telemetry.addSpans('default', spans);
  context.telemetry.addLogRecords('default', [source.logRecord(), nativeLog]);
  context.telemetry.addMetricPoints('default', [source.metricPoint('histogram'), source.metricPoint('gauge')]);
  document = (await app.inject('/openapi.json')).json();
});
afterAll(async () => {
  await app.close();
  await prompts.close();
  await access.close();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

const faults = (schema: Schema, value: unknown) => faultsOf(document.components.schemas, schema, value);

describe('the OpenAPI document', () => {
  it('is of version 3.1 and names the product', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'PromptMetrics', version: '1.2.3' });
  });

  it('has every route of the API, and nothing else', () => {
    const hidden = /^\/(docs|openapi\.json)/;
    const served = app.guardedRoutes
      // The 405 of methods that a path lacks takes any key; of real routes, only the one about that key does.
      .filter(({ url, scope }) => !hidden.test(url) && (scope !== 'any' || url === '/v1/api-keys/me'))
      .filter(({ method, url }) => method === 'GET' || (method !== 'HEAD' && url !== '/v1/api-keys/me'))
      .map(({ method, url }) => `${method.toLowerCase()} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
    const documented = operations().map(({ method, path }) => `${method} ${path}`);
    expect(documented.toSorted()).toEqual([...new Set(served)].toSorted());
    expect(documented.length).toBeGreaterThan(25);
  });

  it('says which scope of a key each operation needs, and which need none', () => {
    expect(document.components.securitySchemes).toEqual({
      apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      bearer: { type: 'http', scheme: 'bearer' },
    });
    for (const { method, path, operation } of operations()) {
      const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
      const route = app.guardedRoutes.find((each) => each.method === method.toUpperCase() && each.url === url)!;
      const scopes = route.scope === 'any' ? [] : [route.scope];
      const expected = route.scope === undefined ? [] : [{ apiKey: scopes }, { bearer: scopes }];
      expect([path, operation.security]).toEqual([path, expected]);
    }
  });

  it('says which answers name their batch', () => {
    const naming = operations().filter(({ operation }) =>
      Object.entries(operation.responses).some(
        ([status, { headers }]) => status.startsWith('2') && headers?.['x-batch-id'],
      ),
    );
    expect(naming.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      'delete /v1/traces/{trace_id}',
      'patch /v1/traces/{trace_id}/spans/{span_id}',
      'post /v1/logs',
      'post /v1/metrics',
      'post /v1/spans',
      'post /v1/traces',
      'post /v1/traces/{trace_id}/spans',
    ]);
    for (const { operation } of naming) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        expect(JSON.stringify([status, content])).not.toContain('x-batch-id');
      }
    }
  });

  it('has an example of every body', () => {
    for (const { path, operation } of operations()) {
      const content = operation.requestBody?.content['application/json'];
      if (content === undefined) continue;
      expect([path, faults(content.schema, content.example)]).toEqual([path, []]);
      expect([path, content.example]).not.toEqual([path, undefined]);
    }
  });

  it.each([
    ['/v1/generations', []],
    ['/v1/sessions', []],
    ['/v1/users', []],
    // Sums are kept by a user or a session alone.
    ['/v1/metrics/usage', ['user', 'session']],
  ])('has an example of each filter of %s, and all together are understood', async (path, alone) => {
    const parameters = document.paths[path]!.get!.parameters!.filter(({ name, schema }) => {
      return !['page', 'limit', 'cursor', 'series'].includes(name) && schema.enum === undefined;
    });
    expect(parameters.filter(({ example }) => example === undefined)).toEqual([]);
    const together = parameters.filter(({ name }) => !alone.includes(name));
    const query = Object.fromEntries(together.map(({ name, example }) => [name, String(example)]));
    const to = '2026-11-22T10:00:00Z';
    const response = await app.inject({ method: 'GET', url: path, query: { ...query, to } });
    expect([response.statusCode, response.body]).toEqual([200, expect.any(String)]);
  });

  it('describes each operation: summary, tag, responses with a description, path parameters', () => {
    const tags = document.tags.map(({ name }) => name);
    for (const { path, operation } of operations()) {
      expect(operation.summary.length).toBeGreaterThan(5);
      expect(operation.tags).toHaveLength(1);
      expect(Object.keys(operation.responses).filter((status) => status.startsWith('2'))).not.toEqual([]);
      expect(tags).toContain(operation.tags[0]);
      for (const response of Object.values(operation.responses)) expect(response.description).toBeTypeOf('string');
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const documented = (operation.parameters ?? []).filter((each) => each.in === 'path');
      expect(documented.map(({ name }) => name)).toEqual(inPath);
      for (const parameter of documented) expect(parameter.required).toBe(true);
    }
  });

  it('has no reference that leads nowhere, and no schema that nothing refers to', () => {
    const referred = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect([...new Set(referred)].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted());
  });

  it('says how attributes are written in a query', () => {
    const parameters = document.paths['/v1/traces']!.get!.parameters!;
    expect(parameters.find(({ name }) => name === 'attributes')).toMatchObject({ in: 'query', style: 'deepObject' });
  });

  it('names both encodings of OTLP', () => {
    const content = document.paths['/v1/logs']!.post!.requestBody!.content;
    expect(Object.keys(content)).toEqual(expect.arrayContaining(['application/json', 'application/x-protobuf']));
  });

  it('names what several items may come as', () => {
    for (const path of ['/v1/logs', '/v1/spans', '/v1/traces/{trace_id}/spans']) {
      const content = document.paths[path]!.post!.requestBody!.content;
      expect(Object.keys(content)).toEqual(expect.arrayContaining(['application/json', 'application/x-ndjson']));
    }
  });

  it('documents what each endpoint really answers', async () => {
    const trace = hex(spans[0]!.traceId);
    const urls: [string, string, number][] = [
      ['/v1/traces', '/v1/traces', 200],
      ['/v1/traces/{trace_id}', `/v1/traces/${trace}`, 200],
      ['/v1/traces/{trace_id}/spans/{span_id}', `/v1/traces/${trace}/spans/${hex(spans[1]!.spanId)}`, 200],
      ['/v1/traces/count', '/v1/traces/count', 200],
      ['/v1/traces/{trace_id}/spans', `/v1/traces/${trace}/spans`, 200],
      ['/v1/traces/{trace_id}/spans/count', `/v1/traces/${trace}/spans/count`, 200],
      ['/v1/logs', '/v1/logs', 200],
      ['/v1/logs/count', '/v1/logs/count', 200],
      ['/v1/logs/{id}', `/v1/logs/${logIdOf(nativeLog.timeUnixNano)}`, 200],
      ['/v1/logs/{id}', '/v1/logs/1', 404],
      ['/v1/otel/logs', '/v1/otel/logs', 200],
      ['/v1/otel/logs/count', '/v1/otel/logs/count', 200],
      ['/v1/otel/metrics', '/v1/otel/metrics', 200],
      ['/v1/otel/metrics/count', '/v1/otel/metrics/count', 200],
      ['/v1/runs', '/v1/runs?sort=-workflow_name', 200],
      ['/v1/runs/count', '/v1/runs/count?status=failed', 200],
      ['/v1/runs/{run_id}', '/v1/runs/nope', 404],
      ['/v1/prices', '/v1/prices', 200],
      ['/v1/prices/count', '/v1/prices/count', 200],
      ['/v1/prices/effective', '/v1/prices/effective?model=gpt-4o&provider=openai', 200],
      ['/v1/prices/effective', '/v1/prices/effective?model=nobody-knows-it', 200],
      ['/v1/prices/{id}', '/v1/prices/1', 200],
      ['/v1/prices/{id}', '/v1/prices/nope', 404],
      ['/v1/prices/reprice', '/v1/prices/reprice', 200],
      ['/v1/prices/reprice/count', '/v1/prices/reprice/count', 200],
      ['/v1/prices/reprice/{id}', '/v1/prices/reprice/1', 200],
      ['/v1/prices/reprice/{id}', '/v1/prices/reprice/nope', 404],
      ['/health', '/health', 200],
      ['/health/ready', '/health/ready', 200],
      ['/health/deep', '/health/deep', 200],
      ['/debug/pipeline', '/debug/pipeline', 200],
      ['/v1/ingest/batches/{id}', `/v1/ingest/batches/${BATCH_ID}`, 200],
      ['/v1/ingest/batches/{id}', '/v1/ingest/batches/nope', 404],
      ['/v1/dead-letters', '/v1/dead-letters', 200],
      ['/v1/dead-letters/count', '/v1/dead-letters/count', 200],
      ['/v1/api-keys', '/v1/api-keys', 200],
      ['/v1/api-keys/count', '/v1/api-keys/count', 200],
      ['/v1/api-keys/me', '/v1/api-keys/me', 200],
      ['/v1/workspaces', '/v1/workspaces', 200],
      ['/v1/workspaces/count', '/v1/workspaces/count', 200],
      ['/v1/workspaces/{id}', '/v1/workspaces/default', 200],
      ['/v1/workspaces/{id}', '/v1/workspaces/nobody', 404],
      ['/v1/audit-logs', '/v1/audit-logs', 200],
      ['/v1/audit-logs/count', '/v1/audit-logs/count', 200],
      ['/v1/audit-logs/verify', '/v1/audit-logs/verify', 200],
      ['/v1/traces', '/v1/traces?page=0', 422],
      ['/v1/traces/{trace_id}', '/v1/traces/nope', 400],
    ];
    for (const [path, url, status] of urls) {
      const response = await app.inject(url);
      expect(response.statusCode).toBe(status);
      const { responses } = document.paths[path]!.get!;
      const documented = responses[String(status)] ?? responses['4XX'];
      expect([path, faults(documented!.content!['application/json']!.schema, response.json())]).toEqual([path, []]);
    }
  });

  it('documents what a change answers', async () => {
    const send = async (method: 'post' | 'put' | 'patch' | 'delete', path: string, url: string, payload?: object) => {
      const response = await app.inject({ method: method.toUpperCase() as 'POST', url, ...(payload && { payload }) });
      const { responses } = document.paths[path]![method]!;
      const documented = responses[String(response.statusCode)] ?? responses['4XX'];
      if (response.body === '') expect(documented).toBeDefined();
      else {
        const { schema } = documented!.content!['application/json']!;
        expect([path, faults(schema, response.json())]).toEqual([path, []]);
      }
      return response;
    };
    const example = (path: string) =>
      document.paths[path]!.post!.requestBody!.content['application/json']!.example as object;
    const made = await send('post', '/v1/api-keys', '/v1/api-keys', example('/v1/api-keys'));
    const rotate = '/v1/api-keys/{id}/rotate';
    const rotated = await send('post', rotate, `/v1/api-keys/${made.json().id}/rotate`, example(rotate));
    const gone = await send('delete', '/v1/api-keys/{id}', `/v1/api-keys/${made.json().id}`);
    const workspace = await send('post', '/v1/workspaces', '/v1/workspaces', example('/v1/workspaces'));
    const removed = await send('delete', '/v1/workspaces/{id}', '/v1/workspaces/acme');
    expect([made, rotated, gone, workspace, removed].map(({ statusCode }) => statusCode)).toEqual([
      201, 201, 204, 201, 204,
    ]);
    const run = await send('post', '/v1/runs', '/v1/runs', example('/v1/runs'));
    const oneRun = `/v1/runs/${run.json().run_id}`;
    expect((await app.inject(oneRun)).statusCode).toBe(200);
    const { schema } = document.paths['/v1/runs/{run_id}']!.get!.responses['200']!.content!['application/json']!;
    expect(faults(schema, (await app.inject(oneRun)).json())).toEqual([]);
    const changed = await send('patch', '/v1/runs/{run_id}', oneRun, { status: 'completed' });
    const unchanged = await send('patch', '/v1/runs/{run_id}', oneRun, {});
    const ended = await send('delete', '/v1/runs/{run_id}', oneRun);
    expect([run, changed, unchanged, ended].map(({ statusCode }) => statusCode)).toEqual([201, 200, 200, 204]);
    const repricing = await send('post', '/v1/prices/reprice', '/v1/prices/reprice', example('/v1/prices/reprice'));
    const { example: price } = document.paths['/v1/prices']!.put!.requestBody!.content['application/json']!;
    const priced = await send('put', '/v1/prices', '/v1/prices', price as object);
    const unpriced = await send('delete', '/v1/prices/{id}', `/v1/prices/${priced.json().id}`);
    expect([repricing, priced, unpriced].map(({ statusCode }) => statusCode)).toEqual([202, 201, 204]);
    const labels = '/v1/prompts/{name}/labels';
    const prompt = await send('post', '/v1/prompts', '/v1/prompts', example('/v1/prompts'));
    const label = await send('post', labels, '/v1/prompts/welcome/labels', example(labels));
    expect([prompt, label].map(({ statusCode }) => statusCode)).toEqual([201, 201]);
    for (const [path, url] of [
      ['/v1/prompts', '/v1/prompts'],
      ['/v1/prompts/search', '/v1/prompts/search?q=wel'],
      ['/v1/prompts/count', '/v1/prompts/count'],
      ['/v1/prompts/{name}', '/v1/prompts/welcome?label=production&variables[name]=Alice'],
      ['/v1/prompts/{name}/diff', '/v1/prompts/welcome/diff'],
      ['/v1/prompts/{name}/versions', '/v1/prompts/welcome/versions'],
      ['/v1/prompts/{name}/versions/count', '/v1/prompts/welcome/versions/count'],
      [labels, '/v1/prompts/welcome/labels'],
      [`${labels}/count`, '/v1/prompts/welcome/labels/count'],
      [`${labels}/{label_name}`, '/v1/prompts/welcome/labels/production'],
      [`${labels}/{label_name}/history`, '/v1/prompts/welcome/labels/production/history'],
    ] as const) {
      const response = await app.inject(url);
      const documented = document.paths[path]!.get!.responses['200']!.content!['application/json']!;
      expect([path, response.statusCode, faults(documented.schema, response.json())]).toEqual([path, 200, []]);
    }
    const one = '/v1/prompts/welcome/labels/production';
    const render = '/v1/prompts/{name}/render';
    const values = { variables: { name: 'Alice', place: 'here' } };
    const composed = { name: 'whole', version: '1.0.0', type: 'text', content: '{{> welcome}}' };
    expect((await send('post', render, '/v1/prompts/welcome/render', values)).statusCode).toBe(200);
    expect((await send('post', render, '/v1/prompts/welcome/render', {})).statusCode).toBe(422);
    expect((await send('post', '/v1/prompts', '/v1/prompts', composed)).statusCode).toBe(422);
    const version = '/v1/prompts/{name}/versions/{version}';
    expect((await send('delete', version, '/v1/prompts/welcome/versions/1.0.0')).statusCode).toBe(409);
    expect((await send('delete', `${labels}/{label_name}`, one)).statusCode).toBe(204);
    expect((await send('delete', version, '/v1/prompts/welcome/versions/1.0.0')).statusCode).toBe(204);
    const restored = await send('post', `${version}/restore`, '/v1/prompts/welcome/versions/1.0.0/restore');
    expect(restored.statusCode).toBe(200);
    expect((await send('delete', '/v1/prompts/{name}', '/v1/prompts/welcome')).statusCode).toBe(204);
    expect((await send('post', '/v1/prompts/{name}/restore', '/v1/prompts/welcome/restore')).statusCode).toBe(200);
    expect((await send('post', '/v1/api-keys', '/v1/api-keys', {})).statusCode).toBe(422);
    expect((await send('delete', '/v1/api-keys/{id}', '/v1/api-keys/x')).statusCode).toBe(422);
  });

  it('documents what native requests answer', async () => {
    const send = async (method: 'post' | 'patch' | 'delete', path: string, url: string, payload?: object) => {
      const response = await app.inject({ method: method.toUpperCase() as 'POST', url, ...(payload && { payload }) });
      const documented = document.paths[path]![method]!.responses[String(response.statusCode)]!;
      const schema = documented.content?.['application/json']?.schema;
      if (response.body !== '') expect([path, faults(schema!, response.json())]).toEqual([path, []]);
      return response.statusCode;
    };
    const example = (method: 'post' | 'patch', path: string) =>
      document.paths[path]![method]!.requestBody!.content['application/json']!.example as Schema;
    const [traces, spansOf, span] = [
      '/v1/traces',
      '/v1/traces/{trace_id}/spans',
      '/v1/traces/{trace_id}/spans/{span_id}',
    ];
    const trace = example('post', traces);
    const url = `/v1/traces/${String(trace.trace_id)}`;
    expect(await send('post', traces, '/v1/traces', trace)).toBe(201);
    expect(await send('post', spansOf, `${url}/spans`, example('post', spansOf))).toBe(201);
    const another = { ...example('post', '/v1/spans'), span_id: '1111111111111111' };
    expect(await send('post', '/v1/spans', '/v1/spans', [another, another])).toBe(201);
    const place = `${url}/spans/${String(example('post', spansOf).span_id)}`;
    expect(await send('patch', span, place, example('patch', span))).toBe(200);
    expect(await send('patch', span, place, {})).toBe(200);
    expect(await send('delete', '/v1/traces/{trace_id}', url)).toBe(204);
    expect(await send('post', '/v1/logs', '/v1/logs', example('post', '/v1/logs'))).toBe(202);
    expect(await send('post', '/v1/logs', '/v1/logs', [example('post', '/v1/logs')])).toBe(202);
  });

  it('can be tried on a page that loads nothing from elsewhere', async () => {
    const page = await app.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(assets.length).toBeGreaterThan(3);
    for (const url of assets) expect((await app.inject(url)).statusCode).toBe(200);
    expect((await app.inject('/docs/json')).json().paths).toEqual(document.paths);
  });
});
