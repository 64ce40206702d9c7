/** What every engine of the telemetry store must do. An engine's test file runs it over stores of its own making. */
import { afterEach, describe, expect, test } from 'vitest';
import type { SequenceRange } from '../../../src/component.js';
import type { DecodedFrame, LogRecord, MetricPoint, MetricType, Span } from '../../../src/model/telemetry.js';
import type { Keyset, Page } from '../../../src/store/page.js';
import {
  MAX_TRACE_SPANS,
  type TelemetryStore,
  type TelemetryWriter,
  type TraceQuery,
  type TraceSummary,
} from '../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO, decodedFrame, metric, recordSource, resource, scope } from '../../helpers/records.js';

export interface StoreUnderTest {
  readonly store: TelemetryStore;
  /** The writer of that number, opened at the first call. */
  writer(number?: number): Promise<TelemetryWriter>;
  /** Closes the writers and the store, then opens the store again over the same data. */
  reopen(): Promise<void>;
  /** Closes everything and removes the data. */
  dispose(): Promise<void>;
}

export interface MakeStoreOptions {
  /** Engines that have no blocks ignore it. */
  blockMaxSpans?: number;
  /** How long a list may look for its page. */
  pageBudgetMs?: number;
}

export type MakeStore = (options?: MakeStoreOptions) => Promise<StoreUnderTest>;

export const BUFFER = 'b0ffe2b0ffe2b0ffe2b0ffe2b0ffe2aa';
const MS = 1_000_000n;
const METRIC_TYPES: MetricType[] = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'];

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Bytes as hex and without the opaque keys, so that two records are equal when all that OTLP carries is equal. */
export function comparable(record: object): unknown {
  const entries = Object.entries(record).filter(([name]) => name !== 'key');
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (value instanceof Uint8Array) return [name, hex(value)];
      return [name, typeof value === 'object' && value !== null ? comparable(value) : value];
    }),
  );
}

function received(record: Span | LogRecord | MetricPoint, frame: DecodedFrame): unknown {
  return comparable({ ...record, receivedTimeUnixMs: frame.receivedTimeUnixMs });
}

/** The writes of one test: frames are numbered on from 1. */
export class Session {
  private sequence = 0;

  constructor(readonly target: StoreUnderTest) {}

  get store(): TelemetryStore {
    return this.target.store;
  }

  frame(records: Partial<DecodedFrame>): DecodedFrame {
    return decodedFrame(++this.sequence, records);
  }

  async write(frames: DecodedFrame[], { writer = 0, range }: { writer?: number; range?: SequenceRange } = {}) {
    const covered = range ?? { first: frames[0]!.sequence, last: frames.at(-1)!.sequence };
    return (await this.target.writer(writer)).write({ bufferId: BUFFER, range: covered, frames });
  }

  /** One batch of one frame. */
  async writeOne(records: Partial<DecodedFrame>, writer = 0): Promise<DecodedFrame> {
    const frame = this.frame(records);
    await this.write([frame], { writer });
    return frame;
  }

  async spansOf(traceId: Uint8Array, workspace = 'default') {
    return (await this.store.getTrace(workspace, traceId))?.spans ?? [];
  }

  async traces(query: Partial<TraceQuery> = {}): Promise<Page<TraceSummary>> {
    return this.store.listTraces({ workspace: 'default', limit: 100, ...query });
  }

  async names(query: Partial<TraceQuery> = {}): Promise<string[]> {
    return (await this.traces(query)).items.map((trace) => trace.name);
  }
}

/** Follows `next` to the end; `between` runs after each page. */
export async function pages<Item>(
  list: (after: Keyset | undefined) => Promise<Page<Item>>,
  between: () => Promise<unknown> = async () => {},
): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: Keyset | undefined, page = 0; page < 200; page++) {
    const result = await list(after);
    items.push(...result.items);
    if (!result.next) return items;
    after = result.next;
    await between();
  }
  throw new Error('the pages do not end');
}

/** Every page of a list, to its end. */
async function allPages<Item>(list: (after: Keyset | undefined) => Promise<Page<Item>>): Promise<Page<Item>[]> {
  const all: Page<Item>[] = [];
  await pages(async (after) => {
    const page = await list(after);
    all.push(page);
    return page;
  });
  return all;
}

/** Pages that their budget ended: at least one, and none claims to have seen everything. */
function expectPartial(all: readonly Page<unknown>[], limit: number): void {
  const partial = all.filter(({ items, next }) => next !== undefined && items.length < limit);
  expect(partial.length).toBeGreaterThan(0);
  for (const { items, totalRelation, total } of partial) {
    expect(totalRelation).toBe('gte');
    expect(total).toBeGreaterThanOrEqual(items.length);
  }
}

export function following<Query extends object>(query: Query, after: Keyset | undefined): Query & { after?: Keyset } {
  return after ? { ...query, after } : query;
}

