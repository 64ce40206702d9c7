/** A request with an idempotency key is written once within a day, and answered as it was. */
import { describe, expect, test } from 'vitest';
import { type RecordSource, recordSource } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession, Session } from '../../session.js';
import { declaration, declares, fillBlocks, keyed, native, outcome, spanName, writeOutcome } from './frames.js';

const DAY_MS = 24 * 60 * 60 * 1000;

export function idempotencyContract(open: OpenSession): void {
  describe('idempotency', () => {
    const logs = (source: RecordSource) => ({ logRecords: [source.logRecord()] });
    const logCount = async (session: Session, workspace = 'default') =>
      (await session.store.listLogs({ workspace, limit: 100 })).items.length;

    test('a repeated request is written again, or not answered as the first was', async () => {
      const session = await open();
      const source = recordSource(60);
      const known = source.trace(1);
      await session.writeOne({ spans: known });
      const record = declaration(source);
      await session.writeOne(declares(record));
      const request = keyed('key', 'f', {
        native: native({ traces: [record] }),
        spans: [known[0]!, source.span()],
      });
      const first = session.frame(request);
      const told = { knownSpans: [spanName(known[0]!)], knownTraces: [hex(record.traceId)] };
      expect(await writeOutcome(session, first)).toEqual([outcome(first, told)]);
      for (const writer of [0, 1]) {
        const again = session.frame(request);
        expect(await writeOutcome(session, again, writer)).toEqual([
          outcome(again, { ...told, written: false, replayed: 'answer of f' }),
        ]);
      }
      await session.target.reopen();
      const last = session.frame(request);
      expect(await writeOutcome(session, last)).toMatchObject([{ replayed: 'answer of f', written: false }]);
      expect((await session.traces()).total).toBe(3);
    });

    test('a key is taken by another request', async () => {
      const session = await open();
      const source = recordSource(61);
      await session.writeOne(keyed('key', 'f', logs(source)));
      for (const writer of [0, 1]) {
        const other = session.frame(keyed('key', 'g', logs(source)));
        expect(await writeOutcome(session, other, writer)).toEqual([
          outcome(other, { written: false, keyReused: true }),
        ]);
      }
      expect(await logCount(session)).toBe(1);
    });

    test('a key counts in another workspace', async () => {
      const session = await open();
      const source = recordSource(62);
      await session.writeOne(keyed('key', 'f', logs(source)));
      const other = session.frame({ ...keyed('key', 'f', logs(source)), workspace: 'other' });
      expect(await writeOutcome(session, other)).toEqual([outcome(other)]);
      expect(await logCount(session, 'other')).toBe(1);
    });

    test('a key repeated inside one batch is written twice', async () => {
      const session = await open();
      const source = recordSource(63);
      const frames = [
        session.frame(keyed('key', 'f', logs(source))),
        session.frame(keyed('key', 'f', logs(source))),
        session.frame(keyed('key', 'g', logs(source))),
        session.frame(keyed('other', 'g', logs(source))),
      ];
      expect((await session.write(frames)).outcomes).toEqual([
        outcome(frames[0]!),
        outcome(frames[1]!, { written: false, replayed: 'answer of f' }),
        outcome(frames[2]!, { written: false, keyReused: true }),
        outcome(frames[3]!),
      ]);
      expect(await logCount(session)).toBe(2);
    });

    test('a key is kept of a request that wrote nothing', async () => {
      const session = await open();
      const source = recordSource(64);
      const spans = source.trace(1);
      await session.writeOne({ spans });
      const refused = session.frame(keyed('key', 'f', { spans }));
      expect(await writeOutcome(session, refused)).toEqual([
        outcome(refused, { written: false, knownSpans: spans.map(spanName) }),
      ]);
      const other = session.frame(keyed('key', 'g', logs(source)));
      expect(await writeOutcome(session, other)).toEqual([outcome(other)]);
    });

    test('a key counts after its day, or is forgotten within it', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(65);
      const first = await session.writeOne(keyed('key', 'f', logs(source)));
      await fillBlocks(session, source, 4);
      const at = (elapsedMs: number) => {
        const records = keyed('key', 'f', logs(source));
        return session.frame({ ...records, receivedTimeUnixMs: first.receivedTimeUnixMs + elapsedMs });
      };
      expect(await writeOutcome(session, at(DAY_MS - 1000), 1)).toMatchObject([{ replayed: 'answer of f' }]);
      const later = at(DAY_MS + 1000);
      expect(await writeOutcome(session, later)).toEqual([outcome(later)]);
      expect(await writeOutcome(session, at(DAY_MS + 2000))).toMatchObject([{ replayed: 'answer of f' }]);
    });
  });
}
