/** A TelemetryReader over arrays: the interface's rules in their plainest form, and a record of what was asked. */
import type { LogRecord, MetricPoint, Span, TraceRecord } from '../../src/model/telemetry.js';
import type { Keyset, Page } from '../../src/store/page.js';
import type {
  ListQuery,
  LogQuery,
  MetricQuery,
  SpanQuery,
  StoredLogRecord,
  StoredMetricPoint,
  StoredSpan,
  StoredTrace,
  TelemetryReader,
  TraceQuery,
  TraceSummary,
} from '../../src/store/telemetry/telemetry.js';

const RECEIVED_TIME_UNIX_MS = 1_767_225_600_123;

type In<Item> = Item & { workspace: string };

export interface TelemetryMemory extends TelemetryReader {
  addSpans(workspace: string, spans: readonly Span[]): void;
  /** Spans with these ids take the place of those that have them. */
  reviseSpans(workspace: string, spans: readonly Span[]): void;
  declareTraces(workspace: string, records: readonly TraceRecord[]): void;
  deleteTrace(workspace: string, traceId: Uint8Array): void;
  addLogRecords(workspace: string, records: readonly LogRecord[]): void;
  addMetricPoints(workspace: string, points: readonly MetricPoint[]): void;
  /** Every list query so far. */
  readonly queries: (TraceQuery | SpanQuery | LogQuery | MetricQuery)[];
  /** Every read rejects with this while it is set. */
  failure: unknown;
}

const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');
const sameId = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.compare(a, b) === 0;

interface Positioned<Item> {
  item: Item;
  timeUnixNano: bigint;
  id: string;
}

/** Newest first; ties by id, descending. */
function compare(a: Keyset, b: Keyset): number {
  if (a.timeUnixNano !== b.timeUnixNano) return a.timeUnixNano > b.timeUnixNano ? -1 : 1;
  return a.id > b.id ? -1 : a.id < b.id ? 1 : 0;
}

function pageOf<Item>(all: Positioned<Item>[], { limit, after, offset = 0, order }: ListQuery): Page<Item> {
  const ordered = (a: Keyset, b: Keyset) => (order === 'asc' ? compare(b, a) : compare(a, b));
  const sorted = all.toSorted(ordered);
  const following = after ? sorted.filter((each) => ordered(each, after) > 0) : sorted;
  const taken = following.slice(offset, offset + limit);
  const last = taken.at(-1);
  const more = following.length > offset + limit;
  return {
    items: taken.map(({ item }) => item),
    total: all.length,
    totalRelation: 'eq',
    ...(more && last && { next: { timeUnixNano: last.timeUnixNano, id: last.id } }),
  };
}

function within({ fromUnixNano, toUnixNano }: ListQuery, time: bigint): boolean {
  return (fromUnixNano === undefined || time >= fromUnixNano) && (toUnixNano === undefined || time < toUnixNano);
}

type Described = Pick<Span, 'attributes' | 'resource'>;

function hasAttributes({ attributes: wanted = [] }: ListQuery, record: Described): boolean {
  const own = { ...JSON.parse(record.resource.attributes), ...JSON.parse(record.attributes) };
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return wanted.every(({ key, value }) => Object.hasOwn(own, key) && text(own[key]) === value);
}

function matches(query: ListQuery, record: In<Described>, time: bigint): boolean {
  const { workspace, service } = query;
  const ofService = service === undefined || record.resource.serviceName === service;
  return record.workspace === workspace && ofService && within(query, time) && hasAttributes(query, record);
}

function groupById(spans: StoredSpan[]): Map<string, StoredSpan[]> {
  const groups = new Map<string, StoredSpan[]>();
  for (const span of spans) {
    const group = groups.get(hex(span.traceId));
    if (group) group.push(span);
    else groups.set(hex(span.traceId), [span]);
  }
  return groups;
}

const latest = (times: bigint[]) => times.toSorted((a, b) => (a < b ? 1 : -1))[0]!;

