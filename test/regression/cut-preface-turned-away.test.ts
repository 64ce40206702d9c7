/** A gRPC client whose first packet held a part of the HTTP/2 preface was told that it spoke HTTP/1.1. */
import http2 from 'node:http2';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GRPC } from '../../src/errors.js';
import { answerOf, EXPORT_PATHS, framed, grpcStatusOf, openGrpc, openStream } from '../receivers/otlp/calls.js';
import { connect, openHttp } from '../receivers/otlp/doors.js';
import { tracesOfSize } from '../receivers/otlp/payloads.js';

/** Sends the first bytes in pieces that end at those places, each in a packet of its own. */
function cutting(port: number, ends: readonly number[]): Duplex {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let sent = 0;
  const send = async (chunk: Buffer): Promise<void> => {
    let from = 0;
    for (const end of ends.map((place) => place - sent).filter((place) => place > 0 && place < chunk.length)) {
      socket.write(chunk.subarray(from, end));
      from = end;
      await sleep(20);
    }
    socket.write(chunk.subarray(from));
    sent += chunk.length;
  };
  const duplex = new Duplex({
    read() {},
    write: (chunk: Buffer, _, done) => void send(chunk).then(() => done()),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => duplex.push(chunk));
  socket.on('error', () => {});
  socket.on('close', () => duplex.push(null));
  return duplex;
}

test.each([[[1]], [[8]], [[14, 23]], [[24]]])(
  'an HTTP/2 preface cut at %j is taken for another protocol',
  async (ends) => {
    const { port, events } = await openGrpc();
    const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => cutting(port, ends) });
    session.on('error', () => {});
    const stream = openStream(session, { ':path': EXPORT_PATHS.traces });
    stream.end(framed(tracesOfSize(200)));
    expect(grpcStatusOf(await answerOf(stream))).toBe(GRPC.OK);
    expect(events.hints).toEqual([]);
    session.close();
  },
);

test('a client that sends one byte and no more keeps its connection', async () => {
  const { port } = await openGrpc({ config: { headersTimeoutMs: 100 } });
  const wire = await connect(port);
  wire.socket.write('P');
  await wire.closed;
});

test('CONNECT is answered with nothing at all', async () => {
  const { port, events } = await openHttp();
  const wire = await connect(port);
  wire.socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  await wire.receives('HTTP/1.1 405 ');
  expect(wire.text()).toContain('\r\nAllow: POST\r\n');
  await wire.closed;
  expect(events.requests).toMatchObject([{ outcome: 'invalid', error: { code: 'METHOD_NOT_ALLOWED' } }]);
});
