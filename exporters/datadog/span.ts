/** A span as the Agent's trace API takes it: strings in `meta`, numbers in `metrics`. */
import { STATUS_CODES } from 'node:http';
import type { Span } from '../../src/model/telemetry.js';
import { Attributes, toJson, toJsonObject, toNumber, toText } from './attributes.js';
import { kindTag, operationOf, resourceOf, serviceOf, typeOf } from './naming.js';

/** The names are those of the wire. Integers are bigints, numbers are doubles: so the encoder tells them apart. */
export interface DatadogSpan {
  trace_id: bigint;
  span_id: bigint;
  parent_id: bigint;
  name: string;
  resource: string;
  service: string;
  type: string;
  start: bigint;
  duration: bigint;
  error: bigint;
  meta: Record<string, string>;
  metrics: Record<string, number>;
}

const ERROR = 2;
/** As the Agent's OTLP receiver spells them, by OTLP StatusCode. */
const STATUS_NAMES = ['Unset', 'Ok', 'Error'];

export const SAMPLING_PRIORITY = '_sampling_priority_v1';
const EVENT_SAMPLE_RATE = '_dd1.sr.eausr';
const HTTP_STATUS_CODE = ['http.status_code', 'http.response.status_code'];
const GRPC_STATUS_CODE = ['rpc.grpc.status_code', 'grpc.code', 'rpc.grpc.status.code', 'grpc.status.code'];

export function toDatadogSpan(span: Span): DatadogSpan {
  const attributes = new Attributes(span);
  const tags = new Tags();
  putStatusCodes(tags, attributes);
  putAttributes(tags, span, attributes);
  putOwn(tags, span, attributes);
  if (span.statusCode === ERROR) putError(tags, span);
  putInherited(tags, attributes);
  return {
    trace_id: low64(span.traceId),
    span_id: low64(span.spanId),
    parent_id: span.parentSpanId === undefined ? 0n : low64(span.parentSpanId),
    name: operationOf(span, attributes),
    resource: resourceOf(span, attributes),
    service: serviceOf(attributes),
    type: typeOf(span, attributes),
    start: BigInt.asIntN(64, span.startTimeUnixNano),
    duration: BigInt.asIntN(64, span.endTimeUnixNano - span.startTimeUnixNano),
    error: span.statusCode === ERROR ? 1n : 0n,
    meta: tags.meta,
    metrics: tags.metrics,
  };
}

// ---- ids ----

function viewOf(id: Uint8Array): DataView {
  return new DataView(id.buffer, id.byteOffset, id.length);
}

/** The last eight bytes: Datadog's ids have 64 bits. */
function low64(id: Uint8Array): bigint {
  return viewOf(id).getBigUint64(id.length - 8);
}

/** The first half of a trace id, '' when it is zero: what the first span of a chunk carries as `_dd.p.tid`. */
export function highTraceId({ traceId }: Pick<Span, 'traceId'>): string {
  const high = hex(traceId).slice(0, 16);
  return /^0*$/.test(high) ? '' : high;
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex');
}

// ---- tags ----

/** Attributes that Datadog knows by another name. */
const RENAMED: Readonly<Record<string, string>> = {
  'client.address': 'http.client_ip',
  'http.response.body.size': 'http.response.content_length',
  'http.response.status_code': 'http.status_code',
  'http.request.body.size': 'http.request.content_length',
  'http.request.header.referrer': 'http.referrer',
  'http.request.method': 'http.method',
  'network.protocol.version': 'http.version',
  'server.address': 'http.server_name',
  'url.full': 'http.url',
  'user_agent.original': 'http.useragent',
  'sampling.priority': SAMPLING_PRIORITY,
};
/** Fields of a Datadog span, not tags. */
const FIELDS = new Set(['service.name', 'operation.name', 'resource.name', 'span.type']);
const REQUEST_HEADER = 'http.request.header.';

/** '' for what is no tag. */
function tagName(key: string): string {
  if (Object.hasOwn(RENAMED, key)) return RENAMED[key]!;
  if (key.startsWith(REQUEST_HEADER)) return `http.request.headers.${key.slice(REQUEST_HEADER.length)}`;
  return FIELDS.has(key) ? '' : key;
}

/** What is put first stays. Objects without a prototype: `__proto__` is a key like any other. */
class Tags {
  readonly meta: Record<string, string> = Object.create(null);
  readonly metrics: Record<string, number> = Object.create(null);

  text(key: string, value: string): void {
    if (key !== '' && !this.has(key)) this.meta[key] = value;
  }

  number(key: string, value: number): void {
    if (key !== '' && !this.has(key)) this.metrics[key] = value;
  }

  private has(key: string): boolean {
    return (this.meta[key] ?? '') !== '' || key in this.metrics;
  }
}

function putStatusCodes(tags: Tags, attributes: Attributes): void {
  const http = attributes.integer(HTTP_STATUS_CODE);
  if (http !== undefined && http >= 0) tags.number('http.status_code', http);
  const grpc = attributes.text(GRPC_STATUS_CODE);
  if (grpc !== '') tags.text('rpc.grpc.status_code', grpc);
}

function putAttributes(tags: Tags, { kind, traceState }: Span, attributes: Attributes): void {
  tags.text('span.kind', kindTag(kind));
  if (traceState !== '') tags.text('w3c.tracestate', traceState);
  for (const [key, value] of Object.entries(attributes.span)) putAttribute(tags, key, value);
}

