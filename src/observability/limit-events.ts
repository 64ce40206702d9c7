import type { LimitEvents } from '../limits/events.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** Refusals are counted where every answer is: requests by route and status 429. */
export function createLimitEvents(log: Logger, { limits }: Metrics): LimitEvents {
  return {
    sharing() {
      limits.sharing.set(1);
      log.info({ event: 'limits.sharing' }, 'Rate limits are counted in Redis, together with other gateways');
    },
    alone(reason) {
      limits.sharing.set(0);
      limits.outages.inc();
      log.warn({ event: 'limits.alone', reason }, 'Redis is away: rate limits are counted by this process alone');
    },
    forgotten() {
      limits.forgotten.inc();
    },
  };
}
