/** The columns of each signal's table. docs/sending-on.md describes them: a column that is added there comes at the end here. */
import type { Generation, TokenType } from '../../src/model/generation.js';
import type { LogRecord, MetricPoint, Resource, Scope, Span } from '../../src/model/telemetry.js';

export interface Row<Item> {
  item: Item;
  /** Equal for equal items alone: an item that stands in two objects has the same in both. */
  id: string;
  workspace: string;
  receivedTimeUnixMs: number;
}

/** `picodollars`: a decimal of dollars. */
export type ColumnType =
  | 'text'
  | 'boolean'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'double'
  | 'microseconds'
  | 'picodollars';

type Value = string | boolean | number | bigint | null;

export interface Column<Item> {
  name: string;
  type: ColumnType;
  nullable: boolean;
  read(row: Row<Item>): Value;
}

type Read<Item> = (item: Item) => Value | undefined;

function column<Item>(name: string, type: ColumnType, read: Read<Item>): Column<Item> {
  return { name, type, nullable: false, read: ({ item }) => read(item) as Value };
}

/** null where there is nothing. */
function optional<Item>(name: string, type: ColumnType, read: Read<Item>): Column<Item> {
  return { name, type, nullable: true, read: ({ item }) => read(item) ?? null };
}

/** To query by, in microseconds, as far as every engine goes; and as it was sent. 0 is no time. */
function time<Item>(name: string, read: (item: Item) => bigint): Column<Item>[] {
  const micros = (nano: bigint) => (nano === 0n ? null : nano / 1000n);
  return [optional(name, 'microseconds', (item) => micros(read(item))), column(`${name}_unix_nano`, 'uint64', read)];
}

function hex(id: Uint8Array | undefined): string | undefined {
  return id && Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex');
}

/** A number that has no name stays a number. */
function named(names: readonly string[], value: number): string {
  return names[value] ?? String(value);
}

// ---- what all items have ----

function own<Item>(): Column<Item>[] {
  return [
    { name: 'item_id', type: 'text', nullable: false, read: ({ id }) => id },
    { name: 'workspace', type: 'text', nullable: false, read: ({ workspace }) => workspace },
    {
      name: 'received_time',
      type: 'microseconds',
      nullable: false,
      read: ({ receivedTimeUnixMs }) => BigInt(receivedTimeUnixMs) * 1000n,
    },
  ];
}

function origin<Item extends { resource: Resource; scope: Scope }>(): Column<Item>[] {
  return [
    column('service_name', 'text', ({ resource }) => resource.serviceName),
    column('resource_attributes', 'text', ({ resource }) => resource.attributes),
    column('resource_dropped_attributes_count', 'uint32', ({ resource }) => resource.droppedAttributesCount),
    column('resource_entity_refs', 'text', ({ resource }) => resource.entityRefs),
    column('resource_schema_url', 'text', ({ resource }) => resource.schemaUrl),
    column('scope_name', 'text', ({ scope }) => scope.name),
    column('scope_version', 'text', ({ scope }) => scope.version),
    column('scope_attributes', 'text', ({ scope }) => scope.attributes),
    column('scope_dropped_attributes_count', 'uint32', ({ scope }) => scope.droppedAttributesCount),
    column('scope_schema_url', 'text', ({ scope }) => scope.schemaUrl),
  ];
}

// ---- spans ----

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_CODES = ['unset', 'ok', 'error'];

function durationOf({ startTimeUnixNano, endTimeUnixNano }: Span): bigint {
  return BigInt.asIntN(64, endTimeUnixNano - startTimeUnixNano);
}

/** Of a call to a model, a tool or an agent. */
function call(name: string, type: ColumnType, read: (generation: Generation) => Value | undefined): Column<Span> {
  return optional(name, type, ({ generation }) => generation && read(generation));
}

function callText(name: string, read: (generation: Generation) => string): Column<Span> {
  return call(name, 'text', (generation) => read(generation) || undefined);
}

function tokens(name: string, type: TokenType): Column<Span> {
  return call(`gen_ai_${name}_tokens`, 'int64', ({ usage }) => {
    const count = usage[type];
    return count === undefined ? undefined : BigInt(count);
  });
}

/** What has more than the 18 digits of the decimal is no price of a call. */
const MAX_PICODOLLARS = 10n ** 18n;

function priceOf({ reportedCost }: Generation): bigint | undefined {
  return reportedCost !== undefined && reportedCost < MAX_PICODOLLARS && reportedCost > -MAX_PICODOLLARS
    ? reportedCost
    : undefined;
}

