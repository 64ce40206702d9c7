/** The way of audit entries from the drain to a real control store. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import { decodeTrailer } from '../../src/model/trailer.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { type AuditTrailOptions, createAuditTrail } from '../../workers/audit-trail.js';
import { createDeadLetterBox, type DeadLetter, type DeadLetterBox } from '../../workers/dead-letters.js';
import { nopDrainEvents } from '../../workers/drain.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { postgresCase, sqliteCase } from '../store/control/dialects.js';
import { until } from './played-drain.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const BUFFER = '0a1b2c3d-0000-4000-8000-000000000000';
const TRACE_ID = new Uint8Array(16).fill(7);

function entryOf(sequence: number, workspace = 'default'): AuditEntry {
  const source = `buffer:${sequence}:0`;
  return { workspace, timeUnixMs: sequence, action: 'span:create', keyId: 1, keyName: 'key', source };
}

function batchOf(...sequences: number[]) {
  return { entries: sequences.map((sequence) => entryOf(sequence)), deleted: [] };
}

async function openControl({ makePlace } = sqliteCase): Promise<ControlStore> {
  const place = await makePlace();
  onTestFinished(() => place.remove());
  const store = await place.open();
  await store.start();
  return store;
}

function startTrail(options: Pick<AuditTrailOptions, 'control'> & Partial<AuditTrailOptions>) {
  const deadLetters = { add: async () => expect.unreachable('a dead letter'), trim: async () => 0 };
  const config = { deadLetterMaxBytes: 1_000_000 };
  const trail = createAuditTrail({ config, deadLetters, gatherMs: 5, events: nopDrainEvents, ...options });
  onTestFinished(() => trail.shutdown({ deadlineMs: 1000 }));
  return trail;
}

/** Counts transactions, and refuses them while it is `down`. */
function watched(control: ControlStore) {
  const watch = { transactions: 0, down: false };
  const transaction: ControlStore['transaction'] = (work) => {
    watch.transactions++;
    if (watch.down) return Promise.reject(new GatewayError('STORE_UNAVAILABLE', 'database is locked'));
    return control.transaction(work);
  };
  return Object.assign(watch, { control: { transaction } });
}

async function sources(control: ControlStore, workspace = 'default'): Promise<(string | undefined)[]> {
  const { items } = await control.auditLogs.list({ workspace, limit: 100 });
  return items.map(({ source }) => source).sort();
}

describe('the audit trail', () => {
  it('takes several batches together in one transaction', async () => {
    const control = await openControl();
    const watch = watched(control);
    const counted: number[] = [];
    const events = { ...nopDrainEvents, audited: ({ entries }: { entries: number }) => void counted.push(entries) };
    const trail = startTrail({ control: watch.control, events });
    await Promise.all([trail.append(batchOf(1, 2)), trail.append(batchOf(3))]);
    expect(await sources(control)).toEqual(['buffer:1:0', 'buffer:2:0', 'buffer:3:0']);
    expect([watch.transactions, counted]).toEqual([1, [3]]);
    expect(await control.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 3 });
  });

  it('writes an entry that comes again once', async () => {
    const control = await openControl();
    const trail = startTrail({ control });
    await trail.append(batchOf(1));
    await trail.append(batchOf(1, 2));
    expect(await sources(control)).toEqual(['buffer:1:0', 'buffer:2:0']);
  });

  it('keeps its entries while the control store is down, and says so once and when it is back', async () => {
    const control = await openControl();
    const watch = watched(control);
    const seen: string[] = [];
    const events = {
      ...nopDrainEvents,
      auditTrailStuck: (reason: string) => void seen.push(reason),
      auditTrailRecovered: () => void seen.push('recovered'),
    };
    const trail = startTrail({ control: watch.control, events });
    watch.down = true;
    let appended = false;
    const done = trail.append(batchOf(1)).then(() => {
      appended = true;
    });
    await until(() => watch.transactions >= 2);
    expect([appended, await sources(control)]).toEqual([false, []]);
    watch.down = false;
    await done;
    expect(seen).toEqual(['database is locked', 'recovered']);
    expect(await sources(control)).toEqual(['buffer:1:0']);
  });

  it('lets go of a deleted trace in the transaction of its entry', async () => {
    const control = await openControl();
    const traceId = { text: 'as written', hex: Buffer.from(TRACE_ID).toString('hex') };
    const runId = { text: 'ab'.repeat(16), hex: 'ab'.repeat(16) };
    const rest = { input: undefined, output: undefined, metadata: '{}' };
    await control.runs.create(
      { workspace: 'default', runId, workflowName: 'w', status: 'running', traceId, ...rest },
      1,
    );
    const trail = startTrail({ control, gatherMs: 60_000 });
    await trail.append({ ...batchOf(1), deleted: [{ workspace: 'default', traceId: TRACE_ID }] });
    expect(await control.runs.get('default', runId.hex)).toMatchObject({ traceId: undefined });
    expect(await sources(control)).toEqual(['buffer:1:0']);
  });

  it('has no room when too much waits, until that is written', async () => {
    const control = await openControl();
    const watch = watched(control);
    watch.down = true;
    const trail = startTrail({ control: watch.control });
    const many = Array.from({ length: 20_000 }, (_, at) => entryOf(at));
    const done = trail.append({ entries: many, deleted: [] });
    let hasRoom = false;
    const room = trail.room().then(() => {
      hasRoom = true;
    });
    await until(() => watch.transactions > 0);
    expect(hasRoom).toBe(false);
    watch.down = false;
    await Promise.all([done, room]);
    expect((await control.auditLogs.count({ workspace: 'default' })).total).toBe(20_000);
    await trail.room();
  });

  it('ends in the middle of an outage, and tells nobody that something was written', async () => {
    const control = await openControl();
    const watch = watched(control);
    watch.down = true;
    const trail = startTrail({ control: watch.control });
    let appended = false;
    void trail.append(batchOf(1)).then(() => {
      appended = true;
    });
    await until(() => watch.transactions > 0);
    await trail.shutdown({ deadlineMs: 5000 });
    watch.down = false;
    await sleep(20);
    expect([appended, await sources(control)]).toEqual([false, []]);
  });
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'audit-trail-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openBox(): Promise<DeadLetterBox> {
  return createDeadLetterBox(path.join(await makeFolder(), 'dead-letter'));
}

