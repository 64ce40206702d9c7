/** A seeded generator of model records: equal seeds give equal records, in every run. */
import type {
  DecodedFrame,
  LogRecord,
  Metric,
  MetricPoint,
  MetricType,
  Resource,
  Scope,
  Span,
} from '../../src/model/telemetry.js';

/** A small, fast generator of 32-bit numbers (mulberry32): good enough for test data, and reproducible. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

export function resource(serviceName: string, extra: Record<string, unknown> = {}): Resource {
  const attributes = JSON.stringify({ 'service.name': serviceName, ...extra });
  return { key: attributes, attributes, droppedAttributesCount: 0, schemaUrl: '', entityRefs: '[]', serviceName };
}

export function scope(name: string, version = '1.0.0'): Scope {
  return { key: `${name}@${version}`, name, version, attributes: '{}', droppedAttributesCount: 0, schemaUrl: '' };
}

export function metric(type: MetricType, name = `test.${type}`): Metric {
  const counted = type === 'sum' || type === 'histogram' || type === 'exponential_histogram';
  return {
    key: `${name}/${type}`,
    name,
    description: `A ${type}`,
    unit: 'ms',
    type,
    temporality: counted ? 2 : 0,
    monotonic: type === 'sum',
    metadata: '{}',
  };
}

const POINT_VALUES: Record<MetricType, Pick<MetricPoint, 'intValue' | 'doubleValue' | 'distribution'>> = {
  gauge: { intValue: undefined, doubleValue: 21.5, distribution: undefined },
  sum: { intValue: 9007199254740993n, doubleValue: undefined, distribution: undefined },
  histogram: {
    intValue: undefined,
    doubleValue: undefined,
    distribution: '{"count":"3","sum":6.5,"bucketCounts":["1","2"],"explicitBounds":[5.0],"min":1.0,"max":4.5}',
  },
  exponential_histogram: {
    intValue: undefined,
    doubleValue: undefined,
    distribution: '{"count":"2","sum":3.0,"scale":4,"zeroCount":"0","positive":{"offset":-1,"bucketCounts":["2"]}}',
  },
  summary: {
    intValue: undefined,
    doubleValue: undefined,
    distribution: '{"count":"9","sum":90.0,"quantileValues":[{"quantile":0.5,"value":10.0}]}',
  },
};

const DEFAULT_RESOURCE = resource('checkout');
const DEFAULT_SCOPE = scope('test-scope');
/** 2026-01-01T00:00:00Z: where the generated times begin. */
export const BASE_TIME_UNIX_NANO = 1_767_225_600_000_000_000n;

export interface RecordSource {
  id(length: 8 | 16): Uint8Array;
  span(overrides?: Partial<Span>): Span;
  /** A root and `count - 1` children of it, one millisecond apart. */
  trace(count: number, overrides?: Partial<Span>): Span[];
  logRecord(overrides?: Partial<LogRecord>): LogRecord;
  metricPoint(type: MetricType, overrides?: Partial<MetricPoint>): MetricPoint;
}

