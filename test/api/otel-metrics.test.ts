import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricPointSchema } from '../../src/api/otel-metrics/schema.js';
import type { MetricType } from '../../src/model/telemetry.js';
import { testApp } from '../helpers/api.js';
import { recordSource } from '../helpers/records.js';

const TYPES: MetricType[] = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'];

let app: FastifyInstance;

beforeAll(async () => {
  const context = await testApp();
  app = context.app;
  const source = recordSource(4);
  const exemplars =
    '[{"timeUnixNano":"5","asDouble":1.0,"filteredAttributes":{"userId":1},"spanId":"0102","traceId":"03"}]';
  context.telemetry.addMetricPoints('default', [
    ...TYPES.map((type) => source.metricPoint(type)),
    source.metricPoint('gauge', {
      metric: { ...source.metricPoint('gauge').metric, name: 'small', metadata: '{"camelCase":1.0}' },
      doubleValue: 3,
      attributes: '{"pool":"a"}',
      exemplars,
    }),
  ]);
});
afterAll(() => app.close());

async function points(query: string) {
  const response = await app.inject(`/v1/otel/metrics?${query}`);
  expect(response.statusCode).toBe(200);
  return response.json().items;
}

describe('a metric point', () => {
  it('of every type comes back in the documented shape', async () => {
    const items = await points('');
    expect(items.map(({ type }: { type: string }) => type).toSorted()).toEqual([...TYPES, 'gauge'].toSorted());
    for (const item of items) expect(metricPointSchema.strict().safeParse(item).error).toBeUndefined();
  });

  it('keeps integers beyond 2^53 exact, and doubles doubles', async () => {
    const [sum] = await points('name=test.sum');
    expect(sum).toMatchObject({
      value_type: 'int',
      value: { $int: '9007199254740993' },
      temporality: 'cumulative',
      monotonic: true,
      distribution: null,
    });
    expect((await app.inject('/v1/otel/metrics?name=small')).body).toContain('"value_type":"double","value":3.0,');
  });

  it("has distributions in this API's case, and leaves the sender's names alone", async () => {
    const [histogram] = await points('name=test.histogram');
    expect(histogram).toMatchObject({
      value_type: null,
      value: null,
      distribution: { count: '3', bucket_counts: ['1', '2'], explicit_bounds: [5] },
    });
    const [small] = await points('attributes[pool]=a');
    expect(small.metadata).toEqual({ camelCase: 1 });
    expect(small.exemplars).toEqual([
      { time_unix_nano: '5', as_double: 1, filtered_attributes: { userId: 1 }, span_id: '0102', trace_id: '03' },
    ]);
  });
});

describe('the list of metric points', () => {
  it('is counted by the same filters, and stands in either order', async () => {
    for (const [query, count] of [
      ['', 6],
      ['name=small', 1],
      ['name=none', 0],
      ['service=checkout', 6],
    ] as const) {
      const counted = (await app.inject(`/v1/otel/metrics/count?${query}`)).json();
      expect([query, counted]).toEqual([query, { count, countRelation: 'eq' }]);
    }
    expect(await points('order=asc')).toEqual((await points('')).toReversed());
  });

  it('keeps to its filters and is followed by cursor', async () => {
    expect(await points('name=none')).toEqual([]);
    expect(await points('service=checkout&limit=2')).toHaveLength(2);
    const first = (await app.inject('/v1/otel/metrics?limit=5')).json();
    const rest = await points(`limit=5&cursor=${first.nextCursor}`);
    expect(rest).toHaveLength(1);
    expect(first.items).not.toContainEqual(rest[0]);
  });
});
