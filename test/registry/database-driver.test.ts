import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabaseDriver } from '../../src/registry/database/driver.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, postgresCase, sqliteCase } from '../store/control/dialects.js';
import { type DriverPlace, driverContract, versionOf } from './driver-contract.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

interface DatabasePlace extends DriverPlace {
  openStore(): Promise<ControlStore>;
}

async function placeOn({ makePlace }: DialectCase): Promise<DatabasePlace> {
  const place = await makePlace();
  const openStore = async () => {
    const control = await place.open();
    await control.start();
    return control;
  };
  return {
    openStore,
    async open() {
      const driver = createDatabaseDriver({ control: await openStore() });
      await driver.start();
      return driver;
    },
    remove: () => place.remove(),
  };
}

function databaseSuite(dialect: DialectCase): void {
  driverContract(() => placeOn(dialect));

  let place: DatabasePlace;
  let driver: PromptDriver;
  beforeEach(async () => {
    place = await placeOn(dialect);
    driver = await place.open();
  });
  afterEach(() => place.remove());

  it('no version is overlooked by who asks while others write', async () => {
    const others = [await place.open(), await place.open()];
    const seen = new Set<string>();
    let since: string | undefined;
    const look = async () => {
      const { versions, revision } = await driver.arrivals(since);
      for (const { name, version } of versions) seen.add(`${name} ${version}`);
      since = revision;
    };
    let writing = true;
    const writes = others.map(async (other, at) => {
      for (let patch = 0; patch < 20; patch++)
        await other.write(versionOf({ name: `p${at}`, version: `1.0.${patch}` }));
    });
    const looking = (async () => {
      while (writing) await look();
    })();
    await Promise.all(writes).finally(() => {
      writing = false;
    });
    await looking;
    await look();
    expect(seen.size).toBe(40);
  });

  it('a version whose transaction is rolled back is absent', async () => {
    const control = await place.openStore();
    const rolledBack = control.transaction(async ({ promptContents }) => {
      await promptContents.add(versionOf());
      throw new Error('broken off');
    });
    await expect(rolledBack).rejects.toThrow('broken off');
    expect(await driver.find(versionOf())).toBeUndefined();
    expect(await driver.arrivals(undefined)).toEqual({ versions: [], revision: undefined });
    expect(await driver.write(versionOf({ content: 'another' }))).toMatchObject({ version: '1.0.0' });
  });
}

describe('the database driver on SQLite', () => databaseSuite(sqliteCase));
describe.skipIf(!server)('the database driver on Postgres', () => databaseSuite(postgresCase(server)));
