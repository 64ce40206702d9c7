/** Four clients that announced 64 MiB each and sent nothing took all of the bytes in flight for a minute. */
import { describe, expect, test } from 'vitest';
import { GRPC } from '../../src/errors.js';
import {
  answerOf,
  call,
  clientOf,
  EXPORT_PATHS,
  framed,
  openGrpc,
  openSession,
  openStream,
} from '../receivers/otlp/calls.js';
import { connect, openHttp, PROTOBUF, send, until } from '../receivers/otlp/doors.js';
import { tracesOfSize } from '../receivers/otlp/payloads.js';

const BOUNDS = { maxBodyBytes: 6000, maxInFlightBytes: 8000 };

describe('bytes that are announced and never sent', () => {
  test('keep other clients out of the HTTP port', async () => {
    const { port, inFlight } = await openHttp({ config: BOUNDS });
    const head =
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 6000\r\n\r\n';
    for (let idle = 0; idle < 3; idle++) (await connect(port)).socket.write(`${head}x`);
    await until(() => inFlight.bytes === 3);
    expect(await send(port, { headers: PROTOBUF, body: tracesOfSize(5000) })).toMatchObject({ status: 200 });
  });

  test('keep other clients out of the gRPC port', async () => {
    const { port, inFlight } = await openGrpc({ config: BOUNDS });
    // A session each: in Node 20 a client that destroys several open streams of one session may never come back.
    for (let idle = 0; idle < 3; idle++) {
      openStream(await openSession(port)).write(framed(Buffer.alloc(1), { length: 6000 }));
    }
    await until(() => inFlight.bytes === 3 * 6);
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesOfSize(5000))).toMatchObject({ code: GRPC.OK });
  });

  test('are let in although they come where there is no room', async () => {
    const { port, inFlight } = await openGrpc({ config: BOUNDS });
    openStream(await openSession(port)).write(framed(Buffer.alloc(4000), { length: 6000 }));
    await until(() => inFlight.bytes === 4005);
    const second = openStream(await openSession(port));
    second.write(framed(Buffer.alloc(0), { length: 5000 }));
    expect((await answerOf(second)).headers['grpc-status']).toBe(String(GRPC.UNAVAILABLE));
  });
});
