/** The standard health service: github.com/grpc/grpc, doc/health-checking.md. Two messages of one field each. */
import { varintField } from './status.js';

const SERVING_STATUS = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

type Watcher = (response: Buffer) => void;

export interface Health {
  /** HealthCheckResponse, or undefined for a service that nobody knows. */
  check(service: string): Buffer | undefined;
  /** Tells the state now and at every change. Returns what ends it. */
  watch(service: string, watcher: Watcher): () => void;
  set(serving: boolean): void;
}

/** `services` share one state with each other and with the server as a whole, which is the empty name. */
export function createHealth(services: readonly string[]): Health {
  const known = new Set(['', ...services]);
  const watchers = new Set<Watcher>();
  let serving = true;
  const state = () => varintField(1, serving ? SERVING_STATUS.SERVING : SERVING_STATUS.NOT_SERVING);

  return {
    check: (service) => (known.has(service) ? state() : undefined),

    watch(service, watcher) {
      if (!known.has(service)) {
        watcher(varintField(1, SERVING_STATUS.SERVICE_UNKNOWN));
        return () => {};
      }
      watchers.add(watcher);
      watcher(state());
      return () => watchers.delete(watcher);
    },

    set(value) {
      if (value === serving) return;
      serving = value;
      for (const watcher of watchers) watcher(state());
    },
  };
}

/** HealthCheckRequest.service: field 1, text. What can't be read is no name that anybody knows. */
export function serviceOf(request: Buffer): string {
  if (request.length === 0) return '';
  const length = request[1] ?? 0;
  const wellFormed = request[0] === 0x0a && length < 0x80 && request.length === length + 2;
  return wellFormed ? request.toString('utf8', 2) : '\u0000';
}
