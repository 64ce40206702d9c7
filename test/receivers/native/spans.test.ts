import { describe, expect, it } from 'vitest';
import { revisedSpan } from '../../../receivers/native/revision.js';
import { spanDraft, spanPayload } from '../../../receivers/native/span-payload.js';
import { storedSpanPayload } from '../../../receivers/native/stored-span.js';
import { checkProtobuf } from '../../../receivers/otlp/check-protobuf.js';
import type { SpanBody } from '../../../src/model/native.js';
import { nativeSpanOf } from '../../../src/model/native-view.js';
import type { Span } from '../../../src/model/telemetry.js';
import { decodeRequest } from '../../../src/otlp/decode.js';
import { Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { encodeReference } from '../../otlp/reference.js';
import { NOW } from './fixture.js';

const TRACE = '5b8efff7-9803-8103-d269-b633813fc60c';
const SPAN = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

function decodeSpans(payload: Buffer): Span[] {
  return decodeRequest({ signal: 'traces', encoding: 'protobuf', payload }).spans;
}

function stored(body: Partial<SpanBody>): Span {
  const draft = spanDraft({ trace_id: TRACE, name: 'n', status: 'unset', ...body });
  return decodeSpans(Buffer.concat([...spanPayload([draft], NOW)]))[0]!;
}

describe('a native span', () => {
  it('comes back with other ids, times or another status', () => {
    const body = { span_id: SPAN, parent_id: 'EEE19B7EC3C1B174', start_time: 5, end_time: 18_446_744_073_709 };
    expect(nativeSpanOf(stored({ ...body, status: 'error' }))).toEqual({
      traceIdText: TRACE,
      spanIdText: SPAN,
      parentIdText: 'EEE19B7EC3C1B174',
      status: 'error',
      startTimeMs: 5,
      endTimeMs: 18_446_744_073_709,
      metadata: '{}',
    });
  });

  it.each(['unset', 'ok', 'error', 'running'] as const)('%s is another status when it is read', (status) => {
    expect(nativeSpanOf(stored({ status })).status).toBe(status);
  });

  it('hex ids are kept a second time', () => {
    const ids = {
      trace_id: '5b8efff798038103d269b633813fc60c',
      span_id: 'eee19b7ec3c1b174',
      parent_id: 'eee19b7ec3c1b175',
    };
    const span = stored({ ...ids, start_time: 0, end_time: 0 });
    expect(span.attributes).toBe('{}');
    expect(nativeSpanOf(span)).toMatchObject({
      traceIdText: undefined,
      spanIdText: ids.span_id,
      parentIdText: ids.parent_id,
    });
  });

  it.each([
    [{}, { startTimeMs: null, endTimeMs: null }, [NOW, NOW]],
    [{ start_time: 0 }, { startTimeMs: 0, endTimeMs: null }, [0, 0]],
    [{ end_time: 0 }, { startTimeMs: null, endTimeMs: 0 }, [0, 0]],
    [{ end_time: NOW + 9 }, { startTimeMs: null, endTimeMs: NOW + 9 }, [NOW, NOW + 9]],
    [{ start_time: 0, end_time: 0 }, { startTimeMs: 0, endTimeMs: 0 }, [0, 0]],
    [{ start_time: 9, end_time: 4 }, { startTimeMs: 9, endTimeMs: 4 }, [9, 4]],
  ])('%j: zero is taken for a time that is absent, or the other way round', (times, view, [start, end]) => {
    const span = stored(times);
    expect(nativeSpanOf(span)).toMatchObject(view);
    expect([span.startTimeUnixNano, span.endTimeUnixNano]).toEqual([
      BigInt(start!) * 1_000_000n,
      BigInt(end!) * 1_000_000n,
    ]);
  });

  it('an id that is none gets into the store', () => {
    expect(() => stored({ parent_id: 'x' })).toThrow('"parent_id" must be a valid GUID');
  });
});

describe('a stored span', () => {
  it('loses something when it is written again', () => {
    const random = new Random(13);
    let spans = 0;
    for (let i = 0; i < 700; i++) {
      const request = encodeReference('traces', toProtobufjs(randomRequest(random, 'traces')) as object);
      for (const span of decodeSpans(request)) {
        const payload = storedSpanPayload(span);
        expect(checkProtobuf('traces', payload)).toMatchObject({ accepted: 1, rejected: 0 });
        expect(decodeSpans(payload)).toStrictEqual([span]);
        spans += 1;
      }
    }
    expect(spans).toBeGreaterThan(150);
  });

  it('that is changed loses what the change leaves out', () => {
    const random = new Random(14);
    for (let i = 0; i < 100; i++) {
      const request = encodeReference('traces', toProtobufjs(randomRequest(random, 'traces')) as object);
      for (const span of decodeSpans(request)) {
        const revised = decodeSpans(storedSpanPayload(revisedSpan(span, { name: 'new' })));
        expect(revised).toStrictEqual([{ ...span, name: 'new' }]);
      }
    }
  });
});

describe('a change', () => {
  const running = () =>
    stored({ span_id: SPAN, status: 'running', start_time: 7, metadata: { a: 1, 'promptmetrics.x': 2 } });

  function revise(span: Span, changes: Parameters<typeof revisedSpan>[1]): Span {
    return decodeSpans(storedSpanPayload(revisedSpan(span, changes)))[0]!;
  }

  it('leaves a running span open', () => {
    const closed = revise(running(), { status: 'ok', end_time: 12 });
    expect(nativeSpanOf(closed)).toMatchObject({
      status: 'ok',
      startTimeMs: 7,
      endTimeMs: 12,
      spanIdText: SPAN,
      traceIdText: TRACE,
    });
    expect(JSON.parse(nativeSpanOf(closed).metadata)).toEqual({ a: 1, 'promptmetrics.x': 2 });
    expect(closed.attributes).not.toMatch(/promptmetrics\.(running|absent)/);
    expect(nativeSpanOf(revise(closed, { status: 'running' })).status).toBe('running');
  });

  it('gives a time to a span whose client told none', () => {
    const renamed = revise(running(), { name: 'other' });
    expect(nativeSpanOf(renamed)).toMatchObject({ status: 'running', startTimeMs: 7, endTimeMs: null });
    const moved = revise(renamed, { start_time: 9 });
    expect(moved).toMatchObject({ name: 'other', startTimeUnixNano: 9_000_000n, endTimeUnixNano: 9_000_000n });
    const ended = revise(stored({}), { end_time: 3 });
    expect(nativeSpanOf(ended)).toMatchObject({ startTimeMs: null, endTimeMs: 3 });
    expect(ended.startTimeUnixNano).toBe(3_000_000n);
  });

  it('merges metadata, or loses the ids with them', () => {
    const metadata = { b: -0, 'promptmetrics.running': 'mine', $int: '5' };
    const replaced = revise(running(), { metadata });
    expect(nativeSpanOf(replaced)).toMatchObject({ status: 'running', spanIdText: SPAN, endTimeMs: null });
    expect(JSON.parse(nativeSpanOf(replaced).metadata)).toStrictEqual(metadata);
    expect(nativeSpanOf(revise(replaced, { metadata: {} })).metadata).toBe('{}');
  });

  it('keeps the message of a status that it replaces', () => {
    const span = { ...running(), statusCode: 2, statusMessage: 'broken' };
    expect(revise(span, { name: 'x' }).statusMessage).toBe('broken');
    expect(revise(span, { status: 'ok' })).toMatchObject({ statusCode: 1, statusMessage: '' });
  });
});
