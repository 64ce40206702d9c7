import { mkdtemp, rm, stat } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGrpcReceiver } from '../../../receivers/otlp/grpc.js';
import { createHttpReceiver } from '../../../receivers/otlp/http.js';
import { InFlight } from '../../../receivers/otlp/in-flight.js';
import type { ReceiverOptions } from '../../../receivers/otlp/receiver.js';
import { GRPC } from '../../../src/errors.js';
import { createHeldAppender, createSinkAppender, nopAppender } from '../../helpers/appenders.js';
import { call, clientOf, EXPORT_PATHS, openGrpc } from './calls.js';
import { configOf, connect, JSON_TYPE, openDoor, openHttp, PROTOBUF, recordEvents, send, until } from './doors.js';
import { payload, tracesProtobuf } from './payloads.js';

function optionsOf(config: Parameters<typeof configOf>[0] = {}): ReceiverOptions {
  return {
    config: configOf(config),
    next: nopAppender,
    authenticate: () => 'lab',
    inFlight: new InFlight(2 ** 30),
    events: recordEvents(),
  };
}

const RECEIVERS = [
  ['HTTP', createHttpReceiver, 'httpPort', 'OTLP_HTTP_PORT', 'httpSocketPath'],
  ['gRPC', createGrpcReceiver, 'grpcPort', 'OTLP_GRPC_PORT', 'grpcSocketPath'],
] as const;

