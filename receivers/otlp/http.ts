import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SIGNALS, type Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { type ClientError, replyTo, writeRaw } from './client-error.js';
import type { ReceiverConfig } from './config.js';
import { type Cors, createCors } from './cors.js';
import { Exchange, type ExchangeOptions } from './exchange.js';
import { takeRequest } from './handler.js';
import { failure, type Verdict } from './ingest.js';
import { type ListenAddress, listen } from './listen.js';
import { connectionAgeMs, peerOf, type Receiver, type ReceiverOptions } from './receiver.js';
import type { ResponseHeaders } from './respond.js';
import { loadTls, type Tls } from './tls.js';
import { createWrongProtocol, protocolOf } from './wrong-protocol.js';

const SIGNAL_BY_PATH: ReadonlyMap<string, Signal> = new Map(SIGNALS.map((signal) => [`/v1/${signal}`, signal]));

/** How often connections that became idle are closed while draining. */
const DRAIN_INTERVAL_MS = 20;
/** How often Node looks for requests that take too long. */
const MAX_TIMEOUT_CHECK_INTERVAL_MS = 5000;

/** Of the path alone, or of the whole address that a client sends to what it takes for a proxy (RFC 9112 §3.2.2). */
function signalOf(url: string): Signal | undefined {
  return SIGNAL_BY_PATH.get(url) ?? SIGNAL_BY_PATH.get(url.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*/s, ''));
}

function serverOptionsOf(config: ReceiverConfig): http.ServerOptions {
  const { keepAliveTimeoutMs, headersTimeoutMs, requestTimeoutMs } = config;
  return {
    keepAliveTimeout: keepAliveTimeoutMs,
    // Node's own answer to a request without Host (RFC 9112 §3.2) is bare, and nobody would count it.
    requireHostHeader: false,
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(headersTimeoutMs, requestTimeoutMs, MAX_TIMEOUT_CHECK_INTERVAL_MS),
  };
}

function createServer(config: ReceiverConfig, tls: Tls | undefined): http.Server | https.Server {
  const options = serverOptionsOf(config);
  if (tls === undefined) return http.createServer(options);
  return https.createServer({ ...options, ...tls.serverOptions, handshakeTimeout: config.headersTimeoutMs });
}

interface Refusal {
  error: GatewayError;
  headers?: ResponseHeaders;
}

interface Connection {
  closesAtMs: number;
  exchange: Exchange;
}

