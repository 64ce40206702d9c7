/** Traces are summed up from their spans, listed, filtered and paged. */
import { describe, expect, test } from 'vitest';
import type { DecodedFrame, Span } from '../../../../../src/model/telemetry.js';
import type { TraceQuery } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, recordSource, resource } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import { comparable, hex } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';

const MS = 1_000_000n;

export function traceContract(open: OpenSession): void {
  describe('traces', () => {
    test('a summary is wrong', async () => {
      const session = await open();
      const source = recordSource(50);
      const [root, child, other] = source.trace(3) as [Span, Span, Span];
      const spans = [
        {
          ...other,
          statusCode: 2,
          resource: resource('billing'),
          endTimeUnixNano: root.startTimeUnixNano + 90n * MS,
        },
        { ...child, statusCode: 1, resource: resource('') },
        {
          ...root,
          name: 'POST /chat',
          endTimeUnixNano: root.startTimeUnixNano + 70n * MS,
          resource: resource('api'),
        },
      ];
      spans[1]!.endTimeUnixNano = spans[1]!.startTimeUnixNano;
      const frame = await session.writeOne({ spans });
      const expected = {
        traceId: hex(root.traceId),
        name: 'POST /chat',
        startTimeUnixNano: root.startTimeUnixNano,
        endTimeUnixNano: root.startTimeUnixNano + 90n * MS,
        spanCount: 3,
        errorCount: 1,
        services: comparable(['api', 'billing']),
        receivedTimeUnixMs: frame.receivedTimeUnixMs,
      };
      expect(comparable((await session.traces()).items[0]!)).toEqual(expected);
      expect(comparable((await session.store.getTrace('default', root.traceId))!.summary)).toEqual(expected);
    });

    test('a trace whose spans come one by one, in several batches and blocks, root last, is not summed up', async () => {
      const session = await open({ blockMaxSpans: 2 });
      const source = recordSource(51);
      const [root, ...children] = source.trace(7) as [Span, ...Span[]];
      const pieces = [...children.map((span, at) => ({ ...span, resource: resource(`s${at % 3}`) })), root];
      const frames: DecodedFrame[] = [];
      for (const [at, span] of pieces.entries()) {
        frames.push(await session.writeOne({ spans: [span, source.span({ name: `noise-${at}` })] }, at % 2));
      }
      const trace = await session.store.getTrace('default', root.traceId);
      expect(trace!.spans.map((span) => span.name)).toEqual(['root', ...children.map((span) => span.name)]);
      expect(trace!.summary).toMatchObject({
        name: 'root',
        spanCount: 7,
        startTimeUnixNano: root.startTimeUnixNano,
        services: ['checkout', 's0', 's1', 's2'],
        receivedTimeUnixMs: frames[0]!.receivedTimeUnixMs,
      });
      const listed = (await session.traces()).items.filter((item) => hex(item.traceId) === hex(root.traceId));
      expect(listed).toEqual([trace!.summary]);
      expect(await session.traces()).toMatchObject({ total: 8, totalRelation: 'eq' });
    });

    test('a trace without its root is named by another than its earliest span without a known parent', async () => {
      const session = await open();
      const source = recordSource(52);
      const traceId = source.id(16);
      const ids = [source.id(8), source.id(8), source.id(8)] as const;
      const at = (offset: bigint) => BASE_TIME_UNIX_NANO + offset * MS;
      const leaf = source.span({
        traceId,
        spanId: ids[0],
        parentSpanId: ids[1],
        name: 'leaf',
        startTimeUnixNano: at(1n),
      });
      const middle = source.span({
        traceId,
        spanId: ids[1],
        parentSpanId: ids[2],
        name: 'middle',
        startTimeUnixNano: at(2n),
      });
      const root = source.span({ traceId, spanId: ids[2], name: 'root', startTimeUnixNano: at(3n) });
      await session.writeOne({ spans: [leaf] });
      expect(await session.names()).toEqual(['leaf']);
      await session.writeOne({ spans: [middle] });
      expect(await session.names()).toEqual(['middle']);
      await session.writeOne({ spans: [root] });
      expect(await session.names()).toEqual(['root']);
    });

    test('of two roots the later one names the trace', async () => {
      const session = await open();
      const source = recordSource(53);
      const traceId = source.id(16);
      const late = source.span({ traceId, name: 'late', startTimeUnixNano: BASE_TIME_UNIX_NANO + 2n });
      const early = source.span({ traceId, name: 'early', startTimeUnixNano: BASE_TIME_UNIX_NANO + 1n });
      await session.writeOne({ spans: [late] });
      await session.writeOne({ spans: [early] });
      expect(await session.names()).toEqual(['early']);
    });

    test('traces are listed in another order than newest first, or twice', async () => {
      const session = await open({ blockMaxSpans: 10 });
      const source = recordSource(54);
      const starts = [7n, 1n, 9n, 3n, 5n, 8n, 2n, 6n, 4n].map((offset) => BASE_TIME_UNIX_NANO + offset * 1000n * MS);
      const traces = starts.map((startTimeUnixNano) => source.trace(4, { startTimeUnixNano }));
      for (const [at, spans] of traces.entries()) {
        await session.writeOne({ spans: spans.slice(2) }, at % 2);
        await session.writeOne({ spans: spans.slice(0, 2) }, (at + 1) % 2);
      }
      const newestFirst = [...starts].sort((a, b) => Number(b - a));
      expect((await session.traces()).items.map((item) => item.startTimeUnixNano)).toEqual(newestFirst);
      for (const limit of [1, 2, 4, 9]) {
        const listed = await pages((after) => session.traces(following({ limit }, after)));
        expect(listed.map((item) => item.startTimeUnixNano)).toEqual(newestFirst);
      }
    });

    test('traces that start at the same nanosecond are lost or repeated between pages', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(55);
      const startTimeUnixNano = BASE_TIME_UNIX_NANO;
      const traces = Array.from({ length: 23 }, () => source.trace(2, { startTimeUnixNano }));
      for (const [at, spans] of traces.entries()) await session.writeOne({ spans }, at % 2);
      const listed = await pages((after) => session.traces(following({ limit: 5 }, after)));
      const ids = listed.map((item) => hex(item.traceId));
      expect([...ids].sort()).toEqual(traces.map(([root]) => hex(root!.traceId)).sort());
    });

    test('pages shift while newer traces come in', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(56);
      const first = Array.from({ length: 20 }, () => source.trace(2));
      for (const spans of first) await session.writeOne({ spans });
      const listed = await pages(
        (after) => session.traces(following({ limit: 3 }, after)),
        () => session.writeOne({ spans: source.trace(2) }, 1),
      );
      expect(listed.map((item) => hex(item.traceId))).toEqual(first.map(([root]) => hex(root!.traceId)).reverse());
    });

    test('an offset skips another number of traces than it says', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(57);
      for (let count = 0; count < 9; count++) await session.writeOne({ spans: source.trace(2) });
      const all = (await session.traces()).items;
      const page = await session.traces({ limit: 3, offset: 4 });
      expect(page.items).toEqual(all.slice(4, 7));
      expect(page).toMatchObject({ total: 9, totalRelation: 'eq' });
      expect((await session.traces({ limit: 3, offset: 9 })).items).toEqual([]);
    });

    test('the last page names a next one, or a full page names none though there is more', async () => {
      const session = await open();
      const source = recordSource(58);
      for (let count = 0; count < 4; count++) await session.writeOne({ spans: source.trace(2) });
      expect((await session.traces({ limit: 4 })).next).toBeUndefined();
      expect((await session.traces({ limit: 3 })).next).toBeDefined();
      expect((await session.traces({ limit: 4, offset: 1 })).next).toBeUndefined();
    });

    test('a filter lets others through, or keeps out what matches', async () => {
      const session = await open({ blockMaxSpans: 6 });
      const source = recordSource(59);
      const at = (seconds: bigint) => BASE_TIME_UNIX_NANO + seconds * 1000n * MS;
      const make = (root: Partial<Span>, child: Partial<Span> = {}) => {
        const [first, second] = source.trace(2, { endTimeUnixNano: root.startTimeUnixNano! + 5n * MS }) as [Span, Span];
        return [
          { ...second, startTimeUnixNano: root.startTimeUnixNano! + MS, ...child },
          { ...first, ...root },
        ];
      };
      const tagged = JSON.stringify({ 'user.id': 'u1', 'a"b\\c.d': 'odd', n: 42, ok: true });
      const traces = [
        make({ name: 'one', startTimeUnixNano: at(1n) }, { statusCode: 2 }),
        make({ name: 'two', startTimeUnixNano: at(2n), attributes: tagged }),
        make(
          { name: 'three', startTimeUnixNano: at(3n) },
          { endTimeUnixNano: at(8n), attributes: '{"score":1.5,"user.id":"u2"}' },
        ),
        make({ name: 'four', startTimeUnixNano: at(4n) }, { resource: resource('billing', { region: 'eu' }) }),
      ];
      // Each span alone in its batch, the child first: what is asked for lies now in this part, now in that.
      for (const [index, spans] of traces.entries()) {
        for (const span of spans) await session.writeOne({ spans: [span] }, index % 2);
      }
      const attributes = (key: string, value: string) => ({ attributes: [{ key, value }] });
      const cases: [Partial<TraceQuery>, string[]][] = [
        [{}, ['four', 'three', 'two', 'one']],
        [{ fromUnixNano: at(2n) }, ['four', 'three', 'two']],
        [{ toUnixNano: at(2n) }, ['one']],
        [{ fromUnixNano: at(2n), toUnixNano: at(4n) }, ['three', 'two']],
        [{ fromUnixNano: at(1n) + 1n, toUnixNano: at(2n) }, []],
        [{ service: 'billing' }, ['four']],
        [{ service: 'checkout' }, ['four', 'three', 'two', 'one']],
        [{ service: 'bill' }, []],
        [{ name: 'two' }, ['two']],
        [{ name: 'child-0' }, []],
        [{ status: 'error' }, ['one']],
        [{ status: 'ok' }, ['four', 'three', 'two']],
        [{ minDurationNano: 5n * MS + 1n }, ['three']],
        [{ minDurationNano: 5n * MS }, ['four', 'three', 'two', 'one']],
        [attributes('user.id', 'u1'), ['two']],
        [attributes('user.id', 'u'), []],
        [attributes('a"b\\c.d', 'odd'), ['two']],
        [attributes('n', '42'), ['two']],
        [attributes('ok', 'true'), ['two']],
        [attributes('score', '1.5'), ['three']],
        [attributes('region', 'eu'), ['four']],
        [
          {
            attributes: [
              { key: 'score', value: '1.5' },
              { key: 'user.id', value: 'u2' },
            ],
          },
          ['three'],
        ],
        [
          {
            attributes: [
              { key: 'score', value: '1.5' },
              { key: 'user.id', value: 'u1' },
            ],
          },
          [],
        ],
        [{ status: 'ok', service: 'billing', name: 'four', ...attributes('region', 'eu') }, ['four']],
      ];
      for (const [query, names] of cases) {
        const label = JSON.stringify(query, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
        expect([label, await session.names(query)]).toEqual([label, names]);
        const { total, totalRelation } = await session.traces({ ...query, limit: 1 });
        expect([label, total, totalRelation]).toEqual([label, names.length, 'eq']);
        const listed = await pages((after) => session.traces(following({ ...query, limit: 1 }, after)));
        expect([label, listed.map((item) => item.name)]).toEqual([label, names]);
      }
    });

    test('more traces than are counted pass for an exact total', async () => {
      const session = await open();
      const source = recordSource(60);
      for (let batch = 0; batch < 3; batch++) {
        await session.writeOne({ spans: Array.from({ length: 3500 }, () => source.span()) });
      }
      const page = await session.traces({ limit: 1 });
      expect(page.total).toBeGreaterThanOrEqual(10_000);
      expect(page.totalRelation).toBe(page.total === 10_500 ? 'eq' : 'gte');
      const after = BASE_TIME_UNIX_NANO + 10_000n * MS;
      // A count that takes too long, on a machine with much else to do, is told as a part.
      const few = () => session.traces({ limit: 1, fromUnixNano: after });
      await expect.poll(few).toMatchObject({ total: 500, totalRelation: 'eq' });
    });
  });
}
