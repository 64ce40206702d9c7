import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { InFlight } from '../../../receivers/otlp/in-flight.js';
import { GRPC } from '../../../src/errors.js';
import { createHeldAppender, createSinkAppender } from '../../helpers/appenders.js';
import { connect, JSON_TYPE, openHttp, PROTOBUF, send, until } from './doors.js';
import { statusOf, tracesJson, tracesOfSize, tracesProtobuf } from './payloads.js';

const BODY = tracesProtobuf();

describe('compression', () => {
  const half = Math.floor(BODY.length / 2);
  const CASES: readonly [string, string, Buffer][] = [
    ['gzip', 'gzip', gzipSync(BODY)],
    ['gzip in another case', 'GZip', gzipSync(BODY)],
    ['gzip by its old name', 'x-gzip', gzipSync(BODY)],
    ['gzip with blanks around', ' gzip ', gzipSync(BODY)],
    [
      'gzip of several members',
      'gzip',
      Buffer.concat([gzipSync(BODY.subarray(0, half)), gzipSync(BODY.subarray(half))]),
    ],
    ['gzip with zeros behind', 'gzip', Buffer.concat([gzipSync(BODY), Buffer.alloc(20)])],
    ['deflate as zlib', 'deflate', deflateSync(BODY)],
    ['deflate as zlib at the fastest level', 'deflate', deflateSync(BODY, { level: 1 })],
    ['deflate, bare', 'deflate', deflateRawSync(BODY)],
    ['identity', 'identity', BODY],
    ['identity in another case', 'IDENTITY', BODY],
    ['nothing, said so', '', BODY],
    ['two codings', 'deflate, gzip', gzipSync(deflateSync(BODY))],
    ['gzip and identity', 'gzip,identity', gzipSync(BODY)],
  ];
  test.each(CASES)('%s is taken', async (_, coding, body) => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });
    for (const chunked of [false, true]) {
      const answer = await send(port, { headers: { ...PROTOBUF, 'Content-Encoding': coding }, body, chunked });
      expect(answer.status).toBe(200);
    }
    expect(next.frames.map(({ payload }) => Buffer.from(payload as Uint8Array))).toEqual([BODY, BODY]);
    // What came over the wire, not what came out of it.
    expect(events.requests).toMatchObject([{ bytes: body.length }, { bytes: body.length }]);
  });

  test.each([
    ['br', BODY],
    ['gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(BODY)))],
    ['gzip, lz4', BODY],
    ['constructor', BODY],
  ])('%s is refused with 415 and a list of what is taken', async (coding, body) => {
    const next = createSinkAppender();
    const { port, events } = await openHttp({ next });
    const answer = await send(port, { headers: { ...PROTOBUF, 'Content-Encoding': coding }, body });
    expect(answer.status).toBe(415);
    expect(answer.headers['accept-encoding']).toMatch(/^gzip, deflate,.* identity$/);
    expect(statusOf(answer.body, 'protobuf')).toMatchObject({ code: GRPC.UNIMPLEMENTED });
    expect(next.frames).toEqual([]);
    expect(events.requests).toMatchObject([{ error: { code: 'UNSUPPORTED_ENCODING' } }]);
  });

  test('zstd is taken where the runtime has it, and refused with 415 where it has not', async () => {
    const zlib = (await import('node:zlib')) as { zstdCompressSync?: (body: Buffer) => Buffer };
    const { port } = await openHttp();
    const headers = { ...PROTOBUF, 'Content-Encoding': 'zstd' };
    const answer = await send(port, { headers, body: zlib.zstdCompressSync?.(BODY) ?? BODY });
    expect(answer.status).toBe(zlib.zstdCompressSync ? 200 : 415);
  });

  const compressed = gzipSync(BODY);
  test.each([
    ['plain bytes', 'gzip', tracesJson()],
    ['a truncated body', 'gzip', compressed.subarray(0, compressed.length - 12)],
    ['an empty body', 'gzip', Buffer.alloc(0)],
    ['an empty body', 'deflate', Buffer.alloc(0)],
    ['a wrong checksum', 'gzip', Buffer.concat([compressed.subarray(0, -8), Buffer.alloc(8, 1)])],
    ['plain bytes', 'deflate', Buffer.from([0x78, 0x9c, 0xff, 0xff])],
    ['gzip within plain', 'gzip, gzip', compressed],
  ])('%s called %s is answered with 400 and a Status', async (_, coding, body) => {
    for (const [headers, encoding] of [
      [JSON_TYPE, 'json'],
      [PROTOBUF, 'protobuf'],
    ] as const) {
      const { port, events, inFlight } = await openHttp();
      const answer = await send(port, { headers: { ...headers, 'Content-Encoding': coding }, body });
      expect(answer.status).toBe(400);
      expect(statusOf(answer.body, encoding)).toMatchObject({ code: GRPC.INVALID_ARGUMENT, details: ['BadRequest'] });
      expect(statusOf(answer.body, encoding).message).toMatch(/gzip|deflate/);
      expect(events.requests).toMatchObject([{ error: { code: 'INVALID_PAYLOAD' } }]);
      expect(inFlight.bytes).toBe(0);
    }
  });
});

