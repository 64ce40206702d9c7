import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batches, BatchTold, ExporterTold, Fate } from '../../src/api/ingest/source.js';
import { testApp } from '../helpers/api.js';
import { BATCH_ID, batchesOf, storedBatch } from '../helpers/tracking.js';

const ALL = { signals: ['traces', 'logs', 'metrics'], chooses: false, lastError: undefined } as const;

let told = storedBatch;
let exporters: Record<string, ExporterTold> = {};
let app: FastifyInstance;

beforeAll(async () => {
  const batches: Batches = {
    ...batchesOf({}),
    find: (workspace, id) => (workspace === 'default' && id === BATCH_ID ? told : undefined),
    exporters: () => exporters,
  };
  ({ app } = await testApp({ batches }));
});
afterAll(() => app.close());

async function ask(batch: BatchTold, known: Record<string, ExporterTold> = {}, id = BATCH_ID) {
  told = batch;
  exporters = known;
  const response = await app.inject(`/v1/ingest/batches/${id}`);
  return { status: response.statusCode, body: response.json() };
}

const tempo = (fate: Fate, exporter: Partial<ExporterTold> = {}, told: Partial<BatchTold> = {}) =>
  ask(
    { ...storedBatch, fates: { store: { state: 'done' }, tempo: fate }, ...told },
    { tempo: { ...ALL, ...exporter } },
  );

describe('GET /v1/ingest/batches/:id', () => {
  it('tells a batch that is stored from one that is also sent, with its signal and time', async () => {
    const stored = { name: 'store', kind: 'store', state: 'stored', reason: null, at: null, dead_letter_id: null };
    const { body } = await ask(storedBatch);
    const head = { id: BATCH_ID, signal: 'traces', received_at: 1_760_000_000 };
    expect(body).toEqual({ ...head, status: 'complete', destinations: [stored] });
    const sent = await tempo({ state: 'done' });
    expect(sent.body).toMatchObject({ status: 'complete', destinations: [stored, { name: 'tempo', state: 'sent' }] });
  });

  it('is pending as long as one destination has it before itself, and says what keeps it', async () => {
    expect((await tempo({ state: 'waiting' })).body).toMatchObject({
      status: 'pending',
      destinations: [{}, { state: 'waiting', reason: null }],
    });
    const lastError = { message: 'HTTP 503: words of the backend', timeUnixMs: storedBatch.receivedTimeUnixMs + 5000 };
    const held = await tempo({ state: 'taken' }, { lastError });
    expect(held.body.destinations[1]).toMatchObject({ state: 'in_flight', reason: 'HTTP 503', at: 1_760_000_005 });
    const older = await tempo({ state: 'taken' }, { lastError: { ...lastError, timeUnixMs: 1 } });
    expect(older.body.destinations[1]).toMatchObject({ state: 'in_flight', reason: null, at: null });
  });

  it('is incomplete when a destination will not get it: why, when, and by which dead letter', async () => {
    const exception = { reason: 'HTTP 400: no', timeUnixMs: 1_760_000_003_000, letter: '0a1b2c3d-52-tempo' };
    const refused = await tempo({ state: 'dead-letter', exception });
    expect(refused.body.status).toBe('incomplete');
    expect(refused.body.destinations[1]).toMatchObject({
      state: 'dead_lettered',
      reason: 'HTTP 400: no',
      at: 1_760_000_003,
      dead_letter_id: '0a1b2c3d-52-tempo',
    });
    const dropped = await tempo({ state: 'lost', exception: { reason: 'lagged', timeUnixMs: 1000 } });
    expect(dropped.body.destinations[1]).toMatchObject({ state: 'dropped', reason: 'lagged', at: 1 });
    const unknown = await tempo({ state: 'unknown' });
    expect(unknown.body).toMatchObject({ status: 'incomplete', destinations: [{}, { state: 'unknown', at: null }] });
    expect(unknown.body.destinations[1].reason).toContain('too long ago');
  });

  it('is complete after the replay of its dead letter', async () => {
    const exception = { reason: 'no', timeUnixMs: 1000, letter: '0a1b2c3d-52', replayedAs: 60 };
    const { body } = await ask({ ...storedBatch, fates: { store: { state: 'done', exception } } });
    expect(body).toMatchObject({ status: 'complete', destinations: [{ state: 'stored' }] });
    expect(body.destinations[0].reason).toContain('replay');
    expect((await tempo({ state: 'done', exception })).body.status).toBe('complete');
  });

  it('says of an exporter that it takes no such signal, or leaves some of it out', async () => {
    const other = await tempo({ state: 'done' }, { signals: ['traces'] }, { signal: 'logs' });
    expect(other.body).toMatchObject({ status: 'complete', destinations: [{}, { state: 'not_sent' }] });
    const chosen = await tempo({ state: 'done' }, { chooses: true });
    expect(chosen.body.destinations[1]).toMatchObject({ state: 'sent', reason: expect.stringContaining('processors') });
  });

  it('is 404 for what nobody knows, and names the gateway that it belongs to', async () => {
    const unknown = await ask(storedBatch, {}, BATCH_ID.replace('52', '53'));
    expect([unknown.status, unknown.body.error]).toEqual([404, 'Batch not found']);
    const another = await ask(storedBatch, {}, BATCH_ID.replace('0a', 'ff'));
    expect([another.status, another.body.error]).toEqual([404, expect.stringContaining('ff1b2c3d')]);
    expect((await ask(storedBatch, {}, 'x'.repeat(101))).status).toBe(400);
  });
});
