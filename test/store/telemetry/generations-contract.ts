/** What every engine must do with generations: lists, sessions, users, and sums that never disagree with the rows. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Cost, type Generation, modelOf, TOKEN_TYPES } from '../../../src/model/generation.js';
import type { Span } from '../../../src/model/telemetry.js';
import {
  type Dimension,
  type GenerationQuery,
  type GenerationReader,
  GRAINS,
  type StoredGeneration,
  type UsageQuery,
  type UsageRow,
} from '../../../src/store/telemetry/generations.js';
import type { TelemetryStore } from '../../../src/store/telemetry/telemetry.js';
import { cost, generationLog, generationSpan, identity } from '../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, randomSource, recordSource, resource, scope } from '../../helpers/records.js';
import { hex, type MakeStore, type MakeStoreOptions, pages, Session, type StoreUnderTest } from './contract.js';

const MS = 1_000_000n;
const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const BASE_MS = Number(BASE_TIME_UNIX_NANO / MS);
const DAY_MS = 86_400_000;
const LATE = Number.MAX_SAFE_INTEGER;

type Store = TelemetryStore & GenerationReader;

/** A session whose store reads generations. */
class GenerationSession extends Session {
  get reader(): GenerationReader {
    return this.target.store as Store;
  }

  async list(query: Partial<GenerationQuery> = {}): Promise<StoredGeneration[]> {
    return (await this.reader.listGenerations({ workspace: 'default', limit: 1000, ...query })).items;
  }

  async usage(query: Partial<UsageQuery> = {}): Promise<UsageRow[]> {
    return this.reader.readUsage({
      workspace: 'default',
      fromUnixMs: BASE_MS - DAY_MS,
      toUnixMs: BASE_MS + 10 * DAY_MS,
      grain: 'day',
      series: false,
      groupBy: [],
      filters: {},
      ...query,
    });
  }

  async requests(query: Partial<UsageQuery> = {}): Promise<number> {
    return (await this.usage(query)).reduce((sum, row) => sum + row.requests, 0);
  }
}

interface Expected {
  requests: number;
  errors: number;
  unpriced: number;
  usage: Record<string, number>;
  picodollars: bigint;
  durationNanoSum: bigint;
  durations: number[];
}

const VALUE_OF: Record<Dimension, (generation: StoredGeneration) => string> = {
  model: (generation) => modelOf(generation),
  provider: ({ provider }) => provider,
  prompt: ({ promptName }) => promptName,
  version: ({ promptVersion }) => promptVersion,
  environment: ({ environment }) => environment,
  user: ({ userId }) => userId,
  session: ({ sessionId }) => sessionId,
};

/** From the rows themselves, without any of the code that keeps sums. */
function recount(rows: readonly StoredGeneration[], groupBy: readonly Dimension[], grainS: number | undefined) {
  const groups = new Map<string, Expected>();
  for (const row of rows.filter(({ counted }) => counted)) {
    const second = Number(row.startTimeUnixNano / SECOND);
    const time = grainS === undefined ? undefined : Math.floor(second / grainS) * grainS * 1000;
    const name = JSON.stringify([time ?? null, groupBy.map((dimension) => VALUE_OF[dimension](row))]);
    const group = groups.get(name) ?? {
      requests: 0,
      errors: 0,
      unpriced: 0,
      usage: Object.fromEntries(TOKEN_TYPES.map((type) => [type, 0])),
      picodollars: 0n,
      durationNanoSum: 0n,
      durations: [],
    };
    groups.set(name, group);
    group.requests++;
    if (row.isError) group.errors++;
    if (row.cost === undefined && TOKEN_TYPES.some((type) => (row.usage[type] ?? 0) > 0)) group.unpriced++;
    for (const type of TOKEN_TYPES) group.usage[type]! += row.usage[type] ?? 0;
    group.picodollars += row.cost?.picodollars ?? 0n;
    group.durationNanoSum += row.durationNano;
    group.durations.push(Number(row.durationNano));
  }
  return groups;
}

