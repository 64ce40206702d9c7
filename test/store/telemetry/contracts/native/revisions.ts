/** Of the versions of a span the last is read, wherever each of them is. */
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../../../src/model/telemetry.js';
import { type RecordSource, recordSource, resource } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession, Session } from '../../session.js';
import { fillBlocks, native, outcome, revises, spanName, writeOutcome } from './frames.js';

const MS = 1_000_000n;

export function revisionContract(open: OpenSession): void {
  describe('revisions', () => {
    const running = (source: RecordSource) => {
      const span = source.span({ name: 'running', attributes: '{"step":1}' });
      return { ...span, endTimeUnixNano: span.startTimeUnixNano };
    };
    const ended = (span: Span): Span => ({
      ...span,
      name: 'ended',
      endTimeUnixNano: span.startTimeUnixNano + 9n * MS,
      statusCode: 2,
      attributes: '{"step":2}',
    });
    const expectEnded = async (session: Session, span: Span) => {
      const { traceId, spanId } = span;
      const trace = await session.store.getTrace('default', traceId);
      expect(trace!.spans.map((one) => [one.name, one.attributes])).toEqual([['ended', '{"step":2}']]);
      const summary = {
        name: 'ended',
        spanCount: 1,
        errorCount: 1,
        startTimeUnixNano: span.startTimeUnixNano,
        endTimeUnixNano: span.startTimeUnixNano + 9n * MS,
      };
      expect(trace!.summary).toMatchObject(summary);
      expect(await session.store.getSpan('default', traceId, spanId)).toMatchObject({ name: 'ended', statusCode: 2 });
      const listed = (await session.traces()).items.filter((item) => hex(item.traceId) === hex(traceId));
      expect(listed).toHaveLength(1);
      expect(listed[0]).toMatchObject(summary);
      const page = await session.store.listSpans!({ workspace: 'default', traceId, limit: 10 });
      expect(page).toMatchObject({ total: 1, items: [{ name: 'ended' }] });
    };

    test('a revised span is shown as it was, or twice', async () => {
      const session = await open();
      const span = running(recordSource(20));
      await session.writeOne({ native: native(), spans: [span] });
      const frame = session.frame(revises(ended(span)));
      expect(await session.write([frame])).toMatchObject({ spans: 1, duplicateSpans: 0, outcomes: [outcome(frame)] });
      await expectEnded(session, span);
    });

    test('a revision by another writer, or of a span in an old block, changes nothing', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(21);
      const spans = [running(source), running(source)];
      await session.writeOne({ native: native(), spans });
      await session.writeOne(revises(ended(spans[0]!)), 1);
      await expectEnded(session, spans[0]!);
      await fillBlocks(session, source, 4);
      const frame = session.frame(revises(ended(spans[1]!)));
      expect(await writeOutcome(session, frame, 2)).toEqual([outcome(frame)]);
      await expectEnded(session, spans[1]!);
      await session.target.reopen();
      for (const span of spans) await expectEnded(session, span);
    });

    test('of several revisions an earlier one counts', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(22);
      const span = running(source);
      await session.writeOne({ native: native(), spans: [span] });
      for (const writer of [1, 0, 2, 1]) {
        await session.writeOne(revises({ ...span, name: `by ${writer}`, statusCode: writer }), writer);
      }
      await session.writeOne(revises(ended(span)), 0);
      await expectEnded(session, span);
    });

    test('a span that is made and revised in one batch stays as it was made', async () => {
      const session = await open();
      const span = running(recordSource(23));
      const frames = [
        session.frame({ native: native(), spans: [span] }),
        session.frame(revises({ ...span, name: 'between' })),
        session.frame(revises(ended(span))),
      ];
      expect((await session.write(frames)).outcomes).toEqual(frames.map((frame) => outcome(frame)));
      await expectEnded(session, span);
    });

    test('a revision of a span that is not there is lost', async () => {
      const session = await open();
      const span = running(recordSource(24));
      const frame = session.frame(revises(ended(span)));
      expect(await writeOutcome(session, frame)).toEqual([outcome(frame)]);
      await expectEnded(session, span);
    });

    test('a client that resends the first version takes the revision back', async () => {
      const session = await open();
      const span = running(recordSource(25));
      await session.writeOne({ native: native(), spans: [span] });
      await session.writeOne(revises(ended(span)));
      const again = session.frame({ native: native(), spans: [span] });
      expect(await writeOutcome(session, again)).toEqual([
        outcome(again, { written: false, knownSpans: [spanName(span)] }),
      ]);
      await expectEnded(session, span);
    });

    test('a replayed revision takes a later one back, or adds rows', async () => {
      const session = await open();
      const span = running(recordSource(26));
      const first = session.frame({ native: native(), spans: [span] });
      const second = session.frame(revises({ ...span, name: 'between' }));
      const third = session.frame(revises(ended(span)));
      for (const frame of [first, second, third]) await session.write([frame]);
      await session.target.reopen();
      const replay = await session.write([first, second, third], { writer: 1 });
      expect(replay).toMatchObject({ spans: 0, duplicateSpans: 0 });
      expect(replay.outcomes).toEqual([first, second, third].map((frame) => outcome(frame)));
      await expectEnded(session, span);
    });

    test.each([
      ['in its block', {}],
      ['in another block', { blockMaxSpans: 1 }],
    ])('a filter goes by a version that was revised %s', async (_, options) => {
      const session = await open(options);
      const source = recordSource(27);
      const failed = source.span({
        name: 'old',
        statusCode: 2,
        attributes: '{"a":"old"}',
        resource: resource('old'),
      });
      await session.writeOne({ native: native(), spans: [failed] });
      const changes = { name: 'new', statusCode: 1, attributes: '{"a":"new"}', resource: resource('new') };
      await session.writeOne(revises({ ...failed, ...changes, endTimeUnixNano: failed.startTimeUnixNano }));
      const found = async (query: object) => (await session.traces(query)).total;
      const attributes = (value: string) => [{ key: 'a', value }];
      for (const [query, count] of [
        [{ status: 'ok' }, 1],
        [{ status: 'error' }, 0],
        [{ name: 'new' }, 1],
        [{ name: 'old' }, 0],
        [{ service: 'new' }, 1],
        [{ service: 'old' }, 0],
        [{ attributes: attributes('new') }, 1],
        [{ attributes: attributes('old') }, 0],
        [{ minDurationNano: 1n }, 0],
      ] as const) {
        expect([query, await found(query)]).toEqual([query, count]);
        expect([query, (await session.traces(query)).items.length]).toEqual([query, count]);
      }
    });

    test('a large trace with one revised span is counted wrongly', async () => {
      const session = await open();
      const source = recordSource(28);
      const spans = source.trace(300);
      await session.writeOne({ spans });
      const last = spans.at(-1)!;
      await session.writeOne(revises({ ...last, statusCode: 2, endTimeUnixNano: last.startTimeUnixNano + 10n ** 12n }));
      const { summary, spans: read } = (await session.store.getTrace('default', last.traceId))!;
      expect(summary).toMatchObject({
        name: 'root',
        spanCount: 300,
        errorCount: 1,
        endTimeUnixNano: last.startTimeUnixNano + 10n ** 12n,
      });
      expect(read).toHaveLength(300);
    });
  });
}