export function recordSource(seed: number): RecordSource {
  const random = randomSource(seed);
  let ticks = 0n;
  const nextTime = () => BASE_TIME_UNIX_NANO + ticks++ * 1_000_000n;
  const id = (length: 8 | 16) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) new DataView(bytes.buffer).setUint32(at, random());
    bytes[0] = bytes[0]! | 1; // never all-zero
    return bytes;
  };

  const span = (overrides: Partial<Span> = {}): Span => {
    const startTimeUnixNano = overrides.startTimeUnixNano ?? nextTime();
    return {
      traceId: id(16),
      spanId: id(8),
      parentSpanId: undefined,
      traceState: '',
      flags: 0x101,
      name: `operation-${random() % 8}`,
      kind: 1 + (random() % 5),
      startTimeUnixNano,
      endTimeUnixNano: startTimeUnixNano + BigInt(random() % 1_000_000_000),
      statusCode: 0,
      statusMessage: '',
      attributes: JSON.stringify({ 'http.request.method': 'GET', 'http.response.status_code': 200 + (random() % 300) }),
      droppedAttributesCount: 0,
      events: '[]',
      droppedEventsCount: 0,
      links: '[]',
      droppedLinksCount: 0,
      resource: DEFAULT_RESOURCE,
      scope: DEFAULT_SCOPE,
      ...overrides,
    };
  };

  const trace = (count: number, overrides: Partial<Span> = {}): Span[] => {
    const root = span({ traceId: id(16), name: 'root', ...overrides });
    const children = Array.from({ length: count - 1 }, (_, at) =>
      span({
        ...overrides,
        traceId: root.traceId,
        spanId: id(8),
        parentSpanId: root.spanId,
        name: `child-${at}`,
        startTimeUnixNano: root.startTimeUnixNano + BigInt(at + 1) * 1_000_000n,
      }),
    );
    return [root, ...children];
  };

  const logRecord = (overrides: Partial<LogRecord> = {}): LogRecord => {
    const timeUnixNano = overrides.timeUnixNano ?? nextTime();
    return {
      timeUnixNano,
      observedTimeUnixNano: timeUnixNano + 5n,
      severityNumber: 9,
      severityText: 'INFO',
      eventName: '',
      body: JSON.stringify(`message ${random()}`),
      attributes: '{"log.iostream":"stdout"}',
      droppedAttributesCount: 0,
      flags: 0,
      traceId: undefined,
      spanId: undefined,
      resource: DEFAULT_RESOURCE,
      scope: DEFAULT_SCOPE,
      ...overrides,
    };
  };

  const metricPoint = (type: MetricType, overrides: Partial<MetricPoint> = {}): MetricPoint => {
    const timeUnixNano = overrides.timeUnixNano ?? nextTime();
    return {
      metric: metric(type),
      timeUnixNano,
      startTimeUnixNano: timeUnixNano - 60_000_000_000n,
      flags: 0,
      attributes: `{"host.name":"h${random() % 4}"}`,
      ...POINT_VALUES[type],
      exemplars: '[]',
      resource: DEFAULT_RESOURCE,
      scope: DEFAULT_SCOPE,
      ...overrides,
    };
  };

  return { id, span, trace, logRecord, metricPoint };
}

/** A decoded frame around some records; its receive time tells its sequence. */
export function decodedFrame(sequence: number, records: Partial<DecodedFrame>): DecodedFrame {
  return {
    sequence,
    workspace: 'default',
    receivedTimeUnixMs: 1_767_225_600_000 + sequence,
    bytes: 0,
    native: undefined,
    spans: [],
    logRecords: [],
    metricPoints: [],
    ...records,
  };
}

export interface SpanLoad {
  /** Characters of JSON text in every span's attributes. */
  attributeChars: number;
  /** Traces that are open at a time; each has 5 to 15 spans, and its root comes last. */
  openTraces: number;
}

/** An endless stream of spans as many clients at once would send them: traces interleaved, ids fresh. */
export function spanLoad(seed: number, { attributeChars, openTraces }: SpanLoad): (count: number) => Span[] {
  const random = randomSource(seed);
  const source = recordSource(random());
  const filler = 'x'.repeat(Math.max(0, attributeChars - 60));
  const open = Array.from({ length: openTraces }, () => ({
    traceId: source.id(16),
    rootId: source.id(8),
    left: 5 + (random() % 11),
  }));
  const nextSpan = (): Span => {
    const slot = open[random() % openTraces]!;
    const last = --slot.left === 0;
    const span = source.span({
      traceId: slot.traceId,
      parentSpanId: last ? undefined : slot.rootId,
      ...(last ? { spanId: slot.rootId } : {}),
      attributes: `{"http.request.method":"GET","user.id":"u${random() % 10_000}","data":"${filler}"}`,
    });
    if (last) Object.assign(slot, { traceId: source.id(16), rootId: source.id(8), left: 5 + (random() % 11) });
    return span;
  };
  return (count) => Array.from({ length: count }, nextSpan);
}
