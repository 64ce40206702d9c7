/** What an error of SQLite means for whoever called. */
import { type ErrorCode, GatewayError } from '../../../errors.js';

/** An error as it crosses between threads, where it would lose its class. */
export interface Failure {
  code: ErrorCode;
  message: string;
}

/** Codes of the environment, not of the data: the same call may succeed later. */
const TRANSIENT = /^(SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|NOMEM|READONLY|PROTOCOL|PERM|AUTH|INTERRUPT)|E[A-Z]+$)/;
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|FORMAT)/;
/** A value that no try will get into its column. */
const OF_THE_DATA = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/;

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

export function isDamaged(error: unknown): boolean {
  return DAMAGED.test(codeOf(error));
}

function unavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GatewayError('STORE_UNAVAILABLE', `SQLite: ${message} ${codeOf(error)}`.trimEnd(), { cause: error });
}

/** A failed read: STORE_UNAVAILABLE when trying again can help, else the error itself. */
export function toReadError(error: unknown): unknown {
  return TRANSIENT.test(codeOf(error)) || isDamaged(error) ? unavailable(error) : error;
}

/**
 * A failed write: the error itself when it is of the batch, else STORE_UNAVAILABLE. In doubt it is not of the batch:
 * waiting loses nothing, while a batch that is taken for bad ends among the dead letters.
 */
export function toWriteError(error: unknown): unknown {
  const code = codeOf(error);
  const ofBatch = error instanceof TypeError || error instanceof RangeError || OF_THE_DATA.test(code);
  return ofBatch ? error : unavailable(error);
}

/** Whatever fails before a batch is looked at is not of the batch. */
export async function whileOpening<Result>(open: () => Promise<Result>): Promise<Result> {
  try {
    return await open();
  } catch (error) {
    throw unavailable(error);
  }
}

/** For an answer to another thread. */
export function failureOf(error: unknown): Failure {
  const known = toReadError(error);
  if (known instanceof GatewayError) return { code: known.code, message: known.message };
  return { code: 'INTERNAL_ERROR', message: error instanceof Error ? error.message : String(error) };
}
