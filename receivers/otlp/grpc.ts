import http2, {
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { SIGNALS, type Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import type { ReceiverConfig } from './config.js';
import type { RequestEvent } from './events.js';
import {
  frameMessage,
  isGrpc,
  type MessageLimits,
  readMessage,
  respondError,
  respondMessage,
  startMessages,
} from './grpc-call.js';
import { createHealth, type Health, serviceOf } from './health.js';
import { failure, ingest, outcomeOf, type Verdict } from './ingest.js';
import { type ListenAddress, listen } from './listen.js';
import { peerOf, type Receiver, type ReceiverOptions } from './receiver.js';
import { keepAlive, limitAge } from './session.js';
import { encodeExportResponse } from './status.js';
import { loadTls, type Tls } from './tls.js';
import { createWrongProtocol, isStartOfPreface, protocolOf } from './wrong-protocol.js';

const SERVICES: Readonly<Record<Signal, string>> = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
};
const SIGNAL_BY_PATH: ReadonlyMap<string, Signal> = new Map(
  SIGNALS.map((signal) => [`/${SERVICES[signal]}/Export`, signal]),
);
const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check';
const HEALTH_WATCH_PATH = '/grpc.health.v1.Health/Watch';

// The HTTP/2 default of 64 KiB lets a client send that much per round trip: 3 MB/s at 20 ms.
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024;
const MAX_HEADER_LIST_BYTES = 16 * 1024;
// In megabytes. Node refuses streams of a session that holds more; what calls hold is bounded over all sessions instead.
const MAX_SESSION_MEMORY_MB = 1_000_000;

function serverOptionsOf(config: ReceiverConfig): http2.ServerOptions {
  return {
    maxSessionMemory: MAX_SESSION_MEMORY_MB,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: config.grpcMaxConcurrentStreams,
      maxHeaderListSize: MAX_HEADER_LIST_BYTES,
      enablePush: false,
    },
  };
}

