/** When the sighting that counts is deleted, another takes its place. */
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../../../src/model/telemetry.js';
import { generationLog, generationSpan } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource, scope } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { BASE_MS, type GenerationSession, idOf, ids, LATE, SECOND } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function countedSightingContract(open: OpenSession<GenerationSession>): void {
  describe('the counted sighting of a call is deleted', () => {
    const remove = async (session: GenerationSession, { traceId }: Span, receivedUntilUnixMs = LATE) => {
      await (await session.target.writer()).deleteTraces([{ workspace: 'default', traceId, receivedUntilUnixMs }]);
    };
    const of = { responseId: 'resp_1', sessionId: 's', userId: 'u' };

    test('none of those that stay counts then, or several do', async () => {
      const session = await open({ blockMaxSpans: 2 });
      const source = recordSource(40);
      const other = { ...of, responseModel: 'other' };
      const spans = [of, of, of, other, { ...of, responseModel: '', requestModel: '' }].map((one) =>
        generationSpan(source, one),
      );
      for (const [at, span] of spans.entries()) {
        await session.writeOne({ spans: [span], receivedTimeUnixMs: BASE_MS + at }, at % 2);
      }
      await session.writeOne({ workspace: 'other', spans: spans.slice(0, 2) });
      const counted = async () => ids(await session.list({ counted: true, order: 'asc' }));
      const [first, second, third, another, unnamed] = spans as [Span, Span, Span, Span, Span];
      expect(await counted()).toEqual([idOf(first), idOf(another)]);
      await remove(session, second);
      expect(await counted()).toEqual([idOf(first), idOf(another)]);
      await remove(session, first);
      expect(await counted()).toEqual([idOf(third), idOf(another)]);
      await expectSumsOfRows(session);
      await remove(session, third);
      await remove(session, third);
      expect(await counted()).toEqual([idOf(another)]);
      await remove(session, another);
      expect(await counted()).toEqual([idOf(unnamed)]);
      await expectSumsOfRows(session);
      await remove(session, unnamed);
      expect(await session.usage()).toEqual([]);
      expect(await session.requests({ workspace: 'other' })).toBe(1);
      await expectSumsOfRows(session, 'other');
    });

    test('a native log of the call is not counted in its place', async () => {
      const session = await open();
      const source = recordSource(41);
      const [span, traced] = [generationSpan(source, of), generationSpan(source)];
      await session.writeOne({ spans: [span, traced] });
      const logs = [
        generationLog(source, of, { traceId: undefined, spanId: undefined }),
        generationLog(source, of, { traceId: traced.traceId }),
      ];
      await session.writeOne({ logRecords: logs });
      expect(await session.requests()).toBe(2);
      await remove(session, span);
      expect(await session.requests()).toBe(2);
      await expectSumsOfRows(session);
    });

    test('one that came to its trace after the deletion was asked for stays uncounted', async () => {
      const session = await open();
      const source = recordSource(42);
      const times = { startTimeUnixNano: BASE_TIME_UNIX_NANO, endTimeUnixNano: BASE_TIME_UNIX_NANO + SECOND };
      const parent = generationSpan(source, {}, { ...times, scope: scope('openllmetry') });
      const place = { ...times, traceId: parent.traceId, parentSpanId: parent.spanId };
      const twins = ['openinference', 'vercel'].map((name) =>
        generationSpan(source, {}, { ...place, scope: scope(name) }),
      );
      await session.writeOne({ spans: [parent], receivedTimeUnixMs: BASE_MS });
      await session.writeOne({ spans: twins, receivedTimeUnixMs: BASE_MS + 2 });
      expect(await session.requests()).toBe(1);
      await remove(session, parent, BASE_MS + 1);
      expect(await session.list()).toHaveLength(2);
      expect(await session.list({ counted: true })).toHaveLength(1);
      await expectSumsOfRows(session);
    });

    test('several traces that are deleted at once leave one of their own sightings counted, or none that stays', async () => {
      const session = await open();
      const source = recordSource(43);
      const spans = Array.from({ length: 4 }, () => generationSpan(source, of));
      for (const span of spans) await session.writeOne({ spans: [span] });
      const deletions = spans.slice(0, 2).map(({ traceId }) => ({
        workspace: 'default',
        traceId,
        receivedUntilUnixMs: LATE,
      }));
      await (await session.target.writer()).deleteTraces(deletions);
      expect(await session.list()).toHaveLength(2);
      expect(await session.list({ counted: true })).toHaveLength(1);
      // What comes now is another sighting of it.
      await session.writeOne({ spans: [generationSpan(source, of)] });
      expect(await session.requests()).toBe(1);
      await expectSumsOfRows(session);
    });
  });
}
