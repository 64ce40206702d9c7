/** `GET /debug/pipeline`: what the metrics, the buffer and the exporters know of each stage, put together when it is asked for. */
import type { ExporterState } from '../../exporters/exporter.js';
import type { Flow, Pipeline, ReadPipeline, Stage } from '../api/pipeline/source.js';
import type { BufferStats } from '../buffer/buffer.js';
import type { Progress } from '../buffer/follower.js';
import type { Totals } from '../buffer/marks.js';
import { type ConsumerLag, SIGNALS, type Signal } from '../component.js';
import type { LastErrors, NotedStage } from './last-errors.js';
import type { Metrics } from './metrics.js';

export interface PipelineOptions {
  metrics: Metrics;
  lastErrors: LastErrors;
  buffer: { stats(): BufferStats; progress(): Record<string, Progress> };
  exporters: { states(): Record<string, ExporterState> };
  /** Absent where nothing is stored. */
  store?: { lag(): ConsumerLag; writers: number };
  inFlight: { readonly bytes: number };
}

type Labels = Readonly<Record<string, string | number | undefined>>;

interface Sample {
  labels: Labels;
  value: number;
  /** Of a histogram: `…_sum`, `…_count`, `…_bucket`. */
  metricName?: string | undefined;
}

interface Metric {
  get(): Promise<{ values: readonly Sample[] }>;
}

async function sumOf(metric: Metric, wanted: Labels = {}, suffix?: string): Promise<number> {
  const { values } = await metric.get();
  const isWanted = ({ labels, metricName }: Sample) =>
    Object.entries(wanted).every(([name, value]) => labels[name] === value) &&
    (suffix === undefined || metricName?.endsWith(suffix) === true);
  return values.filter(isWanted).reduce((sum, { value }) => sum + value, 0);
}

async function bySignal(metric: Readonly<Record<Signal, Metric>>, wanted: Labels): Promise<Record<Signal, number>> {
  const sums = await Promise.all(SIGNALS.map(async (signal) => [signal, await sumOf(metric[signal], wanted)] as const));
  return Object.fromEntries(sums) as Record<Signal, number>;
}

function total(signals: Readonly<Record<Signal, number>>): number {
  return SIGNALS.reduce((sum, signal) => sum + signals[signal], 0);
}

function itemsOf(signals: Readonly<Record<Signal, number>>): Flow {
  return { items: total(signals), signals };
}

function flowOf({ frames: requests, items, bytes, signals }: Totals): Flow {
  return { requests, items, bytes, signals };
}

const RECEIVERS: readonly { stage: NotedStage; name: string; labels: { receiver: string; transport: string } }[] = [
  { stage: 'grpc', name: 'otlp/grpc', labels: { receiver: 'otlp', transport: 'grpc' } },
  { stage: 'http', name: 'otlp/http', labels: { receiver: 'otlp', transport: 'http' } },
  { stage: 'api', name: 'otlp/api', labels: { receiver: 'otlp/api', transport: 'http' } },
  { stage: 'native', name: 'native', labels: { receiver: 'native', transport: 'http' } },
];

/** What the buffer itself says when it takes nothing. */
const BUFFER_REFUSALS = ['BUFFER_FULL', 'DISK_FULL', 'DISK_FAILED'];

export function createPipeline(options: PipelineOptions): ReadPipeline {
  const startedTimeUnixMs = Date.now();
  return async (): Promise<Pipeline> => {
    const receivers = RECEIVERS.filter(({ stage }) => options.store !== undefined || stage !== 'native');
    const stages = await Promise.all([
      ...receivers.map((receiver) => receiverStage(receiver, options)),
      bufferStage(options),
      ...(options.store ? [storeStage(options, options.store), auditStage(options)] : []),
      ...Object.entries(options.exporters.states()).map(([name, state]) => exporterStage(name, state, options)),
    ]);
    return { startedTimeUnixMs, stages };
  };
}

async function receiverStage(
  { stage, name, labels }: (typeof RECEIVERS)[number],
  { metrics: { receiver }, lastErrors }: PipelineOptions,
): Promise<Stage> {
  const [accepted, refused, failed] = await Promise.all([
    bySignal(receiver.accepted, labels),
    bySignal(receiver.refused, labels),
    bySignal(receiver.failed, labels),
  ]);
  const [requests, bytes, rejected, taken, sentBack] = await Promise.all([
    sumOf(receiver.requests, labels),
    sumOf(receiver.receivedBytes, labels),
    sumOf(receiver.rejected, labels),
    sumOf(receiver.requests, { ...labels, outcome: 'success' }),
    sumOf(receiver.requests, { ...labels, outcome: 'refused' }),
  ]);
  const items = total(accepted) + total(refused) + total(failed) + rejected;
  return {
    kind: 'receiver',
    name,
    status: 'ok',
    in: { requests, items, bytes },
    out: { requests: taken, ...itemsOf(accepted) },
    refused: { requests: sentBack, ...itemsOf(refused) },
    dropped: { invalid: rejected, failed: total(failed) },
    details: { failed_requests: requests - taken - sentBack },
    lastError: lastErrors.of(stage),
  };
}

