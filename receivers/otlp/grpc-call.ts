/**
 * One gRPC call over an HTTP/2 stream: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md.
 *
 * On node:http2 itself rather than through @grpc/grpc-js's server, because a gateway has to count and refuse what
 * that server reads on its own: it buffers and inflates messages out of sight (no bound over all calls, corrupt gzip is
 * INTERNAL), answers its own refusals unseen, and can't widen the flow-control window of 64 KiB.
 */
import http2, { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { BATCH_ID_HEADER } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import type { Lease } from './in-flight.js';
import { type Coding, inflate } from './inflate.js';
import { encodeStatus, publicMessage } from './status.js';

const PREFIX_BYTES = 5;
const CODINGS: readonly string[] = ['gzip', 'deflate'] satisfies Coding[];
const ACCEPT_ENCODING = 'identity,deflate,gzip';
const CONTENT_TYPE = /^application\/grpc(\+proto)?\s*(;|$)/i;

const RESPONSE_HEADERS = {
  [constants.HTTP2_HEADER_STATUS]: 200,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  'grpc-accept-encoding': ACCEPT_ENCODING,
};
const WAIT_FOR_TRAILERS = { waitForTrailers: true };
const OK_TRAILERS = { 'grpc-status': '0' };

export function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && CONTENT_TYPE.test(headers['content-type'] ?? '');
}

/** Status-Message of the protocol: UTF-8, percent-encoded where it isn't printable ASCII. */
function percentEncode(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  return [...Buffer.from(message)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

function errorTrailers(error: GatewayError): Record<string, string> {
  return {
    'grpc-status': String(error.grpcStatus),
    'grpc-message': percentEncode(publicMessage(error.message)),
    // Binary metadata travels in base64 without padding.
    'grpc-status-details-bin': encodeStatus(error, 'protobuf').toString('base64').replace(/=+$/, ''),
  };
}

/** A message with its prefix: not compressed, four bytes of length. */
export function frameMessage(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, PREFIX_BYTES);
  return framed;
}

const EMPTY_MESSAGE = frameMessage(Buffer.alloc(0));

/** A header that no two answers share has no place in the table of a connection (RFC 7541 §7.1.3). */
function trailersWith(batchId: string): http2.OutgoingHttpHeaders {
  return { ...OK_TRAILERS, [BATCH_ID_HEADER]: batchId, [http2.sensitiveHeaders]: [BATCH_ID_HEADER] };
}

export function respondMessage(stream: ServerHttp2Stream, message: Buffer, batchId?: string): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = batchId === undefined ? OK_TRAILERS : trailersWith(batchId);
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond(RESPONSE_HEADERS, WAIT_FOR_TRAILERS);
  stream.end(message.length === 0 ? EMPTY_MESSAGE : frameMessage(message));
}

/** Headers of a stream of messages, which `respondStatus` ends. */
export function startMessages(stream: ServerHttp2Stream): void {
  stream.respond(RESPONSE_HEADERS, WAIT_FOR_TRAILERS);
}

/** Ends a call with an error: as trailers alone when nothing was sent before. */
export function respondError(stream: ServerHttp2Stream, error: GatewayError): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = errorTrailers(error);
  if (stream.headersSent) {
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end();
    return;
  }
  stream.respond({ ...RESPONSE_HEADERS, ...trailers }, { endStream: true });
  // RFC 9113 §8.1: a whole answer, and no interest in the rest of the request.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

export interface MessageLimits {
  maxBodyBytes: number;
  lease: Lease;
  timeoutMs: number;
  /** Bytes of body read so far, as they were on the wire: kept up to date here. */
  bytes: number;
}

interface Framed {
  compressed: boolean;
  message: Buffer;
}

