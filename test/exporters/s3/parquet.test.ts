import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ContentPart, ObjectContent } from '../../../exporters/s3/content.js';
import { encodeObject } from '../../../exporters/s3/object.js';
import { SIGNALS, type Signal } from '../../../src/component.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { range } from '../../buffer/fixture.js';
import { type Plain, Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { encodeReference } from '../../otlp/reference.js';
import { frameWith, spanOf } from '../fixture.js';
import { metadataIn, rowsIn, type TableRow } from './table.js';

function contentOf(signal: Signal, payloads: readonly Buffer[], rest: Partial<ObjectContent> = {}): ObjectContent {
  const parts = payloads.map((payload, index): ContentPart => {
    return { sequence: 7 + index, piece: '', receivedTimeUnixMs: 1_790_000_000_000 + index, bytes: payload.length };
  });
  const payload = new Uint8Array(Buffer.concat(payloads));
  const format = { format: 'parquet', compression: 'snappy' } as const;
  return { signal, workspace: 'w', ...format, gatewayId: 'g', parts, payload, ...rest };
}

function encoded(content: ObjectContent) {
  const object = encodeObject(content);
  if (object.reason !== undefined) throw new Error(object.reason);
  return object;
}

const idsOf = async (content: ObjectContent) => (await rowsOf(content)).map((row) => row.item_id);
const matching = (pattern: RegExp) => expect.stringMatching(pattern);

const rowsOf = async (content: ObjectContent) => rowsIn(encoded(content).body);

function spans(...spansOfOne: Plain[]): Buffer {
  return encodeReference(
    'traces',
    toProtobufjs({ resourceSpans: [{ scopeSpans: [{ spans: spansOfOne }] }] }) as object,
  );
}

const IDS = { traceId: Buffer.alloc(16, 0xab), spanId: Buffer.alloc(8, 0xcd) };

const text = (id: Uint8Array | undefined) => (id ? Buffer.from(id).toString('hex') : null);
const micros = (nano: bigint) => (nano === 0n ? null : nano / 1000n);

function pick(row: TableRow, names: readonly string[]): unknown[] {
  return names.map((name) => row[name]);
}

const ORIGIN = ['service_name', 'resource_attributes', 'resource_schema_url', 'resource_entity_refs'].concat(
  ['scope_name', 'scope_version', 'scope_attributes', 'scope_schema_url'],
  ['resource_dropped_attributes_count', 'scope_dropped_attributes_count'],
);

type Decoded = ReturnType<typeof decodeRequest>;
type Item = Decoded['spans' | 'logRecords' | 'metricPoints'][number];

const originOf = ({ resource, scope }: Item) => [
  ...[resource.serviceName, resource.attributes, resource.schemaUrl, resource.entityRefs],
  ...[scope.name, scope.version, scope.attributes, scope.schemaUrl],
  ...[resource.droppedAttributesCount, scope.droppedAttributesCount],
];

/** Every field of every item, from the rows and from what was sent. */
const COMPARED: Record<Signal, { names: string[]; expected: (decoded: Decoded) => unknown[][] }> = {
  traces: {
    names: ['trace_id', 'span_id', 'parent_span_id', 'trace_state', 'flags', 'name', 'start_time'].concat(
      ['start_time_unix_nano', 'end_time', 'end_time_unix_nano', 'status_message', 'attributes'],
      ['dropped_attributes_count', 'events', 'dropped_events_count', 'links', 'dropped_links_count'],
      ORIGIN,
    ),
    expected: ({ spans: sent }) =>
      sent.map((span) => [
        ...[text(span.traceId), text(span.spanId), text(span.parentSpanId), span.traceState, span.flags, span.name],
        ...[micros(span.startTimeUnixNano), span.startTimeUnixNano],
        ...[micros(span.endTimeUnixNano), span.endTimeUnixNano],
        ...[span.statusMessage, span.attributes, span.droppedAttributesCount, span.events, span.droppedEventsCount],
        ...[span.links, span.droppedLinksCount, ...originOf(span)],
      ]),
  },
  logs: {
    names: [
      'time',
      'time_unix_nano',
      'observed_time',
      'observed_time_unix_nano',
      'trace_id',
      'span_id',
      'flags',
    ].concat(
      ['severity_number', 'severity_text', 'event_name', 'body', 'attributes', 'dropped_attributes_count'],
      ORIGIN,
    ),
    expected: ({ logRecords }) =>
      logRecords.map((log) => [
        ...[micros(log.timeUnixNano), log.timeUnixNano, micros(log.observedTimeUnixNano), log.observedTimeUnixNano],
        ...[text(log.traceId), text(log.spanId), log.flags, log.severityNumber, log.severityText, log.eventName],
        ...[log.body, log.attributes, log.droppedAttributesCount, ...originOf(log)],
      ]),
  },
  metrics: {
    names: ['metric_name', 'metric_description', 'metric_unit', 'metric_type', 'monotonic', 'metric_metadata'].concat(
      ['start_time', 'start_time_unix_nano', 'time', 'time_unix_nano', 'flags', 'int_value', 'double_value'],
      ['value', 'distribution', 'exemplars', 'attributes'],
      ORIGIN,
    ),
    expected: ({ metricPoints }) =>
      metricPoints.map((point) => [
        ...[point.metric.name, point.metric.description, point.metric.unit, point.metric.type],
        ...[point.metric.monotonic, point.metric.metadata, micros(point.startTimeUnixNano), point.startTimeUnixNano],
        ...[micros(point.timeUnixNano), point.timeUnixNano, point.flags, point.intValue ?? null],
        ...[
          point.doubleValue ?? null,
          point.intValue === undefined ? (point.doubleValue ?? null) : Number(point.intValue),
        ],
        ...[point.distribution ?? null, point.exemplars, point.attributes, ...originOf(point)],
      ]),
  },
};

describe('a table', () => {
  it.each(SIGNALS)('of %s lacks an item, or has one that is not what was sent', async (signal) => {
    const random = new Random(11);
    const payloads = Array.from({ length: 200 }, () =>
      encodeReference(signal, toProtobufjs(randomRequest(random, signal)) as object),
    );
    const { names, expected } = COMPARED[signal];
    const sent = payloads.flatMap((payload) => expected(decodeRequest({ signal, encoding: 'protobuf', payload })));
    const rows = await rowsOf(contentOf(signal, payloads));
    // toEqual tells -0 from 0, and takes NaN for NaN.
    expect(rows.map((row) => pick(row, names))).toEqual(sent);
    expect(new Set(rows.map((row) => row.item_id)).size).toBe(sent.length);
  });

  it.each(['snappy', 'gzip', 'none'] as const)('compressed by %s can’t be read', async (compression) => {
    const content = contentOf('traces', [spans({ ...IDS, name: 'a' }), spans({ ...IDS, name: 'b' })], { compression });
    const { body } = encoded(content);
    expect((await rowsIn(body)).map(({ name }) => name)).toEqual(['a', 'b']);
    const codecs = metadataIn(body).row_groups.flatMap(({ columns }) =>
      columns.map(({ meta_data }) => meta_data!.codec),
    );
    expect([...new Set(codecs)]).toEqual([{ snappy: 'SNAPPY', gzip: 'GZIP', none: 'UNCOMPRESSED' }[compression]]);
  });

  it('has no negative zero, or no infinity, where a value comes often', async () => {
    const values = Array.from({ length: 200 }, (_, index) => [0, -0, Number.NaN, Number.NEGATIVE_INFINITY][index % 4]!);
    const dataPoints = values.map((asDouble) => ({ asDouble }));
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints } }] }] }] };
    const rows = await rowsOf(contentOf('metrics', [encodeReference('metrics', toProtobufjs(request) as object)]));
    expect(rows.map((row) => row.double_value)).toEqual(values);
  });

  it('that is larger than what is decoded at once lacks a row, or has one out of its order', async () => {
    const payload = frameWith(range(0, 99).map((number) => spanOf(number))).payload as Buffer;
    const { body } = encoded(
      contentOf(
        'traces',
        Array.from({ length: 170 }, () => payload),
      ),
    );
    expect(metadataIn(body).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([16_400, 600]);
    const ids = (await rowsIn(body, ['item_id'])).map(({ item_id }) => item_id);
    const places = ids.map((id) => String(id).replace(/-[0-9a-f]{10}-/, ' '));
    expect(places).toEqual(range(7, 176).flatMap((part) => range(0, 99).map((index) => `g-${part} ${index}`)));
  });

  it('without a row is none', async () => {
    for (const signal of SIGNALS) expect(await rowsOf(contentOf(signal, [Buffer.alloc(0)]))).toEqual([]);
  });

  it('has other ids when the same parts are joined otherwise, or the same ones for other content', async () => {
    const payloads = [spans({ ...IDS, name: 'a' }, { ...IDS, name: 'b' }), spans({ ...IDS, name: 'c' })];
    const whole = contentOf('traces', payloads);
    const second = { ...whole, parts: whole.parts.slice(1), payload: new Uint8Array(payloads[1]!) };
    const ids = await idsOf(whole);
    expect(ids).toEqual([/^g-7-[0-9a-f]{10}-0$/, /^g-7-[0-9a-f]{10}-1$/, /^g-8-[0-9a-f]{10}-0$/].map(matching));
    expect(await idsOf(second)).toEqual(ids.slice(2));
    const chosen = contentOf('traces', [spans({ ...IDS, name: 'b' })]);
    expect(ids).not.toContain((await idsOf(chosen))[0]);
    const piece = { ...whole, parts: [{ ...whole.parts[0]!, piece: '01', bytes: whole.payload.length }] };
    expect((await idsOf(piece))[0]).toMatch(/^g-7\.01-/);
  });

  it('gives a dead letter that is sent again no id, or another one each time', async () => {
    const content = contentOf('traces', [spans({ ...IDS, name: 'a' })]);
    const resentAt = async (receivedTimeUnixMs: number) => {
      const part = { sequence: undefined, piece: '', receivedTimeUnixMs, bytes: content.payload.length };
      return idsOf({ ...content, parts: [part] });
    };
    expect(await resentAt(1)).toEqual([expect.stringMatching(/^g-resent-[0-9a-f]{10}-0$/)]);
    expect(await resentAt(2)).toEqual(await resentAt(1));
  });

  it('says nothing of when and for whom its rows were received', async () => {
    const rows = await rowsOf(contentOf('traces', [spans({ ...IDS }), spans({ ...IDS })]));
    expect(rows.map((row) => pick(row, ['workspace', 'received_time']))).toEqual([
      ['w', 1_790_000_000_000_000n],
      ['w', 1_790_000_000_001_000n],
    ]);
  });

  it('names enums as nobody would look for them, and loses those without a name', async () => {
    const [row, odd] = await rowsOf(
      contentOf('traces', [
        spans(
          { ...IDS, kind: 3, status: { code: 2 }, startTimeUnixNano: 5n, endTimeUnixNano: 3n },
          { ...IDS, kind: 77 },
        ),
      ]),
    );
    expect(pick(row!, ['kind', 'status_code', 'duration_nano'])).toEqual(['client', 'error', -2n]);
    expect(pick(odd!, ['kind', 'status_code', 'duration_nano'])).toEqual(['77', 'unset', 0n]);
  });

  it('does not tell what a call to a model used and cost', async () => {
    const attribute = (key: string, value: Plain): Plain => ({ key, value });
    const call = {
      ...IDS,
      attributes: [
        attribute('gen_ai.operation.name', { stringValue: 'chat' }),
        attribute('gen_ai.provider.name', { stringValue: 'openai' }),
        attribute('gen_ai.request.model', { stringValue: 'gpt-5' }),
        attribute('gen_ai.usage.input_tokens', { intValue: 12n }),
        attribute('gen_ai.usage.output_tokens', { intValue: 34n }),
        attribute('gen_ai.usage.cost', { doubleValue: 0.25 }),
        attribute('session.id', { stringValue: 's' }),
      ],
    };
    const [row, other] = await rowsOf(contentOf('traces', [spans(call, { ...IDS, name: 'no call' })]));
    const names = ['gen_ai_kind', 'gen_ai_provider', 'gen_ai_request_model', 'gen_ai_input_tokens'].concat(
      ['gen_ai_output_tokens', 'gen_ai_reasoning_tokens', 'gen_ai_countable', 'session_id'],
      ['gen_ai_reported_cost_usd'],
    );
    expect(pick(row!, names)).toEqual(['llm', 'openai', 'gpt-5', 12n, 34n, null, true, 's', 0.25]);
    expect(pick(other!, names)).toEqual(names.map(() => null));
  });

  it('says nothing of its version and its origin', () => {
    const { key_value_metadata: facts, created_by } = metadataIn(encoded(contentOf('logs', [Buffer.alloc(0)])).body);
    expect(facts).toEqual([
      { key: 'schema', value: 'logs/1' },
      { key: 'gateway_id', value: 'g' },
    ]);
    expect(created_by).toBe('promptmetrics-server');
  });
});

