/** Of the sightings of one call to a model one counts. */
import { describe, expect, test } from 'vitest';
import { generationLog, generationSpan } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource, scope } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { type GenerationSession, idOf, ids, SECOND } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function oneCallContract(open: OpenSession<GenerationSession>): void {
  describe('one call', () => {
    test('two spans of one response are counted twice, in one batch or in two, in one trace or in two', async () => {
      for (const [at, batches] of ['one', 'two'].entries()) {
        const session = await open();
        const source = recordSource(10 + at);
        const of = { responseId: 'resp_1' };
        const first = generationSpan(source, of);
        const spans = [
          first,
          generationSpan(source, { ...of, responseModel: '', requestModel: '' }),
          generationSpan(source, of, { traceId: first.traceId }),
        ];
        if (batches === 'one') await session.writeOne({ spans });
        else for (const span of spans) await session.writeOne({ spans: [span] });
        expect(await session.list({ counted: true })).toHaveLength(1);
        expect(await session.list()).toHaveLength(3);
        await expectSumsOfRows(session);
      }
    });

    test('native logs of one response count beside each other, or beside its span, in one batch', async () => {
      for (const hasSpan of [true, false]) {
        const session = await open();
        const source = recordSource(hasSpan ? 34 : 35);
        const of = { responseId: 'resp_1' };
        const spans = hasSpan ? [generationSpan(source, of)] : [];
        const logRecords = [generationLog(source, of), generationLog(source, of)];
        await session.write([session.frame({ spans }), session.frame({ logRecords })]);
        expect(await session.list({ counted: true })).toHaveLength(1);
        await expectSumsOfRows(session);
      }
    });

    test('of the sightings of one call in several traces of a batch, one counts that came later', async () => {
      const session = await open();
      const source = recordSource(33);
      const traceIds = [9, 1, 5].map((byte) => new Uint8Array(16).fill(byte));
      const of = { responseId: 'resp_1' };
      const spans = traceIds.map((traceId) => generationSpan(source, of, { traceId }));
      await session.write([
        session.frame({ spans: spans.slice(0, 1) }),
        session.frame({ spans: spans.slice(1) }),
        session.frame({ spans: [generationSpan(source, { ...of, kind: 'tool' }, { traceId: traceIds[1]! })] }),
      ]);
      expect(ids(await session.list({ counted: true }))).toEqual([idOf(spans[0]!)]);
      await expectSumsOfRows(session);
    });

    test('the response of another model, workspace or id is taken for the same', async () => {
      const session = await open();
      const source = recordSource(12);
      await session.writeOne({
        spans: [
          generationSpan(source, { responseId: 'r' }),
          generationSpan(source, { responseId: 'r', responseModel: 'other' }),
          generationSpan(source, { responseId: 'q' }),
        ],
      });
      await session.writeOne({ workspace: 'other', spans: [generationSpan(source, { responseId: 'r' })] });
      expect(await session.requests()).toBe(3);
      expect(await session.requests({ workspace: 'other' })).toBe(1);
    });

    test('parent and child, or siblings, of two instrumentations are counted twice without a response id', async () => {
      const session = await open();
      const source = recordSource(13);
      for (const batches of [1, 2]) {
        const times = { startTimeUnixNano: BASE_TIME_UNIX_NANO, endTimeUnixNano: BASE_TIME_UNIX_NANO + SECOND };
        const parent = generationSpan(source, {}, { ...times, scope: scope('openllmetry') });
        const { traceId, spanId: parentSpanId } = parent;
        const child = { ...times, traceId, parentSpanId };
        const spans = [
          parent,
          generationSpan(source, {}, { ...child, scope: scope('openinference') }),
          // Another call, of equal usage, after the first.
          generationSpan(source, {}, { ...child, startTimeUnixNano: BASE_TIME_UNIX_NANO + 2n * SECOND }),
          // Of the same instrumentation: two calls at a time.
          generationSpan(source, {}, { ...times, traceId, scope: scope('openllmetry') }),
          generationSpan(source, { usage: { input: 7 } }, { ...child, scope: scope('vercel') }),
        ];
        const before = await session.requests();
        if (batches === 1) await session.writeOne({ spans });
        else for (const span of spans) await session.writeOne({ spans: [span] });
        expect((await session.requests()) - before).toBe(4);
      }
      await expectSumsOfRows(session);
    });

    test('aggregates, agents and tools are counted, or embeddings and rerankers are not', async () => {
      const session = await open();
      const source = recordSource(14);
      await session.writeOne({
        spans: [
          generationSpan(source, { kind: 'agent', countable: false }),
          generationSpan(source, { kind: 'tool', countable: false }),
          generationSpan(source, { countable: false }),
          generationSpan(source, { kind: 'embedding' }),
          generationSpan(source, { kind: 'reranker', usage: { input: 30 } }),
        ],
      });
      expect(await session.requests()).toBe(2);
      await expectSumsOfRows(session);
    });
  });
}
