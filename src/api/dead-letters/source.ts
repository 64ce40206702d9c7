import type { Encoding, Signal } from '../../component.js';

export interface DeadLetter {
  id: string;
  reason: string;
  /** The exporter whose backend refused it. */
  exporter?: string;
  failedTimeUnixMs: number;
  payloadBytes: number;
  /** undefined for a frame that was damaged on disk. */
  frame:
    | { signal: Signal; encoding: Encoding; workspace: string; items: number; receivedTimeUnixMs: number }
    | undefined;
}

/** Requests that were acknowledged and could not be stored: kept, listed, and replayable. */
export interface DeadLetters {
  /** Newest first. */
  list(): Promise<DeadLetter[]>;
  get(id: string): Promise<DeadLetter | undefined>;
  /** Puts it back into the buffer; its new sequence. One of an exporter is sent to its backend instead. Rejects with NOT_FOUND or CONFLICT, or as an append does. */
  replay(id: string): Promise<number>;
  /** False when there is none of that id. */
  remove(id: string): Promise<boolean>;
}
