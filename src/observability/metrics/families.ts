/** What the metrics of several stages are made of. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Signal } from '../../component.js';

/** How the Collector names the items of a signal. */
export const ITEMS: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  logs: 'log_records',
  metrics: 'metric_points',
};

/** Buckets for durations. */
export const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type PerSignal<Labels extends string> = Readonly<Record<Signal, Counter<Labels>>>;

interface ItemCounters<Labels extends string> {
  name(items: string): string;
  help(items: string): string;
  labelNames: readonly Labels[];
  /** What is shown with 0 before anything was counted: an alert on an increase sees no first one otherwise. */
  known?(): readonly Readonly<Record<Labels, string>>[];
}

export function perSignal<const Labels extends string>(
  registry: Registry,
  { name, help, labelNames, known = () => [] }: ItemCounters<Labels>,
): PerSignal<Labels> {
  const counter = (items: string) =>
    new Counter({
      name: name(items),
      help: help(items.replace('_', ' ')),
      labelNames,
      registers: [registry],
      collect() {
        for (const labels of known()) this.inc(labels, 0);
      },
    });
  return { traces: counter(ITEMS.traces), logs: counter(ITEMS.logs), metrics: counter(ITEMS.metrics) };
}

interface ObservedGauge<Observed> {
  name: string;
  help: string;
  /** What each is known by. */
  label: string;
  source(): Readonly<Record<string, Observed>>;
  read(observed: Observed): number;
}

/** A sample for each that there is when Prometheus asks. */
export function gaugeOfEach<Observed>(registry: Registry, options: ObservedGauge<Observed>): void {
  const { name, help, label, source, read } = options;
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [one, observed] of Object.entries(source())) this.set({ [label]: one }, read(observed));
    },
  });
}
