import { deflateSync, gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { SIGNALS } from '../../../src/component.js';
import { GatewayError, GRPC } from '../../../src/errors.js';
import { createErrAppender, createHeldAppender, createSinkAppender } from '../../helpers/appenders.js';
import {
  answerOf,
  call,
  clientOf,
  EXPORT_PATHS,
  framed,
  GZIP,
  grpcStatusOf,
  openGrpc,
  openSession,
  openStream,
} from './calls.js';
import { connect, until } from './doors.js';
import { partialSuccessOf, payload, tracesOfSize, tracesProtobuf } from './payloads.js';

describe.each(SIGNALS)('a call with %s', (signal) => {
  test.each([
    ['plain', {}],
    ['gzip', GZIP],
  ])('%s is appended byte for byte, and answered with an empty message', async (_, options) => {
    const next = createSinkAppender();
    const { port, events, inFlight } = await openGrpc({ next });
    const body = payload(signal, 'protobuf');

    const answer = await call(clientOf(port, options), EXPORT_PATHS[signal], body);

    expect(answer).toMatchObject({ code: GRPC.OK, message: Buffer.alloc(0) });
    expect(next.frames).toMatchObject([{ signal, encoding: 'protobuf', workspace: 'lab', items: 1 }]);
    expect(Buffer.from(next.frames[0]!.payload as Uint8Array)).toEqual(body);
    expect(events.requests).toMatchObject([{ transport: 'grpc', signal, outcome: 'accepted', accepted: 1 }]);
    expect(inFlight.bytes).toBe(0);
  });

  test('that hold nothing succeeds, and nothing is appended', async () => {
    const next = createSinkAppender();
    const { port } = await openGrpc({ next });
    expect(await call(clientOf(port), EXPORT_PATHS[signal], Buffer.alloc(0))).toMatchObject({ code: GRPC.OK });
    expect(next.frames).toEqual([]);
  });
});

test('a span without a usable id is counted in the partial success, and its neighbour is kept', async () => {
  const next = createSinkAppender();
  const { port, events } = await openGrpc({ next });
  const answer = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf([{}, { spanId: '00'.repeat(8) }]));
  expect(answer.code).toBe(GRPC.OK);
  expect(partialSuccessOf('traces', answer.message!)?.rejected).toBe(1);
  expect(next.frames).toMatchObject([{ items: 1 }]);
  expect(events.requests).toMatchObject([{ outcome: 'partial', accepted: 1, rejected: 1 }]);
});

