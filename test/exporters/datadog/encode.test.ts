import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { encodeTraces } from '../../../exporters/datadog/encode.js';
import type { Loose } from '../../otlp/reference.js';
import { readBody, requestBytes, type SpanInput } from './requests.js';

const payload = (spans: SpanInput[], resource = {}) => ({
  encoding: 'protobuf' as const,
  payload: requestBytes({ spans, resource }),
});
const traceId = (n: number) => `00000000000000aa${String(n).padStart(16, '0')}`;
const spanId = (n: number) => String(n).padStart(16, '0');
const numbered = (trace: number, span: number, attributes = {}) => ({
  traceId: traceId(trace),
  spanId: spanId(span),
  attributes,
});
const idsOf = (traces: Loose[][]) => traces.map((trace) => trace.map(({ span_id }) => Number(span_id.toString(16))));

describe('a request to the Agent', () => {
  it('is other bytes than the trace API takes', () => {
    const [request] = encodeTraces([payload([{ traceId: traceId(1), spanId: spanId(2), name: 'n' }])]);
    const hex = Buffer.from(request!.body).toString('hex');
    // One trace of one span: two arrays with lengths of 32 bits, and a map of twelve.
    expect(hex).toMatch(/^dd00000001dd000000018c/);
    const member = (name: string, value: string) =>
      (0xa0 + name.length).toString(16) + Buffer.from(name).toString('hex') + value;
    // Ids are unsigned 64-bit integers, and metrics are doubles also when they are whole.
    expect(hex).toContain(member('trace_id', 'cf0000000000000001'));
    expect(hex).toContain(member('span_id', 'cf0000000000000002'));
    expect(hex).toContain(member('parent_id', 'cf0000000000000000'));
    expect(hex).toContain(`b5${Buffer.from('_sampling_priority_v1').toString('hex')}cb3ff0000000000000`);
    expect(request).toMatchObject({ traces: 1 });
  });

  it('holds a trace twice that came in two payloads, or of two services', () => {
    const requests = encodeTraces([
      payload([numbered(1, 1), numbered(2, 2)], { 'service.name': 'a' }),
      {
        encoding: 'json',
        payload: Buffer.from(
          `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${traceId(1)}","spanId":"${spanId(3)}"}]}]}]}`,
        ),
      },
    ]);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ traces: 2 });
    expect(idsOf(readBody(requests[0]!))).toEqual([[1, 3], [2]]);
  });

  it('tells of a trace at each of its spans, or at none', () => {
    const [request] = encodeTraces([payload([numbered(1, 1), numbered(1, 2)])]);
    const [first, second] = readBody(request!)[0]!;
    expect(first).toMatchObject({ meta: { '_dd.p.tid': '00000000000000aa' }, metrics: { _sampling_priority_v1: 1 } });
    expect(second.meta['_dd.p.tid']).toBeUndefined();
    expect(second.metrics).toEqual({});
  });

  it('keeps a trace that one of its spans says is to be dropped', () => {
    const [request] = encodeTraces([payload([numbered(1, 1), numbered(1, 2, { 'sampling.priority': 0n })])]);
    const priorities = readBody(request!)[0]!.map(({ metrics }) => metrics._sampling_priority_v1);
    expect(priorities).toEqual([0, 0]);
  });

  it('is larger than it may be, or loses a span where it is cut', () => {
    const spans = Array.from({ length: 60 }, (_, n) => numbered(n % 3, n + 1, { text: 'x'.repeat(n * 10) }));
    const maxBytes = 4000;
    const requests = encodeTraces([payload(spans)], maxBytes);
    expect(requests.length).toBeGreaterThan(3);
    for (const { body } of requests) expect(body.length).toBeLessThanOrEqual(maxBytes);
    const ids = requests.flatMap((request) => idsOf(readBody(request)).flat());
    expect(ids.sort((a, b) => a - b)).toEqual(spans.map((_, n) => n + 1));
    for (const request of requests) {
      const traces = readBody(request);
      expect(request.traces).toBe(traces.length);
      for (const [first] of traces) expect(first.meta['_dd.p.tid']).toBe('00000000000000aa');
    }
  });

  it('tears a trace that would fit into the next request', () => {
    const large = (trace: number, span: number) => numbered(trace, span, { text: 'x'.repeat(500) });
    const requests = encodeTraces([payload([large(1, 1), large(1, 2), large(2, 3), large(2, 4)])], 2800);
    expect(requests.map((request) => idsOf(readBody(request)))).toEqual([[[1, 2]], [[3, 4]]]);
  });

  it('is never made of a span that is larger than a request', () => {
    const requests = encodeTraces([payload([numbered(1, 1, { text: 'x'.repeat(5000) }), numbered(1, 2)])], 1000);
    expect(requests.map((request) => idsOf(readBody(request)))).toEqual([[[1]], [[2]]]);
  });

  it('loses an attribute whose name JavaScript has a use for', () => {
    const [request] = encodeTraces([payload([numbered(1, 1, { ['__proto__']: 'p', constructor: 'c' })])]);
    const bytes = Buffer.from(request!.body);
    expect(bytes.includes('\xa9__proto__\xa1p', 'latin1')).toBe(true);
    expect(bytes.includes('\xabconstructor\xa1c', 'latin1')).toBe(true);
  });

  it('is made of nothing', () => {
    expect(encodeTraces([])).toEqual([]);
    expect(encodeTraces([payload([])])).toEqual([]);
  });

  it('is made of what can’t be decoded', () => {
    expect(() => encodeTraces([{ encoding: 'protobuf', payload: Buffer.from([0x0a, 0xff]) }])).toThrow();
  });

  it('shares its memory with another, so that it could not be handed over', () => {
    const [request] = encodeTraces([payload([numbered(1, 1)])]);
    expect(request!.body.buffer.byteLength).toBe(request!.body.length);
    expect(decode(request!.body, { useBigInt64: true })).toHaveLength(1);
  });
});
