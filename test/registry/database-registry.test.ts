import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registrySettings } from '../../src/registry/config.js';
import { createDriver } from '../../src/registry/drivers.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

function databaseSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let control: ControlStore;
  const fixtures: RegistryFixture[] = [];
  beforeEach(async () => {
    place = await makePlace();
  });
  afterEach(async () => {
    for (const fixture of fixtures.splice(0)) await fixture.close();
    await place.remove();
  });

  const start = async () => {
    control = await place.open();
    await control.start();
    const fixture = await startRegistry(control, { settings: { driver: 'database' } });
    fixtures.push(fixture);
    return fixture;
  };
  const create = ({ registry }: RegistryFixture, content: string, version = '1.0.0') =>
    registry.create({ name: 'p', version, messages: [{ role: 'user', content }] }, OPERATOR, {});
  const served = async ({ registry }: RegistryFixture) => {
    const { compiled } = await registry.resolve('default', 'p', undefined);
    return compiled.prompt.messages![0]!.content;
  };

  it('of gateways that write one version at once, one wins, and all serve what it wrote', async () => {
    const gateways = [await start(), await start(), await start()];
    const writes = gateways.map((gateway, at) => create(gateway, `by ${at}`));
    const outcomes = await Promise.allSettled(writes);
    const winners = outcomes.flatMap(({ status }, at) => (status === 'fulfilled' ? [`by ${at}`] : []));
    expect(winners).toHaveLength(1);
    for (const gateway of gateways) expect(await served(gateway)).toBe(winners[0]);
    expect((await control.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(1);
  });

  it('a gateway with nothing on its disk serves what others wrote, and adopts none of it again', async () => {
    await create(await start(), 'theirs');
    expect(await served(await start())).toBe('theirs');
    expect((await control.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(1);
  });

  it('makes a lost index anew', async () => {
    const first = await start();
    for (const version of ['1.0.0', '1.10.0', '1.9.0']) await create(first, version, version);
    await place.run('delete from prompts');
    const again = await start();
    expect(await served(again)).toBe('1.10.0');
    expect(await control.prompts.countVersions('default', 'p')).toBe(3);
  });
}

describe('the registry over the control database on SQLite', () => databaseSuite(sqliteCase));
describe.skipIf(!server)('the registry over the control database on Postgres', () =>
  databaseSuite(postgresCase(server)),
);

describe('DRIVER=postgres', () => {
  const create = (sharedDatabase: boolean) =>
    createDriver({
      config: { ...registrySettings.parse({}), driver: 'postgres' },
      control: {} as ControlStore,
      directory: '/nonexistent',
      clonesDirectory: '/nonexistent',
      sharedDatabase,
      events: nopRegistryEvents,
    });

  it('is not taken for the file of one gateway', () => {
    expect(() => create(false)).toThrow('DATABASE_URL');
    expect(create(true).kind).toBe('database');
  });
});
