import http from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { GRPC } from '../../../src/errors.js';
import { createHeldAppender, createSinkAppender } from '../../helpers/appenders.js';
import { connect, JSON_TYPE, openHttp, PROTOBUF, send, until } from './doors.js';
import { payload, statusOf, tracesProtobuf } from './payloads.js';

const HEAD = 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** The JSON body of the last answer in a text. */
function lastStatus(text: string) {
  return statusOf(Buffer.from(text.slice(text.lastIndexOf('\r\n\r\n') + 4)), 'json');
}

describe('bytes that are no request', () => {
  test.each([
    ['garbage', '\u0000\u0001\u0002 garbage\r\n\r\n', 400],
    ['an invalid header', 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n', 400],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
    ['a length and chunks', `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
    ['a negative length', `${HEAD}Content-Length: -1\r\n\r\n`, 400],
    ['a flood of headers', `${HEAD}${'X-Flood: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1000)}\r\n`, 431],
  ])('%s get a Status, are counted, and cost the connection', async (_, bytes, status) => {
    const { port, events } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(bytes, 'latin1');
    await wire.closed;
    expect(wire.text()).toContain(`HTTP/1.1 ${status} `);
    expect(wire.text()).toContain('Content-Type: application/json');
    expect(lastStatus(wire.text()).code).toBe(GRPC.INVALID_ARGUMENT);
    expect(events.requests).toMatchObject([{ signal: undefined, outcome: 'invalid', error: { code: 'BAD_REQUEST' } }]);
    expect(await send(port, { headers: PROTOBUF, body: tracesProtobuf() })).toMatchObject({ status: 200 });
  });

  test('damaged chunks within a body are answered in the request’s encoding, and its bytes are given back', async () => {
    const { port, events, inFlight } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(`${HEAD.replace('json', 'x-protobuf')}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nzz\r\n`);
    await wire.closed;
    expect(wire.text()).toContain('HTTP/1.1 400 ');
    expect(wire.text()).toContain('Content-Type: application/x-protobuf');
    expect(wire.text()).toContain('Connection: close');
    expect(events.requests).toMatchObject([{ signal: 'traces', outcome: 'invalid', bytes: 4 }]);
    expect(inFlight.bytes).toBe(0);
  });

  test('behind a good request they don’t cost it its answer', async () => {
    const next = createHeldAppender();
    const { port, events } = await openHttp({ next });
    const wire = await connect(port);
    const body = payload('traces', 'json');
    wire.socket.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
    await next.arrived(1);
    wire.socket.write('\u0000\u0001garbage\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    next.release();
    await wire.closed;
    expect(wire.text()).toContain('HTTP/1.1 200 ');
    expect(wire.text()).toContain('Connection: close');
    expect(events.requests).toMatchObject([{ outcome: 'accepted' }]);
  });

  test('a gRPC client on this port is told where it is, and reported once', async () => {
    const { port, events } = await openHttp();
    for (let i = 0; i < 2; i++) {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      await new Promise((resolve) => session.once('close', resolve));
    }
    const wire = await connect(port);
    wire.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await wire.closed;
    expect(wire.text()).toContain('4317');
    expect(events.hints).toMatchObject([{ transport: 'http', peer: '127.0.0.1', spoken: 'http/2' }]);
    expect(events.requests).toMatchObject(Array(3).fill({ outcome: 'invalid' }));
  });

  test('a TLS client on a port of clear text is reported', async () => {
    const { port, events } = await openHttp();
    const wire = await connect(port);
    wire.socket.write(Buffer.from('16030100c8010000c40303', 'hex'));
    await wire.closed;
    expect(events.hints).toMatchObject([{ spoken: 'tls' }]);
  });
});

test.each([
  [
    'an upgrade to HTTP/2 that a Java client offers is passed over',
    'POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n',
    200,
  ],
  [
    'a whole address in place of the path is understood',
    'POST http://gateway:4318/v1/traces?x=1 HTTP/1.1\r\nHost: gateway\r\n',
    200,
  ],
  ['HTTP/1.0 is served', 'POST /v1/traces HTTP/1.0\r\n', 200],
  ['HTTP/1.1 without Host is refused', 'POST /v1/traces HTTP/1.1\r\n', 400],
])('%s', async (_, head, status) => {
  const { port, events } = await openHttp();
  const wire = await connect(port);
  wire.socket.write(`${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await wire.receives(`HTTP/1.1 ${status} `);
  expect(events.requests).toHaveLength(1);
});

describe('slow clients', () => {
  const config = { headersTimeoutMs: 150, requestTimeoutMs: 300 };

  test('a head that doesn’t come to its end gets 408', async () => {
    const { port, events } = await openHttp({ config });
    const wire = await connect(port);
    wire.socket.write(HEAD);
    await wire.closed;
    expect(wire.text()).toContain('HTTP/1.1 408 ');
    expect(events.requests).toMatchObject([{ signal: undefined, error: { code: 'REQUEST_TIMEOUT' } }]);
  });

  test('a body that drips gets 408 in its encoding, and its bytes are given back', async () => {
    const { port, events, inFlight } = await openHttp({ config });
    const wire = await connect(port);
    wire.socket.write(`${HEAD.replace('json', 'x-protobuf')}Content-Length: 1000\r\n\r\n`);
    const drip = setInterval(() => wire.socket.write('x'), 20);
    await wire.closed;
    clearInterval(drip);
    expect(wire.text()).toContain('HTTP/1.1 408 ');
    expect(wire.text()).toContain('Content-Type: application/x-protobuf');
    expect(events.requests).toMatchObject([
      { signal: 'traces', outcome: 'invalid', error: { code: 'REQUEST_TIMEOUT' } },
    ]);
    expect(inFlight.bytes).toBe(0);
  });

  test('one that was refused and goes on dripping is cut off, and counted once', async () => {
    const { port, events } = await openHttp({ config });
    const wire = await connect(port);
    wire.socket.write(`${HEAD.replace('application/json', 'text/plain')}Content-Length: 1000\r\n\r\n`);
    const drip = setInterval(() => wire.socket.write('x'), 20);
    await wire.closed;
    clearInterval(drip);
    expect(wire.text().match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(events.requests).toMatchObject([{ error: { code: 'UNSUPPORTED_MEDIA_TYPE' } }]);
  });

  test('one that says nothing at all is closed, and no request', async () => {
    const { port, events } = await openHttp({ config });
    const wire = await connect(port);
    await wire.closed;
    expect(wire.text()).toBe('');
    expect(events.requests).toEqual([]);
  });
});

describe('keep-alive', () => {
  test('outlasts the export intervals of the SDKs', async () => {
    const { port } = await openHttp();
    const agent = new http.Agent({ keepAlive: true });
    const answer = await send(port, { headers: JSON_TYPE, body: '{}', agent });
    agent.destroy();
    const seconds = Number(/timeout=(\d+)/.exec(String(answer.headers['keep-alive']))![1]);
    expect(seconds).toBeGreaterThanOrEqual(65);
  });

  test('an idle connection outlasts the time-out for heads', async () => {
    const { port } = await openHttp({ config: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const wire = await connect(port);
    for (let i = 1; i <= 2; i++) {
      wire.socket.write(`${HEAD}Content-Length: 2\r\n\r\n{}`);
      await until(() => (wire.text().match(/HTTP\/1\.1 200/g) ?? []).length === i);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect(wire.socket.destroyed).toBe(false);
  });

  test('a connection past its age is closed with an answer, and not before', async () => {
    const { port } = await openHttp({ config: { maxConnectionAgeMs: 200 } });
    const wire = await connect(port);
    wire.socket.write(`${HEAD}Content-Length: 2\r\n\r\n{}`);
    await wire.receives('HTTP/1.1 200 ');
    expect(wire.text()).toContain('Connection: keep-alive');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(wire.socket.destroyed).toBe(false);
    wire.socket.write(`${HEAD}Content-Length: 2\r\n\r\n{}`);
    await wire.closed;
    expect(wire.text()).toMatch(/Connection: close.*\{\}$/s);
  });

  test('with an age of 0 a connection never gets too old', async () => {
    const { port } = await openHttp({ config: { maxConnectionAgeMs: 0 } });
    const agent = new http.Agent({ keepAlive: true });
    const answer = await send(port, { headers: JSON_TYPE, body: '{}', agent });
    agent.destroy();
    expect(answer.headers.connection).toBe('keep-alive');
  });
});

test('one hundred clients that hang up at random moments leave nothing behind', async () => {
  const next = createSinkAppender();
  const { port, inFlight } = await openHttp({ next });
  const body = tracesProtobuf();
  const bytes = Buffer.concat([
    Buffer.from(`${HEAD.replace('json', 'x-protobuf')}Content-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
  for (let i = 0; i < 100; i++) {
    const wire = await connect(port);
    wire.socket.write(bytes.subarray(0, (i * 7919) % bytes.length));
    await new Promise((resolve) => setImmediate(resolve));
    wire.socket.resetAndDestroy();
  }
  expect(await send(port, { headers: PROTOBUF, body })).toMatchObject({ status: 200 });
  await until(() => inFlight.bytes === 0);
  expect(next.frames).toHaveLength(1);
});
