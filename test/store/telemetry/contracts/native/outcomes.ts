/** What is told of each frame: whether it was written, and what was there before. */
import { describe, expect, test } from 'vitest';
import { recordSource } from '../../../../helpers/records.js';
import { BUFFER, type OpenSession } from '../../session.js';
import {
  declaration,
  declares,
  fillBlocks,
  keyed,
  native,
  outcome,
  revises,
  spanName,
  writeOutcome,
} from './frames.js';

export function outcomeContract(open: OpenSession): void {
  describe('outcomes', () => {
    test('a frame without a trailer has one, or a frame with one has none', async () => {
      const session = await open();
      const source = recordSource(40);
      const frames = [
        session.frame({ spans: source.trace(2) }),
        session.frame({ native: native(), logRecords: [source.logRecord()] }),
        session.frame({ logRecords: [source.logRecord()] }),
        session.frame({ native: native() }),
      ];
      const { outcomes } = await session.write(frames);
      expect(outcomes).toEqual([outcome(frames[1]!), outcome(frames[3]!)]);
    });

    test('spans that were there before are not told, or in another order than the frame has', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(41);
      const spans = [...source.trace(2), ...source.trace(2)];
      await session.writeOne({ spans }, 1);
      const fresh = source.span({ traceId: spans[0]!.traceId });
      const mixed = [spans[3]!, fresh, spans[0]!, spans[2]!];
      const frame = session.frame({ native: native(), spans: mixed });
      expect(await writeOutcome(session, frame)).toEqual([
        outcome(frame, { knownSpans: [spans[3]!, spans[0]!, spans[2]!].map(spanName) }),
      ]);
      const none = session.frame({ native: native(), spans });
      expect(await session.write([none])).toMatchObject({
        spans: 0,
        duplicateSpans: 4,
        outcomes: [outcome(none, { written: false, knownSpans: spans.map(spanName) })],
      });
      expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(3);
    });

    test('of two frames of a batch with one span, the earlier is told that it was there', async () => {
      const session = await open();
      const source = recordSource(42);
      const spans = source.trace(2);
      const otlp = source.trace(2);
      const frames = [
        session.frame({ native: native(), spans: [spans[0]!] }),
        session.frame({ native: native(), spans: [...spans, spans[1]!] }),
        session.frame({ spans: otlp }),
        session.frame({ native: native(), spans: [otlp[1]!] }),
      ];
      const { outcomes } = await session.write(frames);
      expect(outcomes).toEqual([
        outcome(frames[0]!),
        outcome(frames[1]!, { knownSpans: [spanName(spans[0]!), spanName(spans[1]!)] }),
        outcome(frames[3]!, { written: false, knownSpans: [spanName(otlp[1]!)] }),
      ]);
    });

    test('whether a frame was written is told otherwise when its range is replayed', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(43);
      const spans = source.trace(2);
      const frames = [
        session.frame({ native: native(), spans }),
        session.frame({ native: native(), spans }),
        session.frame({ native: native() }),
        session.frame(keyed('k', 'f', { logRecords: [source.logRecord()] })),
        session.frame(keyed('k', 'f', { logRecords: [source.logRecord()] })),
        session.frame(keyed('k', 'g', { logRecords: [source.logRecord()] })),
      ];
      const written = [true, false, true, true, false, false];
      const first = await session.write(frames);
      expect(first.outcomes.map((one) => one.written)).toEqual(written);
      const expected = frames.map(({ sequence }, at) => ({ sequence, written: written[at] }));
      expect((await session.write(frames)).outcomes).toMatchObject(expected);
      expect((await session.write(frames, { writer: 1 })).outcomes).toMatchObject(expected);
      await fillBlocks(session, source, 4);
      await session.target.reopen();
      const more = session.frame({ native: native(), spans: source.trace(1) });
      const range = { first: frames[0]!.sequence, last: more.sequence };
      const replay = await session.write([...frames, more], { writer: 1, range });
      expect(replay.outcomes).toMatchObject([...expected, { sequence: more.sequence, written: true }]);
      expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
    });

    test('what a buffer will not replay is kept from those that it will', async () => {
      const session = await open();
      const source = recordSource(44);
      const spans = source.trace(1);
      await session.writeOne({ spans });
      const [old, recent] = [session.frame({ native: native(), spans }), session.frame({ native: native(), spans })];
      await session.write([old]);
      await session.write([recent]);
      await session.store.forgetApplied(BUFFER, recent.sequence);
      expect(await writeOutcome(session, recent)).toMatchObject([{ sequence: recent.sequence, written: false }]);
    });

    test('a batch that fails leaves declarations, keys or revisions behind', async () => {
      const session = await open();
      const source = recordSource(45);
      const span = source.span({ name: 'old' });
      await session.writeOne({ native: native(), spans: [span] });
      const record = declaration(source);
      const good = [
        session.frame(keyed('k', 'f', declares(record))),
        session.frame(revises({ ...span, name: 'new' })),
        session.frame({ native: native(), spans: [span] }),
      ];
      const poison = session.frame({ spans: [source.span({ name: { not: 'text' } as unknown as string })] });
      await expect(session.write([...good, poison])).rejects.not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(await session.store.getTrace('default', record.traceId)).toBeUndefined();
      expect((await session.spansOf(span.traceId))[0]!.name).toBe('old');
      expect((await session.write(good)).outcomes).toEqual([
        outcome(good[0]!),
        outcome(good[1]!),
        outcome(good[2]!, { written: false, knownSpans: [spanName(span)] }),
      ]);
    });
  });
}
