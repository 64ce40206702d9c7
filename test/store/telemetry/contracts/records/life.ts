/** A store that is opened again, read while it is written, or ended twice. */
import { describe, expect, test } from 'vitest';
import { recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';

export function lifeContract(open: OpenSession): void {
  describe('life', () => {
    test('what was written is gone when the store is opened again', async () => {
      const session = await open({ blockMaxSpans: 3 });
      const source = recordSource(90);
      const traces = [source.trace(2), source.trace(2), source.trace(2)];
      for (const spans of traces) await session.writeOne({ spans });
      await session.target.reopen();
      for (const spans of traces) expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(2);
      await session.writeOne({ spans: source.trace(2) });
      expect(await session.traces()).toMatchObject({ total: 4 });
    });

    test('reads fail, or show half a batch, while two writers write', async () => {
      const session = await open({ blockMaxSpans: 200 });
      const source = recordSource(91);
      let writing = 2;
      const write = async (writer: number) => {
        for (let batch = 0; batch < 20; batch++)
          await session.writeOne({ spans: [...source.trace(10), ...source.trace(10)] }, writer);
        writing--;
      };
      const read = async () => {
        let seen = 0;
        while (writing > 0) {
          const { items, total } = await session.traces();
          for (const item of items) expect(item.spanCount).toBe(10);
          expect(total).toBeGreaterThanOrEqual(seen);
          seen = total;
          if (items[0]) expect(await session.spansOf(items[0].traceId)).toHaveLength(10);
        }
      };
      await Promise.all([write(0), write(1), read(), read()]);
      expect(await session.traces()).toMatchObject({ total: 80 });
    });

    test('a store cannot be ended twice', async () => {
      const { store } = await open();
      await store.ping();
      for (const end of [1, 2]) {
        expect([end, await store.shutdown({ deadlineMs: 1000 })]).toEqual([end, undefined]);
      }
    });
  });
}
