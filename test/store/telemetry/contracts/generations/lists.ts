/** Generations are listed, filtered and paged. */
import { describe, expect, test } from 'vitest';
import type { Generation } from '../../../../../src/model/generation.js';
import type { GenerationQuery } from '../../../../../src/store/telemetry/generations.js';
import { cost, generationLog, generationSpan, identity } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../../helpers/records.js';
import { pages } from '../../pages.js';
import type { OpenSession } from '../../session.js';
import type { MakeStoreOptions } from '../../store-under-test.js';
import { type GenerationSession, idOf, ids, MINUTE } from './session.js';

const MS = 1_000_000n;

export function generationListContract(open: OpenSession<GenerationSession>): void {
  describe('lists', () => {
    async function filled(options?: MakeStoreOptions) {
      const session = await open(options);
      const source = recordSource(5);
      const of: Partial<Generation>[] = [
        { requestModel: 'a', responseModel: 'a-1', provider: 'p', promptName: 'x', promptVersion: '1' },
        { requestModel: 'b', responseModel: 'a', environment: 'prod', isError: true, cost: cost(5n) },
        { kind: 'tool', countable: false, usage: {}, cost: undefined, sessionId: 's', userId: 'u' },
        { cost: undefined, usage: { input: 3 } },
        { usage: { input: 500, output: 500 }, durationNano: 9n },
        identity({ sessionId: 't' }),
      ];
      const spans = of.map((generation) => generationSpan(source, generation));
      for (const span of spans) await session.writeOne({ spans: [span] });
      return { session, spans };
    }

    test.each<[string, Partial<GenerationQuery>, number[]]>([
      ['nothing', {}, [0, 1, 2, 3, 4]],
      ['kind', { kinds: ['tool', 'span'] }, [2]],
      ['model', { model: 'a' }, [0, 1]],
      ['provider', { provider: 'p' }, [0]],
      ['prompt', { promptName: 'x', promptVersion: '1' }, [0]],
      ['session', { sessionId: 's' }, [2]],
      ['user', { userId: 'u' }, [2]],
      ['nobody', { userId: 'nobody' }, []],
      ['environment', { environment: 'prod' }, [1]],
      ['error', { isError: true }, [1]],
      ['unpriced', { isPriced: false }, [3]],
      ['priced', { isPriced: true }, [0, 1, 4]],
      ['not counted', { counted: false }, [2]],
      ['cost', { minPicodollars: 5n, maxPicodollars: 5n }, [1]],
      ['a cost of no row', { minPicodollars: 2n ** 80n }, []],
      ['tokens', { minTokens: 1000, maxTokens: 1000 }, [4]],
      ['duration', { minDurationNano: 9n, maxDurationNano: 9n }, [4]],
    ])('the filter by %s finds others', async (_, query, expected) => {
      const { session, spans } = await filled();
      const page = await session.reader.listGenerations({ workspace: 'default', limit: 100, ...query });
      expect(ids(page.items)).toEqual(expected.toReversed().map((at) => idOf(spans[at]!)));
      expect(page).toMatchObject({ total: expected.length, totalRelation: 'eq' });
      expect(ids(await session.list({ order: 'asc', ...query }))).toEqual(expected.map((at) => idOf(spans[at]!)));
    });

    test('the filter by trace or time finds others', async () => {
      const { session, spans } = await filled();
      expect(ids(await session.list({ traceId: spans[1]!.traceId }))).toEqual([idOf(spans[1]!)]);
      const range = { fromUnixNano: spans[1]!.startTimeUnixNano, toUnixNano: spans[3]!.startTimeUnixNano };
      expect(ids(await session.list(range))).toEqual([idOf(spans[2]!), idOf(spans[1]!)]);
    });

    test('pages repeat a row, or leave one out, while rows come in', async () => {
      const session = await open({ blockMaxSpans: 20 });
      const source = recordSource(6);
      const spans = Array.from({ length: 60 }, () =>
        generationSpan(source, {}, { startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(source.id(8)[0]!) * MS }),
      );
      for (let at = 0; at < 60; at += 5) await session.writeOne({ spans: spans.slice(at, at + 5) });
      const later = () =>
        session.writeOne({
          spans: [generationSpan(source, {}, { startTimeUnixNano: BASE_TIME_UNIX_NANO + MINUTE })],
        });
      for (const order of ['asc', 'desc'] as const) {
        const listed = await pages(
          (after) =>
            session.reader.listGenerations({
              workspace: 'default',
              limit: 7,
              order,
              toUnixNano: BASE_TIME_UNIX_NANO + MINUTE,
              ...(after && { after }),
            }),
          later,
        );
        const times = listed.map(({ startTimeUnixNano }) => startTimeUnixNano);
        expect(times).toEqual(times.toSorted((a, b) => Number(a - b) * (order === 'asc' ? 1 : -1)));
        expect(ids(listed).sort()).toEqual(spans.map(idOf).sort());
      }
    });

    test('another workspace sees a generation', async () => {
      const { session } = await filled();
      expect(await session.list({ workspace: 'other' })).toEqual([]);
      expect(await session.usage({ workspace: 'other' })).toEqual([]);
      expect((await session.reader.listSessions({ workspace: 'other', limit: 10 })).items).toEqual([]);
      expect(await session.reader.getSession('other', 's')).toBeUndefined();
      expect(await session.reader.getUser('other', 'u')).toBeUndefined();
    });
  });

  test('a native log that names its run, and no trace, is not found by it, or one of another run is', async () => {
    const session = await open({ blockMaxSpans: 2 });
    const source = recordSource(37);
    const [call, other] = [generationSpan(source), generationSpan(source)];
    const { traceId } = call;
    const id = 'cd'.repeat(16);
    const logs = [{ runId: id }, { runId: 'ef'.repeat(16) }, {}].map((of) =>
      generationLog(source, of, { traceId: undefined, spanId: undefined }),
    );
    await session.writeOne({ spans: [call, other] });
    await session.writeOne({ logRecords: logs });
    await session.writeOne({ workspace: 'other', logRecords: logs.slice(0, 1) });
    const found = async (query: Partial<GenerationQuery>) =>
      (await session.list({ ...query, order: 'asc' })).map(({ source: by, runId }) => `${by} ${runId}`);
    expect((await found({ run: { id, traceId } })).toSorted()).toEqual([`log ${id}`, 'span ']);
    expect(await found({ run: { id, traceId: undefined } })).toEqual([`log ${id}`]);
    expect(await found({ run: { id, traceId }, traceId })).toEqual(['span ']);
    expect(await found({ run: { id, traceId }, model: 'nobody' })).toEqual([]);
    expect(await found({ run: { id: '12'.repeat(16), traceId: undefined } })).toEqual([]);
  });
}
