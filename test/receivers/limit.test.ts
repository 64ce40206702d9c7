import { describe, expect, test } from 'vitest';
import { createIngestLimit } from '../../receivers/otlp/limit.js';
import type { Appender, Caller, FrameInput } from '../../src/component.js';
import { GRPC } from '../../src/errors.js';
import { createErrAppender, createSinkAppender } from '../helpers/appenders.js';
import { call, clientOf, EXPORT_PATHS, openGrpc } from './otlp/calls.js';
import { openHttp, PROTOBUF, send } from './otlp/doors.js';
import { payload, tracesProtobuf } from './otlp/payloads.js';

function limited({ spans = 0, bytes = 0, next = createSinkAppender() as Appender } = {}) {
  const clock = { nowMs: 5000 };
  const config = { otlpSpansPerSecond: spans, otlpBytesPerSecond: bytes };
  return { limit: createIngestLimit({ config, next, nowMs: () => clock.nowMs }), clock };
}

const ID = (index: number) => (index + 1).toString(16).padStart(16, '0');
const requestOf = (spans: number) =>
  tracesProtobuf(Array.from({ length: spans }, (_, index) => ({ spanId: ID(index) })));
const authenticate = ({ headers }: Caller) => String(headers['x-team'] ?? 'lab');

function frame(items: number, bytes: number, overrides: Partial<FrameInput> = {}): FrameInput {
  return {
    signal: 'traces',
    encoding: 'protobuf',
    workspace: 'lab',
    items,
    payload: Buffer.alloc(bytes),
    ...overrides,
  };
}

describe('the limit of spans a second', () => {
  test('answers 429 with Retry-After over HTTP, appends nothing of it, and lets the request in when it was waited for', async () => {
    const next = createSinkAppender();
    const { limit, clock } = limited({ spans: 10, next });
    const { port, events } = await openHttp({ next: limit, authenticate });
    const sendSpans = (spans: number) => send(port, { headers: PROTOBUF, body: requestOf(spans) });

    expect((await sendSpans(8)).status).toBe(200);
    const refused = await sendSpans(8);
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(next.frames.map(({ items }) => items)).toEqual([8]);
    expect(events.requests[1]).toMatchObject({
      outcome: 'refused',
      refused: 8,
      error: { code: 'RATE_LIMIT_EXCEEDED', retryAfterMs: 600 },
    });

    clock.nowMs += 600;
    expect((await sendSpans(8)).status).toBe(200);
  });

  test('answers RESOURCE_EXHAUSTED with RetryInfo over gRPC', async () => {
    const { limit, clock } = limited({ spans: 10 });
    const { port } = await openGrpc({ next: limit, authenticate });
    const client = clientOf(port);
    expect(await call(client, EXPORT_PATHS.traces, requestOf(10))).toMatchObject({ code: GRPC.OK });
    const refused = await call(client, EXPORT_PATHS.traces, requestOf(5));
    expect(refused).toMatchObject({
      code: GRPC.RESOURCE_EXHAUSTED,
      status: { details: ['RetryInfo'], retryDelaySeconds: 0.5 },
    });
    clock.nowMs += 500;
    expect(await call(client, EXPORT_PATHS.traces, requestOf(5))).toMatchObject({ code: GRPC.OK });
  });

  test('is one for both doors, and for spans, log records and data points together', async () => {
    const { limit } = limited({ spans: 2 });
    const http = await openHttp({ next: limit, authenticate });
    const grpc = await openGrpc({ next: limit, authenticate });
    expect((await send(http.port, { headers: PROTOBUF, body: requestOf(1) })).status).toBe(200);
    const client = clientOf(grpc.port);
    expect((await call(client, EXPORT_PATHS.logs, payload('logs', 'protobuf'))).code).toBe(GRPC.OK);
    expect((await call(client, EXPORT_PATHS.metrics, payload('metrics', 'protobuf'))).code).toBe(
      GRPC.RESOURCE_EXHAUSTED,
    );
    expect((await send(http.port, { headers: PROTOBUF, body: requestOf(1) })).status).toBe(429);
  });

  test('of one workspace takes nothing from another', async () => {
    const { limit } = limited({ spans: 1 });
    const { port } = await openHttp({ next: limit, authenticate });
    const statuses = [];
    for (const team of ['red', 'red', 'blue']) {
      const headers = { ...PROTOBUF, 'X-Team': team };
      statuses.push((await send(port, { headers, body: requestOf(1) })).status);
    }
    expect(statuses).toEqual([200, 429, 200]);
  });

  test('lets a request through that is larger than the limit, when nothing came for a second', async () => {
    const { limit, clock } = limited({ spans: 10 });
    const { port } = await openHttp({ next: limit, authenticate });
    const sendSpans = (spans: number) => send(port, { headers: PROTOBUF, body: requestOf(spans) });
    expect((await sendSpans(35)).status).toBe(200);
    expect((await sendSpans(1)).headers['retry-after']).toBe('3');
    clock.nowMs += 2500;
    expect((await sendSpans(1)).status).toBe(429);
    clock.nowMs += 100;
    expect((await sendSpans(1)).status).toBe(200);
  });

  test('of 500 requests at once lets exactly as many spans through as it allows', async () => {
    const next = createSinkAppender();
    const { limit } = limited({ spans: 100, next });
    const { port } = await openHttp({ next: limit, authenticate });
    const body = requestOf(1);
    const answers = await Promise.all(Array.from({ length: 500 }, () => send(port, { headers: PROTOBUF, body })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(400);
    expect(next.frames).toHaveLength(100);
  });
});

describe('the limit of bytes a second', () => {
  test('counts what a request is decompressed, in one piece or in several', async () => {
    const { limit, clock } = limited({ bytes: 1000 });
    await limit.append(frame(1, 600));
    const pieces = [Buffer.alloc(300), Buffer.alloc(200)];
    await expect(limit.append(frame(1, 0, { payload: pieces }))).rejects.toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
      message: 'Rate limit exceeded: 1000 bytes a second',
      retryAfterMs: 100,
    });
    clock.nowMs += 100;
    await limit.append(frame(1, 0, { payload: pieces }));
  });

  test('what one limit refuses costs nothing of the other', async () => {
    const { limit } = limited({ spans: 10, bytes: 1000 });
    for (let i = 0; i < 20; i++) await limit.append(frame(1, 2000)).catch(() => {});
    // The first went into debt with its bytes; its one span is all that was counted.
    await expect(limit.append(frame(10, 1))).rejects.toMatchObject({ message: expect.stringContaining('spans') });
    await expect(limit.append(frame(9, 1))).rejects.toMatchObject({ message: expect.stringContaining('bytes') });
  });
});

test('without a limit there is nothing in between', () => {
  const next = createSinkAppender();
  expect(limited({ next }).limit).toBe(next);
});

test('what is behind the limit is answered as it is', async () => {
  const error = new Error('no');
  const { limit } = limited({ spans: 10, next: createErrAppender(error) });
  await expect(limit.append(frame(1, 1))).rejects.toBe(error);
});
