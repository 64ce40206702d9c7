/** gRPC clients: the library that SDKs use, and a bare HTTP/2 stream for what that library would never send. */
import http2 from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { createGrpcReceiver } from '../../../receivers/otlp/grpc.js';
import type { Signal } from '../../../src/component.js';
import { type Door, type DoorOptions, openDoor } from './doors.js';
import { type DecodedStatus, statusOf } from './payloads.js';

export const EXPORT_PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};

export function openGrpc(options: DoorOptions = {}): Promise<Door> {
  return openDoor(createGrpcReceiver, options);
}

export function clientOf(
  port: number,
  options: grpc.ClientOptions = {},
  credentials = grpc.credentials.createInsecure(),
): grpc.Client {
  const unlimited = {
    'grpc.max_send_message_length': -1,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  };
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials, { ...unlimited, ...options });
  onTestFinished(() => client.close());
  return client;
}

const identity = (bytes: Buffer) => bytes;

export interface Called {
  code: number;
  details: string;
  /** grpc-status-details-bin. */
  status: DecodedStatus | undefined;
  message: Buffer | undefined;
}

/** One unary call; resolves also when it fails. */
export function call(
  client: grpc.Client,
  path: string,
  message: Buffer,
  metadata = new grpc.Metadata(),
): Promise<Called> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, identity, identity, message, metadata, (error, response) => {
      const [details] = error?.metadata?.get('grpc-status-details-bin') ?? [];
      resolve({
        code: error?.code ?? 0,
        details: error?.details ?? '',
        status: details === undefined ? undefined : statusOf(details as Buffer, 'protobuf'),
        message: response,
      });
    });
  });
}

export const GZIP = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };

export async function openSession(port: number): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => void session.destroy());
  session.on('error', () => {});
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  return session;
}

export interface StreamAnswer {
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

export function openStream(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
): http2.ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': EXPORT_PATHS.traces,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  return stream;
}

export function answerOf(stream: http2.ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let headers: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('response', (received) => (headers = received));
    stream.on('trailers', (received) => (trailers = received));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('close', () => resolve({ headers, trailers, body: Buffer.concat(chunks) }));
  });
}

/** The status of an answer, wherever it stands. */
export function grpcStatusOf({ headers, trailers }: StreamAnswer): number {
  return Number(trailers['grpc-status'] ?? headers['grpc-status']);
}

export function framed(message: Buffer, { compressed = false, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}
