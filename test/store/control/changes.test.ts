import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../../../src/store/control/changes.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { startPostgres } from '../../helpers/postgres.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const change = (id: number): Change => ({ topic: 'api-keys', id });

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

function listenTo(store: ControlStore) {
  const heard: (Change | 'missed')[] = [];
  const stop = store.onChange((each) => void heard.push(each));
  return { heard, stop };
}

function changesSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  it('are heard here when their transaction has ended, and not before', async () => {
    const { heard } = listenTo(store);
    await store.transaction(async ({ changes }) => {
      await changes.announce(change(1));
      await changes.announce(change(2));
      expect(heard).toEqual([]);
    });
    expect(heard).toEqual([change(1), change(2)]);
  });

  it('are heard at once without a transaction, until one stops listening', async () => {
    const { heard, stop } = listenTo(store);
    await store.changes.announce(change(1));
    stop();
    await store.changes.announce(change(2));
    expect(heard).toEqual([change(1)]);
  });
}

describe('changes on SQLite', () => {
  changesSuite(sqliteCase);

  it('that another process commits are heard as missed, and its own are not', async () => {
    const place = await sqliteCase.makePlace();
    try {
      const [store, other] = [await place.open(), await place.open()];
      await store.start();
      await other.start();
      const [here, there] = [listenTo(store), listenTo(other)];
      await other.workspaces.ensure('theirs');
      await until(() => here.heard.length > 0);
      expect(here.heard).toEqual(['missed']);
      expect(there.heard).toEqual([]);
      expect([store.hearsOthers(), other.hearsOthers()]).toEqual([true, true]);
    } finally {
      await place.remove();
    }
  });
});

describe.skipIf(!server)('changes on Postgres', () => {
  changesSuite(postgresCase(server));

  let place: Place;
  let store: ControlStore;
  let other: ControlStore;
  beforeEach(async () => {
    place = await postgresCase(server).makePlace();
    [store, other] = [await place.open(), await place.open()];
    await store.start();
    await other.start();
  });
  afterEach(() => place.remove());

  it('are heard by other gateways once they are committed, and once by who made them', async () => {
    expect([store.hearsOthers(), other.hearsOthers()]).toEqual([true, true]);
    const [here, there] = [listenTo(store), listenTo(other)];
    const failing = store.transaction(async ({ changes }) => {
      await changes.announce(change(1));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await store.changes.announce(change(2));
    await until(() => there.heard.length > 0);
    await other.changes.announce(change(3));
    await until(() => here.heard.length === 3);
    expect(there.heard).toEqual([change(2), change(3)]);
    // That of the transaction that failed, too: a change too many costs a read.
    expect(here.heard).toEqual([change(1), change(2), change(3)]);
  });

  it('that were sent by a later version, or by somebody else, hurt nobody', async () => {
    const { heard } = listenTo(store);
    for (const payload of ['', 'null', '{"from":"x","change":{"topic":"weather"}}', 'x'.repeat(7_000)]) {
      await place.run(`select pg_notify('promptmetrics_changes', '${payload}')`);
    }
    await other.changes.announce(change(4));
    await until(() => heard.length > 0);
    expect(heard).toEqual([change(4)]);
  });

  it('that may have been missed while the connection was gone are told as missed, and later ones are heard', async () => {
    const { heard } = listenTo(store);
    await place.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%changes' and datname = current_database()",
    );
    await until(() => heard.includes('missed') && store.hearsOthers() && other.hearsOthers());
    heard.length = 0;
    await other.changes.announce(change(5));
    await until(() => heard.length > 0);
    expect(heard).toEqual([change(5)]);
  });
});

describe('a Postgres of its own', () => {
  it('that goes away and comes back is listened to again', async (context) => {
    const own = await startPostgres();
    if (!own) return context.skip();
    const place = await postgresCase(own).makePlace();
    try {
      const store = await place.open();
      await store.start();
      const { heard } = listenTo(store);
      await own.stop('immediate');
      await until(() => !store.hearsOthers());
      await own.start();
      await until(() => heard.includes('missed'));
      expect(store.hearsOthers()).toBe(true);
      const client = new pg.Client({ connectionString: place.config.databaseUrl });
      await client.connect();
      await client.query(
        `select pg_notify('promptmetrics_changes', '${JSON.stringify({ from: 'another', change: change(6) })}')`,
      );
      await client.end();
      await until(() => heard.at(-1) !== 'missed');
      expect(heard.at(-1)).toEqual(change(6));
    } finally {
      await place.remove();
      await own.remove();
    }
  });
});
