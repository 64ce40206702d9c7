import { describe, expect, it } from 'vitest';
import { recordedObservability } from '../helpers/log.js';

type Recorded = ReturnType<typeof recordedObservability>;

async function samples({ metrics }: Pick<Recorded, 'metrics'>, name: string): Promise<string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.slice(name.length));
}

const exporter = 'tempo';
const delivered = {
  exporter,
  signal: 'traces',
  range: { first: 1, last: 2 },
  items: 10,
  bytes: 100,
  rejected: 0,
  message: '',
  durationMs: 5,
} as const;

describe('an exporter', () => {
  it("is counted under the Collector's names", async () => {
    const recorded = recordedObservability();
    const { events } = recorded;
    events.exporter.delivered(delivered);
    events.exporter.delivered({ ...delivered, signal: 'logs', items: 4 });
    events.exporter.refused({ exporter, signal: 'metrics', items: 3, reason: 'HTTP 400' });
    expect(await samples(recorded, 'otelcol_exporter_sent_spans_total')).toEqual(['{exporter="tempo"} 10']);
    expect(await samples(recorded, 'otelcol_exporter_sent_log_records_total')).toEqual(['{exporter="tempo"} 4']);
    expect(await samples(recorded, 'otelcol_exporter_send_failed_metric_points_total')).toEqual([
      '{exporter="tempo"} 3',
    ]);
    expect(await recorded.metrics.render()).toContain('\npromptmetrics_dead_letters_total 1\n');
  });

  it('counts what a partial success left out as failed, and says so once in a while', async () => {
    const recorded = recordedObservability();
    for (const _time of [1, 2, 3]) {
      recorded.events.exporter.delivered({ ...delivered, rejected: 2, message: 'bad ids' });
    }
    expect(await samples(recorded, 'otelcol_exporter_sent_spans_total')).toEqual(['{exporter="tempo"} 24']);
    expect(await samples(recorded, 'otelcol_exporter_send_failed_spans_total')).toEqual(['{exporter="tempo"} 6']);
    expect(recorded.lines).toMatchObject([{ level: 'warn', event: 'exporter.partial_success', rejected: 2 }]);
  });

  it('counts what comes to the processors in front of it, what goes on, and what is left out', async () => {
    const recorded = recordedObservability();
    const passage = { exporter, signal: 'traces', processor: 'filter/cheap' } as const;
    recorded.events.exporter.processed({ ...passage, incoming: 9, outgoing: 3 });
    recorded.events.exporter.processed({ ...passage, incoming: 4, outgoing: 4 });
    const labels = '{processor="filter/cheap",otel_signal="traces",exporter="tempo"}';
    expect(await samples(recorded, 'otelcol_processor_incoming_items_total')).toEqual([`${labels} 13`]);
    expect(await samples(recorded, 'otelcol_processor_outgoing_items_total')).toEqual([`${labels} 7`]);
    expect(await samples(recorded, 'promptmetrics_exporter_left_out_items_total')).toEqual([
      '{exporter="tempo",signal="traces",processor="filter/cheap"} 6',
    ]);
  });

  it('logs that its backend is gone, and back, once each', async () => {
    const recorded = recordedObservability('info');
    const { events } = recorded;
    for (const reason of ['HTTP 503', 'HTTP 502']) events.exporter.postponed({ exporter, signal: 'traces', reason });
    events.exporter.failed({ exporter, endpoint: 'http://tempo', reason: 'HTTP 503' });
    events.exporter.recovered({ exporter, endpoint: 'http://tempo' });
    expect(await samples(recorded, 'promptmetrics_exporter_retries_total')).toEqual([
      '{exporter="tempo",signal="traces"} 2',
    ]);
    expect(recorded.lines.map(({ event }) => event)).toEqual(['exporter.failed', 'exporter.recovered']);
  });

  it('logs a row of losses at its first and at its end, and counts each', async () => {
    const recorded = recordedObservability();
    const { events } = recorded;
    const lost = { exporter, frames: 1, items: 5, signals: { traces: 3, logs: 2, metrics: 0 } };
    for (const first of [true, false, false]) events.exporter.dropped({ ...lost, first });
    events.exporter.keptUp({ exporter, items: 15 });
    expect(await samples(recorded, 'promptmetrics_exporter_dropped_items_total')).toEqual(['{exporter="tempo"} 15']);
    expect(await samples(recorded, 'otelcol_exporter_enqueue_failed_spans_total')).toEqual(['{exporter="tempo"} 9']);
    expect(await samples(recorded, 'otelcol_exporter_enqueue_failed_log_records_total')).toEqual([
      '{exporter="tempo"} 6',
    ]);
    expect(recorded.lines.map(({ event }) => event)).toEqual(['exporter.dropping', 'exporter.kept_up']);
  });

  it('has its own capacity beside that of the buffer, its requests in flight, and whether it is up', async () => {
    const recorded = recordedObservability();
    const lag = { bytes: 70, frames: 1, items: 5, oldestAgeMs: 0 };
    recorded.metrics.observeBuffer(() => ({
      bytes: 70,
      maxBytes: 1000,
      consumers: { store: lag, tempo: lag },
      capacities: { tempo: 500 },
    }));
    recorded.metrics.observeExporters(() => ({
      tempo: { inFlight: 3, circuit: 'open' },
      file: { inFlight: 0, circuit: 'closed' },
    }));
    expect(await samples(recorded, 'otelcol_exporter_queue_capacity')).toEqual([
      '{exporter="store"} 1000',
      '{exporter="tempo"} 500',
    ]);
    expect(await samples(recorded, 'otelcol_exporter_queue_size')).toContain('{exporter="tempo"} 70');
    expect(await samples(recorded, 'otelcol_exporter_in_flight_requests')).toEqual([
      '{exporter="tempo"} 3',
      '{exporter="file"} 0',
    ]);
    expect(await samples(recorded, 'promptmetrics_exporter_up')).toEqual([
      '{exporter="tempo"} 0',
      '{exporter="file"} 1',
    ]);
  });
});