/** Of a gRPC message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

describe('errors', () => {
  test.each([
    ['BUFFER_FULL', GRPC.UNAVAILABLE, ['RetryInfo'], 'refused'],
    ['DISK_FULL', GRPC.UNAVAILABLE, ['RetryInfo'], 'refused'],
    ['RATE_LIMIT_EXCEEDED', GRPC.RESOURCE_EXHAUSTED, ['RetryInfo'], 'refused'],
    ['PAYLOAD_TOO_LARGE', GRPC.RESOURCE_EXHAUSTED, [], 'invalid'],
    ['FORBIDDEN', GRPC.PERMISSION_DENIED, [], 'invalid'],
    ['INTERNAL_ERROR', GRPC.INTERNAL, [], 'failed'],
  ] as const)('%s downstream becomes status %i with details %j', async (code, status, details, outcome) => {
    const next = createErrAppender(new GatewayError(code, 'my error'));
    const { port, events } = await openGrpc({ next });
    const answer = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf());
    expect(answer).toMatchObject({
      code: status,
      details: 'my error',
      status: { code: status, message: 'my error', details },
    });
    expect(events.requests).toMatchObject([{ outcome, refused: 1, error: { code } }]);
  });

  test('RetryInfo says when to come again', async () => {
    const next = createErrAppender(new GatewayError('BUFFER_FULL', 'full', { retryAfterMs: 13_250 }));
    const { port } = await openGrpc({ next });
    const answer = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf());
    expect(answer.status?.retryDelaySeconds).toBe(13.25);
  });

  test('a message of any script, with control characters and lone surrogates, arrives clean and short', async () => {
    const next = createErrAppender(new GatewayError('BUFFER_FULL', `100 %\ud800\n${'漢'.repeat(2000)}`));
    const { port } = await openGrpc({ next });
    const answer = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf());
    expect(answer.code).toBe(GRPC.UNAVAILABLE);
    expect(answer.details).toMatch(/^100 %\ufffd 漢+$/);
    expect(Buffer.byteLength(answer.details)).toBeLessThanOrEqual(1024);
  });

  test.each([
    ['random bytes', Buffer.from([0xff, 0xfe, 0xfd, 0x07])],
    ['a truncated request', tracesProtobuf().subarray(0, 20)],
    ['a logs request to the trace service', payload('logs', 'protobuf')],
  ])('%s are INVALID_ARGUMENT with BadRequest', async (_, body) => {
    const next = createSinkAppender();
    const { port, events } = await openGrpc({ next });
    const answer = await call(clientOf(port), EXPORT_PATHS.traces, body);
    expect(answer).toMatchObject({ code: GRPC.INVALID_ARGUMENT, status: { details: ['BadRequest'] } });
    expect(next.frames).toEqual([]);
    expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'INVALID_PAYLOAD' } }]);
  });

  test.each([
    '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
    '/opentelemetry.proto.collector.trace.v1.TraceService/Import',
    '/constructor',
  ])('%s is UNIMPLEMENTED', async (path) => {
    const { port, events } = await openGrpc();
    expect(await call(clientOf(port), path, tracesProtobuf())).toMatchObject({ code: GRPC.UNIMPLEMENTED });
    expect(events.requests).toMatchObject([
      { signal: undefined, outcome: 'invalid', error: { code: 'UNIMPLEMENTED' } },
    ]);
  });

  test('the same connection is served again after errors', async () => {
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
    const { port } = await openGrpc({ next });
    const client = clientOf(port);
    const codes: number[] = [];
    for (let i = 0; i < 4; i++) codes.push((await call(client, EXPORT_PATHS.traces, tracesProtobuf())).code);
    expect(codes).toEqual([GRPC.OK, GRPC.UNAVAILABLE, GRPC.INTERNAL, GRPC.OK]);
    expect(sink.frames).toHaveLength(2);
  });
});

describe('authentication', () => {
  test.each([
    ['UNAUTHORIZED', GRPC.UNAUTHENTICATED],
    ['FORBIDDEN', GRPC.PERMISSION_DENIED],
    ['RATE_LIMIT_EXCEEDED', GRPC.RESOURCE_EXHAUSTED],
  ] as const)('%s is status %i, before a byte of the message is read', async (code, status) => {
    const authenticate = async () => {
      throw new GatewayError(code, 'who are you?');
    };
    const { port, events } = await openGrpc({ authenticate });
    const stream = openStream(await openSession(port));
    const answer = await answerOf(stream);
    expect(grpcStatusOf(answer)).toBe(status);
    expect(events.requests).toMatchObject([{ bytes: 0, error: { code } }]);
  });

  test('the workspace comes from the metadata', async () => {
    const next = createSinkAppender();
    const authenticate = ({ headers, peer }: { headers: Record<string, unknown>; peer: string }) =>
      `${headers['x-team']}@${peer}`;
    const { port } = await openGrpc({ next, authenticate: authenticate as never });
    const metadata = new grpc.Metadata();
    metadata.set('X-Team', 'red');
    await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf(), metadata);
    expect(next.frames).toMatchObject([{ workspace: 'red@127.0.0.1' }]);
  });
});

describe('the size limit', () => {
  const size = 5000;
  const body = tracesOfSize(size);
  test.each([
    ['plain', {}],
    ['gzip', GZIP],
  ])('lets a %s message of exactly that size through, and refuses one more byte for good', async (_, options) => {
    const { port } = await openGrpc({ config: { maxBodyBytes: size } });
    expect(await call(clientOf(port, options), EXPORT_PATHS.traces, body)).toMatchObject({ code: GRPC.OK });
    const smaller = await openGrpc({ config: { maxBodyBytes: size - 1 } });
    const answer = await call(clientOf(smaller.port, options), EXPORT_PATHS.traces, body);
    expect(answer).toMatchObject({ code: GRPC.RESOURCE_EXHAUSTED, status: { details: [] } });
    expect(smaller.events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'PAYLOAD_TOO_LARGE' } }]);
    expect(smaller.inFlight.bytes).toBe(0);
  });

  test('is far above the 4 MiB of other servers by default', async () => {
    const next = createSinkAppender();
    const { port } = await openGrpc({ next });
    const large = tracesOfSize(20 * 2 ** 20);
    expect(await call(clientOf(port), EXPORT_PATHS.traces, large)).toMatchObject({ code: GRPC.OK });
    expect((next.frames[0]!.payload as Uint8Array).length).toBe(large.length);
  });

  test('refuses a client that goes on sending, and serves its next call', async () => {
    const { port } = await openGrpc({ config: { maxBodyBytes: 1000 } });
    const client = clientOf(port);
    expect(await call(client, EXPORT_PATHS.traces, Buffer.alloc(10_000_000))).toMatchObject({
      code: GRPC.RESOURCE_EXHAUSTED,
    });
    expect(await call(client, EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
  });

  test('refuses by the declared length, before the bytes', async () => {
    const { port } = await openGrpc();
    const stream = openStream(await openSession(port));
    stream.write(framed(Buffer.alloc(0), { length: 100 * 2 ** 20 }));
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.RESOURCE_EXHAUSTED);
  });

  test('stops a bomb while it inflates', async () => {
    const { port } = await openGrpc({ config: { maxBodyBytes: 2 ** 20 } });
    const stream = openStream(await openSession(port), { 'grpc-encoding': 'gzip' });
    stream.end(framed(gzipSync(Buffer.alloc(64 * 2 ** 20)), { compressed: true }));
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.RESOURCE_EXHAUSTED);
  });
});

describe('message framing', () => {
  const body = tracesProtobuf();
  const CASES: readonly [string, Record<string, string>, Buffer, number][] = [
    ['a compressed message', { 'grpc-encoding': 'gzip' }, framed(gzipSync(body), { compressed: true }), GRPC.OK],
    ['a deflated message', { 'grpc-encoding': 'deflate' }, framed(deflateSync(body), { compressed: true }), GRPC.OK],
    ['a plain message where gzip was announced', { 'grpc-encoding': 'gzip' }, framed(body), GRPC.OK],
    ['a corrupt gzip message', { 'grpc-encoding': 'gzip' }, framed(body, { compressed: true }), GRPC.INVALID_ARGUMENT],
    [
      'a truncated gzip message',
      { 'grpc-encoding': 'gzip' },
      framed(gzipSync(body).subarray(0, 30), { compressed: true }),
      GRPC.INVALID_ARGUMENT,
    ],
    ['a compressed message without a coding', {}, framed(gzipSync(body), { compressed: true }), GRPC.INVALID_ARGUMENT],
    ['an unknown coding', { 'grpc-encoding': 'snappy' }, framed(body, { compressed: true }), GRPC.UNIMPLEMENTED],
    ['two messages', {}, Buffer.concat([framed(body), framed(body)]), GRPC.UNIMPLEMENTED],
    ['no message', {}, Buffer.alloc(0), GRPC.UNIMPLEMENTED],
    ['half a prefix', {}, framed(body).subarray(0, 3), GRPC.INVALID_ARGUMENT],
    ['half a message', {}, framed(body).subarray(0, 20), GRPC.INVALID_ARGUMENT],
  ];
  test.each(CASES)('%s is answered, and the connection lives on', async (_, headers, bytes, status) => {
    const { port, events, inFlight } = await openGrpc();
    const session = await openSession(port);
    const stream = openStream(session, headers);
    stream.end(bytes);
    const answer = await answerOf(stream);
    expect(grpcStatusOf(answer)).toBe(status);
    expect(answer.headers[':status']).toBe(200);
    expect(answer.headers['grpc-accept-encoding']).toBe('identity,deflate,gzip');
    expect(events.requests).toHaveLength(1);
    expect(inFlight.bytes).toBe(0);

    const good = openStream(session);
    good.end(framed(body));
    expect(grpcStatusOf(await answerOf(good))).toBe(GRPC.OK);
  });

  test('a message in many pieces, prefix included, is put together again', async () => {
    const next = createSinkAppender();
    const { port } = await openGrpc({ next });
    const stream = openStream(await openSession(port));
    for (const byte of framed(body)) {
      stream.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.OK);
    expect(Buffer.from(next.frames[0]!.payload as Uint8Array)).toEqual(body);
  });

  test.each([
    ['another content type', { 'content-type': 'application/json' }],
    ['gRPC in JSON', { 'content-type': 'application/grpc+json' }],
    ['another method', { ':method': 'GET' }],
  ])('%s is 415', async (_, headers) => {
    const { port, events } = await openGrpc();
    const stream = openStream(await openSession(port), headers);
    stream.end();
    expect((await answerOf(stream)).headers[':status']).toBe(415);
    expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'UNSUPPORTED_MEDIA_TYPE' } }]);
  });

  test.each(['application/grpc+proto', 'application/grpc; charset=utf-8'])('%s is gRPC too', async (type) => {
    const { port } = await openGrpc();
    const stream = openStream(await openSession(port), { 'content-type': type });
    stream.end(framed(body));
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.OK);
  });
});

describe('bytes in flight', () => {
  test('above the bound a call is refused as overload, before its bytes, and taken when there is room', async () => {
    const next = createHeldAppender();
    const { port, events, inFlight } = await openGrpc({ next, config: { maxInFlightBytes: 8000 } });
    const client = clientOf(port);
    const first = call(client, EXPORT_PATHS.traces, tracesOfSize(6000));
    await next.arrived(1);
    expect(inFlight.bytes).toBe(PREFIX_BYTES + 6000);

    const stream = openStream(await openSession(port));
    stream.write(framed(Buffer.alloc(0), { length: 2001 }));
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.UNAVAILABLE);
    const inflated = await call(clientOf(port, GZIP), EXPORT_PATHS.traces, tracesOfSize(3000));
    expect(inflated).toMatchObject({ code: GRPC.UNAVAILABLE, status: { details: ['RetryInfo'] } });
    expect(inFlight.bytes).toBe(PREFIX_BYTES + 6000);

    next.release();
    expect(await first).toMatchObject({ code: GRPC.OK });
    expect(inFlight.bytes).toBe(0);
    const again = call(client, EXPORT_PATHS.traces, tracesOfSize(3000));
    await next.arrived(1);
    next.release();
    expect(await again).toMatchObject({ code: GRPC.OK });
    expect(events.requests.slice(0, 2)).toMatchObject(
      Array(2).fill({ outcome: 'refused', error: { code: 'OVERLOADED' } }),
    );
  });

  test.each(['the stream', 'the connection'])(
    'are given back when the client drops %s within its call',
    async (what) => {
      const { port, events, inFlight } = await openGrpc();
      const session = await openSession(port);
      const stream = openStream(session);
      stream.write(framed(Buffer.alloc(10), { length: 1000 }));
      await until(() => inFlight.bytes === 15);
      if (what === 'the stream') stream.destroy();
      else session.destroy();
      await events.reported(1);
      expect(inFlight.bytes).toBe(0);
      expect(events.requests).toMatchObject([{ signal: 'traces', outcome: 'aborted', bytes: 15 }]);
    },
  );
});

test('a call that doesn’t come to its end in time is cancelled, and its bytes are given back', async () => {
  const { port, events, inFlight } = await openGrpc({ config: { requestTimeoutMs: 100 } });
  const stream = openStream(await openSession(port));
  stream.write(framed(Buffer.alloc(10), { length: 1000 }));
  expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.CANCELLED);
  expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'REQUEST_TIMEOUT' } }]);
  expect(inFlight.bytes).toBe(0);
});

test('calls beyond the allowed number of streams wait in the client, and are all served', async () => {
  const { port, events } = await openGrpc({ config: { grpcMaxConcurrentStreams: 2 } });
  const client = clientOf(port);
  const calls = Array.from({ length: 20 }, () => call(client, EXPORT_PATHS.traces, tracesProtobuf()));
  expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array(20).fill(GRPC.OK));
  expect(events.requests).toHaveLength(20);
});

describe('clients of another protocol', () => {
  test('one that speaks HTTP/1.1 is told where it is, and reported once', async () => {
    const { port, events } = await openGrpc();
    for (let i = 0; i < 2; i++) {
      const wire = await connect(port);
      wire.socket.write('POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
      await wire.closed;
      expect(wire.text()).toContain('4318');
    }
    expect(events.hints).toMatchObject([{ transport: 'grpc', peer: '127.0.0.1', spoken: 'http/1.1' }]);
    expect(events.requests).toMatchObject(Array(2).fill({ signal: undefined, outcome: 'invalid' }));
  });

  test('one that speaks TLS to clear text is reported', async () => {
    const { port, events } = await openGrpc();
    const wire = await connect(port);
    wire.socket.write(Buffer.from('16030100c8010000c40303', 'hex'));
    await wire.closed;
    expect(events.hints).toMatchObject([{ spoken: 'tls' }]);
  });

  test('garbage ends its connection, and no other', async () => {
    const { port } = await openGrpc();
    for (const garbage of [
      Buffer.alloc(300, 0xff),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff', 'latin1'),
    ]) {
      const wire = await connect(port);
      wire.socket.write(garbage);
      wire.socket.end();
      await wire.closed;
    }
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
  });

  test('a connection that says nothing is closed in time', async () => {
    const { port } = await openGrpc({ config: { headersTimeoutMs: 100 } });
    await (await connect(port)).closed;
  });
});

describe('hostile streams', () => {
  test('a flood of headers is refused, and the next call is served', async () => {
    const { port } = await openGrpc();
    const session = await openSession(port);
    const flood = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x-flood-${i}`, 'a'.repeat(100)]));
    const stream = openStream(session, flood);
    stream.end(framed(tracesProtobuf()));
    expect(grpcStatusOf(await answerOf(stream))).not.toBe(GRPC.OK);
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
  });

  test('a client that resets its calls as fast as it makes them loses its connection, and leaves nothing behind', async () => {
    const { port, inFlight } = await openGrpc();
    const session = await openSession(port);
    while (!session.destroyed) {
      for (let i = 0; i < 50 && !session.destroyed; i++) {
        const stream = openStream(session);
        stream.write(framed(Buffer.alloc(10), { length: 1000 }));
        stream.destroy();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
    await until(() => inFlight.bytes === 0);
  });

  test('one hundred clients that hang up at random moments leave nothing behind', async () => {
    const { port, inFlight, receiver } = await openGrpc();
    const bytes = framed(tracesProtobuf());
    for (let i = 0; i < 100; i++) {
      const session = await openSession(port);
      const stream = openStream(session);
      stream.write(bytes.subarray(0, (i * 7919) % bytes.length));
      await new Promise((resolve) => setImmediate(resolve));
      session.destroy();
    }
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
    await until(() => inFlight.bytes === 0);
    await receiver.shutdown({ deadlineMs: 100_000 });
  });
});

describe('health', () => {
  const CHECK = '/grpc.health.v1.Health/Check';
  const WATCH = '/grpc.health.v1.Health/Watch';
  const request = (service: string) =>
    service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
  const SERVING = Buffer.from([0x08, 1]);
  const NOT_SERVING = Buffer.from([0x08, 2]);
  const NAMES = ['', ...SIGNALS.map((signal) => EXPORT_PATHS[signal].split('/')[1]!)];

  test.each(NAMES)('"%s" is serving', async (name) => {
    const { port, events } = await openGrpc({
      // A probe has no key.
      authenticate: () => {
        throw new GatewayError('UNAUTHORIZED', 'no');
      },
    });
    expect(await call(clientOf(port), CHECK, request(name))).toMatchObject({ code: GRPC.OK, message: SERVING });
    expect(events.requests).toEqual([]);
  });

  test.each(['unknown', 'x'.repeat(200)])('an unknown service is NOT_FOUND', async (name) => {
    const { port } = await openGrpc();
    expect(await call(clientOf(port), CHECK, request(name))).toMatchObject({ code: GRPC.NOT_FOUND });
  });

  function watch(client: grpc.Client, name: string) {
    const identity = (bytes: Buffer) => bytes;
    const received: Buffer[] = [];
    const stream = client.makeServerStreamRequest(WATCH, identity, identity, request(name));
    const ended = new Promise<number>((resolve) => stream.on('status', ({ code }) => resolve(code)));
    stream.on('data', (message: Buffer) => received.push(message));
    stream.on('error', () => {});
    return { received, ended, cancel: () => stream.cancel() };
  }

  test('a watcher hears of the end before it comes', async () => {
    const next = createHeldAppender();
    const { port, receiver } = await openGrpc({ next });
    const client = clientOf(port);
    const { received, ended } = watch(client, NAMES[1]!);
    await until(() => received.length === 1);
    expect(received[0]).toEqual(SERVING);
    const pending = call(client, EXPORT_PATHS.traces, tracesProtobuf());
    await next.arrived(1);

    const stopped = receiver.shutdown({ deadlineMs: 10_000 });
    expect(await ended).toBe(GRPC.UNAVAILABLE);
    expect(received).toEqual([SERVING, NOT_SERVING]);
    next.release();
    expect(await pending).toMatchObject({ code: GRPC.OK });
    await stopped;
  });

  test('a watcher of an unknown service is told so, and kept', async () => {
    const { port } = await openGrpc();
    const { received, ended, cancel } = watch(clientOf(port), 'unknown');
    await until(() => received.length === 1);
    expect(received[0]).toEqual(Buffer.from([0x08, 3]));
    cancel();
    expect(await ended).toBe(GRPC.CANCELLED);
  });
});

describe('connections', () => {
  test('an old one is ended in an orderly way: no call is lost, and the client comes again', async () => {
    const { port, events } = await openGrpc({ config: { maxConnectionAgeMs: 30 } });
    const session = await openSession(port);
    await new Promise((resolve) => session.once('close', resolve));
    const client = clientOf(port, { 'grpc.enable_retries': 1 });
    for (let i = 0; i < 100; i++) {
      expect(await call(client, EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(events.requests).toHaveLength(100);
  });

  test('an old one with a call that doesn’t end is cut off after the grace', async () => {
    const next = createHeldAppender();
    const { port } = await openGrpc({ next, config: { maxConnectionAgeMs: 30, maxConnectionAgeGraceMs: 30 } });
    const answer = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf());
    expect(answer.code).not.toBe(GRPC.OK);
    next.release();
  });

  test('a live client that says nothing survives the pings', async () => {
    const { port } = await openGrpc({ config: { grpcKeepAliveIntervalMs: 100, grpcKeepAliveTimeoutMs: 1000 } });
    const session = await openSession(port);
    let pings = 0;
    session.on('ping', () => pings++);
    await until(() => pings >= 3);
    expect(session.destroyed).toBe(false);
  });

  test('a client that answers no ping is dropped', async () => {
    const { port } = await openGrpc({ config: { grpcKeepAliveIntervalMs: 100, grpcKeepAliveTimeoutMs: 100 } });
    const wire = await connect(port);
    // The preface and an empty SETTINGS frame, and not a word after that.
    wire.socket.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
    );
    await wire.closed;
  });
});
