/** A workspace sees its own records alone. */
import { describe, expect, test } from 'vitest';
import { recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';

export function workspaceContract(open: OpenSession): void {
  describe('workspaces', () => {
    test('one workspace sees what belongs to another', async () => {
      const session = await open();
      const source = recordSource(40);
      const spans = source.trace(2);
      const log = source.logRecord({ traceId: spans[0]!.traceId });
      await session.writeOne({
        workspace: 'mine',
        spans,
        logRecords: [log],
        metricPoints: [source.metricPoint('sum')],
      });
      const { store } = session;
      expect(await store.getTrace('theirs', spans[0]!.traceId)).toBeUndefined();
      expect(await store.getSpan('theirs', spans[0]!.traceId, spans[0]!.spanId)).toBeUndefined();
      for (const [workspace, count] of [
        ['mine', 1],
        ['theirs', 0],
      ] as const) {
        const query = { workspace, limit: 10 };
        expect(await store.listTraces(query)).toMatchObject({ total: count });
        expect((await store.listTraces(query)).items).toHaveLength(count);
        expect((await store.listLogs({ ...query, traceId: spans[0]!.traceId })).items).toHaveLength(count);
        expect((await store.listLogs(query)).items).toHaveLength(count);
        expect((await store.listMetricPoints(query)).items).toHaveLength(count);
      }
    });

    test('one trace id in two workspaces is one trace', async () => {
      const session = await open();
      const source = recordSource(41);
      const spans = source.trace(3);
      await session.write([
        session.frame({ workspace: 'a', spans }),
        session.frame({ workspace: 'b', spans: spans.slice(0, 2) }),
      ]);
      expect(await session.spansOf(spans[0]!.traceId, 'a')).toHaveLength(3);
      expect(await session.spansOf(spans[0]!.traceId, 'b')).toHaveLength(2);
      expect((await session.traces({ workspace: 'b' })).items[0]).toMatchObject({ spanCount: 2 });
    });
  });
}
