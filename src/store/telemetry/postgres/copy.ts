import type pg from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';
import type { CopyRows } from './copy-rows.js';

/** A batch that can't be encoded: its own fault, not the server's. */
export class EncodingError extends Error {
  override readonly name = 'EncodingError';
}

export function encoding<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw new EncodingError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/**
 * Sends rows while they are encoded: `encode` yields whenever it wants what is complete to be sent. After an
 * EncodingError the COPY is still open, and the connection of no use.
 */
export async function copyInto(
  client: pg.ClientBase,
  statement: string,
  encode: (rows: CopyRows) => Iterator<void>,
  rows: CopyRows,
) {
  const copy = new Copy(client.query(copyFrom(statement)));
  const steps = encode(rows);
  while (!encoding(() => steps.next()).done) await copy.send(rows.takeFull());
  await copy.send(rows.finish());
  await copy.end();
}

class Copy {
  private readonly done: Promise<void>;

  constructor(private readonly stream: CopyStreamQuery) {
    this.done = new Promise((resolve, reject) => {
      stream.on('finish', resolve);
      stream.on('error', reject);
    });
    // Whoever sends or ends awaits it; an error in between must not count as unhandled.
    this.done.catch(() => {});
  }

  /** One chunk at a time: pg-copy-streams trips over chunks that still wait when the server refuses the COPY. */
  async send(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      const written = new Promise<void>((resolve) => this.stream.write(chunk, () => resolve()));
      await Promise.race([written, this.done]);
    }
  }

  async end(): Promise<void> {
    this.stream.end();
    await this.done;
  }
}
