/** Metric points are read as they were sent, listed, filtered and paged. */
import { describe, expect, test } from 'vitest';
import type { MetricType } from '../../../../../src/model/telemetry.js';
import { BASE_TIME_UNIX_NANO, metric, recordSource, resource, scope } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import { comparable, received } from '../../record-comparison.js';
import type { OpenSession, Session } from '../../session.js';

const METRIC_TYPES: MetricType[] = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'];

export function metricPointContract(open: OpenSession): void {
  describe('metric points', () => {
    const list = (session: Session, query: object = {}) =>
      session.store.listMetricPoints({ workspace: 'default', limit: 100, ...query });

    test.each(METRIC_TYPES)('a %s point comes back with another value in some field', async (type) => {
      const session = await open();
      const source = recordSource(80);
      const full = source.metricPoint(type, {
        metric: { ...metric(type), temporality: 1, monotonic: true, metadata: '{"prometheus.type":"counter"}' },
        timeUnixNano: 1_767_225_600_123_456_789n,
        startTimeUnixNano: 0n,
        flags: 1,
        attributes: '{"a.b":1.0}',
        exemplars: '[{"timeUnixNano":"1","asInt":"7","traceId":"00000000000000000000000000000001"}]',
        resource: resource('meter', { nested: { $map: { $int: '1' } } }),
        scope: scope('meter-lib'),
      });
      const frame = await session.writeOne({ metricPoints: [full] });
      expect((await list(session)).items.map(comparable)).toEqual([received(full, frame)]);
    });

    test('a number of a point changes its type or its last digits', async () => {
      const session = await open();
      const source = recordSource(81);
      const number = (intValue: bigint | undefined, doubleValue: number | undefined) =>
        source.metricPoint('gauge', { intValue, doubleValue });
      const points = [
        number(2n ** 63n - 1n, undefined),
        number(-(2n ** 63n), undefined),
        number(0n, undefined),
        number(undefined, 0),
        number(undefined, -0),
        number(undefined, 5e-324),
        number(undefined, 1.7976931348623157e308),
        number(undefined, 0.1),
        number(undefined, Number.NaN),
        number(undefined, Number.POSITIVE_INFINITY),
        number(undefined, Number.NEGATIVE_INFINITY),
        number(undefined, undefined),
      ];
      await session.writeOne({ metricPoints: points });
      const read = (await list(session)).items.reverse();
      expect(read.map((point) => [point.intValue, point.doubleValue])).toEqual(
        points.map((point) => [point.intValue, point.doubleValue]),
      );
    });

    test('a filter lets other points through, or keeps out what matches', async () => {
      const session = await open({ blockMaxSpans: 2 });
      const source = recordSource(82);
      const points = METRIC_TYPES.map((type, at) =>
        source.metricPoint(type, {
          attributes: `{"shard":${at}}`,
          resource: resource(at % 2 === 0 ? 'even' : 'odd'),
        }),
      );
      for (const [at, point] of points.entries()) await session.writeOne({ metricPoints: [point] }, at % 2);
      const types = async (query: object) => (await list(session, query)).items.map((point) => point.metric.type);
      expect(await types({})).toEqual([...METRIC_TYPES].reverse());
      expect(await types({ name: 'test.sum' })).toEqual(['sum']);
      expect(await types({ name: 'test' })).toEqual([]);
      expect(await types({ service: 'odd' })).toEqual(['exponential_histogram', 'sum']);
      expect(await types({ attributes: [{ key: 'shard', value: '3' }] })).toEqual(['exponential_histogram']);
      const range = { fromUnixNano: points[1]!.timeUnixNano, toUnixNano: points[3]!.timeUnixNano };
      expect(await types(range)).toEqual(['histogram', 'sum']);
      expect(await list(session, { service: 'even', limit: 1 })).toMatchObject({ total: 3, totalRelation: 'eq' });
    });

    test('points of the same nanosecond are lost or repeated between pages', async () => {
      const session = await open({ blockMaxSpans: 5 });
      const source = recordSource(83);
      const points = Array.from({ length: 17 }, (_, at) =>
        source.metricPoint('sum', { timeUnixNano: BASE_TIME_UNIX_NANO, intValue: BigInt(at) }),
      );
      for (const [at, point] of points.entries()) await session.writeOne({ metricPoints: [point] }, at % 2);
      const listed = await pages((after) => list(session, following({ name: 'test.sum', limit: 4 }, after)));
      expect(listed.map((point) => Number(point.intValue)).sort((a, b) => a - b)).toEqual(points.map((_, at) => at));
    });
  });
}
