import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Chooser } from '../../exporters/chooser.js';
import { nopExporterEvents } from '../../exporters/events.js';
import { createExporter, type ExporterOptions } from '../../exporters/exporter.js';
import { cutToSize } from '../../exporters/split.js';
import type { Answer, Transport } from '../../exporters/transport.js';
import { SIGNALS } from '../../src/component.js';
import { drain, range, shutDown, startedBuffer, temporaryDirectory } from '../buffer/fixture.js';
import {
  type Backend,
  type GrpcAnswers,
  type HttpAnswers,
  spanIdsOf,
  startGrpcBackend,
  startHttpBackend,
} from '../helpers/otlp-backend.js';
import { message, tracesOf } from '../otlp/wire.js';
import {
  appendSpans,
  delivered,
  frameWith,
  grpcTransports,
  httpTransports,
  idsOf,
  queueOf,
  spanId,
  spanOf,
  startExporter,
  transcode,
  until,
} from './fixture.js';

async function httpBackend(): Promise<Backend<HttpAnswers>> {
  const backend = await startHttpBackend();
  onTestFinished(() => backend.close());
  return backend;
}

async function grpcBackend(): Promise<Backend<GrpcAnswers>> {
  const backend = await startGrpcBackend();
  onTestFinished(() => backend.close());
  return backend;
}

const idsFrom = (numbers: number[]) => numbers.map(spanId);

describe('an exporter', () => {
  it('sends every frame once to a backend that takes it, several in one request, and releases them', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '100' } });
    await appendSpans(test.buffer, range(0, 99));
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 99)));
    expect(backend.taken.length).toBeLessThan(20);
    expect(test.exporter.state()).toMatchObject({
      circuit: 'closed',
      inFlight: 0,
      droppedItems: 0,
      lastError: undefined,
    });
  });

  it('keeps the bytes as they were sent, fields that nobody knows too', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '50' } });
    const frames = [frameWith([spanOf(1, 50)]), frameWith([spanOf(2), spanOf(3, 9)])];
    for (const frame of frames) await test.buffer.append(frame);
    await delivered(test);
    const sent = Buffer.concat(backend.taken.map(({ body }) => body));
    expect(sent.equals(Buffer.concat(frames.map(({ payload }) => payload as Buffer)))).toBe(true);
  });

  it('sends each signal to its own path, JSON as protobuf, and passes by what is no telemetry', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address) });
    const json = Buffer.from(
      JSON.stringify({
        resourceSpans: [
          { scopeSpans: [{ spans: [{ traceId: '5b8efff798038103d269b633813fc60c', spanId: spanId(7), name: 'a' }] }] },
        ],
      }),
    );
    await test.buffer.append(frameWith([], { encoding: 'json', payload: json, items: 1 }));
    await test.buffer.append(
      frameWith([], { payload: Buffer.alloc(0), items: 0, trailer: Buffer.from('{"deletes":[]}') }),
    );
    const log = message(1, message(2, message(2)));
    await test.buffer.append({ ...frameWith([]), signal: 'logs', payload: log, items: 1 });
    await delivered(test);
    await until(() => backend.taken.length === 2);
    const traces = backend.taken.filter(({ signal }) => signal === 'traces');
    expect(idsOf(traces)).toEqual([spanId(7)]);
    expect(backend.taken.filter(({ signal }) => signal === 'logs').map(({ body }) => body.equals(log))).toEqual([true]);
    expect(backend.requests).toHaveLength(2);
  });

  it('never sends the audit trailer of a native request', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address) });
    const trailer = Buffer.from('{"audit":[{"action":"secret-action"}]}');
    await test.buffer.append(frameWith([spanOf(1)], { trailer }));
    await delivered(test);
    expect(idsOf(backend.taken)).toEqual([spanId(1)]);
    expect(backend.taken.some(({ body }) => body.includes('secret-action'))).toBe(false);
  });

  it('sends again after a restart what was not taken, and only that', async () => {
    const backend = await httpBackend();
    const first = await startExporter({ transports: httpTransports(backend.address) });
    await appendSpans(first.buffer, range(0, 9));
    await delivered(first);
    backend.answer(() => ({ status: 503 }));
    await appendSpans(first.buffer, range(10, 19));
    await until(() => backend.requests.length > backend.taken.length);
    await first.exporter.shutdown({ deadlineMs: 5000 });
    await shutDown(first.buffer);

    backend.answer(() => undefined);
    const again = await startExporter({ transports: httpTransports(backend.address), directory: first.directory });
    await delivered(again);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 19)));
  });

  it('flushes when it is shut down, for as long as it may', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '60000' } });
    await appendSpans(test.buffer, range(0, 4));
    await test.exporter.shutdown({ deadlineMs: 10_000 });
    expect(idsOf(backend.taken)).toHaveLength(5);
    expect(test.exporter.state().lag.frames).toBe(0);
  });

  it('does not wait at a shutdown for a backend that never answers, and keeps what it has not taken', async () => {
    const backend = await httpBackend();
    backend.answer(() => 'hang');
    const test = await startExporter({ transports: httpTransports(backend.address, { timeoutMs: 600_000 }) });
    await appendSpans(test.buffer, [1]);
    await until(() => backend.requests.length === 1);
    await test.exporter.shutdown({ deadlineMs: 50 });
    expect(test.exporter.state()).toMatchObject({ lag: { frames: 1 }, droppedItems: 0 });
    expect(test.letters).toEqual([]);
  });
});