function putAttribute(tags: Tags, key: string, value: unknown): void {
  const number = toNumber(value);
  if (key === 'analytics.event' && number === undefined) putAnalyticsEvent(tags, toText(value));
  else if (number !== undefined) tags.number(tagName(key), number);
  // A priority that is no number is a tag of its own name.
  else tags.text(key === 'sampling.priority' ? key : tagName(key), toText(value));
}

/** Whether the span is searched for: true or false, in any of the spellings that Go's ParseBool takes. */
function putAnalyticsEvent(tags: Tags, text: string): void {
  if (/^(1|t|true|T|TRUE|True)$/.test(text)) tags.number(EVENT_SAMPLE_RATE, 1);
  else if (/^(0|f|false|F|FALSE|False)$/.test(text)) tags.number(EVENT_SAMPLE_RATE, 0);
}

/** What the span itself says, beside its attributes. */
function putOwn(tags: Tags, span: Span, attributes: Attributes): void {
  const { scope, statusCode, statusMessage } = span;
  tags.meta['otel.trace_id'] = hex(span.traceId);
  putText(tags, 'version', attributes.tag(['service.version']));
  putText(tags, 'env', attributes.tag(['deployment.environment.name', 'deployment.environment']));
  if (span.events !== '[]') putEvents(tags, span.events);
  if (span.links !== '[]') tags.meta['_dd.span_links'] = linksText(span.links);
  // The `library` names are those of older conventions, under which Datadog still looks for them.
  for (const name of ['otel.scope', 'otel.library']) {
    putText(tags, `${name}.name`, scope.name);
    putText(tags, `${name}.version`, scope.version);
  }
  tags.meta['otel.status_code'] = STATUS_NAMES[statusCode] ?? STATUS_NAMES[0]!;
  putText(tags, 'otel.status_description', statusMessage);
}

function putText(tags: Tags, key: string, value: string): void {
  if (value !== '') tags.text(key, value);
}

/** Of the scope and the resource, where the span has nothing under that name: as text, whatever they are. */
function putInherited(tags: Tags, attributes: Attributes): void {
  for (const values of [attributes.scope, attributes.resource]) {
    for (const [key, value] of Object.entries(values)) {
      if (key === 'analytics.event') putAnalyticsEvent(tags, toText(value));
      else tags.text(key === 'sampling.priority' ? key : tagName(key), toText(value));
    }
  }
  putText(tags, 'db.name', attributes.text(['db.namespace']));
}

// ---- events and links ----

interface EventRecord {
  timeUnixNano: string;
  name: string;
  attributes: Record<string, unknown>;
  droppedAttributesCount: number;
}

interface LinkRecord {
  traceId: string;
  spanId: string;
  traceState: string;
  attributes: Record<string, unknown>;
  droppedAttributesCount: number;
}

function exceptionsOf(text: string): EventRecord[] {
  if (!text.includes('"exception"')) return [];
  return (JSON.parse(text) as EventRecord[]).filter(({ name }) => name === 'exception');
}

function putEvents(tags: Tags, text: string): void {
  tags.meta.events = `[${(JSON.parse(text) as EventRecord[]).map(eventText).join(',')}]`;
  if (exceptionsOf(text).length > 0) tags.meta['_dd.span_events.has_exception'] = 'true';
}

/** A member is left out when its text is ''. */
function objectText(members: Record<string, string>): string {
  const present = Object.entries(members).filter(([, text]) => text !== '');
  return `{${present.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}

function stringText(value: string): string {
  return value === '' ? '' : JSON.stringify(value);
}

function countText(value: number): string {
  return value === 0 ? '' : String(value);
}

function attributesText(values: Record<string, unknown>, toValue: (value: unknown) => string): string {
  const text = toJsonObject(values, toValue);
  return text === '{}' ? '' : text;
}

function eventText(event: EventRecord): string {
  return objectText({
    // A number of up to 19 digits.
    time_unix_nano: event.timeUnixNano === '0' ? '' : event.timeUnixNano,
    name: stringText(event.name),
    attributes: attributesText(event.attributes, toJson),
    dropped_attributes_count: countText(event.droppedAttributesCount),
  });
}

function linksText(text: string): string {
  return `[${(JSON.parse(text) as LinkRecord[]).map(linkText).join(',')}]`;
}

function linkText(link: LinkRecord): string {
  return objectText({
    trace_id: stringText(link.traceId.padStart(32, '0')),
    span_id: stringText(link.spanId.padStart(16, '0')),
    tracestate: stringText(link.traceState),
    // Attributes of links are strings, all of them.
    attributes: attributesText(link.attributes, (value) => JSON.stringify(toText(value))),
    dropped_attributes_count: countText(link.droppedAttributesCount),
  });
}

// ---- errors ----

/** What the span's own attributes say goes first; the last exception is the one that ended the span. */
function putError(tags: Tags, span: Span): void {
  const exception = exceptionsOf(span.events).at(-1)?.attributes ?? {};
  const text = (key: string) => (Object.hasOwn(exception, key) ? toText(exception[key]) : '');
  putText(tags, 'error.msg', span.statusMessage || text('exception.message') || httpText(tags));
  putText(tags, 'error.type', text('exception.type'));
  putText(tags, 'error.stack', text('exception.stacktrace'));
}

function httpText({ metrics }: Tags): string {
  const code = metrics['http.status_code'];
  if (code === undefined) return '';
  const reason = STATUS_CODES[code];
  return reason === undefined ? String(code) : `${code} ${reason}`;
}
