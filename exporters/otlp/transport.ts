import type { Signal, TaskPool } from '../../src/component.js';
import type { Transport } from '../transport.js';
import type { OtlpExporterConfig } from './config.js';
import type { Destination } from './destination.js';
import { createGrpcTransport } from './grpc.js';
import { createHttpTransport } from './http.js';
import { inJson } from './json.js';

export interface TransportOptions {
  connections: number;
  /** Runs what workers/export-encoder.ts does. */
  pool: TaskPool;
  version: string;
  gatewayId?: (() => string) | undefined;
}

/** One for each signal that goes somewhere; over gRPC signals of one destination share it, and so its connection. */
export function createTransports(
  { destinations }: OtlpExporterConfig,
  options: TransportOptions,
): Partial<Record<Signal, Transport>> {
  const made = new Map<string, Transport>();
  const transports: Partial<Record<Signal, Transport>> = {};
  for (const [signal, destination] of Object.entries(destinations)) {
    const key = JSON.stringify(destination);
    const transport = made.get(key) ?? createTransport(destination, options);
    made.set(key, transport);
    transports[signal as Signal] = transport;
  }
  return transports;
}

function createTransport(
  destination: Destination,
  { pool, connections, version, gatewayId }: TransportOptions,
): Transport {
  if (destination.protocol === 'grpc') return createGrpcTransport({ destination, version, gatewayId });
  const transport = createHttpTransport({ destination, connections, version, gatewayId });
  return destination.protocol === 'http/json' ? inJson(transport, pool) : transport;
}
