/**
 * Every metric of the process, in one Prometheus registry of its own. What the OpenTelemetry Collector measures as well
 * carries the Collector's name (docs: opentelemetry.io/docs/collector/internal-telemetry), so that its dashboards and
 * alerts work here; the rest starts with `promptmetrics_`. Counters end in `_total`, as Prometheus has it.
 */
import { Registry } from 'prom-client';
import { apiMetrics, limitMetrics } from './metrics/api.js';
import { type BufferGauges, bufferGauges, bufferMetrics, refusingQueues } from './metrics/buffer.js';
import { exporterGauges, exporterMetrics, type ObservedExporter, processorMetrics } from './metrics/exporter.js';
import { configReloadMetrics, processMetrics } from './metrics/process.js';
import { promptMetrics } from './metrics/prompts.js';
import { receiverMetrics } from './metrics/receiver.js';
import { auditMetrics, deadLetterMetrics, storeMetrics } from './metrics/store.js';
import { type ObservedSampler, tailSamplingGauges, tailSamplingMetrics } from './metrics/tail-sampling.js';
import type { CountedMetric } from './self-telemetry/bridge.js';

export function createMetrics({ version }: { version: string }) {
  const registry = new Registry();
  let bufferSource: () => BufferGauges | undefined = () => undefined;
  let exporterSource: () => Readonly<Record<string, ObservedExporter>> = () => ({});
  let samplerSource: () => Readonly<Record<string, ObservedSampler>> = () => ({});
  processMetrics(registry, version);
  bufferGauges(registry, () => bufferSource());
  exporterGauges(registry, () => exporterSource());
  tailSamplingGauges(registry, () => samplerSource());
  return {
    receiver: receiverMetrics(registry),
    buffer: bufferMetrics(registry),
    exporter: exporterMetrics(registry, {
      exporters: () => Object.keys(exporterSource()),
      queues: () => Object.keys(bufferSource()?.consumers ?? {}),
    }),
    processor: processorMetrics(registry),
    tailSampling: tailSamplingMetrics(registry),
    store: storeMetrics(registry),
    audit: auditMetrics(registry),
    deadLetters: deadLetterMetrics(registry),
    api: apiMetrics(registry),
    limits: limitMetrics(registry),
    prompts: promptMetrics(registry),
    configReload: configReloadMetrics(registry),
    /** Where the buffer's gauges are read from; nothing is shown for them before. */
    observeBuffer(source: () => BufferGauges): void {
      bufferSource = source;
    },
    /** Names of exporters, the store among them, whose queues are without what was refused with that code. */
    refusingQueues: (code: string | undefined) => refusingQueues(code, bufferSource()),
    /** Where the state of each exporter is read from. */
    observeExporters(source: () => Readonly<Record<string, ObservedExporter>>): void {
      exporterSource = source;
    },
    /** Where it is read from what each tail sampler has in memory. */
    observeTailSamplers(source: () => Readonly<Record<string, ObservedSampler>>): void {
      samplerSource = source;
    },
    /** Every metric, for who sends them by another way. */
    read: async (): Promise<CountedMetric[]> => (await registry.getMetricsAsJSON()) as unknown as CountedMetric[],
    contentType: registry.contentType,
    /** Prometheus text. */
    render: (): Promise<string> => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