function entriesOf({ trailer }: DeadLetter): AuditEntry[] {
  return decodeTrailer(Buffer.from(trailer!, 'base64')).audit;
}

describe.each([sqliteCase, ...(server ? [postgresCase(server)] : [])])(
  'entries that $name refuses for good',
  (dialect) => {
    /** Without a time: the column takes none. */
    const refusedEntry = (sequence: number, n = 0): AuditEntry => ({
      ...entryOf(sequence),
      timeUnixMs: Number.NaN,
      action: `refused ${sequence} ${n}`,
      source: `${BUFFER}:${sequence}:${n}`,
    });

    it('become dead letters, with all that they say, and keep none of the others', async () => {
      const control = await openControl(dialect);
      const deadLetters = await openBox();
      const told: [number, string][] = [];
      const events = {
        ...nopDrainEvents,
        deadLettered: ({ sequence, reason }: { sequence: number; reason: string }) =>
          void told.push([sequence, reason]),
        auditTrailStuck: (reason: string) => expect.unreachable(reason),
      };
      const trail = startTrail({ control, events, deadLetters });
      const entries = [...batchOf(1, 2, 3, 4).entries, refusedEntry(5), refusedEntry(5, 1), ...batchOf(6, 7).entries];
      const deleted = [{ workspace: 'default', traceId: TRACE_ID }];
      await Promise.all([
        trail.append({ entries, deleted }),
        trail.append({ entries: [refusedEntry(8)], deleted: [] }),
      ]);
      expect(await sources(control)).toEqual([1, 2, 3, 4, 6, 7].map((sequence) => `buffer:${sequence}:0`));
      expect(await control.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 6 });
      const letters = (await deadLetters.list()).sort((a, b) => a.sequence - b.sequence);
      expect(letters.map(({ id }) => id)).toEqual(['0a1b2c3d-5', '0a1b2c3d-8']);
      expect(letters.map((letter) => entriesOf(letter).map(({ action }) => action))).toEqual([
        ['refused 5 0', 'refused 5 1'],
        ['refused 8 0'],
      ]);
      expect(told).toEqual(letters.map(({ sequence, reason }) => [sequence, reason]));
      expect(letters[0]!.reason).toMatch(/^refused by the audit log: .*time_unix_ms/);
    });

    it('are not let go of while the dead letters can not be written', async () => {
      const control = await openControl(dialect);
      const folder = await makeFolder();
      const directory = path.join(folder, 'dead-letter');
      await writeFile(directory, 'in the way');
      const deadLetters = createDeadLetterBox(directory);
      let stuck = false;
      const events = {
        ...nopDrainEvents,
        auditTrailStuck: () => {
          stuck = true;
        },
      };
      const trail = startTrail({ control, events, deadLetters });
      let appended = false;
      const done = trail.append({ entries: [refusedEntry(5)], deleted: [] }).then(() => {
        appended = true;
      });
      await until(() => stuck);
      expect(appended).toBe(false);
      await rm(directory);
      await done;
      expect(await deadLetters.list()).toHaveLength(1);
    });
  },
);