const CALLS: Column<Span>[] = [
  callText('gen_ai_kind', ({ kind }) => kind),
  callText('gen_ai_operation', ({ operation }) => operation),
  callText('gen_ai_provider', ({ provider }) => provider),
  callText('gen_ai_request_model', ({ requestModel }) => requestModel),
  callText('gen_ai_response_model', ({ responseModel }) => responseModel),
  callText('gen_ai_response_id', ({ responseId }) => responseId),
  tokens('input', 'input'),
  tokens('output', 'output'),
  tokens('cache_read', 'cacheRead'),
  tokens('cache_write', 'cacheWrite'),
  tokens('reasoning', 'reasoning'),
  call('gen_ai_countable', 'boolean', ({ countable }) => countable),
  call('gen_ai_reported_cost_usd', 'picodollars', priceOf),
  call('gen_ai_time_to_first_token_nano', 'int64', ({ timeToFirstTokenNano }) => int64(timeToFirstTokenNano)),
  callText('gen_ai_agent_name', ({ agentName }) => agentName),
  callText('gen_ai_tool_name', ({ toolName }) => toolName),
  callText('prompt_name', ({ promptName }) => promptName),
  callText('prompt_version', ({ promptVersion }) => promptVersion),
  callText('session_id', ({ sessionId }) => sessionId),
  callText('user_id', ({ userId }) => userId),
];

function int64(value: bigint | undefined): bigint | undefined {
  return value === undefined || BigInt.asIntN(64, value) !== value ? undefined : value;
}

export const SPAN_COLUMNS: readonly Column<Span>[] = [
  ...own<Span>(),
  column('trace_id', 'text', ({ traceId }) => hex(traceId)),
  column('span_id', 'text', ({ spanId }) => hex(spanId)),
  optional('parent_span_id', 'text', ({ parentSpanId }) => hex(parentSpanId)),
  column('trace_state', 'text', ({ traceState }) => traceState),
  column('flags', 'uint32', ({ flags }) => flags),
  column('name', 'text', ({ name }) => name),
  column('kind', 'text', ({ kind }) => named(KINDS, kind)),
  ...time<Span>('start_time', ({ startTimeUnixNano }) => startTimeUnixNano),
  ...time<Span>('end_time', ({ endTimeUnixNano }) => endTimeUnixNano),
  column('duration_nano', 'int64', durationOf),
  column('status_code', 'text', ({ statusCode }) => named(STATUS_CODES, statusCode)),
  column('status_message', 'text', ({ statusMessage }) => statusMessage),
  ...origin<Span>(),
  column('attributes', 'text', ({ attributes }) => attributes),
  column('dropped_attributes_count', 'uint32', ({ droppedAttributesCount }) => droppedAttributesCount),
  column('events', 'text', ({ events }) => events),
  column('dropped_events_count', 'uint32', ({ droppedEventsCount }) => droppedEventsCount),
  column('links', 'text', ({ links }) => links),
  column('dropped_links_count', 'uint32', ({ droppedLinksCount }) => droppedLinksCount),
  ...CALLS,
];

// ---- log records ----

export const LOG_COLUMNS: readonly Column<LogRecord>[] = [
  ...own<LogRecord>(),
  ...time<LogRecord>('time', ({ timeUnixNano }) => timeUnixNano),
  ...time<LogRecord>('observed_time', ({ observedTimeUnixNano }) => observedTimeUnixNano),
  optional('trace_id', 'text', ({ traceId }) => hex(traceId)),
  optional('span_id', 'text', ({ spanId }) => hex(spanId)),
  column('flags', 'uint32', ({ flags }) => flags),
  column('severity_number', 'int32', ({ severityNumber }) => severityNumber),
  column('severity_text', 'text', ({ severityText }) => severityText),
  column('event_name', 'text', ({ eventName }) => eventName),
  column('body', 'text', ({ body }) => body),
  ...origin<LogRecord>(),
  column('attributes', 'text', ({ attributes }) => attributes),
  column('dropped_attributes_count', 'uint32', ({ droppedAttributesCount }) => droppedAttributesCount),
];

// ---- data points ----

const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'];

function numberOf({ intValue, doubleValue }: MetricPoint): number | undefined {
  return intValue === undefined ? doubleValue : Number(intValue);
}

export const POINT_COLUMNS: readonly Column<MetricPoint>[] = [
  ...own<MetricPoint>(),
  column('metric_name', 'text', ({ metric }) => metric.name),
  column('metric_description', 'text', ({ metric }) => metric.description),
  column('metric_unit', 'text', ({ metric }) => metric.unit),
  column('metric_type', 'text', ({ metric }) => metric.type),
  column('temporality', 'text', ({ metric }) => named(TEMPORALITIES, metric.temporality)),
  column('monotonic', 'boolean', ({ metric }) => metric.monotonic),
  column('metric_metadata', 'text', ({ metric }) => metric.metadata),
  ...time<MetricPoint>('start_time', ({ startTimeUnixNano }) => startTimeUnixNano),
  ...time<MetricPoint>('time', ({ timeUnixNano }) => timeUnixNano),
  column('flags', 'uint32', ({ flags }) => flags),
  optional('value', 'double', numberOf),
  optional('int_value', 'int64', ({ intValue }) => intValue),
  optional('double_value', 'double', ({ doubleValue }) => doubleValue),
  optional('distribution', 'text', ({ distribution }) => distribution),
  column('exemplars', 'text', ({ exemplars }) => exemplars),
  ...origin<MetricPoint>(),
  column('attributes', 'text', ({ attributes }) => attributes),
];
