/** What the component asks of the SDK that it loads. */
import type { RequestTracing } from '../../api/tracing.js';
import type { CountedMetric } from './bridge.js';
import type { SelfTelemetryConfig } from './config.js';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SelfTelemetrySdkOptions {
  config: SelfTelemetryConfig & { endpoint: URL };
  version: string;
  instanceId: string;
  /** Go with every request, beside those of the settings. */
  headers: Readonly<Record<string, string>>;
  read(): Promise<readonly CountedMetric[]>;
  /** Something could not be sent, and is not sent again. */
  failed(error: unknown): void;
}

export interface SelfTelemetrySdk extends RequestTracing {
  /** A span around `run`, within that of the request that it belongs to; without one, there is none. */
  child<Result>(name: string, attributes: SpanAttributes, run: () => Result): Result;
  /** A span, and a trace, of what has just ended. */
  completed(name: string, attributes: SpanAttributes, durationMs: number): void;
  /** Sends what is left. */
  shutdown(): Promise<void>;
}
