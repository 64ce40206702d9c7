/** Backends that answer as they are told: with any code, slowly, in part, with wrong bodies, or not at all. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { google, opentelemetry } from '../../proto/generated/otlp.js';
import type { Signal } from '../../src/component.js';

const inflate = promisify(gunzip);

export interface Received {
  signal: Signal;
  /** Decompressed. */
  body: Buffer;
  /** Of gRPC the metadata. */
  headers: Record<string, string>;
}

export interface HttpReply {
  status?: number;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

/** undefined: success. hang: never an answer. reset: the connection is torn down. */
export type HttpAnswers = (
  received: Received,
) => HttpReply | 'hang' | 'reset' | undefined | Promise<HttpReply | undefined>;

export interface GrpcReply {
  code?: number;
  message?: string;
  /** RetryInfo in the status details. */
  retryAfterMs?: number;
  body?: Buffer;
}

export type GrpcAnswers = (received: Received) => GrpcReply | 'hang' | undefined | Promise<GrpcReply | undefined>;

export interface Backend<Answers> {
  /** host:port */
  readonly address: string;
  readonly port: number;
  /** Every request, also those that it refused, in the order in which they were read. */
  readonly requests: Received[];
  /** Those that were answered with success. */
  readonly taken: Received[];
  /** What it says from now on. */
  answer(answers: Answers): void;
  /** Tears down what is connected as well. */
  close(): Promise<void>;
}

export interface TlsFiles {
  key: string;
  cert: string;
  /** Clients must show a certificate of this authority. */
  clientCa?: string;
}

export interface BackendOptions {
  port?: number;
  tls?: TlsFiles;
}

const HTTP_PATHS: Record<string, Signal> = { '/v1/traces': 'traces', '/v1/logs': 'logs', '/v1/metrics': 'metrics' };

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? inflate(body) : body;
}

export async function startHttpBackend({ port = 0, tls }: BackendOptions = {}): Promise<Backend<HttpAnswers>> {
  const requests: Received[] = [];
  const taken: Received[] = [];
  const sockets = new Set<Socket>();
  let answers: HttpAnswers = () => undefined;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const signal = HTTP_PATHS[request.url!.replace(/^.*(?=\/v1\/)/, '')] ?? 'traces';
    const received = { signal, body: await readBody(request), headers: request.headers as Record<string, string> };
    requests.push(received);
    const reply = await answers(received);
    if (reply === 'hang') return;
    if (reply === 'reset') return void request.socket.destroy();
    const { status = 200, headers = { 'content-type': 'application/x-protobuf' }, body = '' } = reply ?? {};
    if (status < 300) taken.push(received);
    response.writeHead(status, headers).end(body);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(request, response).catch(() => request.socket.destroy());
  const secure = tls && {
    ...tls,
    ...(tls.clientCa && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
  };
  const server = secure ? createTlsServer(secure, listener) : createServer(listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    address: `127.0.0.1:${bound}`,
    port: bound,
    requests,
    taken,
    answer(next) {
      answers = next;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const identity = (bytes: Buffer): Buffer => bytes;

function serviceOf(path: string): ServiceDefinition {
  const calls = { requestSerialize: identity, requestDeserialize: identity };
  const answers = { responseSerialize: identity, responseDeserialize: identity };
  return { Export: { path, requestStream: false, responseStream: false, ...calls, ...answers } };
}

const GRPC_SERVICES: Record<Signal, ServiceDefinition> = {
  traces: serviceOf('/opentelemetry.proto.collector.trace.v1.TraceService/Export'),
  logs: serviceOf('/opentelemetry.proto.collector.logs.v1.LogsService/Export'),
  metrics: serviceOf('/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'),
};

function statusDetails(code: number, message: string, retryAfterMs: number): Metadata {
  const retryDelay = { seconds: Math.floor(retryAfterMs / 1000), nanos: (retryAfterMs % 1000) * 1e6 };
  const value = google.rpc.RetryInfo.encode({ retryDelay }).finish();
  const details = [{ type_url: 'type.googleapis.com/google.rpc.RetryInfo', value }];
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(google.rpc.Status.encode({ code, message, details }).finish()));
  return metadata;
}

function grpcError({ code = 0, message = '', retryAfterMs }: GrpcReply): Partial<ServiceError> {
  return {
    code,
    details: message,
    ...(retryAfterMs !== undefined && { metadata: statusDetails(code, message, retryAfterMs) }),
  };
}

export async function startGrpcBackend({ port = 0, tls }: BackendOptions = {}): Promise<Backend<GrpcAnswers>> {
  const requests: Received[] = [];
  const taken: Received[] = [];
  let answers: GrpcAnswers = () => undefined;
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const exportOf =
    (signal: Signal): handleUnaryCall<Buffer, Buffer> =>
    async (call, callback) => {
      const received = { signal, body: call.request, headers: call.metadata.getMap() as Record<string, string> };
      requests.push(received);
      const reply = await answers(received);
      if (reply === 'hang') return;
      if (reply?.code) return callback(grpcError(reply));
      taken.push(received);
      callback(null, reply?.body ?? Buffer.alloc(0));
    };
  for (const [signal, service] of Object.entries(GRPC_SERVICES)) {
    server.addService(service, { Export: exportOf(signal as Signal) });
  }
  const pair = tls && { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  const ca = tls?.clientCa ? Buffer.from(tls.clientCa) : null;
  const security = pair ? ServerCredentials.createSsl(ca, [pair], ca !== null) : ServerCredentials.createInsecure();
  const bound = await promisify(server.bindAsync.bind(server))(`127.0.0.1:${port}`, security);
  return {
    address: `127.0.0.1:${bound}`,
    port: bound,
    requests,
    taken,
    answer(next) {
      answers = next;
    },
    async close() {
      server.forceShutdown();
    },
  };
}

/** Ids of the spans in a traces request, in hex. */
export function spanIdsOf(body: Buffer): string[] {
  const { resourceSpans } = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest.decode(body);
  const spans = (resourceSpans ?? [])
    .flatMap(({ scopeSpans }) => scopeSpans ?? [])
    .flatMap((scope) => scope.spans ?? []);
  return spans.map(({ spanId }) => Buffer.from(spanId!).toString('hex'));
}
