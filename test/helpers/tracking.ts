/** What a gateway tells of requests and of its stages, by hand. */
import type { Batches, BatchTold, ExporterTold } from '../../src/api/ingest/source.js';
import type { Pipeline, Stage } from '../../src/api/pipeline/source.js';

export const BATCH_ID = '0a1b2c3d-52-tsz9k1a-3QpXk2b1v0Zc';

export function batchesOf(
  known: Readonly<Record<string, { workspace: string; told: BatchTold }>>,
  exporters: Readonly<Record<string, ExporterTold>> = {},
): Batches {
  return {
    gateway: () => '0a1b2c3d',
    makerOf: (id) => /^([0-9a-f]{8})-/.exec(id)?.[1],
    find: (workspace, id) => (known[id]?.workspace === workspace ? known[id].told : undefined),
    exporters: () => exporters,
  };
}

export const storedBatch: BatchTold = {
  signal: 'traces',
  receivedTimeUnixMs: 1_760_000_000_000,
  fates: { store: { state: 'done' } },
};

export const failingStage: Stage = {
  kind: 'exporter',
  name: 'tempo',
  status: 'failing',
  in: { requests: 3, items: 30, bytes: 300 },
  out: { items: 10, signals: { traces: 10, logs: 0, metrics: 0 } },
  dropped: { lagged_too_far: 5 },
  lag: { bytes: 150, frames: 2, items: 15, oldestAgeMs: 12.5 },
  details: { retries: 4 },
  lastError: { message: 'HTTP 503: somebody said secret', timeUnixMs: 1_760_000_001_999 },
};

export const pipelineOf = (stages: Stage[]) => async (): Promise<Pipeline> => ({
  startedTimeUnixMs: 1_760_000_000_500,
  stages,
});
