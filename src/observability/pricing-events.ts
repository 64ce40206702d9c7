import type { PricingEvents } from '../pricing/events.js';
import type { Logger } from './logger.js';
import type { Repetition } from './repetition.js';

export function createPricingEvents(log: Logger, repetition: Repetition): PricingEvents {
  return {
    refreshFailed(error) {
      log.warn(
        { event: 'pricing.refresh_failed', err: error },
        'Prices could not be read: those that are known are used',
      );
    },
    repricingBegun(id, workspace) {
      log.info({ event: 'pricing.repricing_begun', id, workspace }, 'Costs are computed anew');
    },
    repricingEnded(id, { status, examined, changed, error }) {
      const told = { event: 'pricing.repricing_ended', id, status, examined, changed };
      if (status === 'done') log.info(told, 'Costs were computed anew');
      else log.error({ ...told, err: error }, 'Costs could not be computed anew');
    },
    repricingDelayed(error) {
      const due = repetition('repricing');
      if (!due) return;
      log.warn({ event: 'pricing.repricing_delayed', quiet: due.quiet, err: error }, 'Pricing anew is tried again');
    },
  };
}
