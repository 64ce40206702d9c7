import type { ConsumerLag } from '../../component.js';

/** What the gateway tells the API about itself. Everything here is asked when a request asks. */
export interface HealthSource {
  state(): 'starting' | 'serving' | 'draining';
  /** Ports of the OTLP receivers; undefined for one that doesn't listen on TCP. */
  ports(): { otlpHttp: number | undefined; otlpGrpc: number | undefined };
  /** `accepting` is false from the first append that the buffer had to refuse until one that it took. */
  buffer(): { accepting: boolean; bytes: number; maxBytes: number; consumers: Readonly<Record<string, ConsumerLag>> };
  store: {
    type: 'sqlite' | 'postgresql';
    /** Rejects when the engine can't serve now. */
    ping(): Promise<void>;
    /** False while the store takes no batches. */
    writing(): boolean;
  };
}