describe.each(RECEIVERS)('the %s receiver', (_, create, portField, setting) => {
  test('does nothing when it is created, and can be stopped without a start, and twice', async () => {
    const receiver = create(optionsOf());
    expect(receiver.addresses()).toEqual([]);
    await receiver.shutdown({ deadlineMs: 10 });
    const started = create(optionsOf());
    await started.start();
    await started.shutdown({ deadlineMs: 10 });
    await started.shutdown({ deadlineMs: 10 });
    expect(started.addresses()).toEqual([]);
  });

  test('on a used port fails, naming the address and the setting', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as net.AddressInfo;
    const receiver = create(optionsOf({ [portField]: port }));
    await expect(receiver.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}.*${setting}`)),
    });
    await receiver.shutdown({ deadlineMs: 10 });
    blocker.close();
  });

  test('on an address that this machine hasn’t got fails, naming the setting', async () => {
    const receiver = create(optionsOf({ host: '203.0.113.1' }));
    await expect(receiver.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/203\.0\.113\.1.*HOST/),
    });
  });

  test('doesn’t wait for connections on which nothing was ever said', async () => {
    const { receiver, port } = await openDoor(create, {});
    const silent = await connect(port);
    await (await connect(port)).socket.end();
    await receiver.shutdown({ deadlineMs: 100_000 });
    await silent.closed;
  });

  test('listens on the loopback address alone by default', async () => {
    const { receiver, port } = await openDoor(create, {});
    expect(receiver.addresses()).toMatchObject([{ host: '127.0.0.1', port }]);
    const others = Object.values((await import('node:os')).networkInterfaces()).flat();
    for (const { address } of others.filter((other) => other && !other.internal && other.family === 'IPv4') as {
      address: string;
    }[]) {
      await expect(
        new Promise((resolve, reject) => net.connect(port, address).on('connect', resolve).on('error', reject)),
      ).rejects.toThrow('ECONNREFUSED');
    }
  });
});

describe('shutting down HTTP', () => {
  test('answers what is under way, closes its connections, and takes nothing new', async () => {
    const next = createHeldAppender();
    const { port, receiver } = await openHttp({ next });
    const agent = new http.Agent({ keepAlive: true });
    const idle = await connect(port);
    idle.socket.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    );
    await idle.receives('HTTP/1.1 200 ');
    const unused = await connect(port);
    const pending = send(port, { headers: PROTOBUF, body: tracesProtobuf(), agent });
    await next.arrived(1);

    const stopped = receiver.shutdown({ deadlineMs: 10_000 });
    await Promise.all([idle.closed, unused.closed]);
    await expect(send(port, { headers: JSON_TYPE, body: '{}' })).rejects.toThrow('ECONNREFUSED');
    next.release();
    const answer = await pending;
    await stopped;
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    agent.destroy();
  });

  test('refuses what comes behind an open request on the same connection, to be retried', async () => {
    const next = createHeldAppender();
    const { port, receiver, events } = await openHttp({ next });
    const wire = await connect(port);
    const body = payload('traces', 'json');
    const request = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    wire.socket.write(request);
    await next.arrived(1);
    const stopped = receiver.shutdown({ deadlineMs: 10_000 });
    wire.socket.write(request);
    await events.reported(1);
    expect(events.requests).toMatchObject([{ outcome: 'refused', error: { code: 'SHUTTING_DOWN' } }]);
    next.release();
    await Promise.all([stopped, wire.closed]);
    expect(wire.text().match(/HTTP\/1\.1 \d+/g)![0]).toBe('HTTP/1.1 200');
    expect(next.frames).toHaveLength(1);
  });

  test('gives up at the deadline', async () => {
    const next = createHeldAppender();
    const { port, receiver } = await openHttp({ next });
    const pending = send(port, { headers: PROTOBUF, body: tracesProtobuf() }).catch((error: Error) => error);
    await next.arrived(1);
    await receiver.shutdown({ deadlineMs: 50 });
    expect(await pending).toBeInstanceOf(Error);
    next.release();
  });
});

describe('shutting down gRPC', () => {
  test('answers what is under way, and takes nothing new', async () => {
    const next = createHeldAppender();
    const { port, receiver } = await openGrpc({ next });
    const client = clientOf(port);
    const pending = call(client, EXPORT_PATHS.traces, tracesProtobuf());
    await next.arrived(1);
    const stopped = receiver.shutdown({ deadlineMs: 10_000 });
    expect(await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.UNAVAILABLE });
    next.release();
    expect(await pending).toMatchObject({ code: GRPC.OK });
    await stopped;
    expect(next.frames).toHaveLength(1);
  });

  test('gives up at the deadline', async () => {
    const next = createHeldAppender();
    const { port, receiver } = await openGrpc({ next });
    const pending = call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf());
    await next.arrived(1);
    await receiver.shutdown({ deadlineMs: 50 });
    expect((await pending).code).not.toBe(GRPC.OK);
    next.release();
  });
});

test('senders that go on while both receivers stop are acknowledged only for what was appended', async () => {
  const sink = createSinkAppender();
  const next = {
    append: async (frame: Parameters<typeof sink.append>[0]) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return sink.append(frame);
    },
  };
  const web = await openHttp({ next });
  const rpc = await openGrpc({ next });
  const client = clientOf(rpc.port);
  let acknowledged = 0;
  let stop = false;
  const overHttp = async () => (await send(web.port, { headers: PROTOBUF, body: tracesProtobuf() })).status === 200;
  const overGrpc = async () => (await call(client, EXPORT_PATHS.traces, tracesProtobuf())).code === GRPC.OK;
  const sender = async (attempt: () => Promise<boolean>) => {
    while (!stop) {
      if (await attempt().catch(() => false)) acknowledged++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const senders = [overHttp, overHttp, overGrpc, overGrpc].map(sender);
  await until(() => acknowledged >= 20);
  await Promise.all([web, rpc].map(({ receiver }) => receiver.shutdown({ deadlineMs: 10_000 })));
  const appended = sink.frames.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  stop = true;
  await Promise.all(senders);
  expect(sink.frames.length).toBe(appended);
  expect(acknowledged).toBe(appended);
});

describe('Unix sockets', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'receivers-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('carry HTTP, are for the owner and the group, and go with the receiver', async () => {
    const socketPath = path.join(directory, 'http.sock');
    const { receiver } = await openHttp({ config: { httpSocketPath: socketPath } });
    expect(receiver.addresses()).toEqual([{ protocol: 'http', host: socketPath, port: undefined }]);
    expect(await send(0, { socketPath, headers: PROTOBUF, body: tracesProtobuf() })).toMatchObject({ status: 200 });
    expect((await stat(socketPath)).mode & 0o777).toBe(0o660);
    await receiver.shutdown({ deadlineMs: 10 });
    await expect(stat(socketPath)).rejects.toThrow('ENOENT');
  });

  test('carry gRPC', async () => {
    const grpcSocketPath = path.join(directory, 'grpc.sock');
    await openGrpc({ config: { grpcSocketPath } });
    const { Client, credentials } = await import('@grpc/grpc-js');
    const client = new Client(`unix:${grpcSocketPath}`, credentials.createInsecure());
    expect(await call(client, EXPORT_PATHS.traces, tracesProtobuf())).toMatchObject({ code: GRPC.OK });
    client.close();
  });

  test('that a killed process left behind are taken over, those of a living one are not', async () => {
    const socketPath = path.join(directory, 'stale.sock');
    const { execFileSync } = await import('node:child_process');
    const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(() => execFileSync(process.execPath, ['-e', script])).toThrow();
    expect((await stat(socketPath)).isSocket()).toBe(true);
    await openHttp({ config: { httpSocketPath: socketPath } });
    await expect(createHttpReceiver(optionsOf({ httpSocketPath: socketPath })).start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining('OTLP_HTTP_SOCKET_PATH'),
    });
  });
});
