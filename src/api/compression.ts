/**
 * The bodies of this API: counted as in flight from their first byte to the answer, inflated on zlib's threads, and bounded
 * again by what comes out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import type { BytesInFlight, BytesLease } from '../component.js';
import { GatewayError } from '../errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's handler reads the request by itself. */
    ownBody?: boolean;
    /** The route wants the bytes as they came, compressed or not: a signature is of them. */
    bodyAsSent?: boolean;
  }
}

export interface BodyBounds {
  maxBytes: number;
  lease: BytesLease;
}

export const UNBOUNDED: BytesInFlight = { lease: () => ({ add() {}, expect() {}, release() {} }) };

/** Until the response closes. Throws OVERLOADED when the declared length finds no room. */
export function leaseFor(inFlight: BytesInFlight, request: IncomingMessage, response: ServerResponse): BytesLease {
  const lease = inFlight.lease();
  lease.expect(Number(request.headers['content-length'] ?? 0));
  response.once('close', () => lease.release());
  return lease;
}

type Inflater = (body: Buffer) => Transform;

/** RFC 9110 §8.4.1.2: `deflate` is the zlib format (RFC 1950: method 8, the header a multiple of 31); some send it bare. */
const inflater: Inflater = (body) => {
  const wrapped = body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
  return wrapped ? zlib.createInflate() : zlib.createInflateRaw();
};

const INFLATERS: Readonly<Record<string, Inflater>> = {
  gzip: () => zlib.createGunzip(),
  // RFC 9110 §8.4.1.3: another name for gzip.
  'x-gzip': () => zlib.createGunzip(),
  deflate: inflater,
  br: () => zlib.createBrotliDecompress(),
};

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes`);
}

function inflaterOf(coding: string): Inflater {
  if (Object.hasOwn(INFLATERS, coding)) return INFLATERS[coding]!;
  throw new GatewayError('UNSUPPORTED_ENCODING', `Content-Encoding ${coding} is not supported; use gzip, deflate, br`);
}

/** In lower case; undefined for none. */
export function codingOf(request: IncomingMessage): string | undefined {
  const coding = request.headers['content-encoding']?.trim().toLowerCase();
  return coding === '' || coding === 'identity' ? undefined : coding;
}

function collect(request: IncomingMessage, { maxBytes, lease }: BodyBounds): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (error: unknown) => {
      // What is left is thrown away, so that the answer reaches the client.
      request.off('data', onData).off('end', onEnd).resume();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      try {
        if (length > maxBytes) throw tooLarge(maxBytes);
        lease.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = () => resolve(Buffer.concat(chunks, length));
    request.on('data', onData).on('end', onEnd);
    request.on('error', (cause) => {
      reject(new GatewayError('CLIENT_CLOSED_REQUEST', 'The client went away within its request', { cause }));
    });
  });
}

function invalid(coding: string, cause?: unknown): GatewayError {
  return new GatewayError('INVALID_PAYLOAD', `The body is not valid ${coding}`, { cause });
}

/** Each piece that comes out is bounded and counted as it comes. */
async function gather(pieces: AsyncIterable<Buffer>, { maxBytes, lease }: BodyBounds): Promise<Buffer> {
  const gathered: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    lease.add(piece.length);
    gathered.push(piece);
  }
  return Buffer.concat(gathered, length);
}

async function inflate(compressed: Buffer, coding: string, open: Inflater, bounds: BodyBounds): Promise<Buffer> {
  // To zlib's streams nothing is a whole body, to its functions it is none.
  if (compressed.length === 0) throw invalid(coding);
  const stream = open(compressed);
  stream.end(compressed);
  try {
    return await gather(stream, bounds);
  } catch (error) {
    throw error instanceof GatewayError ? error : invalid(coding, error);
  }
}

async function read(request: IncomingMessage, coding: string, bounds: BodyBounds) {
  const open = inflaterOf(coding);
  const compressed = await collect(request, bounds);
  return { body: await inflate(compressed, coding, open, bounds), encodedLength: compressed.length };
}

/** Rejects with PAYLOAD_TOO_LARGE, OVERLOADED, UNSUPPORTED_ENCODING, INVALID_PAYLOAD or CLIENT_CLOSED_REQUEST. */
export async function readCompressed(request: IncomingMessage, coding: string, bounds: BodyBounds): Promise<Buffer> {
  return (await read(request, coding, bounds)).body;
}

/** Fastify compares this with the Content-Length. */
function toStream({ body, encodedLength }: { body: Buffer; encodedLength: number }) {
  return Object.assign(Readable.from([body], { objectMode: false }), { receivedEncodedLength: encodedLength });
}

/** The payload, counted as fastify reads it. What it doesn't read is thrown away by Node once it is answered. */
function counted(payload: RequestPayload, lease: BytesLease): Readable {
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        lease.add(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  payload.on('error', (error) => counter.destroy(error));
  // Fastify listens no longer than it reads; what is left then goes, so that the answer reaches the client.
  counter.on('error', () => payload.resume());
  return payload.pipe(counter);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

export interface CompressionOptions {
  maxBytes: number;
  inFlight: BytesInFlight;
}

/** For every route that leaves reading to fastify. */
export function registerCompression(app: FastifyInstance, { maxBytes, inFlight }: CompressionOptions): void {
  const open = async (request: FastifyRequest, response: ServerResponse, payload: RequestPayload) => {
    const { raw, routeOptions } = request;
    const coding = codingOf(raw);
    const lease = leaseFor(inFlight, raw, response);
    if (coding === undefined || routeOptions.config.bodyAsSent === true) return counted(payload, lease);
    return toStream(await read(raw, coding, { maxBytes, lease }));
  };
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.routeOptions.config.ownBody === true || !hasBody(request.raw)) return done(null, payload);
    open(request, reply.raw, payload).then((stream) => done(null, stream), done);
  });
}
