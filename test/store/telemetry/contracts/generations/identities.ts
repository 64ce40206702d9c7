/** A generation takes the session and the user that its trace names, whichever comes first. */
import { describe, expect, test } from 'vitest';
import type { Generation } from '../../../../../src/model/generation.js';
import type { Span } from '../../../../../src/model/telemetry.js';
import { generationLog, generationSpan, identity } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import { pages } from '../../pages.js';
import { hex } from '../../record-comparison.js';
import type { OpenSession } from '../../session.js';
import { type GenerationSession, idOf, ids, LATE, REVISES } from './session.js';
import { expectSumsOfRows } from './sums-of-rows.js';

export function identityContract(open: OpenSession<GenerationSession>): void {
  describe('session and user of the trace', () => {
    const parts = (source: ReturnType<typeof recordSource>) => {
      const root = generationSpan(source, identity({ sessionId: 's', userId: 'u' }));
      const { traceId, spanId: parentSpanId } = root;
      const call = generationSpan(source, {}, { traceId, parentSpanId });
      const own = generationSpan(source, { sessionId: 'own' }, { traceId, parentSpanId });
      return [root, call, own];
    };

    test.each([
      [[[0], [1], [2]]],
      [[[0, 1, 2]]],
      [[[2, 1, 0]]],
      [[[1], [2], [0]]],
      [[[1, 2], [0]]],
      [[[2], [0], [1]]],
      [[[1], [0, 2]]],
    ])('a generation misses the session of its root when they come as %j', async (batches) => {
      const session = await open();
      const spans = parts(recordSource(15));
      for (const batch of batches) await session.writeOne({ spans: batch.map((at) => spans[at]!) });
      const [, call, own] = spans as [Span, Span, Span];
      const found = new Map((await session.list()).map((row) => [hex(row.spanId!), row]));
      expect(found.get(idOf(call))).toMatchObject({ userId: 'u' });
      expect(found.get(idOf(own))).toMatchObject({ sessionId: 'own', userId: 'u' });
      await expectSumsOfRows(session);
      expect(found.get(idOf(call))).toMatchObject({ sessionId: 's' });
    });

    test('a trace that calls no model leaves a session or a user, for every request that names its user', async () => {
      const session = await open();
      const source = recordSource(17);
      const spans = Array.from({ length: 3 }, () => generationSpan(source, identity({ sessionId: 's', userId: 'u' })));
      await session.writeOne({ spans });
      expect(await session.list({ kinds: ['span'] })).toEqual([]);
      expect((await session.reader.listSessions({ workspace: 'default', limit: 5 })).items).toEqual([]);
      expect((await session.reader.listUsers({ workspace: 'default', limit: 5 })).items).toEqual([]);
      await session.writeOne({ spans: [generationSpan(source, {}, { traceId: spans[1]!.traceId })] });
      expect(await session.list({ sessionId: 's', userId: 'u' })).toHaveLength(1);
      await expectSumsOfRows(session);
    });

    /** Of what says only whose the trace is: made, revised, then a call comes; and what that call's session is. */
    test.each([
      ['of a root', [''], 0, { sessionId: 'new' }, 'new'],
      ['of a root to nothing', [''], 0, undefined, ''],
      ['of the first of several spans', ['p', 'q', 'r'], 0, { sessionId: 'new' }, 'new'],
      ['of the last of several spans', ['p', 'q', 'r'], 2, { sessionId: 'new' }, 's0'],
      ['of a child beside its root', ['', 'p'], 1, { sessionId: 'new' }, 's0'],
    ] as const)('a revision %s is lost in a trace that calls no model yet', async (_, parents, at, of, expected) => {
      const session = await open();
      const source = recordSource(30);
      const traceId = source.id(16);
      const spans = parents.map((parent, place) => {
        const parentSpanId = parent === '' ? undefined : source.id(8);
        const startTimeUnixNano = BASE_TIME_UNIX_NANO + BigInt(place);
        return generationSpan(source, identity({ sessionId: `s${place}` }), {
          traceId,
          parentSpanId,
          startTimeUnixNano,
        });
      });
      await session.writeOne({ spans });
      const revised = { ...spans[at]!, ...generationSpan(source, identity(of ?? {}), spans[at]!) };
      if (!of) revised.generation = undefined;
      await session.writeOne({ spans: [revised], native: REVISES });
      const call = generationSpan(source, {}, { traceId, parentSpanId: source.id(8) });
      await session.writeOne({ spans: [call] });
      expect(await session.list({ traceId })).toMatchObject([{ sessionId: expected }]);
    });

    test.each([
      ['another session', { sessionId: 'new' }, 'new'],
      ['none', {}, ''],
    ])(
      'the call that says whose its trace is, revised to %s, leaves the other calls with the old one',
      async (_, of, expected) => {
        const session = await open();
        const source = recordSource(31);
        const [traceId, parentSpanId] = [source.id(16), source.id(8)];
        const teller = generationSpan(source, { sessionId: 'old' }, { traceId, parentSpanId });
        const call = generationSpan(source, {}, { traceId, parentSpanId });
        await session.writeOne({ spans: [teller] });
        await session.writeOne({ spans: [call] });
        await session.writeOne({ spans: [generationSpan(source, of, teller)], native: REVISES });
        await session.writeOne({ spans: [generationSpan(source, {}, { traceId, parentSpanId })] });
        expect((await session.list({ traceId })).map(({ sessionId }) => sessionId)).toEqual([
          expected,
          expected,
          expected,
        ]);
        await expectSumsOfRows(session);
      },
    );

    test('a deleted trace leaves its session to the calls that come after', async () => {
      const session = await open();
      const source = recordSource(32);
      const root = generationSpan(source, identity({ sessionId: 's', userId: 'u' }));
      await session.writeOne({ spans: [root] });
      const { traceId } = root;
      const deletion = { workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
      await (await session.target.writer()).deleteTraces([deletion]);
      await session.writeOne({ spans: [generationSpan(source, {}, { traceId, parentSpanId: source.id(8) })] });
      expect(await session.list({ traceId })).toMatchObject([{ sessionId: '', userId: '' }]);
    });

    test.each([
      ['calls no model', []],
      ['has a call', [{}]],
    ])('a trace that %s, which another writer deletes, leaves its session behind', async (_, calls) => {
      const session = await open();
      const source = recordSource(34);
      const root = generationSpan(source, identity({ sessionId: 's', userId: 'u' }));
      const { traceId, spanId: parentSpanId } = root;
      const call = (of: Partial<Generation>) => generationSpan(source, of, { traceId, parentSpanId });
      await session.writeOne({ spans: [root, ...calls.map(call)] }, 1);
      const deletion = { workspace: 'default', traceId, receivedUntilUnixMs: LATE };
      await (await session.target.writer()).deleteTraces([deletion]);
      await (await session.target.writer(1)).forgetTraces([deletion]);
      await session.writeOne({ spans: [call({})] }, 1);
      expect(await session.list({ traceId })).toMatchObject([{ sessionId: '', userId: '' }]);
      await expectSumsOfRows(session);
    });

    test('calls that came before the session of their root are not found by it', async () => {
      const session = await open();
      const source = recordSource(16);
      const [root, call] = parts(source) as [Span, Span];
      const log = generationLog(source, {}, { traceId: root.traceId });
      await session.writeOne({ spans: [call] });
      await session.writeOne({ logRecords: [log] });
      expect(await session.reader.getSession('default', 's')).toBeUndefined();
      await session.writeOne({ spans: [root] });
      expect(await session.list({ sessionId: 's' })).toHaveLength(2);
      expect(await session.reader.getSession('default', 's')).toMatchObject({
        requests: 2,
        traces: 1,
        userIds: ['u'],
      });
      expect(await session.requests({ filters: { session: 's' } })).toBe(2);
      expect(await session.requests({ filters: { session: '' } })).toBe(0);
      await expectSumsOfRows(session);
    });

    /** Of each batch its writer, and the places of its spans: on SQLite each is another block. */
    test.each([
      ['the root last', '0:12 0:0'],
      ['the root last, from another writer', '0:12 1:0'],
      ['the root first', '0:02 0:1'],
      ['the root first, from another writer', '0:02 1:1'],
      ['the root between two writers', '0:1 1:0 0:2'],
    ])('the session of a trace misses a call in another block: %s', async (_, batches) => {
      const session = await open({ blockMaxSpans: 1 });
      const source = recordSource(35);
      const spans = parts(source);
      const [root, call, own] = spans as [Span, Span, Span];
      for (const batch of batches.split(' ')) {
        const [writer, ...places] = batch.replace(':', '');
        await session.writeOne({ spans: places.map((at) => spans[Number(at)]!) }, Number(writer));
      }
      await session.writeOne({ logRecords: [generationLog(source, {}, { traceId: root.traceId })] });
      const found = new Map((await session.list()).map((row) => [row.name, row]));
      expect(found.get(call.name)).toMatchObject({ sessionId: 's', userId: 'u' });
      expect(found.get(own.name)).toMatchObject({ sessionId: 'own', userId: 'u' });
      expect(found.get('')).toMatchObject({ source: 'log', sessionId: 's', userId: 'u' });
      await expectSumsOfRows(session);
    });

    test('the first session of a trace, told by a call, outlives that of its root in a call of another block', async () => {
      const session = await open({ blockMaxSpans: 1 });
      const source = recordSource(36);
      const root = generationSpan(source, { sessionId: 's' });
      const child = { traceId: root.traceId, parentSpanId: root.spanId };
      const teller = generationSpan(source, { sessionId: 'told' }, child);
      const calls = Array.from({ length: 3 }, () => generationSpan(source, {}, child));
      const log = generationLog(source, {}, { traceId: root.traceId });
      await session.writeOne({ logRecords: [log] });
      await session.writeOne({ spans: [teller, calls[0]!] });
      expect(await session.list({ sessionId: 'told' })).toHaveLength(3);
      await session.writeOne({ spans: [root] }, 1);
      await session.writeOne({ spans: [calls[1]!] });
      await session.writeOne({ spans: [calls[2]!] }, 1);
      expect(ids(await session.list({ sessionId: 'told' }))).toEqual([idOf(teller)]);
      expect(await session.list({ sessionId: 's' })).toHaveLength(5);
      await expectSumsOfRows(session);
    });

    test('a session that goes on over several blocks is listed twice, or with part of its sums', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(17);
      const of = (at: number) => ({ sessionId: `s${at % 3}`, userId: `u${at % 2}` });
      for (let at = 0; at < 24; at++) await session.writeOne({ spans: [generationSpan(source, of(at))] });
      await expectSumsOfRows(session);
      const list = (query: object) => session.reader.listSessions({ workspace: 'default', limit: 10, ...query });
      const { items, total } = await list({});
      expect(items.map(({ id }) => id)).toEqual(['s2', 's1', 's0']);
      expect(total).toBe(3);
      expect((await list({ userId: 'u1' })).items).toHaveLength(3);
      expect((await list({ userId: 'u9' })).items).toHaveLength(0);
      const paged = await pages((after) => list({ limit: 1, ...(after && { after }) }) as ReturnType<typeof list>);
      expect(paged.map(({ id }) => id)).toEqual(['s2', 's1', 's0']);
      const [latest] = items;
      const range = { fromUnixNano: latest!.lastTimeUnixNano, toUnixNano: latest!.lastTimeUnixNano + 1n };
      expect((await list(range)).items.map(({ id }) => id)).toEqual(['s2']);
      const users = await session.reader.listUsers({ workspace: 'default', limit: 10 });
      expect(users.items.map(({ id, sessions }) => [id, sessions])).toEqual([
        ['u1', 3],
        ['u0', 3],
      ]);
    });

    test('the sessions of a user with few of them take many pages, or stand where they were when it took part', async () => {
      // A budget of nothing: a list of all sessions would end each page at its first step.
      const session = await open({ blockMaxSpans: 16, pageBudgetMs: 0 });
      const source = recordSource(31);
      const userOf = (at: number) => (at % 20 === 3 ? 'rare' : 'other');
      const spans = Array.from({ length: 60 }, (_, at) =>
        generationSpan(source, { sessionId: `s${at}`, userId: userOf(at) }),
      );
      for (let at = 0; at < 60; at += 10) await session.writeOne({ spans: spans.slice(at, at + 10) });
      await session.writeOne({ spans: [generationSpan(source, { sessionId: 's3' })] });
      const of = (query: object) =>
        session.reader.listSessions({ workspace: 'default', limit: 2, userId: 'rare', ...query });
      const first = await of({});
      expect(first).toMatchObject({ items: [{ id: 's3' }, { id: 's43' }], total: 3, totalRelation: 'eq' });
      const second = await of({ after: first.next });
      expect(second.items.map(({ id }) => id)).toEqual(['s23']);
      expect(second.next).toBeUndefined();
      expect((await of({ offset: 1 })).items.map(({ id }) => id)).toEqual(['s43', 's23']);
      const before = await of({ toUnixNano: first.items[0]!.lastTimeUnixNano });
      expect(before).toMatchObject({ items: [{ id: 's43' }, { id: 's23' }], total: 2 });
      expect(await of({ userId: 'nobody' })).toMatchObject({ items: [], total: 0, totalRelation: 'eq' });
      expect(await of({ workspace: 'another' })).toMatchObject({ items: [], total: 0, totalRelation: 'eq' });
    });
  });
}
