import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Encoding, SIGNALS } from '../../../src/component.js';
import { type ErrorCode, GatewayError, GRPC } from '../../../src/errors.js';
import { createErrAppender, createSinkAppender } from '../../helpers/appenders.js';
import { connect, JSON_TYPE, openHttp, PROTOBUF, send } from './doors.js';
import { partialSuccessOf, payload, statusOf, tracesJson, tracesProtobuf } from './payloads.js';

const ENCODINGS: readonly Encoding[] = ['protobuf', 'json'];
const TYPE = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;

describe.each(SIGNALS)('a request of %s', (signal) => {
  test.each(ENCODINGS)('in %s is appended byte for byte and answered in the same encoding', async (encoding) => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });
    const body = payload(signal, encoding);

    const answer = await send(port, { path: `/v1/${signal}`, headers: { 'Content-Type': TYPE[encoding] }, body });

    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(TYPE[encoding]);
    // Full success leaves partial_success unset: no bytes at all, or an empty object.
    expect(answer.body.toString()).toBe(encoding === 'json' ? '{}' : '');
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    expect(next.frames).toMatchObject([{ signal, encoding, workspace: 'lab', items: 1 }]);
    expect(Buffer.from(next.frames[0]!.payload as Uint8Array)).toEqual(body);
    expect(events.requests).toMatchObject([
      { transport: 'http', signal, outcome: 'accepted', accepted: 1, rejected: 0, refused: 0, bytes: body.length },
    ]);
  });

  test.each([
    ['no body at all', Buffer.alloc(0), 'protobuf'],
    ['an empty object', Buffer.from('{}'), 'json'],
    ['an empty resource', Buffer.from([0x0a, 0x00]), 'protobuf'],
  ] as const)('that holds nothing (%s) succeeds, and nothing is appended', async (_, body, encoding) => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });

    const answer = await send(port, { path: `/v1/${signal}`, headers: { 'Content-Type': TYPE[encoding] }, body });

    expect(answer.status).toBe(200);
    expect(next.frames).toEqual([]);
    expect(events.requests).toMatchObject([{ outcome: 'accepted', accepted: 0 }]);
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])(
    'by %s is not allowed, and POST is named',
    async (method) => {
      const { port, events } = await openHttp();

      const answer = await send(port, { method, path: `/v1/${signal}`, headers: JSON_TYPE });

      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('POST');
      expect(answer.headers['content-type']).toBe('application/json');
      if (method !== 'HEAD') expect(statusOf(answer.body, 'json').code).toBe(GRPC.UNIMPLEMENTED);
      expect(events.requests).toMatchObject([{ signal, outcome: 'invalid', error: { code: 'METHOD_NOT_ALLOWED' } }]);
    },
  );
});

describe('media types', () => {
  test.each([
    ['application/json; charset=utf-8', 'json'],
    ['APPLICATION/JSON', 'json'],
    [' application/json ;charset="utf-8"', 'json'],
    ['Application/X-Protobuf', 'protobuf'],
    ['application/x-protobuf; messageType="x"', 'protobuf'],
  ] as const)('%s is understood, and answered without its parameters', async (type, encoding) => {
    const { port } = await openHttp();
    const answer = await send(port, { headers: { 'Content-Type': type }, body: payload('traces', encoding) });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(TYPE[encoding]);
  });

  test.each([['text/plain'], ['invalid'], ['application/protobuf'], [undefined]])(
    '%s is refused with 415 and a Status in JSON',
    async (type) => {
      const next = createSinkAppender();
      const { port, events } = await openHttp({ next });

      const answer = await send(port, { headers: type ? { 'Content-Type': type } : {}, body: tracesJson() });

      expect(answer.status).toBe(415);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(statusOf(answer.body, 'json').message).toContain('application/x-protobuf');
      expect(next.frames).toEqual([]);
      expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'UNSUPPORTED_MEDIA_TYPE' } }]);
    },
  );
});

