/** Compressed bodies: read up to the bound, inflated on zlib's threads, and bounded again by what comes out. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { GatewayError } from '../errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's handler reads the request by itself. */
    ownBody?: boolean;
  }
}

type Inflate = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const gunzip: Inflate = promisify(zlib.gunzip);
const inflateZlib: Inflate = promisify(zlib.inflate);
const inflateRaw: Inflate = promisify(zlib.inflateRaw);

/** RFC 9110 §8.4.1.2: `deflate` is the zlib format (RFC 1950: method 8, the header a multiple of 31); some send it bare. */
const inflate: Inflate = (body, options) => {
  const wrapped = body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
  return (wrapped ? inflateZlib : inflateRaw)(body, options);
};

const INFLATERS: Readonly<Record<string, Inflate>> = {
  gzip: gunzip,
  // RFC 9110 §8.4.1.3: another name for gzip.
  'x-gzip': gunzip,
  deflate: inflate,
  br: promisify(zlib.brotliDecompress),
};

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes`);
}

function inflaterOf(coding: string): Inflate {
  if (Object.hasOwn(INFLATERS, coding)) return INFLATERS[coding]!;
  throw new GatewayError('UNSUPPORTED_ENCODING', `Content-Encoding ${coding} is not supported; use gzip, deflate, br`);
}

/** In lower case; undefined for none. */
export function codingOf(request: IncomingMessage): string | undefined {
  const coding = request.headers['content-encoding']?.trim().toLowerCase();
  return coding === '' || coding === 'identity' ? undefined : coding;
}

function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (error: GatewayError) => {
      // What is left is thrown away, so that the answer reaches the client.
      request.off('data', onData).off('end', onEnd).resume();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) fail(tooLarge(maxBytes));
      else chunks.push(chunk);
    };
    const onEnd = () => resolve(Buffer.concat(chunks, length));
    request.on('data', onData).on('end', onEnd);
    request.on('error', (cause) => {
      reject(new GatewayError('CLIENT_CLOSED_REQUEST', 'The client went away within its request', { cause }));
    });
  });
}

function inflateError(error: unknown, coding: string, maxBytes: number): GatewayError {
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes);
  return new GatewayError('INVALID_PAYLOAD', `The body is not valid ${coding}`, { cause: error });
}

async function read(request: IncomingMessage, coding: string, maxBytes: number) {
  const inflater = inflaterOf(coding);
  const compressed = await collect(request, maxBytes);
  try {
    return { body: await inflater(compressed, { maxOutputLength: maxBytes }), encodedLength: compressed.length };
  } catch (error) {
    throw inflateError(error, coding, maxBytes);
  }
}

/** Rejects with PAYLOAD_TOO_LARGE, UNSUPPORTED_ENCODING, INVALID_PAYLOAD or CLIENT_CLOSED_REQUEST. */
export async function readCompressed(request: IncomingMessage, coding: string, maxBytes: number): Promise<Buffer> {
  return (await read(request, coding, maxBytes)).body;
}

/** Fastify compares this with the Content-Length. */
function toStream({ body, encodedLength }: { body: Buffer; encodedLength: number }) {
  return Object.assign(Readable.from([body], { objectMode: false }), { receivedEncodedLength: encodedLength });
}

/** For every route that leaves reading to fastify. What comes uncompressed passes by. */
export function registerCompression(app: FastifyInstance, { maxBytes }: { maxBytes: number }): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    const coding = codingOf(request.raw);
    if (coding === undefined || request.routeOptions.config.ownBody === true) return done(null, payload);
    read(request.raw, coding, maxBytes).then((inflated) => done(null, toStream(inflated)), done);
  });
}
