/** Both engines give the same answers to the same questions, the odd ones too. What they write is the contract's. */
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Generation } from '../../../src/model/generation.js';
import type { Page } from '../../../src/store/page.js';
import type {
  Dimension,
  GenerationQuery,
  StoredGeneration,
  UsageQuery,
} from '../../../src/store/telemetry/generations.js';
import { cost, generationLog, generationSpan } from '../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, randomSource, recordSource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { BASE_MS, GenerationSession, MINUTE } from './contracts/generations/session.js';
import { pages } from './pages.js';
import { makePostgresStore } from './postgres-database.js';
import { hex } from './record-comparison.js';
import { openSqliteStore } from './sqlite-files.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const DAY_MS = 86_400_000;

type Pick = <Item>(items: readonly Item[]) => Item;

/** Some of the members, and odd values among them. */
function someOf<Value extends object>(pick: Pick, members: { [name in keyof Value]: readonly Value[name][] }) {
  const entries = Object.entries(members).filter(() => pick([true, false, false, false, false]));
  return Object.fromEntries(entries.map(([name, values]) => [name, pick(values as unknown[])])) as Partial<Value>;
}

async function writeCalls(session: GenerationSession, seed: number): Promise<void> {
  const random = randomSource(seed);
  const source = recordSource(seed);
  const pick: Pick = (items) => items[random() % items.length]!;
  const call = (): Partial<Generation> => ({
    kind: pick(['llm', 'llm', 'embedding', 'reranker', 'tool', 'span']),
    provider: pick(['openai', 'anthropic']),
    responseModel: pick(['', 'm1', 'm2']),
    usage: pick([{}, { input: random() % 1000, output: random() % 100 }, { output: Number.MAX_SAFE_INTEGER }]),
    cost: pick([undefined, cost(BigInt(random())), cost(2n ** 71n)]),
    countable: pick([true, true, false]),
    sessionId: pick(['', 's1', 's2', 's3', LONG, 'S1']),
    userId: pick(['', 'u1', 'u2', "u'"]),
    promptName: pick(['', 'greet']),
    promptVersion: pick(['', '1', '2']),
    environment: pick(['', 'prod']),
    isError: pick([true, false, false]),
    searchText: pick(['pump manual', "it's", 'AND OR', '']),
    durationNano: BigInt(random()) * BigInt(1 + (random() % 100)),
  });
  const startTime = () => pick([BASE_TIME_UNIX_NANO + BigInt(random() % 4000) * MINUTE, BASE_TIME_UNIX_NANO]);
  for (let batch = 0; batch < 12; batch++) {
    const spans = Array.from({ length: 12 }, () => generationSpan(source, call(), { startTimeUnixNano: startTime() }));
    const log = generationLog(
      source,
      { ...call(), kind: 'llm' },
      { timeUnixNano: BASE_TIME_UNIX_NANO + BigInt(batch) * MINUTE + 1n },
    );
    await session.writeOne({ workspace: pick(['default', 'default', 'other']), spans, logRecords: [log] }, batch % 2);
  }
}

/** Postgres cuts what is longer. */
const LONG = 'x'.repeat(256);

function generationQuery(pick: Pick, known: readonly StoredGeneration[]): Omit<GenerationQuery, 'limit'> {
  const some = someOf<Omit<GenerationQuery, 'limit' | 'workspace'>>(pick, {
    order: ['asc', 'desc'],
    fromUnixNano: [0n, BASE_TIME_UNIX_NANO + 700n * MINUTE, 2n ** 63n, 2n ** 64n - 1n],
    toUnixNano: [0n, BASE_TIME_UNIX_NANO + 2000n * MINUTE, 2n ** 63n, 2n ** 64n - 1n],
    kinds: [['llm'], ['tool', 'agent'], ['span'], ['span', 'llm']],
    model: ['m1', 'gpt-4o', 'nothing', LONG, 'm\u00001', '\ud800'],
    provider: ['openai', 'nobody', 'Openai'],
    promptName: ['greet', 'other'],
    promptVersion: ['1', '2', '3'],
    sessionId: ['s1', 's2', 'nothing', LONG],
    userId: ['u1', 'u2', 'nobody', "u'"],
    environment: ['prod', 'test'],
    traceId: known.map(({ traceId }) => traceId ?? new Uint8Array(16)),
    run: known.map(({ traceId }) => ({ id: 'ab'.repeat(16), traceId })),
    isError: [true, false],
    isPriced: [true, false],
    counted: [true, false],
    minPicodollars: [0n, 10n ** 9n, 2n ** 70n, -1n],
    maxPicodollars: [0n, 10n ** 9n, 2n ** 70n],
    minTokens: [0, 500, Number.MAX_SAFE_INTEGER],
    maxTokens: [0, 500, Number.MAX_SAFE_INTEGER],
    minDurationNano: [0n, 10n ** 10n, 2n ** 63n - 1n],
    maxDurationNano: [0n, 10n ** 10n, 2n ** 63n - 1n],
    text: ['pump', 'manual PUMP', 'nothing', '""', '***', 'AND OR', '  ', "it's", 'NEAR(a b)'],
  });
  return { workspace: pick(['default', 'default', 'other', 'third']), ...some };
}

