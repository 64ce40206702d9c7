import { Counter, type Registry } from 'prom-client';
import { gaugeOfEach } from './families.js';

/** What a tail sampler has in memory. */
export interface ObservedSampler {
  waiting: number;
  remembered: number;
}

export function tailSamplingMetrics(registry: Registry) {
  const registers = [registry];
  const counter = <const Labels extends string>(name: string, help: string, labels: readonly Labels[]) =>
    new Counter({ name, help, labelNames: ['processor', ...labels] as const, registers });
  const own = (name: string) => `otelcol_processor_tail_sampling_${name}_total`;
  return {
    newTraces: counter(own('new_trace_id_received'), 'Traces that came for the first time', []),
    decided: counter(own('global_count_traces_sampled'), 'Traces that were decided on', ['sampled']),
    keptBy: counter(own('count_traces_sampled'), 'Traces that a policy keeps; each counts for every one that does', [
      'policy',
    ]),
    late: counter(
      own('early_releases_from_cache_decision'),
      'Spans and log records that came when their trace was decided; after a restart some count again',
      ['sampled'],
    ),
    early: counter(
      'promptmetrics_tail_sampling_decided_early_traces_total',
      'Traces that were decided on before their time, because too much waited',
      [],
    ),
    unreadable: counter(
      'promptmetrics_tail_sampling_unreadable_frames_total',
      'Requests that told no policy anything: they could not be read, or no thread survived it; after a restart some count again',
      [],
    ),
    unknown: counter(
      'promptmetrics_tail_sampling_unknown_items_total',
      'Spans and log records that were kept because nothing is known of their trace any more',
      ['exporter'],
    ),
  };
}

/** The gateway says from where. */
export function tailSamplingGauges(registry: Registry, source: () => Readonly<Record<string, ObservedSampler>>): void {
  const gauge = (name: string, help: string, read: (sampler: ObservedSampler) => number) =>
    gaugeOfEach(registry, { name, help, label: 'processor', source, read });
  const waiting = 'otelcol_processor_tail_sampling_sampling_traces_on_memory';
  gauge(waiting, 'Traces that wait for their verdict', (sampler) => sampler.waiting);
  const remembered = 'promptmetrics_tail_sampling_remembered_verdicts';
  gauge(remembered, 'Verdicts in memory, for what comes late', (sampler) => sampler.remembered);
}