describe('a backend that does not take it now', () => {
  it('may still be reading it: nothing else is read into its memory, as it is into that of one that was taken', async () => {
    const payloads: Buffer[] = [];
    const answers: Answer[] = [{ kind: 'retry', reason: 'not now' }];
    const transport: Transport = {
      endpoint: 'nowhere',
      byWorkspace: false,
      letsGo: true,
      async send({ payload }) {
        payloads.push(payload);
        return answers.shift() ?? { kind: 'accepted', rejected: 0, message: '' };
      },
      close: async () => {},
    };
    const test = await startExporter({ transports: { traces: transport } });
    for (const number of [1, 2, 3]) {
      await appendSpans(test.buffer, [number]);
      await delivered(test);
    }
    const [heldBack, , second, third] = payloads;
    expect(spanIdsOf(heldBack!)).toEqual([spanId(1)]);
    expect(third!.buffer).toBe(second!.buffer);
    expect(spanIdsOf(third!)).toEqual([spanId(3)]);
  });

  it.each([429, 502, 503, 504])('with HTTP %i gets the same again until it does', async (status) => {
    const backend = await httpBackend();
    let failures = 3;
    backend.answer(() => (failures-- > 0 ? { status, body: 'not now' } : undefined));
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(idsOf(backend.requests)).toEqual(idsFrom([1, 1, 1, 1]));
    expect(idsOf(backend.taken)).toEqual(idsFrom([1]));
    expect(test.happenings.filter(({ name }) => name === 'postponed')).toHaveLength(3);
    expect(test.letters).toEqual([]);
  });

  it.each([
    [1, undefined],
    [4, undefined],
    [10, undefined],
    [11, undefined],
    [14, undefined],
    [15, undefined],
    [8, 5],
  ])('with gRPC status %i (RetryInfo: %s) gets the same again until it does', async (code, retryAfterMs) => {
    const backend = await grpcBackend();
    let failures = 2;
    const refusal = { code, message: 'not now', ...(retryAfterMs !== undefined && { retryAfterMs }) };
    backend.answer(() => (failures-- > 0 ? refusal : undefined));
    const test = await startExporter({ transports: grpcTransports(backend.address) });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(idsOf(backend.requests)).toEqual(idsFrom([1, 1, 1]));
    expect(test.letters).toEqual([]);
  });

  it('is left alone for as long as it says, in seconds, as a date, or in RetryInfo', async () => {
    const http = await httpBackend();
    const grpc = await grpcBackend();
    const inTwoSeconds = () => new Date(Date.now() + 2000).toUTCString();
    const cases: [string, () => Promise<number[]>][] = [];
    const timesOf = async (backend: Backend<never>, transports: ReturnType<typeof httpTransports>) => {
      const times: number[] = [];
      const test = await startExporter({ transports });
      const answer = (first: object) => () => {
        times.push(performance.now());
        return times.length === 1 ? first : undefined;
      };
      return { times, test, answer, backend };
    };
    for (const header of ['1', inTwoSeconds]) {
      cases.push([
        String(header),
        async () => {
          const { times, test, answer } = await timesOf(http as never, httpTransports(http.address));
          const value = typeof header === 'string' ? header : header();
          http.answer(answer({ status: 503, headers: { 'retry-after': value } }) as HttpAnswers);
          await appendSpans(test.buffer, [1]);
          await delivered(test);
          return times;
        },
      ]);
    }
    cases.push([
      'RetryInfo',
      async () => {
        const { times, test, answer } = await timesOf(grpc as never, grpcTransports(grpc.address));
        grpc.answer(answer({ code: 8, message: 'slow down', retryAfterMs: 900 }) as GrpcAnswers);
        await appendSpans(test.buffer, [1]);
        await delivered(test);
        return times;
      },
    ]);
    for (const [, run] of cases) {
      const [first, second] = await run();
      // The backoff alone would have been 10 ms at most.
      expect(second! - first!).toBeGreaterThan(500);
    }
  });

  it('is left alone by requests, too, that waited for another one to end when it said so', async () => {
    const backend = await grpcBackend();
    backend.answer(() => ({ code: 8, message: 'slow down', retryAfterMs: 3_600_000 }));
    const test = await startExporter({
      transports: grpcTransports(backend.address),
      queue: { maxInFlight: '1', lingerMs: '100' },
    });
    await Promise.all(SIGNALS.map((signal) => test.buffer.append(frameWith([spanOf(1)], { signal }))));
    await until(() => test.happenings.some(({ name }) => name === 'postponed'));
    await sleep(50);
    expect(backend.requests).toHaveLength(1);
  });

  it.each(['reset', 'hang'] as const)('and whose connection ends in "%s" gets the same again', async (how) => {
    const backend = await httpBackend();
    let failures = 2;
    backend.answer(() => (failures-- > 0 ? how : undefined));
    const test = await startExporter({ transports: httpTransports(backend.address, { timeoutMs: 200 }) });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(idsOf(backend.taken)).toEqual(idsFrom([1]));
    expect(test.exporter.state().lastError?.message).toMatch(how === 'hang' ? /no answer within 200 ms/ : /\w/);
  });

  it('is probed by one request at a time once its circuit is open, and gets all when it takes that', async () => {
    const backend = await httpBackend();
    let open = 0;
    let most = 0;
    let circuitOpen = false;
    backend.answer(async () => {
      open += 1;
      if (circuitOpen) most = Math.max(most, open);
      await sleep(5);
      open -= 1;
      return { status: 503 };
    });
    const transports = httpTransports(backend.address);
    const test = await startExporter({ transports, queue: { maxRequestItems: '1', circuitFailures: '3' } });
    for (const number of range(0, 19)) await appendSpans(test.buffer, [number], 40_000);
    await until(() => test.exporter.state().circuit === 'open');
    await until(() => test.exporter.state().inFlight <= 1);
    circuitOpen = true;
    const before = backend.requests.length;
    await until(() => backend.requests.length >= before + 5);
    expect(most).toBe(1);
    expect(test.happenings.filter(({ name }) => name === 'failed')).toHaveLength(1);
    backend.answer(() => undefined);
    await delivered(test);
    expect(test.happenings.filter(({ name }) => name === 'recovered')).toHaveLength(1);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 19)));
  });

  it('holds up nobody else: another exporter of the same buffer gets everything meanwhile', async () => {
    const dead = await httpBackend();
    const alive = await httpBackend();
    dead.answer(() => ({ status: 503 }));
    const test = await startExporter({ transports: httpTransports(dead.address) });
    const second = createExporter({
      name: 'other',
      config: queueOf(),
      bufferMaxBytes: 2 ** 20,
      buffer: test.buffer,
      transports: httpTransports(alive.address),
      toProtobuf: transcode,
      cut: async ({ items, payload }) => [{ piece: '', items, payload }],
      bury: async () => {},
      events: nopExporterEvents,
    });
    await second.start();
    onTestFinished(() => second.shutdown({ deadlineMs: 0 }));
    await appendSpans(test.buffer, range(0, 49));
    await until(() => second.state().lag.frames === 0);
    expect(idsOf(alive.taken).sort()).toEqual(idsFrom(range(0, 49)));
    expect(test.exporter.state().lag.frames).toBe(50);
    dead.answer(() => undefined);
    await delivered(test);
    expect(idsOf(dead.taken).sort()).toEqual(idsFrom(range(0, 49)));
  });

  it('costs the oldest beyond the share, counted, while the store gets everything', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 503 }));
    const transports = httpTransports(backend.address);
    const test = await startExporter({ transports, queue: { bufferSharePercent: '10', maxRequestBytes: '50000' } });
    const stored: unknown[] = [];
    const store = test.buffer.consumer('store');
    for (const number of range(0, 999)) {
      await appendSpans(test.buffer, [number], 5000);
      stored.push(...drain(store));
    }
    expect(stored).toHaveLength(1000);
    expect(test.buffer.states).toEqual([]);
    expect(test.exporter.state().lag.bytes).toBeLessThanOrEqual(test.exporter.state().maxLagBytes);
    backend.answer(() => undefined);
    await delivered(test);
    const arrived = new Set(idsOf(backend.taken));
    const { droppedItems } = test.exporter.state();
    expect(arrived.size + droppedItems).toBe(1000);
    expect(droppedItems).toBeGreaterThan(500);
    expect(arrived.has(spanId(999))).toBe(true);
    const dropped = test.happenings.filter(({ name }) => name === 'dropped') as { items: number; first: boolean }[];
    expect(dropped.reduce((sum, { items }) => sum + items, 0)).toBe(droppedItems);
    expect(dropped.filter(({ first }) => first)).toHaveLength(1);
    const keptUp = () => test.happenings.filter(({ name }) => name === 'keptUp');
    await until(() => keptUp().length > 0);
    expect(keptUp()).toMatchObject([{ items: droppedItems }]);
  });

  it('costs by signal what was received less what arrived; signals that go nowhere cost nothing', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 503 }));
    const { traces, logs } = httpTransports(backend.address);
    const queue = { bufferSharePercent: '10', maxRequestBytes: '50000' };
    const test = await startExporter({ transports: { traces, logs }, queue });
    const received = { traces: 0, logs: 0, metrics: 0 };
    const payload = frameWith([spanOf(1, 5000)]).payload;
    for (const number of range(0, 299)) {
      const signal = SIGNALS[number % 3]!;
      received[signal] += number;
      await test.buffer.append({ signal, encoding: 'protobuf', workspace: 'default', items: number, payload });
      drain(test.buffer.consumer('store'));
    }
    backend.answer(() => undefined);
    await delivered(test);
    const lost = test.happenings.flatMap((one) => (one.name === 'dropped' ? [one] : []));
    const arrived = test.happenings.flatMap((one) => (one.name === 'delivered' ? [one] : []));
    for (const signal of ['traces', 'logs'] as const) {
      const items = arrived.reduce((sum, one) => sum + (one.signal === signal ? one.items : 0), 0);
      expect(items).toBeGreaterThan(0);
      expect(items + lost.reduce((sum, one) => sum + one.signals[signal], 0)).toBe(received[signal]);
    }
    expect(lost.every(({ items, signals }) => items === signals.traces + signals.logs)).toBe(true);
    expect(lost.length).toBeGreaterThan(0);
  });
});

