import { describe, expect, it } from 'vitest';
import type { RequestEvent } from '../../receivers/otlp/events.js';
import { GatewayError } from '../../src/errors.js';
import { recordedObservability } from '../helpers/log.js';

type Recorded = ReturnType<typeof recordedObservability>;

/** The samples of the Prometheus text whose line starts with `name`, without the name. */
async function samples({ metrics }: Pick<Recorded, 'metrics'>, name: string): Promise<string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length));
}

const accepted: RequestEvent = {
  transport: 'http',
  signal: 'traces',
  outcome: 'accepted',
  accepted: 10,
  rejected: 0,
  refused: 0,
  bytes: 100,
  durationMs: 5,
  error: undefined,
  message: '',
};

describe('a request to a receiver', () => {
  it("is counted under the Collector's names, per receiver, transport and signal", async () => {
    const recorded = recordedObservability();
    const { receiver } = recorded.events;
    receiver.request(accepted);
    receiver.request({ ...accepted, transport: 'grpc', signal: 'logs', accepted: 3 });
    receiver.request({ ...accepted, transport: 'api', signal: 'metrics', accepted: 4 });
    expect(await samples(recorded, 'otelcol_receiver_accepted_spans_total{')).toEqual([
      'receiver="otlp",transport="http"} 10',
    ]);
    expect(await samples(recorded, 'otelcol_receiver_accepted_log_records_total{')).toEqual([
      'receiver="otlp",transport="grpc"} 3',
    ]);
    expect(await samples(recorded, 'otelcol_receiver_accepted_metric_points_total{')).toEqual([
      'receiver="otlp/api",transport="http"} 4',
    ]);
    expect(recorded.lines).toEqual([]);
  });

  it('counts what was rejected, refused and failed apart', async () => {
    const recorded = recordedObservability();
    const { receiver } = recorded.events;
    receiver.request({ ...accepted, outcome: 'partial', accepted: 8, rejected: 2, message: '2 spans: bad id' });
    const full = new GatewayError('BUFFER_FULL', 'full');
    receiver.request({ ...accepted, outcome: 'refused', accepted: 0, refused: 7, error: full });
    const bug = new GatewayError('INTERNAL_ERROR', 'bug');
    receiver.request({ ...accepted, outcome: 'failed', accepted: 0, refused: 6, error: bug });
    const labels = 'receiver="otlp",transport="http"';
    expect(await samples(recorded, 'promptmetrics_receiver_rejected_items_total{')).toEqual([
      `${labels},signal="traces"} 2`,
    ]);
    expect(await samples(recorded, 'otelcol_receiver_refused_spans_total{')).toEqual([`${labels}} 7`]);
    expect(await samples(recorded, 'otelcol_receiver_failed_spans_total{')).toEqual([`${labels}} 6`]);
    expect(await samples(recorded, 'otelcol_receiver_requests_total{')).toEqual([
      `${labels},signal="traces",outcome="success",code="PARTIAL"} 1`,
      `${labels},signal="traces",outcome="refused",code="BUFFER_FULL"} 1`,
      `${labels},signal="traces",outcome="failure",code="INTERNAL_ERROR"} 1`,
    ]);
  });

  it('shows zeros from the first on, of what it did not come to', async () => {
    const recorded = recordedObservability();
    recorded.events.receiver.request(accepted);
    const labels = 'receiver="otlp",transport="http"';
    for (const verb of ['refused', 'failed']) {
      expect(await samples(recorded, `otelcol_receiver_${verb}_spans_total{`)).toEqual([`${labels}} 0`]);
      expect(await samples(recorded, `otelcol_receiver_${verb}_log_records_total{`)).toEqual([]);
    }
  });

  it('that the buffer refuses is missing in the queues of those who hold it full, and of all when the disk is', async () => {
    const recorded = recordedObservability();
    const { receiver } = recorded.events;
    const lag = { bytes: 500, frames: 2, items: 30, oldestAgeMs: 0 };
    const consumers = { store: lag, tempo: lag };
    recorded.metrics.observeBuffer(() => ({ bytes: 500, maxBytes: 500, consumers, capacities: { tempo: 250 } }));
    const refused = { ...accepted, outcome: 'refused', accepted: 0, refused: 7 } as const;
    receiver.request({ ...refused, error: new GatewayError('BUFFER_FULL', 'full') });
    receiver.request({ ...refused, refused: 5, error: new GatewayError('DISK_FULL', 'full') });
    receiver.request({ ...refused, refused: 3, error: new GatewayError('OVERLOADED', 'too much at once') });
    expect(await samples(recorded, 'otelcol_exporter_enqueue_failed_spans_total{')).toEqual([
      'exporter="store"} 12',
      'exporter="tempo"} 5',
    ]);
    expect(await samples(recorded, 'otelcol_receiver_refused_spans_total{')).toEqual([
      'receiver="otlp",transport="http"} 15',
    ]);
    expect(await samples(recorded, 'otelcol_exporter_enqueue_failed_log_records_total{')).toEqual([
      'exporter="store"} 0',
      'exporter="tempo"} 0',
    ]);
  });

  it('that is bad is logged once, however many follow, and each is counted', async () => {
    const recorded = recordedObservability();
    const error = new GatewayError('INVALID_PAYLOAD', 'truncated');
    for (let request = 0; request < 500; request++) {
      recorded.events.receiver.request({ ...accepted, signal: undefined, outcome: 'invalid', accepted: 0, error });
    }
    expect(recorded.lines).toMatchObject([{ level: 'warn', event: 'receiver.invalid', code: 'INVALID_PAYLOAD' }]);
    const [count] = await samples(recorded, 'otelcol_receiver_requests_total{');
    expect(count).toMatch(/signal="unknown",outcome="failure",code="INVALID_PAYLOAD"\} 500$/);
  });

  it('that a full buffer refuses is not logged here: the buffer says once that it is full', () => {
    const recorded = recordedObservability();
    const error = new GatewayError('BUFFER_FULL', 'full');
    recorded.events.receiver.request({ ...accepted, outcome: 'refused', refused: 10, error });
    recorded.events.buffer.stateChanged({ from: 'open', to: 'full', error });
    expect(recorded.lines).toMatchObject([{ level: 'warn', event: 'buffer.state', state: 'full' }]);
  });

  it('in the wrong protocol, and certificates read again, are logged and counted', async () => {
    const recorded = recordedObservability();
    const { receiver } = recorded.events;
    receiver.wrongProtocol({ transport: 'http', peer: '10.0.0.1', spoken: 'http/2', hint: 'Use port 4317' });
    receiver.tlsReloaded({ transport: 'grpc' });
    receiver.tlsReloadFailed({ transport: 'grpc', error: new GatewayError('CONFIG_INVALID', 'not PEM') });
    expect(recorded.lines.map(({ level, event }) => [level, event])).toEqual([
      ['warn', 'receiver.wrong_protocol'],
      ['info', 'receiver.tls_reloaded'],
      ['error', 'receiver.tls_reload_failed'],
    ]);
    expect(await samples(recorded, 'promptmetrics_receiver_tls_reloads_total{')).toHaveLength(2);
    expect(await samples(recorded, 'promptmetrics_receiver_wrong_protocol_peers_total{')).toHaveLength(1);
  });
});

