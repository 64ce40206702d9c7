/**
 * A backend in a process of its own: OTLP/gRPC over plain HTTP/2, which takes all traces, counts their spans and keeps
 * nothing. Tells its parent where it listens, and how many it has when it is asked.
 */
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { countItems } from '../exporters/split.js';

const PREFIX_BYTES = 5;
const EMPTY_ANSWER = Buffer.alloc(PREFIX_BYTES);
const WINDOW_BYTES = 16 * 2 ** 20;

let spans = 0;

function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(EMPTY_ANSWER);
}

function take(stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    spans += countItems('traces', Buffer.concat(chunks).subarray(PREFIX_BYTES));
    answer(stream);
  });
}

const server = createServer({ maxSessionMemory: 1000, settings: { initialWindowSize: WINDOW_BYTES } });
server.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(WINDOW_BYTES));
server.on('stream', take);
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', () => process.send?.({ spans }));
process.on('disconnect', () => process.exit());
