import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import type { Prompt } from '../../src/registry/prompt.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { type RegistryFixture, type RegistryFixtureOptions, startRegistry } from '../helpers/registry.js';
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

/** The driver with some of its methods replaced. */
function withMethods(driver: PromptDriver, methods: Partial<PromptDriver>): PromptDriver {
  return new Proxy(driver, {
    get(target, name: keyof PromptDriver) {
      const value = methods[name] ?? target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const unavailable = () => new GatewayError('STORE_UNAVAILABLE', 'gone');

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Its database takes all versions but one, as it would one that is at fault in itself. */
function refusingStore(store: ControlStore, refused: string): ControlStore {
  const transaction: ControlStore['transaction'] = (work) =>
    store.transaction(({ prompts, ...others }) => {
      const adopt: typeof prompts.adopt = async (versions) => {
        if (versions.some(({ version }) => version === refused)) throw new GatewayError('INTERNAL_ERROR', 'too long');
        return prompts.adopt(versions);
      };
      return work({ ...others, prompts: { ...prompts, adopt } });
    });
  return Object.create(store, { transaction: { value: transaction } });
}

function registrySuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  const fixtures: RegistryFixture[] = [];
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(async () => {
    for (const fixture of fixtures.splice(0).reverse()) await fixture.close();
    await place.remove();
  });

  const start = async (options: RegistryFixtureOptions = {}, on = store) => {
    const fixture = await startRegistry(on, options);
    fixtures.push(fixture);
    return fixture;
  };
  const create = (fixture: RegistryFixture, given: Prompt) => fixture.registry.create(given, OPERATOR, {});
  const served = async ({ registry }: RegistryFixture, label?: string) => {
    const { version } = await registry.resolve('default', 'p', label === undefined ? undefined : { label });
    return version.version;
  };

  it('what was resolved before costs no query and no read', async () => {
    let reads = 0;
    const fixture = await start({
      wrap: (driver) =>
        withMethods(driver, {
          read(version) {
            reads++;
            return Object.getPrototypeOf(driver).read.call(driver, version);
          },
        }),
    });
    await create(fixture, prompt());
    await fixture.registry.setLabel({ promptName: 'p', name: 'production' }, OPERATOR, {});
    await served(fixture, 'production');
    const before = place.statements();
    for (let round = 0; round < 100; round++) {
      const resolved = fixture.registry.resolve('default', 'p', { label: 'production' });
      expect(resolved).not.toBeInstanceOf(Promise);
    }
    expect([place.statements() - before, reads]).toEqual([0, 1]);
  });

  it('many who ask at once for what is not in memory are one question', async () => {
    const fixture = await start();
    await create(fixture, prompt());
    const before = place.statements();
    await Promise.all(Array.from({ length: 50 }, () => served(fixture)));
    expect(place.statements() - before).toBeLessThanOrEqual(2);
  });

  it('a new version, a moved and a removed label are seen by the next question', async () => {
    const fixture = await start();
    const label = { promptName: 'p', name: 'production' };
    for (const version of ['1.0.0', '1.1.0', '1.0.5']) {
      await create(fixture, prompt(version));
      await fixture.registry.setLabel({ ...label, version }, OPERATOR, {});
      expect([await served(fixture), await served(fixture, 'production')]).toEqual([
        version === '1.0.0' ? '1.0.0' : '1.1.0',
        version,
      ]);
    }
    await fixture.registry.deleteLabel(label, OPERATOR, {});
    await expect(served(fixture, 'production')).rejects.toMatchObject({ message: 'Label not found' });
  });

  it('a change by another gateway is served within the bound', async () => {
    const folder = path.dirname((await start()).directory);
    const others = await place.open();
    await others.start();
    const mine = await start({ directory: folder });
    const theirs = await start({ directory: folder }, others);
    await create(mine, prompt('1.0.0'));
    expect(await served(theirs)).toBe('1.0.0');
    await create(mine, prompt('2.0.0'));
    await expect.poll(() => served(theirs), { timeout: 10_000 }).toBe('2.0.0');
  });

  it('what is known goes on being served, marked as stale, while the database is gone', async () => {
    let gone = false;
    const failing: ControlStore = Object.create(store, {
      prompts: {
        value: new Proxy(store.prompts, {
          get: (target, name: keyof ControlStore['prompts']) => {
            if (gone && name === 'latest') return () => Promise.reject(unavailable());
            return target[name];
          },
        }),
      },
      hearsOthers: { value: () => false },
    });
    const fixture = await start({}, failing);
    await create(fixture, prompt());
    await served(fixture);
    gone = true;
    const ask = async () => (await fixture.registry.resolve('default', 'p', undefined)).stale;
    await expect.poll(ask, { timeout: 10_000 }).toBe(true);
    gone = false;
    expect(await ask()).toBe(false);
  });

  it('a write whose end the driver does not know is found out: there, and it is answered as made', async () => {
    const fixture = await start({
      wrap: (driver) =>
        withMethods(driver, {
          async write(version) {
            await Object.getPrototypeOf(driver).write.call(driver, version);
            throw unavailable();
          },
        }),
    });
    expect(await create(fixture, prompt())).toMatchObject({ status: 'active', version: '1.0.0' });
    expect((await store.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(1);
  });

  it('a write that failed leaves no trace, and may be tried again', async () => {
    let broken = true;
    const fixture = await start({
      wrap: (driver) =>
        withMethods(driver, {
          write: (version) =>
            broken ? Promise.reject(unavailable()) : Object.getPrototypeOf(driver).write.call(driver, version),
        }),
    });
    await expect(create(fixture, prompt())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.prompts.pending()).toEqual([]);
    expect((await store.auditLogs.list({ workspace: 'default', limit: 5 })).total).toBe(0);
    broken = false;
    expect(await create(fixture, prompt())).toMatchObject({ status: 'active' });
  });

  it('a repository that can not be compared holds up nobody: what is known is served', async () => {
    const first = await start();
    await create(first, prompt());
    const failures: unknown[] = [];
    const again = await start({
      directory: path.dirname(first.directory),
      events: { reconcileFailed: (error) => void failures.push(error) },
      wrap: (driver) => withMethods(driver, { arrivals: () => Promise.reject(unavailable()) }),
    });
    expect(failures).toHaveLength(1);
    expect(await served(again)).toBe('1.0.0');
  });

  describe('what stands in the repository', () => {
    const commit = async (fixture: RegistryFixture, files: Record<string, unknown>) => {
      for (const [file, content] of Object.entries(files)) {
        const at = path.join(fixture.directory, file);
        await mkdir(path.dirname(at), { recursive: true });
        await writeFile(at, typeof content === 'string' ? content : JSON.stringify(content));
      }
      const git = ['-C', fixture.directory, '-c', 'user.name=Grace', '-c', 'user.email=g@x'];
      execFileSync('git', [...git, 'add', '.']);
      execFileSync('git', [...git, 'commit', '-q', '-m', 'By hand']);
    };

    it('and is no prompt is left out and told of, once, and the rest is adopted', async () => {
      const unusable: string[] = [];
      const adopted: number[] = [];
      const fixture = await start({
        events: { unusable: (file) => void unusable.push(file), adopted: (versions) => void adopted.push(versions) },
      });
      await commit(fixture, {
        'prompts/p/1.0.0.json': prompt(),
        'prompts/p/1.1.0.json': 'not json',
        'prompts/p/1.2.0.json': prompt('9.9.9'),
        'prompts/p/1.3.0.json': prompt('1.3.0', { messages: [{ role: 'user', content: '{{#open' }] }),
        'prompts/p/1.4.0.json': { name: 'p', version: '1.4.0' },
        'workspaces/acme/prompts/p/2.0.0.json': prompt('2.0.0'),
        'workspaces/default/prompts/p/3.0.0.json': prompt('3.0.0'),
      });
      await fixture.registry.reconcile();
      await fixture.registry.reconcile();
      expect(unusable.sort()).toEqual(['1.1.0', '1.2.0', '1.3.0', '1.4.0'].map((version) => `default/p/${version}`));
      expect(adopted).toEqual([2]);
      expect(await served(fixture)).toBe('1.0.0');
      expect((await fixture.registry.resolve('acme', 'p', undefined)).version.version).toBe('2.0.0');
    });

    it('and is being written by a client, too, is adopted when the client is told that it is there', async () => {
      const paused = deferred();
      const begun = deferred();
      let pause = true;
      const fixture = await start({
        wrap: (driver) =>
          withMethods(driver, {
            async write(version) {
              begun.resolve();
              if (pause) await paused.promise;
              return Object.getPrototypeOf(driver).write.call(driver, version);
            },
          }),
      });
      const creating = create(fixture, prompt()).catch((error: GatewayError) => error);
      await begun.promise;
      await commit(fixture, { 'prompts/p/1.0.0.json': prompt('1.0.0', { owner: 'Grace' }) });
      await commit(fixture, { 'prompts/p/0.9.0.json': prompt('0.9.0') });
      await fixture.registry.reconcile();
      expect(await served(fixture)).toBe('0.9.0');
      pause = false;
      paused.resolve();
      expect(await creating).toMatchObject({ message: 'Prompt already exists' });
      await fixture.registry.reconcile();
      expect(await served(fixture)).toBe('1.0.0');
      expect((await fixture.registry.resolve('default', 'p', { version: '1.0.0' })).compiled.prompt.owner).toBe(
        'Grace',
      );
    });

    it('and whose tag can not be made holds up no others, is told of once, and adopted when it can', async () => {
      const told: string[] = [];
      const fixture = await start({ events: { unusable: (version) => void told.push(version) } });
      await commit(fixture, {
        'prompts/odd/1.0.0.json': { ...prompt(), name: 'odd' },
        'prompts/p/1.0.0.json': prompt(),
      });
      // Its name leaves no room for the version's.
      execFileSync('git', ['-C', fixture.directory, 'tag', 'prompts/odd']);
      for (let round = 0; round < 2; round++) await fixture.registry.reconcile();
      await commit(fixture, { 'prompts/p/2.0.0.json': prompt('2.0.0') });
      await fixture.registry.reconcile();
      expect([await served(fixture), told]).toEqual(['2.0.0', ['default/odd/1.0.0']]);
      execFileSync('git', ['-C', fixture.directory, 'tag', '-d', 'prompts/odd']);
      await fixture.registry.reconcile();
      expect((await fixture.registry.resolve('default', 'odd', undefined)).version.version).toBe('1.0.0');
    });

    it('and that the database does not take holds up no others, and is told of once', async () => {
      const told: string[] = [];
      const refusing = refusingStore(store, '1.1.0');
      const fixture = await start({ events: { unusable: (version) => void told.push(version) } }, refusing);
      const versions = ['1.0.0', '1.1.0', '1.2.0'];
      await commit(fixture, Object.fromEntries(versions.map((each) => [`prompts/p/${each}.json`, prompt(each)])));
      for (let round = 0; round < 2; round++) await fixture.registry.reconcile();
      const { items } = await store.prompts.listVersions('default', 'p', { limit: 10, offset: 0 });
      expect(items.map(({ version }) => version).sort()).toEqual(['1.0.0', '1.2.0']);
      expect(told).toEqual(['default/p/1.1.0']);
    });

    it('and has a text that grows to megabytes in the search is adopted, and found', async () => {
      const fixture = await start();
      // One character that stands for eighteen (Unicode, compatibility decomposition).
      const grown = '\uFDFA'.repeat(49_000);
      await commit(fixture, {
        'prompts/p/1.0.0.json': prompt('1.0.0', { messages: [{ role: 'user', content: `needle ${grown}` }] }),
        'prompts/q/1.0.0.json': { ...prompt(), name: 'q' },
      });
      await fixture.registry.reconcile();
      const query = { workspace: 'default', q: 'needle' };
      const { items } = await store.prompts.searchNames(query, { limit: 10, offset: 0 });
      expect(items).toEqual(['p']);
    });

    it('and is much is taken in steps: a shutdown waits for one of them, and the next start goes on', async () => {
      const failures: unknown[] = [];
      const stepped = deferred();
      const fixture = await start({
        events: { adopted: () => stepped.resolve(), reconcileFailed: (error) => void failures.push(error) },
      });
      const versions = Array.from({ length: 450 }, (_, at) => `1.0.${at}`);
      await commit(fixture, Object.fromEntries(versions.map((each) => [`prompts/p/${each}.json`, prompt(each)])));
      const comparing = fixture.registry.reconcile().catch((error: GatewayError) => error.code);
      await stepped.promise;
      await fixture.registry.shutdown({ deadlineMs: 60_000 });
      expect([await comparing, await store.prompts.countVersions('default', 'p')]).toEqual(['SHUTTING_DOWN', 200]);
      const again = await start({ directory: path.dirname(fixture.directory) });
      await again.registry.reconcile();
      expect([failures, await store.prompts.countVersions('default', 'p')]).toEqual([[], 450]);
    });

    it('makes the index anew, where the index is lost', async () => {
      const fixture = await start();
      for (const version of ['1.0.0', '1.1.0']) await create(fixture, prompt(version, { tags: ['t'] }));
      await place.run('delete from prompts');
      await place.run('delete from prompt_revisions');
      const again = await start({ directory: path.dirname(fixture.directory) });
      expect(await served(again)).toBe('1.1.0');
      const { items } = await store.prompts.listVersions('default', 'p', { limit: 10, offset: 0 });
      expect(items.map(({ version, tags }) => [version, tags])).toEqual(
        expect.arrayContaining([
          ['1.0.0', ['t']],
          ['1.1.0', ['t']],
        ]),
      );
    });

    it('and came by hand is not written over by a client', async () => {
      const fixture = await start();
      await commit(fixture, { 'prompts/p/1.0.0.json': prompt('1.0.0', { owner: 'Grace' }) });
      await expect(create(fixture, prompt())).rejects.toMatchObject({ message: 'Prompt already exists' });
      await fixture.registry.reconcile();
      const { compiled } = await fixture.registry.resolve('default', 'p', undefined);
      expect(compiled.prompt.owner).toBe('Grace');
    });
  });
}

describe('the registry on SQLite', () => registrySuite(sqliteCase));
describe.skipIf(!server)('the registry on Postgres', () => registrySuite(postgresCase(server)));
