import type { Appender, Encoding, Signal } from '../../src/component.js';
import { type GatewayError, toGatewayError } from '../../src/errors.js';
import { checkRequest } from './check.js';
import type { Outcome } from './events.js';

/** An Export request, read and decompressed. */
export interface ExportRequest {
  signal: Signal;
  encoding: Encoding;
  workspace: string;
  body: Buffer;
}

/** The fate of a request: taken (with `rejected` items left out), or not (`error`). */
export interface Verdict {
  accepted: number;
  rejected: number;
  /** Valid items that were not taken because of `error`. */
  refused: number;
  message: string;
  error: GatewayError | undefined;
  /** What its sender may ask for it by; absent when there is nothing to ask for. */
  batchId?: string | undefined;
}

export function failure(error: unknown, refused = 0): Verdict {
  return { accepted: 0, rejected: 0, refused, message: '', error: toGatewayError(error) };
}

export function outcomeOf({ error, rejected }: Verdict): Outcome {
  if (error === undefined) return rejected > 0 ? 'partial' : 'accepted';
  if (error.code === 'CLIENT_CLOSED_REQUEST') return 'aborted';
  if (error.retryable) return 'refused';
  return error.httpStatus < 500 ? 'invalid' : 'failed';
}

/** Checks and appends; resolves when what was accepted is durable. Never rejects. */
export async function ingest(next: Appender, { signal, encoding, workspace, body }: ExportRequest): Promise<Verdict> {
  let items = 0;
  try {
    const { accepted, rejected, message, payload } = checkRequest({ signal, encoding, body });
    items = accepted;
    // OTLP: an empty request is a success, and there is nothing to hand on.
    const appended = accepted > 0 ? await next.append({ signal, encoding, workspace, items, payload }) : undefined;
    return { accepted, rejected, refused: 0, message, error: undefined, batchId: appended?.batchId };
  } catch (error) {
    return failure(error, items);
  }
}
