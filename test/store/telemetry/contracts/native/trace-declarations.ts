/** A trace that the native API declared, with spans and without. */
import { describe, expect, test } from 'vitest';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';
import { BASE_TIME_UNIX_MS, declaration, declares, fillBlocks, outcome, writeOutcome } from './frames.js';

const MS = 1_000_000n;

export function traceDeclarationContract(open: OpenSession): void {
  describe('trace declarations', () => {
    test('a declared trace without spans is not listed, or not read as it was declared', async () => {
      const session = await open();
      const source = recordSource(1);
      const record = declaration(source, {
        traceIdText: '0b5e1f0c-8a9b-4c3d-9e2f-000000000001',
        promptName: 'greeting',
        versionTag: 'v1.2.0',
        metadata: '{"user":"ü","n":0,"deep":{"a":[1,null]}}',
      });
      const frame = session.frame(declares(record));
      expect(await writeOutcome(session, frame)).toEqual([outcome(frame)]);
      const summary = {
        record,
        name: '',
        startTimeUnixNano: BASE_TIME_UNIX_NANO,
        endTimeUnixNano: BASE_TIME_UNIX_NANO,
        spanCount: 0,
        errorCount: 0,
        services: [],
        receivedTimeUnixMs: frame.receivedTimeUnixMs,
      };
      const trace = await session.store.getTrace('default', record.traceId);
      expect(trace).toMatchObject({ spans: [], summary });
      expect(await session.traces()).toMatchObject({ items: [summary], total: 1 });
      expect(await session.store.getTrace('other', record.traceId)).toBeUndefined();
      await session.target.reopen();
      expect((await session.store.getTrace('default', record.traceId))!.summary.record).toEqual(record);
    });

    test('a trace of spans alone is said to be declared', async () => {
      const session = await open();
      const spans = recordSource(2).trace(2);
      await session.writeOne({ spans });
      expect((await session.store.getTrace('default', spans[0]!.traceId))!.summary.record).toBeUndefined();
      expect((await session.traces()).items[0]!.record).toBeUndefined();
    });

    test('a declaration changes what its spans say of times and counts', async () => {
      const session = await open();
      const source = recordSource(3);
      const start = BASE_TIME_UNIX_NANO + 5_000n * MS;
      for (const declaredFirst of [true, false]) {
        const record = declaration(source);
        const root = source.span({
          traceId: record.traceId,
          name: 'root',
          startTimeUnixNano: start,
          endTimeUnixNano: start + 7n * MS,
          statusCode: 2,
        });
        const writes = [declares(record), { spans: [root] }];
        for (const write of declaredFirst ? writes : writes.reverse()) await session.writeOne(write);
        const summary = {
          record,
          name: 'root',
          startTimeUnixNano: start,
          endTimeUnixNano: start + 7n * MS,
          spanCount: 1,
          errorCount: 1,
          services: ['checkout'],
        };
        expect((await session.store.getTrace('default', record.traceId))!.summary).toMatchObject(summary);
        const listed = (await session.traces()).items.find((item) => hex(item.traceId) === hex(record.traceId));
        expect(listed).toMatchObject(summary);
      }
      expect(await session.traces()).toMatchObject({ total: 2 });
      // Measured from the declaration it would take five seconds.
      expect(await session.traces({ minDurationNano: 8n * MS })).toMatchObject({ items: [], total: 0 });
      expect(await session.traces({ minDurationNano: 7n * MS })).toMatchObject({ total: 2 });
    });

    test('a second declaration takes the place of the first, or is not reported', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(4);
      const first = declaration(source, { promptName: 'first' });
      const second = { ...first, promptName: 'second' };
      const fresh = declaration(source);
      await session.writeOne(declares(first));
      const known = hex(first.traceId);
      const again = session.frame(declares(second));
      expect(await writeOutcome(session, again)).toEqual([outcome(again, { written: false, knownTraces: [known] })]);
      const other = session.frame(declares(fresh, second));
      expect(await writeOutcome(session, other, 1)).toEqual([outcome(other, { knownTraces: [known] })]);
      await fillBlocks(session, source, 1);
      await session.target.reopen();
      const late = session.frame(declares(second));
      expect(await writeOutcome(session, late)).toEqual([outcome(late, { written: false, knownTraces: [known] })]);
      expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
      const elsewhere = session.frame({ ...declares(second), workspace: 'other' });
      expect(await writeOutcome(session, elsewhere)).toEqual([outcome(elsewhere)]);
      expect((await session.store.getTrace('other', first.traceId))!.summary.record).toEqual(second);
    });

    test('two declarations in one batch are both taken', async () => {
      const session = await open();
      const source = recordSource(5);
      const first = declaration(source, { promptName: 'first' });
      const frames = [session.frame(declares(first)), session.frame(declares({ ...first, promptName: 'second' }))];
      expect((await session.write(frames)).outcomes).toEqual([
        outcome(frames[0]!),
        outcome(frames[1]!, { written: false, knownTraces: [hex(first.traceId)] }),
      ]);
      expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
    });

    test('a declaration of long ago is overruled by one that slipped through', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(6);
      const first = declaration(source, { promptName: 'first' });
      await session.writeOne(declares(first));
      await fillBlocks(session, source, 4);
      const second = { ...first, promptName: 'second', createdTimeUnixMs: first.createdTimeUnixMs + 60_000 };
      await session.writeOne(declares(second));
      expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
      expect((await session.traces({ promptName: 'first' })).items).toHaveLength(1);
      expect((await session.traces({ promptName: 'second' })).items).toHaveLength(0);
    });

    test('filters by prompt or version let others through, or miss some', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(7);
      const records = ['a', 'b', 'a', 'c'].map((promptName, at) =>
        declaration(source, { promptName, versionTag: `v${at}`, createdTimeUnixMs: BASE_TIME_UNIX_MS + at }),
      );
      for (const record of records) {
        await session.writeOne(declares(record));
        await session.writeOne({ spans: source.trace(3, { traceId: record.traceId }) });
      }
      await session.writeOne({ spans: source.trace(2) });
      const ids = async (query: object) => (await session.traces(query)).items.map(({ traceId }) => hex(traceId));
      const expected = (...at: number[]) => at.map((index) => hex(records[index]!.traceId));
      expect((await ids({ promptName: 'a' })).sort()).toEqual(expected(0, 2).sort());
      expect(await ids({ versionTag: 'v3' })).toEqual(expected(3));
      expect(await ids({ promptName: 'a', versionTag: 'v2' })).toEqual(expected(2));
      expect(await ids({ promptName: 'a', versionTag: 'v3' })).toEqual([]);
      expect((await session.traces({ promptName: 'a' })).total).toBe(2);
    });

    test('one of several concurrent declarations is lost, or shown twice', async () => {
      const session = await open();
      const source = recordSource(8);
      const records = Array.from({ length: 20 }, () => declaration(source));
      const frames = records.map((record) => session.frame(declares(record)));
      await Promise.all([
        session.write(frames.slice(0, 10), { writer: 0 }),
        session.write(frames.slice(10), { writer: 1 }),
      ]);
      const listed = (await session.traces()).items.map(({ traceId }) => hex(traceId)).sort();
      expect(listed).toEqual(records.map(({ traceId }) => hex(traceId)).sort());
    });
  });
}
