/**
 * The plain way from a request to records, as the reference for the fast one: protobufjs decodes, and this maps.
 * The reader is protobufjs's but for the two documented differences: strings need not be UTF-8, and varints have at
 * most 10 bytes in unknown fields too.
 */
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import { opentelemetry } from '../../proto/generated/otlp.js';
import type { Signal } from '../../src/component.js';
import { TAGS } from '../../src/model/json-value.js';
import type { LogRecord, Metric, MetricPoint, MetricType, Resource, Scope, Span } from '../../src/model/telemetry.js';
import type { DecodedRequest } from '../../src/otlp/decode.js';

const { collector } = opentelemetry.proto;

interface Codec {
  encode(message: never): protobuf.Writer;
  decode(reader: protobuf.Reader): unknown;
  fromObject(object: object): unknown;
}

const CODECS: Record<Signal, Codec> = {
  traces: collector.trace.v1.ExportTraceServiceRequest,
  logs: collector.logs.v1.ExportLogsServiceRequest,
  metrics: collector.metrics.v1.ExportMetricsServiceRequest,
};

class LenientReader extends protobuf.BufferReader {
  override stringVerify(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }

  override skip(length?: number): this {
    const start = this.pos;
    super.skip(length as number);
    if (length === undefined && this.pos - start > 10) throw new Error('a varint of more than 10 bytes');
    return this;
  }
}

export function encodeReference(signal: Signal, object: object): Buffer {
  return Buffer.from(CODECS[signal].encode(CODECS[signal].fromObject(object) as never).finish());
}

/** Throws what protobufjs throws. Messages have the fields of the definitions; 64-bit integers are Longs. */
export function decodeReference(signal: Signal, body: Buffer): Loose {
  return CODECS[signal].decode(new LenientReader(body)) as Loose;
}

// biome-ignore lint/suspicious/noExplicitAny: the messages are walked by name, like the JSON that they mirror
export type Loose = any;

const big = (value: Loose): bigint => BigInt(String(value));

// ---- values as text ----

export function valueText(value: Loose): string {
  switch (value?.value) {
    case 'stringValue':
      return JSON.stringify(value.stringValue);
    case 'boolValue':
      return String(value.boolValue);
    case 'intValue':
      return intText(big(value.intValue));
    case 'doubleValue':
      return doubleText(value.doubleValue);
    case 'bytesValue':
      return `{"$bytes":"${Buffer.from(value.bytesValue).toString('base64')}"}`;
    case 'arrayValue':
      return `[${value.arrayValue.values.map(valueText).join(',')}]`;
    case 'kvlistValue':
      return kvlistText(value.kvlistValue.values);
    default:
      return 'null';
  }
}

function intText(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `{"$int":"${value}"}`;
}

function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `{"$double":"${value}"}`;
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function kvlistText(values: Loose[]): string {
  const keys = new Set(values.map(({ key }) => key));
  const text = attributesText(values);
  return keys.size === 1 && TAGS.some((tag) => keys.has(tag)) ? `{"$map":${text}}` : text;
}

