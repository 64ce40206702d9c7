import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DecodedFrame, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader, UsageQuery } from '../../../src/store/telemetry/generations.js';
import { foldAll } from '../../../src/store/telemetry/postgres/rollup-table.js';
import type { TelemetryStore, TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import {
  BASE_TIME_UNIX_NANO,
  decodedFrame,
  type RecordSource,
  randomSource,
  recordSource,
  scope,
} from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { StoredGenerations } from '../telemetry/contracts/generations/session.js';
import { expectSumsOfRows as expectSumsOf } from '../telemetry/contracts/generations/sums-of-rows.js';
import { generation, groupedBy, llmLog, llmSpan, price, storedGenerations } from './generation-records.js';
import { BUFFER, batchOf, openSetting, type Setting } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

const REVISES = { native: { traces: [], revises: true, idempotency: undefined } };

describe.skipIf(!server)('Postgres: generations and their sums', () => {
  let setting: Setting;
  let store: TelemetryStore & GenerationReader;
  let writer: TelemetryWriter;
  let source: RecordSource;
  let sequence = 0;
  /** Folds into rollups what waits for it, as a writer does when it is more than these tests write. */
  let folder: pg.Client;

  const connect = async () => {
    const client = new pg.Client({ connectionString: setting.connectionString });
    await client.connect();
    return client;
  };

  beforeEach(async () => {
    setting = await openSetting(server!);
    store = setting.store as TelemetryStore & GenerationReader;
    writer = await setting.writer();
    source = recordSource(7);
    sequence = 0;
    folder = await connect();
  });
  afterEach(async () => {
    await folder.end();
    await setting.close();
  });

  async function write(records: Partial<DecodedFrame>, by = writer): Promise<void> {
    const at = ++sequence;
    await by.write({ bufferId: BUFFER, range: { first: at, last: at }, frames: [decodedFrame(at, records)] });
    if (at % 3 === 0 && by === writer) await foldAll(folder, () => true);
  }

  async function rootIds(): Promise<string[]> {
    const sql = "select encode(span_id, 'hex') as id from spans where parent_span_id is null";
    return (await setting.sql<{ id: string }>(sql)).map(({ id }) => id);
  }

  const usage = (query: Partial<UsageQuery> = {}) => new StoredGenerations(store).usage(query);
  const expectSumsOfRows = (workspace?: string) => expectSumsOf(new StoredGenerations(store), workspace);

  it('a generation comes back with a field changed or lost', async () => {
    const whole = llmSpan(source, {
      responseId: 'resp_1',
      serviceTier: 'flex',
      usage: {
        input: 2 ** 53 - 1,
        output: 0,
        cacheRead: 3,
        cacheWrite: 4,
        reasoning: 5,
        inputAudio: 6,
        outputAudio: 7,
      },
      cost: { picodollars: 123_456_789_012_345_678_901n, price: price('workspace/7', 'v"') },
      reportedCost: 10_000n,
      finishReasons: ['stop', 'length'],
      timeToFirstTokenNano: 5n,
      streaming: true,
      promptName: 'greet',
      promptVersion: '3',
      promptHash: '0123456789abcdef',
      sessionId: 's',
      userId: 'u',
      environment: 'prod',
      release: '1.2',
      tags: ['a', 'b,"c'],
      agentName: 'agent',
      workflowName: 'flow',
      toolName: 'tool',
      toolCallId: 'call_1',
      isError: true,
      mappingWarnings: ['one', 'two'],
    });
    const bare = llmSpan(source, { cost: undefined, usage: {}, countable: false, kind: 'tool', finishReasons: [] });
    await write({ spans: [whole, bare] });
    for (const span of [whole, bare]) {
      const { searchText: _, ...expected } = span.generation!;
      const read = await store.getGeneration('default', span);
      expect(read).toEqual({
        ...expected,
        source: 'span',
        traceId: span.traceId,
        spanId: span.spanId,
        name: span.name,
        service: 'checkout',
        counted: span === whole,
        receivedTimeUnixMs: decodedFrame(1, {}).receivedTimeUnixMs,
      });
    }
    const log = llmLog(source, { userId: 'u' });
    await write({ logRecords: [log] });
    const read = await store.getGeneration('default', { logTimeUnixNano: log.timeUnixNano });
    expect(read).toMatchObject({ source: 'log', userId: 'u', counted: true, traceId: undefined });
    await expectSumsOfRows();
  });

  it('texts that no index takes fail the batch', async () => {
    const long = 'x\u0000\ud800'.repeat(3_000);
    const fields = {
      sessionId: long,
      userId: long,
      requestModel: long,
      responseModel: long,
      responseId: long,
      promptName: long,
    };
    const words = Array.from({ length: 200_000 }, (_, at) => `word${at}`).join(' ');
    const searchText = `${words} ${'y'.repeat(100_000)} ähnlich 日本語`;
    const span = llmSpan(source, { ...fields, promptVersion: long, environment: long, provider: long, searchText });
    await write({ spans: [span] });
    expect(await store.listGenerations({ workspace: 'default', limit: 5, sessionId: long, model: long })).toMatchObject(
      { total: 1 },
    );
    expect(await store.listGenerations({ workspace: 'default', limit: 5, text: 'Word17' })).toMatchObject({ total: 1 });
    expect(await usage({ groupBy: ['user'], filters: { user: long } })).toMatchObject([{ requests: 1 }]);
    expect((await store.getSession('default', long))?.requests).toBe(1);
  });

  it('a session that only the root tells of is lost to the calls under it, whichever comes first', async () => {
    for (const order of ['root first', 'root last', 'together'] as const) {
      const root = llmSpan(source, {
        kind: 'span',
        countable: false,
        sessionId: `s ${order}`,
        userId: 'u',
        usage: {},
        cost: undefined,
      });
      const call = llmSpan(source, {}, { traceId: root.traceId, parentSpanId: root.spanId });
      const own = llmSpan(source, { sessionId: 'of its own' }, { traceId: root.traceId, parentSpanId: root.spanId });
      if (order === 'root first') await write({ spans: [root] });
      await write({ spans: order === 'together' ? [call, own, root] : [call, own] });
      if (order === 'root last') {
        expect((await store.getGeneration('default', call))?.sessionId).toBe('of its own');
        await write({ spans: [root] });
      }
      expect(await store.getGeneration('default', call)).toMatchObject({ sessionId: `s ${order}`, userId: 'u' });
      expect(await store.getGeneration('default', own)).toMatchObject({ sessionId: 'of its own', userId: 'u' });
      expect(await store.listSessionTraces('default', `s ${order}`, 10)).toEqual([
        Buffer.from(root.traceId).toString('hex'),
      ]);
      await expectSumsOfRows();
    }
    const listed = await store.listSessions({ workspace: 'default', limit: 2 });
    expect(listed.total).toBe(4);
    const rest = await store.listSessions({ workspace: 'default', limit: 5, after: listed.next! });
    expect([...listed.items, ...rest.items]).toHaveLength(4);
    expect(await store.listSessions({ workspace: 'default', limit: 9, userId: 'nobody' })).toMatchObject({ total: 0 });
    expect(await store.listSessions({ workspace: 'default', limit: 9, userId: 'u' })).toMatchObject({ total: 4 });
  });

  it('a call that two instrumentations saw is counted twice', async () => {
    const first = llmSpan(source, { responseId: 'resp_1' });
    await write({ spans: [first, llmSpan(source, { responseId: 'resp_1', responseModel: '', requestModel: '' })] });
    await write({
      spans: [
        llmSpan(source, { responseId: 'resp_1' }),
        llmSpan(source, { responseId: 'resp_1', responseModel: 'other' }),
      ],
    });
    expect((await storedGenerations(store)).filter((row) => row.counted)).toHaveLength(2);
    const inner = llmSpan(source, {}, { traceId: first.traceId, parentSpanId: source.id(8), scope: scope('inner') });
    const outer = {
      ...llmSpan(
        source,
        {},
        { traceId: first.traceId, spanId: inner.parentSpanId!, startTimeUnixNano: inner.startTimeUnixNano },
      ),
    };
    await write({ spans: [inner] });
    await write({ spans: [outer] });
    expect((await storedGenerations(store)).filter((row) => row.counted)).toHaveLength(3);
    await expectSumsOfRows();
  });

  it('a call of which two sightings are revised in one batch is counted by neither', async () => {
    const [counted, further] = [llmSpan(source, { responseId: 'resp_1' }), llmSpan(source, { responseId: 'resp_1' })];
    // Traces are settled in the order of their ids.
    counted.traceId = Buffer.alloc(16, 2);
    further.traceId = Buffer.alloc(16, 1);
    await write({ spans: [counted] });
    await write({ spans: [further] });
    await write({ ...REVISES, spans: [further, counted] });
    const rows = await storedGenerations(store);
    expect(rows.filter((row) => row.counted).map(({ spanId }) => hex(spanId!))).toEqual([hex(counted.spanId)]);
    await expectSumsOfRows();
  });

  it('two gateways that are sent the sightings of one call at once both count it', async () => {
    const other = await setting.writer();
    for (let round = 0; round < 10; round++) {
      const spans = Array.from({ length: 20 }, (_, at) => llmSpan(source, { responseId: `resp_${round}_${at}` }));
      const twins = spans.map((span) => ({ ...llmSpan(source), generation: span.generation })).reverse();
      await Promise.all([write({ spans }), write({ spans: twins }, other)]);
    }
    const rows = await storedGenerations(store);
    expect(rows).toHaveLength(400);
    expect(rows.filter((row) => row.counted)).toHaveLength(200);
    await expectSumsOfRows();
  });

  it('two writers with the same keys at once lose something of a sum', async () => {
    const other = await setting.writer();
    const random = randomSource(3);
    const traceIds = Array.from({ length: 8 }, () => source.id(16));
    const spans = () =>
      Array.from({ length: 30 }, () => {
        const traceId = traceIds[random() % 8]!;
        const isRoot = random() % 10 === 0;
        const of = { sessionId: isRoot ? `s${random() % 3}` : '', userId: isRoot ? `u${random() % 2}` : '' };
        return llmSpan(
          source,
          {
            ...of,
            requestModel: `m${random() % 2}`,
            responseModel: '',
            usage: { input: random() % 1_000 },
            isError: random() % 5 === 0,
          },
          { traceId, ...(isRoot ? {} : { parentSpanId: source.id(8) }) },
        );
      });
    const run = async (by: TelemetryWriter) => {
      for (let batch = 0; batch < 12; batch++) await write({ spans: spans() }, by);
    };
    const requests: number[] = [];
    const besides = async (writing: Promise<unknown>) => {
      const another = await connect();
      let isWriting = true;
      void writing.finally(() => {
        isWriting = false;
      });
      while (isWriting) {
        await foldAll(another, () => true);
        requests.push((await usage())[0]?.requests ?? 0);
      }
      await another.end();
    };
    const writing = Promise.all([run(writer), run(other)]);
    await Promise.all([writing, besides(writing)]);
    // What is folded is never missing, and never there twice.
    expect(requests).toEqual(requests.toSorted((a, b) => a - b));
    const rows = await storedGenerations(store);
    expect(rows).toHaveLength(720);
    await expectSumsOfRows();
    // Roots say whose their trace is, and nobody else does.
    const roots = new Set(await rootIds());
    const calls = rows.filter(({ spanId }) => !roots.has(hex(spanId!)));
    const told = groupedBy(calls, ({ traceId, sessionId, userId }) => `${hex(traceId!)} ${sessionId} ${userId}`);
    expect(told.size).toBe(8);
  });

  it('writes, deletions and new prices at once leave a sum that the rows do not say', async () => {
    const other = await setting.writer();
    const traceIds = Array.from({ length: 6 }, () => source.id(16));
    const again = async (work: () => Promise<unknown>): Promise<unknown> =>
      // Whoever is refused because two waited for each other comes again.
      work().catch((error) => (error.code === 'STORE_UNAVAILABLE' ? again(work) : Promise.reject(error)));
    const writing = async () => {
      for (let batch = 0; batch < 12; batch++) {
        const spans = Array.from({ length: 24 }, (_, at) =>
          llmSpan(source, { sessionId: at % 8 === 0 ? `s${batch % 3}` : '' }, { traceId: traceIds[(at + batch) % 6]! }),
        );
        const at = ++sequence;
        const frames = [decodedFrame(at, { spans })];
        await again(() => writer.write({ bufferId: BUFFER, range: { first: at, last: at }, frames }));
        await foldAll(folder, () => true);
      }
    };
    const changing = async () => {
      const to = BASE_TIME_UNIX_NANO + 10n ** 15n;
      const step = {
        workspace: 'default',
        fromUnixNano: BASE_TIME_UNIX_NANO,
        toUnixNano: to,
        after: undefined,
        limit: 50,
      };
      for (let round = 0; round < 10; round++) {
        const cost = { picodollars: BigInt(round), price: price('workspace/1') };
        await again(() => other.reprice!(step, () => cost));
        const deletion = { workspace: 'default', receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
        const deletions = [round % 6, (round + 3) % 6].map((at) => ({ ...deletion, traceId: traceIds[at]! }));
        await again(() => other.deleteTraces(deletions));
      }
    };
    await Promise.all([writing(), changing()]);
    await expectSumsOfRows();
  });

  it('duplicates, replays, revisions and deletions leave something in a sum', async () => {
    const root = llmSpan(source, { kind: 'agent', countable: false, sessionId: 's1', userId: 'u1' });
    const children = Array.from({ length: 4 }, (_, at) =>
      llmSpan(
        source,
        { responseId: `r${at}`, usage: { input: at + 1 } },
        { traceId: root.traceId, parentSpanId: root.spanId },
      ),
    );
    const other = llmSpan(source, { sessionId: 's1', searchText: 'forgotten words' });
    await write({ spans: [root, ...children, other] });
    const before = await usage();
    await write({ spans: [root, ...children, other] });
    await write({ spans: [...children, llmSpan(source, { responseId: 'r0' })] });
    await writer.write({
      bufferId: BUFFER,
      range: { first: 1, last: 1 },
      frames: [decodedFrame(1, { spans: [root] })],
    });
    expect(await usage()).toEqual(before);
    await expectSumsOfRows();

    const revised = (span: Span, of: object): Span => ({ ...span, generation: { ...span.generation!, ...of } });
    await write({ ...REVISES, spans: [revised(children[0]!, { usage: { input: 100 }, searchText: 'new words' })] });
    await write({
      ...REVISES,
      spans: [revised(root, { sessionId: 's2' }), { ...children[1]!, generation: undefined }],
    });
    expect(await storedGenerations(store)).toHaveLength(6);
    expect((await store.getGeneration('default', children[2]!))?.sessionId).toBe('s2');
    await expectSumsOfRows();

    await writer.deleteTraces([
      { workspace: 'default', traceId: root.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
    ]);
    await expectSumsOfRows();
    expect(await store.getSession('default', 's2')).toBeUndefined();
    expect(await store.listGenerations({ workspace: 'default', limit: 9, text: 'new words' })).toMatchObject({
      total: 0,
    });
    await writer.deleteTraces([
      { workspace: 'default', traceId: other.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
    ]);
    const left = await storedGenerations(store);
    expect(left).toHaveLength(1);
    await expectSumsOfRows();
    for (const table of ['generation_texts', 'trace_identities', 'identities']) {
      expect([table, await setting.sql(`select * from ${table}`)]).toEqual([table, []]);
    }
  });

  it('costs that change are not in the sums, or a step repeats or skips rows', async () => {
    const spans = Array.from({ length: 25 }, (_, at) =>
      llmSpan(source, { sessionId: `s${at % 3}`, ...(at % 2 === 0 && { cost: undefined }), usage: { input: at } }),
    );
    await write({ spans, logRecords: [llmLog(source, { cost: undefined })] });
    const step = {
      workspace: 'default',
      fromUnixNano: BASE_TIME_UNIX_NANO,
      toUnixNano: BASE_TIME_UNIX_NANO + 10n ** 15n,
      limit: 4,
    };
    const seen: bigint[] = [];
    let changed = 0;
    for (let after: string | undefined; ; ) {
      const result = await writer.reprice!({ ...step, after }, (row) => {
        seen.push(row.startTimeUnixNano);
        return row.usage.input === 3
          ? undefined
          : { picodollars: BigInt((row.usage.input ?? 0) * 7), price: price('workspace/1') };
      });
      changed += result.changed;
      await expectSumsOfRows();
      if (result.next === undefined) break;
      after = result.next;
    }
    expect([changed, seen.length, new Set(seen).size]).toEqual([26, 26, 26]);
    const again = await writer.reprice!({ ...step, limit: 100, after: undefined }, (row) => row.cost);
    expect(again).toEqual({ examined: 26, changed: 0, next: undefined });
    expect((await store.getGeneration('default', spans[5]!))?.cost).toEqual({
      picodollars: 35n,
      price: price('workspace/1'),
    });
    await expect(writer.reprice!({ ...step, after: 'nonsense' }, () => undefined)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    await write({ spans: [llmSpan(source)] });
  });

  it('words are found in a message and its log events, whichever comes first', async () => {
    const span = llmSpan(source, { searchText: 'What is the WEATHER like in São Paulo?' });
    const event = source.logRecord({
      traceId: span.traceId,
      spanId: span.spanId,
      searchText: 'It rains, get_umbrella',
    });
    await write({ logRecords: [event] });
    await write({ spans: [span, llmSpan(source, { searchText: 'weather' })] });
    const found = async (text: string) => (await store.listGenerations({ workspace: 'default', limit: 9, text })).total;
    expect(await found('weather')).toBe(2);
    expect(await found('weather UMBRELLA')).toBe(1);
    expect(await found('sao paulo')).toBe(1);
    expect(await found('snow')).toBe(0);
    expect(await found("'!?")).toBe(0);
    const log = llmLog(source, { searchText: 'of a native log' });
    await write({ logRecords: [log] });
    expect(await found('native')).toBe(1);
  });

  it('a trace with more calls than are looked at loses some in a sum, or in its session', async () => {
    const root = llmSpan(source, { kind: 'agent', countable: false, sessionId: 's1', userId: 'u1' });
    const calls = (count: number) =>
      Array.from({ length: count }, () => llmSpan(source, {}, { traceId: root.traceId, parentSpanId: root.spanId }));
    await write({ spans: [root, ...calls(1_100)] });
    await write({ spans: calls(100) });
    await expectSumsOfRows();
    expect(await store.getSession('default', 's1')).toMatchObject({ requests: 1_200, traces: 1 });
    await writer.deleteTraces([
      { workspace: 'default', traceId: root.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER },
    ]);
    expect(await storedGenerations(store)).toEqual([]);
    await expectSumsOfRows();
  });

  it('a batch without generations writes anything of them', async () => {
    await write({ spans: source.trace(5), logRecords: [source.logRecord()] });
    for (const table of ['generations', 'generation_texts', 'generation_traces', 'rollups', 'identities']) {
      expect([table, await setting.sql(`select * from ${table}`)]).toEqual([table, []]);
    }
  });

  it('what earlier writers left to be folded is never folded, or twice', async () => {
    await writer.write(batchOf(1, [llmSpan(source), llmSpan(source)]));
    await setting.sql(
      `insert into rollup_changes select changes.* from rollup_changes changes, generate_series(1, 299)`,
    );
    const waiting = async () => {
      const [row] = await setting.sql<{ rows: number }>('select count(*)::int as rows from rollup_changes');
      return row!.rows;
    };
    expect([await waiting(), (await usage())[0]?.requests]).toEqual([900, 600]);
    const next = await setting.writer();
    await next.write(batchOf(2, [llmSpan(source)]));
    expect([await waiting(), (await usage())[0]?.requests]).toEqual([0, 601]);
    await next.write(batchOf(3, [llmSpan(source)]));
    expect([await waiting(), (await usage({ grain: 'minute', series: true })).length > 0]).toEqual([3, true]);
    expect((await usage({ groupBy: ['user'] }))[0]).toMatchObject({ group: { user: '' }, requests: 602 });
  });

  it('a sketch grows with every batch', async () => {
    for (let batch = 0; batch < 60; batch++) {
      const spans = Array.from({ length: 40 }, (_, at) =>
        llmSpan(source, {
          durationNano: BigInt((1.1 ** at * 1e6) | 0) + BigInt(batch),
          startTimeUnixNano: BASE_TIME_UNIX_NANO,
        }),
      );
      await write({ spans });
      await foldAll(folder, () => true);
    }
    const [row] = await setting.sql<{ bytes: number }>('select max(octet_length(sketch)) as bytes from rollups');
    expect(row!.bytes).toBeLessThan(5_000);
    const [total] = await usage();
    expect(total).toMatchObject({ requests: 2_400 });
    expect(total!.p50DurationNano! / (1.1 ** 19 * 1e6)).toBeCloseTo(1, 1);
    await expectSumsOfRows();
  });

  it('dimensions of two sets are answered with a wrong sum', async () => {
    await expect(usage({ groupBy: ['user'], filters: { model: 'm' } })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    });
    expect(await usage()).toEqual([]);
    expect(generation().kind).toBe('llm');
  });
});