export function telemetryContract(name: string, makeStore: MakeStore): void {
  describe(`telemetry store: ${name}`, () => {
    const opened: StoreUnderTest[] = [];
    const open = async (options?: MakeStoreOptions): Promise<Session> => {
      const target = await makeStore(options);
      opened.push(target);
      return new Session(target);
    };
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.dispose();
    });

    describe('spans', () => {
      test('a span comes back with another value in some field', async () => {
        const session = await open();
        const source = recordSource(1);
        const span = source.span({
          parentSpanId: source.id(8),
          traceState: 'vendor=1,other=2',
          flags: 0x301,
          name: 'chat gpt-4o',
          kind: 3,
          startTimeUnixNano: 1_767_225_600_123_456_789n,
          endTimeUnixNano: 1_767_225_601_987_654_321n,
          statusCode: 2,
          statusMessage: 'rate limited',
          attributes:
            '{"gen_ai.usage.input_tokens":42,"big":{"$int":"9223372036854775807"},"score":1.0,"nested":{"a":[1,null]}}',
          droppedAttributesCount: 1,
          events:
            '[{"timeUnixNano":"1767225600123456790","name":"e","attributes":{"x":-0.0},"droppedAttributesCount":2}]',
          droppedEventsCount: 3,
          links: `[{"traceId":"${hex(source.id(16))}","spanId":"${hex(source.id(8))}","traceState":"","attributes":{},"droppedAttributesCount":0,"flags":1}]`,
          droppedLinksCount: 4,
          resource: {
            ...resource('checkout', { 'host.name': 'h1' }),
            droppedAttributesCount: 5,
            schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
            entityRefs: '[{"type":"service","idKeys":["service.name"]}]',
          },
          scope: {
            ...scope('lib', '2.1.0'),
            attributes: '{"short_name":"l"}',
            droppedAttributesCount: 6,
            schemaUrl: 'https://s',
          },
        });
        const frame = await session.writeOne({ spans: [span] });
        const [read] = await session.spansOf(span.traceId);
        expect(comparable(read!)).toEqual(received(span, frame));
        const single = await session.store.getSpan('default', span.traceId, span.spanId);
        expect(comparable(single!)).toEqual(received(span, frame));
      });

      test('a plain span comes back with something in fields that were empty', async () => {
        const session = await open();
        const span = recordSource(2).span({ name: '', attributes: '{}' });
        const frame = await session.writeOne({ spans: [span] });
        const [read] = await session.spansOf(span.traceId);
        expect(read!.parentSpanId).toBeUndefined();
        expect(comparable(read!)).toEqual(received(span, frame));
      });

      test('spans of one trace take the resource or scope of their neighbours', async () => {
        const session = await open();
        const source = recordSource(3);
        const traceId = source.id(16);
        const spans = ['a', 'b', 'a', 'c'].map((service, at) =>
          source.span({ traceId, resource: resource(service), scope: scope(`${service}-lib`, `${at}`) }),
        );
        await session.writeOne({ spans });
        const read = await session.spansOf(traceId);
        expect(read.map((span) => [span.resource.serviceName, span.scope.name, span.scope.version])).toEqual([
          ['a', 'a-lib', '0'],
          ['b', 'b-lib', '1'],
          ['a', 'a-lib', '2'],
          ['c', 'c-lib', '3'],
        ]);
      });

      test('strange text is changed or refused', async () => {
        const session = await open();
        const source = recordSource(4);
        const texts = [
          '🦜 émoji \u{10ffff}',
          'quo\'te " back\\slash $1 %s',
          'tab\tline\nreturn\r',
          '\\N',
          '\\.',
          '{}',
          '',
        ];
        const spans = texts.map((text) =>
          source.span({
            name: text,
            statusMessage: text,
            traceState: text,
            attributes: JSON.stringify({
              [text]: text,
              __proto__x: 1,
              nul: '\u0000',
              lone: '\ud800',
              'a.b"c\\d': text,
            }),
            resource: resource(text === '' ? 'none' : text),
            scope: scope(text, text),
          }),
        );
        const frame = await session.writeOne({ spans });
        for (const span of spans) {
          const [read] = await session.spansOf(span.traceId);
          expect(comparable(read!)).toEqual(received(span, frame));
        }
      });

      test('a key named __proto__ is lost', async () => {
        const session = await open();
        const attributes = '{"__proto__":{"polluted":true},"constructor":"c","toString":"t"}';
        const span = recordSource(5).span({ attributes, resource: { ...resource('p'), attributes, key: 'proto' } });
        const frame = await session.writeOne({ spans: [span] });
        const [read] = await session.spansOf(span.traceId);
        expect(comparable(read!)).toEqual(received(span, frame));
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      });

      test('a raw NUL or a lone surrogate in a name fails the batch', async () => {
        const session = await open();
        const source = recordSource(6);
        const nul = source.span({ name: 'before\u0000after' });
        const lone = source.span({ name: 'before\ud800after' });
        await session.writeOne({ spans: [nul, lone] });
        const [readNul] = await session.spansOf(nul.traceId);
        const [readLone] = await session.spansOf(lone.traceId);
        // An engine that can't hold the character puts the replacement character in its place.
        expect(['before\u0000after', 'before\ufffdafter']).toContain(readNul!.name);
        expect(readLone!.name).toMatch(/^before\ufffd+after$/);
      });

      test('an attribute of a megabyte is cut or refused', async () => {
        const session = await open();
        const attributes = JSON.stringify({ prompt: 'é🦜x'.repeat(200_000), small: 1 });
        const span = recordSource(7).span({ attributes });
        await session.writeOne({ spans: [span] });
        const [read] = await session.spansOf(span.traceId);
        expect(read!.attributes === attributes).toBe(true);
      });

      test('times at the edges of their range are rounded or refused', async () => {
        const session = await open();
        const source = recordSource(8);
        for (const time of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
          const span = source.span({ startTimeUnixNano: time, endTimeUnixNano: time });
          const frame = await session.writeOne({ spans: [span] });
          const trace = await session.store.getTrace('default', span.traceId);
          expect(comparable(trace!.spans[0]!)).toEqual(received(span, frame));
          expect(trace!.summary.startTimeUnixNano).toBe(time);
          expect(trace!.summary.endTimeUnixNano).toBe(time);
        }
        const listed = await pages((after) => session.traces(following({ limit: 4 }, after)));
        expect(listed).toHaveLength(6);
        expect(listed[0]!.startTimeUnixNano).toBe(2n ** 63n - 1n);
      });

      test('an unsigned 32-bit number beyond 2^31 is refused', async () => {
        const session = await open();
        const max = 0xffff_ffff;
        const span = recordSource(9).span({
          flags: max,
          droppedAttributesCount: max,
          droppedEventsCount: max,
          droppedLinksCount: max,
        });
        const frame = await session.writeOne({ spans: [span] });
        const [read] = await session.spansOf(span.traceId);
        expect(comparable(read!)).toEqual(received(span, frame));
      });

      test('spans of a trace come in another order than start, then id', async () => {
        const session = await open();
        const source = recordSource(10);
        const traceId = source.id(16);
        const starts = [5n, 3n, 3n, 9n, 1n].map((offset) => BASE_TIME_UNIX_NANO + offset * MS);
        const spans = starts.map((startTimeUnixNano) => source.span({ traceId, startTimeUnixNano }));
        await session.writeOne({ spans });
        const expected = [...spans].sort((a, b) =>
          a.startTimeUnixNano === b.startTimeUnixNano
            ? hex(a.spanId).localeCompare(hex(b.spanId))
            : Number(a.startTimeUnixNano - b.startTimeUnixNano),
        );
        const read = await session.spansOf(traceId);
        expect(read.map((span) => hex(span.spanId))).toEqual(expected.map((span) => hex(span.spanId)));
      });

      test('a trace of more spans than are read comes without saying so, or in another order', async () => {
        const session = await open();
        const source = recordSource(12);
        const spans = source.trace(MAX_TRACE_SPANS + 2);
        const third = Math.ceil(spans.length / 3);
        // The latest first: their places are not in the order of their times.
        for (const from of [2 * third, third, 0]) await session.writeOne({ spans: spans.slice(from, from + third) });
        const trace = (await session.store.getTrace('default', spans[0]!.traceId))!;
        expect(trace.truncated).toBe(true);
        expect(trace.summary.spanCount).toBe(spans.length);
        expect(trace.spans).toHaveLength(MAX_TRACE_SPANS);
        expect(trace.spans.every(({ spanId }, at) => hex(spanId) === hex(spans[at]!.spanId))).toBe(true);
        const last = spans.at(-1)!;
        expect(await session.store.getSpan('default', last.traceId, last.spanId)).toMatchObject({ name: last.name });
      });

      test('what is not there is found', async () => {
        const session = await open();
        const source = recordSource(11);
        const span = source.span();
        expect(await session.store.getTrace('default', span.traceId)).toBeUndefined();
        await session.writeOne({ spans: [span] });
        expect(await session.store.getTrace('default', source.id(16))).toBeUndefined();
        expect(await session.store.getSpan('default', span.traceId, source.id(8))).toBeUndefined();
        expect(await session.store.getSpan('default', source.id(16), span.spanId)).toBeUndefined();
      });
    });

    describe('exactly once', () => {
      test('a batch that is replayed is written twice', async () => {
        const session = await open();
        const source = recordSource(20);
        const frames = [
          session.frame({ spans: source.trace(3) }),
          session.frame({ logRecords: [source.logRecord()] }),
          session.frame({ metricPoints: [source.metricPoint('gauge')] }),
        ];
        expect(await session.write(frames)).toMatchObject({
          spans: 3,
          duplicateSpans: 0,
          logRecords: 1,
          metricPoints: 1,
        });
        expect(await session.write(frames)).toMatchObject({
          spans: 0,
          duplicateSpans: 0,
          logRecords: 0,
          metricPoints: 0,
        });
        expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
        expect((await session.store.listMetricPoints({ workspace: 'default', limit: 10 })).items).toHaveLength(1);
        expect(await session.spansOf(frames[0]!.spans[0]!.traceId)).toHaveLength(3);
      });

      test('frames that were applied are written again, or new ones are left out, when a range is replayed in part', async () => {
        const session = await open();
        const source = recordSource(21);
        const frames = Array.from({ length: 6 }, () => session.frame({ logRecords: [source.logRecord()] }));
        await session.write(frames.slice(2, 4));
        expect(await session.write(frames)).toMatchObject({ logRecords: 4 });
        expect((await session.store.listLogs({ workspace: 'default', limit: 10 })).items).toHaveLength(6);
        expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([{ first: 1, last: 6 }]);
      });

      test('a range is forgotten when the store is opened again', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(22);
        const frames = Array.from({ length: 6 }, () =>
          session.frame({ logRecords: [source.logRecord(), source.logRecord()] }),
        );
        for (const frame of frames.slice(0, 5)) await session.write([frame]);
        await session.target.reopen();
        expect(await session.write(frames)).toMatchObject({ logRecords: 2 });
        expect((await session.store.listLogs({ workspace: 'default', limit: 100 })).items).toHaveLength(12);
      });

      test('another writer writes a range again', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(23);
        await session.target.writer(1); // open before the other has written
        const frames = Array.from({ length: 4 }, () =>
          session.frame({ logRecords: [source.logRecord(), source.logRecord()] }),
        );
        for (const frame of frames) await session.write([frame], { writer: 0 });
        expect(await session.write(frames, { writer: 1 })).toMatchObject({ logRecords: 0 });
        await session.target.reopen();
        expect(await session.write(frames, { writer: 2 })).toMatchObject({ logRecords: 0 });
      });

      test('ranges of several writers, and of frames that held nothing, are not merged', async () => {
        const session = await open();
        await session.write([], { writer: 0, range: { first: 1, last: 10 } });
        await session.write([], { writer: 1, range: { first: 11, last: 20 } });
        await session.write([], { writer: 0, range: { first: 21, last: 30 } });
        await session.write([], { writer: 1, range: { first: 41, last: 50 } });
        expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([
          { first: 1, last: 30 },
          { first: 41, last: 50 },
        ]);
        const later = await session.store.appliedRanges(BUFFER, 35);
        expect(later.filter(({ last }) => last >= 35)).toEqual([{ first: 41, last: 50 }]);
        expect(await session.store.appliedRanges('another buffer', 0)).toEqual([]);
      });

      test('ranges of another buffer count', async () => {
        const session = await open();
        const source = recordSource(24);
        const frame = session.frame({ logRecords: [source.logRecord()] });
        await session.write([frame]);
        const writer = await session.target.writer();
        const result = await writer.write({ bufferId: 'another', range: { first: 1, last: 1 }, frames: [frame] });
        expect(result.logRecords).toBe(1);
      });

      test('forgetting old ranges takes newer ones along', async () => {
        const session = await open();
        await session.write([], { range: { first: 1, last: 10 } });
        await session.write([], { range: { first: 21, last: 30 } });
        await session.store.forgetApplied(BUFFER, 15);
        expect((await session.store.appliedRanges(BUFFER, 15)).filter(({ last }) => last >= 15)).toEqual([
          { first: 21, last: 30 },
        ]);
      });

      test('a client that resends its spans doubles them', async () => {
        const session = await open();
        const source = recordSource(25);
        const spans = source.trace(5);
        await session.writeOne({ spans });
        const again = session.frame({ spans: [...spans, source.span({ traceId: spans[0]!.traceId })] });
        expect(await session.write([again])).toMatchObject({ spans: 1, duplicateSpans: 5 });
        expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(6);
        const { items } = await session.traces();
        expect(items).toHaveLength(1);
        expect(items[0]!.spanCount).toBe(6);
      });

      test('a resend that reaches another writer is shown twice', async () => {
        const session = await open();
        const source = recordSource(26);
        const spans = source.trace(4, { statusCode: 2 });
        await session.writeOne({ spans }, 0);
        expect(await session.write([session.frame({ spans })], { writer: 1 })).toMatchObject({
          spans: 0,
          duplicateSpans: 4,
        });
        expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(4);
        expect((await session.traces()).items[0]).toMatchObject({ spanCount: 4, errorCount: 4 });
      });

      test('a resend after a restart, or into the block after, is written twice', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(27);
        const spans = source.trace(4);
        await session.writeOne({ spans });
        expect(await session.write([session.frame({ spans })])).toMatchObject({ spans: 0, duplicateSpans: 4 });
        await session.target.reopen();
        expect(await session.write([session.frame({ spans })])).toMatchObject({ spans: 0, duplicateSpans: 4 });
      });

      test('duplicates inside one batch are written', async () => {
        const session = await open();
        const source = recordSource(28);
        const spans = source.trace(3);
        const frames = [session.frame({ spans: [...spans, spans[1]!] }), session.frame({ spans: [spans[0]!] })];
        expect(await session.write(frames)).toMatchObject({ spans: 3, duplicateSpans: 2 });
        expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(3);
      });

      test('spans of other workspaces, or other traces, pass for duplicates', async () => {
        const session = await open();
        const source = recordSource(29);
        const span = source.span();
        const frames = [
          session.frame({ spans: [span, { ...span, traceId: source.id(16) }] }),
          session.frame({ workspace: 'other', spans: [span] }),
        ];
        expect(await session.write(frames)).toMatchObject({ spans: 3, duplicateSpans: 0 });
      });

      test('a batch that fails leaves a part of itself behind', async () => {
        const session = await open();
        const source = recordSource(30);
        const good = session.frame({ spans: source.trace(2), logRecords: [source.logRecord()] });
        const poison = session.frame({ spans: [source.span({ name: { not: 'text' } as unknown as string })] });
        await expect(session.write([good, poison])).rejects.not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(await session.spansOf(good.spans[0]!.traceId)).toEqual([]);
        expect(await session.store.appliedRanges(BUFFER, 0)).toEqual([]);
        expect(await session.write([good])).toMatchObject({ spans: 2, logRecords: 1 });
        expect(await session.spansOf(good.spans[0]!.traceId)).toHaveLength(2);
      });
    });

    describe('workspaces', () => {
      test('one workspace sees what belongs to another', async () => {
        const session = await open();
        const source = recordSource(40);
        const spans = source.trace(2);
        const log = source.logRecord({ traceId: spans[0]!.traceId });
        await session.writeOne({
          workspace: 'mine',
          spans,
          logRecords: [log],
          metricPoints: [source.metricPoint('sum')],
        });
        const { store } = session;
        expect(await store.getTrace('theirs', spans[0]!.traceId)).toBeUndefined();
        expect(await store.getSpan('theirs', spans[0]!.traceId, spans[0]!.spanId)).toBeUndefined();
        for (const [workspace, count] of [
          ['mine', 1],
          ['theirs', 0],
        ] as const) {
          const query = { workspace, limit: 10 };
          expect(await store.listTraces(query)).toMatchObject({ total: count });
          expect((await store.listTraces(query)).items).toHaveLength(count);
          expect((await store.listLogs({ ...query, traceId: spans[0]!.traceId })).items).toHaveLength(count);
          expect((await store.listLogs(query)).items).toHaveLength(count);
          expect((await store.listMetricPoints(query)).items).toHaveLength(count);
        }
      });

      test('one trace id in two workspaces is one trace', async () => {
        const session = await open();
        const source = recordSource(41);
        const spans = source.trace(3);
        await session.write([
          session.frame({ workspace: 'a', spans }),
          session.frame({ workspace: 'b', spans: spans.slice(0, 2) }),
        ]);
        expect(await session.spansOf(spans[0]!.traceId, 'a')).toHaveLength(3);
        expect(await session.spansOf(spans[0]!.traceId, 'b')).toHaveLength(2);
        expect((await session.traces({ workspace: 'b' })).items[0]).toMatchObject({ spanCount: 2 });
      });
    });

    describe('traces', () => {
      test('a summary is wrong', async () => {
        const session = await open();
        const source = recordSource(50);
        const [root, child, other] = source.trace(3) as [Span, Span, Span];
        const spans = [
          {
            ...other,
            statusCode: 2,
            resource: resource('billing'),
            endTimeUnixNano: root.startTimeUnixNano + 90n * MS,
          },
          { ...child, statusCode: 1, resource: resource('') },
          {
            ...root,
            name: 'POST /chat',
            endTimeUnixNano: root.startTimeUnixNano + 70n * MS,
            resource: resource('api'),
          },
        ];
        spans[1]!.endTimeUnixNano = spans[1]!.startTimeUnixNano;
        const frame = await session.writeOne({ spans });
        const expected = {
          traceId: hex(root.traceId),
          name: 'POST /chat',
          startTimeUnixNano: root.startTimeUnixNano,
          endTimeUnixNano: root.startTimeUnixNano + 90n * MS,
          spanCount: 3,
          errorCount: 1,
          services: comparable(['api', 'billing']),
          receivedTimeUnixMs: frame.receivedTimeUnixMs,
        };
        expect(comparable((await session.traces()).items[0]!)).toEqual(expected);
        expect(comparable((await session.store.getTrace('default', root.traceId))!.summary)).toEqual(expected);
      });

      test('a trace whose spans come one by one, in several batches and blocks, root last, is not summed up', async () => {
        const session = await open({ blockMaxSpans: 2 });
        const source = recordSource(51);
        const [root, ...children] = source.trace(7) as [Span, ...Span[]];
        const pieces = [...children.map((span, at) => ({ ...span, resource: resource(`s${at % 3}`) })), root];
        const frames: DecodedFrame[] = [];
        for (const [at, span] of pieces.entries()) {
          frames.push(await session.writeOne({ spans: [span, source.span({ name: `noise-${at}` })] }, at % 2));
        }
        const trace = await session.store.getTrace('default', root.traceId);
        expect(trace!.spans.map((span) => span.name)).toEqual(['root', ...children.map((span) => span.name)]);
        expect(trace!.summary).toMatchObject({
          name: 'root',
          spanCount: 7,
          startTimeUnixNano: root.startTimeUnixNano,
          services: ['checkout', 's0', 's1', 's2'],
          receivedTimeUnixMs: frames[0]!.receivedTimeUnixMs,
        });
        const listed = (await session.traces()).items.filter((item) => hex(item.traceId) === hex(root.traceId));
        expect(listed).toEqual([trace!.summary]);
        expect(await session.traces()).toMatchObject({ total: 8, totalRelation: 'eq' });
      });

      test('a trace without its root is named by another than its earliest span without a known parent', async () => {
        const session = await open();
        const source = recordSource(52);
        const traceId = source.id(16);
        const ids = [source.id(8), source.id(8), source.id(8)] as const;
        const at = (offset: bigint) => BASE_TIME_UNIX_NANO + offset * MS;
        const leaf = source.span({
          traceId,
          spanId: ids[0],
          parentSpanId: ids[1],
          name: 'leaf',
          startTimeUnixNano: at(1n),
        });
        const middle = source.span({
          traceId,
          spanId: ids[1],
          parentSpanId: ids[2],
          name: 'middle',
          startTimeUnixNano: at(2n),
        });
        const root = source.span({ traceId, spanId: ids[2], name: 'root', startTimeUnixNano: at(3n) });
        await session.writeOne({ spans: [leaf] });
        expect(await session.names()).toEqual(['leaf']);
        await session.writeOne({ spans: [middle] });
        expect(await session.names()).toEqual(['middle']);
        await session.writeOne({ spans: [root] });
        expect(await session.names()).toEqual(['root']);
      });

      test('of two roots the later one names the trace', async () => {
        const session = await open();
        const source = recordSource(53);
        const traceId = source.id(16);
        const late = source.span({ traceId, name: 'late', startTimeUnixNano: BASE_TIME_UNIX_NANO + 2n });
        const early = source.span({ traceId, name: 'early', startTimeUnixNano: BASE_TIME_UNIX_NANO + 1n });
        await session.writeOne({ spans: [late] });
        await session.writeOne({ spans: [early] });
        expect(await session.names()).toEqual(['early']);
      });

      test('traces are listed in another order than newest first, or twice', async () => {
        const session = await open({ blockMaxSpans: 10 });
        const source = recordSource(54);
        const starts = [7n, 1n, 9n, 3n, 5n, 8n, 2n, 6n, 4n].map((offset) => BASE_TIME_UNIX_NANO + offset * 1000n * MS);
        const traces = starts.map((startTimeUnixNano) => source.trace(4, { startTimeUnixNano }));
        for (const [at, spans] of traces.entries()) {
          await session.writeOne({ spans: spans.slice(2) }, at % 2);
          await session.writeOne({ spans: spans.slice(0, 2) }, (at + 1) % 2);
        }
        const newestFirst = [...starts].sort((a, b) => Number(b - a));
        expect((await session.traces()).items.map((item) => item.startTimeUnixNano)).toEqual(newestFirst);
        for (const limit of [1, 2, 4, 9]) {
          const listed = await pages((after) => session.traces(following({ limit }, after)));
          expect(listed.map((item) => item.startTimeUnixNano)).toEqual(newestFirst);
        }
      });

      test('traces that start at the same nanosecond are lost or repeated between pages', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(55);
        const startTimeUnixNano = BASE_TIME_UNIX_NANO;
        const traces = Array.from({ length: 23 }, () => source.trace(2, { startTimeUnixNano }));
        for (const [at, spans] of traces.entries()) await session.writeOne({ spans }, at % 2);
        const listed = await pages((after) => session.traces(following({ limit: 5 }, after)));
        const ids = listed.map((item) => hex(item.traceId));
        expect([...ids].sort()).toEqual(traces.map(([root]) => hex(root!.traceId)).sort());
      });

      test('pages shift while newer traces come in', async () => {
        const session = await open({ blockMaxSpans: 8 });
        const source = recordSource(56);
        const first = Array.from({ length: 20 }, () => source.trace(2));
        for (const spans of first) await session.writeOne({ spans });
        const listed = await pages(
          (after) => session.traces(following({ limit: 3 }, after)),
          () => session.writeOne({ spans: source.trace(2) }, 1),
        );
        expect(listed.map((item) => hex(item.traceId))).toEqual(first.map(([root]) => hex(root!.traceId)).reverse());
      });

      test('an offset skips another number of traces than it says', async () => {
        const session = await open({ blockMaxSpans: 4 });
        const source = recordSource(57);
        for (let count = 0; count < 9; count++) await session.writeOne({ spans: source.trace(2) });
        const all = (await session.traces()).items;
        const page = await session.traces({ limit: 3, offset: 4 });
        expect(page.items).toEqual(all.slice(4, 7));
        expect(page).toMatchObject({ total: 9, totalRelation: 'eq' });
        expect((await session.traces({ limit: 3, offset: 9 })).items).toEqual([]);
      });

      test('the last page names a next one, or a full page names none though there is more', async () => {
        const session = await open();
        const source = recordSource(58);
        for (let count = 0; count < 4; count++) await session.writeOne({ spans: source.trace(2) });
        expect((await session.traces({ limit: 4 })).next).toBeUndefined();
        expect((await session.traces({ limit: 3 })).next).toBeDefined();
        expect((await session.traces({ limit: 4, offset: 1 })).next).toBeUndefined();
      });

      test('a filter lets others through, or keeps out what matches', async () => {
        const session = await open({ blockMaxSpans: 6 });
        const source = recordSource(59);
        const at = (seconds: bigint) => BASE_TIME_UNIX_NANO + seconds * 1000n * MS;
        const make = (root: Partial<Span>, child: Partial<Span> = {}) => {
          const [first, second] = source.trace(2, { endTimeUnixNano: root.startTimeUnixNano! + 5n * MS }) as [
            Span,
            Span,
          ];
          return [
            { ...second, startTimeUnixNano: root.startTimeUnixNano! + MS, ...child },
            { ...first, ...root },
          ];
        };
        const tagged = JSON.stringify({ 'user.id': 'u1', 'a"b\\c.d': 'odd', n: 42, ok: true });
        const traces = [
          make({ name: 'one', startTimeUnixNano: at(1n) }, { statusCode: 2 }),
          make({ name: 'two', startTimeUnixNano: at(2n), attributes: tagged }),
          make(
            { name: 'three', startTimeUnixNano: at(3n) },
            { endTimeUnixNano: at(8n), attributes: '{"score":1.5,"user.id":"u2"}' },
          ),
          make({ name: 'four', startTimeUnixNano: at(4n) }, { resource: resource('billing', { region: 'eu' }) }),
        ];
        // Each span alone in its batch, the child first: what is asked for lies now in this part, now in that.
        for (const [index, spans] of traces.entries()) {
          for (const span of spans) await session.writeOne({ spans: [span] }, index % 2);
        }
        const attributes = (key: string, value: string) => ({ attributes: [{ key, value }] });
        const cases: [Partial<TraceQuery>, string[]][] = [
          [{}, ['four', 'three', 'two', 'one']],
          [{ fromUnixNano: at(2n) }, ['four', 'three', 'two']],
          [{ toUnixNano: at(2n) }, ['one']],
          [{ fromUnixNano: at(2n), toUnixNano: at(4n) }, ['three', 'two']],
          [{ fromUnixNano: at(1n) + 1n, toUnixNano: at(2n) }, []],
          [{ service: 'billing' }, ['four']],
          [{ service: 'checkout' }, ['four', 'three', 'two', 'one']],
          [{ service: 'bill' }, []],
          [{ name: 'two' }, ['two']],
          [{ name: 'child-0' }, []],
          [{ status: 'error' }, ['one']],
          [{ status: 'ok' }, ['four', 'three', 'two']],
          [{ minDurationNano: 5n * MS + 1n }, ['three']],
          [{ minDurationNano: 5n * MS }, ['four', 'three', 'two', 'one']],
          [attributes('user.id', 'u1'), ['two']],
          [attributes('user.id', 'u'), []],
          [attributes('a"b\\c.d', 'odd'), ['two']],
          [attributes('n', '42'), ['two']],
          [attributes('ok', 'true'), ['two']],
          [attributes('score', '1.5'), ['three']],
          [attributes('region', 'eu'), ['four']],
          [
            {
              attributes: [
                { key: 'score', value: '1.5' },
                { key: 'user.id', value: 'u2' },
              ],
            },
            ['three'],
          ],
          [
            {
              attributes: [
                { key: 'score', value: '1.5' },
                { key: 'user.id', value: 'u1' },
              ],
            },
            [],
          ],
          [{ status: 'ok', service: 'billing', name: 'four', ...attributes('region', 'eu') }, ['four']],
        ];
        for (const [query, names] of cases) {
          const label = JSON.stringify(query, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
          expect([label, await session.names(query)]).toEqual([label, names]);
          const { total, totalRelation } = await session.traces({ ...query, limit: 1 });
          expect([label, total, totalRelation]).toEqual([label, names.length, 'eq']);
          const listed = await pages((after) => session.traces(following({ ...query, limit: 1 }, after)));
          expect([label, listed.map((item) => item.name)]).toEqual([label, names]);
        }
      });

      test('more traces than are counted pass for an exact total', async () => {
        const session = await open();
        const source = recordSource(60);
        for (let batch = 0; batch < 3; batch++) {
          await session.writeOne({ spans: Array.from({ length: 3500 }, () => source.span()) });
        }
        const page = await session.traces({ limit: 1 });
        expect(page.total).toBeGreaterThanOrEqual(10_000);
        expect(page.totalRelation).toBe(page.total === 10_500 ? 'eq' : 'gte');
        const after = BASE_TIME_UNIX_NANO + 10_000n * MS;
        // A count that takes too long, on a machine with much else to do, is told as a part.
        const few = () => session.traces({ limit: 1, fromUnixNano: after });
        await expect.poll(few).toMatchObject({ total: 500, totalRelation: 'eq' });
      });
    });

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
        expect((await list(session)).items.map((item) => item.body)).toEqual([
          '"new"',
          '"observed"',
          '"old"',
          '"never"',
        ]);
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

    describe('metric points', () => {
      const list = (session: Session, query: object = {}) =>
        session.store.listMetricPoints({ workspace: 'default', limit: 100, ...query });

      test.each(METRIC_TYPES)('a %s point comes back with another value in some field', async (type) => {
        const session = await open();
        const source = recordSource(80);
        const full = source.metricPoint(type, {
          metric: { ...metric(type), temporality: 1, monotonic: true, metadata: '{"prometheus.type":"counter"}' },
          timeUnixNano: 1_767_225_600_123_456_789n,
          startTimeUnixNano: 0n,
          flags: 1,
          attributes: '{"a.b":1.0}',
          exemplars: '[{"timeUnixNano":"1","asInt":"7","traceId":"00000000000000000000000000000001"}]',
          resource: resource('meter', { nested: { $map: { $int: '1' } } }),
          scope: scope('meter-lib'),
        });
        const frame = await session.writeOne({ metricPoints: [full] });
        expect((await list(session)).items.map(comparable)).toEqual([received(full, frame)]);
      });

      test('a number of a point changes its type or its last digits', async () => {
        const session = await open();
        const source = recordSource(81);
        const number = (intValue: bigint | undefined, doubleValue: number | undefined) =>
          source.metricPoint('gauge', { intValue, doubleValue });
        const points = [
          number(2n ** 63n - 1n, undefined),
          number(-(2n ** 63n), undefined),
          number(0n, undefined),
          number(undefined, 0),
          number(undefined, -0),
          number(undefined, 5e-324),
          number(undefined, 1.7976931348623157e308),
          number(undefined, 0.1),
          number(undefined, Number.NaN),
          number(undefined, Number.POSITIVE_INFINITY),
          number(undefined, Number.NEGATIVE_INFINITY),
          number(undefined, undefined),
        ];
        await session.writeOne({ metricPoints: points });
        const read = (await list(session)).items.reverse();
        expect(read.map((point) => [point.intValue, point.doubleValue])).toEqual(
          points.map((point) => [point.intValue, point.doubleValue]),
        );
      });

      test('a filter lets other points through, or keeps out what matches', async () => {
        const session = await open({ blockMaxSpans: 2 });
        const source = recordSource(82);
        const points = METRIC_TYPES.map((type, at) =>
          source.metricPoint(type, {
            attributes: `{"shard":${at}}`,
            resource: resource(at % 2 === 0 ? 'even' : 'odd'),
          }),
        );
        for (const [at, point] of points.entries()) await session.writeOne({ metricPoints: [point] }, at % 2);
        const types = async (query: object) => (await list(session, query)).items.map((point) => point.metric.type);
        expect(await types({})).toEqual([...METRIC_TYPES].reverse());
        expect(await types({ name: 'test.sum' })).toEqual(['sum']);
        expect(await types({ name: 'test' })).toEqual([]);
        expect(await types({ service: 'odd' })).toEqual(['exponential_histogram', 'sum']);
        expect(await types({ attributes: [{ key: 'shard', value: '3' }] })).toEqual(['exponential_histogram']);
        const range = { fromUnixNano: points[1]!.timeUnixNano, toUnixNano: points[3]!.timeUnixNano };
        expect(await types(range)).toEqual(['histogram', 'sum']);
        expect(await list(session, { service: 'even', limit: 1 })).toMatchObject({ total: 3, totalRelation: 'eq' });
      });

      test('points of the same nanosecond are lost or repeated between pages', async () => {
        const session = await open({ blockMaxSpans: 5 });
        const source = recordSource(83);
        const points = Array.from({ length: 17 }, (_, at) =>
          source.metricPoint('sum', { timeUnixNano: BASE_TIME_UNIX_NANO, intValue: BigInt(at) }),
        );
        for (const [at, point] of points.entries()) await session.writeOne({ metricPoints: [point] }, at % 2);
        const listed = await pages((after) => list(session, following({ name: 'test.sum', limit: 4 }, after)));
        expect(listed.map((point) => Number(point.intValue)).sort((a, b) => a - b)).toEqual(points.map((_, at) => at));
      });
    });

    describe('pages that end at their budget', () => {
      const EVERY = 40;

      /** 120 traces; every 40th stands out by its child, which comes in another batch, and mostly to another writer. */
      const openWithRareTraces = async () => {
        const session = await open({ blockMaxSpans: 50, pageBudgetMs: 0 });
        const source = recordSource(95);
        const roots: Span[] = [];
        const children: Span[] = [];
        for (let at = 0; at < 120; at++) {
          const [root, child] = source.trace(2, { name: `root-${at}` }) as [Span, Span];
          roots.push({ ...root, endTimeUnixNano: root.startTimeUnixNano + MS });
          const ordinary = { ...child, endTimeUnixNano: child.startTimeUnixNano + MS };
          const rare = {
            endTimeUnixNano: child.startTimeUnixNano + 60_000n * MS,
            statusCode: 2,
            attributes: '{"tag":"rare"}',
            resource: resource('rare-service'),
          };
          children.push(at % EVERY === 7 ? { ...ordinary, ...rare } : ordinary);
        }
        for (let at = 0; at < 120; at += 20) {
          await session.writeOne({ spans: roots.slice(at, at + 20) }, (at / 20) % 2);
        }
        for (let at = 0; at < 120; at += 10) {
          await session.writeOne({ spans: children.slice(at, at + 10) }, at % 3 === 0 ? 1 : 0);
        }
        return { session, roots };
      };
      const rareNames = (roots: readonly Span[]) =>
        roots
          .filter((_, at) => at % EVERY === 7)
          .map(({ name }) => name)
          .reverse();

      test('a rare filter answers with an error, or loses or repeats traces from page to page', async () => {
        const { session, roots } = await openWithRareTraces();
        const byChild: Partial<TraceQuery>[] = [
          { minDurationNano: 60_000n * MS },
          { attributes: [{ key: 'tag', value: 'rare' }] },
          { service: 'rare-service' },
          { minDurationNano: 60_000n * MS, service: 'rare-service' },
        ];
        for (const query of byChild) {
          const all = await allPages((after) => session.traces(following({ ...query, limit: 2 }, after)));
          expectPartial(all, 2);
          expect(all.flatMap(({ items }) => items).map(({ name }) => name)).toEqual(rareNames(roots));
          for (const { spanCount, errorCount, services } of all.flatMap(({ items }) => items)) {
            expect({ spanCount, errorCount, services }).toEqual({
              spanCount: 2,
              errorCount: 1,
              services: ['checkout', 'rare-service'],
            });
          }
        }
        for (const [query, names] of [
          [{ status: 'error' }, rareNames(roots)],
          [{ name: 'root-7' }, ['root-7']],
          [{ name: 'child-0' }, []],
          [{ minDurationNano: 61_000n * MS }, []],
          [{ status: 'ok', service: 'rare-service' }, []],
        ] as [Partial<TraceQuery>, string[]][]) {
          const all = await allPages((after) => session.traces(following({ ...query, limit: 2 }, after)));
          expect([query, all.flatMap(({ items }) => items).map(({ name }) => name)]).toEqual([query, names]);
        }
      });

      test('a filter that all match, or a time range, loses or repeats traces', async () => {
        const { session, roots } = await openWithRareTraces();
        const newestFirst = roots.map(({ name }) => name).reverse();
        for (const limit of [3, 50]) {
          const listed = await pages((after) => session.traces(following({ minDurationNano: MS, limit }, after)));
          expect(listed.map(({ name }) => name)).toEqual(newestFirst);
        }
        const range = { fromUnixNano: roots[20]!.startTimeUnixNano, toUnixNano: roots[90]!.startTimeUnixNano };
        const listed = await pages((after) =>
          session.traces(following({ ...range, status: 'ok' as const, limit: 5 }, after)),
        );
        const expected = roots.slice(20, 90).filter((_, at) => (at + 20) % EVERY !== 7);
        expect(listed.map(({ name }) => name)).toEqual(expected.map(({ name }) => name).reverse());
      });

      test('a page that ends within its offset forgets how much was still to be skipped', async () => {
        const { session, roots } = await openWithRareTraces();
        const rare = { attributes: [{ key: 'tag', value: 'rare' }], limit: 2 };
        const all = await allPages((after) => session.traces(after ? { ...rare, after } : { ...rare, offset: 1 }));
        expectPartial(all, 2);
        expect(all.flatMap(({ items }) => items).map(({ name }) => name)).toEqual(rareNames(roots).slice(1));
      });

      test('a rare filter loses or repeats log records', async () => {
        const session = await open({ blockMaxSpans: 40, pageBudgetMs: 0 });
        const source = recordSource(96);
        const records = Array.from({ length: 150 }, (_, at) =>
          source.logRecord({
            // Twenty of each time, from both writers, so that slices end among equals.
            timeUnixNano: BASE_TIME_UNIX_NANO + BigInt(Math.floor(at / 20)) * MS,
            body: at % 50 === 3 ? `"a needle, ${at}"` : `"hay ${at}"`,
            severityNumber: at % 3 === 0 ? 17 : 9,
          }),
        );
        for (let at = 0; at < 150; at += 10) {
          await session.writeOne({ logRecords: records.slice(at, at + 10) }, (at / 10) % 2);
        }
        const list = (query: object) => session.store.listLogs({ workspace: 'default', limit: 2, ...query });
        const all = await allPages((after) => list(following({ bodyContains: 'needle' }, after)));
        expectPartial(all, 2);
        const bodies = all.flatMap(({ items }) => items).map(({ body }) => body);
        expect(bodies).toEqual(['"a needle, 103"', '"a needle, 53"', '"a needle, 3"']);
        const skipped = await pages((after) =>
          list(after ? { bodyContains: 'needle', after } : { bodyContains: 'needle', offset: 2 }),
        );
        expect(skipped.map(({ body }) => body)).toEqual(['"a needle, 3"']);
        const listed = await pages((after) => list(following({ bodyContains: 'HAY', limit: 7 }, after)));
        expect(new Set(listed.map(({ body }) => body)).size).toBe(147);
        expect(listed).toHaveLength(147);
        for (const limit of [16, 20, 25]) {
          const severe = await allPages((after) => list(following({ minSeverityNumber: 13, limit }, after)));
          expectPartial(severe, limit);
          const found = severe.flatMap(({ items }) => items).map(({ body }) => body);
          expect(new Set(found).size).toBe(50);
          expect(found).toHaveLength(50);
        }
      });

      test('a rare filter loses or repeats metric points', async () => {
        const session = await open({ blockMaxSpans: 40, pageBudgetMs: 0 });
        const source = recordSource(97);
        const points = Array.from({ length: 150 }, (_, at) =>
          source.metricPoint('sum', {
            metric: {
              ...metric('sum', at % 3 === 0 ? 'thirds' : 'others'),
              ...(at % 2 === 0 && { unit: 's', key: 's' }),
            },
            intValue: BigInt(at),
            attributes: at % 50 === 3 ? '{"tag":"rare"}' : '{}',
          }),
        ).map((point) => ({ ...point, metric: { ...point.metric, key: `${point.metric.name}/${point.metric.unit}` } }));
        for (let at = 0; at < 150; at += 10) {
          await session.writeOne({ metricPoints: points.slice(at, at + 10) }, (at / 10) % 2);
        }
        const list = (query: object) => session.store.listMetricPoints({ workspace: 'default', limit: 2, ...query });
        const attributes = [{ key: 'tag', value: 'rare' }];
        const all = await allPages((after) => list(following({ attributes }, after)));
        expectPartial(all, 2);
        expect(all.flatMap(({ items }) => items).map(({ intValue }) => intValue)).toEqual([103n, 53n, 3n]);
        const named = await pages((after) => list(following({ attributes, name: 'thirds' }, after)));
        expect(named.map(({ intValue }) => intValue)).toEqual([3n]);
        const thirds = await pages((after) => list(following({ name: 'thirds' }, after)));
        expect(thirds.map(({ intValue }) => Number(intValue))).toEqual(
          Array.from({ length: 50 }, (_, at) => 147 - at * 3),
        );
      });
    });

    describe('life', () => {
      test('what was written is gone when the store is opened again', async () => {
        const session = await open({ blockMaxSpans: 3 });
        const source = recordSource(90);
        const traces = [source.trace(2), source.trace(2), source.trace(2)];
        for (const spans of traces) await session.writeOne({ spans });
        await session.target.reopen();
        for (const spans of traces) expect(await session.spansOf(spans[0]!.traceId)).toHaveLength(2);
        await session.writeOne({ spans: source.trace(2) });
        expect(await session.traces()).toMatchObject({ total: 4 });
      });

      test('reads fail, or show half a batch, while two writers write', async () => {
        const session = await open({ blockMaxSpans: 200 });
        const source = recordSource(91);
        let writing = 2;
        const write = async (writer: number) => {
          for (let batch = 0; batch < 20; batch++)
            await session.writeOne({ spans: [...source.trace(10), ...source.trace(10)] }, writer);
          writing--;
        };
        const read = async () => {
          let seen = 0;
          while (writing > 0) {
            const { items, total } = await session.traces();
            for (const item of items) expect(item.spanCount).toBe(10);
            expect(total).toBeGreaterThanOrEqual(seen);
            seen = total;
            if (items[0]) expect(await session.spansOf(items[0].traceId)).toHaveLength(10);
          }
        };
        await Promise.all([write(0), write(1), read(), read()]);
        expect(await session.traces()).toMatchObject({ total: 80 });
      });

      test('a store that was never started, or is ended twice, cannot be shut down', async () => {
        const session = await open();
        await session.store.ping();
        await session.store.shutdown({ deadlineMs: 1000 });
        await session.store.shutdown({ deadlineMs: 1000 });
      });
    });
  });
}

function byTime(a: unknown, b: unknown): number {
  const time = (record: unknown) => (record as { timeUnixNano: bigint }).timeUnixNano;
  return Number(time(b) - time(a));
}
