import type { SqliteTelemetryEvents } from '../store/telemetry/sqlite/store.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

export function createStoreEvents(log: Logger, metrics: Metrics): SqliteTelemetryEvents {
  return {
    blockUnreadable({ path, reason }) {
      metrics.store.unreadableBlocks.inc();
      log.error({ event: 'store.block_unreadable', path }, `A block can't be read and is left out: ${reason}`);
    },
  };
}
