/** Revisions, deletions and new prices, in the rows and in their sums. */
import { describe, expect, test } from 'vitest';
import type { Cost } from '../../../../../src/model/generation.js';
import type { StoredGeneration } from '../../../../../src/store/telemetry/generations.js';
import { cost, generationSpan } from '../../../../helpers/generations.js';
import { recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { type GenerationSession, LATE, REVISES } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function changeContract(open: OpenSession<GenerationSession>): void {
  describe('changes', () => {
    test('a revised span counts twice, or as it was before', async () => {
      const session = await open({ blockMaxSpans: 3 });
      const source = recordSource(18);
      const span = generationSpan(source, { sessionId: 's', searchText: 'before', responseId: 'r' });
      await session.writeOne({ spans: [span] });
      // So that the revision is in another block.
      for (const blocks of [0, 5]) {
        for (let at = 0; at < blocks; at++) await session.writeOne({ spans: [generationSpan(source)] });
        const usage = { input: 1000 + blocks };
        const revised = generationSpan(source, { usage, searchText: 'after', responseId: 'r' }, { ...span });
        await session.writeOne({ spans: [revised], native: REVISES });
        const [found, ...others] = await session.list({ traceId: span.traceId });
        expect(others).toEqual([]);
        expect(found).toMatchObject({ usage, counted: true });
        const { traceId, spanId } = span;
        expect(await session.reader.getGeneration('default', { traceId, spanId })).toEqual(found);
        expect(await session.list({ text: 'before' })).toEqual([]);
        expect(await session.list({ text: 'after' })).toHaveLength(1);
        await expectSumsOfRows(session);
      }
    });

    test('a revision in the batch of the span that it revises counts beside it', async () => {
      const session = await open();
      const source = recordSource(19);
      const span = generationSpan(source, { searchText: 'before' });
      const revised = generationSpan(source, { isError: true, searchText: 'after' }, { ...span });
      await session.write([session.frame({ spans: [span] }), session.frame({ spans: [revised], native: REVISES })]);
      expect(await session.list()).toMatchObject([{ isError: true }]);
      expect(await session.list({ text: 'before' })).toEqual([]);
      await expectSumsOfRows(session);
    });

    test('a call of which two sightings are revised in one batch is counted by neither, or by both', async () => {
      // Either may be written before the other: traces are written in the order of their ids.
      for (const order of [1, -1]) {
        const session = await open();
        const source = recordSource(43);
        const spans = [1, 2].map((byte) =>
          generationSpan(source, { responseId: 'r' }, { traceId: new Uint8Array(16).fill(byte) }),
        );
        for (const span of spans.sort((a, b) => order * Buffer.compare(a.traceId, b.traceId)))
          await session.writeOne({ spans: [span] });
        await session.writeOne({ spans: spans.toReversed(), native: REVISES });
        expect(await session.list({ counted: true })).toHaveLength(1);
        expect(await session.list()).toHaveLength(2);
        await expectSumsOfRows(session);
      }
    });

    test('a deletion takes the generations of another workspace, whose spans have the same ids', async () => {
      const session = await open();
      const span = generationSpan(recordSource(19), { sessionId: 's', searchText: 'shared words' });
      await session.writeOne({ spans: [span] });
      await session.writeOne({ workspace: 'other', spans: [span] });
      const deletion = { workspace: 'default', traceId: span.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
      await (await session.target.writer()).deleteTraces([deletion]);
      expect(await session.list()).toEqual([]);
      expect(await session.list({ workspace: 'other', text: 'shared words' })).toHaveLength(1);
      await expectSumsOfRows(session, 'other');
    });

    test('a deleted trace is still listed, found or counted', async () => {
      const session = await open({ blockMaxSpans: 5 });
      const source = recordSource(20);
      const traces = Array.from({ length: 4 }, (_, at) => {
        const root = generationSpan(source, { sessionId: `s${at % 2}`, userId: 'u', searchText: 'deleted words' });
        return [root, ...Array.from({ length: 3 }, () => generationSpan(source, {}, { traceId: root.traceId }))];
      });
      for (let at = 0; at < 4; at++) await session.writeOne({ spans: traces.map((spans) => spans[at]!) });
      const ids = traces.map(([root]) => root!.traceId);
      const left = new Set(ids);
      for (const gone of [ids.slice(0, 1), ids.slice(1, 3), ids.slice(3)]) {
        const deletionOf = (traceId: Uint8Array) => ({ workspace: 'default', traceId, receivedUntilUnixMs: LATE });
        await (await session.target.writer()).deleteTraces(gone.map(deletionOf));
        for (const traceId of gone) {
          left.delete(traceId);
          expect(await session.list({ traceId })).toEqual([]);
        }
        expect(await session.list({ text: 'deleted words' })).toHaveLength(left.size);
        await expectSumsOfRows(session);
      }
      expect(await session.usage()).toEqual([]);
      expect((await session.reader.listSessions({ workspace: 'default', limit: 10 })).total).toBe(0);
    });

    test('costs computed anew disagree with their sums, or some row keeps its old one', async () => {
      const session = await open({ blockMaxSpans: 8 });
      const source = recordSource(21);
      const spans = Array.from({ length: 30 }, (_, at) =>
        generationSpan(source, { sessionId: `s${at % 3}`, ...(at % 3 === 0 && { cost: undefined }) }),
      );
      for (let at = 0; at < 30; at += 3) await session.writeOne({ spans: spans.slice(at, at + 3) });
      await session.writeOne({ workspace: 'other', spans: [generationSpan(source)] });
      const writer = await session.target.writer();
      const range = { fromUnixNano: spans[5]!.startTimeUnixNano, toUnixNano: spans[25]!.startTimeUnixNano };
      const priceOf = ({ usage }: StoredGeneration): Cost | undefined =>
        usage.input === undefined ? undefined : cost(BigInt(usage.input) * 77n, 'workspace/2');
      const run = async () => {
        const sums = { examined: 0, changed: 0 };
        let after: string | undefined;
        do {
          const step = { workspace: 'default', ...range, after, limit: 4 };
          const { examined, changed, next } = await writer.reprice!(step, priceOf);
          expect(examined).toBeLessThanOrEqual(4);
          sums.examined += examined;
          sums.changed += changed;
          after = next;
        } while (after !== undefined);
        return sums;
      };
      expect(await run()).toEqual({ examined: 20, changed: 20 });
      expect(await run()).toEqual({ examined: 20, changed: 0 });
      const prices = (await session.list({ order: 'asc' })).map(({ cost: of }) => of?.price.key);
      expect(prices.slice(5, 25).every((key) => key === 'workspace/2')).toBe(true);
      expect([...prices.slice(0, 5), ...prices.slice(25)].includes('workspace/2')).toBe(false);
      expect(await session.list({ isPriced: false })).toHaveLength(3);
      await expectSumsOfRows(session);
    });
  });
}
