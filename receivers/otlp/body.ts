import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../../src/errors.js';
import { CODINGS, type Coding, type InflateLimits, inflate } from './inflate.js';

export interface BodyLimits extends InflateLimits {
  /** Bytes read so far, as they were on the wire: kept up to date here. */
  bytes: number;
  /** Set while the body is being read: ends the reading with that error. */
  fail?: ((error: GatewayError) => void) | undefined;
  /** Called, and cleared, when everything that can be known beforehand is in order: sends `100 Continue`. */
  begin?: (() => void) | undefined;
}

const MAX_CODINGS = 2;

/** What Accept-Encoding says to a client whose encoding is refused (RFC 9110 §12.5.3). */
export const ACCEPT_ENCODING = [...CODINGS, 'identity'].join(', ');

/** Content-Encoding in any case, as a list of codings in the order in which they were applied. */
export function contentCodings(header: string | undefined): Coding[] {
  if (header === undefined) return [];
  const names = header.split(',').map((name) => name.trim().toLowerCase());
  if (names.length > MAX_CODINGS) throw unsupportedCoding(header);
  return names.filter((name) => name !== '' && name !== 'identity').map((name) => codingOf(name));
}

function codingOf(name: string): Coding {
  // RFC 9110 §8.4.1.3: x-gzip is another name for gzip.
  const coding = CODINGS.find((known) => known === name || (known === 'gzip' && name === 'x-gzip'));
  if (coding === undefined) throw unsupportedCoding(name);
  return coding;
}

function unsupportedCoding(name: string): GatewayError {
  return new GatewayError('UNSUPPORTED_ENCODING', `Content-Encoding ${name} is not supported; use ${ACCEPT_ENCODING}`);
}

/** Throws what can be known of a body before a byte of it is read. Returns its declared length, if it has one. */
export function checkLength(request: IncomingMessage, maxBodyBytes: number): number | undefined {
  const header = request.headers['content-length'];
  if (header === undefined) return undefined;
  // The HTTP parser let digits through only.
  const length = Number(header);
  if (length > maxBodyBytes) throw tooLarge(maxBodyBytes);
  return length;
}

function tooLarge(maxBodyBytes: number): GatewayError {
  return new GatewayError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBodyBytes} bytes`);
}

/**
 * The body of a request in one buffer, decompressed. It counts as in flight as it comes: a declared length that finds no
 * room is refused at once, but holds none, or a few clients that declare much and send nothing would keep all others out.
 * Rejects with PAYLOAD_TOO_LARGE, OVERLOADED, UNSUPPORTED_ENCODING, INVALID_PAYLOAD or
 * CLIENT_CLOSED_REQUEST; what is left of a refused body is thrown away, so that the answer reaches the client.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const codings = contentCodings(request.headers['content-encoding']);
  const declared = checkLength(request, limits.maxBodyBytes);
  if (declared !== undefined) limits.lease.expect(declared);
  limits.begin?.();
  limits.begin = undefined;
  let body = await collect(request, limits);
  for (const coding of codings.reverse()) body = await inflate(body, coding, limits);
  return body;
}

function collect(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const settle = () => {
      limits.fail = undefined;
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
    };
    const fail = (error: unknown) => {
      settle();
      // A stream without an error listener would take the process down when the client resets the connection.
      request.on('error', () => {}).resume();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      limits.bytes += chunk.length;
      try {
        if (limits.bytes > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
        limits.lease.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = () => {
      settle();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, limits.bytes));
    };
    const onGone = () => fail(new GatewayError('CLIENT_CLOSED_REQUEST', 'The client went away within its request'));
    limits.fail = fail;
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
