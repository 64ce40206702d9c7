import { describe, expect, it, vi } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import type { LogBody, NativeAnswer, SpanBody } from '../../../src/model/native.js';
import { hexOfId, parseSpanId, parseTraceId } from '../../../src/model/native-ids.js';
import { logIdOf } from '../../../src/model/native-log-ids.js';
import { metadataOf } from '../../../src/model/native-metadata.js';
import { nativeSpanOf } from '../../../src/model/native-view.js';
import { createErrAppender } from '../../helpers/appenders.js';
import { createDoor, createMemoryStore, NOW, nativeRequest } from './fixture.js';

const TRACE = '5b8efff7-9803-8103-d269-b633813fc60c';
const OTHER = '6b8efff7-9803-8103-d269-b633813fc60c';
const SPAN = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const log: LogBody = { prompt_name: 'p', version_tag: '1' };
const span = (overrides: Partial<SpanBody> = {}): SpanBody => ({
  trace_id: TRACE,
  name: 'n',
  status: 'ok',
  ...overrides,
});
const single = { batch: false };
const batch = { batch: true };

function contentOf({ body }: NativeAnswer) {
  return JSON.parse(body);
}

function keyed(key = 'k', fingerprint = 'f') {
  return nativeRequest({ idempotency: { key, fingerprint } });
}

function conflict(message: string, details: unknown) {
  return expect.objectContaining({ code: 'CONFLICT', message, details });
}

describe('logs', () => {
  it('a log has another id in its answer, its record or its audit entry', async () => {
    const { intake, store } = createDoor();
    const answer = await intake.createLogs(nativeRequest(), [log], single);
    const [frame] = store.frames;
    const id = logIdOf(frame!.logRecords[0]!.timeUnixNano);
    expect(answer).toEqual({ status: 202, body: `{"id":${id},"status":"accepted"}`, replayed: false });
    expect(frame!.input).toMatchObject({ signal: 'logs', encoding: 'protobuf', workspace: 'default', items: 1 });
    expect(frame!.trailer.audit).toMatchObject([
      { action: 'log:create', targetId: 'p', promptName: 'p', versionTag: '1', details: { id } },
    ]);
  });

  it('a batch is more than one frame, or audited log by log', async () => {
    const { intake, store } = createDoor();
    const logs = Array.from({ length: 1000 }, (_, i) => ({ ...log, version_tag: `${i}` }));
    const answer = contentOf(await intake.createLogs(nativeRequest(), logs, batch));
    expect(answer).toMatchObject({ accepted: 1000, status: 'accepted' });
    expect(answer.ids).toEqual(store.frames[0]!.logRecords.map(({ timeUnixNano }) => logIdOf(timeUnixNano)));
    expect(store.frames).toHaveLength(1);
    const [entry, ...others] = store.frames[0]!.trailer.audit;
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ targetId: 'p', promptName: 'p', details: { count: 1000 } });
    expect(entry!.versionTag).toBeUndefined();
  });

  it('logs of two prompts are audited as those of one', async () => {
    const { intake, store } = createDoor();
    await intake.createLogs(nativeRequest(), [log, { ...log, prompt_name: 'q' }], batch);
    expect(store.frames[0]!.trailer.audit[0]!.promptName).toBeUndefined();
  });

  it('an empty batch writes a frame', async () => {
    const { intake, store } = createDoor();
    expect(contentOf(await intake.createLogs(nativeRequest(), [], batch))).toMatchObject({ accepted: 0 });
    expect(contentOf(await intake.createSpans(nativeRequest(), [], batch))).toMatchObject({ created: 0 });
    expect(store.frames).toEqual([]);
  });
});