describe('a backend that refuses for good', () => {
  it.each([400, 401, 403, 404, 408, 500, 501, 301])(
    'with HTTP %i leaves a dead letter with its words',
    async (status) => {
      const backend = await httpBackend();
      backend.answer(() => ({ status, headers: { 'content-type': 'text/plain' }, body: 'the words of the backend' }));
      const test = await startExporter({ transports: httpTransports(backend.address) });
      await appendSpans(test.buffer, [1]);
      await delivered(test);
      expect(backend.requests).toHaveLength(1);
      expect(test.letters).toMatchObject([
        {
          exporter: 'otlp',
          sequence: 1,
          piece: '',
          reason: `HTTP ${status}: the words of the backend`,
          frame: { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: 1 },
        },
      ]);
      expect(test.letters[0]!.bufferId).toBe(test.buffer.id);
      expect(test.happenings.filter(({ name }) => name === 'refused')).toMatchObject([{ items: 1, signal: 'traces' }]);
    },
  );

  it.each([2, 3, 5, 6, 7, 9, 12, 13, 16, 8])(
    'with gRPC status %i leaves a dead letter with its words',
    async (code) => {
      const backend = await grpcBackend();
      backend.answer(() => ({ code, message: 'the words of the backend' }));
      const test = await startExporter({ transports: grpcTransports(backend.address) });
      await appendSpans(test.buffer, [1]);
      await delivered(test);
      expect(test.letters).toHaveLength(1);
      expect(test.letters[0]!.reason).toMatch(/^[A-Z_]+: the words of the backend$/);
    },
  );

  it('because of one frame loses that one alone', async () => {
    const backend = await httpBackend();
    const bad = spanId(13);
    backend.answer((received) =>
      idsOf([received]).includes(bad) ? { status: 400, body: 'span 13 is bad' } : undefined,
    );
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '100' } });
    await appendSpans(test.buffer, range(0, 29));
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 29)).filter((id) => id !== bad));
    expect(
      test.letters.map(({ frame, payload }) => [frame.items, idsOf([{ body: Buffer.from(payload) } as never])]),
    ).toEqual([[1, [bad]]]);
  });

  it('leaves a letter for each workspace of a merged request', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 403 }));
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '100' } });
    const frames = ['a', 'b', 'a'].map((workspace, number) => frameWith([spanOf(number)], { workspace }));
    await Promise.all(frames.map((frame) => test.buffer.append(frame)));
    await delivered(test);
    const letters = test.letters.map(({ frame }) => `${frame.workspace} ${frame.items}`);
    expect(letters.sort()).toEqual(['a 2', 'b 1']);
  });

  it('keeps the range until its letter is on disk', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 403 }));
    let isFull = true;
    const buried: string[] = [];
    const bury = async ({ reason }: { reason: string }) => {
      if (isFull) throw new Error('no space left on device');
      buried.push(reason);
    };
    const test = await startExporter({ transports: httpTransports(backend.address), bury });
    await appendSpans(test.buffer, [1]);
    await until(() => test.happenings.some(({ name }) => name === 'stuck'));
    expect(test.exporter.state().lag.frames).toBe(1);
    isFull = false;
    await delivered(test);
    expect(buried).toEqual(['HTTP 403']);
  });

  it('gets a dead letter again when it is resent, once', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address) });
    const frame = { ...frameWith([spanOf(5)]), sequence: 1 };
    backend.answer(() => ({ status: 403, body: 'still not' }));
    await expect(test.exporter.resend(frame)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('still not'),
    });
    backend.answer(() => ({ status: 503 }));
    await expect(test.exporter.resend(frame)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', retryable: true });
    backend.answer(() => undefined);
    await test.exporter.resend(frame);
    expect(idsOf(backend.taken)).toEqual([spanId(5)]);
  });

  it('after so many tries, where that is asked for, leaves a dead letter', async () => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 503, body: 'down' }));
    const test = await startExporter({
      transports: httpTransports(backend.address),
      queue: { retryMaxElapsedMs: '50' },
    });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(test.letters.map(({ reason }) => reason)).toEqual(['HTTP 503: down (tried for too long)']);
  });
});