/** OTLP/HTTP: `POST /v1/{traces,logs,metrics}`, protobuf and JSON, over HTTP/1.1. */
export function createHttpReceiver({ config, next, authenticate, inFlight, events }: ReceiverOptions): Receiver {
  const cors: Cors = createCors(config);
  const wrongProtocol = createWrongProtocol('http', events);
  const sockets = new Set<Socket>();
  const connections = new WeakMap<Duplex, Connection>();
  let server: http.Server | https.Server | undefined;
  let stopWatching = () => {};
  let address: ListenAddress | undefined;
  let stopped: Promise<void> | undefined;

  const closing = ({ socket }: IncomingMessage) =>
    stopped !== undefined || performance.now() > (connections.get(socket)?.closesAtMs ?? 0);
  const exchangeOptions: ExchangeOptions = {
    transport: 'http',
    events,
    inFlight,
    maxBodyBytes: config.maxBodyBytes,
    closing,
  };

  function remember(exchange: Exchange): void {
    const { socket } = exchange.request;
    const connection = connections.get(socket);
    if (connection !== undefined) connection.exchange = exchange;
    else
      connections.set(socket, { closesAtMs: performance.now() + connectionAgeMs(config.maxConnectionAgeMs), exchange });
  }

  function refusalOf({ request, signal }: Exchange): Refusal | undefined {
    if (signal === undefined) {
      const known = [...SIGNAL_BY_PATH.keys()].join(', ');
      return { error: new GatewayError('NOT_FOUND', `There is nothing at this path; OTLP is at ${known}`) };
    }
    if (request.headers.host === undefined && request.httpVersion === '1.1') {
      return { error: new GatewayError('BAD_REQUEST', 'The Host header is missing') };
    }
    if (request.method !== 'POST') {
      const error = new GatewayError('METHOD_NOT_ALLOWED', `${request.method} is not allowed; use POST`);
      return { error, headers: { Allow: 'POST' } };
    }
    if (stopped === undefined) return undefined;
    return { error: new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down') };
  }

  async function take(exchange: Exchange): Promise<Verdict> {
    const { headers, socket } = exchange.request;
    try {
      const named = authenticate({ headers, peer: peerOf(socket, config.httpSocketPath) });
      // Most answers are at hand; waiting for them all the same would cost every request a turn.
      const workspace = typeof named === 'string' ? named : await named;
      return await takeRequest(exchange, workspace, next);
    } catch (error) {
      return failure(error);
    }
  }

  async function serve(exchange: Exchange): Promise<void> {
    exchange.answer(await take(exchange));
  }

  function onRequest(request: IncomingMessage, response: ServerResponse, begin?: () => void): void {
    const signal = signalOf(request.url!);
    cors.mark(request, response);
    if (signal !== undefined && cors.preflight(request, response)) return;
    const exchange = new Exchange(request, response, signal, exchangeOptions);
    exchange.begin = begin;
    remember(exchange);
    const refusal = refusalOf(exchange);
    if (refusal === undefined) void serve(exchange);
    else exchange.answer(failure(refusal.error), refusal.headers);
  }

  /** Bytes that are no request, or a request that doesn't come to its end in time. */
  function onClientError(error: ClientError, socket: Duplex): void {
    const exchange = connections.get(socket)?.exchange;
    if (error.code?.startsWith('ERR_SSL')) refuseHandshake(error, socket as Socket);
    else if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else if (exchange?.broken) return;
    else if (exchange !== undefined && isOpen(exchange)) breakOff(exchange, error);
    else refuseBytes(error, socket as Socket);
  }

  function isOpen({ request, response }: Exchange): boolean {
    return !request.complete || !response.writableFinished;
  }

  function breakOff(exchange: Exchange, error: ClientError): void {
    exchange.broken = true;
    if (exchange.fail !== undefined) exchange.fail(replyTo(error).error);
    // Answered before its body was whole, and what came of the body after that is of no use.
    else if (exchange.response.writableEnded) exchange.request.socket.destroy();
  }

  function refuseHandshake({ code }: ClientError, socket: Socket): void {
    if (code === 'ERR_SSL_HTTP_REQUEST') wrongProtocol.hint('plaintext', socket.remoteAddress ?? '');
    socket.destroy();
  }

  function refuseBytes(clientError: ClientError, socket: Socket): void {
    // Connected ahead of need and never used: no request, no answer.
    if (socket.bytesRead === 0) {
      socket.destroy();
      return;
    }
    const { status, error } = replyTo(clientError);
    const spoken = protocolOf(clientError.rawPacket ?? Buffer.alloc(0));
    const told =
      spoken === 'http/2' || spoken === 'tls'
        ? new GatewayError('BAD_REQUEST', wrongProtocol.hint(spoken, socket.remoteAddress ?? ''))
        : error;
    writeRaw(socket, { status, error: told });
    reportBytes(told);
  }

  /** For what never became a request. */
  function reportBytes(error: GatewayError): void {
    events.request({
      transport: 'http',
      signal: undefined,
      outcome: 'invalid',
      accepted: 0,
      rejected: 0,
      refused: 0,
      bytes: 0,
      durationMs: 0,
      error,
      message: '',
    });
  }

  /** Without a listener node:http closes the connection without a word. */
  function refuseTunnel(socket: Duplex): void {
    const error = new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is not allowed; use POST');
    socket.on('error', () => {});
    writeRaw(socket, { status: error.httpStatus, error, headers: ['Allow: POST'] });
    reportBytes(error);
  }

  function attach(to: http.Server | https.Server): void {
    to.on('request', (request, response) => onRequest(request, response));
    to.on('checkContinue', (request, response) => onRequest(request, response, () => response.writeContinue()));
    to.on('connect', (_, socket) => refuseTunnel(socket));
    to.on('clientError', onClientError);
    to.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }

  function watch(tls: Tls, secured: https.Server): () => void {
    return tls.watch({
      apply: (context) => secured.setSecureContext(context),
      reloaded: () => events.tlsReloaded({ transport: 'http' }),
      failed: (error) => events.tlsReloadFailed({ transport: 'http', error }),
    });
  }

  function drain(from: http.Server, deadlineMs: number): Promise<void> {
    // Connected, and nothing sent yet: Node doesn't count these among the idle ones.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    return new Promise((resolve) => {
      const sweep = setInterval(() => from.closeIdleConnections(), DRAIN_INTERVAL_MS);
      const deadline = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, deadlineMs);
      from.close(() => {
        clearInterval(sweep);
        clearTimeout(deadline);
        resolve();
      });
    });
  }

  return {
    name: 'otlp-http-receiver',

    async start() {
      const tls = await loadTls(config);
      server = createServer(config, tls);
      attach(server);
      const { host, httpPort, httpSocketPath } = config;
      const port = await listen(server, {
        host,
        port: httpPort,
        socketPath: httpSocketPath,
        setting: httpSocketPath ? 'OTLP_HTTP_SOCKET_PATH' : 'OTLP_HTTP_PORT',
      });
      address = { protocol: tls ? 'https' : 'http', host: httpSocketPath ?? host, port };
      if (tls) stopWatching = watch(tls, server as https.Server);
    },

    shutdown({ deadlineMs }) {
      stopWatching();
      address = undefined;
      stopped ??= server?.listening ? drain(server, deadlineMs) : Promise.resolve();
      return stopped;
    },

    addresses: () => (address ? [address] : []),
  };
}
