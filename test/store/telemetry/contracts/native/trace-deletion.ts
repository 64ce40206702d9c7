/** What a deletion takes, and what it leaves. */
import { describe, expect, test } from 'vitest';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';
import {
  declaration,
  declares,
  deleteTrace,
  fillBlocks,
  native,
  outcome,
  revises,
  spanName,
  writeOutcome,
} from './frames.js';

const MS = 1_000_000n;

export function traceDeletionContract(open: OpenSession): void {
  describe('deletion', () => {
    test('a deleted trace is still read, or its logs and other traces go with it', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(80);
      const record = declaration(source);
      const { traceId } = record;
      const [spans, others] = [source.trace(3, { traceId }), source.trace(3)];
      const more = source.trace(2, { traceId });
      await session.writeOne(declares(record));
      await session.write([
        session.frame({ spans: [...spans, ...others] }),
        session.frame({ logRecords: [source.logRecord({ traceId })] }),
      ]);
      await fillBlocks(session, source, 2);
      await session.writeOne({ spans: more }, 1);
      const elsewhere = source.trace(2, { traceId });
      await session.writeOne({ workspace: 'other', spans: elsewhere });
      const last = await session.writeOne(revises({ ...spans[0]!, name: 'new' }));
      expect((await session.traces()).total).toBe(4);
      // Twice: it may be done again, and by whichever writer.
      for (const writer of [0, 2]) {
        await deleteTrace(session, traceId, last.receivedTimeUnixMs, writer);
        expect(await session.store.getTrace('default', traceId)).toBeUndefined();
        expect(await session.store.getSpan('default', traceId, spans[0]!.spanId)).toBeUndefined();
        expect(await session.store.listSpans!({ workspace: 'default', traceId, limit: 10 })).toBeUndefined();
        expect(await session.traces()).toMatchObject({ total: 3 });
        expect((await session.traces()).items).toHaveLength(3);
      }
      expect(await session.spansOf(others[0]!.traceId)).toHaveLength(3);
      expect(await session.spansOf(traceId, 'other')).toHaveLength(2);
      const { items } = await session.store.listLogs({ workspace: 'default', traceId, limit: 10 });
      expect(items).toHaveLength(1);
    });

    test('a span that is sent again after the deletion passes for known', async () => {
      const session = await open();
      const source = recordSource(81);
      const record = declaration(source);
      const spans = source.trace(2, { traceId: record.traceId });
      const request = { ...declares(record), spans };
      const first = await session.writeOne(request);
      await deleteTrace(session, record.traceId, first.receivedTimeUnixMs, 1);
      const again = session.frame(request);
      expect(await session.write([again])).toMatchObject({ spans: 2, duplicateSpans: 0, outcomes: [outcome(again)] });
      const repeated = session.frame(request);
      const told = { written: false, knownTraces: [hex(record.traceId)], knownSpans: spans.map(spanName) };
      expect(await writeOutcome(session, repeated)).toEqual([outcome(repeated, told)]);
      expect(await session.spansOf(record.traceId)).toHaveLength(2);
      expect((await session.store.getTrace('default', record.traceId))!.summary.record).toEqual(record);
    });

    test('what came after the deletion is deleted', async () => {
      const session = await open();
      const source = recordSource(82);
      const { traceId } = source.span();
      const spanAt = (offset: number) =>
        source.span({ traceId, name: `${offset}`, startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(offset) * MS });
      const frames = [1, 2, 3, 4].map((offset) => session.frame({ spans: [spanAt(offset)] }));
      await session.write(frames);
      await deleteTrace(session, traceId, frames[1]!.receivedTimeUnixMs);
      const trace = await session.store.getTrace('default', traceId);
      expect(trace!.spans.map((span) => span.name)).toEqual(['3', '4']);
      expect(trace!.summary).toMatchObject({ spanCount: 2, startTimeUnixNano: BASE_TIME_UNIX_NANO + 3n * MS });
      expect(await session.traces()).toMatchObject({ total: 1, items: [{ spanCount: 2 }] });
      const again = session.frame({ native: native(), spans: frames[0]!.spans });
      expect(await writeOutcome(session, again)).toEqual([outcome(again)]);
      const known = session.frame({ native: native(), spans: frames[2]!.spans });
      expect(await writeOutcome(session, known)).toMatchObject([{ written: false }]);
    });

    test('a trace that is not there, or is of another workspace, fails the deletion', async () => {
      const session = await open();
      const source = recordSource(83);
      const spans = source.trace(2);
      await session.writeOne({ workspace: 'other', spans });
      await deleteTrace(session, spans[0]!.traceId, Number.MAX_SAFE_INTEGER);
      await (await session.target.writer()).deleteTraces!([]);
      expect(await session.spansOf(spans[0]!.traceId, 'other')).toHaveLength(2);
    });

    test('writes of other writers fail, or are lost, while traces are deleted', async () => {
      const session = await open();
      const source = recordSource(84);
      const doomed = Array.from({ length: 10 }, () => source.trace(3));
      const written = await session.writeOne({ spans: doomed.flat() }, 0);
      const kept = Array.from({ length: 10 }, () => source.trace(3));
      const frames = kept.map((spans) => session.frame({ spans }));
      const deleting = async () => {
        for (const [root] of doomed) await deleteTrace(session, root!.traceId, written.receivedTimeUnixMs, 1);
      };
      const writing = async () => {
        for (const frame of frames) await session.write([frame], { writer: 0 });
      };
      await Promise.all([deleting(), writing()]);
      const listed = (await session.traces()).items.map(({ traceId }) => hex(traceId)).sort();
      expect(listed).toEqual(kept.map(([root]) => hex(root!.traceId)).sort());
    });
  });
}
