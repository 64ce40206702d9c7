/**
 * What this process tells of itself by OTLP: spans of requests to its API, of resolving prompts and of storing batches, and
 * what /metrics shows. Never of receiving or of exporting: those are counted. Off, it costs nothing, not even the import.
 */
import type { DrainEvents } from '../../../workers/drain.js';
import type { RequestTracing } from '../../api/tracing.js';
import type { Component } from '../../component.js';
import type { SelfTelemetryConfig } from './config.js';
import type { SelfTelemetrySdk, SelfTelemetrySdkOptions, SpanAttributes } from './contract.js';

export interface SelfTelemetryOptions extends Omit<SelfTelemetrySdkOptions, 'config' | 'instanceId' | 'headers'> {
  config: SelfTelemetryConfig;
  /** Known when it is started. */
  instanceId: () => string;
  headers: () => Readonly<Record<string, string>>;
  /** Rejects with CONFIG_INVALID for an address of this gateway's own. */
  refuseOwn(endpoint: URL): Promise<void>;
}

export interface SelfTelemetry extends Component, RequestTracing, Pick<SelfTelemetrySdk, 'child'> {
  /** The drain's events, with a span for each batch that is stored. */
  ofDrain(events: DrainEvents): DrainEvents;
}

/** undefined where the gateway is not asked to tell of itself. */
export function createSelfTelemetry(options: SelfTelemetryOptions): SelfTelemetry | undefined {
  const { config } = options;
  const { endpoint } = config;
  return endpoint && new LazySelfTelemetry({ ...options, config: { ...config, endpoint } });
}

class LazySelfTelemetry implements SelfTelemetry {
  readonly name = 'self telemetry';
  #sdk: SelfTelemetrySdk | undefined;
  #stopped = false;

  constructor(private readonly options: SelfTelemetryOptions & Pick<SelfTelemetrySdkOptions, 'config'>) {}

  async start(): Promise<void> {
    const { options } = this;
    await options.refuseOwn(options.config.endpoint);
    const { startSdk } = await import('./sdk.js');
    if (this.#stopped) return;
    this.#sdk = startSdk({ ...options, instanceId: options.instanceId(), headers: options.headers() });
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#stopped = true;
    const sdk = this.#sdk;
    this.#sdk = undefined;
    if (sdk === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([sdk.shutdown(), deadline]);
    clearTimeout(timer);
  }

  begin(request: Parameters<RequestTracing['begin']>[0]) {
    return this.#sdk?.begin(request);
  }

  child<Result>(name: string, attributes: SpanAttributes, run: () => Result): Result {
    return this.#sdk ? this.#sdk.child(name, attributes, run) : run();
  }

  ofDrain(events: DrainEvents): DrainEvents {
    return {
      ...events,
      stored: (batch) => {
        events.stored(batch);
        const { range, result } = batch;
        const { decodeMs, mapMs, writeMs } = result;
        const attributes = {
          'batch.requests': range.frames,
          'batch.items': range.items,
          'batch.bytes': range.length,
          'batch.spans': result.spans,
          'batch.log_records': result.logRecords,
          'batch.metric_points': result.metricPoints,
          'batch.decode_ms': decodeMs,
          'batch.map_ms': mapMs,
          'batch.write_ms': writeMs,
        };
        this.#sdk?.completed('store batch', attributes, decodeMs + mapMs + writeMs);
      },
    };
  }
}
