/** The list of the spans of one trace. */
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../../../src/model/telemetry.js';
import type { Page } from '../../../../../src/store/page.js';
import type { SpanQuery, StoredSpan } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, type RecordSource, recordSource, resource } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import type { OpenSession, Session } from '../../session.js';
import { declaration, declares, revises, spanName } from './frames.js';

const MS = 1_000_000n;

export function spansOfTraceContract(open: OpenSession): void {
  describe('spans of one trace', () => {
    const list = (session: Session, query: Partial<SpanQuery> & { traceId: Uint8Array }) =>
      session.store.listSpans!({ workspace: 'default', limit: 100, ...query });
    const names = (page: Page<StoredSpan> | undefined) => page!.items.map((span) => span.name);
    const write = async (session: Session, source: RecordSource, count: number) => {
      const traceId = source.id(16);
      const spans = Array.from({ length: count }, (_, at) =>
        source.span({
          traceId,
          name: `span ${at % 5}`,
          kind: 1 + (at % 3),
          statusCode: at % 4 === 0 ? 2 : 1,
          startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt((at * 13) % 50) * MS,
          attributes: `{"at":"${at}","mod":${at % 2}}`,
          resource: resource(at % 2 ? 'odd' : 'even'),
        }),
      );
      for (let at = 0; at < count; at += 10) await session.writeOne({ spans: spans.slice(at, at + 10) }, at % 3);
      return { traceId, spans };
    };

    test('a page of spans misses one, or has one twice', async () => {
      const session = await open({ blockMaxSpans: 15 });
      const { traceId, spans } = await write(session, recordSource(120), 100);
      const lists: string[][] = [];
      for (const order of ['asc', 'desc'] as const) {
        const read = await pages(
          async (after) => (await list(session, following({ traceId, order, limit: 9 }, after)))!,
        );
        const times = read.map(({ startTimeUnixNano }) => startTimeUnixNano);
        const sorted = [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(times).toEqual(order === 'asc' ? sorted : sorted.reverse());
        lists.push(read.map(spanName));
      }
      expect([...lists[0]!].sort()).toEqual(spans.map(spanName).sort());
      expect(lists[1]).toEqual([...lists[0]!].reverse());
      const ascending = await list(session, { traceId, order: 'asc' });
      expect(ascending!.items.map(spanName)).toEqual((await session.spansOf(traceId)).map(spanName));
      const page = await list(session, { traceId, order: 'asc', limit: 10, offset: 25 });
      expect(page!.items.map(spanName)).toEqual(lists[0]!.slice(25, 35));
      expect(page).toMatchObject({ total: 100, totalRelation: 'eq' });
    });

    test('a filter lets other spans through, or its total is of all', async () => {
      const session = await open();
      const { traceId, spans } = await write(session, recordSource(121), 100);
      const cases: [Partial<SpanQuery>, (span: Span) => boolean][] = [
        [{ name: 'span 2' }, (span: Span) => span.name === 'span 2'],
        [{ kind: 3 }, (span: Span) => span.kind === 3],
        [{ statusCode: 2 }, (span: Span) => span.statusCode === 2],
        [{ service: 'odd' }, (span: Span) => span.resource.serviceName === 'odd'],
        [{ attributes: [{ key: 'at', value: '7' }] }, (span: Span) => span.attributes.includes('"at":"7"')],
        [
          { attributes: [{ key: 'service.name', value: 'even' }] },
          (span: Span) => span.resource.serviceName === 'even',
        ],
        [
          { fromUnixNano: BASE_TIME_UNIX_NANO + 40n * MS },
          (span: Span) => span.startTimeUnixNano >= BASE_TIME_UNIX_NANO + 40n * MS,
        ],
        [
          { toUnixNano: BASE_TIME_UNIX_NANO + 10n * MS },
          (span: Span) => span.startTimeUnixNano < BASE_TIME_UNIX_NANO + 10n * MS,
        ],
        [
          { name: 'span 2', kind: 1, service: 'odd' },
          (span: Span) => span.name === 'span 2' && span.kind === 1 && span.resource.serviceName === 'odd',
        ],
        [{ name: 'none' }, () => false],
      ];
      for (const [query, accepts] of cases) {
        const expected = spans.filter(accepts).map(spanName).sort();
        const read = await pages(
          async (after) => (await list(session, following({ traceId, limit: 4, ...query }, after)))!,
        );
        expect([query, read.map(spanName).sort()]).toEqual([query, expected]);
        expect([query, await list(session, { traceId, limit: 1, ...query })]).toMatchObject([
          query,
          { total: expected.length, totalRelation: 'eq' },
        ]);
      }
    });

    test('a revised span is filtered or placed by what it was', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(122);
      const spans = source.trace(3, { statusCode: 1 });
      const { traceId } = spans[0]!;
      await session.writeOne({ spans });
      const moved = {
        ...spans[1]!,
        name: 'moved',
        statusCode: 2,
        startTimeUnixNano: spans[2]!.startTimeUnixNano + MS,
      };
      await session.writeOne(revises(moved), 1);
      expect(names(await list(session, { traceId, order: 'asc' }))).toEqual(['root', 'child-1', 'moved']);
      expect(names(await list(session, { traceId, statusCode: 1, order: 'asc' }))).toEqual(['root', 'child-1']);
      expect(names(await list(session, { traceId, name: 'child-0' }))).toEqual([]);
      expect(await list(session, { traceId, statusCode: 2 })).toMatchObject({ total: 1, items: [{ name: 'moved' }] });
    });

    test('a trace that is not there has a page, or one without spans has none', async () => {
      const session = await open();
      const source = recordSource(123);
      const record = declaration(source);
      await session.writeOne(declares(record));
      expect(await list(session, { traceId: record.traceId })).toEqual({ items: [], total: 0, totalRelation: 'eq' });
      expect(await list(session, { traceId: source.id(16) })).toBeUndefined();
      expect(await list(session, { traceId: record.traceId, workspace: 'other' })).toBeUndefined();
    });
  });
}