const NANOS_PER_MS = 1_000_000n;

function summarizeDeclared(record: TraceRecord): TraceSummary {
  const time = BigInt(record.createdTimeUnixMs) * NANOS_PER_MS;
  return {
    traceId: record.traceId,
    record,
    name: '',
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    spanCount: 0,
    errorCount: 0,
    services: [],
    receivedTimeUnixMs: record.createdTimeUnixMs,
  };
}

function summarize(spans: StoredSpan[], record: TraceRecord | undefined): TraceSummary {
  const named = spans.find(({ parentSpanId }) => parentSpanId === undefined) ?? spans[0]!;
  return {
    traceId: named.traceId,
    ...(record && { record }),
    name: named.name,
    startTimeUnixNano: spans[0]!.startTimeUnixNano,
    endTimeUnixNano: latest(spans.map(({ endTimeUnixNano }) => endTimeUnixNano)),
    spanCount: spans.length,
    errorCount: spans.filter(({ statusCode }) => statusCode === 2).length,
    services: [...new Set(spans.map(({ resource }) => resource.serviceName))].sort(),
    receivedTimeUnixMs: RECEIVED_TIME_UNIX_MS,
  };
}

function traceMatches(query: TraceQuery, { summary, spans }: StoredTrace): boolean {
  const { name, status, minDurationNano, service, promptName, versionTag, attributes = [] } = query;
  const { record, startTimeUnixNano, endTimeUnixNano, errorCount } = summary;
  return (
    (name === undefined || summary.name === name) &&
    (status === undefined || (status === 'error') === errorCount > 0) &&
    (minDurationNano === undefined || endTimeUnixNano - startTimeUnixNano >= minDurationNano) &&
    (service === undefined || summary.services.includes(service)) &&
    (promptName === undefined || record?.promptName === promptName) &&
    (versionTag === undefined || record?.versionTag === versionTag) &&
    within(query, startTimeUnixNano) &&
    (attributes.length === 0 || spans.some((span) => hasAttributes(query, span)))
  );
}

function spanMatches(query: SpanQuery, span: In<StoredSpan>): boolean {
  const { name, kind, statusCode } = query;
  return (
    matches(query, span, span.startTimeUnixNano) &&
    (name === undefined || span.name === name) &&
    (kind === undefined || span.kind === kind) &&
    (statusCode === undefined || span.statusCode === statusCode)
  );
}

function logMatches(query: LogQuery, record: In<StoredLogRecord>): boolean {
  const { traceId, spanId, minSeverityNumber, eventName, bodyContains } = query;
  return (
    matches(query, record, record.timeUnixNano || record.observedTimeUnixNano) &&
    (traceId === undefined || sameId(record.traceId, traceId)) &&
    (spanId === undefined || sameId(record.spanId, spanId)) &&
    (minSeverityNumber === undefined || record.severityNumber >= minSeverityNumber) &&
    (eventName === undefined || record.eventName === eventName) &&
    (bodyContains === undefined || record.body.toLowerCase().includes(bodyContains.toLowerCase()))
  );
}

