/** OTLP/JSON as protobuf, made on another thread. */
import type { Frame, Signal } from '../src/component.js';
import { GatewayError } from '../src/errors.js';

/** What can't be read as JSON is an answer: whoever rejects has lost its thread, or has no room. */
export type Transcoded = { payload: Uint8Array; reason?: never } | { payload?: never; reason: string };

export type Transcode = (signal: Signal, payload: Buffer) => Promise<Transcoded>;

/** A thread has one frame at a time: when it is lost so often at the same one, that one is why. */
export const LOST_THREADS = 3;

/** Whether a task's thread is gone, and not only busy or not there yet. */
export function isLostThread(error: unknown): boolean {
  return !(error instanceof GatewayError && error.retryable);
}

export class Transcoder {
  readonly #transcode: Transcode;
  /** By the sequence of the frame. */
  readonly #lost = new Map<number, number>();

  constructor(transcode: Transcode) {
    this.#transcode = transcode;
  }

  /** Rejects for what may be otherwise the next time. */
  async transcode({ sequence, signal, payload }: Pick<Frame, 'sequence' | 'signal' | 'payload'>): Promise<Transcoded> {
    try {
      const transcoded = await this.#transcode(signal, payload);
      this.#lost.delete(sequence);
      return transcoded;
    } catch (error) {
      if (!isLostThread(error)) throw error;
      const lost = (this.#lost.get(sequence) ?? 0) + 1;
      this.#lost.set(sequence, lost);
      if (lost < LOST_THREADS) throw error;
      this.#lost.delete(sequence);
      return { reason: `no thread survives making protobuf of it: ${(error as Error).message}` };
    }
  }
}
