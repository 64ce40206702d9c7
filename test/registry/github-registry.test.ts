/** The registry with its prompts at GitHub: what is pending, what is served, and in which order it gets there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayError } from '../../src/errors.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { createGithubDriver } from '../../src/registry/github/driver.js';
import type { Prompt } from '../../src/registry/prompt.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { testApp } from '../helpers/api.js';
import { HTTP_BACKEND, REPO, startGithub, type TestGithub, TOKEN } from '../helpers/github.js';
import { processFile } from '../helpers/process-file.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const ENTRY = processFile('test/registry/process.ts');
const PATIENCE = { backoffMs: 5, maxWaitMs: 200, resetMs: 100 };

const prompt = (version: string, content = version): Prompt => ({
  name: 'p',
  version,
  messages: [{ role: 'user', content }],
});

function suite({ makePlace }: DialectCase): void {
  let github: TestGithub;
  let place: Place;
  let control: ControlStore;
  let folder: string;
  const fixtures: RegistryFixture[] = [];
  const settled: string[] = [];

  const start = async (name = 'gateway', on = control) => {
    const directory = path.join(folder, name);
    const events = { settled: (outcome: string, key: string) => void settled.push(`${outcome} ${key}`) };
    const fixture = await startRegistry(on, {
      directory,
      events,
      wrap: () =>
        createGithubDriver({
          repo: REPO,
          branch: 'main',
          token: TOKEN,
          apiUrl: github.apiUrl,
          syncIntervalMs: 86_400_000,
          directory: path.join(directory, 'clone.git'),
          events: nopRegistryEvents,
          patience: PATIENCE,
        }),
    });
    fixtures.push(fixture);
    return fixture;
  };
  const closeAll = async () => {
    for (const fixture of fixtures.splice(0).reverse()) await fixture.close();
  };

  beforeEach(async () => {
    settled.length = 0;
    folder = await mkdtemp(path.join(os.tmpdir(), 'github-registry-'));
    for (const name of ['gateway', 'other']) await mkdir(path.join(folder, name));
    github = await startGithub();
    place = await makePlace();
    control = await place.open();
    await control.start();
  });
  afterEach(async () => {
    await closeAll();
    await place.remove();
    await github.close();
    await rm(folder, { recursive: true, force: true });
  });

  const create = ({ registry }: RegistryFixture, given: Prompt) => registry.create(given, OPERATOR, {});
  const served = async ({ registry }: RegistryFixture) => {
    const found = await Promise.resolve(registry.resolve('default', 'p', undefined)).catch(
      (error: GatewayError) => error,
    );
    return 'version' in found ? found.version.version : found.message;
  };
  const subjects = () => github.git('log', '--reverse', '--format=%s', 'main').split('\n');
  const audited = async () =>
    (await control.auditLogs.list({ workspace: 'default', limit: 50 })).items
      .map(({ versionTag }) => versionTag)
      .sort();

  it('a version is a commit, and is served', async () => {
    const fixture = await start();
    const version = await create(fixture, prompt('1.0.0'));
    expect(version).toMatchObject({ status: 'active', driver: 'github', commitSha: github.git('rev-parse', 'main') });
    expect(await served(fixture)).toBe('1.0.0');
    expect(await control.prompts.pending()).toEqual([]);
  });

  it('what GitHub can not take is pending and seen by nobody, and is written later, in its order, once', async () => {
    const fixture = await start();
    await github.goDown();
    for (const version of ['1.0.0', '2.0.0', '1.5.0']) {
      expect(await create(fixture, prompt(version))).toMatchObject({ status: 'pending', version });
    }
    expect(await served(fixture)).toBe('Prompt not found');
    expect(await control.prompts.countVersions('default', 'p')).toBe(0);
    expect(await audited()).toEqual([]);
    await github.comeUp();
    await expect.poll(() => control.prompts.countVersions('default', 'p'), { timeout: 20_000 }).toBe(3);
    expect(subjects()).toEqual(['Add p 1.0.0', 'Add p 2.0.0', 'Add p 1.5.0']);
    expect(await served(fixture)).toBe('2.0.0');
    expect(await audited()).toEqual(['1.0.0', '1.5.0', '2.0.0']);
    expect(await create(fixture, prompt('3.0.0'))).toMatchObject({ status: 'active' });
  });

  it('what is pending outlives a restart, in its order', async () => {
    const fixture = await start();
    await github.goDown();
    for (const version of ['1.0.0', '0.9.0']) await create(fixture, prompt(version));
    await closeAll();
    await github.comeUp();
    const again = await start();
    // A start waits for the comparison, but not for ever.
    await expect.poll(audited, { timeout: 20_000 }).toEqual(['0.9.0', '1.0.0']);
    expect(await served(again)).toBe('1.0.0');
    expect(subjects()).toEqual(['Add p 1.0.0', 'Add p 0.9.0']);
    expect(settled).toEqual(['activated default/p/1.0.0', 'activated default/p/0.9.0']);
  });

  it('what comes while others wait does not overtake them', async () => {
    const fixture = await start();
    // The first is refused for as long as it is not the only one.
    let open = false;
    github.fault = ({ method, what }) =>
      method === 'PUT' && what.includes('1.0.0') && !open ? { status: 503 } : undefined;
    expect(await create(fixture, prompt('1.0.0'))).toMatchObject({ status: 'pending' });
    expect(await create(fixture, prompt('1.1.0'))).toMatchObject({ status: 'pending' });
    open = true;
    await expect.poll(() => served(fixture), { timeout: 20_000 }).toBe('1.1.0');
    expect(subjects()).toEqual(['Add p 1.0.0', 'Add p 1.1.0']);
  });

  it('what is pending is not replaced by a second try with another content', async () => {
    const fixture = await start();
    await github.goDown();
    await create(fixture, prompt('1.0.0', 'first'));
    await expect(create(fixture, prompt('1.0.0', 'second'))).rejects.toMatchObject({
      message: 'Prompt already exists',
    });
    await github.comeUp();
    await expect.poll(() => served(fixture), { timeout: 20_000 }).toBe('1.0.0');
    const { compiled } = await fixture.registry.resolve('default', 'p', undefined);
    expect(compiled.prompt.messages![0]!.content).toBe('first');
  });

  it('what GitHub has taken without being able to say so is pending, and then served with its one commit', async () => {
    const fixture = await start();
    let gone = false;
    github.fault = ({ method }) => {
      if (gone) return 'drop';
      gone = method === 'PUT';
      return gone ? 'lose the answer' : undefined;
    };
    expect(await create(fixture, prompt('1.0.0'))).toMatchObject({ status: 'pending' });
    github.fault = () => undefined;
    await expect.poll(() => served(fixture), { timeout: 20_000 }).toBe('1.0.0');
    expect(subjects()).toEqual(['Add p 1.0.0']);
    expect(await audited()).toEqual(['1.0.0']);
  });

  it('of what is pending and what somebody has pushed meanwhile, the one at GitHub is served', async () => {
    const fixture = await start();
    await github.goDown();
    await create(fixture, prompt('1.0.0', 'ours'));
    github.push({ 'prompts/p/1.0.0.json': JSON.stringify(prompt('1.0.0', 'theirs')) });
    await github.comeUp();
    await expect.poll(() => served(fixture), { timeout: 20_000 }).toBe('1.0.0');
    const { compiled } = await fixture.registry.resolve('default', 'p', undefined);
    expect(compiled.prompt.messages![0]!.content).toBe('theirs');
    expect(settled).toEqual(['dropped default/p/1.0.0']);
    expect(subjects()).toEqual(['By hand']);
  });

  it('while GitHub does not answer, nobody else waits for it', async () => {
    const fixture = await start();
    await create(fixture, prompt('1.0.0'));
    github.fault = ({ method }) => (method === 'PUT' ? 'hang' : undefined);
    const writing = create(fixture, prompt('2.0.0'));
    await expect.poll(() => github.calls.filter(({ method }) => method === 'PUT').length).toBe(2);
    await fixture.registry.setLabel({ promptName: 'p', name: 'production' }, OPERATOR, {});
    expect(await served(fixture)).toBe('1.0.0');
    await closeAll();
    expect(await writing).toMatchObject({ status: 'pending' });
  });

  it('what is pushed is served as soon as a webhook tells of it, also where it was asked for before', async () => {
    const fixture = await start();
    await create(fixture, prompt('1.0.0'));
    expect(await served(fixture)).toBe('1.0.0');
    github.push({ 'prompts/p/1.10.0.json': JSON.stringify(prompt('1.10.0')) });
    github.push({ 'prompts/p/1.9.0.json': JSON.stringify(prompt('1.9.0')) });
    fixture.registry.refresh();
    await expect.poll(() => served(fixture), { timeout: 20_000 }).toBe('1.10.0');
    expect(await control.prompts.countVersions('default', 'p')).toBe(3);
  });

  it('what one gateway has written, another serves', async () => {
    const mine = await start();
    const theirs = await place.open();
    await theirs.start();
    const other = await start('other', theirs);
    await create(mine, prompt('1.0.0'));
    await expect.poll(() => served(other), { timeout: 20_000 }).toBe('1.0.0');
    expect(await create(other, prompt('1.1.0'))).toMatchObject({ status: 'active' });
    await other.registry.reconcile();
    expect(await audited()).toEqual(['1.0.0', '1.1.0']);
  });

  it('a client is told that its version is pending', async () => {
    const { registry } = await start();
    const { app } = await testApp({ registry });
    const post = (version: string) => app.inject({ method: 'POST', url: '/v1/prompts', payload: prompt(version) });
    const made = await post('1.0.0');
    expect([made.statusCode, Object.keys(made.json()).sort()]).toEqual([
      201,
      ['commit_sha', 'created_at', 'name', 'version_tag'],
    ]);
    await github.goDown();
    const late = await post('2.0.0');
    expect([late.statusCode, late.json()]).toEqual([
      201,
      { name: 'p', version_tag: '2.0.0', created_at: expect.any(Number), status: 'pending' },
    ]);
    await app.close();
  });

  it.each(['before the content', 'behind the content'])('killed %s, a version is written once', async (step) => {
    const { apiUrl: githubApiUrl } = github;
    const settings = { driver: 'github', githubRepo: REPO, githubToken: TOKEN, githubApiUrl, githubBranch: 'main' };
    const gateway = path.join(folder, 'gateway');
    const args = [ENTRY, JSON.stringify(place.config), gateway, step, JSON.stringify(settings)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    const again = await start();
    expect(await served(again)).toBe('1.0.0');
    expect(subjects()).toEqual(['Add p 1.0.0']);
    expect(await audited()).toEqual(['1.0.0']);
    await again.registry.reconcile();
    expect(settled).toEqual(['activated default/p/1.0.0']);
  });
}

describe.skipIf(!HTTP_BACKEND)('the registry with its prompts at GitHub, on SQLite', () => suite(sqliteCase));
describe.skipIf(!HTTP_BACKEND || !server)('the registry with its prompts at GitHub, on Postgres', () =>
  suite(postgresCase(server)),
);
