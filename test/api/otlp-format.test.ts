import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testApp } from '../helpers/api.js';
import { recordSource, resource } from '../helpers/records.js';

const source = recordSource(6);
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');
/** More than are made at once, from two resources. */
const spans = source.trace(1200).map((span, at) => ({ ...span, resource: resource(at % 2 ? 'a' : 'b') }));
const small = source.span({ attributes: '{"n":1.0,"i":{"$int":"9223372036854775807"}}' });

let app: FastifyInstance;

beforeAll(async () => {
  const context = await testApp();
  app = context.app;
  context.telemetry.addSpans('default', [...spans, small]);
  context.telemetry.addLogRecords('default', [source.logRecord(), source.logRecord(), source.logRecord()]);
  context.telemetry.addMetricPoints('default', [source.metricPoint('gauge'), source.metricPoint('sum')]);
});
afterAll(() => app.close());

interface TracesData {
  resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[];
}

describe('format=otlp', () => {
  it('answers a trace as OTLP/JSON, with the types that were sent', async () => {
    const response = await app.inject(`/v1/traces/${hex(small.traceId)}?format=otlp`);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    const [span] = (response.json() as TracesData).resourceSpans[0]!.scopeSpans[0]!.spans;
    expect(span).toMatchObject({
      traceId: hex(small.traceId),
      spanId: hex(small.spanId),
      startTimeUnixNano: String(small.startTimeUnixNano),
      attributes: [
        { key: 'n', value: { doubleValue: 1 } },
        { key: 'i', value: { intValue: '9223372036854775807' } },
      ],
    });
  });

  it('of a trace that is made in pieces has every span once', async () => {
    const response = await app.inject(`/v1/traces/${hex(spans[0]!.traceId)}?format=otlp`);
    const ids = (response.json() as TracesData).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((scope) => scope.spans.map(({ spanId }) => spanId)),
    );
    expect(ids.toSorted()).toEqual(spans.map(({ spanId }) => hex(spanId)).toSorted());
  });

  it('of log records leads through the pages by the Link header, to the end', async () => {
    let url: string | undefined = '/v1/otel/logs?format=otlp&limit=2&service=checkout&page=1';
    const counts: number[] = [];
    while (url !== undefined) {
      const response: LightMyRequestResponse = await app.inject(url);
      expect(response.statusCode).toBe(200);
      const { resourceLogs } = response.json() as { resourceLogs: { scopeLogs: { logRecords: unknown[] }[] }[] };
      counts.push(resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords)).length);
      const link: string | undefined = /^<(.+)>; rel="next"$/.exec(String(response.headers.link))?.[1];
      url = link && new URL(link, `http://host${url}`).href.replace('http://host', '');
    }
    expect(counts).toEqual([2, 1]);
  });

  it('of metric points has each metric', async () => {
    const response = await app.inject('/v1/otel/metrics?format=otlp');
    const { resourceMetrics } = response.json() as {
      resourceMetrics: { scopeMetrics: { metrics: { name: string }[] }[] }[];
    };
    const names = resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name)),
    );
    expect(names.toSorted()).toEqual(['test.gauge', 'test.sum']);
    expect(response.headers.link).toBeUndefined();
  });
});
