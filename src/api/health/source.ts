import type { ConsumerLag } from '../../component.js';

/** An exporter's lag is among the consumers of the buffer. */
export interface ExporterHealth {
  circuit: 'closed' | 'open';
  inFlight: number;
  maxLagBytes: number;
  droppedItems: number;
  lastError: { message: string; timeUnixMs: number } | undefined;
}

/** What the gateway tells the API about itself. Everything here is asked when a request asks. */
export interface HealthSource {
  state(): 'starting' | 'serving' | 'draining';
  /** Ports of the OTLP receivers; undefined for one that doesn't listen on TCP. */
  ports(): { otlpHttp: number | undefined; otlpGrpc: number | undefined };
  /** `accepting` is false from the first append that the buffer had to refuse until one that it took. */
  buffer(): { accepting: boolean; bytes: number; maxBytes: number; consumers: Readonly<Record<string, ConsumerLag>> };
  /** By name, those that there are now. */
  exporters?(): Readonly<Record<string, ExporterHealth>>;
  /** Absent where nothing is stored. */
  store?: {
    type: 'sqlite' | 'postgresql';
    /** Rejects when the engine can't serve now. */
    ping(): Promise<void>;
    /** False while the store takes no batches. */
    writing(): boolean;
  };
}
