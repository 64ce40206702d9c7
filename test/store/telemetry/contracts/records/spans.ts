/** A span is read as it was sent, alone and in its trace. */
import { describe, expect, test } from 'vitest';
import { MAX_TRACE_SPANS } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, recordSource, resource, scope } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import { comparable, hex, received } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';

const MS = 1_000_000n;

export function spanContract(open: OpenSession): void {
  describe('spans', () => {
    test('a span comes back with another value in some field', async () => {
      const session = await open();
      const source = recordSource(1);
      const span = source.span({
        parentSpanId: source.id(8),
        traceState: 'vendor=1,other=2',
        flags: 0x301,
        name: 'chat gpt-4o',
        kind: 3,
        startTimeUnixNano: 1_767_225_600_123_456_789n,
        endTimeUnixNano: 1_767_225_601_987_654_321n,
        statusCode: 2,
        statusMessage: 'rate limited',
        attributes:
          '{"gen_ai.usage.input_tokens":42,"big":{"$int":"9223372036854775807"},"score":1.0,"nested":{"a":[1,null]}}',
        droppedAttributesCount: 1,
        events:
          '[{"timeUnixNano":"1767225600123456790","name":"e","attributes":{"x":-0.0},"droppedAttributesCount":2}]',
        droppedEventsCount: 3,
        links: `[{"traceId":"${hex(source.id(16))}","spanId":"${hex(source.id(8))}","traceState":"","attributes":{},"droppedAttributesCount":0,"flags":1}]`,
        droppedLinksCount: 4,
        resource: {
          ...resource('checkout', { 'host.name': 'h1' }),
          droppedAttributesCount: 5,
          schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
          entityRefs: '[{"type":"service","idKeys":["service.name"]}]',
        },
        scope: {
          ...scope('lib', '2.1.0'),
          attributes: '{"short_name":"l"}',
          droppedAttributesCount: 6,
          schemaUrl: 'https://s',
        },
      });
      const frame = await session.writeOne({ spans: [span] });
      const [read] = await session.spansOf(span.traceId);
      expect(comparable(read!)).toEqual(received(span, frame));
      const single = await session.store.getSpan('default', span.traceId, span.spanId);
      expect(comparable(single!)).toEqual(received(span, frame));
    });

    test('a plain span comes back with something in fields that were empty', async () => {
      const session = await open();
      const span = recordSource(2).span({ name: '', attributes: '{}' });
      const frame = await session.writeOne({ spans: [span] });
      const [read] = await session.spansOf(span.traceId);
      expect(read!.parentSpanId).toBeUndefined();
      expect(comparable(read!)).toEqual(received(span, frame));
    });

    test('spans of one trace take the resource or scope of their neighbours', async () => {
      const session = await open();
      const source = recordSource(3);
      const traceId = source.id(16);
      const spans = ['a', 'b', 'a', 'c'].map((service, at) =>
        source.span({ traceId, resource: resource(service), scope: scope(`${service}-lib`, `${at}`) }),
      );
      await session.writeOne({ spans });
      const read = await session.spansOf(traceId);
      expect(read.map((span) => [span.resource.serviceName, span.scope.name, span.scope.version])).toEqual([
        ['a', 'a-lib', '0'],
        ['b', 'b-lib', '1'],
        ['a', 'a-lib', '2'],
        ['c', 'c-lib', '3'],
      ]);
    });

    test('strange text is changed or refused', async () => {
      const session = await open();
      const source = recordSource(4);
      const texts = [
        '🦜 émoji \u{10ffff}',
        'quo\'te " back\\slash $1 %s',
        'tab\tline\nreturn\r',
        '\\N',
        '\\.',
        '{}',
        '',
      ];
      const spans = texts.map((text) =>
        source.span({
          name: text,
          statusMessage: text,
          traceState: text,
          attributes: JSON.stringify({
            [text]: text,
            __proto__x: 1,
            nul: '\u0000',
            lone: '\ud800',
            'a.b"c\\d': text,
          }),
          resource: resource(text === '' ? 'none' : text),
          scope: scope(text, text),
        }),
      );
      const frame = await session.writeOne({ spans });
      for (const span of spans) {
        const [read] = await session.spansOf(span.traceId);
        expect(comparable(read!)).toEqual(received(span, frame));
      }
    });

    test('a key named __proto__ is lost', async () => {
      const session = await open();
      const attributes = '{"__proto__":{"polluted":true},"constructor":"c","toString":"t"}';
      const span = recordSource(5).span({ attributes, resource: { ...resource('p'), attributes, key: 'proto' } });
      const frame = await session.writeOne({ spans: [span] });
      const [read] = await session.spansOf(span.traceId);
      expect(comparable(read!)).toEqual(received(span, frame));
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });

    test('a raw NUL or a lone surrogate in a name fails the batch', async () => {
      const session = await open();
      const source = recordSource(6);
      const nul = source.span({ name: 'before\u0000after' });
      const lone = source.span({ name: 'before\ud800after' });
      await session.writeOne({ spans: [nul, lone] });
      const [readNul] = await session.spansOf(nul.traceId);
      const [readLone] = await session.spansOf(lone.traceId);
      // An engine that can't hold the character puts the replacement character in its place.
      expect(['before\u0000after', 'before\ufffdafter']).toContain(readNul!.name);
      expect(readLone!.name).toMatch(/^before\ufffd+after$/);
    });

    test('an attribute of a megabyte is cut or refused', async () => {
      const session = await open();
      const attributes = JSON.stringify({ prompt: 'é🦜x'.repeat(200_000), small: 1 });
      const span = recordSource(7).span({ attributes });
      await session.writeOne({ spans: [span] });
      const [read] = await session.spansOf(span.traceId);
      expect(read!.attributes === attributes).toBe(true);
    });

    test('times at the edges of their range are rounded or refused', async () => {
      const session = await open();
      const source = recordSource(8);
      for (const time of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
        const span = source.span({ startTimeUnixNano: time, endTimeUnixNano: time });
        const frame = await session.writeOne({ spans: [span] });
        const trace = await session.store.getTrace('default', span.traceId);
        expect(comparable(trace!.spans[0]!)).toEqual(received(span, frame));
        expect(trace!.summary.startTimeUnixNano).toBe(time);
        expect(trace!.summary.endTimeUnixNano).toBe(time);
      }
      const listed = await pages((after) => session.traces(following({ limit: 4 }, after)));
      expect(listed).toHaveLength(6);
      expect(listed[0]!.startTimeUnixNano).toBe(2n ** 63n - 1n);
    });

    test('an unsigned 32-bit number beyond 2^31 is refused', async () => {
      const session = await open();
      const max = 0xffff_ffff;
      const span = recordSource(9).span({
        flags: max,
        droppedAttributesCount: max,
        droppedEventsCount: max,
        droppedLinksCount: max,
      });
      const frame = await session.writeOne({ spans: [span] });
      const [read] = await session.spansOf(span.traceId);
      expect(comparable(read!)).toEqual(received(span, frame));
    });

    test('spans of a trace come in another order than start, then id', async () => {
      const session = await open();
      const source = recordSource(10);
      const traceId = source.id(16);
      const starts = [5n, 3n, 3n, 9n, 1n].map((offset) => BASE_TIME_UNIX_NANO + offset * MS);
      const spans = starts.map((startTimeUnixNano) => source.span({ traceId, startTimeUnixNano }));
      await session.writeOne({ spans });
      const expected = [...spans].sort((a, b) =>
        a.startTimeUnixNano === b.startTimeUnixNano
          ? hex(a.spanId).localeCompare(hex(b.spanId))
          : Number(a.startTimeUnixNano - b.startTimeUnixNano),
      );
      const read = await session.spansOf(traceId);
      expect(read.map((span) => hex(span.spanId))).toEqual(expected.map((span) => hex(span.spanId)));
    });

    test('a trace of more spans than are read comes without saying so, or in another order', async () => {
      const session = await open();
      const source = recordSource(12);
      const spans = source.trace(MAX_TRACE_SPANS + 2);
      const third = Math.ceil(spans.length / 3);
      // The latest first: their places are not in the order of their times.
      for (const from of [2 * third, third, 0]) await session.writeOne({ spans: spans.slice(from, from + third) });
      const trace = (await session.store.getTrace('default', spans[0]!.traceId))!;
      expect(trace.truncated).toBe(true);
      expect(trace.summary.spanCount).toBe(spans.length);
      expect(trace.spans).toHaveLength(MAX_TRACE_SPANS);
      expect(trace.spans.every(({ spanId }, at) => hex(spanId) === hex(spans[at]!.spanId))).toBe(true);
      const last = spans.at(-1)!;
      expect(await session.store.getSpan('default', last.traceId, last.spanId)).toMatchObject({ name: last.name });
    });

    test('what is not there is found', async () => {
      const session = await open();
      const source = recordSource(11);
      const span = source.span();
      expect(await session.store.getTrace('default', span.traceId)).toBeUndefined();
      await session.writeOne({ spans: [span] });
      expect(await session.store.getTrace('default', source.id(16))).toBeUndefined();
      expect(await session.store.getSpan('default', span.traceId, source.id(8))).toBeUndefined();
      expect(await session.store.getSpan('default', source.id(16), span.spanId)).toBeUndefined();
    });
  });
}
