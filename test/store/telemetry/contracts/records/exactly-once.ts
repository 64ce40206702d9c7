/** What is replayed or sent again is stored once; what was refused, not at all. */
import { describe, expect, test } from 'vitest';
import { recordSource } from '../../../../helpers/records.js';
import { BUFFER, type OpenSession } from '../../session.js';

export function exactlyOnceContract(open: OpenSession): void {
  describe('exactly once', () => {
    test('a batch that is replayed is written twice', async () => {
      const session = await open();
      const source = recordSource(20);
      const frames = [
        session.frame({ spans: source.trace(3) }),
        session.frame({ logRecords: [source.logRecord()] }),
        session.frame({ metricPoints: [source.metricPoint('gauge')] }),
      ];
      expect(await session.write(frames)).toMatchObject({
        spans: 3,
        duplicateSpans: 0,
        logRecords: 1,
        metricPoints: 1,
      });
      expect(await session.write(frames)).toMatchObject({
        spans: 0,
        duplicateSpans: 0,
        logRecords: 0,
        metricPoints: 0,
      });
      expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
      expect((await session.store.listMetricPoints({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
      expect(await session.spansOf(frames[0]!.spans[0]!.traceId)).toHaveLength(3);
    });

    test('frames that were applied are written again, or new ones are left out, when a range is replayed in part', async () => {
      const session = await open();
      const source = recordSource(21);
      const frames = Array.from({ length: 6 }, () => session.frame({ logRecords: [source.logRecord()] }));
      await session.write(frames.slice(2, 4));
      expect(await session.write(frames)).toMatchObject({ logRecords: 4 });
      expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(6);
      expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([{ first: 1, last: 6 }]);
    });

    test('a range is forgotten when the store is opened again', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(22);
      const frames = Array.from({ length: 6 }, () =>
        session.frame({ logRecords: [source.logRecord(), source.logRecord()] }),
      );
      for (const frame of frames.slice(0, 5)) await session.write([frame]);
      await session.target.reopen();
      expect(await session.write(frames)).toMatchObject({ logRecords: 2 });
      expect((await session.store.listLogs({ workspace: 'default', limit: 100 })).items).toHaveLength(12);
    });

    test('another writer writes a range again', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(23);
      await session.target.writer(1); // open before the other has written
      const frames = Array.from({ length: 4 }, () =>
        session.frame({ logRecords: [source.logRecord(), source.logRecord()] }),
      );
      for (const frame of frames) await session.write([frame], { writer: 0 });
      expect(await session.write(frames, { writer: 1 })).toMatchObject({ logRecords: 0 });
      await session.target.reopen();
      expect(await session.write(frames, { writer: 2 })).toMatchObject({ logRecords: 0 });
    });

    test('ranges of several writers, and of frames that held nothing, are not merged', async () => {
      const session = await open();
      await session.write([], { writer: 0, range: { first: 1, last: 10 } });
      await session.write([], { writer: 1, range: { first: 11, last: 20 } });
      await session.write([], { writer: 0, range: { first: 21, last: 30 } });
      await session.write([], { writer: 1, range: { first: 41, last: 50 } });
      expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([
        { first: 1, last: 30 },
        { first: 41, last: 50 },
      ]);
      const later = await session.store.appliedRanges(BUFFER, 35);
      expect(later.filter(({ last }) => last >= 35)).toEqual([{ first: 41, last: 50 }]);
      expect(await session.store.appliedRanges('another buffer', 0)).toEqual([]);
    });

    test('ranges of another buffer count', async () => {
      const session = await open();
      const source = recordSource(24);
      const frame = session.frame({ logRecords: [source.logRecord()] });
      await session.write([frame]);
      const writer = await session.target.writer();
      const result = await writer.write({ bufferId: 'another', range: { first: 1, last: 1 }, frames: [frame] });
      expect(result.logRecords).toBe(1);
    });

    test('forgetting old ranges takes newer ones along', async () => {
      const session = await open();
      await session.write([], { range: { first: 1, last: 10 } });
      await session.write([], { range: { first: 21, last: 30 } });
      await session.store.forgetApplied(BUFFER, 15);
      expect((await session.store.appliedRanges(BUFFER, 15)).filter(({ last }) => last >= 15)).toEqual([
        { first: 21, last: 30 },
      ]);
    });

    test('a client that resends its spans doubles them', async () => {
      const session = await open();
      const source = recordSource(25);
      const spans = source.trace(5);
      await session.writeOne({ spans });
      const again = session.frame({ spans: [...spans, source.span({ traceId: spans[0]!.traceId })] });
      expect(await session.write([again])).toMatchObject({ spans: 1, duplicateSpans: 5 });
      expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(6);
      const { items } = await session.traces();
      expect(items).toHaveLength(1);
      expect(items[0]!.spanCount).toBe(6);
    });

    test('a resend that reaches another writer is shown twice', async () => {
      const session = await open();
      const source = recordSource(26);
      const spans = source.trace(4, { statusCode: 2 });
      await session.writeOne({ spans }, 0);
      expect(await session.write([session.frame({ spans })], { writer: 1 })).toMatchObject({
        spans: 0,
        duplicateSpans: 4,
      });
      expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(4);
      expect((await session.traces()).items[0]).toMatchObject({ spanCount: 4, errorCount: 4 });
    });

    test('a resend after a restart, or into the block after, is written twice', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(27);
      const spans = source.trace(4);
      await session.writeOne({ spans });
      expect(await session.write([session.frame({ spans })])).toMatchObject({ spans: 0, duplicateSpans: 4 });
      await session.target.reopen();
      expect(await session.write([session.frame({ spans })])).toMatchObject({ spans: 0, duplicateSpans: 4 });
    });

    test('duplicates inside one batch are written', async () => {
      const session = await open();
      const source = recordSource(28);
      const spans = source.trace(3);
      const frames = [session.frame({ spans: [...spans, spans[1]!] }), session.frame({ spans: [spans[0]!] })];
      expect(await session.write(frames)).toMatchObject({ spans: 3, duplicateSpans: 2 });
      expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(3);
    });

    test('spans of other workspaces, or other traces, pass for duplicates', async () => {
      const session = await open();
      const source = recordSource(29);
      const span = source.span();
      const frames = [
        session.frame({ spans: [span, { ...span, traceId: source.id(16) }] }),
        session.frame({ workspace: 'other', spans: [span] }),
      ];
      expect(await session.write(frames)).toMatchObject({ spans: 3, duplicateSpans: 0 });
    });

    test('a batch that fails leaves a part of itself behind', async () => {
      const session = await open();
      const source = recordSource(30);
      const good = session.frame({ spans: source.trace(2), logRecords: [source.logRecord()] });
      const poison = session.frame({ spans: [source.span({ name: { not: 'text' } as unknown as string })] });
      await expect(session.write([good, poison])).rejects.not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(await session.spansOf(good.spans[0]!.traceId)).toEqual([]);
      expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([]);
      expect(await session.write([good])).toMatchObject({ spans: 2, logRecords: 1 });
      expect(await session.spansOf(good.spans[0]!.traceId)).toHaveLength(2);
    });
  });
}
