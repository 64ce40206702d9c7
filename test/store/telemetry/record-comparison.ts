import type { DecodedFrame, LogRecord, MetricPoint, Span } from '../../../src/model/telemetry.js';

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Bytes as hex and without the opaque keys, so that two records are equal when all that OTLP carries is equal. */
export function comparable(record: object): unknown {
  const entries = Object.entries(record).filter(([name]) => name !== 'key');
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (value instanceof Uint8Array) return [name, hex(value)];
      return [name, typeof value === 'object' && value !== null ? comparable(value) : value];
    }),
  );
}

export function received(record: Span | LogRecord | MetricPoint, frame: DecodedFrame): unknown {
  return comparable({ ...record, receivedTimeUnixMs: frame.receivedTimeUnixMs });
}

export function byTime(a: unknown, b: unknown): number {
  const time = (record: unknown) => (record as { timeUnixNano: bigint }).timeUnixNano;
  return Number(time(b) - time(a));
}
