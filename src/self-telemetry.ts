/** What the gateway's own telemetry is made with, in either mode. */
import { GATEWAY_HEADER, userAgent } from '../exporters/otlp/destination.js';
import { refuseOwnDoors } from '../exporters/own-address.js';
import type { Config } from './config.js';
import type { Observability } from './observability/observability.js';
import type { SelfTelemetryOptions } from './observability/self-telemetry/component.js';
import { VERSION } from './version.js';

export interface SelfTelemetrySources {
  config: Config;
  buffer: { readonly id: string };
  observability: Observability;
}

/** Sent to this gateway itself, each batch of spans would make another one: refused by address, and else by its header. */
export function selfTelemetryOptions({ config, buffer, observability }: SelfTelemetrySources): SelfTelemetryOptions {
  const { host, httpPort, grpcPort } = config.receivers;
  const doors = [httpPort, grpcPort, config.api.port].map((port) => ({ host, port }));
  return {
    config: config.selfTelemetry,
    version: VERSION,
    instanceId: () => buffer.id,
    headers: () => ({ [GATEWAY_HEADER]: buffer.id, 'user-agent': userAgent(VERSION) }),
    refuseOwn: (endpoint) => refuseOwnDoors('self_telemetry', endpoint, doors),
    read: observability.metrics.read,
    failed: observability.selfTelemetryFailed,
  };
}
