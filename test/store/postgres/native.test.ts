import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DecodedFrame, NativeWrite, Span, TraceRecord } from '../../../src/model/telemetry.js';
import type { TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import { decodedFrame, recordSource, resource } from '../../helpers/records.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type Line, openLine } from './line.js';
import { BUFFER, batchOf, daysFromToday, openSetting, type Setting, spansOfToday, today } from './setting.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

function native(write: Partial<NativeWrite> = {}): NativeWrite {
  return { traces: [], revises: false, idempotency: undefined, ...write };
}

const REVISES = { native: native({ revises: true }) };

function declaration(traceId: Uint8Array, overrides: Partial<TraceRecord> = {}): TraceRecord {
  return {
    traceId,
    traceIdText: hex(traceId),
    promptName: undefined,
    versionTag: undefined,
    metadata: '{}',
    createdTimeUnixMs: Date.now(),
    ...overrides,
  };
}

describe.skipIf(!server)('Postgres and what the native API writes', () => {
  let setting: Setting;
  let line: Line | undefined;
  let sequence = 0;
  beforeEach(async () => {
    setting = await openSetting(server!);
    sequence = 0;
  });
  afterEach(async () => {
    await setting.close();
    await line?.close();
    line = undefined;
  });

  const frame = (records: Partial<DecodedFrame>) => decodedFrame(++sequence, { native: native(), ...records });
  const write = (writer: TelemetryWriter, ...frames: DecodedFrame[]) => {
    const range = { first: frames[0]!.sequence, last: frames.at(-1)!.sequence };
    return writer.write({ bufferId: BUFFER, range, frames });
  };
  const twoGateways = () => Promise.all([setting.writer(), setting.writer()]);
  const atOnce = async (writers: readonly TelemetryWriter[], records: (at: number) => Partial<DecodedFrame>) => {
    const frames = writers.map((_, at) => frame(records(at)));
    const results = await Promise.all(writers.map((writer, at) => write(writer, frames[at]!)));
    return results.map(({ outcomes }) => outcomes[0]!);
  };
  /** What the trace list would say of all spans, and what stands in the table of spans. */
  const counted = async () => {
    const [row] = await setting.sql<{ spans: number; summed: number; failed: number; errors: number }>(
      `select (select count(*) from spans)::int as spans,
         (select coalesce(sum(span_count), 0) from trace_batches)::int as summed,
         (select count(*) from spans where status_code = 2)::int as failed,
         (select coalesce(sum(error_count), 0) from trace_batches)::int as errors`,
    );
    return row!;
  };
  const expectSummed = async (spans: number) => {
    const { failed, ...row } = await counted();
    expect(row).toEqual({ spans, summed: spans, errors: failed });
  };

  it('of two gateways that are sent one span at once, both or neither have written it', async () => {
    const writers = await twoGateways();
    for (let round = 0; round < 10; round++) {
      const [span] = spansOfToday(round, 1) as [Span];
      // Days apart: the unique index over spans can't tell.
      const outcomes = await atOnce(writers, (at) => ({
        spans: [{ ...span, startTimeUnixNano: daysFromToday(-5 * at) }],
      }));
      expect(outcomes.filter(({ written }) => written)).toHaveLength(1);
      expect(outcomes.flatMap(({ knownSpans }) => knownSpans)).toEqual([hex(span.traceId) + hex(span.spanId)]);
    }
    await expectSummed(10);
  });

  it('of two gateways that claim the same many ids in another order, one fails', async () => {
    const writers = await twoGateways();
    const spans = spansOfToday(1, 600);
    const outcomes = await atOnce(writers, (at) => ({ spans: at === 0 ? spans : [...spans].reverse() }));
    expect(outcomes.map(({ knownSpans }) => knownSpans.length).sort((a, b) => a - b)).toEqual([0, 600]);
    await expectSummed(600);
  });

  it('a span that comes by OTLP and natively at once is there twice, or its client is told that it was written', async () => {
    const writers = await twoGateways();
    let written = 0;
    for (let round = 0; round < 10; round++) {
      const spans = spansOfToday(round, 20);
      const frames = [decodedFrame(++sequence, { spans }), frame({ spans })];
      const tryWrite = async (at: number): Promise<void> => {
        try {
          const { outcomes } = await write(writers[at]!, frames[at]!);
          if (outcomes[0]?.written) written++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
          await tryWrite(at);
        }
      };
      await Promise.all([tryWrite(0), tryWrite(1)]);
    }
    expect(written).toBeLessThanOrEqual(10);
    await expectSummed(200);
  });

  it('of two gateways that are sent one idempotency key at once, both apply it', async () => {
    const writers = await twoGateways();
    for (let round = 0; round < 10; round++) {
      const spans = spansOfToday(round * 2, 1);
      const idempotency = { key: `key ${round}`, fingerprint: 'f', answer: 'a' };
      const outcomes = await atOnce(writers, () => ({ native: native({ idempotency }), spans }));
      expect(outcomes.map(({ written, replayed }) => [written, replayed]).sort()).toEqual([
        [false, 'a'],
        [true, undefined],
      ]);
      const other = await atOnce(writers, (at) => ({
        native: native({ idempotency: { ...idempotency, key: `other ${round}`, fingerprint: `${at}` } }),
        spans: spansOfToday(1_000 + round * 2 + at, 1),
      }));
      expect(other.map(({ written, keyReused }) => [written, keyReused]).sort()).toEqual([
        [false, true],
        [true, undefined],
      ]);
    }
    await expectSummed(20);
  });

  it('of two gateways that declare one trace at once, both are first', async () => {
    const writers = await twoGateways();
    for (let round = 0; round < 10; round++) {
      const { traceId } = recordSource(round).span();
      const outcomes = await atOnce(writers, (at) => ({
        native: native({ traces: [declaration(traceId, { promptName: `${at}` })] }),
      }));
      expect(outcomes.filter(({ written }) => written)).toHaveLength(1);
      const first = outcomes.findIndex(({ written }) => written);
      expect((await setting.store.getTrace('default', traceId))!.summary.record!.promptName).toBe(`${first}`);
    }
    expect(await setting.store.listTraces({ workspace: 'default', limit: 100 })).toMatchObject({ total: 10 });
  });

  it('revisions of one trace by two gateways at once leave it counted twice', async () => {
    const writers = await twoGateways();
    const source = recordSource(1);
    const spans = source.trace(40, { startTimeUnixNano: today() });
    await write(writers[0], frame({ spans }));
    for (let round = 0; round < 10; round++) {
      await atOnce(writers, (at) => ({
        ...REVISES,
        // Back and forth between error and ok, and another root's name: their shares can't be told by addition.
        spans: spans
          .filter((_, index) => index % 2 === at)
          .map((span) => ({ ...span, name: `round ${round}`, statusCode: round % 3 })),
      }));
      await expectSummed(40);
    }
    const { summary } = (await setting.store.getTrace('default', spans[0]!.traceId))!;
    expect(summary).toMatchObject({ name: 'round 9', spanCount: 40, errorCount: 0 });
  });

  it('a trace that is deleted while others write to it is counted wrongly', async () => {
    const writers = await Promise.all([setting.writer(), setting.writer(), setting.writer()]);
    const source = recordSource(2);
    const traceId = source.id(16);
    const make = (count: number) =>
      Array.from({ length: count }, () => source.span({ traceId, startTimeUnixNano: today(), statusCode: 2 }));
    for (let round = 0; round < 10; round++) {
      const spans = make(20);
      await write(writers[0], frame({ spans }));
      const receivedUntilUnixMs = decodedFrame(sequence, {}).receivedTimeUnixMs;
      await Promise.all([
        write(writers[0], decodedFrame(++sequence, { spans: make(20) })),
        write(writers[1], frame({ ...REVISES, spans: spans.slice(0, 5).map((span) => ({ ...span, statusCode: 1 })) })),
        writers[2].deleteTraces!([{ workspace: 'default', traceId, receivedUntilUnixMs }]),
      ]);
      const { spans: left } = await counted();
      await expectSummed(left);
      expect([20, 25]).toContain(left);
      const again = frame({ spans: spans.slice(5) });
      expect((await write(writers[1], again)).outcomes).toMatchObject([{ written: true, knownSpans: [] }]);
      await writers[0].deleteTraces!([{ workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER }]);
    }
    await expectSummed(0);
    expect(await setting.sql('select 1 from native_spans')).toEqual([]);
  });

  it('a revision of a span that came by OTLP days away leaves the old row behind', async () => {
    const writer = await setting.writer();
    const [span, other] = spansOfToday(3, 2) as [Span, Span];
    const old = { ...span, startTimeUnixNano: daysFromToday(-30), statusCode: 2 };
    await writer.write(batchOf(++sequence, [old, other]));
    await write(writer, frame({ ...REVISES, spans: [{ ...span, statusCode: 1 }] }));
    expect((await setting.store.getTrace('default', span.traceId))!.spans).toMatchObject([{ statusCode: 1 }]);
    await expectSummed(2);
    // The claim knows where it stands now, however far it moves.
    for (const days of [-60, -1, -90]) {
      await write(writer, frame({ ...REVISES, spans: [{ ...span, startTimeUnixNano: daysFromToday(days) }] }));
      await expectSummed(2);
    }
  });

  it('a span that is made and moved by days in one batch is not found by its next revision', async () => {
    const writer = await setting.writer();
    const [span] = spansOfToday(12, 1) as [Span];
    const at = (days: number) => ({ ...span, startTimeUnixNano: daysFromToday(days) });
    await write(writer, frame({ spans: [at(0)] }), frame({ ...REVISES, spans: [at(-20)] }));
    await expectSummed(1);
    await write(writer, frame({ ...REVISES, spans: [{ ...at(-20), name: 'again' }] }));
    await expectSummed(1);
    expect((await setting.store.getTrace('default', span.traceId))!.spans).toMatchObject([{ name: 'again' }]);
  });

  it('a batch in which OTLP and native frames repeat each other and what is stored loses or doubles a span', async () => {
    const writer = await setting.writer();
    const [stored, fresh, late, revised] = spansOfToday(4, 4) as [Span, Span, Span, Span];
    await writer.write(batchOf(++sequence, [stored]));
    const frames = [
      decodedFrame(++sequence, { spans: [stored, fresh, revised] }),
      frame({ spans: [stored, fresh, late] }),
      decodedFrame(++sequence, { spans: [late] }),
      frame({
        ...REVISES,
        spans: [
          { ...revised, name: 'revised' },
          { ...stored, name: 'revised' },
        ],
      }),
    ];
    const known = [stored, fresh].map(({ traceId, spanId }) => hex(traceId) + hex(spanId));
    expect((await write(writer, ...frames)).outcomes).toEqual([
      { sequence: frames[1]!.sequence, written: true, knownTraces: [], knownSpans: known },
      { sequence: frames[3]!.sequence, written: true, knownTraces: [], knownSpans: [] },
    ]);
    await expectSummed(4);
    for (const span of [revised, stored]) {
      expect(await setting.store.getSpan('default', span.traceId, span.spanId)).toMatchObject({ name: 'revised' });
    }
  });

  it('a batch whose COMMIT was done but not answered is told of differently, or its bytes are counted twice', async () => {
    line = await openLine(setting.connectionString);
    const writer = await setting.writer(line.through(setting.connectionString));
    const spans = spansOfToday(5, 3);
    await write(writer, frame({ spans: [spans[0]!] }));
    const idempotency = { key: 'k', fingerprint: 'f', answer: 'a' };
    const frames = [
      frame({ spans, bytes: 100 }),
      frame({ spans, bytes: 10 }),
      frame({ native: native({ idempotency }), spans: spansOfToday(6, 1), bytes: 1 }),
    ];
    line.cutAfter('commit');
    await expect(write(writer, ...frames)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const { outcomes } = await write(writer, ...frames);
    expect(outcomes.map(({ written, replayed }) => [written, replayed])).toEqual([
      [true, undefined],
      [false, undefined],
      [true, undefined],
    ]);
    await expectSummed(4);
    expect(await setting.store.storedBytes('default')).toBe(101);
    await setting.store.forgetApplied(BUFFER, sequence + 1);
    expect(await setting.sql('select 1 from unwritten_frames')).toEqual([]);
  });

  it('a trace that was declared in the millisecond of its first span is listed twice', async () => {
    const writer = await setting.writer();
    const [span, later] = spansOfToday(7, 2) as [Span, Span];
    const createdTimeUnixMs = Math.floor(Date.now() / 1_000) * 1_000;
    const atOnceStarted = { ...span, startTimeUnixNano: BigInt(createdTimeUnixMs) * 1_000_000n };
    const traces = [declaration(span.traceId, { createdTimeUnixMs })];
    await write(writer, frame({ native: native({ traces }), spans: [atOnceStarted] }));
    const list = () => setting.store.listTraces({ workspace: 'default', limit: 10 });
    expect(await list()).toMatchObject({ total: 1, items: [{ spanCount: 1, name: span.name }] });
    await write(writer, frame({ ...REVISES, spans: [{ ...atOnceStarted, name: 'renamed' }] }));
    expect(await list()).toMatchObject({ total: 1, items: [{ spanCount: 1, name: 'renamed' }] });
    await write(writer, frame({ ...REVISES, spans: [{ ...later, traceId: span.traceId }] }));
    expect(await list()).toMatchObject({ total: 1, items: [{ spanCount: 2, name: 'renamed' }] });
  });

  it('strange text in a declaration or a key fails the batch, or is run as SQL', async () => {
    const writer = await setting.writer();
    const texts = [
      `it's "quoted"`,
      'back\\slash \\u0000',
      '$1 ? ; drop table spans --',
      '🦜 \u0001',
      '{}',
      '\ud800',
      '\0',
    ];
    for (const [at, text] of texts.entries()) {
      const { traceId } = recordSource(at).span();
      const metadata = JSON.stringify({ [text]: text });
      const idempotency = { key: `key ${at} ${text}`, fingerprint: text, answer: metadata };
      const traces = [declaration(traceId, { promptName: text, versionTag: text, traceIdText: text, metadata })];
      const request = { native: native({ traces, idempotency }) };
      expect((await write(writer, frame(request))).outcomes).toMatchObject([{ written: true }]);
      const readable = text.replace(/[\0\ud800-\udbff](?![\udc00-\udfff])/g, '\ufffd');
      const { record } = (await setting.store.getTrace('default', traceId))!.summary;
      expect(record).toMatchObject({ promptName: readable, versionTag: readable, traceIdText: readable, metadata });
      const found = await setting.store.listTraces({ workspace: 'default', promptName: readable, limit: 5 });
      expect(found.items.map((item) => hex(item.traceId))).toContain(hex(traceId));
      expect((await write(writer, frame(request))).outcomes).toMatchObject([{ written: false, replayed: metadata }]);
    }
  });

  it('more declared traces of one prompt than are looked up are listed otherwise than few', async () => {
    const writer = await setting.writer();
    const source = recordSource(8);
    const now = Date.now();
    const records = Array.from({ length: 2_400 }, (_, at) =>
      declaration(source.id(16), {
        promptName: at % 2 ? 'odd' : 'even',
        versionTag: `${at}`,
        createdTimeUnixMs: now + at,
      }),
    );
    await write(writer, frame({ native: native({ traces: records }) }));
    const versions = async (query: object) => {
      const page = await setting.store.listTraces({ workspace: 'default', limit: 3, ...query });
      return [page.total, page.items.map(({ record }) => record!.versionTag)];
    };
    expect(await versions({ promptName: 'odd' })).toEqual([1_200, ['2399', '2397', '2395']]);
    expect(await versions({ promptName: 'odd', order: 'asc' })).toEqual([1_200, ['1', '3', '5']]);
    expect(await versions({ promptName: 'odd', versionTag: '7' })).toEqual([1, ['7']]);
    expect(await versions({ promptName: 'odd', status: 'error' })).toEqual([0, []]);
  });

  it('keys of the day before yesterday are kept for ever', async () => {
    const day = 24 * 3_600_000;
    const keyed = (key: string) => ({ native: native({ idempotency: { key, fingerprint: 'f', answer: '' } }) });
    const [first, second] = await twoGateways();
    await write(first, { ...frame(keyed('old')), receivedTimeUnixMs: Date.now() - 2 * day });
    await write(second, { ...frame(keyed('new')), receivedTimeUnixMs: Date.now() });
    expect(await setting.sql('select key from idempotency_keys')).toEqual([{ key: 'new' }]);
  });

  it('a trace that goes while its list is read breaks the list', async () => {
    const writer = await setting.writer();
    const spans = spansOfToday(9, 300);
    await write(writer, frame({ spans }));
    const deleting = (async () => {
      for (const { traceId } of spans) {
        await writer.deleteTraces!([{ workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER }]);
      }
    })();
    let left = 300;
    while (left > 0) {
      const { items } = await setting.store.listTraces({ workspace: 'default', limit: 300 });
      for (const { traceId } of items.slice(0, 3)) await setting.store.getTrace('default', traceId);
      left = items.length;
    }
    await deleting;
    await expectSummed(0);
  });

  it('a native span, a revision or a deletion reads whole days', async () => {
    const writer = await setting.writer();
    for (let day = 0; day < 4; day++) {
      const spans = spansOfToday(20 + day, 3_000).map((span) => ({ ...span, startTimeUnixNano: daysFromToday(-day) }));
      await writer.write(batchOf(++sequence, spans));
    }
    await writer.close();
    // What a session has counted is told when it ends.
    const scans = async () => {
      const sessions = `select 1 from pg_stat_activity where application_name like '%writer%' and datname = current_database()`;
      await expect.poll(async () => (await setting.sql(sessions)).length, { timeout: 10_000 }).toBe(0);
      const [row] = await setting.sql<{ scans: number }>(
        `select sum(seq_scan)::int as scans from pg_stat_user_tables
         where relname ~ '^(spans|trace_batches|native_spans|trace_records)'`,
      );
      return row!.scans;
    };
    const before = await scans();
    const other = await setting.writer();
    const spans = spansOfToday(30, 64);
    await write(other, frame({ spans, native: native({ traces: spans.map(({ traceId }) => declaration(traceId)) }) }));
    await write(other, frame({ ...REVISES, spans: spans.map((span) => ({ ...span, name: 'renamed' })) }));
    await write(other, frame({ ...REVISES, spans: spansOfToday(31, 5) }));
    await other.deleteTraces!(
      spans.map(({ traceId }) => ({ workspace: 'default', traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER })),
    );
    await other.close();
    expect((await scans()) - before).toBe(0);
    await expectSummed(12_005);
  });

  it('native logs are looked for among those of OTLP', async () => {
    const writer = await setting.writer();
    const source = recordSource(10);
    const log = (at: number, eventName: string) =>
      source.logRecord({ timeUnixNano: today() + BigInt(at), eventName, resource: resource('app') });
    const otlp = Array.from({ length: 20_000 }, (_, at) => log(at, ''));
    const logRecords = [log(-5, 'native'), ...otlp, log(-6, 'native')];
    await write(writer, decodedFrame(++sequence, { logRecords }));
    for (const order of ['asc', 'desc'] as const) {
      const page = await setting.store.listLogs({ workspace: 'default', eventName: 'native', limit: 5, order });
      expect(page).toMatchObject({ total: 2, totalRelation: 'eq', items: [{}, {}] });
    }
    const plan = await explained(
      `select * from log_records where workspace = 'default' and event_name = 'native' and event_name <> ''
       order by item_time_unix_nano, row_id desc limit 10`,
    );
    expect(plan).toMatch(/Index Scan Backward using log_records_\d{8}_workspace_event_name/);
    expect(plan).not.toMatch(/Sort {2}\(|Seq Scan on log_records_\d/);
  });

  const explained = async (statement: string) => {
    const rows = await setting.sql<{ 'QUERY PLAN': string }>(`explain ${statement}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };

  it.each([
    ['trace_batches', 'start_time_unix_nano', 'trace_id'],
    ['log_records', 'item_time_unix_nano', 'row_id'],
    ['metric_points', 'time_unix_nano', 'row_id'],
  ])('a list of %s is sorted before its page is read, one way or the other', async (table, time, tie) => {
    const writer = await setting.writer();
    const source = recordSource(11);
    const at = () => today() - BigInt(Math.floor(sequence * 86_400_000_000_000));
    for (let day = 0; day < 3; day++) {
      await write(
        writer,
        decodedFrame(++sequence, {
          spans: Array.from({ length: 500 }, () => source.span({ startTimeUnixNano: at() })),
          logRecords: Array.from({ length: 500 }, () => source.logRecord({ timeUnixNano: at() })),
          metricPoints: Array.from({ length: 500 }, () => source.metricPoint('sum', { timeUnixNano: at() })),
        }),
      );
    }
    await setting.sql(`analyze ${table}`);
    for (const order of [`${time} desc, ${tie}`, `${time}, ${tie} desc`]) {
      const plan = await explained(`select * from ${table} where workspace = 'default' order by ${order} limit 10`);
      expect(plan).not.toMatch(/Sort {2}\(/);
      expect(plan.match(/Index Scan/g)!.length).toBeGreaterThan(3);
    }
  });
});
