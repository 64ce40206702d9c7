import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { GatewayError } from '../../src/errors.js';
import type { Lease } from './in-flight.js';

export type Coding = 'gzip' | 'deflate' | 'zstd';

export interface InflateLimits {
  maxBodyBytes: number;
  lease: Lease;
}

type Inflater = (options: { chunkSize: number }) => Transform;

const MIN_CHUNK_BYTES = 16 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;

// In node:zlib from Node 22.15 on; the types in use here are those of Node 20.
const createZstdDecompress = (zlib as { createZstdDecompress?: Inflater }).createZstdDecompress;

/** What a request may be compressed with, as this runtime has it. */
export const CODINGS: readonly Coding[] = createZstdDecompress ? ['gzip', 'deflate', 'zstd'] : ['gzip', 'deflate'];

/** RFC 1950: compression method 8, and the two header bytes are a multiple of 31. */
function hasZlibHeader(body: Buffer): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}

function inflaterFor(coding: Coding, body: Buffer): Inflater {
  if (coding === 'gzip') return zlib.createGunzip;
  if (coding === 'zstd') return createZstdDecompress!;
  // RFC 9110 §8.4.1.2: `deflate` is the zlib format, and some clients send it bare all the same.
  return hasZlibHeader(body) ? zlib.createInflate : zlib.createInflateRaw;
}

/**
 * A gzip member ends with its size, so that an honest one inflates into one buffer. It is a hint only: what comes out is
 * counted.
 */
function chunkSizeFor(coding: Coding, body: Buffer): number {
  const expected = coding === 'gzip' && body.length >= 18 ? body.readUInt32LE(body.length - 4) : body.length * 8;
  return Math.min(Math.max(expected, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
}

/**
 * Decompresses on zlib's threads. Each piece that comes out is counted as it comes: PAYLOAD_TOO_LARGE or OVERLOADED end
 * it there and then. INVALID_PAYLOAD when the bytes are corrupt, cut short, or none.
 */
export function inflate(body: Buffer, coding: Coding, limits: InflateLimits): Promise<Buffer> {
  if (body.length === 0) return Promise.reject(corrupt(coding, 'the body is empty'));
  return new Promise((resolve, reject) => {
    const stream = inflaterFor(coding, body)({ chunkSize: chunkSizeFor(coding, body) });
    const pieces: Buffer[] = [];
    let length = 0;
    stream.on('data', (piece: Buffer) => {
      length += piece.length;
      try {
        if (length > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
        limits.lease.add(piece.length);
        pieces.push(piece);
      } catch (error) {
        stream.destroy();
        reject(error);
      }
    });
    stream.on('error', (error) => reject(corrupt(coding, error.message)));
    stream.on('end', () => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)));
    stream.end(body);
  });
}

function corrupt(coding: Coding, reason: string): GatewayError {
  return new GatewayError('INVALID_PAYLOAD', `The body is not valid ${coding}: ${reason}`);
}

function tooLarge(maxBodyBytes: number): GatewayError {
  return new GatewayError('PAYLOAD_TOO_LARGE', `The decompressed body is larger than ${maxBodyBytes} bytes`);
}