/** OTLP/gRPC: the Export methods of the three collector services, and the standard health service. */
export function createGrpcReceiver(options: ReceiverOptions): Receiver {
  const { config, next, authenticate, inFlight, events } = options;
  const wrongProtocol = createWrongProtocol('grpc', events);
  const health: Health = createHealth(Object.values(SERVICES));
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const watches = new Set<ServerHttp2Stream>();
  /** Connected, and nothing said yet. */
  const silent = new Set<Socket>();
  let listener: net.Server | undefined;
  let stopWatching = () => {};
  let address: ListenAddress | undefined;
  let stopped: Promise<void> | undefined;

  const limits = (): MessageLimits => ({
    maxBodyBytes: config.maxBodyBytes,
    lease: inFlight.lease(),
    timeoutMs: config.requestTimeoutMs,
    bytes: 0,
  });

  async function take(
    signal: Signal,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    bounds: MessageLimits,
  ): Promise<Verdict> {
    try {
      if (stopped !== undefined) throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
      const named = authenticate({
        headers,
        peer: peerOf(stream.session?.socket as Socket | undefined, config.grpcSocketPath),
      });
      const workspace = typeof named === 'string' ? named : await named;
      const body = await readMessage(stream, headers, bounds);
      return await ingest(next, { signal, encoding: 'protobuf', workspace, body });
    } catch (error) {
      return failure(error);
    }
  }

  async function serveExport(signal: Signal, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const startedMs = performance.now();
    const bounds = limits();
    const verdict = await take(signal, stream, headers, bounds);
    if (verdict.error !== undefined) respondError(stream, verdict.error);
    else {
      const { rejected, message, batchId } = verdict;
      respondMessage(stream, encodeExportResponse(signal, 'protobuf', rejected, message), batchId);
    }
    bounds.lease.release();
    report(verdict, { signal, bytes: bounds.bytes, durationMs: performance.now() - startedMs });
  }

  function report(verdict: Verdict, more: Pick<RequestEvent, 'signal' | 'bytes' | 'durationMs'>): void {
    const { accepted, rejected, refused, message, error } = verdict;
    events.request({
      transport: 'grpc',
      outcome: outcomeOf(verdict),
      accepted,
      rejected,
      refused,
      message,
      error,
      ...more,
    });
  }

  async function serveHealth(path: string, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const bounds = limits();
    try {
      const service = serviceOf(await readMessage(stream, headers, bounds));
      if (path === HEALTH_WATCH_PATH) watchHealth(service, stream);
      else respondMessage(stream, checkHealth(service));
    } catch (error) {
      respondError(stream, failure(error).error!);
    } finally {
      bounds.lease.release();
    }
  }

  function checkHealth(service: string): Buffer {
    const response = health.check(service);
    if (response === undefined) throw new GatewayError('NOT_FOUND', `There is no service ${service}`);
    return response;
  }

  function watchHealth(service: string, stream: ServerHttp2Stream): void {
    startMessages(stream);
    watches.add(stream);
    const stop = health.watch(service, (response) => stream.write(frameMessage(response)));
    stream.once('close', () => {
      stop();
      watches.delete(stream);
    });
  }

  function refuse(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const error = new GatewayError('UNIMPLEMENTED', `There is no method ${headers[':path']}`);
    respondError(stream, error);
    report(failure(error), { signal: undefined, bytes: 0, durationMs: 0 });
  }

  /** doc/PROTOCOL-HTTP2.md: 415, so that a client that speaks plain HTTP/2 isn't answered in a language it doesn't know. */
  function refuseMediaType(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const type = headers['content-type'] ?? '';
    const error = new GatewayError('UNSUPPORTED_MEDIA_TYPE', `This is no gRPC call: ${headers[':method']} ${type}`);
    stream.respond({ ':status': error.httpStatus }, { endStream: true });
    if (!stream.readableEnded) stream.close(http2.constants.NGHTTP2_NO_ERROR);
    report(failure(error), { signal: undefined, bytes: 0, durationMs: 0 });
  }

  function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A reset by the client; `close` follows, and is acted on.
    stream.on('error', () => {});
    const path = headers[':path'] ?? '';
    const signal = SIGNAL_BY_PATH.get(path);
    if (!isGrpc(headers)) refuseMediaType(stream, headers);
    else if (signal !== undefined) void serveExport(signal, stream, headers);
    else if (path === HEALTH_CHECK_PATH || path === HEALTH_WATCH_PATH) void serveHealth(path, stream, headers);
    else refuse(stream, headers);
  }

  function onSession(session: ServerHttp2Session): void {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    limitAge(session, config);
    keepAlive(session, config);
    if (stopped !== undefined) session.close();
  }

  function createSessions(): Http2Server {
    const server = http2.createServer(serverOptionsOf(config));
    server.on('stream', onStream);
    server.on('session', onSession);
    // Protocol errors of a peer: node:http2 has ended the session, and its calls see it closed.
    server.on('sessionError', () => {});
    server.setTimeout(0);
    return server;
  }

  /** Looks at the first bytes before node:http2 gets the connection: HTTP/1 clients are told where they are. */
  function greet(socket: Socket, server: Http2Server): void {
    silent.add(socket);
    let head: Buffer = Buffer.alloc(0);
    const patience = setTimeout(() => socket.destroy(), config.headersTimeoutMs).unref();
    const settle = () => {
      clearTimeout(patience);
      silent.delete(socket);
      socket.off('readable', look).off('close', settle);
    };
    const look = () => {
      const read: Buffer | null = socket.read();
      if (read === null) return;
      head = head.length === 0 ? read : Buffer.concat([head, read]);
      // The network may cut the preface anywhere.
      if (isStartOfPreface(head)) return;
      settle();
      admit(socket, head, server);
    };
    socket.on('close', settle).on('readable', look);
  }

  function admit(socket: Socket, head: Buffer, server: Http2Server): void {
    const spoken = protocolOf(head);
    if (spoken === 'http/1.1' || spoken === 'tls') {
      turnAway(socket, spoken);
      return;
    }
    socket.unshift(head);
    server.emit('connection', socket);
  }

  function turnAway(socket: Socket, spoken: 'http/1.1' | 'tls'): void {
    const hint = wrongProtocol.hint(spoken, socket.remoteAddress ?? '');
    const reply = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${hint.length}\r\nConnection: close\r\n\r\n${hint}`;
    socket.end(spoken === 'tls' ? '' : reply, () => socket.destroy());
    const error = new GatewayError('BAD_REQUEST', hint);
    report(failure(error), { signal: undefined, bytes: 0, durationMs: 0 });
  }

  function createListener(material: Tls | undefined): net.Server {
    const server = createSessions();
    const onSocket = (socket: Socket) => {
      socket.on('error', () => {});
      greet(socket, server);
    };
    const created = material
      ? tls.createServer(
          { ...material.serverOptions, ALPNProtocols: ['h2'], handshakeTimeout: config.headersTimeoutMs },
          onSocket,
        )
      : net.createServer({ noDelay: true }, onSocket);
    created.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    created.on('tlsClientError', ({ code }: NodeJS.ErrnoException, socket: Socket) => {
      if (code === 'ERR_SSL_HTTP_REQUEST') wrongProtocol.hint('plaintext', socket.remoteAddress ?? '');
    });
    return created;
  }

  function watch(material: Tls, secured: tls.Server): () => void {
    return material.watch({
      apply: (context) => secured.setSecureContext(context),
      reloaded: () => events.tlsReloaded({ transport: 'grpc' }),
      failed: (error) => events.tlsReloadFailed({ transport: 'grpc', error }),
    });
  }

  function drain(from: net.Server, deadlineMs: number): Promise<void> {
    health.set(false);
    for (const stream of watches)
      respondError(stream, new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down'));
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, deadlineMs);
      from.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      for (const session of sessions) session.close();
      for (const socket of silent) socket.destroy();
      // TLS handshakes that have hardly begun.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    });
  }

  return {
    name: 'otlp-grpc-receiver',

    async start() {
      const material = await loadTls(config);
      listener = createListener(material);
      const { host, grpcPort, grpcSocketPath } = config;
      const port = await listen(listener, {
        host,
        port: grpcPort,
        socketPath: grpcSocketPath,
        setting: grpcSocketPath ? 'OTLP_GRPC_SOCKET_PATH' : 'OTLP_GRPC_PORT',
      });
      address = { protocol: material ? 'grpcs' : 'grpc', host: grpcSocketPath ?? host, port };
      if (material) stopWatching = watch(material, listener as tls.Server);
    },

    shutdown({ deadlineMs }) {
      stopWatching();
      address = undefined;
      stopped ??= listener?.listening ? drain(listener, deadlineMs) : Promise.resolve();
      return stopped;
    },

    addresses: () => (address ? [address] : []),
  };
}
