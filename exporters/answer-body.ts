/** What a backend answers over HTTP, read no further than anybody needs. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

const inflate = promisify(gunzip);

/** OTLP 1.11: a response stays below 4 MiB; the Collector reads this much of one. */
const MAX_ANSWER_BYTES = 64 * 1024;

type Response = Pick<Dispatcher.ResponseData, 'body' | 'headers'>;

/** Asked for, so that nobody compresses a few bytes; some do all the same. */
export const ACCEPTED_ENCODING = { 'accept-encoding': 'identity' };

export async function readAnswer({ body, headers }: Response): Promise<Buffer> {
  const read = await readBody(body);
  return headerText(headers['content-encoding']) === 'gzip' ? inflated(read) : read;
}

async function readBody(body: Response['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the body and its connection: nobody reads on what a backend goes on sending.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - bytes));
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** As it came where it is no gzip: whoever reads it tells that it can't be read. */
async function inflated(body: Buffer): Promise<Buffer> {
  return inflate(body, { maxOutputLength: MAX_ANSWER_BYTES }).catch(() => body);
}

/** Of a header that may have come several times: the first. */
export function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
