/** The way of audit entries from the drain to a real control store. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { type AuditTrailOptions, createAuditTrail } from '../../workers/audit-trail.js';
import { nopDrainEvents } from '../../workers/drain.js';
import { sqliteCase } from '../store/control/dialects.js';
import { until } from './played-drain.js';

const TRACE_ID = new Uint8Array(16).fill(7);

function entryOf(sequence: number, workspace = 'default'): AuditEntry {
  const source = `buffer:${sequence}:0`;
  return { workspace, timeUnixMs: sequence, action: 'span:create', keyId: 1, keyName: 'key', source };
}

function batchOf(...sequences: number[]) {
  return { entries: sequences.map((sequence) => entryOf(sequence)), deleted: [] };
}

async function openControl(): Promise<ControlStore> {
  const place = await sqliteCase.makePlace();
  onTestFinished(() => place.remove());
  const store = await place.open();
  await store.start();
  return store;
}

function startTrail(options: Pick<AuditTrailOptions, 'control'> & Partial<AuditTrailOptions>) {
  const trail = createAuditTrail({ gatherMs: 5, events: nopDrainEvents, ...options });
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
