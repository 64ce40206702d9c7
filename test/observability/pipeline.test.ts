import { describe, expect, it } from 'vitest';
import type { ExporterState } from '../../exporters/exporter.js';
import type { Stage } from '../../src/api/pipeline/source.js';
import { GatewayError } from '../../src/errors.js';
import { createObservability } from '../../src/observability/observability.js';
import { createPipeline } from '../../src/observability/pipeline.js';

const signalsOf = (items: number) => ({ traces: items - 2, logs: 2, metrics: 0 });
const totals = (frames: number, items: number, bytes: number) => ({ frames, items, bytes, signals: signalsOf(items) });
const lag = { bytes: 40, frames: 4, items: 8, oldestAgeMs: 70 };
const tempo: ExporterState = {
  endpoints: ['http://tempo'],
  signals: ['traces'],
  chooses: false,
  circuit: 'open',
  inFlight: 2,
  lag: { ...lag, oldestAgeMs: 90 },
  maxLagBytes: 1000,
  droppedItems: 7,
  lastError: { message: 'HTTP 503', timeUnixMs: 5 },
};

function watched({ stores = true } = {}) {
  const observability = createObservability({ config: { level: 'silent', format: 'json' }, version: '1' });
  const { metrics, lastErrors, events } = observability;
  const released = { store: totals(6, 60, 600), tempo: totals(3, 30, 300) };
  const read = createPipeline({
    ...{ metrics, lastErrors },
    buffer: {
      stats: () => ({
        ...{ state: 'full', bytes: 40, frames: 4, items: 8, maxBytes: 4000 },
        ...{ segments: 3, durableSequence: 9, pendingAppends: 1, pendingBytes: 5 },
      }),
      progress: () => ({
        store: { from: 1, taken: totals(9, 90, 900), released: released.store },
        tempo: { from: 1, taken: totals(5, 50, 500), released: released.tempo },
      }),
    },
    exporters: { states: () => ({ tempo }) },
    ...(stores && { store: { lag: () => lag, writers: 2 } }),
    inFlight: { bytes: 11 },
  });
  const stage = async (name: string): Promise<Stage> => (await read()).stages.find((one) => one.name === name)!;
  return { read, stage, events };
}

const request = { rejected: 0, refused: 0, bytes: 100, durationMs: 1, error: undefined, message: '' };

describe('the stages of the path', () => {
  it('stand in its order; without a store there are none of it', async () => {
    const names = async (stores: boolean) => (await watched({ stores }).read()).stages.map(({ name }) => name);
    const doors = ['otlp/grpc', 'otlp/http', 'otlp/api'];
    expect(await names(true)).toEqual([...doors, 'native', 'buffer', 'store', 'audit trail', 'tempo']);
    expect(await names(false)).toEqual([...doors, 'buffer', 'tempo']);
  });

  it('a receiver: each door by itself, what it took, sent back and left out, and its last error', async () => {
    const { stage, events } = watched();
    const { receiver } = events;
    receiver.request({ ...request, transport: 'grpc', signal: 'traces', outcome: 'accepted', accepted: 10 });
    receiver.request({ ...request, transport: 'grpc', signal: 'logs', outcome: 'partial', accepted: 4, rejected: 1 });
    const error = new GatewayError('BUFFER_FULL', 'full');
    const refused = { ...request, transport: 'grpc', signal: 'traces', accepted: 0, refused: 3, error } as const;
    receiver.request({ ...refused, outcome: 'refused' });
    expect(await stage('otlp/grpc')).toMatchObject({
      in: { requests: 3, items: 18, bytes: 300 },
      out: { requests: 2, items: 14, signals: { traces: 10, logs: 4, metrics: 0 } },
      refused: { requests: 1, items: 3 },
      dropped: { invalid: 1, failed: 0 },
      details: { failed_requests: 0 },
      lastError: { message: 'BUFFER_FULL: full' },
    });
    expect(await stage('otlp/http')).toMatchObject({ in: { requests: 0 }, lastError: undefined });
    expect(await stage('buffer')).toMatchObject({ refused: { requests: 1 } });
  });

  it('the buffer: what was committed, what the slowest consumer released, and the oldest that waits', async () => {
    const { stage, events } = watched();
    events.buffer.committed({ frames: 9, items: 90, bytes: 900, durationMs: 1 });
    const error = new GatewayError('BUFFER_FULL', 'behind');
    events.buffer.stateChanged({ from: 'open', to: 'full', error });
    expect(await stage('buffer')).toMatchObject({
      status: 'full',
      in: { requests: 9, bytes: 900 },
      out: { requests: 3, items: 30, bytes: 300 },
      lag: { bytes: 40, oldestAgeMs: 90 },
      details: { commits: 1, segments: 3, bytes_in_flight: 11 },
      lastError: { message: 'BUFFER_FULL: behind' },
    });
  });

  it('the store: fails until it has recovered, and keeps its last error', async () => {
    const { stage, events } = watched();
    events.drain.storeUnavailable('no disk');
    expect(await stage('store')).toMatchObject({ status: 'failing', lastError: { message: 'unavailable: no disk' } });
    events.drain.storeRecovered();
    events.drain.deadLettered({ sequence: 3, reason: 'what is this' });
    expect(await stage('store')).toMatchObject({
      status: 'ok',
      in: { requests: 9, items: 90, bytes: 900 },
      dropped: { dead_letter_requests: 1 },
      lag,
      details: { writers: 2, batches: 0 },
      lastError: { message: 'dead letter: what is this' },
    });
    events.drain.auditTrailStuck('locked');
    expect(await stage('audit trail')).toMatchObject({ status: 'failing' });
  });

  it('an exporter: what its backend took and refused, what was left out and by whom, what it lost', async () => {
    const { stage, events } = watched();
    const { exporter } = events;
    const range = { first: 1, last: 2 };
    const sent = { exporter: 'tempo', signal: 'traces', range, bytes: 9, message: '', durationMs: 500 } as const;
    exporter.delivered({ ...sent, items: 20, rejected: 2 });
    exporter.delivered({ ...sent, exporter: 'jaeger', items: 999, rejected: 0 });
    exporter.refused({ exporter: 'tempo', signal: 'traces', items: 3, reason: 'no' });
    exporter.processed({ exporter: 'tempo', signal: 'traces', processor: 'filter/cheap', incoming: 9, outgoing: 3 });
    exporter.postponed({ exporter: 'tempo', signal: 'traces', reason: 'later' });
    expect(await stage('tempo')).toMatchObject({
      status: 'failing',
      in: { requests: 5, items: 50 },
      out: { items: 18 },
      dropped: { refused_by_backend: 5, lagged_too_far: 7, 'left_out_by_filter/cheap': 6, unreadable_requests: 0 },
      lag: { oldestAgeMs: 90 },
      details: { in_flight_requests: 2, retries: 1, batches: 1, request_seconds: 0.5 },
      lastError: { message: 'HTTP 503' },
    });
  });
});
