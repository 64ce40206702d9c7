/**
 * Every metric of the process, in one Prometheus registry of its own. What the OpenTelemetry Collector measures as well
 * carries the Collector's name (docs: opentelemetry.io/docs/collector/internal-telemetry), so that its dashboards and
 * alerts work here; the rest starts with `promptmetrics_`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ConsumerLag, Signal } from '../component.js';
import type { CountedMetric } from './self-telemetry/bridge.js';

/** How the Collector names the items of a signal. */
export const ITEMS: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  logs: 'log_records',
  metrics: 'metric_points',
};

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_ITEMS = [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000];
const BATCH_BYTES = Array.from({ length: 9 }, (_, power) => 1024 * 4 ** power);

type PerSignal<Labels extends string> = Readonly<Record<Signal, Counter<Labels>>>;
type ReceiverLabels = 'receiver' | 'transport';

/** What a tail sampler has in memory. */
export interface ObservedSampler {
  waiting: number;
  remembered: number;
}

/** What the buffer's gauges show. */
export interface BufferGauges {
  bytes: number;
  maxBytes: number;
  consumers: Readonly<Record<string, ConsumerLag>>;
  /** Of consumers that may hold less than the whole buffer, how much. */
  capacities?: Readonly<Record<string, number>>;
}

function perSignal<const Labels extends string>(
  registry: Registry,
  name: (items: string) => string,
  help: (items: string) => string,
  labelNames: readonly Labels[],
): PerSignal<Labels> {
  const counter = (items: string) =>
    new Counter({ name: name(items), help: help(items.replace('_', ' ')), labelNames, registers: [registry] });
  return { traces: counter(ITEMS.traces), logs: counter(ITEMS.logs), metrics: counter(ITEMS.metrics) };
}

function receiverMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames: ReceiverLabels[] = ['receiver', 'transport'];
  const items = (verb: string, meaning: string) =>
    perSignal(
      registry,
      (name) => `otelcol_receiver_${verb}_${name}_total`,
      (name) => `${name} ${meaning}`,
      labelNames,
    );
  return {
    accepted: items('accepted', 'that are in the buffer'),
    refused: items('refused', 'that were sent back to be tried again: buffer full, disk full, overload, shutdown'),
    failed: items('failed', 'lost to a fault of the receiver itself'),
    rejected: new Counter({
      name: 'promptmetrics_receiver_rejected_items_total',
      help: 'Invalid items, left out of requests that were accepted otherwise (partial success)',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requests: new Counter({
      name: 'otelcol_receiver_requests_total',
      help: 'Requests by outcome: success, refused (try again) or failure; code tells whose fault',
      labelNames: [...labelNames, 'signal', 'outcome', 'code'],
      registers,
    }),
    receivedBytes: new Counter({
      name: 'promptmetrics_receiver_payload_bytes_total',
      help: 'Bytes of request bodies, as they were on the wire',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'promptmetrics_receiver_request_duration_seconds',
      help: 'From the first byte of a request to its answer, made durable in between',
      labelNames: [...labelNames, 'signal'],
      buckets: SECONDS,
      registers,
    }),
    wrongProtocolPeers: new Counter({
      name: 'promptmetrics_receiver_wrong_protocol_peers_total',
      help: 'Peers that spoke another protocol than the port they called',
      labelNames: ['transport', 'spoken'],
      registers,
    }),
    tlsReloads: new Counter({
      name: 'promptmetrics_receiver_tls_reloads_total',
      help: 'Times that changed certificate files were read, by outcome',
      labelNames: ['transport', 'outcome'],
      registers,
    }),
  };
}

/** Read when Prometheus asks, from whatever `source` the gateway has given. */
function bufferGauges(registry: Registry, source: () => BufferGauges | undefined) {
  const registers = [registry];
  const consumers = (set: (name: string, lag: ConsumerLag, maxBytes: number) => void) => {
    const state = source();
    for (const [name, lag] of Object.entries(state?.consumers ?? {})) {
      set(name, lag, state!.capacities?.[name] ?? state!.maxBytes);
    }
  };
  const lagGauge = (name: string, help: string, label: string, read: (lag: ConsumerLag, maxBytes: number) => number) =>
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        consumers((consumer, lag, maxBytes) => this.set({ [label]: consumer }, read(lag, maxBytes)));
      },
    });
  const stateGauge = (name: string, help: string, read: (state: BufferGauges) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const state = source();
        if (state) this.set(read(state));
      },
    });
  const lagName = (unit: string) => `promptmetrics_buffer_consumer_lag_${unit}`;
  stateGauge('promptmetrics_buffer_bytes', 'Bytes of the durable buffer in use', (state) => state.bytes);
  stateGauge('promptmetrics_buffer_limit_bytes', 'Bytes the durable buffer may use', (state) => state.maxBytes);
  lagGauge(lagName('bytes'), 'Bytes this consumer has not released yet', 'consumer', (lag) => lag.bytes);
  lagGauge(lagName('items'), 'Items this consumer has not released yet', 'consumer', (lag) => lag.items);
  lagGauge(lagName('frames'), 'Requests this consumer has not released yet', 'consumer', (lag) => lag.frames);
  lagGauge(lagName('seconds'), 'Age of the oldest', 'consumer', (lag) => lag.oldestAgeMs / 1000);
  // The Collector's pair for "scale out at 60 to 70 %"; both in bytes here, as its queue's `sizer: bytes` has them.
  lagGauge('otelcol_exporter_queue_size', 'Bytes that wait for this consumer', 'exporter', (lag) => lag.bytes);
  lagGauge('otelcol_exporter_queue_capacity', 'Bytes that may wait', 'exporter', (_lag, maxBytes) => maxBytes);
}

