/** What a backend answers over HTTP, read no further than anybody needs. */
import type { Dispatcher } from 'undici';

/** OTLP 1.11: a response stays below 4 MiB; the Collector reads this much of one. */
const MAX_ANSWER_BYTES = 64 * 1024;

export async function readAnswer(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
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

/** Of a header that may have come several times: the first. */
export function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