describe('the size limit', () => {
  const size = 5000;
  const body = tracesOfSize(size);
  const VARIANTS = [
    ['plain', {}, body, false],
    ['chunked', {}, body, true],
    ['gzip', { 'Content-Encoding': 'gzip' }, gzipSync(body), false],
    ['chunked gzip', { 'Content-Encoding': 'gzip' }, gzipSync(body), true],
    ['deflate', { 'Content-Encoding': 'deflate' }, deflateSync(body), false],
  ] as const;

  test.each(VARIANTS)('lets a %s body of exactly that size through', async (_, headers, bytes, chunked) => {
    const { port } = await openHttp({ config: { maxBodyBytes: size } });
    expect(await send(port, { headers: { ...PROTOBUF, ...headers }, body: bytes, chunked })).toMatchObject({
      status: 200,
    });
  });

  test.each(VARIANTS)(
    'refuses a %s body that is one byte larger, with 413 that is not retryable',
    async (_, headers, bytes, chunked) => {
      const next = createSinkAppender();
      const { port, events, inFlight } = await openHttp({ next, config: { maxBodyBytes: size - 1 } });
      const answer = await send(port, { headers: { ...PROTOBUF, ...headers }, body: bytes, chunked });
      expect(answer.status).toBe(413);
      expect(answer.headers['retry-after']).toBeUndefined();
      expect(statusOf(answer.body, 'protobuf')).toMatchObject({ code: GRPC.RESOURCE_EXHAUSTED, details: [] });
      expect(next.frames).toEqual([]);
      expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'PAYLOAD_TOO_LARGE' } }]);
      expect(inFlight.bytes).toBe(0);
    },
  );

  test('refuses by Content-Length alone, before a byte of the body', async () => {
    const { port } = await openHttp({ config: { maxBodyBytes: 1000 } });
    const wire = await connect(port);
    wire.socket.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n',
    );
    await wire.receives('HTTP/1.1 413 ');
  });

  test('answers a client that goes on sending, and serves it again on the same connection', async () => {
    const { port } = await openHttp({ config: { maxBodyBytes: 1000 } });
    const wire = await connect(port);
    const head = 'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    wire.socket.write(`${head}Content-Length: 3000000\r\n\r\n`);
    wire.socket.write(Buffer.alloc(3_000_000, 0x20));
    await wire.receives('HTTP/1.1 413 ');
    wire.socket.write(`${head}Content-Length: 2\r\n\r\n{}`);
    await wire.receives('HTTP/1.1 200 ');
  });

  test.each(['gzip', 'deflate'])('stops a %s bomb while it inflates', async (coding) => {
    const bomb = coding === 'gzip' ? gzipSync(Buffer.alloc(64 * 2 ** 20)) : deflateSync(Buffer.alloc(64 * 2 ** 20));
    const inFlight = new RecordingInFlight(2 ** 30);
    const { port } = await openHttp({ config: { maxBodyBytes: 2 ** 20 }, inFlight });
    const answer = await send(port, { headers: { ...PROTOBUF, 'Content-Encoding': coding }, body: bomb });
    expect(answer.status).toBe(413);
    // The limit, the bomb itself, and one piece of output that passed it.
    expect(inFlight.peak).toBeLessThan(3 * 2 ** 20);
    expect(inFlight.bytes).toBe(0);
  });

  test('stops a bomb within a bomb', async () => {
    const { port } = await openHttp({ config: { maxBodyBytes: 2 ** 20 } });
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 2 ** 20)));
    const answer = await send(port, { headers: { ...PROTOBUF, 'Content-Encoding': 'gzip, gzip' }, body: bomb });
    expect(answer.status).toBe(413);
  });
});