function bufferMetrics(registry: Registry) {
  const registers = [registry];
  return {
    commitDuration: new Histogram({
      name: 'promptmetrics_buffer_commit_duration_seconds',
      help: 'Time of one group commit: write and sync',
      buckets: SECONDS,
      registers,
    }),
    commitFrames: new Histogram({
      name: 'promptmetrics_buffer_commit_frames',
      help: 'Requests that shared one group commit',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    }),
    commitBytes: new Counter({
      name: 'promptmetrics_buffer_committed_bytes_total',
      help: 'Bytes that were made durable',
      registers,
    }),
    accepting: new Gauge({
      name: 'promptmetrics_buffer_accepting',
      help: '1 while the buffer takes requests, 0 while it is full or its disk is full or has failed',
      registers,
    }),
    stateChanges: new Counter({
      name: 'promptmetrics_buffer_state_changes_total',
      help: 'Times the buffer came into a state: open, full, disk-full, failed',
      labelNames: ['state'],
      registers,
    }),
    cursorFailures: new Counter({
      name: 'promptmetrics_buffer_cursor_failures_total',
      help: 'Times the cursors of the consumers could not be kept on disk',
      registers,
    }),
    damagedPlaces: new Counter({
      name: 'promptmetrics_buffer_damaged_places_total',
      help: 'Places in the buffer that held no whole frame, though one was written there, found at start',
      registers,
    }),
    damagedFrames: new Counter({
      name: 'promptmetrics_buffer_damaged_frames_total',
      help: 'Frames that are missing there, as far as their neighbours tell (of the first thousand places)',
      registers,
    }),
    truncatedBytes: new Counter({
      name: 'promptmetrics_buffer_truncated_bytes_total',
      help: 'Bytes of a torn, never acknowledged tail that the start cut off',
      registers,
    }),
  };
}

function exporterMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames = ['exporter'] as const;
  const items = (verb: string, meaning: string) =>
    perSignal(
      registry,
      (name) => `otelcol_exporter_${verb}_${name}_total`,
      (name) => `${name} ${meaning}`,
      labelNames,
    );
  return {
    sent: items('sent', 'delivered; the store counts as exporter "store"'),
    sendFailed: items('send_failed', 'that a backend refused for good, as a whole request or within one'),
    dropped: new Counter({
      name: 'promptmetrics_exporter_dropped_items_total',
      help: 'Items that were given up because the exporter lagged by more than its share of the buffer',
      labelNames,
      registers,
    }),
    leftOut: new Counter({
      name: 'promptmetrics_exporter_left_out_items_total',
      help: 'Items that a filter or a sampler of the configuration kept from the exporter',
      labelNames: [...labelNames, 'signal', 'processor'],
      registers,
    }),
    unusable: new Counter({
      name: 'promptmetrics_exporter_unusable_frames_total',
      help: 'Requests in the buffer that could not be read for export',
      labelNames,
      registers,
    }),
    retries: new Counter({
      name: 'promptmetrics_exporter_retries_total',
      help: 'Requests that the backend did not take and that are tried again',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'promptmetrics_exporter_request_duration_seconds',
      help: 'Time of one request that the backend took',
      labelNames,
      buckets: SECONDS,
      registers,
    }),
    batchItems: new Histogram({
      name: 'otelcol_exporter_queue_batch_send_size',
      help: 'Items in a batch',
      labelNames,
      buckets: BATCH_ITEMS,
      registers,
    }),
    batchBytes: new Histogram({
      name: 'otelcol_exporter_queue_batch_send_size_bytes',
      help: 'Bytes in a batch',
      labelNames,
      buckets: BATCH_BYTES,
      registers,
    }),
  };
}

export interface ObservedExporter {
  inFlight: number;
  /** Open as long as a backend of it takes nothing. */
  circuit: 'closed' | 'open';
}

/** Read when Prometheus asks; the gateway says from where. */
function exporterGauges(registry: Registry, source: () => Readonly<Record<string, ObservedExporter>>): void {
  const gauge = (name: string, help: string, read: (exporter: ObservedExporter) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['exporter'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [exporter, observed] of Object.entries(source())) this.set({ exporter }, read(observed));
      },
    });
  gauge('otelcol_exporter_in_flight_requests', 'Requests that are under way to the backend', (one) => one.inFlight);
  gauge(
    'promptmetrics_exporter_up',
    '0 as long as one of the places that the exporter sends to takes nothing',
    ({ circuit }) => Number(circuit === 'closed'),
  );
}

function tailSamplingMetrics(registry: Registry) {
  const registers = [registry];
  const counter = <const Labels extends string>(name: string, help: string, labels: readonly Labels[]) =>
    new Counter({ name, help, labelNames: ['processor', ...labels] as const, registers });
  const own = (name: string) => `otelcol_processor_tail_sampling_${name}_total`;
  return {
    newTraces: counter(own('new_trace_id_received'), 'Traces that came for the first time', []),
    decided: counter(own('global_count_traces_sampled'), 'Traces that were decided on', ['sampled']),
    keptBy: counter(own('count_traces_sampled'), 'Traces that a policy keeps; each counts for every one that does', [
      'policy',
    ]),
    late: counter(
      own('early_releases_from_cache_decision'),
      'Spans and log records that came when their trace was decided; after a restart some count again',
      ['sampled'],
    ),
    early: counter(
      'promptmetrics_tail_sampling_decided_early_traces_total',
      'Traces that were decided on before their time, because too much waited',
      [],
    ),
    unreadable: counter(
      'promptmetrics_tail_sampling_unreadable_frames_total',
      'Requests that told no policy anything: they could not be read, or no thread survived it; after a restart some count again',
      [],
    ),
    unknown: counter(
      'promptmetrics_tail_sampling_unknown_items_total',
      'Spans and log records that were kept because nothing is known of their trace any more',
      ['exporter'],
    ),
  };
}

/** Read when Prometheus asks; the gateway says from where. */
function tailSamplingGauges(registry: Registry, source: () => Readonly<Record<string, ObservedSampler>>): void {
  const gauge = (name: string, help: string, read: (sampler: ObservedSampler) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['processor'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [processor, observed] of Object.entries(source())) this.set({ processor }, read(observed));
      },
    });
  const waiting = 'otelcol_processor_tail_sampling_sampling_traces_on_memory';
  gauge(waiting, 'Traces that wait for their verdict', (sampler) => sampler.waiting);
  const remembered = 'promptmetrics_tail_sampling_remembered_verdicts';
  gauge(remembered, 'Verdicts in memory, for what comes late', (sampler) => sampler.remembered);
}

