import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ConsumerLag } from '../../component.js';
import { gaugeOfEach, SECONDS } from './families.js';

/** What the buffer's gauges show. */
export interface BufferGauges {
  bytes: number;
  maxBytes: number;
  consumers: Readonly<Record<string, ConsumerLag>>;
  /** Of consumers that may hold less than the whole buffer, how much. */
  capacities?: Readonly<Record<string, number>>;
}

/**
 * Whose queues are without what the buffer refused: of a full one those that may lose nothing, and so hold it; of a full or
 * failed disk all. Who sent it was told to try again.
 */
export function refusingQueues(code: string | undefined, buffer: BufferGauges | undefined): string[] {
  const names = Object.keys(buffer?.consumers ?? {});
  if (code === 'BUFFER_FULL') return names.filter((name) => buffer!.capacities?.[name] === undefined);
  return code === 'DISK_FULL' || code === 'DISK_FAILED' ? names : [];
}

interface ObservedConsumer extends ConsumerLag {
  maxBytes: number;
}

function consumersOf(buffer: BufferGauges | undefined): Record<string, ObservedConsumer> {
  const consumers = Object.entries(buffer?.consumers ?? {});
  const maxBytesOf = (name: string) => buffer!.capacities?.[name] ?? buffer!.maxBytes;
  return Object.fromEntries(consumers.map(([name, lag]) => [name, { ...lag, maxBytes: maxBytesOf(name) }]));
}

/** The gateway says from where; nothing is shown of it before. */
export function bufferGauges(registry: Registry, source: () => BufferGauges | undefined): void {
  ownGauges(registry, source);
  lagGauges(registry, () => consumersOf(source()));
}

function ownGauges(registry: Registry, source: () => BufferGauges | undefined): void {
  const gauge = (name: string, help: string, read: (buffer: BufferGauges) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const buffer = source();
        if (buffer) this.set(read(buffer));
      },
    });
  gauge('promptmetrics_buffer_bytes', 'Bytes of the durable buffer in use', ({ bytes }) => bytes);
  gauge('promptmetrics_buffer_limit_bytes', 'Bytes the durable buffer may use', ({ maxBytes }) => maxBytes);
}

function lagGauges(registry: Registry, source: () => Readonly<Record<string, ObservedConsumer>>): void {
  const gauge = (name: string, help: string, label: string, read: (consumer: ObservedConsumer) => number) =>
    gaugeOfEach(registry, { name, help, label, source, read });
  const lag = (unit: string, help: string, read: (consumer: ObservedConsumer) => number) =>
    gauge(`promptmetrics_buffer_consumer_lag_${unit}`, help, 'consumer', read);
  lag('bytes', 'Bytes this consumer has not released yet', ({ bytes }) => bytes);
  lag('items', 'Items this consumer has not released yet', ({ items }) => items);
  lag('frames', 'Requests this consumer has not released yet', ({ frames }) => frames);
  lag('seconds', 'Age of the oldest', ({ oldestAgeMs }) => oldestAgeMs / 1000);
  // The Collector's pair for "scale out at 60 to 70 %"; both in bytes here, as its queue's `sizer: bytes` has them.
  gauge('otelcol_exporter_queue_size', 'Bytes that wait for this consumer', 'exporter', ({ bytes }) => bytes);
  gauge('otelcol_exporter_queue_capacity', 'Bytes that may wait', 'exporter', ({ maxBytes }) => maxBytes);
}

export function bufferMetrics(registry: Registry) {
  const registers = [registry];
  return {
    commitDuration: new Histogram({
      name: 'promptmetrics_buffer_commit_duration_seconds',
      help: 'Time of one group commit: write and sync',
      buckets: SECONDS,
      registers,
    }),
    commitFrames: new Histogram({
      name: 'promptmetrics_buffer_commit_frames',
      help: 'Requests that shared one group commit',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    }),
    commitBytes: new Counter({
      name: 'promptmetrics_buffer_committed_bytes_total',
      help: 'Bytes that were made durable',
      registers,
    }),
    accepting: new Gauge({
      name: 'promptmetrics_buffer_accepting',
      help: '1 while the buffer takes requests, 0 while it is full or its disk is full or has failed',
      registers,
    }),
    stateChanges: new Counter({
      name: 'promptmetrics_buffer_state_changes_total',
      help: 'Times the buffer came into a state: open, full, disk-full, failed',
      labelNames: ['state'],
      registers,
    }),
    cursorFailures: new Counter({
      name: 'promptmetrics_buffer_cursor_failures_total',
      help: 'Times the cursors of the consumers could not be kept on disk',
      registers,
    }),
    damagedPlaces: new Counter({
      name: 'promptmetrics_buffer_damaged_places_total',
      help: 'Places in the buffer that held no whole frame, though one was written there, found at start',
      registers,
    }),
    damagedFrames: new Counter({
      name: 'promptmetrics_buffer_damaged_frames_total',
      help: 'Frames that are missing there, as far as their neighbours tell (of the first thousand places)',
      registers,
    }),
    truncatedBytes: new Counter({
      name: 'promptmetrics_buffer_truncated_bytes_total',
      help: 'Bytes of a torn, never acknowledged tail that the start cut off',
      registers,
    }),
  };
}