describe('a request that is too large for the backend', () => {
  /** Takes no more than so many bytes. */
  const upTo =
    (bytes: number): HttpAnswers =>
    ({ body }) =>
      body.length > bytes ? { status: 413 } : undefined;

  it('is cut between frames, and within one, until it is taken', async () => {
    const backend = await httpBackend();
    backend.answer(upTo(10_000));
    const test = await startExporter({ transports: httpTransports(backend.address), queue: { lingerMs: '50' } });
    await test.buffer.append(frameWith(range(0, 19).map((number) => spanOf(number, 1500))));
    await appendSpans(test.buffer, range(20, 39), 1500);
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 39)));
    expect(test.letters).toEqual([]);
  });

  it('over gRPC (RESOURCE_EXHAUSTED without RetryInfo) is cut as well', async () => {
    const backend = await grpcBackend();
    backend.answer(({ body }) => (body.length > 10_000 ? { code: 8, message: 'larger than max' } : undefined));
    const test = await startExporter({ transports: grpcTransports(backend.address) });
    await test.buffer.append(frameWith(range(0, 19).map((number) => spanOf(number, 1500))));
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 19)));
  });

  it('becomes a dead letter where one item is too large, and its neighbours are taken', async () => {
    const backend = await httpBackend();
    backend.answer(upTo(10_000));
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await test.buffer.append(frameWith([spanOf(1), spanOf(2, 20_000), spanOf(3)]));
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom([1, 3]));
    expect(test.letters).toMatchObject([{ sequence: 1, frame: { items: 1 }, reason: 'HTTP 413' }]);
    expect(test.letters[0]!.piece).toMatch(/^[01]+$/);
  });

  it('is cut before it is sent when it is larger than a request may be', async () => {
    const backend = await httpBackend();
    const test = await startExporter({
      transports: httpTransports(backend.address),
      queue: { maxRequestBytes: '8000' },
    });
    await test.buffer.append(frameWith(range(0, 19).map((number) => spanOf(number, 1500))));
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 19)));
    for (const { body } of backend.requests) expect(body.length).toBeLessThanOrEqual(8000);
  });
});

