/** What every engine must do with what is large: each content once, every record whole again, and nothing left of what is deleted. */
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { CONTENT_MARK } from '../../../../src/model/content.js';
import type { DecodedFrame, LogRecord, Span } from '../../../../src/model/telemetry.js';
import { takeOutContents } from '../../../../workers/contents.js';
import { BASE_TIME_UNIX_NANO, recordSource } from '../../../helpers/records.js';
import { comparable, hex } from '../record-comparison.js';
import { Session } from '../session.js';
import type { MakeStoreOptions, StoreUnderTest } from '../store-under-test.js';

const MIB = 2 ** 20;
const BASE_TIME_UNIX_MS = Number(BASE_TIME_UNIX_NANO / 1_000_000n);
const LATE = BASE_TIME_UNIX_MS + 10 * 86_400_000;

export interface ContentCounts {
  contents: number;
  /** Of all of them. */
  chars: number;
  places: number;
}

export interface ContentStore extends StoreUnderTest {
  countContents(): Promise<ContentCounts>;
}

export type MakeContentStore = (options?: MakeStoreOptions) => Promise<ContentStore>;

const image = randomBytes(3 * MIB).toString('base64');
const otherImage = randomBytes(20_000).toString('base64');

function prose(length: number): string {
  return 'Said the joker to the thief. '.repeat(Math.ceil(length / 29)).slice(0, length);
}

function withImage(data: string): string {
  const messages = [{ role: 'user', parts: [{ type: 'blob', content: `data:image/png;base64,${data}` }] }];
  return `{"n":1.0,"big":{"$int":"9223372036854775807"},"nan":{"$double":"NaN"},"gen_ai.input.messages":${JSON.stringify(JSON.stringify(messages))},"e":1e+300}`;
}

/** What the writer thread makes of a frame before it is written; the records that were sent stay as they are. */
function prepared(frame: Partial<DecodedFrame>): Partial<DecodedFrame> & Pick<DecodedFrame, 'spans'> {
  const spans = (frame.spans ?? []).map((span) => ({ ...span }));
  const logRecords = (frame.logRecords ?? []).map((record) => ({ ...record }));
  takeOutContents({ spans, logRecords }, MIB);
  return { ...frame, spans, logRecords };
}

/** A failure shows lengths and hashes, not megabytes. */
function shortened(record: object): unknown {
  return JSON.parse(JSON.stringify(record, (_, value) => short(typeof value === 'bigint' ? `${value}` : value)));
}

function short(value: unknown): unknown {
  if (typeof value !== 'string' || value.length < 1000) return value;
  return `${value.length} characters, ${createHash('sha256').update(value).digest('hex')}`;
}

const REVISION = { traces: [], revises: true, idempotency: undefined };

