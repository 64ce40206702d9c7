/** What /metrics shows, as the SDK's metrics: one set of counters, two ways out. */
import { type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';

/** As prom-client tells of a metric. */
export interface CountedMetric {
  name: string;
  help: string;
  type: string;
  values: readonly {
    value: number;
    labels: Readonly<Record<string, string | number | undefined>>;
    metricName?: string | undefined;
  }[];
}

interface Histogram {
  buckets: { boundaries: number[]; counts: number[] };
  sum: number;
  count: number;
}

export interface BridgeOptions {
  read(): Promise<readonly CountedMetric[]>;
  resource: Resource;
  scope: { name: string; version: string };
}

function hrTime(unixMs: number): HrTime {
  return [Math.floor(unixMs / 1000), Math.floor((unixMs % 1000) * 1e6)];
}

/** OTLP names carry no suffix of Prometheus: `otelcol_receiver_accepted_spans`, as the Collector sends it. */
function descriptorOf({ name, help }: CountedMetric): MetricData['descriptor'] {
  const unit = /_seconds(_total)?$/.test(name) ? 's' : /_bytes(_total)?$/.test(name) ? 'By' : '';
  return { name: name.replace(/_total$/, ''), description: help, unit, valueType: ValueType.DOUBLE };
}

export function createBridge({ read, resource, scope }: BridgeOptions): MetricProducer {
  const startTime = hrTime(Date.now() - process.uptime() * 1000);
  return {
    async collect(): Promise<CollectionResult> {
      const times = { startTime, endTime: hrTime(Date.now()) };
      const metrics = (await read()).flatMap((metric) => convert(metric, times) ?? []);
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

type Times = Pick<DataPoint<number>, 'startTime' | 'endTime'>;

/** undefined for what OTLP has no kind of, and for what has no values yet. */
function convert(metric: CountedMetric, times: Times): MetricData | undefined {
  const base = { descriptor: descriptorOf(metric), aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const numbers = () =>
    metric.values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ labels, value }) => ({ ...times, attributes: labels, value }));
  if (metric.values.length === 0) return undefined;
  switch (metric.type) {
    case 'counter':
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: numbers() };
    case 'gauge':
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: numbers() };
    case 'histogram':
      return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramsOf(metric, times) };
    default:
      return undefined;
  }
}

/** Prometheus counts a bucket's items in all wider ones as well, and tells them, sum and count as values of one list. */
function histogramsOf({ values }: CountedMetric, times: Times): DataPoint<Histogram>[] {
  const points = new Map<string, { attributes: DataPoint<Histogram>['attributes']; value: Histogram }>();
  for (const { labels: all, value, metricName = '' } of values) {
    const { le, ...attributes } = all;
    const key = JSON.stringify(Object.entries(attributes).toSorted());
    const fresh = { attributes, value: { buckets: { boundaries: [], counts: [] }, sum: 0, count: 0 } };
    const point = points.get(key) ?? fresh;
    points.set(key, point);
    if (metricName.endsWith('_sum')) point.value.sum = value;
    else if (metricName.endsWith('_count')) point.value.count = value;
    else addBucket(point.value, Number(le === '+Inf' ? Number.POSITIVE_INFINITY : le), value);
  }
  return [...points.values()].map((point) => ({ ...times, ...point }));
}

function addBucket({ buckets: { boundaries, counts } }: Histogram, bound: number, upTo: number): void {
  const below = counts.reduce((sum, count) => sum + count, 0);
  counts.push(upTo - below);
  if (Number.isFinite(bound)) boundaries.push(bound);
}