function promptMetrics(registry: Registry) {
  const registers = [registry];
  return {
    adopted: new Counter({
      name: 'promptmetrics_prompt_versions_adopted_total',
      help: 'Versions that came into the content store past the gateway, and are served now',
      registers,
    }),
    unusable: new Counter({
      name: 'promptmetrics_prompt_files_unusable_total',
      help: 'Files of the content store that are no prompts',
      registers,
    }),
    settled: new Counter({
      name: 'promptmetrics_prompt_writes_settled_total',
      help: 'Writes that were broken off, and were completed or taken back',
      labelNames: ['outcome'],
      registers,
    }),
    deferred: new Counter({
      name: 'promptmetrics_prompt_writes_deferred_total',
      help: 'Tries to write a version that the content store could not take, so that it is pending',
      registers,
    }),
    stale: new Counter({
      name: 'promptmetrics_prompts_served_stale_total',
      help: 'Answers as they were known last, because the database or the content store could not be asked',
      registers,
    }),
    textsForgotten: new Counter({
      name: 'promptmetrics_prompt_texts_forgotten_total',
      help: 'Templates and rendered texts that spans are recognised by no more, because others came after them',
      registers,
    }),
  };
}

function storeMetrics(registry: Registry) {
  const registers = [registry];
  return {
    decodeDuration: new Histogram({
      name: 'promptmetrics_store_decode_duration_seconds',
      help: 'Time to decode one batch',
      buckets: SECONDS,
      registers,
    }),
    writeDuration: new Histogram({
      name: 'promptmetrics_store_write_duration_seconds',
      help: 'Time of the one transaction that stores a batch',
      buckets: SECONDS,
      registers,
    }),
    duplicateSpans: new Counter({
      name: 'promptmetrics_store_duplicate_spans_total',
      help: 'Spans that were stored already, by workspace, trace id and span id',
      registers,
    }),
    mappingFailures: new Counter({
      name: 'promptmetrics_store_mapping_failures_total',
      help: 'Spans and logs that were stored, but could not be read for what they tell of calls to models',
      registers,
    }),
    cutTexts: new Counter({
      name: 'promptmetrics_store_cut_texts_total',
      help: 'Texts of attributes, events and log bodies that were cut, being over MAX_ATTRIBUTE_BYTES',
      registers,
    }),
    up: new Gauge({
      name: 'promptmetrics_store_up',
      help: '1 while the store takes batches, 0 from the first that it could not take',
      registers,
    }),
    outages: new Counter({
      name: 'promptmetrics_store_outages_total',
      help: 'Times the store stopped taking batches',
      registers,
    }),
    unreadableBlocks: new Counter({
      name: 'promptmetrics_store_unreadable_blocks_total',
      help: 'Block files that were found unreadable and are left out of answers',
      registers,
    }),
  };
}

function auditMetrics(registry: Registry) {
  const registers = [registry];
  return {
    appended: new Counter({
      name: 'promptmetrics_audit_entries_total',
      help: 'Entries that telemetry writes brought to the audit log, those that were there already included',
      registers,
    }),
    duration: new Histogram({
      name: 'promptmetrics_audit_append_duration_seconds',
      help: 'Time of the one transaction that appends what several batches tell the audit log',
      buckets: SECONDS,
      registers,
    }),
    up: new Gauge({
      name: 'promptmetrics_audit_trail_up',
      help: '1 while the audit log takes what telemetry writes tell it, 0 from the first that it could not take',
      registers,
    }),
  };
}

function deadLetterMetrics(registry: Registry) {
  const registers = [registry];
  return {
    written: new Counter({
      name: 'promptmetrics_dead_letters_total',
      help: 'Frames that could not be decoded or written and were set aside',
      registers,
    }),
    dropped: new Counter({
      name: 'promptmetrics_dead_letters_dropped_total',
      help: 'Dead letters that were deleted to keep within the limit',
      registers,
    }),
  };
}

function apiMetrics(registry: Registry) {
  return {
    errors: new Counter({
      name: 'promptmetrics_api_errors_total',
      help: 'Requests to the API port answered with a 5xx, by error code (STORE_UNAVAILABLE, QUERY_TIMEOUT, …)',
      labelNames: ['code'],
      registers: [registry],
    }),
    requestDuration: new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of requests to the API port, by route',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
      buckets: SECONDS,
      registers: [registry],
    }),
  };
}

