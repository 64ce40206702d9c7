/** What becomes of a request before it is put: a pure function, for a worker thread. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { ObjectContent } from './content.js';
import { parquetOf } from './parquet.js';
import { type Times, timesOf } from './times.js';

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
