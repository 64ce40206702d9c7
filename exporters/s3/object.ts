/** What becomes of a request before it is put: a pure function, for a worker thread. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Signal } from '../../src/component.js';
import type { Compression, Format } from './config.js';
import { parquetOf } from './parquet.js';
import { type Times, timesOf } from './times.js';

export interface ContentPart {
  /** Undefined for a dead letter that is sent again. */
  sequence: number | undefined;
  piece: string;
  receivedTimeUnixMs: number;
  bytes: number;
}

export interface ObjectContent {
  signal: Signal;
  workspace: string;
  format: Format;
  compression: Compression;
  gatewayId: string;
  /** What the payload is joined of, in its order. */
  parts: readonly ContentPart[];
  payload: Uint8Array;
}

export interface ObjectBody {
  body: Uint8Array;
  /** In hex. */
  sha256: string;
  /** Rows of the table; of OTLP nobody counted them. */
  rows: number | undefined;
  times: Times | undefined;
}

/** What can't be encoded is an answer, so that only a broken pool rejects. */
export type EncodedObject = (ObjectBody & { reason?: never }) | { reason: string };

export function encodeObject(content: ObjectContent): EncodedObject {
  try {
    const { body, rows } = bodyOf(content);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return { body, sha256, rows, times: timesOf(content.signal, content.payload) };
  } catch (error) {
    return { reason: `it can't be encoded: ${(error as Error).message}` };
  }
}

function bodyOf(content: ObjectContent): { body: Uint8Array; rows: number | undefined } {
  if (content.format === 'parquet') return parquetOf(content);
  const { compression, payload } = content;
  return { body: compression === 'gzip' ? gzipSync(payload) : payload, rows: undefined };
}