export function createTelemetryMemory(): TelemetryMemory {
  const spans: In<StoredSpan>[] = [];
  const declared: In<TraceRecord>[] = [];
  const logs: In<StoredLogRecord>[] = [];
  const points: In<StoredMetricPoint>[] = [];
  const queries: TelemetryMemory['queries'] = [];

  const traces = (workspace: string): StoredTrace[] => {
    const byId = groupById(spans.filter((span) => span.workspace === workspace));
    const records = declared.filter((record) => record.workspace === workspace);
    const bare = records.filter(({ traceId }) => !byId.has(hex(traceId)));
    const filled = [...byId.values()].map((group) => {
      const sorted = group.toSorted((a, b) => -compare(position(a), position(b)));
      const record = records.find(({ traceId }) => sameId(traceId, group[0]!.traceId));
      return { summary: summarize(sorted, record), spans: sorted };
    });
    return [...filled, ...bare.map((record) => ({ summary: summarizeDeclared(record), spans: [] }))];
  };
  const remove = <Row>(rows: Row[], goes: (row: Row) => boolean) => {
    rows.splice(0, rows.length, ...rows.filter((row) => !goes(row)));
  };
  const position = (span: StoredSpan) => ({ timeUnixNano: span.startTimeUnixNano, id: hex(span.spanId) });
  const asked = (query: ListQuery): void => {
    if (memory.failure !== undefined) throw memory.failure;
    queries.push(query);
  };
  const stored = (workspace: string) => ({ workspace, receivedTimeUnixMs: RECEIVED_TIME_UNIX_MS });
  const rowId = (index: number) => String(index).padStart(8, '0');

  const memory: TelemetryMemory = {
    queries,
    failure: undefined,
    addSpans: (workspace, added) => void spans.push(...added.map((span) => ({ ...span, ...stored(workspace) }))),
    reviseSpans(workspace, revised) {
      const isRevised = (span: In<StoredSpan>) =>
        revised.some(({ traceId, spanId }) => sameId(span.traceId, traceId) && sameId(span.spanId, spanId));
      remove(spans, (span) => span.workspace === workspace && isRevised(span));
      memory.addSpans(workspace, revised);
    },
    declareTraces: (workspace, records) => void declared.push(...records.map((record) => ({ ...record, workspace }))),
    deleteTrace(workspace, traceId) {
      remove(spans, (span) => span.workspace === workspace && sameId(span.traceId, traceId));
      remove(declared, (record) => record.workspace === workspace && sameId(record.traceId, traceId));
    },
    addLogRecords: (workspace, added) =>
      void logs.push(...added.map((record) => ({ ...record, ...stored(workspace) }))),
    addMetricPoints: (workspace, added) =>
      void points.push(...added.map((point) => ({ ...point, ...stored(workspace) }))),

    async storedBytes() {
      return 0;
    },
    async listTraces(query) {
      asked(query);
      const found = traces(query.workspace).filter((trace) => traceMatches(query, trace));
      const at = ({ summary }: StoredTrace) => ({ timeUnixNano: summary.startTimeUnixNano, id: hex(summary.traceId) });
      return pageOf(
        found.map((trace) => ({ item: trace.summary, ...at(trace) })),
        query,
      );
    },
    async getTrace(workspace, traceId) {
      if (memory.failure !== undefined) throw memory.failure;
      return traces(workspace).find(({ summary }) => sameId(summary.traceId, traceId));
    },
    async getSpan(workspace, traceId, spanId) {
      const trace = await memory.getTrace(workspace, traceId);
      return trace?.spans.find((span) => sameId(span.spanId, spanId));
    },
    async listSpans(query) {
      asked(query);
      const trace = traces(query.workspace).find(({ summary }) => sameId(summary.traceId, query.traceId));
      const found = trace?.spans.map((span) => ({ ...span, workspace: query.workspace }));
      const rows = found?.filter((span) => spanMatches(query, span));
      return (
        rows &&
        pageOf(
          rows.map((item) => ({ item, ...position(item) })),
          query,
        )
      );
    },
    async listLogs(query) {
      asked(query);
      const rows = logs.map((item, index) => ({
        item,
        timeUnixNano: item.timeUnixNano || item.observedTimeUnixNano,
        id: rowId(index),
      }));
      return pageOf(
        rows.filter(({ item }) => logMatches(query, item)),
        query,
      );
    },
    async listMetricPoints(query) {
      asked(query);
      const rows = points.map((item, index) => ({ item, timeUnixNano: item.timeUnixNano, id: rowId(index) }));
      const found = rows.filter(
        ({ item, timeUnixNano }) =>
          matches(query, item, timeUnixNano) && (query.name === undefined || item.metric.name === query.name),
      );
      return pageOf(found, query);
    },
  };
  return memory;
}
