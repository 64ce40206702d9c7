import { GatewayError } from '../../src/errors.js';

/** The same, or STORE_UNAVAILABLE when it takes longer. */
export function within<Result>(promise: Promise<Result>, deadlineMs: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), deadlineMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function late(): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', 'The store has not caught up with what was received before');
}