class RecordingInFlight extends InFlight {
  peak = 0;
  override take(bytes: number, alreadyHeld: number): void {
    super.take(bytes, alreadyHeld);
    this.peak = Math.max(this.peak, this.bytes);
  }
}

describe('Expect: 100-continue', () => {
  const head = (length: number, type = 'application/json') =>
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;

  test('lets a good request go on', async () => {
    const { port } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(head(2));
    await wire.receives('HTTP/1.1 100 Continue');
    wire.socket.write('{}');
    await wire.receives('HTTP/1.1 200 ');
  });

  test.each([
    ['too large', head(1001), '413'],
    ['of an unknown type', head(10, 'text/plain'), '415'],
    ['to an unknown path', head(10).replace('/v1/traces', '/v2'), '404'],
    ['by a wrong method', head(10).replace('POST', 'PUT'), '405'],
  ])('refuses a request %s without asking for its body, and closes', async (_, bytes, status) => {
    const { port } = await openHttp({ config: { maxBodyBytes: 1000 } });
    const wire = await connect(port);
    wire.socket.write(bytes);
    await wire.closed;
    expect(wire.text()).toContain(`HTTP/1.1 ${status} `);
    expect(wire.text()).toContain('Connection: close');
    expect(wire.text()).not.toContain('100 Continue');
  });

  test('an expectation of another kind is refused', async () => {
    const { port } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(head(2).replace('100-continue', 'miracle'));
    await wire.receives('HTTP/1.1 417 ');
  });
});

describe('bytes in flight', () => {
  test('above the bound a request is refused as overload before its body is read, and taken when there is room', async () => {
    const next = createHeldAppender();
    const { port, events, inFlight } = await openHttp({ next, config: { maxInFlightBytes: 8000 } });
    const first = send(port, { headers: PROTOBUF, body: tracesOfSize(6000) });
    await next.arrived(1);
    expect(inFlight.bytes).toBe(6000);

    const wire = await connect(port);
    wire.socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2001\r\n\r\n',
    );
    await wire.receives('HTTP/1.1 503 ');
    expect(wire.text()).toContain('Retry-After: 1');
    const chunked = await send(port, { headers: PROTOBUF, body: tracesOfSize(3000), chunked: true });
    expect(chunked.status).toBe(503);
    const inflated = { ...PROTOBUF, 'Content-Encoding': 'gzip' };
    expect(await send(port, { headers: inflated, body: gzipSync(tracesOfSize(3000)) })).toMatchObject({ status: 503 });
    expect(inFlight.bytes).toBe(6000);

    next.release();
    expect(await first).toMatchObject({ status: 200 });
    expect(inFlight.bytes).toBe(0);
    const again = send(port, { headers: PROTOBUF, body: tracesOfSize(3000) });
    await next.arrived(1);
    next.release();
    expect(await again).toMatchObject({ status: 200 });
    expect(events.requests.slice(0, 3)).toMatchObject(
      Array(3).fill({ outcome: 'refused', error: { code: 'OVERLOADED' } }),
    );
  });

  test('a single request above the bound is let in when nobody else is there', async () => {
    const { port } = await openHttp({ config: { maxInFlightBytes: 100 } });
    for (const chunked of [false, true]) {
      expect(await send(port, { headers: PROTOBUF, body: tracesOfSize(6000), chunked })).toMatchObject({ status: 200 });
    }
  });

  test('are given back when the client goes away within its request', async () => {
    const { port, events, inFlight } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"re',
    );
    await until(() => inFlight.bytes === 4);
    wire.socket.resetAndDestroy();
    await events.reported(1);
    expect(inFlight.bytes).toBe(0);
    expect(events.requests).toMatchObject([{ signal: 'traces', outcome: 'aborted', bytes: 4 }]);
  });
});

test('a chunked body in many pieces is put together again', async () => {
  const next = createSinkAppender();
  const { port } = await openHttp({ next });
  const wire = await connect(port);
  wire.socket.write(
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  for (const byte of BODY) {
    wire.socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
  }
  wire.socket.write('0\r\n\r\n');
  await wire.receives('HTTP/1.1 200 ');
  expect(Buffer.from(next.frames[0]!.payload as Uint8Array)).toEqual(BODY);
});
