/** A step of computing costs anew, in a writer's thread. */
import type { TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { RepriceResult, RepriceStep } from '../src/store/telemetry/generations.js';
import type { RepriceTask, RepriceTaskResult } from './messages.js';

/** Rejects with STORE_UNAVAILABLE when the store can't do it now. */
export function createRepriceStep(writer: TaskPool): (step: RepriceStep) => Promise<RepriceResult> {
  return async (step) => {
    const task: RepriceTask = { step };
    const result = await writer.run<RepriceTaskResult>('reprice', task);
    if (result.outcome === 'unavailable') throw new GatewayError('STORE_UNAVAILABLE', result.reason);
    return result;
  };
}
