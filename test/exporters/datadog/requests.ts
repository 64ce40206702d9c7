/** OTLP trace requests written as objects, and the Agent's msgpack read back. */
import { decode } from '@msgpack/msgpack';
import { encodeTraces, type TraceRequest } from '../../../exporters/datadog/encode.js';
import { encodeReference, type Loose } from '../../otlp/reference.js';

export const TRACE_ID = '5b8efff798038103d269b633813fc60c';
export const SPAN_ID = 'eee19b7ec3c1b174';
export const LOW_TRACE_ID = 0xd269b633813fc60cn;

export interface SpanInput {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  traceState?: string;
  name?: string;
  kind?: number;
  start?: bigint;
  end?: bigint;
  status?: { code?: number; message?: string };
  attributes?: Record<string, Loose>;
  events?: { timeUnixNano?: bigint; name?: string; attributes?: Record<string, Loose>; dropped?: number }[];
  links?: {
    traceId?: string;
    spanId?: string;
    traceState?: string;
    attributes?: Record<string, Loose>;
    dropped?: number;
  }[];
}

export interface RequestInput {
  spans: SpanInput[];
  resource?: Record<string, Loose>;
  scope?: { name?: string; version?: string; attributes?: Record<string, Loose> };
}

/** Strings, booleans, bigints (ints), numbers (doubles), Buffers, arrays, null and objects (kvlists). */
function anyValue(value: Loose): Loose {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return { doubleValue: value };
  if (Buffer.isBuffer(value)) return { bytesValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value) } };
}

function keyValues(values: Record<string, Loose> = {}): Loose[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

const id = (hex: string) => Buffer.from(hex, 'hex');

function spanMessage(span: SpanInput): Loose {
  return {
    traceId: id(span.traceId ?? TRACE_ID),
    spanId: id(span.spanId ?? SPAN_ID),
    ...(span.parentSpanId !== undefined && { parentSpanId: id(span.parentSpanId) }),
    traceState: span.traceState ?? '',
    name: span.name ?? 'work',
    kind: span.kind ?? 1,
    startTimeUnixNano: String(span.start ?? 1_700_000_000_000_000_001n),
    endTimeUnixNano: String(span.end ?? 1_700_000_000_000_000_251n),
    attributes: keyValues(span.attributes),
    status: span.status ?? {},
    events: (span.events ?? []).map(({ timeUnixNano, name, attributes, dropped }) => ({
      timeUnixNano: String(timeUnixNano ?? 0n),
      name: name ?? '',
      attributes: keyValues(attributes),
      droppedAttributesCount: dropped ?? 0,
    })),
    links: (span.links ?? []).map(({ traceId, spanId, traceState, attributes, dropped }) => ({
      traceId: id(traceId ?? TRACE_ID),
      spanId: id(spanId ?? SPAN_ID),
      traceState: traceState ?? '',
      attributes: keyValues(attributes),
      droppedAttributesCount: dropped ?? 0,
    })),
  };
}

export function requestBytes({ spans, resource, scope }: RequestInput): Buffer {
  return encodeReference('traces', {
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [
          {
            scope: { name: scope?.name ?? '', version: scope?.version ?? '', attributes: keyValues(scope?.attributes) },
            spans: spans.map(spanMessage),
          },
        ],
      },
    ],
  });
}

/** A body as the Agent reads it: 64-bit integers as bigints, so a double that stands in for one is seen. */
export function readBody({ body }: TraceRequest): Loose[][] {
  return decode(body, { useBigInt64: true }) as Loose[][];
}

/** The one span of a request that has one. */
export function mapSpan(span: SpanInput, around: Omit<RequestInput, 'spans'> = {}): Loose {
  const payload = requestBytes({ ...around, spans: [span] });
  const [request] = encodeTraces([{ encoding: 'protobuf', payload }]);
  return readBody(request!)[0]![0];
}