/** Rows of one time stand in an order that is the engine's own. */
function listed(items: readonly StoredGeneration[]): unknown {
  const named = items.map((item) => {
    const { traceId, spanId, receivedTimeUnixMs, ...rest } = item;
    return { ...rest, traceId: traceId && hex(traceId), spanId: spanId && hex(spanId) };
  });
  return Object.fromEntries(named.map((item) => [`${item.startTimeUnixNano} ${item.spanId}`, item]));
}

describe.skipIf(!server)('SQLite and Postgres', () => {
  async function sessions(seed: number): Promise<[GenerationSession, GenerationSession]> {
    const postgres = await makePostgresStore(server!);
    onTestFinished(() => postgres.dispose());
    const sqlite = await openSqliteStore({ blockMaxSpans: 60 });
    const both = [new GenerationSession(sqlite), new GenerationSession(postgres)] as const;
    for (const session of both) await writeCalls(session, seed);
    return [...both];
  }

  async function expectSame(
    both: readonly GenerationSession[],
    question: unknown,
    ask: (of: GenerationSession) => unknown,
  ) {
    const answers = await Promise.all(both.map(async (session) => ({ question, answer: await ask(session) })));
    expect(answers[1]).toEqual(answers[0]);
  }

  it.each([201])('answer a question with other rows, pages, totals or sums (seed %i)', async (seed) => {
    const both = await sessions(seed);
    const random = randomSource(seed);
    const pick: Pick = (items) => items[random() % items.length]!;
    const known = await both[0].list();
    for (let at = 0; at < 40; at++) {
      const query = generationQuery(pick, known);
      await expectSame(both, query, async ({ reader }) =>
        listed((await reader.listGenerations({ ...query, limit: 500 })).items),
      );
      await expectSame(both, query, async ({ reader }) => {
        const { items, total, totalRelation, next } = await reader.listGenerations({ ...query, limit: 5, offset: 3 });
        return {
          found: items.length,
          times: items.map(({ startTimeUnixNano }) => startTimeUnixNano),
          total,
          totalRelation,
          ends: next === undefined,
        };
      });
      await expectSame(both, query, async ({ reader }) =>
        listed(await pages((after) => reader.listGenerations({ ...query, limit: 3, ...(after && { after }) }))),
      );
    }
    for (let at = 0; at < 8; at++) {
      const query = {
        workspace: pick(['default', 'other', 'third']),
        ...someOf<{ fromUnixNano: bigint; toUnixNano: bigint; userId: string }>(pick, {
          fromUnixNano: [0n, BASE_TIME_UNIX_NANO + 2000n * MINUTE, 2n ** 63n],
          toUnixNano: [0n, BASE_TIME_UNIX_NANO + 3500n * MINUTE, 2n ** 64n - 1n],
          userId: ['u1', 'u2', 'nobody', '', LONG],
        }),
      };
      const { userId, ...ofUsers } = query;
      for (const limit of [1, 2, 100]) {
        await expectSame(both, { query, limit }, ({ reader }) =>
          reader.listSessions({ ...query, limit }).then(withoutNext),
        );
        await expectSame(both, { ofUsers, limit }, ({ reader }) =>
          reader.listUsers({ ...ofUsers, limit }).then(withoutNext),
        );
        await expectSame(both, { query, limit }, ({ reader }) =>
          pages((after) => reader.listSessions({ ...query, limit, ...(after && { after }) })),
        );
      }
    }
    for (let at = 0; at < 40; at++) {
      const query = usageQuery(pick);
      await expectSame(both, query, ({ reader }) => reader.readUsage(query));
    }
  });
});

function withoutNext<Item>({ next, ...page }: Page<Item>): unknown {
  return { ...page, ends: next === undefined };
}

function usageQuery(pick: Pick): UsageQuery {
  const set = pick<readonly Dimension[]>([
    ['model', 'provider', 'prompt', 'version', 'environment'],
    ['user'],
    ['session'],
  ]);
  const values: { [name in Dimension]: string[] } = {
    ...{
      model: ['m1', ''],
      provider: ['openai', 'none'],
      prompt: ['greet', ''],
      version: ['1', ''],
      environment: ['prod', ''],
    },
    ...{ user: ['u1', '', 'nobody'], session: ['s1', '', LONG] },
  };
  const filtered = set.filter(() => pick([true, false, false, false]));
  const grain = pick(['minute', 'hour', 'day'] as const);
  const from = Math.floor((BASE_MS + pick([-1, 0, 0.3, 1, 2]) * DAY_MS) / DAY_MS) * DAY_MS;
  const shift = { minute: 61_000 * 60 - 60_000, hour: 3_600_000 * 5, day: 0 }[grain];
  return {
    workspace: pick(['default', 'default', 'other', 'third']),
    fromUnixMs: from + pick([0, shift]),
    toUnixMs: from + pick([1, 2, 5]) * DAY_MS + pick([0, shift]),
    grain,
    series: pick([true, false]),
    groupBy: set.filter(() => pick([true, false])),
    filters: Object.fromEntries(filtered.map((name) => [name, pick(values[name])])),
    ...(pick([true, false]) && { limit: pick([1, 5, 100]) }),
  };
}
