/** A list that stops looking before its page is full says so, and goes on from there. */
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../../../src/model/telemetry.js';
import type { TraceQuery } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, metric, recordSource, resource } from '../../../../helpers/records.js';
import { allPages, expectPartial, following, pages } from '../../pages.js';
import type { OpenSession } from '../../session.js';

const MS = 1_000_000n;

export function pageBudgetContract(open: OpenSession): void {
  describe('pages that end at their budget', () => {
    const EVERY = 40;

    /** 120 traces; every 40th stands out by its child, which comes in another batch, and mostly to another writer. */
    const openWithRareTraces = async () => {
      const session = await open({ blockMaxSpans: 50, pageBudgetMs: 0 });
      const source = recordSource(95);
      const roots: Span[] = [];
      const children: Span[] = [];
      for (let at = 0; at < 120; at++) {
        const [root, child] = source.trace(2, { name: `root-${at}` }) as [Span, Span];
        roots.push({ ...root, endTimeUnixNano: root.startTimeUnixNano + MS });
        const ordinary = { ...child, endTimeUnixNano: child.startTimeUnixNano + MS };
        const rare = {
          endTimeUnixNano: child.startTimeUnixNano + 60_000n * MS,
          statusCode: 2,
          attributes: '{"tag":"rare"}',
          resource: resource('rare-service'),
        };
        children.push(at % EVERY === 7 ? { ...ordinary, ...rare } : ordinary);
      }
      for (let at = 0; at < 120; at += 20) {
        await session.writeOne({ spans: roots.slice(at, at + 20) }, (at / 20) % 2);
      }
      for (let at = 0; at < 120; at += 10) {
        await session.writeOne({ spans: children.slice(at, at + 10) }, at % 3 === 0 ? 1 : 0);
      }
      return { session, roots };
    };
    const rareNames = (roots: readonly Span[]) =>
      roots
        .filter((_, at) => at % EVERY === 7)
        .map(({ name }) => name)
        .reverse();

    test('a rare filter answers with an error, or loses or repeats traces from page to page', async () => {
      const { session, roots } = await openWithRareTraces();
      const byChild: Partial<TraceQuery>[] = [
        { minDurationNano: 60_000n * MS },
        { attributes: [{ key: 'tag', value: 'rare' }] },
        { service: 'rare-service' },
        { minDurationNano: 60_000n * MS, service: 'rare-service' },
      ];
      for (const query of byChild) {
        const all = await allPages((after) => session.traces(following({ ...query, limit: 2 }, after)));
        expectPartial(all, 2);
        expect(all.flatMap(({ items }) => items).map(({ name }) => name)).toEqual(rareNames(roots));
        for (const { spanCount, errorCount, services } of all.flatMap(({ items }) => items)) {
          expect({ spanCount, errorCount, services }).toEqual({
            spanCount: 2,
            errorCount: 1,
            services: ['checkout', 'rare-service'],
          });
        }
      }
      for (const [query, names] of [
        [{ status: 'error' }, rareNames(roots)],
        [{ name: 'root-7' }, ['root-7']],
        [{ name: 'child-0' }, []],
        [{ minDurationNano: 61_000n * MS }, []],
        [{ status: 'ok', service: 'rare-service' }, []],
      ] as [Partial<TraceQuery>, string[]][]) {
        const all = await allPages((after) => session.traces(following({ ...query, limit: 2 }, after)));
        expect([query, all.flatMap(({ items }) => items).map(({ name }) => name)]).toEqual([query, names]);
      }
    });

    test('a filter that all match, or a time range, loses or repeats traces', async () => {
      const { session, roots } = await openWithRareTraces();
      const newestFirst = roots.map(({ name }) => name).reverse();
      for (const limit of [3, 50]) {
        const listed = await pages((after) => session.traces(following({ minDurationNano: MS, limit }, after)));
        expect(listed.map(({ name }) => name)).toEqual(newestFirst);
      }
      const range = { fromUnixNano: roots[20]!.startTimeUnixNano, toUnixNano: roots[90]!.startTimeUnixNano };
      const listed = await pages((after) =>
        session.traces(following({ ...range, status: 'ok' as const, limit: 5 }, after)),
      );
      const expected = roots.slice(20, 90).filter((_, at) => (at + 20) % EVERY !== 7);
      expect(listed.map(({ name }) => name)).toEqual(expected.map(({ name }) => name).reverse());
    });

    test('a page that ends within its offset forgets how much was still to be skipped', async () => {
      const { session, roots } = await openWithRareTraces();
      const rare = { attributes: [{ key: 'tag', value: 'rare' }], limit: 2 };
      const all = await allPages((after) => session.traces(after ? { ...rare, after } : { ...rare, offset: 1 }));
      expectPartial(all, 2);
      expect(all.flatMap(({ items }) => items).map(({ name }) => name)).toEqual(rareNames(roots).slice(1));
    });

    test('a rare filter loses or repeats log records', async () => {
      const session = await open({ blockMaxSpans: 40, pageBudgetMs: 0 });
      const source = recordSource(96);
      const records = Array.from({ length: 150 }, (_, at) =>
        source.logRecord({
          // Twenty of each time, from both writers, so that slices end among equals.
          timeUnixNano: BASE_TIME_UNIX_NANO + BigInt(Math.floor(at / 20)) * MS,
          body: at % 50 === 3 ? `"a needle, ${at}"` : `"hay ${at}"`,
          severityNumber: at % 3 === 0 ? 17 : 9,
        }),
      );
      for (let at = 0; at < 150; at += 10) {
        await session.writeOne({ logRecords: records.slice(at, at + 10) }, (at / 10) % 2);
      }
      const list = (query: object) => session.store.listLogs({ workspace: 'default', limit: 2, ...query });
      const all = await allPages((after) => list(following({ bodyContains: 'needle' }, after)));
      expectPartial(all, 2);
      const bodies = all.flatMap(({ items }) => items).map(({ body }) => body);
      expect(bodies).toEqual(['"a needle, 103"', '"a needle, 53"', '"a needle, 3"']);
      const skipped = await pages((after) =>
        list(after ? { bodyContains: 'needle', after } : { bodyContains: 'needle', offset: 2 }),
      );
      expect(skipped.map(({ body }) => body)).toEqual(['"a needle, 3"']);
      const listed = await pages((after) => list(following({ bodyContains: 'HAY', limit: 7 }, after)));
      expect(new Set(listed.map(({ body }) => body)).size).toBe(147);
      expect(listed).toHaveLength(147);
      for (const limit of [16, 20, 25]) {
        const severe = await allPages((after) => list(following({ minSeverityNumber: 13, limit }, after)));
        expectPartial(severe, limit);
        const found = severe.flatMap(({ items }) => items).map(({ body }) => body);
        expect(new Set(found).size).toBe(50);
        expect(found).toHaveLength(50);
      }
    });

    test('a rare filter loses or repeats metric points', async () => {
      const session = await open({ blockMaxSpans: 40, pageBudgetMs: 0 });
      const source = recordSource(97);
      const points = Array.from({ length: 150 }, (_, at) =>
        source.metricPoint('sum', {
          metric: {
            ...metric('sum', at % 3 === 0 ? 'thirds' : 'others'),
            ...(at % 2 === 0 && { unit: 's', key: 's' }),
          },
          intValue: BigInt(at),
          attributes: at % 50 === 3 ? '{"tag":"rare"}' : '{}',
        }),
      ).map((point) => ({ ...point, metric: { ...point.metric, key: `${point.metric.name}/${point.metric.unit}` } }));
      for (let at = 0; at < 150; at += 10) {
        await session.writeOne({ metricPoints: points.slice(at, at + 10) }, (at / 10) % 2);
      }
      const list = (query: object) => session.store.listMetricPoints({ workspace: 'default', limit: 2, ...query });
      const attributes = [{ key: 'tag', value: 'rare' }];
      const all = await allPages((after) => list(following({ attributes }, after)));
      expectPartial(all, 2);
      expect(all.flatMap(({ items }) => items).map(({ intValue }) => intValue)).toEqual([103n, 53n, 3n]);
      const named = await pages((after) => list(following({ attributes, name: 'thirds' }, after)));
      expect(named.map(({ intValue }) => intValue)).toEqual([3n]);
      const thirds = await pages((after) => list(following({ name: 'thirds' }, after)));
      expect(thirds.map(({ intValue }) => Number(intValue))).toEqual(
        Array.from({ length: 50 }, (_, at) => 147 - at * 3),
      );
    });
  });
}