describe('paths', () => {
  test.each([
    ['/', JSON_TYPE, 'json'],
    ['/v1/profiles', PROTOBUF, 'protobuf'],
    ['/v1development/profiles', PROTOBUF, 'protobuf'],
    ['/v1/traces/', {}, 'json'],
    ['/v1/constructor', JSON_TYPE, 'json'],
    ['/constructor', JSON_TYPE, 'json'],
  ] as const)('%s answers 404 with a Status in the encoding of the request', async (path, headers, encoding) => {
    const { port, events } = await openHttp();
    const answer = await send(port, { path, headers: { ...headers }, body: tracesProtobuf() });
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toBe(TYPE[encoding]);
    expect(statusOf(answer.body, encoding).message).toContain('/v1/traces');
    expect(events.requests).toMatchObject([{ signal: undefined, outcome: 'invalid', error: { code: 'NOT_FOUND' } }]);
  });

  test('a query behind the path changes nothing', async () => {
    const { port } = await openHttp();
    const answer = await send(port, { path: '/v1/traces?token=x', headers: PROTOBUF, body: tracesProtobuf() });
    expect(answer.status).toBe(200);
  });
});

describe('partial success', () => {
  const MIXED = [{ name: 'kept' }, { name: 'lost', spanId: '00'.repeat(8) }];

  test('a span without a usable id is counted as rejected, and its neighbour is kept', async () => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });

    const answer = await send(port, { headers: PROTOBUF, body: tracesProtobuf(MIXED) });

    expect(answer.status).toBe(200);
    const partial = partialSuccessOf('traces', answer.body)!;
    expect(partial.rejected).toBe(1);
    expect(partial.errorMessage).not.toBe('');
    expect(next.frames).toMatchObject([{ items: 1 }]);
    expect(events.requests).toMatchObject([
      { outcome: 'partial', accepted: 1, rejected: 1, message: partial.errorMessage },
    ]);
  });

  test('in JSON the count is a string, as the JSON mapping writes 64-bit numbers', async () => {
    const { port } = await openHttp();
    const answer = await send(port, { headers: JSON_TYPE, body: tracesJson(MIXED) });
    expect(JSON.parse(answer.body.toString()).partialSuccess).toMatchObject({ rejectedSpans: '1' });
  });

  test('when every span is rejected nothing is appended, and it is still a success that is not to be retried', async () => {
    const next = createSinkAppender();
    const { port } = await openHttp({ next });
    const answer = await send(port, { headers: PROTOBUF, body: tracesProtobuf([{ traceId: '00'.repeat(16) }]) });
    expect(answer.status).toBe(200);
    expect(partialSuccessOf('traces', answer.body)?.rejected).toBe(1);
    expect(next.frames).toEqual([]);
  });
});