async function bufferStage({
  metrics,
  lastErrors,
  buffer,
  inFlight,
  store,
  exporters,
}: PipelineOptions): Promise<Stage> {
  const { state, maxBytes, segments, pendingAppends, bytes, frames, items } = buffer.stats();
  const { commitFrames, commitBytes, damagedFrames } = metrics.buffer;
  const { requests } = metrics.receiver;
  const refusals = await Promise.all(BUFFER_REFUSALS.map((code) => sumOf(requests, { code })));
  const released = Object.values(buffer.progress()).map((one) => one.released);
  const lags = [...(store ? [store.lag()] : []), ...Object.values(exporters.states()).map(({ lag }) => lag)];
  const slowest = released.toSorted((a, b) => a.frames - b.frames)[0];
  return {
    kind: 'buffer',
    name: 'buffer',
    status: state === 'open' ? 'ok' : state,
    in: { requests: await sumOf(commitFrames, {}, '_sum'), bytes: await sumOf(commitBytes) },
    out: slowest ? flowOf(slowest) : {},
    refused: { requests: refusals.reduce((sum, count) => sum + count, 0) },
    dropped: { damaged_frames: await sumOf(damagedFrames) },
    lag: { bytes, frames, items, oldestAgeMs: Math.max(0, ...lags.map(({ oldestAgeMs }) => oldestAgeMs)) },
    details: {
      commits: await sumOf(commitFrames, {}, '_count'),
      max_bytes: maxBytes,
      segments,
      pending_requests: pendingAppends,
      bytes_in_flight: inFlight.bytes,
    },
    lastError: lastErrors.of('buffer'),
  };
}

async function storeStage(
  { metrics: { exporter, store }, lastErrors, buffer }: PipelineOptions,
  { lag, writers }: NonNullable<PipelineOptions['store']>,
): Promise<Stage> {
  const taken = buffer.progress().store?.taken;
  return {
    kind: 'store',
    name: 'store',
    status: lastErrors.isFailing('store') ? 'failing' : 'ok',
    in: taken ? flowOf(taken) : {},
    out: itemsOf(await bySignal(exporter.sent, { exporter: 'store' })),
    dropped: {
      duplicate_spans: await sumOf(store.duplicateSpans),
      dead_letter_requests: lastErrors.storeDeadLetters,
    },
    lag: lag(),
    details: {
      writers,
      batches: await sumOf(store.writeDuration, {}, '_count'),
      decode_seconds: await sumOf(store.decodeDuration, {}, '_sum'),
      map_seconds: await sumOf(store.mapDuration, {}, '_sum'),
      write_seconds: await sumOf(store.writeDuration, {}, '_sum'),
      unmapped_items: await sumOf(store.mappingFailures),
      cut_texts: await sumOf(store.cutTexts),
    },
    lastError: lastErrors.of('store'),
  };
}

async function auditStage({ metrics: { audit }, lastErrors }: PipelineOptions): Promise<Stage> {
  const items = await sumOf(audit.appended);
  return {
    kind: 'audit',
    name: 'audit trail',
    status: lastErrors.isFailing('audit') ? 'failing' : 'ok',
    in: {},
    out: { items },
    dropped: {},
    details: {
      transactions: await sumOf(audit.duration, {}, '_count'),
      write_seconds: await sumOf(audit.duration, {}, '_sum'),
    },
    lastError: lastErrors.of('audit'),
  };
}

async function exporterStage(
  name: string,
  state: ExporterState,
  { metrics: { exporter }, buffer }: PipelineOptions,
): Promise<Stage> {
  const labels = { exporter: name };
  const taken = buffer.progress()[name]?.taken;
  return {
    kind: 'exporter',
    name,
    status: state.circuit === 'open' ? 'failing' : 'ok',
    in: taken ? flowOf(taken) : {},
    out: itemsOf(await bySignal(exporter.sent, labels)),
    dropped: {
      refused_by_backend: total(await bySignal(exporter.sendFailed, labels)),
      lagged_too_far: state.droppedItems,
      ...(await leftOut(exporter.leftOut, name)),
      unreadable_requests: await sumOf(exporter.unusable, labels),
    },
    lag: state.lag,
    details: {
      in_flight_requests: state.inFlight,
      max_lag_bytes: state.maxLagBytes,
      retries: await sumOf(exporter.retries, labels),
      batches: await sumOf(exporter.requestDuration, labels, '_count'),
      request_seconds: await sumOf(exporter.requestDuration, labels, '_sum'),
    },
    lastError: state.lastError,
  };
}

/** What the filters and samplers in front of it kept from it, by their ids. */
async function leftOut(metric: Metric, exporter: string): Promise<Record<string, number>> {
  const { values } = await metric.get();
  const sums: Record<string, number> = {};
  for (const { labels, value } of values) {
    const why = `left_out_by_${labels.processor}`;
    if (labels.exporter === exporter) sums[why] = (sums[why] ?? 0) + value;
  }
  return sums;
}
