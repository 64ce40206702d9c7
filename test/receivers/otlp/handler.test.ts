import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { createOtlpHandler } from '../../../receivers/otlp/handler.js';
import { InFlight } from '../../../receivers/otlp/in-flight.js';
import { encodingOf } from '../../../receivers/otlp/respond.js';
import type { Appender, OtlpHandler } from '../../../src/component.js';
import { GatewayError, GRPC, toGatewayError } from '../../../src/errors.js';
import { createHeldAppender, createSinkAppender } from '../../helpers/appenders.js';
import { JSON_TYPE, PROTOBUF, recordEvents, send } from './doors.js';
import { payload, statusOf, tracesJson, tracesOfSize, tracesProtobuf } from './payloads.js';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A door that shares its path with a native API, as the API's port does: what isn't OTLP is answered with 201. */
async function openShared(next: Appender, maxInFlightBytes = 2 ** 20) {
  const events = recordEvents();
  const inFlight = new InFlight(maxInFlightBytes);
  const handler: OtlpHandler = createOtlpHandler({ transport: 'api', next, events, inFlight, maxBodyBytes: 10_000 });
  const server = http.createServer(async (request, response) => {
    if (encodingOf(request.headers['content-type']) === 'protobuf') {
      return handler.handle('traces', 'red', request, response);
    }
    try {
      const body = await handler.readBody(request, response);
      if (handler.looksLikeOtlpJson(body)) {
        await handler.handleBody('traces', 'red', 'json', body, request, response);
      } else {
        response.writeHead(201).end(body);
      }
    } catch (error) {
      response.writeHead(toGatewayError(error).httpStatus).end();
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, events, inFlight };
}

describe('OTLP at a door that it shares', () => {
  test('protobuf is taken as it stands', async () => {
    const next = createSinkAppender();
    const { port, events, inFlight } = await openShared(next);
    const body = tracesProtobuf();
    const answer = await send(port, { headers: { ...PROTOBUF, 'Content-Encoding': 'gzip' }, body: gzipSync(body) });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/x-protobuf' } });
    expect(Buffer.from(next.frames[0]!.payload as Uint8Array)).toEqual(body);
    expect(next.frames).toMatchObject([{ signal: 'traces', encoding: 'protobuf', workspace: 'red', items: 1 }]);
    expect(events.requests).toMatchObject([{ transport: 'api', signal: 'traces', outcome: 'accepted', accepted: 1 }]);
    expect(inFlight.bytes).toBe(0);
  });

  test('JSON is taken when it looks like OTLP, compressed too, and counted in bytes of the wire', async () => {
    const next = createSinkAppender();
    const { port, events } = await openShared(next);
    const body = gzipSync(tracesJson());
    const answer = await send(port, { headers: { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, body });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.body.toString()).toBe('{}');
    expect(events.requests).toMatchObject([{ transport: 'api', outcome: 'accepted', bytes: body.length }]);
  });

  test('native JSON is left alone, and is no OTLP request', async () => {
    const next = createSinkAppender();
    const { port, events } = await openShared(next);
    const answer = await send(port, { headers: JSON_TYPE, body: '{"name":"native"}' });
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body.toString()).toBe('{"name":"native"}');
    expect(next.frames).toEqual([]);
    expect(events.requests).toEqual([]);
  });

  test('bad requests are answered as OTLP/HTTP does', async () => {
    const { port } = await openShared(createSinkAppender());
    expect(await send(port, { headers: PROTOBUF, body: payload('logs', 'protobuf') })).toMatchObject({ status: 400 });
    expect(await send(port, { headers: PROTOBUF, body: tracesOfSize(10_001) })).toMatchObject({ status: 413 });
    expect(await send(port, { headers: JSON_TYPE, body: Buffer.alloc(10_001) })).toMatchObject({ status: 413 });
  });

  test('a refusal is answered in the encoding of the request, and counted, without its body', async () => {
    const events = recordEvents();
    const inFlight = new InFlight(1000);
    const options = { transport: 'api' as const, next: createSinkAppender(), events, inFlight, maxBodyBytes: 10 };
    const handler = createOtlpHandler(options);
    const error = new GatewayError('FORBIDDEN', 'Missing required scope: write');
    const server = http.createServer((request, response) => handler.refuse('logs', error, request, response));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const [headers, encoding] of [
      [PROTOBUF, 'protobuf'],
      [JSON_TYPE, 'json'],
    ] as const) {
      const { status, body } = await send(port, { headers, body: 'x'.repeat(100) });
      expect([status, statusOf(body, encoding)]).toMatchObject([
        403,
        { code: GRPC.PERMISSION_DENIED, message: 'Missing required scope: write' },
      ]);
    }
    const told = { transport: 'api', signal: 'logs', outcome: 'invalid', bytes: 0, error: { code: 'FORBIDDEN' } };
    expect(events.requests).toMatchObject([told, told]);
  });

  test('its bytes in flight are those of every other door', async () => {
    const next = createHeldAppender();
    const { port, inFlight } = await openShared(next, 8000);
    const first = send(port, { headers: JSON_TYPE, body: tracesJson([{ name: 'x'.repeat(6000) }]) });
    await next.arrived(1);
    expect(inFlight.bytes).toBeGreaterThan(6000);
    expect(await send(port, { headers: JSON_TYPE, body: Buffer.alloc(3000, 0x20) })).toMatchObject({ status: 503 });
    next.release();
    expect(await first).toMatchObject({ status: 200 });
    expect(inFlight.bytes).toBe(0);
  });
});
