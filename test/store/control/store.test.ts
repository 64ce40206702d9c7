import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase, workspaceIds } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

/** A promise and what resolves it: the test says when a transaction goes on. */
function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

function controlSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  const ids = (from = store) => workspaceIds(from);

  it('has the default workspace from the start', async () => {
    expect(await ids()).toEqual(['default']);
    expect((await store.workspaces.get('default'))?.createdTimeUnixMs).toBeGreaterThan(1_600_000_000_000);
    await store.ping();
  });

  it('a workspace is read back as it was created, and lists are in the order of bytes', async () => {
    const created = await store.workspaces.create('acme');
    await store.workspaces.create('Zebra');
    expect(await store.workspaces.get('acme')).toEqual(created);
    expect(await store.workspaces.get('nobody')).toBeUndefined();
    expect(await ids()).toEqual(['Zebra', 'acme', 'default']);
  });

  it('a workspace created twice is a CONFLICT', async () => {
    await store.workspaces.create('acme');
    await expect(store.workspaces.create('acme')).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each(['', 'a b', 'a/b', 'ü', 'x'.repeat(129), "'; drop table workspaces; --"])(
    '%j is no workspace id',
    async (id) => {
      await expect(store.workspaces.create(id)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  it('installation facts are replaced by a second set, and survive a restart', async () => {
    await store.installation.set('colour', 'red');
    await store.installation.set('colour', 'grün');
    await store.shutdown({ deadlineMs: 5_000 });
    const next = await place.open();
    await next.start();
    expect(await next.installation.get('colour')).toBe('grün');
    expect(await next.installation.get('size')).toBeUndefined();
  });

  it('an installation has one id, whoever asks first', async () => {
    const other = await place.open();
    await other.start();
    const asked = await Promise.all([store.installation.id(), other.installation.id(), store.installation.id()]);
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('a read beside an open transaction does not wait, and does not see what is not committed', async () => {
    const wrote = gate();
    const proceed = gate();
    const transaction = store.transaction(async ({ workspaces }) => {
      await workspaces.create('hidden');
      wrote.open();
      await proceed.passed;
      return (await workspaces.get('hidden'))?.id;
    });
    await wrote.passed;
    expect(await ids()).toEqual(['default']);
    proceed.open();
    expect(await transaction).toBe('hidden');
    expect(await ids()).toEqual(['default', 'hidden']);
  });

  it('a write beside an open transaction survives when that transaction is rolled back', async () => {
    const wrote = gate();
    const proceed = gate();
    const transaction = store.transaction(async ({ workspaces }) => {
      await workspaces.create('lost');
      wrote.open();
      await proceed.passed;
      throw new Error('changed my mind');
    });
    await wrote.passed;
    const kept = store.workspaces.create('kept');
    const alsoKept = store.transaction(({ workspaces }) => workspaces.create('also-kept'));
    proceed.open();
    await expect(transaction).rejects.toThrow('changed my mind');
    await Promise.all([kept, alsoKept]);
    expect(await ids()).toEqual(['also-kept', 'default', 'kept']);
  });

  it('a transaction that fails in the middle leaves nothing, and the next one works', async () => {
    const failing = store.transaction(async ({ workspaces }) => {
      await workspaces.create('half');
      await workspaces.create('default');
    });
    await expect(failing).rejects.toMatchObject({ code: 'CONFLICT' });
    await store.transaction(({ workspaces }) => workspaces.create('whole'));
    expect(await ids()).toEqual(['default', 'whole']);
  });

  it('many transactions at once each happen in whole', async () => {
    const work = Array.from({ length: 30 }, (_, at) =>
      store.transaction(async ({ workspaces }) => {
        await workspaces.create(`w${at}-a`);
        await workspaces.get(`w${at}-a`);
        if (at % 3 === 0) throw new Error('no');
        await workspaces.create(`w${at}-b`);
      }),
    );
    const outcomes = await Promise.allSettled(work);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
    const kept = (await ids()).filter((id) => id !== 'default');
    expect(kept).toHaveLength(40);
    expect(kept.filter((id) => id.endsWith('a')).map((id) => id.slice(0, -1))).toEqual(
      kept.filter((id) => id.endsWith('b')).map((id) => id.slice(0, -1)),
    );
  });

  it('can be shut down twice, and before it was started', async () => {
    await store.shutdown({ deadlineMs: 5_000 });
    await store.shutdown({ deadlineMs: 5_000 });
    const never = await place.open();
    await never.shutdown({ deadlineMs: 5_000 });
  });

  it('gateways that start at once on an empty database all come up', async () => {
    const empty = await makePlace();
    try {
      const stores = await Promise.all(Array.from({ length: 4 }, () => empty.open()));
      await Promise.all(stores.map((each) => each.start()));
      for (const each of stores) expect(await ids(each)).toEqual(['default']);
    } finally {
      await empty.remove();
    }
  });
}

describe('control store on SQLite', () => controlSuite(sqliteCase));
describe.skipIf(!server)('control store on Postgres', () => controlSuite(postgresCase(server)));