describe('a success', () => {
  it('in part is counted with its message, and never sent again', async () => {
    const backend = await httpBackend();
    // ExportTracePartialSuccess { rejected_spans: 2, error_message: 'two' }
    const body = message(1, Buffer.from([0x08, 2, 0x12, 3]), Buffer.from('two'));
    backend.answer(() => ({ headers: { 'content-type': 'application/x-protobuf' }, body }));
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await test.buffer.append(frameWith([spanOf(1), spanOf(2), spanOf(3)]));
    await delivered(test);
    expect(backend.requests).toHaveLength(1);
    expect(test.happenings).toMatchObject([{ name: 'delivered', items: 3, rejected: 2, message: 'two' }]);
    const resent = test.exporter.resend({ ...frameWith([spanOf(1), spanOf(2), spanOf(3)]), sequence: 1 });
    await expect(resent).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('2 items: two') });
  });

  it.each([
    ['a page', 'text/html', '<html>hello</html>'],
    ['protobuf that is none', 'application/x-protobuf', 'garbage'],
    ['JSON that is none', 'application/json', '{'],
    ['a page without end', 'text/html', 'x'.repeat(1_000_000)],
  ])('whose body is %s is one', async (_name, contentType, body) => {
    const backend = await httpBackend();
    backend.answer(() => ({ status: 202, headers: { 'content-type': contentType }, body }));
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(backend.requests).toHaveLength(1);
    expect(test.happenings.map(({ name }) => name)).toEqual(['delivered', 'answerUnreadable']);
  });

  it('in part is read from an answer that is compressed, though nobody asked for that', async () => {
    const backend = await httpBackend();
    const body = gzipSync(JSON.stringify({ partialSuccess: { rejectedSpans: 1, errorMessage: 'one' } }));
    backend.answer(() => ({ headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body }));
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await test.buffer.append(frameWith([spanOf(1), spanOf(2)]));
    await delivered(test);
    expect(test.happenings).toMatchObject([{ name: 'delivered', items: 2, rejected: 1, message: 'one' }]);
    expect(backend.requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('in part is read from JSON too, and over gRPC', async () => {
    const http = await httpBackend();
    const partialSuccess = { rejectedSpans: '1', errorMessage: 'one' };
    http.answer(() => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ partialSuccess }) }));
    const grpc = await grpcBackend();
    grpc.answer(() => ({ body: message(1, Buffer.from([0x08, 1, 0x12, 3]), Buffer.from('one')) }));
    for (const transports of [httpTransports(http.address), grpcTransports(grpc.address)]) {
      const test = await startExporter({ transports });
      await test.buffer.append(frameWith([spanOf(1), spanOf(2)]));
      await delivered(test);
      expect(test.happenings).toMatchObject([{ name: 'delivered', items: 2, rejected: 1, message: 'one' }]);
    }
  });
});