function expectUsage(found: readonly UsageRow[], groupBy: readonly Dimension[], expected: Map<string, Expected>): void {
  const names = found.map(({ timeUnixMs, group }) =>
    JSON.stringify([timeUnixMs ?? null, groupBy.map((dimension) => group[dimension])]),
  );
  expect(names.toSorted()).toEqual([...expected.keys()].sort());
  for (const [at, row] of found.entries()) {
    const { durations, ...sums } = expected.get(names[at]!)!;
    expect(row).toMatchObject(sums);
    durations.sort((a, b) => a - b);
    for (const [value, quantile] of [
      [row.p50DurationNano, 0.5],
      [row.p95DurationNano, 0.95],
      [row.p99DurationNano, 0.99],
    ] as const) {
      const exact = durations[Math.floor(quantile * (durations.length - 1))]!;
      expect(Math.abs(value! - exact)).toBeLessThanOrEqual(exact * 0.0101);
    }
  }
}

const GROUPINGS: readonly (readonly Dimension[])[] = [
  [],
  ['model'],
  ['provider', 'environment'],
  ['prompt', 'version', 'model'],
  ['user'],
  ['session'],
];

/** Every grain and grouping, and the sums of each session and user, against the rows. */
async function expectSumsOfRows(session: GenerationSession, workspace = 'default'): Promise<void> {
  const rows = await session.list({ workspace });
  for (const groupBy of GROUPINGS) {
    expectUsage(await session.usage({ workspace, groupBy }), groupBy, recount(rows, groupBy, undefined));
    for (const [grain, seconds] of Object.entries(GRAINS)) {
      const found = await session.usage({ workspace, groupBy, grain: grain as UsageQuery['grain'], series: true });
      expectUsage(found, groupBy, recount(rows, groupBy, seconds));
    }
  }
  await expectSessionsOfRows(session, workspace, rows);
}

async function expectSessionsOfRows(
  session: GenerationSession,
  workspace: string,
  listed: readonly StoredGeneration[],
) {
  const all = [...listed, ...(await session.list({ workspace, kinds: ['span'] }))];
  const sessions = await session.reader.listSessions({ workspace, limit: 1000 });
  const bySession = groupRows(all, ({ sessionId }) => sessionId);
  bySession.delete('');
  expect(sessions.items.map(({ id }) => id).toSorted()).toEqual([...bySession.keys()].sort());
  for (const summary of sessions.items) {
    const rows = bySession.get(summary.id)!;
    expect(summary).toMatchObject(summaryOf(rows));
    const users = [...new Set(rows.map(({ userId }) => userId).filter((id) => id !== ''))];
    expect(summary.userIds).toEqual(users.sort().slice(0, 20));
    const traces = await session.reader.listSessionTraces(workspace, summary.id, 1000);
    expect(traces.toSorted()).toEqual(tracesOf(rows).sort());
  }
  const users = await session.reader.listUsers({ workspace, limit: 1000 });
  const byUser = groupRows(all, ({ userId }) => userId);
  byUser.delete('');
  expect(users.items.map(({ id }) => id).toSorted()).toEqual([...byUser.keys()].sort());
  for (const summary of users.items) {
    const rows = byUser.get(summary.id)!;
    const ids = new Set(rows.map(({ sessionId }) => sessionId).filter((id) => id !== ''));
    expect(summary).toMatchObject({ ...summaryOf(rows), sessions: ids.size });
  }
}