describe('the buffer', () => {
  it('shows its state, its bytes and the lag of each consumer', async () => {
    const recorded = recordedObservability();
    expect(await samples(recorded, 'promptmetrics_buffer_limit_bytes ')).toEqual(['0']);
    recorded.metrics.observeBuffer(() => ({
      bytes: 600,
      maxBytes: 1000,
      consumers: { store: { bytes: 500, frames: 2, items: 30, oldestAgeMs: 1500 } },
    }));
    expect(await samples(recorded, 'promptmetrics_buffer_bytes ')).toEqual(['600']);
    expect(await samples(recorded, 'promptmetrics_buffer_limit_bytes ')).toEqual(['1000']);
    expect(await samples(recorded, 'promptmetrics_buffer_consumer_lag_')).toEqual([
      'bytes{consumer="store"} 500',
      'items{consumer="store"} 30',
      'frames{consumer="store"} 2',
      'seconds{consumer="store"} 1.5',
    ]);
    expect(await samples(recorded, 'otelcol_exporter_queue_size{')).toEqual(['exporter="store"} 500']);
    expect(await samples(recorded, 'otelcol_exporter_queue_capacity{')).toEqual(['exporter="store"} 1000']);
  });

  it('logs each change of state once, and counts it', async () => {
    const recorded = recordedObservability();
    const { buffer } = recorded.events;
    buffer.opened({ directory: '/data', id: 'b', segmentBytes: 1, maxBytes: 2 });
    expect(await samples(recorded, 'promptmetrics_buffer_accepting ')).toEqual(['1']);
    const error = new GatewayError('DISK_FULL', 'ENOSPC');
    buffer.stateChanged({ from: 'open', to: 'disk-full', error });
    expect(await samples(recorded, 'promptmetrics_buffer_accepting ')).toEqual(['0']);
    buffer.stateChanged({ from: 'disk-full', to: 'open', error: undefined });
    expect(await samples(recorded, 'promptmetrics_buffer_accepting ')).toEqual(['1']);
    expect(recorded.lines.slice(1).map(({ level, state }) => [level, state])).toEqual([
      ['error', 'disk-full'],
      ['info', 'open'],
    ]);
  });

  it('counts every damaged frame of a start and logs a bounded number of places', async () => {
    const recorded = recordedObservability();
    const damage = { path: 's', offset: 0, bytes: 9, firstSequence: 3, lastSequence: 5, reason: 'checksum' };
    recorded.events.buffer.recovered({
      segments: 4,
      scannedBytes: 100,
      frames: 7,
      items: 70,
      tornBytes: 11,
      tornPath: 's',
      damagedPlaces: 2000,
      damages: Array.from({ length: 100 }, () => damage),
      durationMs: 3,
    });
    expect(await samples(recorded, 'promptmetrics_buffer_damaged_frames_total ')).toEqual(['300']);
    expect(await samples(recorded, 'promptmetrics_buffer_damaged_places_total ')).toEqual(['2000']);
    expect(await samples(recorded, 'promptmetrics_buffer_truncated_bytes_total ')).toEqual(['11']);
    expect(recorded.lines).toHaveLength(21);
    expect(recorded.lines[0]).toMatchObject({ level: 'info', frames: 7, damagedPlaces: 2000 });
  });

  it('measures commits and reports cursors that could not be kept', async () => {
    const recorded = recordedObservability();
    recorded.events.buffer.committed({ frames: 3, items: 30, bytes: 300, durationMs: 2 });
    recorded.events.buffer.cursorsNotKept(new Error('EIO'));
    expect(await samples(recorded, 'promptmetrics_buffer_commit_frames_sum ')).toEqual(['3']);
    expect(await samples(recorded, 'promptmetrics_buffer_commit_duration_seconds_sum ')).toEqual(['0.002']);
    expect(await samples(recorded, 'promptmetrics_buffer_committed_bytes_total ')).toEqual(['300']);
    expect(recorded.lines).toMatchObject([{ level: 'error', event: 'buffer.cursors_not_kept' }]);
  });
});

