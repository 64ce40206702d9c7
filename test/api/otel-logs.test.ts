import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logRecordSchema } from '../../src/api/otel-logs/schema.js';
import { testApp } from '../helpers/api.js';
import { BASE_TIME_UNIX_NANO, recordSource, resource } from '../helpers/records.js';
import type { TelemetryMemory } from '../helpers/telemetry-memory.js';

const source = recordSource(2);
const traceId = source.id(16);
const spanId = source.id(8);
const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');

let app: FastifyInstance;
let telemetry: TelemetryMemory;

const rich = source.logRecord({
  timeUnixNano: 0n,
  observedTimeUnixNano: BASE_TIME_UNIX_NANO + 42n,
  severityNumber: 17,
  severityText: 'ERROR',
  eventName: 'gen_ai.user.message',
  body: '{"Text":"Hello \\"World\\"","n":1.0,"b":{"$bytes":"AAE="}}',
  attributes: '{"code":1.0}',
  droppedAttributesCount: 4,
  flags: 1,
  traceId,
  spanId,
  resource: resource('chat'),
});

beforeAll(async () => {
  ({ app, telemetry } = await testApp());
  const later = BASE_TIME_UNIX_NANO + 60_000_000_000n;
  telemetry.addLogRecords('default', [rich, source.logRecord({ body: '"plain"', timeUnixNano: later })]);
});
afterAll(() => app.close());

async function bodies(query: string): Promise<unknown[]> {
  const response = await app.inject(`/v1/otel/logs?${query}`);
  expect(response.statusCode).toBe(200);
  return response.json().items.map(({ body }: { body: unknown }) => body);
}

describe('a log record', () => {
  it('comes back with everything OTLP carries, its body as it was stored', async () => {
    const response = await app.inject('/v1/otel/logs?service=chat');
    expect(response.body).toContain(`"body":${rich.body},"attributes":{"code":1.0}`);
    const [record] = response.json().items;
    expect(record).toMatchObject({
      time: 1_767_225_600_000,
      time_unix_nano: '0',
      observed_time_unix_nano: '1767225600000000042',
      severity_number: 17,
      severity_text: 'ERROR',
      event_name: 'gen_ai.user.message',
      dropped_attributes_count: 4,
      flags: 1,
      trace_id: hex(traceId),
      span_id: hex(spanId),
      service: 'chat',
      scope: { name: 'test-scope' },
      created_at: 1_767_225_600,
    });
    expect(logRecordSchema.strict().safeParse(record).error).toBeUndefined();
  });

  it('outside of a trace has null ids', async () => {
    const [record] = (await app.inject('/v1/otel/logs')).json().items;
    expect(record).toMatchObject({ trace_id: null, span_id: null });
  });
});

describe('the list of log records', () => {
  it('keeps to each filter', async () => {
    const richBody = JSON.parse(rich.body);
    expect(await bodies('')).toEqual(['plain', richBody]);
    expect(await bodies(`trace_id=${hex(traceId).toUpperCase()}`)).toEqual([richBody]);
    expect(await bodies(`span_id=${hex(spanId)}`)).toEqual([richBody]);
    expect(await bodies('min_severity=10')).toEqual([richBody]);
    expect(await bodies('event_name=gen_ai.user.message')).toEqual([richBody]);
    expect(await bodies('body=PLAIN')).toEqual(['plain']);
    expect(await bodies('attribute=log.iostream=stdout')).toEqual(['plain']);
    expect(await bodies('from=2026-01-01T00:01:00Z')).toEqual(['plain']);
    expect(await bodies('to=2026-01-01T00:01:00Z&limit=1')).toEqual([richBody]);
  });

  it('is counted by the same filters', async () => {
    for (const [query, count] of [
      ['', 2],
      ['min_severity=10', 1],
      ['body=PLAIN', 1],
      ['event_name=none', 0],
    ] as const) {
      const counted = (await app.inject(`/v1/otel/logs/count?${query}`)).json();
      expect([query, counted]).toEqual([query, { count, countRelation: 'eq' }]);
    }
    expect((await app.inject('/v1/otel/logs/count?min_severity=x')).statusCode).toBe(422);
  });

  it('stands oldest first where that is asked for, also by cursor', async () => {
    const richBody = JSON.parse(rich.body);
    expect(await bodies('order=asc')).toEqual([richBody, 'plain']);
    const first = (await app.inject('/v1/otel/logs?order=asc&limit=1')).json();
    expect(await bodies(`order=asc&limit=1&cursor=${first.nextCursor}`)).toEqual(['plain']);
    expect((await app.inject('/v1/otel/logs?order=newest')).statusCode).toBe(422);
  });

  it('is followed by cursor', async () => {
    const first = (await app.inject('/v1/otel/logs?limit=1')).json();
    expect(first).toMatchObject({ total: 2, totalPages: 2, items: [{ body: 'plain' }] });
    expect(await bodies(`limit=1&cursor=${first.nextCursor}`)).toEqual([JSON.parse(rich.body)]);
  });

  it('names every fault of a query at once', async () => {
    const response = await app.inject('/v1/otel/logs?trace_id=1&span_id=2&min_severity=25&event_name=&format=xml');
    expect(response.statusCode).toBe(422);
    expect(response.json().details.fields).toEqual([
      '"trace_id" must be 32 hex digits or a UUID',
      '"span_id" must be 16 hex digits or a UUID',
      '"min_severity" must be less than or equal to 24',
      '"event_name" is not allowed to be empty',
      '"format" must be one of [json, otlp]',
    ]);
  });
});
