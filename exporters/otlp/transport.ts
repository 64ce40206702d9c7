import type { Signal } from '../../src/component.js';
import type { Transport } from '../transport.js';
import type { OtlpExporterConfig } from './config.js';
import { createGrpcTransport } from './grpc.js';
import { createHttpTransport } from './http.js';

export interface TransportOptions {
  connections: number;
  version: string;
  gatewayId?: (() => string) | undefined;
}

/** One for each signal that goes somewhere; over gRPC signals of one destination share it, and so its connection. */
export function createTransports(
  { destinations }: OtlpExporterConfig,
  { connections, version, gatewayId }: TransportOptions,
): Partial<Record<Signal, Transport>> {
  const made = new Map<string, Transport>();
  const transports: Partial<Record<Signal, Transport>> = {};
  for (const [signal, destination] of Object.entries(destinations)) {
    const key = JSON.stringify(destination);
    const transport =
      made.get(key) ??
      (destination.protocol === 'grpc'
        ? createGrpcTransport({ destination, version, gatewayId })
        : createHttpTransport({ destination, connections, version, gatewayId }));
    made.set(key, transport);
    transports[signal as Signal] = transport;
  }
  return transports;
}