describe('errors downstream', () => {
  test.each([
    ['BUFFER_FULL', 503, GRPC.UNAVAILABLE, 'refused'],
    ['DISK_FULL', 503, GRPC.UNAVAILABLE, 'refused'],
    ['SHUTTING_DOWN', 503, GRPC.UNAVAILABLE, 'refused'],
    ['RATE_LIMIT_EXCEEDED', 429, GRPC.RESOURCE_EXHAUSTED, 'refused'],
    ['PAYLOAD_TOO_LARGE', 413, GRPC.RESOURCE_EXHAUSTED, 'invalid'],
    ['FORBIDDEN', 403, GRPC.PERMISSION_DENIED, 'invalid'],
    ['INTERNAL_ERROR', 500, GRPC.INTERNAL, 'failed'],
  ] as const)('%s is answered with %i, and its items count as refused', async (code, httpStatus, grpcCode, outcome) => {
    const { port, events } = await openHttp({ next: createErrAppender(new GatewayError(code, 'my error')) });
    for (const encoding of ENCODINGS) {
      const answer = await send(port, {
        headers: { 'Content-Type': TYPE[encoding] },
        body: payload('traces', encoding),
      });
      expect(answer.status).toBe(httpStatus);
      expect(answer.headers['content-type']).toBe(TYPE[encoding]);
      expect(statusOf(answer.body, encoding)).toMatchObject({ code: grpcCode, message: 'my error' });
    }
    expect(events.requests).toMatchObject(Array(2).fill({ outcome, accepted: 0, refused: 1, error: { code } }));
  });

  test('an error that is none of ours tells the client nothing, and the events everything', async () => {
    const secret = new Error('password=hunter2');
    const { port, events } = await openHttp({ next: createErrAppender(secret) });
    const answer = await send(port, { headers: JSON_TYPE, body: tracesJson() });
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain('hunter2');
    expect(events.requests[0]!.error?.cause).toBe(secret);
  });

  test.each([
    ['BUFFER_FULL', 0, '0', 0],
    ['BUFFER_FULL', 13_000, '13', 13],
    ['RATE_LIMIT_EXCEEDED', 1500, '2', 1.5],
    ['PAYLOAD_TOO_LARGE', 5000, undefined, undefined],
    ['INTERNAL_ERROR', 5000, undefined, undefined],
  ] as const)('%s after %s ms says Retry-After %s', async (code, retryAfterMs, header, delay) => {
    const next = createErrAppender(new GatewayError(code as ErrorCode, 'later', { retryAfterMs }));
    const { port } = await openHttp({ next });
    for (const encoding of ENCODINGS) {
      const answer = await send(port, {
        headers: { 'Content-Type': TYPE[encoding] },
        body: payload('traces', encoding),
      });
      expect(answer.headers['retry-after']).toBe(header);
      expect(statusOf(answer.body, encoding).retryDelaySeconds).toBe(delay);
    }
  });

  test('the same sender is served again as soon as the outage is over', async () => {
    const sink = createSinkAppender();
    const errors = [
      undefined,
      new GatewayError('BUFFER_FULL', 'full'),
      new GatewayError('INTERNAL_ERROR', 'no'),
      undefined,
    ];
    const next = {
      append: (frame: Parameters<typeof sink.append>[0]) => {
        const error = errors.shift();
        return error ? Promise.reject(error) : sink.append(frame);
      },
    };
    const { port } = await openHttp({ next });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      statuses.push((await send(port, { headers: PROTOBUF, body: tracesProtobuf() })).status);
    }
    expect(statuses).toEqual([200, 503, 500, 200]);
    expect(sink.frames).toHaveLength(2);
  });
});

describe('payloads that make no sense', () => {
  const CASES: readonly [string, Encoding, Buffer][] = [
    ['a number', 'json', Buffer.from('1234')],
    ['half an object', 'json', Buffer.from('{"resourceSpans": [')],
    ['random bytes', 'protobuf', Buffer.from([0xff, 0xfe, 0xfd, 0x07])],
    ['a truncated message', 'protobuf', tracesProtobuf().subarray(0, 20)],
    ['a logs request on the traces path', 'protobuf', payload('logs', 'protobuf')],
    ['a logs request on the traces path', 'json', payload('logs', 'json')],
  ];
  test.each(CASES)('%s in %s is answered with 400, a Status and BadRequest', async (_, encoding, body) => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });
    const answer = await send(port, { headers: { 'Content-Type': TYPE[encoding] }, body });
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe(TYPE[encoding]);
    expect(statusOf(answer.body, encoding)).toMatchObject({ code: GRPC.INVALID_ARGUMENT, details: ['BadRequest'] });
    expect(next.frames).toEqual([]);
    expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'INVALID_PAYLOAD' } }]);
  });

  test('random bodies of every kind are answered, and the next good one is taken', async () => {
    const next = createSinkAppender();
    const { port } = await openHttp({ next });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let seed = 42;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed;
    };
    for (let i = 0; i < 150; i++) {
      const body = Buffer.from(Uint8Array.from({ length: random() % 64 }, () => random() >>> 24));
      const headers = {
        'Content-Type': TYPE[ENCODINGS[i % 2]!],
        ...(i % 3 === 0 && { 'Content-Encoding': i % 2 ? 'gzip' : 'deflate' }),
      };
      const answer = await send(port, { headers, body, agent });
      expect([200, 400]).toContain(answer.status);
    }
    expect((await send(port, { headers: PROTOBUF, body: tracesProtobuf(), agent })).status).toBe(200);
    agent.destroy();
    expect(next.frames.at(-1)).toMatchObject({ items: 1 });
  });
});

