/** Lists in either order. */
import { describe, expect, test } from 'vitest';
import type { TraceQuery } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';
import { declaration, declares } from './frames.js';

const MS = 1_000_000n;

export function orderContract(open: OpenSession): void {
  describe('order', () => {
    const orders = ['asc', 'desc'] as const;
    /** Ties, and rows of several writers and blocks, interleaved in time. */
    const timeOf = (at: number) => BASE_TIME_UNIX_NANO + BigInt((at * 7) % 20) * MS;
    const expectSorted = (times: readonly bigint[], order: 'asc' | 'desc') => {
      const sorted = [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect(times).toEqual(order === 'asc' ? sorted : sorted.reverse());
    };
    const reversed = (lists: readonly string[][]) => [...lists[0]!].reverse();

    test('traces in either order come twice, are missed, or stand in another order', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(100);
      for (let at = 0; at < 40; at++) {
        const span = source.span({ startTimeUnixNano: timeOf(at) });
        await session.writeOne({ spans: [span] }, at % 2);
        if (at % 4 !== 0) continue;
        // A trace in two blocks, whose earlier span comes later.
        await session.writeOne(
          { spans: [source.span({ traceId: span.traceId, startTimeUnixNano: timeOf(at) - 50n * MS })] },
          1,
        );
      }
      const queries: Partial<TraceQuery>[] = [{}, { status: 'ok' }, { fromUnixNano: timeOf(0) }];
      for (const query of queries) {
        const lists: string[][] = [];
        for (const order of orders) {
          const read = await pages((after) => session.traces(following({ ...query, order, limit: 7 }, after)));
          const ids = read.map(({ traceId }) => hex(traceId));
          expect(new Set(ids).size).toBe(ids.length);
          expectSorted(
            read.map(({ startTimeUnixNano }) => startTimeUnixNano),
            order,
          );
          lists.push(ids);
        }
        expect(lists[0]!.length).toBe('fromUnixNano' in query ? 30 : 40);
        expect(lists[1]).toEqual(reversed(lists));
      }
    });

    test('a declared trace stands where its first span is, though it was declared earlier', async () => {
      const session = await open();
      const source = recordSource(101);
      const record = declaration(source);
      await session.writeOne(declares(record));
      const late = BASE_TIME_UNIX_NANO + 100n * MS;
      await session.writeOne({
        spans: [source.span({ traceId: record.traceId, name: 'late', startTimeUnixNano: late })],
      });
      const between = BASE_TIME_UNIX_NANO + 50n * MS;
      await session.writeOne({ spans: [source.span({ name: 'between', startTimeUnixNano: between })] });
      expect(await session.names({ order: 'asc' })).toEqual(['late', 'between']);
      expect(await session.names({ order: 'desc' })).toEqual(['between', 'late']);
      expect(await session.names({ fromUnixNano: between })).toEqual(['between']);
    });

    test('log records in either order come twice, are missed, or stand in another order', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(102);
      const traceId = source.id(16);
      for (let at = 0; at < 40; at++) {
        const eventName = at % 2 ? 'native' : at % 3 ? '' : 'other';
        await session.writeOne(
          { logRecords: [source.logRecord({ timeUnixNano: timeOf(at), eventName, body: `"${at}"`, traceId })] },
          at % 3,
        );
      }
      for (const [query, count] of [
        [{}, 40],
        [{ eventName: 'native' }, 20],
        [{ eventName: 'native', traceId }, 20],
        [{ eventName: 'native', fromUnixNano: timeOf(0) + 5n * MS, toUnixNano: timeOf(0) + 15n * MS }, 10],
        [{ eventName: '' }, 13],
        [{ traceId }, 40],
      ] as const) {
        const lists: string[][] = [];
        for (const order of orders) {
          const base = { workspace: 'default', limit: 7, order, ...query };
          const read = await pages((after) => session.store.listLogs(following(base, after)));
          expectSorted(
            read.map(({ timeUnixNano }) => timeUnixNano),
            order,
          );
          lists.push(read.map(({ body }) => body));
          expect((await session.store.listLogs(base)).total).toBe(count);
        }
        expect(new Set(lists[0]).size).toBe(count);
        expect(lists[1]).toEqual(reversed(lists));
      }
    });

    test('metric points in either order come twice, are missed, or stand in another order', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(103);
      for (let at = 0; at < 30; at++) {
        const type = at % 2 ? 'sum' : 'gauge';
        const points = [source.metricPoint(type, { timeUnixNano: timeOf(at), attributes: `{"at":${at}}` })];
        await session.writeOne({ metricPoints: points }, at % 3);
      }
      for (const [query, count] of [
        [{}, 30],
        [{ name: 'test.sum' }, 15],
      ] as const) {
        const lists: string[][] = [];
        for (const order of orders) {
          const base = { workspace: 'default', limit: 7, order, ...query };
          const read = await pages((after) => session.store.listMetricPoints(following(base, after)));
          expectSorted(
            read.map(({ timeUnixNano }) => timeUnixNano),
            order,
          );
          lists.push(read.map(({ attributes }) => attributes));
        }
        expect(new Set(lists[0]).size).toBe(count);
        expect(lists[1]).toEqual(reversed(lists));
      }
    });

    test('rows that are written while a list is read forwards change what was read', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(104);
      const write = (offset: number) =>
        session.writeOne({
          spans: [source.span({ name: `${offset}`, startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(offset) * MS })],
        });
      for (let at = 10; at < 30; at++) await write(at);
      let offset = 0;
      const read = await pages(
        (after) => session.traces(following({ order: 'asc' as const, limit: 6 }, after)),
        () => write(offset++),
      );
      expect(read.map((trace) => trace.name)).toEqual(Array.from({ length: 20 }, (_, at) => `${at + 10}`));
    });
  });
}