describe('workspaces', () => {
  it('go in requests of their own where a header names them, and share one elsewhere', async () => {
    const backend = await httpBackend();
    const headers = { 'x-scope-orgid': 'tenant-{workspace}', authorization: 'Bearer t' };
    const test = await startExporter({
      transports: httpTransports(backend.address, { headers }),
      queue: { lingerMs: '100' },
    });
    const frames = ['a', 'b', 'a'].map((workspace, number) => frameWith([spanOf(number)], { workspace }));
    await Promise.all(frames.map((frame) => test.buffer.append(frame)));
    await delivered(test);
    const tenants = backend.taken.map((received) => [received.headers['x-scope-orgid'], idsOf([received]).sort()]);
    expect(Object.fromEntries(tenants as [string, string[]][])).toEqual({
      'tenant-a': idsFrom([0, 2]),
      'tenant-b': idsFrom([1]),
    });
    expect(backend.taken[0]!.headers).toMatchObject({
      authorization: 'Bearer t',
      'user-agent': expect.stringMatching(/^promptmetrics-server\/1\.2\.3 \(/),
    });
  });
});

describe('what is wrong on this side', () => {
  it('is a frame that is damaged on disk: it is left out and told, and its neighbours go out', async () => {
    const directory = await temporaryDirectory();
    const first = await startedBuffer({ directory, settings: { maxBytes: '4MiB' } }, 'store');
    await appendSpans(first, range(1, 10), 200);
    await shutDown(first);
    const file = path.join(directory, 'segment-000001');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('span 3');
    bytes[at] = bytes[at]! ^ 0xff;
    // From the header of the seventh to within the ninth.
    bytes.fill(0, bytes.indexOf('span 6') + 250, bytes.indexOf('span 9'));
    writeFileSync(file, bytes);

    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address), directory });
    await delivered(test);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom([1, 2, 4, 5, 6, 10]));
    expect(test.happenings.filter(({ name }) => name === 'unusable')).toMatchObject([
      { exporter: 'otlp', frames: 1, buried: 0, damaged: { first: 3, last: 3 } },
      { exporter: 'otlp', frames: 3, buried: 0, damaged: { first: 7, last: 9 } },
    ]);
  });

  it('is a transport that throws, even at once and as a probe: the request is tried again', async () => {
    const defect = new Error('a defect');
    const failures: (() => Promise<never>)[] = [
      () => Promise.reject(defect),
      () => {
        throw defect;
      },
    ];
    const sent: string[] = [];
    const transport: Transport = {
      endpoint: 'nowhere',
      byWorkspace: false,
      send({ payload }) {
        const fail = failures.shift();
        if (fail !== undefined) return fail();
        sent.push(...spanIdsOf(payload));
        return Promise.resolve({ kind: 'accepted', rejected: 0, message: '' });
      },
      close: async () => {},
    };
    const test = await startExporter({ transports: { traces: transport }, queue: { circuitFailures: '1' } });
    await appendSpans(test.buffer, [1]);
    await delivered(test);
    expect(sent).toEqual([spanId(1)]);
    expect(test.happenings.filter(({ name }) => name === 'postponed')).toMatchObject([{ reason: 'a defect' }, {}]);
  });

  it('is JSON that cannot be read: it goes to the dead letters as it is, and its neighbours go out', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address) });
    const payload = Buffer.from('{"resourceSpans":{}}');
    await test.buffer.append(frameWith([], { encoding: 'json', payload, items: 3, workspace: 'w' }));
    await appendSpans(test.buffer, [2]);
    await delivered(test);
    expect(idsOf(backend.taken)).toEqual([spanId(2)]);
    expect(test.happenings.filter(({ name }) => name === 'unusable')).toMatchObject([{ frames: 1, buried: 1 }]);
    expect(test.letters).toMatchObject([
      { exporter: 'otlp', sequence: 1, piece: '', frame: { encoding: 'json', workspace: 'w', items: 3 } },
    ]);
    expect(Buffer.from(test.letters[0]!.payload).equals(payload)).toBe(true);
    const frame = { ...test.letters[0]!.frame, sequence: 1, payload };
    await expect(test.exporter.resend(frame)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  const JSON_SPAN = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
    "spanId":"${spanId(7)}","name":"a"}]}]}]}`;
  const jsonFrame = frameWith([], { encoding: 'json', payload: Buffer.from(JSON_SPAN), items: 1 });
  const jsonLetter = { ...jsonFrame, sequence: 41 };

  it('is a thread that is lost over JSON: it is tried again, and buried only when no thread survives it', async () => {
    const backend = await httpBackend();
    let losses = 2;
    const toProtobuf: typeof transcode = async (signal, payload) => {
      if (losses-- > 0) throw new Error('worker exited');
      return transcode(signal, payload);
    };
    const test = await startExporter({ transports: httpTransports(backend.address), toProtobuf });
    await test.buffer.append(jsonFrame);
    await delivered(test);
    expect(idsOf(backend.taken)).toEqual([spanId(7)]);
    expect(test.letters).toEqual([]);
    expect(test.happenings.filter(({ name }) => name === 'stuck')).toHaveLength(2);

    losses = Number.POSITIVE_INFINITY;
    await test.buffer.append(jsonFrame);
    await delivered(test);
    expect(test.letters).toMatchObject([{ sequence: 2, frame: { encoding: 'json' } }]);
    expect(idsOf(backend.taken)).toHaveLength(1);
  });

  it('is a dead letter of JSON: what is sent again is protobuf', async () => {
    const backend = await httpBackend();
    const test = await startExporter({ transports: httpTransports(backend.address) });
    await test.exporter.resend(jsonLetter);
    expect(idsOf(backend.taken)).toEqual([spanId(7)]);
  });

  it('is a dead letter whose thread is lost as it is sent again: to be tried later, and no fault of who asked', async () => {
    const backend = await httpBackend();
    const toProtobuf = () => Promise.reject(new Error('The thread has ended'));
    const test = await startExporter({ transports: httpTransports(backend.address), toProtobuf });
    const refused = { code: 'BACKEND_UNAVAILABLE', retryable: true };
    await expect(test.exporter.resend(jsonLetter)).rejects.toMatchObject(refused);
    expect(backend.taken).toEqual([]);
  });

  it('is a dead letter that is sent past what its exporter leaves out, which it never came through', async () => {
    const backend = await httpBackend();
    const payload = tracesOf(spanOf(1));
    let chosen = [payload];
    const chooser: Chooser = {
      async choose(parts) {
        // Where it stood, by which a tail sampler knows its verdict.
        expect(parts.map(({ sequence }) => sequence)).toEqual([41]);
        return parts.flatMap((part) => chosen.map((one) => ({ ...part, payload: one })));
      },
    };
    const test = await startExporter({ transports: httpTransports(backend.address), chooser });
    await test.exporter.resend(jsonLetter);
    expect(idsOf(backend.taken)).toEqual([spanId(1)]);
    chosen = [];
    await test.exporter.resend(jsonLetter);
    const unprocessed = { ...frameWith([spanOf(2)]), sequence: 2, isUnprocessed: true };
    await expect(test.exporter.resend(unprocessed)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(backend.taken).toHaveLength(1);
  });

  it('is a thread that is lost over a cut: tried again, and sent whole when no thread survives it', async () => {
    const backend = await httpBackend();
    let losses = 1;
    const cut: ExporterOptions['cut'] = async (task) => {
      if (losses-- > 0) throw new Error('worker exited');
      return cutTask(task);
    };
    const cutTask: ExporterOptions['cut'] = async (task) => cutToSize(task);
    const queue = { maxRequestBytes: '4000' };
    const test = await startExporter({ transports: httpTransports(backend.address), queue, cut });
    const frame = frameWith(range(0, 9).map((number) => spanOf(number, 1000)));
    await test.buffer.append(frame);
    await delivered(test);
    expect(backend.taken.length).toBeGreaterThan(2);
    expect(idsOf(backend.taken).sort()).toEqual(idsFrom(range(0, 9)));

    backend.taken.length = 0;
    losses = Number.POSITIVE_INFINITY;
    await test.buffer.append(frame);
    await delivered(test);
    expect(backend.taken).toHaveLength(1);
  });

  it('is a defect in sending: the range is told as stuck, tried again, and not lost', async () => {
    const backend = await httpBackend();
    let defects = 1;
    const [first, ...others] = Object.values(httpTransports(backend.address));
    const transport: Transport = {
      ...first!,
      get byWorkspace(): boolean {
        if (defects-- > 0) throw new Error('a defect');
        return false;
      },
    };
    const test = await startExporter({ transports: { traces: transport } });
    await test.buffer.append(frameWith([spanOf(1)]));
    await delivered(test);
    expect(idsOf(backend.taken)).toEqual([spanId(1)]);
    expect(test.happenings).toMatchObject([{ name: 'stuck', reason: 'a defect' }, { name: 'delivered' }]);
    await Promise.all(others.map((other) => other.close()));
  });

  it('is a name that is taken: the store would lose its place', async () => {
    const test = await startExporter({ transports: {} });
    const options = { config: queueOf(), bufferMaxBytes: 1, buffer: test.buffer, transports: {} };
    const rest = { toProtobuf: transcode, cut: async () => [], bury: async () => {}, events: nopExporterEvents };
    expect(() => createExporter({ name: 'store', ...options, ...rest })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it('is a signal that goes nowhere: it is passed by', async () => {
    const test = await startExporter({ transports: {} });
    await appendSpans(test.buffer, range(0, 9));
    await delivered(test);
    expect(test.happenings).toEqual([]);
  });
});
