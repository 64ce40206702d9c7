/**
 * What every engine must do with what the native API writes: trace declarations, revisions, idempotency keys, deletions,
 * and the outcome of each frame; and lists in either order.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { FrameOutcome } from '../../../src/component.js';
import type { DecodedFrame, NativeWrite, Span, TraceRecord } from '../../../src/model/telemetry.js';
import type { Page } from '../../../src/store/page.js';
import type { SpanQuery, StoredSpan, TraceQuery } from '../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, type RecordSource, recordSource, resource } from '../../helpers/records.js';
import { BUFFER, following, hex, type MakeStore, type MakeStoreOptions, pages, Session } from './contract.js';

const MS = 1_000_000n;
const BASE_TIME_UNIX_MS = Number(BASE_TIME_UNIX_NANO / MS);
const DAY_MS = 24 * 60 * 60 * 1000;

function native(write: Partial<NativeWrite> = {}): NativeWrite {
  return { traces: [], revises: false, idempotency: undefined, ...write };
}

function declaration(source: RecordSource, overrides: Partial<TraceRecord> = {}): TraceRecord {
  const traceId = overrides.traceId ?? source.id(16);
  return {
    traceId,
    traceIdText: hex(traceId),
    promptName: undefined,
    versionTag: undefined,
    metadata: '{}',
    createdTimeUnixMs: BASE_TIME_UNIX_MS,
    ...overrides,
  };
}

function declares(...traces: TraceRecord[]): Partial<DecodedFrame> {
  return { native: native({ traces }) };
}

function revises(...spans: Span[]): Partial<DecodedFrame> {
  return { native: native({ revises: true }), spans };
}

function keyed(key: string, fingerprint: string, records: Partial<DecodedFrame>): Partial<DecodedFrame> {
  const idempotency = { key, fingerprint, answer: `answer of ${fingerprint}` };
  return { ...records, native: native({ ...records.native, idempotency }) };
}

function outcome(frame: DecodedFrame, rest: Partial<FrameOutcome> = {}): FrameOutcome {
  return { sequence: frame.sequence, written: true, knownTraces: [], knownSpans: [], ...rest };
}

function spanName({ traceId, spanId }: Span): string {
  return hex(traceId) + hex(spanId);
}

export function nativeTelemetryContract(name: string, makeStore: MakeStore): void {
  describe(`native telemetry: ${name}`, () => {
    const opened: Session[] = [];
    const open = async (options?: MakeStoreOptions): Promise<Session> => {
      const session = new Session(await makeStore(options));
      opened.push(session);
      return session;
    };
    afterEach(async () => {
      for (const { target } of opened.splice(0)) await target.dispose();
    });

    const writeOutcome = async (session: Session, frame: DecodedFrame, writer = 0) =>
      (await session.write([frame], { writer })).outcomes;
    const deleteTrace = async (session: Session, traceId: Uint8Array, receivedUntilUnixMs: number, writer = 0) =>
      (await session.target.writer(writer)).deleteTraces!([{ workspace: 'default', traceId, receivedUntilUnixMs }]);
    /** Pushes what is stored out of the blocks that a writer compares with. */
    const fillBlocks = async (session: Session, source: RecordSource, blocks: number) => {
      for (let at = 0; at < blocks; at++) await session.writeOne({ spans: source.trace(4) });
    };

    describe('trace declarations', () => {
      test('a declared trace without spans is not listed, or not read as it was declared', async () => {
        const session = await open();
        const source = recordSource(1);
        const record = declaration(source, {
          traceIdText: '0b5e1f0c-8a9b-4c3d-9e2f-000000000001',
          promptName: 'greeting',
          versionTag: 'v1.2.0',
          metadata: '{"user":"ü","n":0,"deep":{"a":[1,null]}}',
        });
        const frame = session.frame(declares(record));
        expect(await writeOutcome(session, frame)).toEqual([outcome(frame)]);
        const summary = {
          record,
          name: '',
          startTimeUnixNano: BASE_TIME_UNIX_NANO,
          endTimeUnixNano: BASE_TIME_UNIX_NANO,
          spanCount: 0,
          errorCount: 0,
          services: [],
          receivedTimeUnixMs: frame.receivedTimeUnixMs,
        };
        const trace = await session.store.getTrace('default', record.traceId);
        expect(trace).toMatchObject({ spans: [], summary });
        expect(await session.traces()).toMatchObject({ items: [summary], total: 1 });
        expect(await session.store.getTrace('other', record.traceId)).toBeUndefined();
        await session.target.reopen();
        expect((await session.store.getTrace('default', record.traceId))!.summary.record).toEqual(record);
      });

      test('a trace of spans alone is said to be declared', async () => {
        const session = await open();
        const spans = recordSource(2).trace(2);
        await session.writeOne({ spans });
        expect((await session.store.getTrace('default', spans[0]!.traceId))!.summary.record).toBeUndefined();
        expect((await session.traces()).items[0]!.record).toBeUndefined();
      });

      test('a declaration changes what its spans say of times and counts', async () => {
        const session = await open();
        const source = recordSource(3);
        const start = BASE_TIME_UNIX_NANO + 5_000n * MS;
        for (const declaredFirst of [true, false]) {
          const record = declaration(source);
          const root = source.span({
            traceId: record.traceId,
            name: 'root',
            startTimeUnixNano: start,
            endTimeUnixNano: start + 7n * MS,
            statusCode: 2,
          });
          const writes = [declares(record), { spans: [root] }];
          for (const write of declaredFirst ? writes : writes.reverse()) await session.writeOne(write);
          const summary = {
            record,
            name: 'root',
            startTimeUnixNano: start,
            endTimeUnixNano: start + 7n * MS,
            spanCount: 1,
            errorCount: 1,
            services: ['checkout'],
          };
          expect((await session.store.getTrace('default', record.traceId))!.summary).toMatchObject(summary);
          const listed = (await session.traces()).items.find((item) => hex(item.traceId) === hex(record.traceId));
          expect(listed).toMatchObject(summary);
        }
        expect(await session.traces()).toMatchObject({ total: 2 });
        // Measured from the declaration it would take five seconds.
        expect(await session.traces({ minDurationNano: 8n * MS })).toMatchObject({ items: [], total: 0 });
        expect(await session.traces({ minDurationNano: 7n * MS })).toMatchObject({ total: 2 });
      });

      test('a second declaration takes the place of the first, or is not reported', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(4);
        const first = declaration(source, { promptName: 'first' });
        const second = { ...first, promptName: 'second' };
        const fresh = declaration(source);
        await session.writeOne(declares(first));
        const known = hex(first.traceId);
        const again = session.frame(declares(second));
        expect(await writeOutcome(session, again)).toEqual([outcome(again, { written: false, knownTraces: [known] })]);
        const other = session.frame(declares(fresh, second));
        expect(await writeOutcome(session, other, 1)).toEqual([outcome(other, { knownTraces: [known] })]);
        await fillBlocks(session, source, 1);
        await session.target.reopen();
        const late = session.frame(declares(second));
        expect(await writeOutcome(session, late)).toEqual([outcome(late, { written: false, knownTraces: [known] })]);
        expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
        const elsewhere = session.frame({ ...declares(second), workspace: 'other' });
        expect(await writeOutcome(session, elsewhere)).toEqual([outcome(elsewhere)]);
        expect((await session.store.getTrace('other', first.traceId))!.summary.record).toEqual(second);
      });

      test('two declarations in one batch are both taken', async () => {
        const session = await open();
        const source = recordSource(5);
        const first = declaration(source, { promptName: 'first' });
        const frames = [session.frame(declares(first)), session.frame(declares({ ...first, promptName: 'second' }))];
        expect((await session.write(frames)).outcomes).toEqual([
          outcome(frames[0]!),
          outcome(frames[1]!, { written: false, knownTraces: [hex(first.traceId)] }),
        ]);
        expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
      });

      test('a declaration of long ago is overruled by one that slipped through', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(6);
        const first = declaration(source, { promptName: 'first' });
        await session.writeOne(declares(first));
        await fillBlocks(session, source, 4);
        const second = { ...first, promptName: 'second', createdTimeUnixMs: first.createdTimeUnixMs + 60_000 };
        await session.writeOne(declares(second));
        expect((await session.store.getTrace('default', first.traceId))!.summary.record).toEqual(first);
        expect((await session.traces({ promptName: 'first' })).items).toHaveLength(1);
        expect((await session.traces({ promptName: 'second' })).items).toHaveLength(0);
      });

      test('filters by prompt or version let others through, or miss some', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(7);
        const records = ['a', 'b', 'a', 'c'].map((promptName, at) =>
          declaration(source, { promptName, versionTag: `v${at}`, createdTimeUnixMs: BASE_TIME_UNIX_MS + at }),
        );
        for (const record of records) {
          await session.writeOne(declares(record));
          await session.writeOne({ spans: source.trace(3, { traceId: record.traceId }) });
        }
        await session.writeOne({ spans: source.trace(2) });
        const ids = async (query: object) => (await session.traces(query)).items.map(({ traceId }) => hex(traceId));
        const expected = (...at: number[]) => at.map((index) => hex(records[index]!.traceId));
        expect((await ids({ promptName: 'a' })).sort()).toEqual(expected(0, 2).sort());
        expect(await ids({ versionTag: 'v3' })).toEqual(expected(3));
        expect(await ids({ promptName: 'a', versionTag: 'v2' })).toEqual(expected(2));
        expect(await ids({ promptName: 'a', versionTag: 'v3' })).toEqual([]);
        expect((await session.traces({ promptName: 'a' })).total).toBe(2);
      });

      test('one of several concurrent declarations is lost, or shown twice', async () => {
        const session = await open();
        const source = recordSource(8);
        const records = Array.from({ length: 20 }, () => declaration(source));
        const frames = records.map((record) => session.frame(declares(record)));
        await Promise.all([
          session.write(frames.slice(0, 10), { writer: 0 }),
          session.write(frames.slice(10), { writer: 1 }),
        ]);
        const listed = (await session.traces()).items.map(({ traceId }) => hex(traceId)).sort();
        expect(listed).toEqual(records.map(({ traceId }) => hex(traceId)).sort());
      });
    });

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

      test('a filter goes by a version that was revised', async () => {
        const session = await open();
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
        await session.writeOne(
          revises({ ...last, statusCode: 2, endTimeUnixNano: last.startTimeUnixNano + 10n ** 12n }),
        );
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

    describe('outcomes', () => {
      test('a frame without a trailer has one, or a frame with one has none', async () => {
        const session = await open();
        const source = recordSource(40);
        const frames = [
          session.frame({ spans: source.trace(2) }),
          session.frame({ native: native(), logRecords: [source.logRecord()] }),
          session.frame({ logRecords: [source.logRecord()] }),
          session.frame({ native: native() }),
        ];
        const { outcomes } = await session.write(frames);
        expect(outcomes).toEqual([outcome(frames[1]!), outcome(frames[3]!)]);
      });

      test('spans that were there before are not told, or in another order than the frame has', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(41);
        const spans = [...source.trace(2), ...source.trace(2)];
        await session.writeOne({ spans }, 1);
        const fresh = source.span({ traceId: spans[0]!.traceId });
        const mixed = [spans[3]!, fresh, spans[0]!, spans[2]!];
        const frame = session.frame({ native: native(), spans: mixed });
        expect(await writeOutcome(session, frame)).toEqual([
          outcome(frame, { knownSpans: [spans[3]!, spans[0]!, spans[2]!].map(spanName) }),
        ]);
        const none = session.frame({ native: native(), spans });
        expect(await session.write([none])).toMatchObject({
          spans: 0,
          duplicateSpans: 4,
          outcomes: [outcome(none, { written: false, knownSpans: spans.map(spanName) })],
        });
        expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(3);
      });

      test('of two frames of a batch with one span, the earlier is told that it was there', async () => {
        const session = await open();
        const source = recordSource(42);
        const spans = source.trace(2);
        const otlp = source.trace(2);
        const frames = [
          session.frame({ native: native(), spans: [spans[0]!] }),
          session.frame({ native: native(), spans: [...spans, spans[1]!] }),
          session.frame({ spans: otlp }),
          session.frame({ native: native(), spans: [otlp[1]!] }),
        ];
        const { outcomes } = await session.write(frames);
        expect(outcomes).toEqual([
          outcome(frames[0]!),
          outcome(frames[1]!, { knownSpans: [spanName(spans[0]!), spanName(spans[1]!)] }),
          outcome(frames[3]!, { written: false, knownSpans: [spanName(otlp[1]!)] }),
        ]);
      });

      test('whether a frame was written is told otherwise when its range is replayed', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(43);
        const spans = source.trace(2);
        const frames = [
          session.frame({ native: native(), spans }),
          session.frame({ native: native(), spans }),
          session.frame({ native: native() }),
          session.frame(keyed('k', 'f', { logRecords: [source.logRecord()] })),
          session.frame(keyed('k', 'f', { logRecords: [source.logRecord()] })),
          session.frame(keyed('k', 'g', { logRecords: [source.logRecord()] })),
        ];
        const written = [true, false, true, true, false, false];
        const first = await session.write(frames);
        expect(first.outcomes.map((one) => one.written)).toEqual(written);
        const expected = frames.map(({ sequence }, at) => ({ sequence, written: written[at] }));
        expect((await session.write(frames)).outcomes).toMatchObject(expected);
        expect((await session.write(frames, { writer: 1 })).outcomes).toMatchObject(expected);
        await fillBlocks(session, source, 4);
        await session.target.reopen();
        const more = session.frame({ native: native(), spans: source.trace(1) });
        const range = { first: frames[0]!.sequence, last: more.sequence };
        const replay = await session.write([...frames, more], { writer: 1, range });
        expect(replay.outcomes).toMatchObject([...expected, { sequence: more.sequence, written: true }]);
        expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
      });

      test('what a buffer will not replay is kept from those that it will', async () => {
        const session = await open();
        const source = recordSource(44);
        const spans = source.trace(1);
        await session.writeOne({ spans });
        const [old, recent] = [session.frame({ native: native(), spans }), session.frame({ native: native(), spans })];
        await session.write([old]);
        await session.write([recent]);
        await session.store.forgetApplied(BUFFER, recent.sequence);
        expect(await writeOutcome(session, recent)).toMatchObject([{ sequence: recent.sequence, written: false }]);
      });

      test('a batch that fails leaves declarations, keys or revisions behind', async () => {
        const session = await open();
        const source = recordSource(45);
        const span = source.span({ name: 'old' });
        await session.writeOne({ native: native(), spans: [span] });
        const record = declaration(source);
        const good = [
          session.frame(keyed('k', 'f', declares(record))),
          session.frame(revises({ ...span, name: 'new' })),
          session.frame({ native: native(), spans: [span] }),
        ];
        const poison = session.frame({ spans: [source.span({ name: { not: 'text' } as unknown as string })] });
        await expect(session.write([...good, poison])).rejects.not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(await session.store.getTrace('default', record.traceId)).toBeUndefined();
        expect((await session.spansOf(span.traceId))[0]!.name).toBe('old');
        expect((await session.write(good)).outcomes).toEqual([
          outcome(good[0]!),
          outcome(good[1]!),
          outcome(good[2]!, { written: false, knownSpans: [spanName(span)] }),
        ]);
      });
    });

    describe('idempotency', () => {
      const logs = (source: RecordSource) => ({ logRecords: [source.logRecord()] });
      const logCount = async (session: Session, workspace = 'default') =>
        (await session.store.listLogs({ workspace, limit: 100 })).items.length;

      test('a repeated request is written again, or not answered as the first was', async () => {
        const session = await open();
        const source = recordSource(60);
        const known = source.trace(1);
        await session.writeOne({ spans: known });
        const record = declaration(source);
        await session.writeOne(declares(record));
        const request = keyed('key', 'f', {
          native: native({ traces: [record] }),
          spans: [known[0]!, source.span()],
        });
        const first = session.frame(request);
        const told = { knownSpans: [spanName(known[0]!)], knownTraces: [hex(record.traceId)] };
        expect(await writeOutcome(session, first)).toEqual([outcome(first, told)]);
        for (const writer of [0, 1]) {
          const again = session.frame(request);
          expect(await writeOutcome(session, again, writer)).toEqual([
            outcome(again, { ...told, written: false, replayed: 'answer of f' }),
          ]);
        }
        await session.target.reopen();
        const last = session.frame(request);
        expect(await writeOutcome(session, last)).toMatchObject([{ replayed: 'answer of f', written: false }]);
        expect((await session.traces()).total).toBe(3);
      });

      test('a key is taken by another request', async () => {
        const session = await open();
        const source = recordSource(61);
        await session.writeOne(keyed('key', 'f', logs(source)));
        for (const writer of [0, 1]) {
          const other = session.frame(keyed('key', 'g', logs(source)));
          expect(await writeOutcome(session, other, writer)).toEqual([
            outcome(other, { written: false, keyReused: true }),
          ]);
        }
        expect(await logCount(session)).toBe(1);
      });

      test('a key counts in another workspace', async () => {
        const session = await open();
        const source = recordSource(62);
        await session.writeOne(keyed('key', 'f', logs(source)));
        const other = session.frame({ ...keyed('key', 'f', logs(source)), workspace: 'other' });
        expect(await writeOutcome(session, other)).toEqual([outcome(other)]);
        expect(await logCount(session, 'other')).toBe(1);
      });

      test('a key repeated inside one batch is written twice', async () => {
        const session = await open();
        const source = recordSource(63);
        const frames = [
          session.frame(keyed('key', 'f', logs(source))),
          session.frame(keyed('key', 'f', logs(source))),
          session.frame(keyed('key', 'g', logs(source))),
          session.frame(keyed('other', 'g', logs(source))),
        ];
        expect((await session.write(frames)).outcomes).toEqual([
          outcome(frames[0]!),
          outcome(frames[1]!, { written: false, replayed: 'answer of f' }),
          outcome(frames[2]!, { written: false, keyReused: true }),
          outcome(frames[3]!),
        ]);
        expect(await logCount(session)).toBe(2);
      });

      test('a key is kept of a request that wrote nothing', async () => {
        const session = await open();
        const source = recordSource(64);
        const spans = source.trace(1);
        await session.writeOne({ spans });
        const refused = session.frame(keyed('key', 'f', { spans }));
        expect(await writeOutcome(session, refused)).toEqual([
          outcome(refused, { written: false, knownSpans: spans.map(spanName) }),
        ]);
        const other = session.frame(keyed('key', 'g', logs(source)));
        expect(await writeOutcome(session, other)).toEqual([outcome(other)]);
      });

      test('a key counts after its day, or is forgotten within it', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(65);
        const first = await session.writeOne(keyed('key', 'f', logs(source)));
        await fillBlocks(session, source, 4);
        const at = (elapsedMs: number) => {
          const records = keyed('key', 'f', logs(source));
          return session.frame({ ...records, receivedTimeUnixMs: first.receivedTimeUnixMs + elapsedMs });
        };
        expect(await writeOutcome(session, at(DAY_MS - 1000), 1)).toMatchObject([{ replayed: 'answer of f' }]);
        const later = at(DAY_MS + 1000);
        expect(await writeOutcome(session, later)).toEqual([outcome(later)]);
        expect(await writeOutcome(session, at(DAY_MS + 2000))).toMatchObject([{ replayed: 'answer of f' }]);
      });
    });

    describe('deletion', () => {
      test('a deleted trace is still read, or its logs and other traces go with it', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(80);
        const record = declaration(source);
        const { traceId } = record;
        const [spans, others] = [source.trace(3, { traceId }), source.trace(3)];
        const more = source.trace(2, { traceId });
        await session.writeOne(declares(record));
        await session.write([
          session.frame({ spans: [...spans, ...others] }),
          session.frame({ logRecords: [source.logRecord({ traceId })] }),
        ]);
        await fillBlocks(session, source, 2);
        await session.writeOne({ spans: more }, 1);
        const elsewhere = source.trace(2, { traceId });
        await session.writeOne({ workspace: 'other', spans: elsewhere });
        const last = await session.writeOne(revises({ ...spans[0]!, name: 'new' }));
        expect((await session.traces()).total).toBe(4);
        // Twice: it may be done again, and by whichever writer.
        for (const writer of [0, 2]) {
          await deleteTrace(session, traceId, last.receivedTimeUnixMs, writer);
          expect(await session.store.getTrace('default', traceId)).toBeUndefined();
          expect(await session.store.getSpan('default', traceId, spans[0]!.spanId)).toBeUndefined();
          expect(await session.store.listSpans!({ workspace: 'default', traceId, limit: 10 })).toBeUndefined();
          expect(await session.traces()).toMatchObject({ total: 3 });
          expect((await session.traces()).items).toHaveLength(3);
        }
        expect(await session.spansOf(others[0]!.traceId)).toHaveLength(3);
        expect(await session.spansOf(traceId, 'other')).toHaveLength(2);
        const { items } = await session.store.listLogs({ workspace: 'default', traceId, limit: 10 });
        expect(items).toHaveLength(1);
      });

      test('a span that is sent again after the deletion passes for known', async () => {
        const session = await open();
        const source = recordSource(81);
        const record = declaration(source);
        const spans = source.trace(2, { traceId: record.traceId });
        const request = { ...declares(record), spans };
        const first = await session.writeOne(request);
        await deleteTrace(session, record.traceId, first.receivedTimeUnixMs, 1);
        const again = session.frame(request);
        expect(await session.write([again])).toMatchObject({ spans: 2, duplicateSpans: 0, outcomes: [outcome(again)] });
        const repeated = session.frame(request);
        const told = { written: false, knownTraces: [hex(record.traceId)], knownSpans: spans.map(spanName) };
        expect(await writeOutcome(session, repeated)).toEqual([outcome(repeated, told)]);
        expect(await session.spansOf(record.traceId)).toHaveLength(2);
        expect((await session.store.getTrace('default', record.traceId))!.summary.record).toEqual(record);
      });

      test('what came after the deletion is deleted', async () => {
        const session = await open();
        const source = recordSource(82);
        const { traceId } = source.span();
        const spanAt = (offset: number) =>
          source.span({ traceId, name: `${offset}`, startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(offset) * MS });
        const frames = [1, 2, 3, 4].map((offset) => session.frame({ spans: [spanAt(offset)] }));
        await session.write(frames);
        await deleteTrace(session, traceId, frames[1]!.receivedTimeUnixMs);
        const trace = await session.store.getTrace('default', traceId);
        expect(trace!.spans.map((span) => span.name)).toEqual(['3', '4']);
        expect(trace!.summary).toMatchObject({ spanCount: 2, startTimeUnixNano: BASE_TIME_UNIX_NANO + 3n * MS });
        expect(await session.traces()).toMatchObject({ total: 1, items: [{ spanCount: 2 }] });
        const again = session.frame({ native: native(), spans: frames[0]!.spans });
        expect(await writeOutcome(session, again)).toEqual([outcome(again)]);
        const known = session.frame({ native: native(), spans: frames[2]!.spans });
        expect(await writeOutcome(session, known)).toMatchObject([{ written: false }]);
      });

      test('a trace that is not there, or is of another workspace, fails the deletion', async () => {
        const session = await open();
        const source = recordSource(83);
        const spans = source.trace(2);
        await session.writeOne({ workspace: 'other', spans });
        await deleteTrace(session, spans[0]!.traceId, Number.MAX_SAFE_INTEGER);
        await (await session.target.writer()).deleteTraces!([]);
        expect(await session.spansOf(spans[0]!.traceId, 'other')).toHaveLength(2);
      });

      test('writes of other writers fail, or are lost, while traces are deleted', async () => {
        const session = await open();
        const source = recordSource(84);
        const doomed = Array.from({ length: 10 }, () => source.trace(3));
        const written = await session.writeOne({ spans: doomed.flat() }, 0);
        const kept = Array.from({ length: 10 }, () => source.trace(3));
        const frames = kept.map((spans) => session.frame({ spans }));
        const deleting = async () => {
          for (const [root] of doomed) await deleteTrace(session, root!.traceId, written.receivedTimeUnixMs, 1);
        };
        const writing = async () => {
          for (const frame of frames) await session.write([frame], { writer: 0 });
        };
        await Promise.all([deleting(), writing()]);
        const listed = (await session.traces()).items.map(({ traceId }) => hex(traceId)).sort();
        expect(listed).toEqual(kept.map(([root]) => hex(root!.traceId)).sort());
      });
    });

    describe('order', () => {
      const orders = ['asc', 'desc'] as const;
      /** Ties, and rows of several writers and blocks, interleaved in time. */
      const timeOf = (at: number) => BASE_TIME_UNIX_NANO + BigInt((at * 7) % 20) * MS;
      const expectSorted = (times: readonly bigint[], order: 'asc' | 'desc') => {
        const sorted = [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(times).toEqual(order === 'asc' ? sorted : sorted.reverse());
      };
      const reversed = (lists: readonly string[][]) => [...lists[0]!].reverse();

      test('traces in either order come twice, are missed, or stand in another order', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(100);
        for (let at = 0; at < 40; at++) {
          const span = source.span({ startTimeUnixNano: timeOf(at) });
          await session.writeOne({ spans: [span] }, at % 2);
          if (at % 4 !== 0) continue;
          // A trace in two blocks, whose earlier span comes later.
          await session.writeOne(
            { spans: [source.span({ traceId: span.traceId, startTimeUnixNano: timeOf(at) - 50n * MS })] },
            1,
          );
        }
        const queries: Partial<TraceQuery>[] = [{}, { status: 'ok' }, { fromUnixNano: timeOf(0) }];
        for (const query of queries) {
          const lists: string[][] = [];
          for (const order of orders) {
            const read = await pages((after) => session.traces(following({ ...query, order, limit: 7 }, after)));
            const ids = read.map(({ traceId }) => hex(traceId));
            expect(new Set(ids).size).toBe(ids.length);
            expectSorted(
              read.map(({ startTimeUnixNano }) => startTimeUnixNano),
              order,
            );
            lists.push(ids);
          }
          expect(lists[0]!.length).toBe('fromUnixNano' in query ? 30 : 40);
          expect(lists[1]).toEqual(reversed(lists));
        }
      });

      test('a declared trace stands where its first span is, though it was declared earlier', async () => {
        const session = await open();
        const source = recordSource(101);
        const record = declaration(source);
        await session.writeOne(declares(record));
        const late = BASE_TIME_UNIX_NANO + 100n * MS;
        await session.writeOne({
          spans: [source.span({ traceId: record.traceId, name: 'late', startTimeUnixNano: late })],
        });
        const between = BASE_TIME_UNIX_NANO + 50n * MS;
        await session.writeOne({ spans: [source.span({ name: 'between', startTimeUnixNano: between })] });
        expect(await session.names({ order: 'asc' })).toEqual(['late', 'between']);
        expect(await session.names({ order: 'desc' })).toEqual(['between', 'late']);
        expect(await session.names({ fromUnixNano: between })).toEqual(['between']);
      });

      test('log records in either order come twice, are missed, or stand in another order', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(102);
        const traceId = source.id(16);
        for (let at = 0; at < 40; at++) {
          const eventName = at % 2 ? 'native' : at % 3 ? '' : 'other';
          await session.writeOne(
            { logRecords: [source.logRecord({ timeUnixNano: timeOf(at), eventName, body: `"${at}"`, traceId })] },
            at % 3,
          );
        }
        for (const [query, count] of [
          [{}, 40],
          [{ eventName: 'native' }, 20],
          [{ eventName: 'native', traceId }, 20],
          [{ eventName: 'native', fromUnixNano: timeOf(0) + 5n * MS, toUnixNano: timeOf(0) + 15n * MS }, 10],
          [{ eventName: '' }, 13],
          [{ traceId }, 40],
        ] as const) {
          const lists: string[][] = [];
          for (const order of orders) {
            const base = { workspace: 'default', limit: 7, order, ...query };
            const read = await pages((after) => session.store.listLogs(following(base, after)));
            expectSorted(
              read.map(({ timeUnixNano }) => timeUnixNano),
              order,
            );
            lists.push(read.map(({ body }) => body));
            expect((await session.store.listLogs(base)).total).toBe(count);
          }
          expect(new Set(lists[0]).size).toBe(count);
          expect(lists[1]).toEqual(reversed(lists));
        }
      });

      test('metric points in either order come twice, are missed, or stand in another order', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(103);
        for (let at = 0; at < 30; at++) {
          const type = at % 2 ? 'sum' : 'gauge';
          const points = [source.metricPoint(type, { timeUnixNano: timeOf(at), attributes: `{"at":${at}}` })];
          await session.writeOne({ metricPoints: points }, at % 3);
        }
        for (const [query, count] of [
          [{}, 30],
          [{ name: 'test.sum' }, 15],
        ] as const) {
          const lists: string[][] = [];
          for (const order of orders) {
            const base = { workspace: 'default', limit: 7, order, ...query };
            const read = await pages((after) => session.store.listMetricPoints(following(base, after)));
            expectSorted(
              read.map(({ timeUnixNano }) => timeUnixNano),
              order,
            );
            lists.push(read.map(({ attributes }) => attributes));
          }
          expect(new Set(lists[0]).size).toBe(count);
          expect(lists[1]).toEqual(reversed(lists));
        }
      });

      test('rows that are written while a list is read forwards change what was read', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(104);
        const write = (offset: number) =>
          session.writeOne({
            spans: [source.span({ name: `${offset}`, startTimeUnixNano: BASE_TIME_UNIX_NANO + BigInt(offset) * MS })],
          });
        for (let at = 10; at < 30; at++) await write(at);
        let offset = 0;
        const read = await pages(
          (after) => session.traces(following({ order: 'asc' as const, limit: 6 }, after)),
          () => write(offset++),
        );
        expect(read.map((trace) => trace.name)).toEqual(Array.from({ length: 20 }, (_, at) => `${at + 10}`));
      });
    });

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

    describe('bytes', () => {
      test('a workspace is said to hold other bytes than were received of it', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(140);
        expect(await session.store.storedBytes('default')).toBe(0);
        const spans = source.trace(3);
        await session.write([
          session.frame({ bytes: 1000, spans }),
          session.frame({ bytes: 10, logRecords: [source.logRecord()] }),
          session.frame({ bytes: 5, workspace: 'other', metricPoints: [source.metricPoint('sum')] }),
        ]);
        await session.writeOne({ bytes: 200, spans: source.trace(3) }, 1);
        const frame = await session.writeOne({ bytes: 30, spans: source.trace(3) });
        await session.write([frame]);
        await session.writeOne({ bytes: 7, native: native(), spans });
        await session.target.reopen();
        expect(await session.store.storedBytes('default')).toBe(1240);
        expect(await session.store.storedBytes('other')).toBe(5);
        expect(await session.store.storedBytes('none')).toBe(0);
      });
    });
  });
}
