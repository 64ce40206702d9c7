import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { GenerationReader } from '../../../src/store/telemetry/generations.js';
import { apply } from '../../../src/store/telemetry/postgres/apply.js';
import { PendingWords } from '../../../src/store/telemetry/postgres/pending-words.js';
import { sessionOver } from '../../../src/store/telemetry/postgres/writer.js';
import { takeOutContents } from '../../../workers/contents.js';
import { startPostgres } from '../../helpers/postgres.js';
import { decodedFrame, recordSource, resource } from '../../helpers/records.js';
import { llmSpan } from './generation-records.js';
import { type Line, openLine } from './line.js';
import { BUFFER, batchOf, openSetting, type Setting, spansOfToday } from './setting.js';

const server = await startPostgres();
afterAll(() => server?.remove());

describe.skipIf(!server)('Postgres writer', () => {
  let setting: Setting;
  let line: Line | undefined;
  beforeEach(async () => {
    setting = await openSetting(server!);
  });
  afterEach(async () => {
    await setting.close();
    await line?.close();
    line = undefined;
  });

  const connect = async () => {
    const client = new pg.Client({ connectionString: setting.connectionString });
    await client.connect();
    return client;
  };

  const counted = async () => {
    const [row] = await setting.sql<{ spans: number; summed: number }>(
      'select (select count(*) from spans)::int as spans, (select coalesce(sum(span_count), 0) from trace_batches)::int as summed',
    );
    return row;
  };

  it('a batch whose COMMIT was done but not answered is not written again', async () => {
    line = await openLine(setting.connectionString);
    const writer = await setting.writer(line.through(setting.connectionString));
    const batch = batchOf(1, spansOfToday(1, 20));
    await writer.write(batchOf(2, spansOfToday(2, 1)));
    line.cutAfter('commit');
    await expect(writer.write(batch)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await writer.write(batch)).toMatchObject({ spans: 0, duplicateSpans: 0, logRecords: 0, metricPoints: 0 });
    expect(await counted()).toEqual({ spans: 21, summed: 21 });
    expect(await setting.store.appliedRanges(BUFFER, 0)).toEqual([{ first: 1, last: 2 }]);
  });

  it('contents stay behind of a batch of resent spans that another writer applies in between', async () => {
    const [span] = spansOfToday(1, 1);
    const other = await setting.writer();
    await other.write(batchOf(1, [span!]));
    const client = await connect();
    onTestFinished(() => client.end());
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const overtaken = async (...args: unknown[]) => {
      const result = await query(...args);
      // The first COPY has met the span that is there; another writer is faster than the second.
      if (args[0] === 'rollback') await other.write(batchOf(2, []));
      return result;
    };
    Object.assign(client, { query: (...args: unknown[]) => (args[0] === 'rollback' ? overtaken : query)(...args) });
    const spans = [{ ...span!, attributes: JSON.stringify({ large: 'x'.repeat(70_000) }) }];
    const batch = batchOf(2, spans);
    takeOutContents(batch.frames[0]!, 2 ** 20);
    expect(await apply(sessionOver(client, { writer: 1, words: new PendingWords(connect) }), batch)).toMatchObject({
      spans: 0,
      duplicateSpans: 0,
    });
    expect(await setting.sql('select * from contents')).toEqual([]);
  });

  it('a line cut in the middle of a COPY leaves nothing, and the next try writes all', async () => {
    line = await openLine(setting.connectionString);
    const writer = await setting.writer(line.through(setting.connectionString));
    const batch = batchOf(1, spansOfToday(1, 2_000));
    line.cutAfter('copy trace_batches');
    await expect(writer.write(batch)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await writer.write(batch)).toMatchObject({ spans: 2_000 });
    expect(await counted()).toEqual({ spans: 2_000, summed: 2_000 });
  });

  it.each(['fast', 'immediate'] as const)(
    'writes go on by themselves after Postgres was stopped (%s) and started',
    async (mode) => {
      const writer = await setting.writer();
      await writer.write(batchOf(1, spansOfToday(1, 5)));
      await server!.stop(mode);
      try {
        await expect(writer.write(batchOf(2, spansOfToday(2, 5)))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        await expect(writer.write(batchOf(2, spansOfToday(2, 5)))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        await expect(setting.store.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      } finally {
        await server!.start();
      }
      expect(await writer.write(batchOf(2, spansOfToday(2, 5)))).toMatchObject({ spans: 5 });
      await setting.store.ping();
      expect(await counted()).toEqual({ spans: 10, summed: 10 });
    },
  );

  it('a connection that the server ends between two writes costs one retry and nothing else', async () => {
    const writer = await setting.writer();
    await writer.write(batchOf(1, spansOfToday(1, 5)));
    await setting.sql(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like '%writer%'`,
    );
    const batch = batchOf(2, spansOfToday(2, 5));
    await writer.write(batch).catch((error) => expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' }));
    await writer.write(batch);
    expect(await counted()).toEqual({ spans: 10, summed: 10 });
  });

  it('two writers that apply the same range at once write it once', async () => {
    const writers = await Promise.all([setting.writer(), setting.writer(), setting.writer()]);
    for (let sequence = 1; sequence <= 10; sequence++) {
      const batch = batchOf(sequence, spansOfToday(sequence, 50));
      const results = await Promise.all(writers.map((writer) => writer.write(batch)));
      expect(results.map(({ spans }) => spans).sort((a, b) => a - b)).toEqual([0, 0, 50]);
      expect(results.every(({ duplicateSpans }) => duplicateSpans === 0)).toBe(true);
    }
    expect(await counted()).toEqual({ spans: 500, summed: 500 });
  });

  it('two writers whose ranges overlap write every frame once', async () => {
    const [one, two] = await Promise.all([setting.writer(), setting.writer()]);
    const frames = Array.from({ length: 30 }, (_, at) => decodedFrame(at + 1, { spans: spansOfToday(at + 1, 20) }));
    const write = (writer: typeof one, first: number, last: number) =>
      writer.write({ bufferId: BUFFER, range: { first, last }, frames: frames.slice(first - 1, last) });
    const results = await Promise.all([write(one, 1, 20), write(two, 11, 30)]);
    expect(results[0].spans + results[1].spans).toBe(600);
    expect(await counted()).toEqual({ spans: 600, summed: 600 });
    expect(await setting.store.appliedRanges(BUFFER, 0)).toEqual([{ first: 1, last: 30 }]);
  });

  it('a client that resends to two gateways at once has its spans once', async () => {
    const [one, two] = await Promise.all([setting.writer(), setting.writer()]);
    const spans = spansOfToday(1, 3_000);
    const results = await Promise.all([one.write(batchOf(1, spans)), two.write(batchOf(2, spans))]);
    expect(results.map((result) => result.spans + result.duplicateSpans)).toEqual([3_000, 3_000]);
    expect(results[0].spans + results[1].spans).toBe(3_000);
    expect(await counted()).toEqual({ spans: 3_000, summed: 3_000 });
  });

  it('a large batch with one resent span at its end keeps everything else, and the writer goes on', async () => {
    const writer = await setting.writer();
    const [resent, ...others] = spansOfToday(1, 8_000);
    await writer.write(batchOf(1, [resent!]));
    expect(await writer.write(batchOf(2, [...others, resent!]))).toMatchObject({ spans: 7_999, duplicateSpans: 1 });
    expect(await writer.write(batchOf(3, spansOfToday(2, 10)))).toMatchObject({ spans: 10, duplicateSpans: 0 });
    expect(await counted()).toEqual({ spans: 8_010, summed: 8_010 });
  });

  it('a query over attributes fails on no record, whatever escapes its clients sent', async () => {
    const writer = await setting.writer();
    const texts = ['nul \u0000', 'high \ud83d', 'low \udd9c', 'swapped \udd9c\ud83d', 'bird 🦜', '\\u0000', '\\\u0000'];
    const spans = spansOfToday(1, texts.length).map((span, at) => ({
      ...span,
      attributes: JSON.stringify({ text: texts[at], [texts[at]!]: 1 }).replace('🦜', '\\ud83e\\udd9c'),
      events: JSON.stringify([{ name: texts[at] }]),
      resource: resource(texts[at]!),
    }));
    await writer.write(batchOf(1, spans));
    const rows = await setting.sql<{ text: string; event: string; service: string }>(
      `select s.attributes->>'text' as text, s.events->0->>'name' as event, r.attributes->>'service.name' as service
       from spans s join resources r on r.workspace = s.workspace and r.id = s.resource_id order by s.start_time_unix_nano`,
    );
    const readable = [
      'nul \ufffd',
      'high \ufffd',
      'low \ufffd',
      'swapped \ufffd\ufffd',
      'bird 🦜',
      '\\u0000',
      '\\\ufffd',
    ];
    expect(rows).toEqual(readable.map((text) => ({ text, event: text, service: text })));
    for (const span of spans) {
      const read = (await setting.store.getSpan('default', span.traceId, span.spanId))!;
      expect([read.attributes, read.events]).toEqual([span.attributes, span.events]);
      expect(read.resource.attributes).toBe(span.resource.attributes);
    }
    const query = { workspace: 'default', limit: 10, attributes: [{ key: 'text', value: 'bird 🦜' }] };
    expect(await setting.store.listTraces(query)).toMatchObject({ total: 1 });
  });

  it('JSON that is none fails its own batch, as the data error it is, and not the next', async () => {
    const writer = await setting.writer();
    const [bad, good] = spansOfToday(1, 2);
    const broken = [
      { ...bad!, attributes: '{"a":' },
      { ...bad!, resource: { ...resource('x'), key: 'broken', attributes: 'nonsense' } },
      { ...bad!, attributes: `${'['.repeat(100_000)}${']'.repeat(100_000)}` },
    ];
    for (const span of broken) {
      await expect(writer.write(batchOf(1, [span]))).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    }
    expect(await writer.write(batchOf(1, [good!]))).toMatchObject({ spans: 1 });
    expect(await counted()).toEqual({ spans: 1, summed: 1 });
  });

  it('words wait for whoever comes last to sort them in, or are lost to a search meanwhile', async () => {
    let connections = 0;
    const words = new PendingWords(() => {
      connections++;
      return connections === 1 ? Promise.reject(new Error('Nobody is let in')) : connect();
    }, 1);
    const client = await connect();
    onTestFinished(() => client.end());
    onTestFinished(() => words.close());
    const session = sessionOver(client, { writer: 1, words });
    const source = recordSource(5);
    const spans = Array.from({ length: 3 }, (_, at) => llmSpan(source, { searchText: `common words number${at}` }));
    const pendingPages = async () => {
      const [row] = await setting.sql<{ pages: number }>(
        `select sum(gin_clean_pending_list(index.oid))::int as pages from pg_class index join pg_am on pg_am.oid = relam
         where amname = 'gin' and relkind = 'i'`,
      );
      return row!.pages;
    };
    const found = async (text: string) =>
      (await (setting.store as unknown as GenerationReader).listGenerations({ workspace: 'default', limit: 9, text }))
        .total;
    await apply(session, batchOf(1, [spans[0]!]));
    await words.settle();
    expect(await pendingPages()).toBeGreaterThan(0);
    await apply(session, batchOf(2, [spans[1]!]));
    expect([await found('number1'), await found('common')]).toEqual([1, 2]);
    await words.settle();
    // As many came again: this waits until the first are sorted in.
    words.add(2);
    await words.settle();
    expect([connections, await pendingPages()]).toEqual([2, 0]);
    await apply(session, batchOf(3, [spans[2]!]));
    expect([await found('number1'), await found('number2'), await found('common')]).toEqual([1, 1, 3]);
  });

  it('a server that is not there, or lets nobody in, is unavailable', async () => {
    for (const url of ['postgres://postgres@127.0.0.1:1/none', `${setting.connectionString}-missing`]) {
      await expect(setting.writer(url)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    }
  });
});
