import type { ApiEvents } from '../api/events.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

export function createApiEvents(log: Logger, metrics: Metrics, repetition: Repetition): ApiEvents {
  return {
    answered({ method, route, status, durationMs }) {
      metrics.api.requestDuration.observe(
        { http_request_method: method, http_route: route, http_response_status_code: status },
        durationMs / 1000,
      );
    },
    failed({ method, route, requestId, error }) {
      const { code } = error;
      metrics.api.errors.inc({ code });
      const repeated = repetition(`${method} ${route} ${code}`);
      if (!repeated) return;
      log.error(
        { event: 'api.failed', method, route, requestId, code, quiet: repeated.quiet, err: error.cause ?? error },
        `${method} ${route} failed: ${error.message}`,
      );
    },
  };
}