export function contentContract(name: string, makeStore: MakeContentStore): void {
  describe(`large contents: ${name}`, () => {
    const opened: ContentStore[] = [];
    const open = async (options?: MakeStoreOptions) => {
      const target = await makeStore(options);
      opened.push(target);
      return { session: new Session(target), target };
    };
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.dispose();
    });

    const write = (session: Session, frame: Partial<DecodedFrame>, writer = 0) =>
      session.writeOne(prepared(frame), writer);
    const deleteTrace = async (session: Session, { traceId }: Span, workspace = 'default', writer = 0) =>
      (await session.target.writer(writer)).deleteTraces([{ workspace, traceId, receivedUntilUnixMs: LATE }]);
    const read = ({ store }: Session, { traceId, spanId }: Span, workspace = 'default') =>
      store.getSpan(workspace, traceId, spanId);
    const textsOf = (record: Pick<Span, 'attributes' | 'events'> | undefined) =>
      record && [short(record.attributes), short(record.events)];
    const expectSame = (found: unknown, sent: Span | LogRecord) => {
      const { receivedTimeUnixMs: _, ...rest } = comparable(found as object) as { receivedTimeUnixMs: number };
      expect(shortened(rest)).toEqual(shortened(comparable(sent) as object));
    };

    test('an image that two spans have is stored twice, or comes back changed', async () => {
      const { session, target } = await open();
      const source = recordSource(1);
      const spans = [source.span({ attributes: withImage(image) }), source.span({ attributes: withImage(image) })];
      await write(session, { spans: [spans[0]!] });
      await write(session, { spans: [spans[1]!] });
      expect(await target.countContents()).toEqual({ contents: 1, chars: image.length, places: 2 });
      for (const span of spans) expectSame(await read(session, span), span);
    });

    test('a prompt that a hundred spans repeat is stored for each of them, or missing in an answer', async () => {
      const { session, target } = await open();
      const source = recordSource(2);
      const prompt = prose(200_000);
      const attributes = JSON.stringify({ 'gen_ai.system_instructions': prompt, n: 1 });
      const spans = source.trace(100, { attributes });
      await write(session, { spans: spans.slice(0, 50) });
      await write(session, { spans: spans.slice(50) });
      const { contents, chars, places } = await target.countContents();
      expect(chars).toBeLessThanOrEqual(prompt.length);
      expect(places).toBe(contents * 100);
      expect((await session.spansOf(spans[0]!.traceId)).map(textsOf)).toEqual(spans.map(textsOf));
      const page = await session.store.listSpans({
        workspace: 'default',
        traceId: spans[0]!.traceId,
        limit: 100,
        order: 'asc',
      });
      expect(page!.items.map(textsOf)).toEqual(spans.map(textsOf));
    });

    test('a span of a larger trace comes without what is large in it', async () => {
      const { session } = await open();
      const spans = recordSource(3).trace(700, { attributes: withImage(otherImage), events: '[]' });
      await write(session, { spans });
      expect((await session.spansOf(spans[0]!.traceId)).map(textsOf)).toEqual(spans.map(textsOf));
    });

    test('an event of a span, a body or an attribute of a log loses what is large in it', async () => {
      const { session, target } = await open();
      const source = recordSource(4);
      const events = `[{"timeUnixNano":"1","name":"gen_ai.content","attributes":${withImage(otherImage)},"droppedAttributesCount":0}]`;
      const span = source.span({ events, attributes: withImage(otherImage) });
      const logs = [
        source.logRecord({ body: JSON.stringify(prose(100_000)), traceId: span.traceId, spanId: span.spanId }),
        source.logRecord({ body: `{"image":{"$bytes":"${otherImage}"}}`, attributes: withImage(otherImage) }),
      ];
      await write(session, { spans: [span], logRecords: logs });
      expectSame(await read(session, span), span);
      const found = await session.store.listLogs({ workspace: 'default', limit: 10, order: 'asc' });
      expect(found.items).toHaveLength(2);
      for (const [at, item] of found.items.entries()) expectSame(item, logs[at]!);
      expect((await target.countContents()).places).toBeGreaterThan(5);
    });

    test('text that Postgres can not read as JSON, or beyond the plane of most letters, comes back changed', async () => {
      const { session } = await open();
      const attributes = JSON.stringify({
        nul: 'a\u0000b',
        long: `\u{1F600}\u0000${'\u{1F600}é"\\\u0000'.repeat(20_000)}`,
      });
      const span = recordSource(5).span({ attributes });
      await write(session, { spans: [span] });
      expectSame(await read(session, span), span);
    });

    test("a sender's own mark is taken for one of the store", async () => {
      const { session } = await open();
      const source = recordSource(6);
      const secret = source.span({ attributes: withImage(otherImage) });
      const [stub] = prepared({ spans: [secret] }).spans;
      expect(stub!.attributes).toContain(CONTENT_MARK);
      const forged = source.span({ attributes: stub!.attributes });
      const both = source.span({ attributes: stub!.attributes.replace('{', `{"own":"${otherImage.slice(0, 8000)}",`) });
      await write(session, { spans: [secret] });
      await session.writeOne({ spans: [forged] });
      await write(session, { spans: [both] });
      expectSame(await read(session, forged), forged);
      expectSame(await read(session, both), both);
    });

    test('another workspace reads a span with the same content as nothing, or frees it for the first', async () => {
      const { session, target } = await open();
      const source = recordSource(7);
      const attributes = withImage(otherImage);
      const [mine, theirs] = [source.span({ attributes }), source.span({ attributes })];
      await write(session, { spans: [mine] });
      await write(session, { workspace: 'other', spans: [theirs] });
      expectSame(await read(session, theirs, 'other'), theirs);
      expect(await read(session, mine, 'other')).toBeUndefined();
      await deleteTrace(session, mine);
      expectSame(await read(session, theirs, 'other'), theirs);
      await deleteTrace(session, theirs, 'other');
      expect(await target.countContents()).toEqual({ contents: 0, chars: 0, places: 0 });
    });

    test('a deleted trace leaves its contents behind, or takes those that another trace has', async () => {
      const { session, target } = await open();
      const source = recordSource(8);
      const shared = source.span({ attributes: withImage(otherImage) });
      const other = source.span({ attributes: withImage(otherImage) });
      const alone = source.span({ traceId: other.traceId, attributes: JSON.stringify({ long: prose(70_000) }) });
      const log = source.logRecord({ traceId: other.traceId, body: JSON.stringify(prose(40_000)) });
      await write(session, { spans: [shared, other, alone] });
      await write(session, { logRecords: [log] });
      await deleteTrace(session, other);
      expectSame(await read(session, shared), shared);
      const [item] = (await session.store.listLogs({ workspace: 'default', limit: 10 })).items;
      expectSame(item, log);
      await deleteTrace(session, shared);
      const left = await target.countContents();
      expect(left.chars).toBeLessThanOrEqual(40_000);
      // What was freed can be stored again.
      await write(session, { spans: [shared] });
      expectSame(await read(session, shared), shared);
    });

    test('a revised span shows the contents of its older version, or leaves them when it is deleted', async () => {
      const { session, target } = await open();
      const source = recordSource(9);
      const first = source.span({
        attributes: withImage(otherImage),
        events: JSON.stringify([{ name: prose(40_000) }]),
      });
      const second = {
        ...first,
        attributes: JSON.stringify({ before: prose(100), long: prose(90_000) }),
        events: '[]',
      };
      await write(session, { spans: [first], native: { ...REVISION, revises: false } });
      await write(session, { spans: [second], native: REVISION });
      expectSame(await read(session, first), second);
      const moved = { ...second, startTimeUnixNano: second.startTimeUnixNano + 1n, attributes: withImage(otherImage) };
      await write(session, { spans: [moved], native: REVISION });
      expectSame(await read(session, first), moved);
      expect((await session.spansOf(first.traceId)).map(textsOf)).toEqual([textsOf(moved)]);
      await deleteTrace(session, first);
      expect(await target.countContents()).toEqual({ contents: 0, chars: 0, places: 0 });
    });

    test('a span that is sent again has its contents twice', async () => {
      const { session, target } = await open();
      const source = recordSource(10);
      const span = source.span({ attributes: withImage(otherImage) });
      const fresh = source.span({ attributes: withImage(otherImage) });
      await write(session, { spans: [span] });
      await write(session, { spans: [span, fresh, fresh] });
      expect(await target.countContents()).toEqual({ contents: 1, chars: otherImage.length, places: 2 });
      for (const sent of [span, fresh]) expectSame(await read(session, sent), sent);
    });

    test('a span that is sent again with other contents leaves them behind', async () => {
      const { session, target } = await open();
      const span = recordSource(17).span({ attributes: withImage(otherImage) });
      const changed = { ...span, attributes: JSON.stringify({ long: prose(70_000) }) };
      await write(session, { spans: [span] });
      await write(session, { spans: [changed] });
      expect(await target.countContents()).toEqual({ contents: 1, chars: otherImage.length, places: 1 });
      expectSame(await read(session, span), span);
    });

    test('a replayed batch has its contents twice', async () => {
      const { session, target } = await open();
      const span = recordSource(11).span({ attributes: withImage(otherImage) });
      const frame = session.frame(prepared({ spans: [span] }));
      await session.write([frame]);
      await session.write([frame]);
      expect((await target.countContents()).places).toBe(1);
    });

    test('two writers that store one content wait for each other for ever, or lose it', async () => {
      const { session } = await open();
      const source = recordSource(12);
      const contents = Array.from({ length: 6 }, () => randomBytes(9000).toString('base64'));
      const batch = (images: readonly string[]) => images.map((data) => source.span({ attributes: withImage(data) }));
      const batches = Array.from({ length: 8 }, (_, at) => batch(at % 2 === 0 ? contents : [...contents].reverse()));
      await Promise.all(batches.map((spans, at) => write(session, { spans }, at % 2)));
      for (const span of batches.flat()) expectSame(await read(session, span), span);
    });

    test('a deletion beside writes of the same content takes it away from them', async () => {
      const { session, target } = await open();
      const source = recordSource(13);
      const kept: Span[] = [];
      for (let round = 0; round < 10; round++) {
        const [gone, stays] = [
          source.span({ attributes: withImage(otherImage) }),
          source.span({ attributes: withImage(otherImage) }),
        ];
        await write(session, { spans: [gone] });
        await Promise.all([deleteTrace(session, gone, 'default', 1), write(session, { spans: [stays] })]);
        expectSame(await read(session, stays), stays);
        if (round % 2 === 0) await deleteTrace(session, stays);
        else kept.push(stays);
      }
      for (const span of kept) expectSame(await read(session, span), span);
      expect((await target.countContents()).places).toBe(kept.length);
    });

    test('a value over the limit is stored whole, or cut without a word', async () => {
      const { session, target } = await open();
      const span = recordSource(14).span({ attributes: JSON.stringify({ short: 1, prompt: prose(3 * MIB) }) });
      await write(session, { spans: [span] });
      const { prompt } = JSON.parse((await read(session, span))!.attributes) as { prompt: string };
      expect(prompt).toBe(`${prose(MIB)} [cut: ${MIB} of ${3 * MIB} bytes kept]`);
      expect((await target.countContents()).chars).toBeLessThanOrEqual(MIB);
    });

    test('times of other days, or that no clock should tell, lose their contents', async () => {
      const { session } = await open();
      const source = recordSource(15);
      const times = [0n, 1n, BigInt(Date.now()) * 1_000_000n, 2n ** 63n + 12_345n, 2n ** 64n - 1n];
      const spans = times.map((startTimeUnixNano) =>
        source.span({ startTimeUnixNano, endTimeUnixNano: startTimeUnixNano, attributes: withImage(otherImage) }),
      );
      await write(session, { spans });
      for (const span of spans) expectSame(await read(session, span), span);
      for (const span of spans) await deleteTrace(session, span);
      expect(await session.target.store.getTrace('default', spans[0]!.traceId)).toBeUndefined();
    });

    test('an answer with more than there is room for is not bounded, or the record alone is not whole', async () => {
      const { session } = await open();
      const spans = recordSource(16).trace(24, { attributes: withImage(image) });
      await write(session, { spans });
      const page = await session.store.listSpans({
        workspace: 'default',
        traceId: spans[0]!.traceId,
        limit: 100,
        order: 'asc',
      });
      const chars = page!.items.reduce((sum, { attributes }) => sum + attributes.length, 0);
      expect(chars).toBeLessThan(2 ** 26 + image.length);
      expect(page!.items.at(-1)!.attributes).toContain(CONTENT_MARK);
      expect(textsOf(await read(session, spans.at(-1)!))).toEqual(textsOf(spans.at(-1)!));
      expect(hex(page!.items[0]!.spanId)).toBe(hex(spans[0]!.spanId));
    });
  });
}