function groupRows(rows: readonly StoredGeneration[], nameOf: (row: StoredGeneration) => string) {
  const groups = new Map<string, StoredGeneration[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  return groups;
}

function tracesOf(rows: readonly StoredGeneration[]): string[] {
  return [...new Set(rows.flatMap(({ traceId }) => (traceId ? [hex(traceId)] : [])))];
}

function summaryOf(rows: readonly StoredGeneration[]) {
  const times = rows.map(({ startTimeUnixNano }) => startTimeUnixNano).sort((a, b) => (a < b ? -1 : 1));
  const [sums] = recount(rows, [], undefined).values();
  return {
    firstTimeUnixNano: times[0],
    lastTimeUnixNano: times.at(-1),
    traces: tracesOf(rows).length,
    requests: sums?.requests ?? 0,
    errors: sums?.errors ?? 0,
    unpriced: sums?.unpriced ?? 0,
    picodollars: sums?.picodollars ?? 0n,
    ...(sums && { usage: sums.usage }),
  };
}

function ids(rows: readonly StoredGeneration[]): string[] {
  return rows.map(({ spanId }) => (spanId ? hex(spanId) : ''));
}

function idOf({ spanId }: Span): string {
  return hex(spanId);
}

const REVISES = { traces: [], revises: true, idempotency: undefined };

export function generationContract(name: string, makeStore: MakeStore): void {
  describe(`generations: ${name}`, () => {
    const opened: StoreUnderTest[] = [];
    const open = async (options?: MakeStoreOptions): Promise<GenerationSession> => {
      const target = await makeStore(options);
      opened.push(target);
      return new GenerationSession(target);
    };
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.dispose();
    });

    describe('rows', () => {
      const full: Partial<Generation> = {
        responseId: 'resp_1',
        serviceTier: 'flex',
        runId: 'ab'.repeat(16),
        billed: { cacheWrite1h: 2, inputImage: 2 ** 53 - 1, outputImage: 1, webSearches: 3 },
        usage: {
          input: 2 ** 53 - 1,
          output: 0,
          cacheRead: 1,
          cacheWrite: 2,
          reasoning: 3,
          inputAudio: 4,
          outputAudio: 5,
        },
        reportedCost: 12_345n,
        finishReasons: ['stop', 'length'],
        timeToFirstTokenNano: 7n,
        streaming: false,
        promptName: 'greet "it"',
        promptVersion: '3',
        promptHash: '0123456789abcdef',
        sessionId: 'session ☂',
        userId: "u'1",
        environment: 'production',
        release: '1.2.3',
        tags: ['a', 'b'],
        agentName: 'agent',
        workflowName: 'flow',
        toolName: 'tool',
        toolCallId: 'call_1',
        isError: true,
        mappingWarnings: ['a count is not a number'],
      };

      test('a generation of a span comes back with another value in some field', async () => {
        const session = await open();
        const span = generationSpan(recordSource(1), full, { name: 'chat', resource: resource('bot') });
        const frame = await session.writeOne({ spans: [span] });
        const { searchText: _, ...rest } = span.generation!;
        const expected = {
          ...rest,
          source: 'span',
          traceId: span.traceId,
          spanId: span.spanId,
          name: 'chat',
          service: 'bot',
          counted: true,
          receivedTimeUnixMs: frame.receivedTimeUnixMs,
        };
        const { traceId, spanId } = span;
        expect(await session.list()).toEqual([expected]);
        expect(await session.reader.getGeneration('default', { traceId, spanId })).toEqual(expected);
        expect(await session.reader.getGeneration('other', { traceId, spanId })).toBeUndefined();
      });

      test('a native log is another row than a span in a list and in sums, or is not found by its time', async () => {
        const session = await open();
        const source = recordSource(2);
        const log = generationLog(source, full, { resource: resource('bot') });
        await session.writeOne({ logRecords: [log] });
        const [found, ...others] = await session.list();
        expect(others).toEqual([]);
        const { searchText: _, ...rest } = log.generation;
        expect(found).toMatchObject({ ...rest, source: 'log', name: '', service: 'bot', counted: true });
        expect(found!.traceId).toBeUndefined();
        const place = { logTimeUnixNano: log.timeUnixNano };
        expect(await session.reader.getGeneration('default', place)).toEqual(found);
        expect(await session.reader.getGeneration('default', { logTimeUnixNano: 5n })).toBeUndefined();
        await expectSumsOfRows(session);
      });

      test('a field that was left out comes back as zero', async () => {
        const session = await open();
        const span = generationSpan(recordSource(3), { usage: {}, cost: undefined, streaming: undefined });
        await session.writeOne({ spans: [span] });
        const [found] = await session.list();
        expect(found).toMatchObject({ usage: {}, finishReasons: ['stop'] });
        expect([found!.cost, found!.streaming, found!.reportedCost]).toEqual([undefined, undefined, undefined]);
        expect((await session.usage())[0]!.unpriced).toBe(0);
      });

      test('a span without a generation has one', async () => {
        const session = await open();
        const span = recordSource(4).span();
        await session.writeOne({ spans: [span] });
        expect(await session.list({ kinds: ['span', 'llm'] })).toEqual([]);
        const { traceId, spanId } = span;
        expect(await session.reader.getGeneration('default', { traceId, spanId })).toBeUndefined();
      });
    });

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

    describe('full text', () => {
      test('words find other generations than those with all of them', async () => {
        const session = await open();
        const source = recordSource(7);
        const texts = ['What is the capital of France?', 'Die Hauptstadt — PARIS, naïve', 'capital letters', ''];
        const spans = texts.map((searchText) => generationSpan(source, { searchText }));
        await session.writeOne({ spans });
        const found = async (text: string) => ids(await session.list({ text, order: 'asc' }));
        expect(await found('capital')).toEqual([idOf(spans[0]!), idOf(spans[2]!)]);
        expect(await found('france CAPITAL')).toEqual([idOf(spans[0]!)]);
        expect(await found('paris')).toEqual([idOf(spans[1]!)]);
        expect(await found('capital nowhere')).toEqual([]);
        expect(await found('"capital" OR* (NEAR) -letters:')).toEqual([]);
        expect(await found("capital' letters\u0000")).toEqual([idOf(spans[2]!)]);
        expect(await found(' ?! ')).toEqual([]);
      });

      test('the words of a log event do not find its span, whichever comes first', async () => {
        const session = await open();
        const source = recordSource(8);
        for (const first of ['span', 'log']) {
          const span = generationSpan(source, { searchText: 'own words' });
          const { traceId, spanId } = span;
          const log = source.logRecord({ traceId, spanId, eventName: 'gen_ai.choice', searchText: `told ${first}` });
          const frames = [{ spans: [span] }, { logRecords: [log] }];
          for (const frame of first === 'span' ? frames : frames.reverse()) await session.writeOne(frame);
          expect(ids(await session.list({ text: first }))).toEqual([idOf(span)]);
          expect(ids(await session.list({ text: `told ${first}`, kinds: ['llm'] }))).toEqual([idOf(span)]);
        }
        expect(await session.list({ text: 'told' })).toHaveLength(2);
        expect(await session.list({ text: 'own' })).toHaveLength(2);
      });

      test('a native log is not found by its words', async () => {
        const session = await open();
        const log = generationLog(recordSource(9), { searchText: 'hello there' });
        await session.writeOne({ logRecords: [log] });
        expect(await session.list({ text: 'there' })).toHaveLength(1);
        expect(await session.list({ text: 'elsewhere' })).toHaveLength(0);
      });
    });

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

    describe('the counted sighting of a call is deleted', () => {
      const remove = async (session: GenerationSession, { traceId }: Span, receivedUntilUnixMs = LATE) => {
        await (await session.target.writer()).deleteTraces([{ workspace: 'default', traceId, receivedUntilUnixMs }]);
      };
      const of = { responseId: 'resp_1', sessionId: 's', userId: 'u' };

      test('none of those that stay counts then, or several do', async () => {
        const session = await open({ blockMaxSpans: 2 });
        const source = recordSource(40);
        const other = { ...of, responseModel: 'other' };
        const spans = [of, of, of, other, { ...of, responseModel: '', requestModel: '' }].map((one) =>
          generationSpan(source, one),
        );
        for (const [at, span] of spans.entries()) {
          await session.writeOne({ spans: [span], receivedTimeUnixMs: BASE_MS + at }, at % 2);
        }
        await session.writeOne({ workspace: 'other', spans: spans.slice(0, 2) });
        const counted = async () => ids(await session.list({ counted: true, order: 'asc' }));
        const [first, second, third, another, unnamed] = spans as [Span, Span, Span, Span, Span];
        expect(await counted()).toEqual([idOf(first), idOf(another)]);
        await remove(session, second);
        expect(await counted()).toEqual([idOf(first), idOf(another)]);
        await remove(session, first);
        expect(await counted()).toEqual([idOf(third), idOf(another)]);
        await expectSumsOfRows(session);
        await remove(session, third);
        await remove(session, third);
        expect(await counted()).toEqual([idOf(another)]);
        await remove(session, another);
        expect(await counted()).toEqual([idOf(unnamed)]);
        await expectSumsOfRows(session);
        await remove(session, unnamed);
        expect(await session.usage()).toEqual([]);
        expect(await session.requests({ workspace: 'other' })).toBe(1);
        await expectSumsOfRows(session, 'other');
      });

      test('a native log of the call is not counted in its place', async () => {
        const session = await open();
        const source = recordSource(41);
        const [span, traced] = [generationSpan(source, of), generationSpan(source)];
        await session.writeOne({ spans: [span, traced] });
        const logs = [
          generationLog(source, of, { traceId: undefined, spanId: undefined }),
          generationLog(source, of, { traceId: traced.traceId }),
        ];
        await session.writeOne({ logRecords: logs });
        expect(await session.requests()).toBe(2);
        await remove(session, span);
        expect(await session.requests()).toBe(2);
        await expectSumsOfRows(session);
      });

      test('one that came to its trace after the deletion was asked for stays uncounted', async () => {
        const session = await open();
        const source = recordSource(42);
        const times = { startTimeUnixNano: BASE_TIME_UNIX_NANO, endTimeUnixNano: BASE_TIME_UNIX_NANO + SECOND };
        const parent = generationSpan(source, {}, { ...times, scope: scope('openllmetry') });
        const place = { ...times, traceId: parent.traceId, parentSpanId: parent.spanId };
        const twins = ['openinference', 'vercel'].map((name) =>
          generationSpan(source, {}, { ...place, scope: scope(name) }),
        );
        await session.writeOne({ spans: [parent], receivedTimeUnixMs: BASE_MS });
        await session.writeOne({ spans: twins, receivedTimeUnixMs: BASE_MS + 2 });
        expect(await session.requests()).toBe(1);
        await remove(session, parent, BASE_MS + 1);
        expect(await session.list()).toHaveLength(2);
        expect(await session.list({ counted: true })).toHaveLength(1);
        await expectSumsOfRows(session);
      });

      test('several traces that are deleted at once leave one of their own sightings counted, or none that stays', async () => {
        const session = await open();
        const source = recordSource(43);
        const spans = Array.from({ length: 4 }, () => generationSpan(source, of));
        for (const span of spans) await session.writeOne({ spans: [span] });
        const deletions = spans.slice(0, 2).map(({ traceId }) => ({
          workspace: 'default',
          traceId,
          receivedUntilUnixMs: LATE,
        }));
        await (await session.target.writer()).deleteTraces(deletions);
        expect(await session.list()).toHaveLength(2);
        expect(await session.list({ counted: true })).toHaveLength(1);
        // What comes now is another sighting of it.
        await session.writeOne({ spans: [generationSpan(source, of)] });
        expect(await session.requests()).toBe(1);
        await expectSumsOfRows(session);
      });
    });

    describe('session and user of the trace', () => {
      const parts = (source: ReturnType<typeof recordSource>) => {
        const root = generationSpan(source, identity({ sessionId: 's', userId: 'u' }));
        const { traceId, spanId: parentSpanId } = root;
        const call = generationSpan(source, {}, { traceId, parentSpanId });
        const own = generationSpan(source, { sessionId: 'own' }, { traceId, parentSpanId });
        return [root, call, own];
      };

      test.each([
        [[0], [1], [2]],
        [[0, 1, 2]],
        [[2, 1, 0]],
        [[1], [2], [0]],
        [[1, 2], [0]],
        [[2], [0], [1]],
        [[1], [0, 2]],
      ])('a generation misses the session of its root when they come as %j %j %j', async (...batches) => {
        const session = await open();
        const spans = parts(recordSource(15));
        for (const batch of batches as number[][]) await session.writeOne({ spans: batch.map((at) => spans[at]!) });
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
        const spans = Array.from({ length: 3 }, () =>
          generationSpan(source, identity({ sessionId: 's', userId: 'u' })),
        );
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
    });

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

    describe('sums', () => {
      test('a batch that is replayed, or a request that is sent again, counts again', async () => {
        const session = await open();
        const source = recordSource(22);
        const frames = Array.from({ length: 4 }, (_, at) =>
          session.frame({ spans: [generationSpan(source, { sessionId: `s${at % 2}` })] }),
        );
        await session.write(frames);
        await session.write(frames);
        await session.target.reopen();
        await session.write(frames.slice(1, 3), { writer: 1 });
        await session.writeOne({ spans: frames.flatMap(({ spans }) => spans) });
        expect(await session.requests()).toBe(4);
        await expectSumsOfRows(session);
      });

      test('dimensions of several sets are answered with wrong sums', async () => {
        const session = await open();
        for (const query of [
          { groupBy: ['user', 'model'] as const },
          { groupBy: ['user'] as const, filters: { session: 's' } },
        ]) {
          await expect(session.usage(query)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
        }
      });

      test('sums past 64 bits are cut', async () => {
        const session = await open();
        const source = recordSource(23);
        const most = 2n ** 62n;
        const spans = Array.from({ length: 5 }, () =>
          generationSpan(source, { cost: cost(most), sessionId: 's', durationNano: most }),
        );
        for (const span of spans) await session.writeOne({ spans: [span] });
        const [row] = await session.usage();
        expect(row).toMatchObject({ picodollars: 5n * most, durationNanoSum: 5n * most });
        expect(await session.reader.getSession('default', 's')).toMatchObject({ picodollars: 5n * most });
      });

      test('sums are cut that have 64 bits only when several models, or days, are added up', async () => {
        const session = await open();
        const source = recordSource(231);
        const most = 2n ** 62n;
        const spans = Array.from({ length: 6 }, (_, at) =>
          generationSpan(source, {
            cost: cost(most),
            responseModel: `model-${at % 3}`,
            startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(at % 2) * 86_400n * SECOND,
            durationNano: 2n ** 53n + 1n,
          }),
        );
        await session.writeOne({ spans });
        const small = generationSpan(source, { cost: cost(7n), responseModel: 'model-3', durationNano: 5n });
        await session.writeOne({ spans: [small] });
        for (const series of [false, true]) {
          for (const groupBy of [[], ['model'] as const]) {
            const rows = await session.usage({ series, groupBy });
            expect(rows).toHaveLength((series ? 2 : 1) * (groupBy.length > 0 ? 3 : 1) + groupBy.length);
            const sum = (of: (row: UsageRow) => bigint) => rows.reduce((total, row) => total + of(row), 0n);
            expect(sum(({ picodollars }) => picodollars)).toBe(6n * most + 7n);
            expect(sum(({ durationNanoSum }) => durationNanoSum)).toBe(6n * (2n ** 53n + 1n) + 5n);
          }
        }
      });

      test('a filter, or a time range, lets other calls in', async () => {
        const session = await open();
        const source = recordSource(24);
        const spans = Array.from({ length: 12 }, (_, at) =>
          generationSpan(
            source,
            { provider: `p${at % 2}`, promptName: `n${at % 3}`, userId: `u${at % 4}` },
            { startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(at) * 10n * MINUTE },
          ),
        );
        await session.writeOne({ spans });
        expect(await session.requests({ filters: { provider: 'p1' } })).toBe(6);
        expect(await session.requests({ filters: { provider: 'p1', prompt: 'n0' } })).toBe(2);
        expect(await session.requests({ filters: { user: 'u3' }, grain: 'minute' })).toBe(3);
        expect(await session.requests({ filters: { user: 'u9' } })).toBe(0);
        const hour = { fromUnixMs: BASE_MS, toUnixMs: BASE_MS + 3_600_000, grain: 'minute' } as const;
        expect(await session.requests(hour)).toBe(6);
        expect(await session.usage({ ...hour, series: true })).toHaveLength(6);
        const series = await session.usage({ grain: 'hour', series: true });
        expect(series.map(({ timeUnixMs }) => timeUnixMs)).toEqual([BASE_MS, BASE_MS + 3_600_000]);
      });

      test.each([101, 102, 103])('sums differ from a recount after random writes (seed %i)', async (seed) => {
        const session = await open({ blockMaxSpans: 25 });
        await randomWrites(session, seed);
        await expectSumsOfRows(session);
        await expectSumsOfRows(session, 'other');
      });
    });
  });
}

/** Interleaved batches of two writers, replays, resends, revisions, deletions and new prices. */
async function randomWrites(session: GenerationSession, seed: number): Promise<void> {
  const random = randomSource(seed);
  const source = recordSource(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[random() % items.length]!;
  const sent: { span: Span; workspace: string }[] = [];
  const batches: Parameters<GenerationSession['write']>[0][] = [];
  const generation = (): Partial<Generation> => ({
    kind: pick(['llm', 'llm', 'llm', 'embedding', 'tool', 'agent'] as const),
    provider: pick(['openai', 'anthropic']),
    responseModel: pick(['', 'm1', 'm2']),
    responseId: pick(['', '', `r${random() % 30}`]),
    usage: pick([{}, { input: random() % 1000, output: random() % 100 }, { input: 5, cacheRead: 4 }]),
    cost: pick([undefined, cost(BigInt(random()))]),
    countable: random() % 5 > 0,
    sessionId: pick(['', '', 's1', 's2', 's3']),
    userId: pick(['', '', 'u1', 'u2']),
    promptName: pick(['', 'greet']),
    promptVersion: pick(['', '1', '2']),
    environment: pick(['', 'prod']),
    isError: random() % 4 === 0,
    durationNano: BigInt(random()) * BigInt(1 + (random() % 100)),
  });
  const newSpan = (): Span => {
    const startTimeUnixNano = BASE_TIME_UNIX_NANO + BigInt(random() % 4000) * MINUTE;
    const relative = sent.length > 0 && random() % 3 === 0 ? pick(sent).span : undefined;
    const family = relative ? { traceId: relative.traceId, parentSpanId: relative.spanId } : {};
    const made = { startTimeUnixNano, ...family, scope: scope(pick(['a', 'b'])) };
    if (random() % 6 === 0) return source.span(made);
    return generationSpan(source, { ...generation(), startTimeUnixNano }, made);
  };
  const writeNew = async () => {
    const frames = Array.from({ length: 1 + (random() % 3) }, () => {
      const workspace = pick(['default', 'default', 'other']);
      const spans = Array.from({ length: 1 + (random() % 6) }, newSpan);
      sent.push(...spans.map((span) => ({ span, workspace })));
      return session.frame({ workspace, spans, ...(random() % 4 === 0 && { logRecords: [] }) });
    });
    batches.push(frames);
    await session.write(frames, { writer: random() % 2 });
  };
  const writeLog = () =>
    session.writeOne({
      logRecords: [
        generationLog(source, generation(), {
          timeUnixNano: BASE_TIME_UNIX_NANO + BigInt(random() % 4000) * MINUTE,
          ...(sent.length > 0 && random() % 2 === 0 && { traceId: pick(sent).span.traceId }),
        }),
      ],
    });
  const revise = async () => {
    const { span, workspace } = pick(sent);
    const { startTimeUnixNano } = span;
    const revised = { ...span, generation: generationSpan(source, { ...generation(), startTimeUnixNano }).generation };
    await session.writeOne({ workspace, spans: [revised], native: REVISES }, random() % 2);
  };
  const remove = async () => {
    const { span, workspace } = pick(sent);
    const deletion = { workspace, traceId: span.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
    await (await session.target.writer(random() % 2)).deleteTraces([deletion]);
  };
  const reprice = async () => {
    const writer = await session.target.writer(random() % 2);
    const [from, factor] = [BASE_TIME_UNIX_NANO + BigInt(random() % 2000) * MINUTE, BigInt(random() % 50)];
    const range = { fromUnixNano: from, toUnixNano: from + 1000n * MINUTE };
    const priceOf = ({ usage }: StoredGeneration) =>
      usage.input === undefined ? undefined : cost(BigInt(usage.input) * factor, `workspace/${factor}`);
    let after: string | undefined;
    do {
      ({ next: after } = await writer.reprice!({ workspace: 'default', ...range, after, limit: 10 }, priceOf));
    } while (after !== undefined);
  };
  for (let step = 0; step < 40; step++) {
    await writeNew();
    const [replayed, resent] = [pick(batches), pick(sent)];
    const action = random() % 10;
    if (action === 0) await session.write(replayed, { writer: random() % 2 });
    else if (action === 1) await session.writeOne({ workspace: resent.workspace, spans: [resent.span] }, random() % 2);
    else if (action <= 3) await revise();
    else if (action === 4) await remove();
    else if (action === 5) await reprice();
    else if (action === 6) await writeLog();
    else if (action === 7 && random() % 3 === 0) await session.target.reopen();
  }
}
