import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryConfig } from '../../src/registry/config.js';
import type { Prompt } from '../../src/registry/prompt.js';
import { writePrompt } from '../../src/registry/prompt.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { type RegistryFixture, type RegistryFixtureOptions, startRegistry } from '../helpers/registry.js';
import { type S3Server, startS3 } from '../helpers/s3.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const prompt = (version = '1.0.0', more: Partial<Prompt> = {}): Prompt => ({
  name: 'p',
  version,
  messages: [{ role: 'user', content: `${version} {{x}}` }],
  ...more,
});

const EXISTS = { code: 'BAD_REQUEST', message: 'Prompt already exists' };

function s3Suite({ makePlace }: DialectCase): void {
  let place: Place;
  let s3: S3Server;
  let control: ControlStore;
  const fixtures: RegistryFixture[] = [];
  beforeEach(async () => {
    place = await makePlace();
    s3 = await startS3();
    control = await place.open();
    await control.start();
  });
  afterEach(async () => {
    for (const fixture of fixtures.splice(0)) await fixture.close();
    await s3.stop();
    await place.remove();
  });

  const settings = (): Partial<RegistryConfig> => {
    const { endpoint: s3Endpoint, bucket: s3Bucket, accessKey: s3AccessKey, secretKey: s3SecretKey } = s3;
    return { driver: 's3', s3Endpoint, s3Bucket, s3AccessKey, s3SecretKey };
  };
  const start = async (on = control, options: RegistryFixtureOptions = {}) => {
    const fixture = await startRegistry(on, { settings: settings(), ...options });
    fixtures.push(fixture);
    return fixture;
  };
  const another = async () => {
    const store = await place.open();
    await store.start();
    return start(store);
  };
  const create = ({ registry }: RegistryFixture, given: Prompt) => registry.create(given, OPERATOR, {});
  const resolve = ({ registry }: RegistryFixture, version?: string) =>
    registry.resolve('default', 'p', version === undefined ? undefined : { version });

  it('what was resolved before is served while S3 is down, and what was not is told to come later', async () => {
    const first = await start();
    for (const version of ['1.0.0', '2.0.0']) await create(first, prompt(version));
    const fixture = await start();
    expect((await resolve(fixture)).compiled.prompt.version).toBe('2.0.0');
    await s3.stop();
    expect((await resolve(fixture)).compiled.prompt.version).toBe('2.0.0');
    await expect(resolve(fixture, '1.0.0')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    await expect(create(fixture, prompt('3.0.0'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await s3.start();
    expect((await resolve(fixture, '1.0.0')).compiled.prompt.version).toBe('1.0.0');
  });

  it('a write that S3 could not take is brought to its end when S3 is back', async () => {
    const settled: string[] = [];
    const fixture = await start(control, { events: { settled: (outcome) => void settled.push(outcome) } });
    s3.inject({ drop: 'before' }, () => true, 100);
    await expect(create(fixture, prompt())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await control.prompts.pending()).toHaveLength(1);
    expect(s3.objects.size).toBe(0);
    await expect
      .poll(
        () =>
          fixture.registry.reconcile().then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(settled).toEqual(['dropped']);
    expect(await create(fixture, prompt())).toMatchObject({ status: 'active' });
  });

  it('a write whose every answer was lost is active as soon as anybody looks', async () => {
    const fixture = await start();
    s3.inject({ drop: 'behind' }, ({ method }) => method === 'PUT', 100);
    expect(await create(fixture, prompt())).toMatchObject({ status: 'active', driver: 's3' });
    expect((await control.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(1);
  });

  it('of two gateways with one database that write one version at once, one wins', async () => {
    const gateways = [await start(), await another()];
    const writes = gateways.map((gateway, at) => create(gateway, prompt('1.0.0', { author: `gateway ${at}` })));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    for (const gateway of gateways) {
      expect((await resolve(gateway)).compiled.prompt.author).toBe(`gateway ${winner}`);
    }
    expect((await control.prompts.listVersions('default', 'p', { limit: 5, offset: 0 })).total).toBe(1);
    expect((await control.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(1);
  });

  it('of two gateways with a database each that share a bucket, one wins, and the other adopts it', async () => {
    const elsewhere = await makePlace();
    try {
      const store = await elsewhere.open();
      await store.start();
      const gateways = [await start(), await start(store)];
      const writes = gateways.map((gateway, at) => create(gateway, prompt('1.0.0', { author: `gateway ${at}` })));
      const outcomes = await Promise.allSettled(writes);
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
      expect(outcomes[1 - winner]).toMatchObject({ status: 'rejected', reason: EXISTS });
      for (const gateway of gateways) {
        await gateway.registry.reconcile();
        const { version, compiled } = await resolve(gateway);
        expect([version.author, compiled.prompt.author]).toEqual([`gateway ${winner}`, `gateway ${winner}`]);
      }
      for (const fixture of fixtures.splice(0)) await fixture.close();
    } finally {
      await elsewhere.remove();
    }
  });

  it('what somebody puts into the bucket is adopted, in the workspace that its key names, and is not written over', async () => {
    const fixture = await start();
    s3.put('prompts/p/1.0.0.json', writePrompt(prompt('1.0.0', { owner: 'Grace' })), { author: 'Grace' });
    s3.put('prompts/p/1.1.0.json', 'no prompt');
    s3.put('prompts/.workspaces/acme/prompts/p/2.0.0.json', writePrompt(prompt('2.0.0')));
    await expect(create(fixture, prompt())).rejects.toMatchObject(EXISTS);
    await fixture.registry.reconcile();
    expect(await resolve(fixture)).toMatchObject({
      version: { version: '1.0.0', author: 'Grace', driver: 's3' },
      compiled: { prompt: { owner: 'Grace' } },
    });
    expect((await fixture.registry.resolve('acme', 'p', undefined)).version).toMatchObject({ version: '2.0.0' });
    await expect(resolve(fixture, '1.1.0')).rejects.toMatchObject({ message: 'Version not found' });
  });

  it('a lost index is made anew, with who wrote what', async () => {
    const first = await start();
    await create(first, prompt('9.0.0', { author: 'Ada', commit_message: 'Why' }));
    for (let patch = 0; patch < 50; patch++) s3.put(`prompts/p/1.0.${patch}.json`, writePrompt(prompt(`1.0.${patch}`)));
    await place.run('delete from prompts');
    const fixture = await start();
    expect((await resolve(fixture)).version).toMatchObject({ version: '9.0.0', author: 'Ada', message: 'Why' });
    expect(await control.prompts.countVersions('default', 'p')).toBe(51);
  });
}

describe('the registry over S3, its index on SQLite', () => s3Suite(sqliteCase));
describe.skipIf(!server)('the registry over S3, its index on Postgres', () => s3Suite(postgresCase(server)));