/** Puts the one message of a unary call together, and refuses as early as the bytes allow. */
class MessageReader {
  readonly #limits: MessageLimits;
  readonly #chunks: Buffer[] = [];
  #expectedBytes = 0;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  push(chunk: Buffer): void {
    this.#limits.bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#expectedBytes === 0 && this.#limits.bytes >= PREFIX_BYTES) this.#expect(this.#head().readUInt32BE(1));
    if (this.#expectedBytes > 0 && this.#limits.bytes > this.#expectedBytes) throw moreThanOne();
    this.#limits.lease.add(chunk.length);
  }

  /** The prefix, which in theory may come in pieces. */
  #head(): Buffer {
    const [first] = this.#chunks;
    return first!.length >= PREFIX_BYTES ? first! : this.#whole();
  }

  #expect(messageBytes: number): void {
    const { maxBodyBytes, lease } = this.#limits;
    if (messageBytes > maxBodyBytes) {
      throw new GatewayError(
        'PAYLOAD_TOO_LARGE',
        `The message of ${messageBytes} bytes is larger than ${maxBodyBytes}`,
      );
    }
    // Refused at once when there is no room, yet it holds none for what is only announced.
    lease.expect(messageBytes);
    this.#expectedBytes = PREFIX_BYTES + messageBytes;
  }

  #whole(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#limits.bytes);
  }

  finish(): Framed {
    if (this.#limits.bytes === 0) throw new GatewayError('UNIMPLEMENTED', 'The call holds no message');
    if (this.#limits.bytes !== this.#expectedBytes) {
      throw new GatewayError('INVALID_PAYLOAD', 'The message is cut short');
    }
    const whole = this.#whole();
    return { compressed: whole[0] !== 0, message: whole.subarray(PREFIX_BYTES) };
  }
}

/** doc/statuscodes.md: a wrong number of messages is UNIMPLEMENTED. */
function moreThanOne(): GatewayError {
  return new GatewayError('UNIMPLEMENTED', 'The call holds more than the one message of a unary method');
}

function readFramed(stream: ServerHttp2Stream, limits: MessageLimits): Promise<Framed> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader(limits);
    const settle = () => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('close', onGone);
    };
    const fail = (error: unknown) => {
      settle();
      // A paused stream would never close.
      stream.resume();
      reject(error);
    };
    const attempt = (step: () => void) => {
      try {
        step();
      } catch (error) {
        fail(error);
      }
    };
    const onData = (chunk: Buffer) => attempt(() => reader.push(chunk));
    const onEnd = () =>
      attempt(() => {
        // node:http2 ends the readable side of a stream that was reset, too.
        if (stream.aborted || stream.destroyed) return onGone();
        const framed = reader.finish();
        settle();
        resolve(framed);
      });
    const onGone = () => fail(new GatewayError('CLIENT_CLOSED_REQUEST', 'The client went away within its request'));
    const timer = setTimeout(
      () => fail(new GatewayError('REQUEST_TIMEOUT', 'The request took too long to arrive')),
      limits.timeoutMs,
    );
    stream.on('data', onData).on('end', onEnd).on('close', onGone);
  });
}

function codingOf(headers: IncomingHttpHeaders): Coding {
  const name = String(headers['grpc-encoding'] ?? 'identity').toLowerCase();
  if (CODINGS.includes(name)) return name as Coding;
  // doc/compression.md: compressed bytes without a coding are the sender's fault, but not a question of support.
  if (name === 'identity') throw new GatewayError('INVALID_PAYLOAD', 'The message is compressed, and nothing says how');
  throw new GatewayError('UNSUPPORTED_ENCODING', `grpc-encoding ${name} is not supported; use ${ACCEPT_ENCODING}`);
}

/**
 * The message of a unary call, decompressed. Rejects with PAYLOAD_TOO_LARGE, OVERLOADED, INVALID_PAYLOAD,
 * UNSUPPORTED_ENCODING, UNIMPLEMENTED (none, or more than one), REQUEST_TIMEOUT or CLIENT_CLOSED_REQUEST.
 */
export async function readMessage(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  limits: MessageLimits,
): Promise<Buffer> {
  const { compressed, message } = await readFramed(stream, limits);
  return compressed ? inflate(message, codingOf(headers), limits) : message;
}