export function attributesText(values: Loose[]): string {
  const last = new Map<string, string>();
  for (const { key, value } of values) {
    last.delete(key);
    last.set(key, valueText(value));
  }
  return `{${[...last].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
}

function hash(...contents: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(contents)).digest('base64url');
}

// ---- records ----

function resourceOf(message: Loose, schemaUrl: string): Resource {
  const attributes = attributesText(message?.attributes ?? []);
  const droppedAttributesCount = message?.droppedAttributesCount ?? 0;
  const entityRefs = JSON.stringify(
    (message?.entityRefs ?? []).map(({ schemaUrl, type, idKeys, descriptionKeys }: Loose) => ({
      schemaUrl,
      type,
      idKeys,
      descriptionKeys,
    })),
  );
  const name = JSON.parse(attributes)['service.name'];
  return {
    key: hash(attributes, droppedAttributesCount, schemaUrl, entityRefs),
    attributes,
    droppedAttributesCount,
    schemaUrl,
    entityRefs,
    serviceName: typeof name === 'string' ? name : '',
  };
}

function scopeOf(message: Loose, schemaUrl: string): Scope {
  const { name = '', version = '', droppedAttributesCount = 0 } = message ?? {};
  const attributes = attributesText(message?.attributes ?? []);
  const key = hash(name, version, attributes, droppedAttributesCount, schemaUrl);
  return { key, name, version, attributes, droppedAttributesCount, schemaUrl };
}

function usable(id: Uint8Array, size: number): Uint8Array | undefined {
  return id.length === size && id.some((byte) => byte !== 0) ? Uint8Array.from(id) : undefined;
}

function hexOf(id: Uint8Array, size: number): string {
  return Buffer.from(usable(id, size) ?? []).toString('hex');
}

export function isSpanUsable(span: Loose): boolean {
  const isParentUsable = span.parentSpanId.length === 0 || span.parentSpanId.length === 8;
  return usable(span.traceId, 16) !== undefined && usable(span.spanId, 8) !== undefined && isParentUsable;
}

function spanOf(span: Loose, resource: Resource, scope: Scope): Span {
  return {
    traceId: usable(span.traceId, 16)!,
    spanId: usable(span.spanId, 8)!,
    parentSpanId: usable(span.parentSpanId, 8),
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: big(span.startTimeUnixNano),
    endTimeUnixNano: big(span.endTimeUnixNano),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? '',
    attributes: attributesText(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: `[${span.events.map(eventText).join(',')}]`,
    droppedEventsCount: span.droppedEventsCount,
    links: `[${span.links.map(linkText).join(',')}]`,
    droppedLinksCount: span.droppedLinksCount,
    resource,
    scope,
  };
}

function eventText(event: Loose): string {
  const { timeUnixNano, name, attributes, droppedAttributesCount } = event;
  return `{"timeUnixNano":"${timeUnixNano}","name":${JSON.stringify(name)},"attributes":${attributesText(attributes)},"droppedAttributesCount":${droppedAttributesCount}}`;
}

function linkText(link: Loose): string {
  const ids = `"traceId":"${hexOf(link.traceId, 16)}","spanId":"${hexOf(link.spanId, 8)}"`;
  const rest = `"droppedAttributesCount":${link.droppedAttributesCount},"flags":${link.flags}`;
  return `{${ids},"traceState":${JSON.stringify(link.traceState)},"attributes":${attributesText(link.attributes)},${rest}}`;
}

function logOf(record: Loose, resource: Resource, scope: Scope): LogRecord {
  return {
    timeUnixNano: big(record.timeUnixNano),
    observedTimeUnixNano: big(record.observedTimeUnixNano),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    eventName: record.eventName,
    body: valueText(record.body),
    attributes: attributesText(record.attributes),
    droppedAttributesCount: record.droppedAttributesCount,
    flags: record.flags,
    traceId: usable(record.traceId, 16),
    spanId: usable(record.spanId, 8),
    resource,
    scope,
  };
}

const METRIC_TYPES: Record<string, MetricType> = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exponential_histogram',
  summary: 'summary',
};

function pointsOf(message: Loose, resource: Resource, scope: Scope): MetricPoint[] {
  const data = message[message.data];
  if (!data) return [];
  const { name, description, unit } = message;
  const type = METRIC_TYPES[message.data]!;
  const temporality = data.aggregationTemporality ?? 0;
  const monotonic = data.isMonotonic ?? false;
  const metadata = attributesText(message.metadata);
  const key = hash(name, description, unit, type, temporality, monotonic, metadata);
  const metric: Metric = { key, name, description, unit, type, temporality, monotonic, metadata };
  return data.dataPoints.map((point: Loose) => pointOf(point, metric, resource, scope));
}

function pointOf(point: Loose, metric: Metric, resource: Resource, scope: Scope): MetricPoint {
  return {
    metric,
    timeUnixNano: big(point.timeUnixNano),
    startTimeUnixNano: big(point.startTimeUnixNano),
    flags: point.flags,
    attributes: attributesText(point.attributes),
    intValue: point.value === 'asInt' ? big(point.asInt) : undefined,
    doubleValue: point.value === 'asDouble' ? point.asDouble : undefined,
    distribution: DISTRIBUTIONS[metric.type](point),
    exemplars: `[${(point.exemplars ?? []).map(exemplarText).join(',')}]`,
    resource,
    scope,
  };
}

/** protobufjs leaves optional fields that are not set at null. */
const optional = (name: string, value: number | null | undefined) =>
  value == null ? '' : `,"${name}":${doubleText(value)}`;
const sums = ({ count, sum, min, max }: Loose) =>
  `"count":${intText(big(count))}${optional('sum', sum)}${optional('min', min)}${optional('max', max)}`;
const ints = (values: Loose[]) => `[${values.map((value) => intText(big(value))).join(',')}]`;
const doubles = (values: number[]) => `[${values.map(doubleText).join(',')}]`;
const buckets = (name: string, value: Loose) =>
  value ? `,"${name}":{"offset":${value.offset},"bucketCounts":${ints(value.bucketCounts)}}` : '';
const quantile = (value: Loose) => `{"quantile":${doubleText(value.quantile)},"value":${doubleText(value.value)}}`;

const DISTRIBUTIONS: Record<MetricType, (point: Loose) => string | undefined> = {
  gauge: () => undefined,
  sum: () => undefined,
  histogram: (point) =>
    `{${sums(point)},"bucketCounts":${ints(point.bucketCounts)},"explicitBounds":${doubles(point.explicitBounds)}}`,
  exponential_histogram: (point) =>
    `{${sums(point)},"scale":${point.scale},"zeroCount":${intText(big(point.zeroCount))},"zeroThreshold":${doubleText(point.zeroThreshold)}${buckets('positive', point.positive)}${buckets('negative', point.negative)}}`,
  summary: (point) => `{${sums(point)},"quantileValues":[${point.quantileValues.map(quantile).join(',')}]}`,
};

function exemplarText(exemplar: Loose): string {
  const value =
    exemplar.value === 'asInt'
      ? `,"asInt":${intText(big(exemplar.asInt))}`
      : exemplar.value === 'asDouble'
        ? `,"asDouble":${doubleText(exemplar.asDouble)}`
        : '';
  const ids = `"traceId":"${hexOf(exemplar.traceId, 16)}","spanId":"${hexOf(exemplar.spanId, 8)}"`;
  return `{"timeUnixNano":"${exemplar.timeUnixNano}"${value},${ids},"filteredAttributes":${attributesText(exemplar.filteredAttributes)}}`;
}

const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
} as const;

/** Every span, log record or metric of a decoded request. */
export function itemsOf(signal: Signal, request: Loose): Loose[] {
  const [resources, scopes, items] = LISTS[signal];
  return request[resources].flatMap((resource: Loose) => resource[scopes].flatMap((scope: Loose) => scope[items]));
}

export function recordsOf(signal: Signal, request: Loose): DecodedRequest {
  const [resources, scopes, items] = LISTS[signal];
  const decoded: DecodedRequest = { spans: [], logRecords: [], metricPoints: [] };
  for (const resourceMessage of request[resources]) {
    const resource = resourceOf(resourceMessage.resource, resourceMessage.schemaUrl);
    for (const scopeMessage of resourceMessage[scopes]) {
      const scope = scopeOf(scopeMessage.scope, scopeMessage.schemaUrl);
      for (const item of scopeMessage[items]) {
        if (signal === 'metrics') decoded.metricPoints.push(...pointsOf(item, resource, scope));
        else if (signal === 'logs') decoded.logRecords.push(logOf(item, resource, scope));
        else if (isSpanUsable(item)) decoded.spans.push(spanOf(item, resource, scope));
      }
    }
  }
  return decoded;
}
