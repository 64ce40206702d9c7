import type { ConsumerLag } from '../../component.js';
import { kindOf } from '../error-kind.js';
import type { DeepHealth } from './schema.js';
import type { ExporterHealth, HealthSource } from './source.js';

/** Many probes, one ping: the store is asked once in this time. */
const CACHE_MS = 2000;
const PING_TIMEOUT_MS = 5000;

async function answers(ping: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, PING_TIMEOUT_MS, false);
  });
  const pong = ping().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([pong, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function consumerHealth({ bytes, items, frames, oldestAgeMs }: ConsumerLag) {
  return { bytes, items, frames, oldest_age_ms: oldestAgeMs };
}

function exporterHealth({ circuit, inFlight, maxLagBytes, droppedItems, lastError }: ExporterHealth) {
  return {
    status: circuit === 'open' ? ('failing' as const) : ('ok' as const),
    in_flight_requests: inFlight,
    max_lag_bytes: maxLagBytes,
    dropped_items: droppedItems,
    last_error: lastError ? { message: kindOf(lastError.message), at: Math.floor(lastError.timeUnixMs / 1000) } : null,
  };
}

function exportersHealth(exporters: Readonly<Record<string, ExporterHealth>>) {
  return Object.fromEntries(Object.entries(exporters).map(([name, state]) => [name, exporterHealth(state)]));
}

const verdict = (good: boolean) => (good ? 'ok' : 'error');

async function checkStore(store: NonNullable<HealthSource['store']>) {
  const dbConnected = await answers(() => store.ping());
  const writing = store.writing();
  return {
    healthy: dbConnected && writing,
    checks: { [store.type]: verdict(dbConnected), writer: verdict(writing) },
    told: { dbType: store.type, dbConnected },
  };
}

const NO_STORE = { healthy: true, checks: {}, told: {} };

async function check({ store, buffer, exporters }: HealthSource): Promise<DeepHealth> {
  const { healthy, checks, told } = store ? await checkStore(store) : NO_STORE;
  const { accepting, bytes, maxBytes, consumers } = buffer();
  const states = exporters?.() ?? {};
  return {
    status: healthy && accepting ? 'ok' : 'degraded',
    checks: { ...checks, buffer: verdict(accepting) },
    ...told,
    buffer: {
      bytes,
      max_bytes: maxBytes,
      consumers: Object.fromEntries(Object.entries(consumers).map(([name, lag]) => [name, consumerHealth(lag)])),
    },
    ...(Object.keys(states).length > 0 && { exporters: exportersHealth(states) }),
  };
}

/** Answers from the last check while that is fresh; requests that come during a check share it. */
export function createDeepCheck(source: HealthSource): () => Promise<DeepHealth> {
  let current: Promise<DeepHealth> | undefined;
  let expiresAtMs = 0;
  return () => {
    if (current && performance.now() < expiresAtMs) return current;
    const checking = check(source);
    current = checking;
    expiresAtMs = Number.POSITIVE_INFINITY;
    const settle = () => {
      expiresAtMs = performance.now() + CACHE_MS;
    };
    checking.then(settle, () => {
      current = undefined;
    });
    return checking;
  };
}