describe('the drain', () => {
  const range = {
    path: 's',
    offset: 0,
    length: 4096,
    firstSequence: 1,
    lastSequence: 2,
    frames: 2,
    items: 12,
    signals: { traces: 6, logs: 4, metrics: 2 },
    oldestReceivedTimeUnixMs: 0,
  };

  it('counts what is stored, and measures batches, decoding and writing', async () => {
    const recorded = recordedObservability();
    recorded.events.drain.stored({
      range,
      result: {
        outcome: 'stored',
        spans: 5,
        duplicateSpans: 1,
        logRecords: 4,
        metricPoints: 2,
        outcomes: [],
        deadLetters: [],
        audit: '',
        deletions: [],
        cutTexts: 6,
        decodeMs: 3,
        mapMs: 5,
        writeMs: 8,
      },
    });
    expect(await samples(recorded, 'otelcol_exporter_sent_spans_total{')).toEqual(['exporter="store"} 5']);
    expect(await samples(recorded, 'otelcol_exporter_sent_log_records_total{')).toEqual(['exporter="store"} 4']);
    expect(await samples(recorded, 'otelcol_exporter_sent_metric_points_total{')).toEqual(['exporter="store"} 2']);
    expect(await samples(recorded, 'promptmetrics_store_duplicate_spans_total ')).toEqual(['1']);
    expect(await samples(recorded, 'promptmetrics_store_cut_texts_total ')).toEqual(['6']);
    expect(await samples(recorded, 'otelcol_exporter_queue_batch_send_size_sum{')).toEqual(['exporter="store"} 12']);
    expect(await samples(recorded, 'otelcol_exporter_queue_batch_send_size_bytes_sum{')).toEqual([
      'exporter="store"} 4096',
    ]);
    expect(await samples(recorded, 'promptmetrics_store_decode_duration_seconds_sum ')).toEqual(['0.003']);
    expect(await samples(recorded, 'promptmetrics_store_map_duration_seconds_sum ')).toEqual(['0.005']);
    expect(await samples(recorded, 'promptmetrics_store_write_duration_seconds_sum ')).toEqual(['0.008']);
    expect(recorded.lines).toEqual([]);
  });

  it('says when the store goes and when it is back', async () => {
    const recorded = recordedObservability();
    const up = () => samples(recorded, 'promptmetrics_store_up ');
    expect(await up()).toEqual(['1']);
    recorded.events.drain.storeUnavailable('connection refused');
    expect(await up()).toEqual(['0']);
    recorded.events.drain.storeRecovered();
    expect(await up()).toEqual(['1']);
    expect(await samples(recorded, 'promptmetrics_store_outages_total ')).toEqual(['1']);
    expect(recorded.lines).toMatchObject([
      { level: 'error', event: 'store.unavailable', reason: 'connection refused' },
      { level: 'info', event: 'store.recovered' },
    ]);
  });

  it('counts what the audit log takes, and says when it takes nothing and when it does again', async () => {
    const recorded = recordedObservability();
    const { drain } = recorded.events;
    drain.audited({ entries: 3, durationMs: 5 });
    drain.auditTrailStuck('database is locked');
    expect(await samples(recorded, 'promptmetrics_audit_trail_up ')).toEqual(['0']);
    drain.auditTrailRecovered();
    expect(await samples(recorded, 'promptmetrics_audit_trail_up ')).toEqual(['1']);
    expect(await samples(recorded, 'promptmetrics_audit_entries_total ')).toEqual(['3']);
    expect(await samples(recorded, 'promptmetrics_audit_append_duration_seconds_sum ')).toEqual(['0.005']);
    expect(recorded.lines).toMatchObject([
      { level: 'error', event: 'audit_trail.stuck', reason: 'database is locked' },
      { level: 'info', event: 'audit_trail.recovered' },
    ]);
  });

  it('counts every dead letter and logs the first of a flood', async () => {
    const recorded = recordedObservability();
    for (let sequence = 1; sequence <= 50; sequence++) {
      recorded.events.drain.deadLettered({ sequence, reason: 'cannot be decoded' });
    }
    recorded.events.drain.deadLettersDropped(3);
    expect(await samples(recorded, 'promptmetrics_dead_letters_total ')).toEqual(['50']);
    expect(await samples(recorded, 'promptmetrics_dead_letters_dropped_total ')).toEqual(['3']);
    expect(recorded.lines.map(({ event }) => event)).toEqual(['dead_letter', 'dead_letters.dropped']);
  });
});

