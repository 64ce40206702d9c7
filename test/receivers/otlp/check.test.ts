/** The rows of the protocol's requirements on payloads, each with what would be wrong. */
import { describe, expect, it } from 'vitest';
import { checkRequest, looksLikeOtlpJson } from '../../../receivers/otlp/check.js';
import type { CheckResult } from '../../../receivers/otlp/check-result.js';
import type { Signal } from '../../../src/component.js';
import { MAX_VALUE_DEPTH } from '../../../src/model/json-value.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { field, message, SPAN_ID, span, TRACE_ID, text, tracesOf, varint } from '../../otlp/wire.js';

const IDS = '"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"';
const spansJson = (...spans: string[]) => `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`;
const spanJson = (members: string) => spansJson(`{${IDS}${members && `,${members}`}}`);
const pointJson = (members: string) =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{${members}}]}}]}]}]}`;

function json(body: string, signal: Signal = 'traces'): CheckResult {
  return checkRequest({ signal, encoding: 'json', body: Buffer.from(body) });
}
function protobuf(body: Buffer, signal: Signal = 'traces'): CheckResult {
  return checkRequest({ signal, encoding: 'protobuf', body });
}
function decodeJson(body: string, signal: Signal = 'traces') {
  return decodeRequest({ signal, encoding: 'json', payload: Buffer.from(body) });
}
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'INVALID_PAYLOAD', message: expect.stringMatching(message) });
const names = (payload: Uint8Array, encoding: 'json' | 'protobuf') =>
  decodeRequest({ signal: 'traces', encoding, payload: Buffer.from(payload) }).spans.map(({ name }) => name);

describe('OTLP/JSON', () => {
  it('row 69: hex ids in capitals are refused', () => {
    const body = spanJson('').replace('5b8efff7', '5B8EFFF7');
    expect(json(body)).toMatchObject({ accepted: 1, rejected: 0, message: '' });
    expect(decodeJson(body).spans[0]!.traceId).toEqual(Uint8Array.from(TRACE_ID));
  });

  it.each([
    ['traceId', TRACE_ID.toString('base64'), 'trace id is not hex but looks base64'],
    ['spanId', SPAN_ID.toString('base64'), 'span id is not hex but looks base64'],
    ['traceId', 'zz8efff798038103d269b633813fc60c', 'trace id is not hex'],
    ['traceId', '5b8efff7', 'trace id is not 16 bytes'],
    ['traceId', '', 'trace id is not 16 bytes'],
    ['spanId', '0000000000000000', 'span id is all zero'],
    ['traceId', '0'.repeat(32), 'trace id is all zero'],
  ])('row 69, 84: a bad %s (%s) is not told from the others, or costs its neighbours', (name, id, reason) => {
    const bad = `{"name":"bad",${IDS.replace(new RegExp(`("${name}":")[^"]*`), `$1${id}`)}}`;
    const good = (own: string) => `{"name":"${own}",${IDS}}`;
    const result = json(spansJson(good('a'), bad, good('b')));
    expect(result).toMatchObject({ accepted: 2, rejected: 1 });
    expect(result.message).toBe(`1 of 3 spans were rejected: ${reason} (1)`);
    expect(names(result.payload, 'json')).toEqual(['a', 'b']);
  });

  it('row 70: an enum is taken by number only, or any name is', () => {
    const kinds = ['3', '"SPAN_KIND_CLIENT"', '"3"'].map(
      (kind) => decodeJson(spanJson(`"kind":${kind}`)).spans[0]!.kind,
    );
    expect(kinds).toEqual([3, 3, 3]);
    expect(() => json(spanJson('"kind":"CLIENT"'))).toThrow(refusal(/kind.*not a name or number of this enum/));
  });

  it('row 71: snake_case names are ignored', () => {
    const body = spanJson('"start_time_unix_nano":"5"')
      .replace('resourceSpans', 'resource_spans')
      .replace('scopeSpans', 'scope_spans');
    expect(json(body).accepted).toBe(1);
    expect(decodeJson(body).spans[0]!.startTimeUnixNano).toBe(5n);
  });

  it('row 72: unknown fields at any level are refused', () => {
    const unknown = '"unknown":{"spans":[1,{"traceId":5}],"x":[[],{}]}';
    const body = spanJson(`${unknown},"attributes":[{"key":"a","value":{"futureValue":[1]},${unknown}}]`).replace(
      '{',
      `{${unknown},`,
    );
    expect(json(body)).toMatchObject({ accepted: 1, rejected: 0 });
    expect(decodeJson(body).spans[0]!.attributes).toBe('{"a":null}');
  });

  it('row 73: 64-bit integers lose digits, with or without quotes', () => {
    for (const time of ['1700000000123456789', '"1700000000123456789"']) {
      const body = spanJson(
        `"startTimeUnixNano":${time},"attributes":[{"key":"a:1234567890123456","value":{"intValue":-9223372036854775808}}]`,
      );
      expect(json(body).accepted).toBe(1);
      const [decoded] = decodeJson(body).spans;
      expect(decoded!.startTimeUnixNano).toBe(1700000000123456789n);
      expect(decoded!.attributes).toBe('{"a:1234567890123456":{"$int":"-9223372036854775808"}}');
    }
  });

  it('row 73: an integer out of its range is let through', () => {
    expect(() => json(spanJson('"startTimeUnixNano":18446744073709551616'))).toThrow(
      refusal(/out of the range of fixed64/),
    );
    expect(() => json(spanJson('"startTimeUnixNano":"-1"'))).toThrow(refusal(/out of the range of fixed64/));
    expect(() => json(spanJson('"flags":4294967296'))).toThrow(refusal(/out of the range of fixed32/));
    expect(() => json(spanJson('"flags":1.5'))).toThrow(refusal(/not an integer/));
  });

  it('row 74: doubles as strings are refused', () => {
    for (const [value, expected] of [
      ['"NaN"', Number.NaN],
      ['"-Infinity"', Number.NEGATIVE_INFINITY],
      ['"1.5"', 1.5],
      ['2', 2],
    ]) {
      const body = pointJson(`"asDouble":${value}`);
      expect(json(body, 'metrics').accepted).toBe(1);
      expect(decodeJson(body, 'metrics').metricPoints[0]!.doubleValue).toBe(expected);
    }
    expect(() => json(pointJson('"asDouble":"1,5"'), 'metrics')).toThrow(refusal(/asDouble.*not a number/));
  });

  it('row 75: only one of the base64 alphabets is taken', () => {
    for (const value of ['+/8=', '-_8=', '-_8', '+\\/8=']) {
      const body = spanJson(`"attributes":[{"key":"b","value":{"bytesValue":"${value}"}}]`);
      expect(json(body).accepted).toBe(1);
      expect(decodeJson(body).spans[0]!.attributes).toBe('{"b":{"$bytes":"+/8="}}');
    }
    expect(() => json(spanJson('"attributes":[{"value":{"bytesValue":"a*b="}}]'))).toThrow(refusal(/not base64/));
  });

  it('row 76: null is not the default of a field', () => {
    const members = ['name', 'kind', 'flags', 'startTimeUnixNano', 'attributes', 'status', 'parentSpanId', 'events'];
    const body = spanJson(members.map((name) => `"${name}":null`).join(','));
    expect(json(body).accepted).toBe(1);
    expect(decodeJson(body).spans).toEqual(decodeJson(spanJson('')).spans);
  });

  it('row 77: the first value of a repeated attribute wins', () => {
    const attribute = (value: number) => `{"key":"a","value":{"intValue":${value}}}`;
    const body = spanJson(`"attributes":[${attribute(1)},{"key":"b"},${attribute(2)}]`);
    expect(json(body).accepted).toBe(1);
    expect(decodeJson(body).spans[0]!.attributes).toBe('{"b":null,"a":2}');
  });

  it('row 78: a byte order mark is refused, or trailing garbage is not', () => {
    expect(json(`\ufeff${spanJson('')}`).accepted).toBe(1);
    expect(decodeJson(`\ufeff${spanJson('')}`).spans).toHaveLength(1);
    expect(() => json(`${spanJson('')}}`)).toThrow(refusal(/expected nothing more/));
  });

  it('row 79: mixed arrays and nested maps come back otherwise', () => {
    const values =
      '{"stringValue":"s"},{"intValue":1},{},{"kvlistValue":{"values":[{"key":"$int","value":{"doubleValue":1}}]}}';
    const body = spanJson(`"attributes":[{"key":"a","value":{"arrayValue":{"values":[${values}]}}}]`);
    expect(json(body).accepted).toBe(1);
    expect(decodeJson(body).spans[0]!.attributes).toBe('{"a":["s",1,null,{"$map":{"$int":1.0}}]}');
  });

  it('row 80: an attribute called __proto__ is lost, or reaches a prototype', () => {
    const attributes =
      '[{"key":"__proto__","value":{"kvlistValue":{"values":[{"key":"polluted","value":{"boolValue":true}}]}}}]';
    const body = spanJson(`"__proto__":{"name":"x"},"attributes":${attributes}`);
    expect(json(body).accepted).toBe(1);
    const [decoded] = decodeJson(body).spans;
    expect(decoded).toMatchObject({ name: '', attributes: '{"__proto__":{"polluted":true}}' });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('row 81: values nested too deep are let through, or those just at the limit are not', () => {
    const nested = (depth: number) =>
      spanJson(`"attributes":[{"value":${'{"arrayValue":{"values":['.repeat(depth - 1)}{}${']}}'.repeat(depth - 1)}}]`);
    expect(json(nested(MAX_VALUE_DEPTH)).accepted).toBe(1);
    expect(decodeJson(nested(MAX_VALUE_DEPTH)).spans).toHaveLength(1);
    expect(() => json(nested(MAX_VALUE_DEPTH + 1))).toThrow(refusal(/nest deeper than 64/));
    expect(() => decodeJson(nested(MAX_VALUE_DEPTH + 1))).toThrow(/nest deeper than 64/);
  });

  it('row 81: a million brackets overflow the stack', () => {
    for (const bracket of ['[', '{"a":', '{"resourceSpans":[']) {
      expect(() => json(bracket.repeat(1e6))).toThrow(refusal(/./));
      expect(() => json(`{"unknown":${bracket.repeat(1e6)}`)).toThrow(refusal(/nests deeper/));
      expect(looksLikeOtlpJson(Buffer.from(`{"unknown":${bracket.repeat(1e6)}`))).toBe(false);
    }
  });

  it.each([
    '',
    ' ',
    'null',
    '1234',
    '[]',
    '"x"',
    '{',
    '{"a"}',
    '{"a":1,}',
    "{'a':1}",
    '{"a":01}',
    '{"a":"\n"}',
    '{"a":tru}',
  ])('%j is taken for a request', (body) => {
    expect(() => json(body)).toThrow(refusal(/invalid JSON at byte \d+/));
  });

  it.each(['{}', ' {} \n', '{"resourceSpans":[]}', '{"resourceSpans":null}', '{"resourceSpans":[{}]}', spansJson()])(
    'row 30: the empty request %j is refused',
    (body) => {
      expect(json(body)).toMatchObject({ accepted: 0, rejected: 0, message: '' });
    },
  );

  it('a key that stands twice is read once', () => {
    expect(() => json('{"resourceSpans":[],"resource_spans":[]}')).toThrow(refusal(/stands twice/));
  });

  it('row 91: logs sent as traces are accepted as an empty request', () => {
    expect(() => json('{"resourceLogs":[{}]}')).toThrow(refusal(/looks like a logs payload.*sent as traces/));
    expect(() => json(spanJson(''), 'metrics')).toThrow(refusal(/looks like a traces payload.*sent as metrics/));
  });

  it('an error does not say where it is', () => {
    expect(() => json(spansJson(`{${IDS}}`, `{${IDS},"attributes":[{"key":5}]}`))).toThrow(
      refusal(
        /^invalid JSON at byte \d+ \(resourceSpans\.scopeSpans\.spans\[1\]\.attributes\.key\): expected a string, found "5"$/,
      ),
    );
  });

  it('cutting spans out leaves something else behind than the others', () => {
    const good = `{${IDS}}`;
    for (const pattern of ['g', 'b', 'gb', 'bg', 'bgb', 'bbggbb', 'gbbg', 'bbb', 'gbgbg']) {
      const spans = [...pattern].map((kind) => (kind === 'g' ? good : '{"spanId":"1"}'));
      const result = json(spansJson(...spans).replaceAll(',{', ' , {'));
      const kept = [...pattern].filter((kind) => kind === 'g').length;
      expect(result).toMatchObject({ accepted: kept, rejected: pattern.length - kept });
      expect(JSON.parse(Buffer.from(result.payload).toString()).resourceSpans[0].scopeSpans[0].spans).toHaveLength(
        kept,
      );
    }
  });
});

describe('protobuf', () => {
  it('row 82: unknown fields and groups are refused, or don’t survive', () => {
    const unknown = Buffer.concat([
      field(100, 0, varint(300)),
      field(101, 1, Buffer.alloc(8, 1)),
      field(102, 2, Buffer.from('text')),
      field(
        103,
        3,
        Buffer.concat([
          field(1, 3, field(1, 4, Buffer.alloc(0))),
          field(2, 5, Buffer.alloc(4)),
          field(103, 4, Buffer.alloc(0)),
        ]),
      ),
      field(104, 5, Buffer.alloc(4, 2)),
    ]);
    const bad = message(2, field(1, 2, TRACE_ID), unknown);
    const request = (...spans: Buffer[]) =>
      Buffer.concat([unknown, message(1, unknown, message(2, unknown, ...spans, unknown), unknown)]);
    const good = span(unknown, text(5, 'kept'));
    expect(protobuf(request(good))).toMatchObject({ accepted: 1, rejected: 0 });
    const result = protobuf(request(bad, good, bad, good));
    expect(result).toMatchObject({ accepted: 2, rejected: 2 });
    expect(Buffer.from(result.payload).toString('hex')).toBe(request(good, good).toString('hex'));
  });

  it('row 82: the first scalar wins, or sub-messages that come in pieces are not merged', () => {
    const value = (...fields: Buffer[]) => message(2, ...fields);
    const list = (...texts: string[]) => message(5, ...texts.map((own) => message(1, text(1, own))));
    const body = tracesOf(
      span(
        text(5, 'first'),
        text(5, 'last'),
        message(15, text(2, 'message')),
        message(15, field(3, 0, varint(2))),
        message(9, text(1, 'merged'), value(list('a')), value(list('b'))),
        message(9, text(1, 'replaced'), value(list('a'), text(1, 'between'), list('b'))),
        message(9, value(message(6, message(1, text(1, 'x'))), message(6, message(1, text(1, 'y')))), text(1, 'map')),
      ),
    );
    expect(protobuf(body).accepted).toBe(1);
    const [decoded] = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: body }).spans;
    expect(decoded).toMatchObject({ name: 'last', statusMessage: 'message', statusCode: 2 });
    expect(decoded!.attributes).toBe('{"merged":["a","b"],"replaced":["b"],"map":{"x":null,"y":null}}');
  });

  it('row 82: unpacked numbers give other buckets than packed ones', () => {
    const fixed = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer);
    const request = (...fields: Buffer[]) => message(1, message(2, message(2, message(9, message(1, ...fields)))));
    const packed = request(field(6, 2, Buffer.concat([fixed(1), fixed(2)])));
    const unpacked = request(field(6, 1, fixed(1)), field(6, 1, fixed(2)));
    const decode = (payload: Buffer) =>
      decodeRequest({ signal: 'metrics', encoding: 'protobuf', payload }).metricPoints;
    expect(protobuf(unpacked, 'metrics').accepted).toBe(1);
    expect(decode(unpacked)).toEqual(decode(packed));
    expect(decode(packed)[0]!.distribution).toBe('{"count":0,"bucketCounts":[1,2],"explicitBounds":[]}');
  });

  it.each<[string, Buffer, RegExp]>([
    [
      'a varint of 11 bytes',
      span(field(6, 0, Buffer.concat([Buffer.alloc(10, 0x80), Buffer.of(1)]))),
      /more than 10 bytes/,
    ],
    [
      'a varint of 11 bytes in an unknown field',
      span(field(99, 0, Buffer.concat([Buffer.alloc(10, 0x80), Buffer.of(1)]))),
      /more than 10 bytes/,
    ],
    [
      'a negative length',
      span(Buffer.concat([Buffer.of(0x2a), Buffer.alloc(9, 0xff), Buffer.of(1)])),
      /invalid length/,
    ],
    ['a length past the end', span(Buffer.of(0x2a, 100)), /a length of 100 bytes where 0 are left/],
    ['wire type 6', span(Buffer.of(0x2e)), /invalid wire type 6/],
    ['wire type 7', span(Buffer.of(0x2f)), /invalid wire type 7/],
    ['the end of a group that is not open', span(Buffer.of(0x2c)), /invalid wire type 4/],
    ['a group without an end', span(Buffer.of(0x2b)), /inside a tag/],
    ['a group that another end closes', span(Buffer.of(0x2b, 0x34)), /group that is not open/],
    ['field number 0', span(Buffer.of(0, 1)), /field number 0/],
    ['a tag of more than 32 bits', span(Buffer.of(0xff, 0xff, 0xff, 0xff, 0x7f)), /invalid tag/],
    ['a fixed64 past the end', span(Buffer.of(0x39, 1, 2, 3)), /inside a fixed64/],
  ])('row 83: %s is let through', (_, bad, problem) => {
    expect(() => protobuf(tracesOf(span(), bad))).toThrow(refusal(problem));
    expect(() => decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: tracesOf(bad) })).toThrow(problem);
  });

  it.each<[string, Buffer[], string]>([
    ['a trace id of 15 bytes', [field(1, 2, TRACE_ID.subarray(1)), field(2, 2, SPAN_ID)], 'trace id is not 16 bytes'],
    ['no trace id', [field(2, 2, SPAN_ID)], 'trace id is not 16 bytes'],
    ['a trace id of zeros', [field(1, 2, Buffer.alloc(16)), field(2, 2, SPAN_ID)], 'trace id is all zero'],
    ['a span id of 16 bytes', [field(1, 2, TRACE_ID), field(2, 2, TRACE_ID)], 'span id is not 8 bytes'],
    ['a span id of zeros', [field(1, 2, TRACE_ID), field(2, 2, Buffer.alloc(8))], 'span id is all zero'],
    [
      'a parent id of 7 bytes',
      [field(1, 2, TRACE_ID), field(2, 2, SPAN_ID), field(4, 2, SPAN_ID.subarray(1))],
      'parent span id is not 8 bytes',
    ],
  ])('row 84: a span with %s costs the whole batch, or nothing', (_, fields, reason) => {
    const result = protobuf(tracesOf(span(text(5, 'a')), message(2, ...fields), span(text(5, 'b'))));
    expect(result).toMatchObject({ accepted: 2, rejected: 1, message: `1 of 3 spans were rejected: ${reason} (1)` });
    expect(names(result.payload, 'protobuf')).toEqual(['a', 'b']);
  });

  it('row 84: a log record loses more than an unusable id', () => {
    const body = message(
      1,
      message(2, message(2, field(1, 1, Buffer.alloc(8, 1)), field(9, 2, SPAN_ID), field(10, 2, SPAN_ID))),
    );
    expect(protobuf(body, 'logs')).toMatchObject({ accepted: 1, rejected: 0 });
    const [record] = decodeRequest({ signal: 'logs', encoding: 'protobuf', payload: body }).logRecords;
    expect(record).toMatchObject({ traceId: undefined, spanId: Uint8Array.from(SPAN_ID) });
  });

  it('row 85: an empty or zero parent is not a root', () => {
    for (const parent of [Buffer.alloc(0), Buffer.alloc(8)]) {
      const body = tracesOf(span(field(4, 2, parent)));
      expect(protobuf(body).accepted).toBe(1);
      expect(
        decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: body }).spans[0]!.parentSpanId,
      ).toBeUndefined();
    }
  });

  it('row 86, 87: invalid UTF-8 or NUL costs a span, or its neighbours’ text', () => {
    const value = message(2, field(1, 2, Buffer.from([0x61, 0xe2, 0x82])));
    const body = tracesOf(
      span(
        field(5, 2, Buffer.from([0xff, 0x62])),
        message(9, text(1, 'k'), value),
        message(9, text(1, 'n\0'), message(2, text(1, '\0'))),
      ),
    );
    expect(protobuf(body).accepted).toBe(1);
    const [decoded] = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: body }).spans;
    expect(decoded).toMatchObject({ name: '\ufffdb', attributes: '{"k":"a\ufffd","n\\u0000":"\\u0000"}' });
  });

  it('row 86: two keys that become the same text both stay', () => {
    const attribute = (key: number, value: string) =>
      message(9, field(1, 2, Buffer.of(key)), message(2, text(1, value)));
    const body = tracesOf(span(attribute(0xfe, 'first'), attribute(0xff, 'last')));
    const [decoded] = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: body }).spans;
    expect(decoded!.attributes).toBe('{"\ufffd":"last"}');
  });

  it('row 88, 89: odd times, an empty name or a missing service cost a span', () => {
    const body = tracesOf(span(field(7, 1, Buffer.alloc(8, 0xff)), field(8, 1, Buffer.alloc(8))));
    expect(protobuf(body).accepted).toBe(1);
    const [decoded] = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: body }).spans;
    expect(decoded).toMatchObject({ name: '', startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 0n });
    expect(decoded!.resource.serviceName).toBe('');
  });

  it('row 81: values nested too deep are let through, or those just at the limit are not', () => {
    const nested = (depth: number) => {
      let value: Buffer = Buffer.alloc(0);
      for (let i = 1; i < depth; i++) value = message(5, message(1, value));
      return tracesOf(span(message(9, message(2, value))));
    };
    expect(protobuf(nested(MAX_VALUE_DEPTH)).accepted).toBe(1);
    expect(
      decodeRequest({ signal: 'traces', encoding: 'protobuf', payload: nested(MAX_VALUE_DEPTH) }).spans,
    ).toHaveLength(1);
    expect(() => protobuf(nested(MAX_VALUE_DEPTH + 1))).toThrow(refusal(/nest deeper than 64/));
  });

  it('groups nested deep overflow the stack', () => {
    expect(() => protobuf(Buffer.alloc(1e6, 0x1b))).toThrow(refusal(/groups nest deeper than 64/));
  });

  it.each([
    ['no bytes at all', Buffer.alloc(0)],
    ['a resource without spans', message(1)],
    ['a scope without spans', tracesOf()],
  ])('row 30: the empty request of %s is refused', (_, body) => {
    expect(protobuf(body)).toMatchObject({ accepted: 0, rejected: 0, message: '', payload: body });
  });

  it('an error does not say where it is', () => {
    const bad = span(message(9, text(1, 'k'), message(2, Buffer.of(0x0a, 9))));
    expect(() => protobuf(tracesOf(span(), bad))).toThrow(
      refusal(
        /^invalid protobuf at byte \d+ \(resource_spans\[0\]\.scope_spans\[0\]\.spans\[1\]\.attributes\[0\]\.value.*\): a length of 9/,
      ),
    );
  });

  it('points of a oneof member that a later one replaces are counted', () => {
    const gauge = message(5, message(1), message(1));
    const sum = message(7, message(1));
    const body = message(1, message(2, message(2, text(1, 'm'), gauge, sum), message(2, gauge, gauge)));
    expect(protobuf(body, 'metrics').accepted).toBe(5);
    expect(decodeRequest({ signal: 'metrics', encoding: 'protobuf', payload: body }).metricPoints).toHaveLength(5);
  });
});

describe('row 91: a protobuf payload on the wrong path is taken for an empty or broken one', () => {
  const fixed64 = Buffer.alloc(8, 1);
  const items: Record<Signal, Buffer> = {
    traces: span(text(5, 'GET /users'), field(7, 1, fixed64), field(8, 1, fixed64)),
    logs: message(
      2,
      field(1, 1, fixed64),
      field(2, 0, varint(9)),
      message(5, text(1, 'a log line')),
      field(9, 2, TRACE_ID),
      field(10, 2, SPAN_ID),
    ),
    metrics: message(
      2,
      text(1, 'http.server.duration'),
      text(3, 's'),
      message(5, message(1, field(3, 1, fixed64), field(4, 1, fixed64))),
    ),
  };
  const signals = Object.keys(items) as Signal[];
  const pairs = signals.flatMap((sent) => signals.filter((to) => to !== sent).map((to) => [sent, to] as const));

  it.each(pairs)('%s sent as %s', (sent, to) => {
    expect(() => protobuf(tracesOf(items[sent], items[sent]), to)).toThrow(
      refusal(new RegExp(`this looks like a ${sent} payload, but was sent as ${to}`)),
    );
    expect(protobuf(tracesOf(items[sent]), sent)).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it('spans that all lack both ids', () => {
    expect(() => protobuf(tracesOf(message(2), message(2)))).toThrow(refusal(/no span has a trace id and a span id/));
    expect(protobuf(tracesOf(message(2), span()))).toMatchObject({ accepted: 1, rejected: 1 });
  });
});

describe('looksLikeOtlpJson', () => {
  it.each([
    '{"resourceSpans":',
    '{"resource_logs":1',
    ' {"a":[{"b":"}"}], "resourceMetrics" :',
    '\ufeff{"resource\\u0053pans":[]}',
  ])('%j does not', (body) => {
    expect(looksLikeOtlpJson(Buffer.from(body))).toBe(true);
  });

  it.each([
    '',
    '[]',
    '{}',
    '{"a":{"resourceSpans":[]}}',
    '{"a":"resourceSpans"}',
    '["resourceSpans"]',
    '{"a":nope,"resourceSpans":[]}',
  ])('%j does', (body) => {
    expect(looksLikeOtlpJson(Buffer.from(body))).toBe(false);
  });
});
