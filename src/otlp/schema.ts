/**
 * The OTLP messages as a table, for code that goes over a request without building objects: the checkers, and the
 * transcoder from JSON. A test holds it against the definitions in proto/.
 */

export type ScalarKind =
  | 'string'
  | 'bytes'
  /** A trace or span id: bytes, which JSON writes as hex instead of base64. */
  | 'id'
  | 'bool'
  | 'double'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64'
  | 'uint32'
  | 'sint32'
  | 'fixed32';

export interface Field {
  /** As in the definitions: `trace_id`. */
  name: string;
  /** As in JSON: `traceId`. */
  jsonName: string;
  number: number;
  kind: ScalarKind | 'enum' | 'message';
  repeated: boolean;
  /** Of kind `message`: what it holds. */
  message: Message | undefined;
  /** Of kind `enum`: number by name. */
  values: ReadonlyMap<string, number> | undefined;
}

export interface Message {
  name: string;
  /** 1, 2, 3, …: a small number for lookup tables. */
  id: number;
  fields: Field[];
}

const ENUMS: Record<string, string[]> = {
  SpanKind: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`),
  StatusCode: ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`),
  AggregationTemporality: ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map((name) => `AGGREGATION_TEMPORALITY_${name}`),
  SeverityNumber: ['UNSPECIFIED']
    .concat(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) => [1, 2, 3, 4].map((n) => name + n)))
    .map((name) => `SEVERITY_NUMBER_${name.replace(/1$/, '')}`),
};