describe('the API', () => {
  it('is measured by route, method and status', async () => {
    const recorded = recordedObservability();
    recorded.events.api.answered({ method: 'GET', route: '/v1/traces', status: 200, durationMs: 30 });
    expect(await samples(recorded, 'http_server_request_duration_seconds_sum{')).toEqual([
      'http_request_method="GET",http_route="/v1/traces",http_response_status_code="200"} 0.03',
    ]);
  });

  it('logs a failure with what the client was not told', async () => {
    const recorded = recordedObservability();
    const error = new GatewayError('INTERNAL_ERROR', 'Internal server error', { cause: new TypeError('x of null') });
    const failure = { method: 'GET', route: '/v1/traces', requestId: 'r', error };
    recorded.events.api.failed(failure);
    recorded.events.api.failed(failure);
    expect(recorded.lines).toMatchObject([{ level: 'error', requestId: 'r', err: { message: 'x of null' } }]);
    expect(await samples(recorded, 'promptmetrics_api_errors_total{')).toEqual(['code="INTERNAL_ERROR"} 2']);
  });
});

describe('rate limits', () => {
  it('say once that Redis is away, and once that it is back', async () => {
    const recorded = recordedObservability();
    const { limit } = recorded.events;
    limit.sharing();
    limit.alone('connect ECONNREFUSED');
    expect(await samples(recorded, 'promptmetrics_rate_limit_sharing ')).toEqual(['0']);
    limit.sharing();
    limit.forgotten();
    expect(recorded.lines.map(({ level, event }) => ({ level, event }))).toEqual([
      { level: 'info', event: 'limits.sharing' },
      { level: 'warn', event: 'limits.alone' },
      { level: 'info', event: 'limits.sharing' },
    ]);
    expect(recorded.lines[1]).toMatchObject({ reason: 'connect ECONNREFUSED' });
    expect(await samples(recorded, 'promptmetrics_rate_limit_sharing ')).toEqual(['1']);
    expect(await samples(recorded, 'promptmetrics_rate_limit_redis_outages_total ')).toEqual(['1']);
    expect(await samples(recorded, 'promptmetrics_rate_limit_forgotten_total ')).toEqual(['1']);
  });
});

describe('the registry', () => {
  it('is its own: two in one process do not meet', async () => {
    const [one, two] = [recordedObservability(), recordedObservability()];
    one.events.receiver.request(accepted);
    expect(await samples(two, 'otelcol_receiver_accepted_spans_total{')).toEqual([]);
  });

  it('shows the process and the version', async () => {
    const recorded = recordedObservability();
    expect(await samples(recorded, 'promptmetrics_build_info{')).toEqual(['version="1.2.3"} 1']);
    for (const name of ['process_resident_memory_bytes ', 'nodejs_eventloop_lag_seconds ', 'otelcol_process_uptime ']) {
      expect(await samples(recorded, name)).toHaveLength(1);
    }
  });

  it('names counters, units and prefixes by the rules of Prometheus and the house', async () => {
    const text = await recordedObservability().metrics.render();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name: name!, type: type! }));
    expect(types.length).toBeGreaterThan(40);
    const foreign = types.filter(({ name }) => !/^(otelcol_|promptmetrics_|http_server_|process_|nodejs_)/.test(name));
    expect(foreign).toEqual([]);
    const ours = types.filter(({ name }) => /^(otelcol_|promptmetrics_)/.test(name));
    expect(ours.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([]);
  });
});
