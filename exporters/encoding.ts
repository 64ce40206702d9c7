/** What a thread makes of a request, for backends that take something else than OTLP in protobuf. */
import type { TaskPool } from '../src/component.js';
import { isLostThread, LOST_THREADS } from './transcoding.js';

/** An operation that does nothing: whoever gets an answer knows that there is a thread to be had. */
export const NOTHING = 'nothing';

/** What goes to the thread. `transfer`: memory in it that goes there instead of being copied, and is gone here. */
export interface Handed {
  argument: unknown;
  transfer?: readonly ArrayBuffer[];
}

/**
 * Rejects for what may be otherwise the next time: also when there is no thread to be had, which is no request's fault. A
 * request that no thread survives can never be encoded. It is handed over anew for each try.
 */
export async function encodedOn<Encoded extends { reason?: string | undefined }>(
  pool: TaskPool,
  operation: string,
  handed: () => Handed,
): Promise<Encoded> {
  for (let lost = 1; ; lost++) {
    try {
      const { argument, transfer } = handed();
      return await pool.run<Encoded>(operation, argument, transfer);
    } catch (error) {
      if (!isLostThread(error)) throw error;
      await pool.run(NOTHING, undefined);
      if (lost === LOST_THREADS)
        return { reason: `no thread survives encoding it: ${(error as Error).message}` } as Encoded;
    }
  }
}
