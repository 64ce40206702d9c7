import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../../src/model/audit-entry.js';
import type { AuditFilters, AuditLog } from '../../../src/store/control/audit-logs.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase, workspaceIds } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

function entry(changes: Partial<AuditEntry> = {}): AuditEntry {
  return { workspace: 'default', timeUnixMs: 1_000, action: 'log:create', keyId: 1, keyName: 'a key', ...changes };
}

function auditSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  const all = async (filters: AuditFilters = { workspace: 'default' }) => {
    const pages: AuditLog[][] = [];
    for await (const page of store.auditLogs.stream(filters)) pages.push(page);
    return pages.flat();
  };
  const numbered = (count: number) =>
    Array.from({ length: count }, (_, at) => entry({ timeUnixMs: at, targetId: `t${at}` }));

  it('a row says who did what to what, when, and from where', async () => {
    const full = entry({
      targetId: 'greeting',
      promptName: 'greeting',
      versionTag: '1.0.0',
      ip: '10.1.2.3',
      requestId: 'r-1',
      details: { label: 'production', zero: 0, list: [1, null] },
    });
    await store.auditLogs.append(full);
    const [row] = await all();
    expect(row).toMatchObject({
      ...full,
      sequence: 1,
      prevHash: '0'.repeat(64),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('a row goes with the transaction that it was written in', async () => {
    const failing = store.transaction(async ({ auditLogs, workspaces }) => {
      await workspaces.create('acme');
      await auditLogs.append(entry());
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await all()).toEqual([]);
    await store.auditLogs.append(entry());
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 1 });
  });

  it('fifty mutations at once, from two gateways, make one chain without a gap', async () => {
    const other = await place.open();
    await other.start();
    const work = Array.from({ length: 50 }, (_, at) =>
      [store, other][at % 2]!.transaction(async ({ workspaces, auditLogs }) => {
        await workspaces.create(`w${at}`);
        await auditLogs.append(entry({ targetId: `w${at}` }));
        if (at % 10 === 9) throw new Error('no');
      }),
    );
    const outcomes = await Promise.allSettled(work);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(45);
    const rows = await all();
    expect(rows.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(rows.map((_, at) => at + 1));
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 45 });
    const workspaces = (await workspaceIds(store)).filter((id) => id !== 'default');
    expect(rows.map(({ targetId }) => targetId).sort()).toEqual(workspaces.sort());
  });

  it('transactions that write to several chains at once, in whatever order, all come through', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const work = Array.from({ length: 24 }, (_, at) => {
      const order = at % 2 === 0 ? names : names.toReversed();
      return store.auditLogs.appendAll(order.map((workspace) => entry({ workspace })));
    });
    await Promise.all(work);
    for (const name of names) expect(await store.auditLogs.verify(name)).toMatchObject({ ok: true, checked: 24 });
  });

  it('chains of two workspaces know nothing of each other', async () => {
    await store.auditLogs.appendAll([entry(), entry({ workspace: 'acme' }), entry()]);
    expect((await all()).map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect((await all({ workspace: 'acme' })).map(({ sequence }) => sequence)).toEqual([1]);
    expect(await store.auditLogs.verify('nobody')).toMatchObject({ ok: true, checked: 0 });
  });

  it('more rows than one statement takes are appended in one call, and read back in pages', async () => {
    await store.auditLogs.appendAll(numbered(1_203));
    expect((await all()).map(({ targetId }) => targetId)).toEqual(numbered(1_203).map(({ targetId }) => targetId));
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 1_203 });
  });

  it('an entry whose source was applied before is left out, within a call and across calls', async () => {
    const first = [entry({ source: 'b:1:0' }), entry({ source: 'b:1:1' }), entry({ source: 'b:1:0' })];
    await store.auditLogs.appendAll(first);
    await store.auditLogs.appendAll([...first, entry({ source: 'b:2:0' })]);
    await Promise.all([1, 2, 3].map(() => store.auditLogs.append(entry({ source: 'b:3:0' }))));
    expect((await all()).map(({ source }) => source)).toEqual(['b:1:0', 'b:1:1', 'b:2:0', 'b:3:0']);
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 4 });
  });

  it('text that a database would refuse or alter is stored, and its chain holds', async () => {
    const hostile = '\0 \uD800 😀 \u2028 " \\ é';
    await store.auditLogs.append(
      entry({ keyName: hostile, targetId: hostile.repeat(100), ip: '', details: { hostile, [hostile]: hostile } }),
    );
    const [row] = await all();
    expect(row!.keyName).toBe('\uFFFD \uFFFD 😀 \u2028 " \\ é');
    expect(row!.targetId!.length).toBe(256);
    expect(row!.details).toEqual({ hostile, [hostile]: hostile });
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true });
    expect((await all({ workspace: 'default', targetId: hostile.repeat(100) })).length).toBe(1);
  });

  it('details without measure are told to be left out', async () => {
    await store.auditLogs.append(entry({ details: { text: 'x'.repeat(20_000) } }));
    expect((await all())[0]!.details).toEqual({ truncated: true });
  });

  describe('a list', () => {
    beforeEach(async () => {
      await store.auditLogs.appendAll([
        entry({ timeUnixMs: 30, action: 'a', targetId: 'x', keyId: 1, keyName: 'one' }),
        entry({ timeUnixMs: 10, action: 'b', targetId: 'y', keyId: 2, keyName: 'two' }),
        entry({ timeUnixMs: 20, action: 'a', targetId: 'y', keyId: undefined, keyName: 'nobody' }),
        entry({ timeUnixMs: 20, action: 'c', targetId: undefined, keyId: 2, keyName: 'two' }),
        entry({ timeUnixMs: 20, workspace: 'acme' }),
      ]);
    });
    const sequences = async (filters: Omit<AuditFilters, 'workspace'>) => {
      const page = await store.auditLogs.list({ workspace: 'default', ...filters, limit: 10 });
      expect(page.total).toBe(page.items.length);
      return page.items.map(({ sequence }) => sequence);
    };

    it('has the newest event first, whenever it was written', async () => {
      expect(await sequences({})).toEqual([1, 4, 3, 2]);
      expect((await all()).map(({ sequence }) => sequence)).toEqual([2, 3, 4, 1]);
    });

    it('is filtered by time, action, key and target, and by all of them', async () => {
      expect(await sequences({ fromUnixMs: 20, toUnixMs: 30 })).toEqual([4, 3]);
      expect(await sequences({ action: 'a' })).toEqual([1, 3]);
      expect(await sequences({ keyId: 2 })).toEqual([4, 2]);
      expect(await sequences({ keyName: 'nobody' })).toEqual([3]);
      expect(await sequences({ targetId: 'y' })).toEqual([3, 2]);
      expect(await sequences({ targetId: 'y', action: 'a', fromUnixMs: 5, keyName: 'nobody' })).toEqual([3]);
      expect(await sequences({ action: 'nothing' })).toEqual([]);
    });

    it('is paged by offset and by what comes after, without a gap or a repetition', async () => {
      for (const limit of [1, 2, 3, 4]) {
        const seen: number[] = [];
        let page = await store.auditLogs.list({ workspace: 'default', limit });
        for (;;) {
          seen.push(...page.items.map(({ sequence }) => sequence));
          if (!page.next) break;
          page = await store.auditLogs.list({ workspace: 'default', limit, after: page.next });
        }
        expect(seen).toEqual([1, 4, 3, 2]);
      }
      const second = await store.auditLogs.list({ workspace: 'default', limit: 2, offset: 2 });
      expect(second.items.map(({ sequence }) => sequence)).toEqual([3, 2]);
      expect(second).toMatchObject({ total: 4, totalRelation: 'eq' });
    });

    it.each([
      ['by_time', {}],
      ['by_time', { fromUnixMs: 1, toUnixMs: 2 }],
      ['by_action', { action: 'a', fromUnixMs: 1 }],
      ['by_key', { keyId: 1 }],
      ['by_key_name', { keyName: 'one' }],
      ['by_target', { targetId: 'x', toUnixMs: 2 }],
    ])('comes in order out of the index %s, without sorting, for %j', async (index, filters) => {
      for (const after of [undefined, { timeUnixNano: 20_000_000n, id: '3' }]) {
        await store.auditLogs.list({ workspace: 'default', limit: 1, ...filters, ...(after && { after }) });
        const plan = await place.planOfLast();
        expect(plan).toContain(`audit_logs_${index}`);
        expect(plan).not.toMatch(/TEMP B-TREE|Sort/);
      }
    });

    it('a verification reads the chain in order out of an index, and a source is looked up in one', async () => {
      await store.auditLogs.verify('default');
      expect(await place.planOfLast()).toContain('audit_logs_by_sequence');
      await store.auditLogs.append(entry({ source: 'b:1:0' }));
      await store.auditLogs.append(entry({ source: 'b:1:0' }));
      expect(await place.planOfLast()).toContain('audit_logs_by_source');
    });

    it('counts what it was asked for', async () => {
      expect(await store.auditLogs.count({ workspace: 'default' })).toEqual({ total: 4, totalRelation: 'eq' });
      expect(await store.auditLogs.count({ workspace: 'default', action: 'a' })).toMatchObject({ total: 2 });
      expect(await store.auditLogs.count({ workspace: 'nobody' })).toMatchObject({ total: 0 });
    });
  });

  describe('a verification finds', () => {
    beforeEach(() => store.auditLogs.appendAll(numbered(700)));
    const rowAt = async (sequence: number) => (await all()).find((row) => row.sequence === sequence)!;
    const idOf = async (sequence: number) => (await rowAt(sequence)).id;

    it.each([
      ['who', "api_key_name = 'somebody else'"],
      ['what', "action = 'log:read'"],
      ['when', 'time_unix_ms = 5'],
      ['the target', "target_id = 'x'"],
      ['a target that is gone', 'target_id = null'],
      ['the details', `details = '{"a":1}'`],
      ['the hash', `hash = '${'1'.repeat(64)}'`],
    ])('a changed row: %s', async (_name, change) => {
      const id = await idOf(600);
      await place.run(`update audit_logs set ${change} where id = ${id}`);
      expect(await store.auditLogs.verify('default')).toMatchObject({
        ok: false,
        checked: 599,
        firstBadId: id,
        firstBadSequence: 600,
        reason: 'changed',
      });
    });

    it('a row that was taken out, by the one that follows it', async () => {
      const next = await idOf(43);
      await place.run('delete from audit_logs where sequence = 42');
      const found = { ok: false, checked: 41, firstBadId: next, firstBadSequence: 42, reason: 'missing' };
      expect(await store.auditLogs.verify('default')).toMatchObject(found);
    });

    it('rows that were taken from the end, and the whole log', async () => {
      await place.run('delete from audit_logs where sequence > 690');
      const found = { ok: false, checked: 690, firstBadId: undefined, firstBadSequence: 691, reason: 'missing' };
      expect(await store.auditLogs.verify('default')).toMatchObject(found);
      await place.run('delete from audit_logs');
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: false, checked: 0, firstBadSequence: 1 });
    });

    it('two rows that changed places', async () => {
      await place.run('update audit_logs set sequence = -1 where sequence = 10');
      await place.run('update audit_logs set sequence = 10 where sequence = 11');
      await place.run('update audit_logs set sequence = 11 where sequence = -1');
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: false, checked: 9, reason: 'changed' });
    });

    it('rows in a log whose end was moved back or taken away', async () => {
      const fifth = await rowAt(5);
      await place.run("update audit_chains set sequence = 5 where workspace_id = 'default'");
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: false, firstBadId: undefined });
      await place.run(`update audit_chains set hash = '${fifth.hash}' where workspace_id = 'default'`);
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: false, checked: 5, firstBadSequence: 6 });
      await place.run('delete from audit_chains');
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: false, checked: 0 });
    });

    it('nothing wrong while rows are being appended', async () => {
      const appending = store.auditLogs.appendAll(numbered(500));
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true });
      await appending;
      expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 1_200 });
    });
  });
}

describe('audit logs on SQLite', () => auditSuite(sqliteCase));
describe.skipIf(!server)('audit logs on Postgres', () => auditSuite(postgresCase(server)));
