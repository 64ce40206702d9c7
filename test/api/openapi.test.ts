import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeadLetters } from '../../src/api/dead-letters/source.js';
import type { OtlpHandler } from '../../src/component.js';
import { testApp } from '../helpers/api.js';
import { recordSource } from '../helpers/records.js';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: Record<string, unknown>;
  style?: string;
}
interface Operation {
  summary: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
}
type Schema = Record<string, unknown>;
interface Document {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

let app: FastifyInstance;
let document: Document;
const source = recordSource(5);
const spans = source.trace(3);
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

beforeAll(async () => {
  const context = await testApp({ otlp: {} as OtlpHandler, deadLetters: {} as DeadLetters });
  app = context.app;
  context.telemetry.addSpans('default', spans);
  context.telemetry.addLogRecords('default', [source.logRecord()]);
  context.telemetry.addMetricPoints('default', [source.metricPoint('histogram'), source.metricPoint('gauge')]);
  document = (await app.inject('/openapi.json')).json();
});
afterAll(() => app.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

function resolve(schema: Schema): Schema {
  const reference = schema.$ref as string | undefined;
  if (reference === undefined) return schema;
  const name = reference.replace('#/components/schemas/', '');
  expect(document.components.schemas).toHaveProperty(name);
  return document.components.schemas[name]!;
}

/** Enough of JSON Schema for what the document uses; an unknown member of a closed object is an error too. */
function faults(given: Schema, value: unknown, at = '$'): string[] {
  const schema = resolve(given);
  const alternatives = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (alternatives) {
    return alternatives.some((each) => faults(each, value, at).length === 0) ? [] : [`${at}: no alternative fits`];
  }
  const types = [schema.type ?? []].flat() as string[];
  if (types.length > 0 && !types.some((type) => isOfType(type, value))) return [`${at}: not ${types.join(' or ')}`];
  if (schema.enum && !(schema.enum as unknown[]).includes(value)) return [`${at}: not one of the enum`];
  if ('const' in schema && schema.const !== value) return [`${at}: not ${String(schema.const)}`];
  if (typeof schema.pattern === 'string' && !new RegExp(schema.pattern).test(String(value))) return [`${at}: pattern`];
  if (Array.isArray(value))
    return value.flatMap((each, i) => faults((schema.items as Schema) ?? {}, each, `${at}[${i}]`));
  if (typeof value === 'object' && value !== null) return objectFaults(schema, value as Record<string, unknown>, at);
  return [];
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function objectFaults(schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const missing = ((schema.required ?? []) as string[]).filter((name) => !(name in value));
  const members = Object.entries(value).flatMap(([name, member]) => {
    if (properties[name]) return faults(properties[name], member, `${at}.${name}`);
    if (schema.additionalProperties === false) return [`${at}.${name}: not documented`];
    return faults((schema.additionalProperties ?? {}) as Schema, member, `${at}.${name}`);
  });
  return [...missing.map((name) => `${at}.${name}: missing`), ...members];
}

describe('the OpenAPI document', () => {
  it('is of version 3.1 and names the product', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'PromptMetrics', version: '1.2.3' });
  });

  it('has every route of the API', () => {
    const documented = Object.keys(document.paths);
    expect(documented.toSorted()).toEqual(
      [
        '/health',
        '/health/deep',
        '/health/ready',
        '/metrics',
        '/v1/dead-letters',
        '/v1/dead-letters/{id}',
        '/v1/dead-letters/{id}/replay',
        '/v1/logs',
        '/v1/metrics',
        '/v1/otel/logs',
        '/v1/otel/metrics',
        '/v1/traces',
        '/v1/traces/{trace_id}',
        '/v1/traces/{trace_id}/spans/{span_id}',
      ].toSorted(),
    );
    expect(Object.keys(document.paths['/v1/traces']!)).toEqual(['get', 'post']);
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
    expect(Object.keys(content).toSorted()).toEqual(['application/json', 'application/x-protobuf']);
  });

  it('documents what each endpoint really answers', async () => {
    const trace = hex(spans[0]!.traceId);
    const urls: [string, string, number][] = [
      ['/v1/traces', '/v1/traces', 200],
      ['/v1/traces/{trace_id}', `/v1/traces/${trace}`, 200],
      ['/v1/traces/{trace_id}/spans/{span_id}', `/v1/traces/${trace}/spans/${hex(spans[1]!.spanId)}`, 200],
      ['/v1/otel/logs', '/v1/otel/logs', 200],
      ['/v1/otel/metrics', '/v1/otel/metrics', 200],
      ['/health', '/health', 200],
      ['/health/ready', '/health/ready', 200],
      ['/health/deep', '/health/deep', 200],
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
