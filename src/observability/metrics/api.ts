import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { SECONDS } from './families.js';

export function apiMetrics(registry: Registry) {
  return {
    errors: new Counter({
      name: 'promptmetrics_api_errors_total',
      help: 'Requests to the API port answered with a 5xx, by error code (STORE_UNAVAILABLE, QUERY_TIMEOUT, …)',
      labelNames: ['code'],
      registers: [registry],
    }),
    requestDuration: new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of requests to the API port, by route',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
      buckets: SECONDS,
      registers: [registry],
    }),
  };
}

export function limitMetrics(registry: Registry) {
  const registers = [registry];
  return {
    sharing: new Gauge({
      name: 'promptmetrics_rate_limit_sharing',
      help: '1 while Redis counts for all gateways, 0 while this process counts for itself (always without REDIS_URL)',
      registers,
    }),
    outages: new Counter({
      name: 'promptmetrics_rate_limit_redis_outages_total',
      help: 'Times Redis could not be asked any more',
      registers,
    }),
    forgotten: new Counter({
      name: 'promptmetrics_rate_limit_forgotten_total',
      help: 'Keys or addresses whose count began anew because too many others called',
      registers,
    }),
  };
}
