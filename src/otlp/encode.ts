/** Stored records as OTLP/JSON, in which every value has the type that it was sent with. */
import {
  attributesOf,
  type Json,
  JsonNumber,
  JsonObject,
  parseAttributes,
  parseJson,
  parseValue,
  toOtlpAnyValue,
  toOtlpDouble,
  toOtlpKeyValues,
  toTyped,
} from '../model/json-value.js';
import type { LogRecord, Metric, MetricPoint, Resource, Scope, Span } from '../model/telemetry.js';

/** A TracesData message, by resource and scope in the order in which they first occur. */
export function spansToOtlpJson(spans: readonly Span[]): string {
  return `{"resourceSpans":${grouped(spans, 'scopeSpans', (own) => [['spans', list(own.map(spanText))]])}}`;
}

/** A LogsData message. */
export function logRecordsToOtlpJson(records: readonly LogRecord[]): string {
  return `{"resourceLogs":${grouped(records, 'scopeLogs', (own) => [['logRecords', list(own.map(logText))]])}}`;
}

/** A MetricsData message, in which the points of a metric are together again. */
export function metricPointsToOtlpJson(points: readonly MetricPoint[]): string {
  return `{"resourceMetrics":${grouped(points, 'scopeMetrics', (own) => [['metrics', metricsText(own)]])}}`;
}

// ---- objects as text ----

/** A member is left out when its text is undefined: the default, which OTLP/JSON leaves out. */
type Member = readonly [string, string | undefined];

function object(members: readonly Member[]): string {
  const present = members.filter(([, value]) => value !== undefined);
  return `{${present.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`;
}

function listOrNone(items: readonly string[]): string | undefined {
  return items.length === 0 ? undefined : list(items);
}

function string(value: string): string | undefined {
  return value === '' ? undefined : JSON.stringify(value);
}

function number(value: number): string | undefined {
  return value === 0 ? undefined : String(value);
}

function nanos(value: bigint): string | undefined {
  return value === 0n ? undefined : `"${value}"`;
}

function id(value: Uint8Array | undefined): string | undefined {
  return value && `"${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}"`;
}

function attributes(text: string): string | undefined {
  return text === '{}' ? undefined : toOtlpKeyValues(parseAttributes(text));
}

// ---- resources and scopes ----

interface Item {
  resource: Resource;
  scope: Scope;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

function grouped<T extends Item>(items: readonly T[], lists: string, members: (own: T[]) => Member[]): string {
  const byResource = groupBy(items, (item) => item.resource.key);
  return list(
    byResource.map((ofResource) => {
      const byScope = groupBy(ofResource, (item) => item.scope.key);
      const { resource } = ofResource[0]!;
      return object([
        ['resource', resourceText(resource)],
        [lists, list(byScope.map((own) => scopeListText(own[0]!.scope, members(own))))],
        ['schemaUrl', string(resource.schemaUrl)],
      ]);
    }),
  );
}

function resourceText(resource: Resource): string {
  return object([
    ['attributes', attributes(resource.attributes)],
    ['droppedAttributesCount', number(resource.droppedAttributesCount)],
    // The stored form of entity references is that of OTLP/JSON.
    ['entityRefs', resource.entityRefs === '[]' ? undefined : resource.entityRefs],
  ]);
}

function scopeListText(scope: Scope, members: Member[]): string {
  const text = object([
    ['name', string(scope.name)],
    ['version', string(scope.version)],
    ['attributes', attributes(scope.attributes)],
    ['droppedAttributesCount', number(scope.droppedAttributesCount)],
  ]);
  return object([['scope', text], ...members, ['schemaUrl', string(scope.schemaUrl)]]);
}

// ---- members of stored objects ----

function objectsOf(text: string): JsonObject[] {
  return elementsOf(parseJson(text));
}

function elementsOf(json: Json | undefined): JsonObject[] {
  return Array.isArray(json) ? json.filter((element) => element instanceof JsonObject) : [];
}

function stringMember(json: JsonObject, name: string): string | undefined {
  const value = json.get(name);
  return typeof value === 'string' ? string(value) : undefined;
}

/** A 32-bit number. */
function numberMember(json: JsonObject, name: string): string | undefined {
  const value = json.get(name);
  return value instanceof JsonNumber && value.text !== '0' ? value.text : undefined;
}

/** A 64-bit integer, which OTLP/JSON writes as a string. */
function intMember(json: JsonObject, name: string): string | undefined {
  const value = json.get(name);
  return value === undefined ? undefined : intText(value);
}

function intText(json: Json): string {
  const typed = toTyped(json);
  return `"${typed.kind === 'int' ? typed.value : 0n}"`;
}

function doubleMember(json: JsonObject, name: string): string | undefined {
  const value = json.get(name);
  return value === undefined ? undefined : doubleText(value);
}

function doubleText(json: Json): string {
  const typed = toTyped(json);
  return toOtlpDouble(typed.kind === 'double' || typed.kind === 'int' ? Number(typed.value) : 0);
}

function attributesMember(json: JsonObject, name: string): string | undefined {
  const entries = attributesOf(json.get(name));
  return entries.length === 0 ? undefined : toOtlpKeyValues(entries);
}

function listMember(json: JsonObject, name: string, text: (element: Json) => string): string | undefined {
  const value = json.get(name);
  return Array.isArray(value) ? listOrNone(value.map(text)) : undefined;
}

// ---- spans ----

function spanText(span: Span): string {
  const status = object([
    ['message', string(span.statusMessage)],
    ['code', number(span.statusCode)],
  ]);
  return object([
    ['traceId', id(span.traceId)],
    ['spanId', id(span.spanId)],
    ['traceState', string(span.traceState)],
    ['parentSpanId', id(span.parentSpanId)],
    ['flags', number(span.flags)],
    ['name', string(span.name)],
    ['kind', number(span.kind)],
    ['startTimeUnixNano', nanos(span.startTimeUnixNano)],
    ['endTimeUnixNano', nanos(span.endTimeUnixNano)],
    ['attributes', attributes(span.attributes)],
    ['droppedAttributesCount', number(span.droppedAttributesCount)],
    ['events', listOrNone(objectsOf(span.events).map(eventText))],
    ['droppedEventsCount', number(span.droppedEventsCount)],
    ['links', listOrNone(objectsOf(span.links).map(linkText))],
    ['droppedLinksCount', number(span.droppedLinksCount)],
    ['status', status === '{}' ? undefined : status],
  ]);
}

function eventText(event: JsonObject): string {
  return object([
    ['timeUnixNano', stringMember(event, 'timeUnixNano')],
    ['name', stringMember(event, 'name')],
    ['attributes', attributesMember(event, 'attributes')],
    ['droppedAttributesCount', numberMember(event, 'droppedAttributesCount')],
  ]);
}

function linkText(link: JsonObject): string {
  return object([
    ['traceId', stringMember(link, 'traceId')],
    ['spanId', stringMember(link, 'spanId')],
    ['traceState', stringMember(link, 'traceState')],
    ['attributes', attributesMember(link, 'attributes')],
    ['droppedAttributesCount', numberMember(link, 'droppedAttributesCount')],
    ['flags', numberMember(link, 'flags')],
  ]);
}

// ---- log records ----

function logText(record: LogRecord): string {
  const body = parseValue(record.body);
  return object([
    ['timeUnixNano', nanos(record.timeUnixNano)],
    ['observedTimeUnixNano', nanos(record.observedTimeUnixNano)],
    ['severityNumber', number(record.severityNumber)],
    ['severityText', string(record.severityText)],
    ['body', body.kind === 'empty' ? undefined : toOtlpAnyValue(body)],
    ['attributes', attributes(record.attributes)],
    ['droppedAttributesCount', number(record.droppedAttributesCount)],
    ['flags', number(record.flags)],
    ['traceId', id(record.traceId)],
    ['spanId', id(record.spanId)],
    ['eventName', string(record.eventName)],
  ]);
}

// ---- metrics ----

function metricsText(points: readonly MetricPoint[]): string {
  return list(groupBy(points, (point) => point.metric.key).map((own) => metricText(own[0]!.metric, own)));
}

const DATA_NAMES: Record<Metric['type'], string> = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponential_histogram: 'exponentialHistogram',
  summary: 'summary',
};

