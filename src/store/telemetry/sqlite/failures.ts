/** What an error of SQLite means for whoever called. */
import { GatewayError } from '../../../errors.js';

/** Codes of the environment, not of the data: the same call may succeed later. */
const TRANSIENT = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|NOMEM|READONLY|PROTOCOL|PERM|AUTH|INTERRUPT)/;
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|FORMAT)/;

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

export function isDamaged(error: unknown): boolean {
  return DAMAGED.test(codeOf(error));
}

export function isStorageFailure(error: unknown): boolean {
  const code = codeOf(error);
  return (
    TRANSIENT.test(code) || DAMAGED.test(code) || /^(ENOSPC|EDQUOT|EIO|EMFILE|ENFILE|EROFS|EACCES|ENOENT)$/.test(code)
  );
}

/** STORE_UNAVAILABLE when trying again can help, else the error itself. */
export function toStoreError(error: unknown): unknown {
  if (error instanceof GatewayError || !isStorageFailure(error)) return error;
  const { message } = error as Error;
  return new GatewayError('STORE_UNAVAILABLE', `SQLite: ${message} (${codeOf(error)})`, { cause: error });
}
