import type { AccessEvents } from '../access/events.js';
import type { Logger } from './logger.js';

export function createAccessEvents(log: Logger): AccessEvents {
  return {
    firstKeyMade(key) {
      // The one time that a key is written anywhere: a warning, so that LOG_LEVEL=warn doesn't swallow it.
      log.warn({ event: 'access.first_key' }, `First admin key, for every workspace, shown this once: ${key}`);
    },
    saltMade(file) {
      log.info({ event: 'access.salt', file }, `A salt for keys was made: ${file} belongs into the backup`);
    },
    refreshFailed(error) {
      log.warn({ event: 'access.refresh_failed', err: error }, 'Keys could not be read anew: it is tried again');
    },
  };
}