describe('traces', () => {
  it('a declaration loses a field, or carries an OTLP payload', async () => {
    const { intake, store } = createDoor();
    const metadata = { a: 1, 'promptmetrics.x': { $int: '5' } };
    const body = { trace_id: TRACE.toUpperCase(), prompt_name: 'p', metadata };
    const answer = await intake.createTrace(nativeRequest(), body);
    expect(answer.status).toBe(201);
    expect(contentOf(answer)).toEqual({
      trace_id: TRACE.toUpperCase(),
      prompt_name: 'p',
      version_tag: null,
      status: 'created',
    });
    const { input, trailer } = store.frames[0]!;
    expect(input).toMatchObject({ signal: 'traces', items: 0, payload: new Uint8Array(0) });
    const [record] = trailer.traces;
    expect(record).toMatchObject({ traceIdText: TRACE.toUpperCase(), promptName: 'p', createdTimeUnixMs: NOW });
    expect(record!.traceId).toEqual(parseTraceId(TRACE));
    expect(JSON.parse(metadataOf(record!.metadata))).toEqual(metadata);
    expect(trailer.audit).toMatchObject([{ action: 'trace:create', targetId: TRACE.toUpperCase() }]);
  });

  it('a trace without an id gets one that its audit entry does not name', async () => {
    const { intake, store } = createDoor();
    const { trace_id } = contentOf(await intake.createTrace(nativeRequest(), {}));
    expect(trace_id).toMatch(UUID);
    expect(store.frames[0]!.trailer).toMatchObject({
      audit: [{ targetId: trace_id }],
      traces: [{ traceIdText: trace_id }],
    });
  });

  it('a trace is declared twice', async () => {
    const { intake, store } = createDoor();
    const answers = await Promise.allSettled([
      intake.createTrace(nativeRequest(), { trace_id: TRACE }),
      intake.createTrace(nativeRequest(), { trace_id: TRACE.toUpperCase() }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(answers[1]).toMatchObject({ reason: conflict('Trace already exists', { trace_id: TRACE.toUpperCase() }) });
    expect(store.widest).toBe(1);
  });

  it('a deletion that comes again under its key finds nothing to delete', async () => {
    const { intake, store } = createDoor();
    const trace = { traceId: parseTraceId(TRACE)!, text: TRACE };
    await intake.deleteTrace(keyed(), trace, async () => true);
    const again = await intake.deleteTrace(keyed(), trace, async () => false);
    expect(again).toEqual({ status: 204, body: '', replayed: true });
    expect(store.frames.at(-1)!.trailer).toMatchObject({ audit: [], deletes: [] });
    await expect(intake.deleteTrace(keyed('k', 'other'), trace, async () => false)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('a deletion of nothing is audited, or done when it comes again', async () => {
    const { intake, store } = createDoor();
    const trace = { traceId: parseTraceId(TRACE)!, text: TRACE };
    const missing = { code: 'NOT_FOUND', message: 'Trace not found' };
    await expect(intake.deleteTrace(nativeRequest(), trace, async () => false)).rejects.toMatchObject(missing);
    expect(store.frames).toEqual([]);
    for (const exists of [false, true]) {
      await expect(intake.deleteTrace(keyed(), trace, async () => exists)).rejects.toMatchObject(missing);
    }
    expect(store.frames[0]!.trailer).toMatchObject({ audit: [], deletes: [] });
  });

  it('a deletion does not name its trace', async () => {
    const { intake, store } = createDoor();
    const trace = { traceId: parseTraceId(TRACE)!, text: TRACE };
    const answer = await intake.deleteTrace(nativeRequest(), trace, async () => true);
    expect(answer).toEqual({ status: 204, body: '', replayed: false });
    expect(store.frames[0]!.trailer).toMatchObject({ audit: [{ action: 'delete_trace', targetId: TRACE }] });
    expect(store.frames[0]!.trailer.deletes).toEqual([parseTraceId(TRACE)]);
  });
});

describe('spans', () => {
  it('a span has another id in its answer, its row or its audit entry', async () => {
    const { intake, store } = createDoor();
    const answer = contentOf(await intake.createSpans(nativeRequest(), [span()], single));
    expect(answer).toEqual({ trace_id: TRACE, span_id: expect.stringMatching(UUID), name: 'n', status: 'ok' });
    expect(nativeSpanOf(store.frames[0]!.spans[0]!)).toMatchObject({ traceIdText: TRACE, spanIdText: answer.span_id });
    expect(store.frames[0]!.trailer.audit).toMatchObject([
      { action: 'trace:span:create', targetId: TRACE, details: { span_id: answer.span_id } },
    ]);
  });

  it('spans with one id, sent at once, are both taken', async () => {
    const { intake, store } = createDoor();
    const spellings = [SPAN, SPAN.toUpperCase(), `{${SPAN}}`];
    const answers = await Promise.allSettled(
      spellings.map((span_id) => intake.createSpans(nativeRequest(), [span({ span_id })], single)),
    );
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(answers[1]).toMatchObject({
      reason: conflict('Span already exists', { trace_id: TRACE, span_id: SPAN.toUpperCase() }),
    });
    expect(store.widest).toBe(1);
  });

  it('spans without ids, or with others, wait for one another', async () => {
    const { intake, store } = createDoor();
    const bodies = [
      span(),
      span(),
      span({ span_id: SPAN }),
      span({ span_id: OTHER }),
      span({ span_id: SPAN, trace_id: OTHER }),
    ];
    await Promise.all(bodies.map((body) => intake.createSpans(nativeRequest(), [body], single)));
    await intake.createSpans(nativeRequest({ workspace: 'other' }), [span()], single);
    expect(store.widest).toBe(5);
  });

  it('a batch does not tell what was new of it', async () => {
    const { intake, store } = createDoor();
    await intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single);
    const spans = [
      span({ span_id: 'eee19b7ec3c1b174' }),
      span({ span_id: SPAN.toUpperCase() }),
      span({ span_id: 'EEE19B7EC3C1B174', name: 'later' }),
      span({ trace_id: OTHER, span_id: SPAN, status: 'running' }),
    ];
    const answer = await intake.createSpans(nativeRequest(), spans, batch);
    expect(answer.status).toBe(201);
    expect(contentOf(answer)).toEqual({
      items: [
        { trace_id: TRACE, span_id: 'eee19b7ec3c1b174', name: 'n', status: 'ok' },
        { trace_id: OTHER, span_id: SPAN, name: 'n', status: 'running' },
      ],
      created: 2,
      duplicates: [
        { trace_id: TRACE, span_id: 'EEE19B7EC3C1B174' },
        { trace_id: TRACE, span_id: SPAN.toUpperCase() },
      ],
    });
    expect(store.frames[1]!.input.items).toBe(3);
    expect(store.frames[1]!.trailer.audit).toMatchObject([
      { targetId: TRACE, details: { count: 2 } },
      { targetId: OTHER, details: { count: 1 } },
    ]);
  });

  it('a batch of which nothing is new is a success', async () => {
    const { intake } = createDoor();
    const spans = [span({ span_id: SPAN }), span({ span_id: SPAN })];
    expect(contentOf(await intake.createSpans(nativeRequest(), spans, batch))).toMatchObject({ created: 1 });
    await expect(intake.createSpans(nativeRequest(), spans, batch)).rejects.toEqual(
      conflict('Span already exists', {
        duplicates: [
          { trace_id: TRACE, span_id: SPAN },
          { trace_id: TRACE, span_id: SPAN },
        ],
      }),
    );
  });
});

describe('a change of a span', () => {
  const place = { traceId: parseTraceId(TRACE)!, spanId: parseSpanId(SPAN)! };
  const name = hexOfId(place.traceId) + hexOfId(place.spanId);

  async function doorWithSpan() {
    const door = createDoor();
    await door.intake.createSpans(nativeRequest(), [span({ span_id: SPAN, status: 'running' })], single);
    return { ...door, find: async () => door.store.spans.get(name)! };
  }

  it('is not told as it was made', async () => {
    const { intake, store, find } = await doorWithSpan();
    const answer = await intake.reviseSpan(nativeRequest(), place, { status: 'ok', end_time: 5 }, find);
    expect(answer).toMatchObject({
      status: 200,
      body: `{"trace_id":"${TRACE}","span_id":"${SPAN}","status":"updated"}`,
    });
    expect(nativeSpanOf(await find())).toMatchObject({ status: 'ok', endTimeMs: 5 });
    expect(store.frames[1]!.trailer).toMatchObject({
      revises: true,
      audit: [{ action: 'trace:span:update', targetId: TRACE, details: { span_id: SPAN } }],
    });
  });

  it('is made of a span as it stood before what a restart left in the buffer', async () => {
    const { store } = await doorWithSpan();
    let stored = () => {};
    store.caughtUp = () => new Promise((resolve) => (stored = resolve));
    const { intake } = createDoor({ next: store, outcomes: store });
    const find = vi.fn(async () => store.spans.get(name)!);
    const answer = intake.reviseSpan(nativeRequest(), place, { status: 'ok' }, find);
    await new Promise(setImmediate);
    expect(find).not.toHaveBeenCalled();
    stored();
    await answer;
    expect(find).toHaveBeenCalledOnce();
  });

  it('overwrites another that was made at the same time', async () => {
    const { intake, find } = await doorWithSpan();
    await Promise.all([
      intake.reviseSpan(nativeRequest(), place, { name: 'new' }, find),
      intake.reviseSpan(nativeRequest(), place, { end_time: 5 }, find),
      intake.reviseSpan(nativeRequest(), place, { metadata: { a: 1 } }, find),
    ]);
    expect(await find()).toMatchObject({ name: 'new', endTimeUnixNano: 5_000_000n });
    expect(nativeSpanOf(await find()).metadata).toBe('{"a":1}');
  });

  it('brings a span back whose trace is being deleted', async () => {
    const { intake, store, find } = await doorWithSpan();
    const missing = new GatewayError('NOT_FOUND', 'Span not found');
    const isDeleted = () => store.frames.some(({ trailer }) => trailer.deletes.length > 0);
    const trace = { traceId: parseTraceId(TRACE)!, text: TRACE };
    const findUndeleted = () => (isDeleted() ? Promise.reject(missing) : find());
    const revise = () => intake.reviseSpan(nativeRequest(), place, { name: 'new' }, findUndeleted);
    const [, , late] = await Promise.allSettled([
      revise(),
      intake.deleteTrace(nativeRequest(), trace, async () => true),
      revise(),
    ]);
    expect(late).toEqual({ status: 'rejected', reason: missing });
    const [, first, second, ...others] = store.frames;
    expect([first!.trailer.revises, second!.trailer.deletes, others]).toEqual([true, [trace.traceId], []]);
  });

  it('of nothing writes a frame', async () => {
    const { intake, store, find } = await doorWithSpan();
    const answer = await intake.reviseSpan(nativeRequest(), place, { name: undefined }, find);
    expect(answer).toMatchObject({ status: 200, body: '{"message":"No changes"}' });
    expect(store.frames).toHaveLength(1);
  });

  it('of a span that is not there is made all the same, or stops the next one', async () => {
    const { intake, store, find } = await doorWithSpan();
    const missing = new GatewayError('NOT_FOUND', 'Span not found');
    await expect(intake.reviseSpan(nativeRequest(), place, {}, () => Promise.reject(missing))).rejects.toBe(missing);
    await intake.reviseSpan(nativeRequest(), place, { name: 'new' }, find);
    expect(store.frames).toHaveLength(2);
  });
});

describe('a store that only remembers that nothing was new', () => {
  const forgetful = () => {
    const store = createMemoryStore();
    const of = async (sequence: number) => ({ sequence, written: false, knownTraces: [], knownSpans: [] });
    const request = vi.fn();
    return { ...createDoor({ next: store, outcomes: { ...store, of }, events: { request } }), request };
  };
  const toRepeat = expect.objectContaining({ code: 'STORE_UNAVAILABLE', retryable: true });

  it('has ids told as created that were there before', async () => {
    const { intake, request } = forgetful();
    await expect(intake.createTrace(nativeRequest(), { trace_id: TRACE })).rejects.toEqual(toRepeat);
    await expect(intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single)).rejects.toEqual(toRepeat);
    await expect(intake.createSpans(nativeRequest(), [span(), span()], batch)).rejects.toEqual(toRepeat);
    expect(request).toHaveBeenLastCalledWith(expect.objectContaining({ accepted: 0, refused: 0 }));
  });

  it('has ids made up for a request whose key was there before', async () => {
    const { intake } = forgetful();
    await expect(intake.createLogs(keyed(), [log], single)).rejects.toEqual(toRepeat);
  });
});

describe('idempotency keys', () => {
  it('a request that comes again is applied again, or answered otherwise', async () => {
    const { intake, store } = createDoor();
    const first = await intake.createSpans(keyed(), [span()], single);
    const second = await intake.createSpans(keyed(), [span()], single);
    expect(second).toEqual({ ...first, replayed: true });
    expect(store.spans.size).toBe(1);
  });

  it('equal requests at one time are both applied', async () => {
    const { intake, store } = createDoor();
    const answers = await Promise.all([1, 2, 3].map(() => intake.createLogs(keyed(), [log], single)));
    expect(answers.map(({ replayed }) => replayed)).toEqual([false, true, true]);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(store.widest).toBe(1);
  });

  it('a repeated batch forgets which of its spans had been there', async () => {
    const { intake } = createDoor();
    await intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single);
    const spans = [span({ span_id: SPAN }), span()];
    const first = await intake.createSpans(keyed(), spans, batch);
    expect(contentOf(first)).toMatchObject({ created: 1, duplicates: [{ span_id: SPAN }] });
    expect(await intake.createSpans(keyed(), spans, batch)).toEqual({ ...first, replayed: true });
  });

  it('a key serves another request, or another workspace', async () => {
    const { intake } = createDoor();
    await intake.createTrace(keyed(), {});
    await expect(intake.createTrace(keyed('k', 'other'), {})).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    const elsewhere = await intake.createTrace({ ...keyed(), workspace: 'other' }, {});
    expect(elsewhere.replayed).toBe(false);
  });

  it('a conflict is kept under the key', async () => {
    const { intake } = createDoor();
    await intake.createTrace(nativeRequest(), { trace_id: TRACE });
    for (let i = 0; i < 2; i++) {
      await expect(intake.createTrace(keyed(), { trace_id: TRACE })).rejects.toMatchObject({ code: 'CONFLICT' });
    }
  });

  it('a key is taken for new while what was written before is not stored yet', async () => {
    const store = createMemoryStore();
    let stored = () => {};
    store.caughtUp = () => new Promise((resolve) => (stored = resolve));
    const { intake } = createDoor({ next: store, outcomes: store });
    const answer = intake.createTrace(keyed(), {});
    await intake.createTrace(nativeRequest(), {});
    expect(store.frames).toHaveLength(1);
    stored();
    await answer;
    expect(store.frames).toHaveLength(2);
  });

  it('a store that never catches up keeps the request for ever', async () => {
    const store = createMemoryStore();
    store.caughtUp = () => new Promise(() => {});
    const { intake } = createDoor({ next: store, outcomes: store, caughtUpWithinMs: 1 });
    await expect(intake.createTrace(keyed(), {})).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });
});

describe('a large batch', () => {
  it('loses items between its pieces, or holds the event loop in one', async () => {
    const { intake, store } = createDoor();
    const names = Array.from({ length: 1000 }, (_, i) => `span ${i}`);
    const metadata = { text: 'x'.repeat(5000) };
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const answered = intake.createSpans(
      nativeRequest(),
      names.map((name) => span({ name, metadata })),
      batch,
    );
    expect(contentOf(await answered).created).toBe(1000);
    clearImmediate(timer);
    expect(store.frames[0]!.spans.map(({ name }) => name)).toEqual(names);
    expect(turns).toBeGreaterThan(15);
  });
});

describe('what receivers are counted by', () => {
  function counted(options: Parameters<typeof createDoor>[0] = {}) {
    const request = vi.fn();
    const { intake } = createDoor({ events: { request }, ...options });
    return { intake, told: () => request.mock.calls.map(([event]) => event) };
  }

  it('items that were there before, or were answered before, count as accepted', async () => {
    const { intake, told } = counted();
    await intake.createSpans(keyed(), [span({ span_id: SPAN })], single);
    await intake.createSpans(keyed(), [span({ span_id: SPAN })], single);
    await intake.createSpans(nativeRequest(), [span({ span_id: SPAN }), span()], batch);
    await intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single).catch(() => {});
    expect(told()).toMatchObject([
      { transport: 'native', signal: 'traces', outcome: 'accepted', accepted: 1, refused: 0, error: undefined },
      { outcome: 'accepted', accepted: 0 },
      { outcome: 'accepted', accepted: 1 },
      { outcome: 'invalid', accepted: 0, refused: 0, error: { code: 'CONFLICT' } },
    ]);
  });

  it('what the buffer refused counts as accepted, or what waits in it as refused', async () => {
    const full = counted({ next: createErrAppender(new GatewayError('BUFFER_FULL', 'full')) });
    await full.intake.createLogs(nativeRequest(), [log, log], batch).catch(() => {});
    expect(full.told()).toMatchObject([{ signal: 'logs', outcome: 'refused', accepted: 0, refused: 2 }]);
    const store = createMemoryStore();
    store.of = () => Promise.reject(new GatewayError('STORE_UNAVAILABLE', 'late'));
    const late = counted({ next: store, outcomes: store });
    await late.intake.createLogs(nativeRequest(), [log, log], batch).catch(() => {});
    expect(late.told()).toMatchObject([{ signal: 'logs', outcome: 'refused', accepted: 2, refused: 0 }]);
  });
});

describe('failures', () => {
  it('a refusal of the buffer or the store is told as something else, or leaves its turn taken', async () => {
    const full = new GatewayError('BUFFER_FULL', 'full');
    const { intake } = createDoor({ next: createErrAppender(full) });
    const requests = () => [
      intake.createLogs(nativeRequest(), [log], single),
      intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single),
      intake.createTrace(keyed(), { trace_id: TRACE }),
    ];
    for (const request of [...requests(), ...requests()]) await expect(request).rejects.toBe(full);
  });

  it('an outcome that comes late is asked for in another turn than that of its append', async () => {
    const store = createMemoryStore();
    const asked = vi.spyOn(store, 'of');
    const { intake } = createDoor({ next: store, outcomes: store });
    store.append = async () => {
      setImmediate(() => expect(asked).toHaveBeenCalledWith(9));
      return { sequence: 9 };
    };
    asked.mockResolvedValue({ sequence: 9, written: true, knownTraces: [], knownSpans: [] });
    await intake.createSpans(nativeRequest(), [span()], single);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('ids that are none are a fault of the server', async () => {
    const { intake } = createDoor();
    const invalid = expect.objectContaining({ code: 'VALIDATION_FAILED' });
    await expect(intake.createTrace(nativeRequest(), { trace_id: 'x' })).rejects.toEqual(invalid);
    await expect(intake.createSpans(nativeRequest(), [span({ span_id: 'x' })], single)).rejects.toEqual(invalid);
    await expect(intake.createLogs(nativeRequest(), [{ ...log, trace_id: 'x' }], single)).rejects.toEqual(invalid);
  });
});

describe('without audit rows for what is added', () => {
  it('a change or a deletion leaves none either, or an addition still does', async () => {
    const { intake, store } = createDoor({ auditAdditions: false });
    await intake.createLogs(nativeRequest(), [log], single);
    await intake.createTrace(nativeRequest(), { trace_id: TRACE });
    await intake.createSpans(nativeRequest(), [span({ span_id: SPAN })], single);
    await intake.createSpans(nativeRequest(), [span(), span()], batch);
    expect(store.frames.flatMap(({ trailer }) => trailer.audit)).toEqual([]);
    const stored = store.frames[2]!.spans[0]!;
    const { traceId, spanId } = stored;
    await intake.reviseSpan(nativeRequest(), { traceId, spanId }, { status: 'ok' }, async () => stored);
    await intake.deleteTrace(nativeRequest(), { traceId, text: TRACE }, async () => true);
    const actions = store.frames.flatMap(({ trailer }) => trailer.audit.map(({ action }) => action));
    expect(actions).toEqual(['trace:span:update', 'delete_trace']);
  });
});