function limitMetrics(registry: Registry) {
  const registers = [registry];
  return {
    sharing: new Gauge({
      name: 'promptmetrics_rate_limit_sharing',
      help: '1 while Redis counts for all gateways, 0 while this process counts for itself (always without REDIS_URL)',
      registers,
    }),
    outages: new Counter({
      name: 'promptmetrics_rate_limit_redis_outages_total',
      help: 'Times Redis could not be asked any more',
      registers,
    }),
    forgotten: new Counter({
      name: 'promptmetrics_rate_limit_forgotten_total',
      help: 'Keys or addresses whose count began anew because too many others called',
      registers,
    }),
  };
}

/** As Prometheus tells of its own configuration; what the process was started with counts as read. */
function configReloadMetrics(registry: Registry) {
  const registers = [registry];
  const reloads = new Counter({
    name: 'promptmetrics_config_reloads_total',
    help: 'Times the configuration was read anew, by whether it was taken over',
    labelNames: ['outcome'],
    registers,
  });
  const successful = new Gauge({
    name: 'promptmetrics_config_last_reload_successful',
    help: '0 when the configuration that was read last has faults, or could not be taken over',
    registers,
  });
  const successTime = new Gauge({
    name: 'promptmetrics_config_last_reload_success_timestamp_seconds',
    help: 'When a configuration was taken over last, in seconds since the epoch',
    registers,
  });
  for (const outcome of ['success', 'failure']) reloads.inc({ outcome }, 0);
  successful.set(1);
  successTime.setToCurrentTime();
  return { reloads, successful, successTime };
}

/** Node's own metrics under prom-client's names, and those of the Collector that mean the same here as there. */
function processMetrics(registry: Registry, version: string): void {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  gauge('otelcol_process_uptime', 'Seconds since the start', () => process.uptime());
  gauge('otelcol_process_cpu_seconds', 'CPU seconds, user and system', cpuSeconds);
  gauge('otelcol_process_memory_rss', 'Resident memory in bytes', () => process.memoryUsage.rss());
  gauge('otelcol_process_runtime_heap_alloc_bytes', 'Bytes of objects on the heap of the main thread', () => {
    return process.memoryUsage().heapUsed;
  });
  const info = new Gauge({ name: 'promptmetrics_build_info', help: 'Version', labelNames: ['version'], registers });
  info.set({ version }, 1);
}

export function createMetrics({ version }: { version: string }) {
  const registry = new Registry();
  let bufferSource: () => BufferGauges | undefined = () => undefined;
  let exporterSource: () => Readonly<Record<string, ObservedExporter>> = () => ({});
  let samplerSource: () => Readonly<Record<string, ObservedSampler>> = () => ({});
  processMetrics(registry, version);
  bufferGauges(registry, () => bufferSource());
  exporterGauges(registry, () => exporterSource());
  tailSamplingGauges(registry, () => samplerSource());
  return {
    receiver: receiverMetrics(registry),
    buffer: bufferMetrics(registry),
    exporter: exporterMetrics(registry),
    tailSampling: tailSamplingMetrics(registry),
    store: storeMetrics(registry),
    audit: auditMetrics(registry),
    deadLetters: deadLetterMetrics(registry),
    api: apiMetrics(registry),
    limits: limitMetrics(registry),
    prompts: promptMetrics(registry),
    configReload: configReloadMetrics(registry),
    /** Where the buffer's gauges are read from; nothing is shown for them before. */
    observeBuffer(source: () => BufferGauges): void {
      bufferSource = source;
    },
    /** Where the state of each exporter is read from. */
    observeExporters(source: () => Readonly<Record<string, ObservedExporter>>): void {
      exporterSource = source;
    },
    /** Where it is read from what each tail sampler has in memory. */
    observeTailSamplers(source: () => Readonly<Record<string, ObservedSampler>>): void {
      samplerSource = source;
    },
    /** Every metric, for who sends them by another way. */
    read: async (): Promise<CountedMetric[]> => (await registry.getMetricsAsJSON()) as unknown as CountedMetric[],
    contentType: registry.contentType,
    /** Prometheus text. */
    render: (): Promise<string> => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
