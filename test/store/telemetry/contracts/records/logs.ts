/** Log records are read as they were sent, listed, filtered and paged. */
import { describe, expect, test } from 'vitest';
import { BASE_TIME_UNIX_NANO, recordSource, resource, scope } from '../../../../helpers/records.js';
import { following, pages } from '../../pages.js';
import { byTime, comparable, received } from '../../record-comparison.js';
import type { OpenSession, Session } from '../../session.js';

export function logContract(open: OpenSession): void {
  describe('log records', () => {
    const list = (session: Session, query: object = {}) =>
      session.store.listLogs({ workspace: 'default', limit: 100, ...query });

    test('log events of one span and one time are read in another order than they came in', async () => {
      const session = await open();
      const source = recordSource(69);
      const of = { traceId: source.id(16), spanId: source.id(8) };
      const said = ['"Be brief."', '"Say hello."', '"Hello there!"', '"Goodbye."'];
      const timeUnixNano = BASE_TIME_UNIX_NANO;
      await session.writeOne({ logRecords: said.map((body) => source.logRecord({ ...of, timeUnixNano, body })) });
      const bodies = ({ items }: { items: { body: string }[] }) => items.map(({ body }) => body);
      expect(bodies(await list(session, { ...of, order: 'asc' }))).toEqual(said);
      const first = await list(session, { ...of, order: 'asc', limit: 2 });
      const rest = await list(session, { ...of, order: 'asc', limit: 2, after: first.next });
      expect([...bodies(first), ...bodies(rest)]).toEqual(said);
    });

    test('a log record comes back with another value in some field', async () => {
      const session = await open();
      const source = recordSource(70);
      const full = source.logRecord({
        timeUnixNano: 1_767_225_600_123_456_789n,
        observedTimeUnixNano: 2n ** 63n - 1n,
        severityNumber: 17,
        severityText: 'ERROR',
        eventName: 'gen_ai.client.inference.operation.details',
        body: '{"deep":[1.0,{"$bytes":"AAH/"},null],"nul":"\\u0000","bird":"🦜"}',
        attributes: '{"a.b":{"$int":"-9223372036854775808"}}',
        droppedAttributesCount: 3,
        flags: 0xffff_ffff,
        traceId: source.id(16),
        spanId: source.id(8),
        resource: resource('logger'),
        scope: scope('log-lib'),
      });
      const empty = source.logRecord({ body: 'null', attributes: '{}', severityText: '', severityNumber: 0 });
      const frame = await session.writeOne({ logRecords: [full, empty] });
      const { items } = await list(session);
      expect(items.map(comparable)).toEqual([received(full, frame), received(empty, frame)].sort(byTime));
    });

    test('a record without a time is listed in 1970', async () => {
      const session = await open();
      const source = recordSource(71);
      const timed = (body: string, timeUnixNano: bigint, observedTimeUnixNano: bigint) =>
        source.logRecord({ body, timeUnixNano, observedTimeUnixNano });
      await session.writeOne({
        logRecords: [
          timed('"old"', BASE_TIME_UNIX_NANO, BASE_TIME_UNIX_NANO + 50n),
          timed('"observed"', 0n, BASE_TIME_UNIX_NANO + 10n),
          timed('"new"', BASE_TIME_UNIX_NANO + 20n, 0n),
          timed('"never"', 0n, 0n),
        ],
      });
      expect((await list(session)).items.map((item) => item.body)).toEqual(['"new"', '"observed"', '"old"', '"never"']);
      const range = { fromUnixNano: BASE_TIME_UNIX_NANO + 1n, toUnixNano: BASE_TIME_UNIX_NANO + 20n };
      expect((await list(session, range)).items.map((item) => item.body)).toEqual(['"observed"']);
    });

    test('a filter lets other records through, or keeps out what matches', async () => {
      const session = await open({ blockMaxSpans: 2 });
      const source = recordSource(72);
      const [traceId, spanId] = [source.id(16), source.id(8)];
      const records = [
        source.logRecord({ body: '"a: The Quick fox"', traceId, spanId }),
        source.logRecord({ body: '"b"', traceId, severityNumber: 17 }),
        source.logRecord({ body: '{"c":"100% quick_"}', eventName: 'login' }),
        source.logRecord({ body: '"d"', resource: resource('billing'), attributes: '{"user.id":"u1"}' }),
      ];
      for (const [at, record] of records.entries()) await session.writeOne({ logRecords: [record] }, at % 2);
      const cases: [object, string][] = [
        [{}, 'dcba'],
        [{ traceId }, 'ba'],
        [{ traceId, spanId }, 'a'],
        [{ traceId, minSeverityNumber: 10 }, 'b'],
        [{ minSeverityNumber: 17 }, 'b'],
        [{ eventName: 'login' }, 'c'],
        [{ bodyContains: 'quick' }, 'ca'],
        [{ bodyContains: '100%' }, 'c'],
        [{ bodyContains: 'k_' }, 'c'],
        [{ bodyContains: '%' }, 'c'],
        [{ service: 'billing' }, 'd'],
        [{ attributes: [{ key: 'user.id', value: 'u1' }] }, 'd'],
        [{ attributes: [{ key: 'service.name', value: 'billing' }] }, 'd'],
        [{ fromUnixNano: records[1]!.timeUnixNano, toUnixNano: records[3]!.timeUnixNano }, 'cb'],
      ];
      for (const [query, letters] of cases) {
        const page = await list(session, query);
        const found = page.items.map((item) => /[abcd]/.exec(item.body)![0]).join('');
        expect([query, found, page.total, page.totalRelation]).toEqual([query, letters, letters.length, 'eq']);
        const paged = await pages((after) => list(session, following({ ...query, limit: 1 }, after)));
        expect([query, paged.map((item) => /[abcd]/.exec(item.body)![0]).join('')]).toEqual([query, letters]);
      }
    });

    test('records of the same nanosecond are lost or repeated between pages', async () => {
      const session = await open({ blockMaxSpans: 5 });
      const source = recordSource(73);
      const records = Array.from({ length: 17 }, (_, at) =>
        source.logRecord({ timeUnixNano: BASE_TIME_UNIX_NANO, body: `${at}` }),
      );
      for (const [at, record] of records.entries()) await session.writeOne({ logRecords: [record] }, at % 2);
      const listed = await pages(
        (after) => list(session, following({ limit: 4 }, after)),
        () => session.writeOne({ logRecords: [source.logRecord({ timeUnixNano: BASE_TIME_UNIX_NANO + 1n })] }),
      );
      const bodies = listed.map((item) => Number(item.body)).sort((a, b) => a - b);
      expect(bodies).toEqual(records.map((_, at) => at));
      expect((await list(session, { limit: 3, offset: 2 })).items).toEqual((await list(session)).items.slice(2, 5));
    });
  });
}