describe('an object of OTLP', () => {
  it.each(['gzip', 'none'] as const)('with compression %s is not the request that came', (compression) => {
    const content = contentOf('traces', [spans({ ...IDS, name: 'a' })], { format: 'otlp_proto', compression });
    const { body, rows } = encoded(content);
    expect(Buffer.from(compression === 'gzip' ? gunzipSync(body) : body)).toEqual(Buffer.from(content.payload));
    expect(rows).toBeUndefined();
  });
});

describe('any object', () => {
  it('is another one when it is made again', () => {
    for (const format of ['otlp_proto', 'parquet'] as const) {
      const compression = format === 'parquet' ? 'snappy' : 'gzip';
      const content = contentOf('traces', [spans({ ...IDS, name: 'a' })], { format, compression });
      expect(encoded(content)).toEqual(encoded(content));
    }
  });

  it('tells of another time than its items', () => {
    const point = { timeUnixNano: 70n, startTimeUnixNano: 1n };
    const log = { timeUnixNano: 0n, observedTimeUnixNano: 9n };
    const metrics = [{ sum: { dataPoints: [point] } }, { summary: { dataPoints: [{ timeUnixNano: 60n }] } }];
    const requests: [Signal, Plain, [bigint, bigint]][] = [
      [
        'traces',
        { resourceSpans: [{ scopeSpans: [{ spans: [{ ...IDS, startTimeUnixNano: 5n, endTimeUnixNano: 8n }] }] }] },
        [5n, 8n],
      ],
      ['logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [log, { timeUnixNano: 4n }] }] }] }, [4n, 9n]],
      ['metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }, [60n, 70n]],
    ];
    for (const [signal, request, [minUnixNano, maxUnixNano]] of requests) {
      const payload = encodeReference(signal, toProtobufjs(request) as object);
      expect(encoded(contentOf(signal, [payload])).times).toEqual({ minUnixNano, maxUnixNano });
    }
    expect(encoded(contentOf('logs', [Buffer.alloc(0)])).times).toBeUndefined();
  });

  it('is made of what is no protobuf', () => {
    for (const format of ['otlp_proto', 'parquet'] as const) {
      const content = contentOf('traces', [Buffer.from([0x0a, 0xff])], { format });
      expect(encodeObject(content)).toEqual({ reason: expect.stringContaining("can't be encoded") });
    }
  });
});
