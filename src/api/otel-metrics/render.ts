import type { Metric } from '../../model/telemetry.js';
import type { StoredMetricPoint } from '../../store/telemetry/telemetry.js';
import { doubleText, integerText, type SharedText, snakeCaseMembers, unixMillis, unixSeconds } from '../json-text.js';
import { TEMPORALITIES } from './schema.js';

function renderMetricMembers(metric: Metric): string {
  return (
    `"name":${JSON.stringify(metric.name)},"description":${JSON.stringify(metric.description)},` +
    `"unit":${JSON.stringify(metric.unit)},"type":"${metric.type}",` +
    `"temporality":"${TEMPORALITIES[metric.temporality] ?? 'unspecified'}","monotonic":${metric.monotonic},` +
    `"metadata":${metric.metadata}`
  );
}

function renderValue({ intValue, doubleValue }: StoredMetricPoint): string {
  if (intValue !== undefined) return `"value_type":"int","value":${integerText(intValue)}`;
  if (doubleValue !== undefined) return `"value_type":"double","value":${doubleText(doubleValue)}`;
  return '"value_type":null,"value":null';
}

export function renderMetricPoint(point: StoredMetricPoint, shared: SharedText): string {
  const { distribution } = point;
  return (
    `{${renderMetricMembers(point.metric)},"time":${unixMillis(point.timeUnixNano)},` +
    `"time_unix_nano":"${point.timeUnixNano}","start_time_unix_nano":"${point.startTimeUnixNano}",` +
    `"flags":${point.flags},"attributes":${point.attributes},${renderValue(point)},` +
    `"distribution":${distribution === undefined ? 'null' : snakeCaseMembers(distribution)},` +
    `"exemplars":${snakeCaseMembers(point.exemplars)},` +
    `${shared.resource(point.resource)},${shared.scope(point.scope)},` +
    `"created_at":${unixSeconds(point.receivedTimeUnixMs)}}`
  );
}