function metricText(metric: Metric, points: readonly MetricPoint[]): string {
  const data = object([
    ['dataPoints', list(points.map(pointText))],
    ['aggregationTemporality', number(metric.temporality)],
    ['isMonotonic', metric.monotonic ? 'true' : undefined],
  ]);
  return object([
    ['name', string(metric.name)],
    ['description', string(metric.description)],
    ['unit', string(metric.unit)],
    [DATA_NAMES[metric.type], data],
    ['metadata', attributes(metric.metadata)],
  ]);
}

function pointText(point: MetricPoint): string {
  return object([
    ['attributes', attributes(point.attributes)],
    ['startTimeUnixNano', nanos(point.startTimeUnixNano)],
    ['timeUnixNano', nanos(point.timeUnixNano)],
    ['asInt', point.intValue === undefined ? undefined : `"${point.intValue}"`],
    ['asDouble', point.doubleValue === undefined ? undefined : toOtlpDouble(point.doubleValue)],
    ...distributionMembers(point),
    ['exemplars', listOrNone(objectsOf(point.exemplars).map(exemplarText))],
    ['flags', number(point.flags)],
  ]);
}

/** What a kind of point doesn't have is left out, because it isn't there. */
function distributionMembers({ distribution }: MetricPoint): Member[] {
  const json = distribution === undefined ? undefined : parseJson(distribution);
  if (!(json instanceof JsonObject)) return [];
  return [
    ['count', intMember(json, 'count')],
    ['sum', doubleMember(json, 'sum')],
    ['min', doubleMember(json, 'min')],
    ['max', doubleMember(json, 'max')],
    ['bucketCounts', listMember(json, 'bucketCounts', intText)],
    ['explicitBounds', listMember(json, 'explicitBounds', doubleText)],
    ['scale', numberMember(json, 'scale')],
    ['zeroCount', intMember(json, 'zeroCount')],
    ['zeroThreshold', doubleMember(json, 'zeroThreshold')],
    ['positive', bucketsMember(json, 'positive')],
    ['negative', bucketsMember(json, 'negative')],
    ['quantileValues', listOrNone(elementsOf(json.get('quantileValues')).map(quantileText))],
  ];
}

function bucketsMember(json: JsonObject, name: string): string | undefined {
  const buckets = json.get(name);
  if (!(buckets instanceof JsonObject)) return undefined;
  return object([
    ['offset', numberMember(buckets, 'offset')],
    ['bucketCounts', listMember(buckets, 'bucketCounts', intText)],
  ]);
}

function quantileText(json: JsonObject): string {
  return object([
    ['quantile', doubleMember(json, 'quantile')],
    ['value', doubleMember(json, 'value')],
  ]);
}

function exemplarText(exemplar: JsonObject): string {
  return object([
    ['filteredAttributes', attributesMember(exemplar, 'filteredAttributes')],
    ['timeUnixNano', stringMember(exemplar, 'timeUnixNano')],
    ['asInt', intMember(exemplar, 'asInt')],
    ['asDouble', doubleMember(exemplar, 'asDouble')],
    ['spanId', stringMember(exemplar, 'spanId')],
    ['traceId', stringMember(exemplar, 'traceId')],
  ]);
}