describe('authentication', () => {
  test.each([
    ['UNAUTHORIZED', 401, GRPC.UNAUTHENTICATED],
    ['FORBIDDEN', 403, GRPC.PERMISSION_DENIED],
    ['RATE_LIMIT_EXCEEDED', 429, GRPC.RESOURCE_EXHAUSTED],
  ] as const)('%s is answered with %i before a byte of the body is read', async (code, httpStatus, grpcCode) => {
    const authenticate = () => {
      throw new GatewayError(code, 'who are you?');
    };
    const { port, events } = await openHttp({ authenticate });
    const wire = await connect(port);
    wire.socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
    );
    await wire.receives('"who are you?"');
    expect(wire.text()).toContain(`HTTP/1.1 ${httpStatus} `);
    expect(wire.text()).toContain(`"code":${grpcCode}`);
    expect(wire.text().includes('WWW-Authenticate: Bearer')).toBe(httpStatus === 401);
    expect(events.requests).toMatchObject([{ bytes: 0, error: { code } }]);
  });

  test('the workspace comes from the caller’s headers, asynchronously too', async () => {
    const next = createSinkAppender();
    const authenticate = async ({ headers, peer }: { headers: Record<string, unknown>; peer: string }) =>
      `${headers['x-team']}@${peer}`;
    const { port } = await openHttp({ next, authenticate: authenticate as never });
    await send(port, { headers: { ...PROTOBUF, 'X-Team': 'red' }, body: tracesProtobuf() });
    expect(next.frames).toMatchObject([{ workspace: 'red@127.0.0.1' }]);
  });
});

describe('answers', () => {
  test('a huge, malformed message is cut to 1 KiB of clean UTF-8', async () => {
    const message = `a\ud800b\u0000c${'é'.repeat(5000)}`;
    const { port } = await openHttp({ next: createErrAppender(new GatewayError('BUFFER_FULL', message)) });
    for (const encoding of ENCODINGS) {
      const answer = await send(port, {
        headers: { 'Content-Type': TYPE[encoding] },
        body: payload('traces', encoding),
      });
      const told = statusOf(answer.body, encoding).message;
      expect(told).toMatch(/^a\ufffdb cé+$/);
      expect(Buffer.byteLength(told)).toBeLessThanOrEqual(1024);
      expect(Buffer.byteLength(told)).toBeGreaterThan(1000);
    }
  });

  test('pipelined requests are answered in their order', async () => {
    const { port } = await openHttp();
    const wire = await connect(port);
    const request = (path: string, body: string) =>
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    wire.socket.write(
      request('/v1/traces', '{}') + request('/nowhere', '{}') + request('/v1/logs', '[') + request('/v1/logs', '{}'),
    );
    await until4(wire.text);
    expect(wire.text().match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 404',
      'HTTP/1.1 400',
      'HTTP/1.1 200',
    ]);
  });

  test('a gzip answer is not sent to those who asked for none', async () => {
    const { port } = await openHttp();
    const answer = await send(port, { headers: JSON_TYPE, body: '[' });
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  test('a compressed request in JSON is answered in plain JSON', async () => {
    const { port } = await openHttp();
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'gzip' };
    const answer = await send(port, { headers, body: gzipSync(tracesJson()) });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.body.toString()).toBe('{}');
  });
});

async function until4(text: () => string): Promise<void> {
  while ((text().match(/HTTP\/1\.1/g) ?? []).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
}