const DEFINITIONS: Record<string, string> = {
  AnyValue: `string_value 1 string, bool_value 2 bool, int_value 3 int64, double_value 4 double,
    array_value 5 ArrayValue, kvlist_value 6 KeyValueList, bytes_value 7 bytes`,
  ArrayValue: 'values 1 AnyValue[]',
  KeyValueList: 'values 1 KeyValue[]',
  KeyValue: 'key 1 string, value 2 AnyValue',
  InstrumentationScope: 'name 1 string, version 2 string, attributes 3 KeyValue[], dropped_attributes_count 4 uint32',
  EntityRef: 'schema_url 1 string, type 2 string, id_keys 3 string[], description_keys 4 string[]',
  Resource: 'attributes 1 KeyValue[], dropped_attributes_count 2 uint32, entity_refs 3 EntityRef[]',

  ExportTraceServiceRequest: 'resource_spans 1 ResourceSpans[]',
  ResourceSpans: 'resource 1 Resource, scope_spans 2 ScopeSpans[], schema_url 3 string',
  ScopeSpans: 'scope 1 InstrumentationScope, spans 2 Span[], schema_url 3 string',
  Span: `trace_id 1 id, span_id 2 id, trace_state 3 string, parent_span_id 4 id, flags 16 fixed32, name 5 string,
    kind 6 SpanKind, start_time_unix_nano 7 fixed64, end_time_unix_nano 8 fixed64, attributes 9 KeyValue[],
    dropped_attributes_count 10 uint32, events 11 Event[], dropped_events_count 12 uint32, links 13 Link[],
    dropped_links_count 14 uint32, status 15 Status`,
  Event: 'time_unix_nano 1 fixed64, name 2 string, attributes 3 KeyValue[], dropped_attributes_count 4 uint32',
  Link: `trace_id 1 id, span_id 2 id, trace_state 3 string, attributes 4 KeyValue[],
    dropped_attributes_count 5 uint32, flags 6 fixed32`,
  Status: 'message 2 string, code 3 StatusCode',

  ExportLogsServiceRequest: 'resource_logs 1 ResourceLogs[]',
  ResourceLogs: 'resource 1 Resource, scope_logs 2 ScopeLogs[], schema_url 3 string',
  ScopeLogs: 'scope 1 InstrumentationScope, log_records 2 LogRecord[], schema_url 3 string',
  LogRecord: `time_unix_nano 1 fixed64, observed_time_unix_nano 11 fixed64, severity_number 2 SeverityNumber,
    severity_text 3 string, body 5 AnyValue, attributes 6 KeyValue[], dropped_attributes_count 7 uint32,
    flags 8 fixed32, trace_id 9 id, span_id 10 id, event_name 12 string`,

  ExportMetricsServiceRequest: 'resource_metrics 1 ResourceMetrics[]',
  ResourceMetrics: 'resource 1 Resource, scope_metrics 2 ScopeMetrics[], schema_url 3 string',
  ScopeMetrics: 'scope 1 InstrumentationScope, metrics 2 Metric[], schema_url 3 string',
  Metric: `name 1 string, description 2 string, unit 3 string, gauge 5 Gauge, sum 7 Sum, histogram 9 Histogram,
    exponential_histogram 10 ExponentialHistogram, summary 11 Summary, metadata 12 KeyValue[]`,
  Gauge: 'data_points 1 NumberDataPoint[]',
  Sum: 'data_points 1 NumberDataPoint[], aggregation_temporality 2 AggregationTemporality, is_monotonic 3 bool',
  Histogram: 'data_points 1 HistogramDataPoint[], aggregation_temporality 2 AggregationTemporality',
  ExponentialHistogram:
    'data_points 1 ExponentialHistogramDataPoint[], aggregation_temporality 2 AggregationTemporality',
  Summary: 'data_points 1 SummaryDataPoint[]',
  NumberDataPoint: `attributes 7 KeyValue[], start_time_unix_nano 2 fixed64, time_unix_nano 3 fixed64,
    as_double 4 double, as_int 6 sfixed64, exemplars 5 Exemplar[], flags 8 uint32`,
  HistogramDataPoint: `attributes 9 KeyValue[], start_time_unix_nano 2 fixed64, time_unix_nano 3 fixed64,
    count 4 fixed64, sum 5 double, bucket_counts 6 fixed64[], explicit_bounds 7 double[], exemplars 8 Exemplar[],
    flags 10 uint32, min 11 double, max 12 double`,
  ExponentialHistogramDataPoint: `attributes 1 KeyValue[], start_time_unix_nano 2 fixed64, time_unix_nano 3 fixed64,
    count 4 fixed64, sum 5 double, scale 6 sint32, zero_count 7 fixed64, positive 8 Buckets, negative 9 Buckets,
    flags 10 uint32, exemplars 11 Exemplar[], min 12 double, max 13 double, zero_threshold 14 double`,
  Buckets: 'offset 1 sint32, bucket_counts 2 uint64[]',
  SummaryDataPoint: `attributes 7 KeyValue[], start_time_unix_nano 2 fixed64, time_unix_nano 3 fixed64,
    count 4 fixed64, sum 5 double, quantile_values 6 ValueAtQuantile[], flags 8 uint32`,
  ValueAtQuantile: 'quantile 1 double, value 2 double',
  Exemplar: `filtered_attributes 7 KeyValue[], time_unix_nano 2 fixed64, as_double 3 double, as_int 6 sfixed64,
    span_id 4 id, trace_id 5 id`,
};

function parseField(text: string): Field {
  const [name, number, type] = text.trim().split(/\s+/) as [string, string, string];
  const of = type.replace('[]', '');
  return {
    name,
    jsonName: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    number: Number(number),
    kind: of in ENUMS ? 'enum' : of in DEFINITIONS ? 'message' : (of as ScalarKind),
    repeated: type.endsWith('[]'),
    message: MESSAGES.get(of),
    values: ENUMS[of] && new Map(ENUMS[of].map((value, index) => [value, index])),
  };
}

const MESSAGES = new Map<string, Message>(
  Object.keys(DEFINITIONS).map((name, index) => [name, { name, id: index + 1, fields: [] }]),
);
for (const message of MESSAGES.values()) message.fields = DEFINITIONS[message.name]!.split(',').map(parseField);

export const messages: readonly Message[] = [...MESSAGES.values()];

export function messageNamed(name: string): Message {
  return MESSAGES.get(name)!;
}

/** The message that a request of each signal is. */
export const REQUESTS = {
  traces: messageNamed('ExportTraceServiceRequest'),
  logs: messageNamed('ExportLogsServiceRequest'),
  metrics: messageNamed('ExportMetricsServiceRequest'),
} as const;
