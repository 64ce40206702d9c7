import { GatewayError } from '../../errors.js';

/** SQLite's names, and Postgres' classes: data exceptions, constraint violations, program limits. */
const OF_THE_DATA = /^(SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|(22|23|54)[0-9A-Z]{3}$)/;

/**
 * Whether this store refused what it was given for what that is: no try will get it in. In doubt it is the store's fault,
 * since waiting loses nothing.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  if (!(error instanceof GatewayError)) return false;
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && OF_THE_DATA.test(code);
}
