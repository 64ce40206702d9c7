import { Counter, Histogram, type Registry } from 'prom-client';
import { gaugeOfEach, perSignal, SECONDS } from './families.js';

const BATCH_ITEMS = [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000];
const BATCH_BYTES = Array.from({ length: 9 }, (_, power) => 1024 * 4 ** power);

/** The names of those that there are. */
export interface ExporterNames {
  exporters(): readonly string[];
  /** Whoever has a cursor in the buffer: the store, too. */
  queues(): readonly string[];
}

export function exporterMetrics(registry: Registry, { exporters, queues }: ExporterNames) {
  const registers = [registry];
  const labelNames = ['exporter'] as const;
  const items = (verb: string, meaning: string, names: () => readonly string[]) =>
    perSignal(registry, {
      name: (name) => `otelcol_exporter_${verb}_${name}_total`,
      help: (name) => `${name} ${meaning}`,
      labelNames,
      known: () => names().map((exporter) => ({ exporter })),
    });
  return {
    sent: items('sent', 'delivered; the store counts as exporter "store"', queues),
    sendFailed: items('send_failed', 'that a backend refused for good, as a whole request or within one', exporters),
    enqueueFailed: items(
      'enqueue_failed',
      'that its queue could not keep: its share of the buffer, the buffer or its disk was full',
      queues,
    ),
    dropped: new Counter({
      name: 'promptmetrics_exporter_dropped_items_total',
      help: 'Items that were given up because the exporter lagged by more than its share of the buffer',
      labelNames,
      registers,
    }),
    leftOut: new Counter({
      name: 'promptmetrics_exporter_left_out_items_total',
      help: 'Items that a filter or a sampler of the configuration kept from the exporter',
      labelNames: [...labelNames, 'signal', 'processor'],
      registers,
    }),
    unusable: new Counter({
      name: 'promptmetrics_exporter_unusable_frames_total',
      help: 'Requests in the buffer that could not be read for export',
      labelNames,
      registers,
    }),
    retries: new Counter({
      name: 'promptmetrics_exporter_retries_total',
      help: 'Requests that the backend did not take and that are tried again',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'promptmetrics_exporter_request_duration_seconds',
      help: 'Time of one request that the backend took',
      labelNames,
      buckets: SECONDS,
      registers,
    }),
    batchItems: new Histogram({
      name: 'otelcol_exporter_queue_batch_send_size',
      help: 'Items in a batch',
      labelNames,
      buckets: BATCH_ITEMS,
      registers,
    }),
    batchBytes: new Histogram({
      name: 'otelcol_exporter_queue_batch_send_size_bytes',
      help: 'Bytes in a batch',
      labelNames,
      buckets: BATCH_BYTES,
      registers,
    }),
  };
}

/** Of processors in front of an exporter: in front of two they do their work twice, as in two pipelines of the Collector. */
export function processorMetrics(registry: Registry) {
  const labelNames = ['processor', 'otel_signal', 'exporter'] as const;
  const items = (way: string, help: string) =>
    new Counter({ name: `otelcol_processor_${way}_items_total`, help, labelNames, registers: [registry] });
  return {
    incoming: items('incoming', 'Items that came to a processor'),
    outgoing: items('outgoing', 'Items that a processor let pass'),
  };
}

export interface ObservedExporter {
  inFlight: number;
  /** Open as long as a backend of it takes nothing. */
  circuit: 'closed' | 'open';
}

/** The gateway says from where. */
export function exporterGauges(registry: Registry, source: () => Readonly<Record<string, ObservedExporter>>): void {
  const gauge = (name: string, help: string, read: (exporter: ObservedExporter) => number) =>
    gaugeOfEach(registry, { name, help, label: 'exporter', source, read });
  gauge('otelcol_exporter_in_flight_requests', 'Requests that are under way to the backend', (one) => one.inFlight);
  gauge(
    'promptmetrics_exporter_up',
    '0 as long as one of the places that the exporter sends to takes nothing',
    ({ circuit }) => Number(circuit === 'closed'),
  );
}
