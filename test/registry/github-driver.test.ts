import { access, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayError } from '../../src/errors.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import { nopRegistryEvents, type RegistryEvents } from '../../src/registry/events.js';
import { createGithubDriver } from '../../src/registry/github/driver.js';
import { type Fault, HTTP_BACKEND, REPO, startGithub, type TestGithub, TOKEN } from '../helpers/github.js';
import { type DriverPlace, driverContract, versionOf } from './driver-contract.js';

type Implementation = 'program' | 'script';

interface GithubFixture extends DriverPlace {
  github: TestGithub;
  folder: string;
  /** The clone at `name`: that of an earlier driver is used on. */
  openAt(name: string): Promise<PromptDriver>;
}

const PATIENCE = { backoffMs: 5, maxWaitMs: 200, resetMs: 100 };

async function makePlace(git: Implementation, events: Partial<RegistryEvents> = {}): Promise<GithubFixture> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'github-driver-'));
  const github = await startGithub();
  const drivers: PromptDriver[] = [];
  const openAt = async (name: string) => {
    const driver = createGithubDriver({
      repo: REPO,
      branch: 'main',
      token: TOKEN,
      apiUrl: github.apiUrl,
      syncIntervalMs: 0,
      directory: path.join(folder, name),
      events: { ...nopRegistryEvents, ...events },
      git,
      patience: PATIENCE,
    });
    await driver.start();
    drivers.push(driver);
    return driver;
  };
  return {
    github,
    folder,
    openAt,
    open: () => openAt(`clone-${drivers.length}.git`),
    async remove() {
      for (const driver of drivers) await driver.shutdown({ deadlineMs: 5_000 });
      await github.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe.skipIf(!HTTP_BACKEND).each<Implementation>(['program', 'script'])('the github driver, Git by %s', (git) => {
  driverContract(() => makePlace(git));

  let place: GithubFixture;
  let github: TestGithub;
  let driver: PromptDriver;
  const told: string[] = [];
  beforeEach(async () => {
    told.length = 0;
    place = await makePlace(git, {
      contentStoreUnreachable: () => void told.push('unreachable'),
      contentStoreReachable: () => void told.push('reachable'),
      tagsRefused: () => void told.push('tags refused'),
    });
    github = place.github;
    driver = await place.openAt('clone.git');
  });
  afterEach(() => place.remove());

  const commits = () => github.git('log', '--format=%an %s', 'main').split('\n');
  const puts = () => github.calls.filter(({ method }) => method === 'PUT').length;
  /** The first of such calls, and no others. */
  const failOnce = (fault: Fault, method: string) => {
    let left = 1;
    github.fault = (call) => (call.method === method && left-- > 0 ? fault : undefined);
  };

  it('leaves a repository at GitHub that git reads: a commit with its author, and a tag', async () => {
    const first = await driver.write(versionOf());
    const second = await driver.write(versionOf({ workspace: 'acme', name: 'a-b_C', version: '0.1.0-rc.1' }));
    expect(github.git('log', '--format=%H %an %cn %at %s', 'main')).toBe(
      `${second.commitSha} Ada Ada 1700000000 Add a-b_C 0.1.0-rc.1\n${first.commitSha} Ada Ada 1700000000 Add welcome 1.0.0`,
    );
    expect(github.git('rev-parse', 'refs/tags/prompts/welcome/1.0.0')).toBe(first.commitSha);
    expect(github.git('rev-parse', 'refs/tags/workspaces/acme/prompts/a-b_C/0.1.0-rc.1')).toBe(second.commitSha);
    expect(github.git('show', 'main:prompts/welcome/1.0.0.json')).toBe(versionOf().content.trim());
  });

  describe.each<Fault>(['lose the answer', 'break the answer'])(
    'a commit of which GitHub could not tell (%s)',
    (fault) => {
      it('is recognised, and not made twice', async () => {
        failOnce(fault, 'PUT');
        const stored = await driver.write(versionOf());
        expect(commits()).toEqual(['Ada Add welcome 1.0.0']);
        expect([stored.commitSha, puts()]).toEqual([github.git('rev-parse', 'main'), 2]);
        expect(github.git('rev-parse', 'refs/tags/prompts/welcome/1.0.0')).toBe(stored.commitSha);
      });
    },
  );

  it('a commit of which GitHub could not tell before a restart is recognised after it', async () => {
    let committed = false;
    github.fault = (call) => {
      if (committed) return 'drop';
      committed = call.method === 'PUT';
      return committed ? 'lose the answer' : undefined;
    };
    await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await driver.shutdown({ deadlineMs: 5_000 });
    github.fault = () => undefined;
    // Meanwhile others go on.
    github.push({ 'README.md': 'x' });
    const again = await place.openAt('clone.git');
    const stored = await again.write(versionOf());
    expect(commits()).toEqual(['Grace By hand', 'Ada Add welcome 1.0.0']);
    expect(stored.commitSha).toBe(github.git('rev-parse', 'main^'));
  });

  it.each<Fault>([
    'drop',
    { status: 500 },
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 429, headers: { 'retry-after': '0' } },
    { status: 403, headers: { 'retry-after': '0' }, message: 'You have exceeded a secondary rate limit' },
    { status: 409, message: 'is at 1 but expected 2' },
  ])('what passes by is tried again: %j', async (fault) => {
    failOnce(fault, 'PUT');
    expect(await driver.read(await driver.write(versionOf()))).toBe(versionOf().content);
    expect([commits().length, puts()]).toEqual([1, 2]);
  });

  it.each([
    { 'retry-after': '60' },
    { 'retry-after': new Date(Date.now() + 600_000).toUTCString() },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 600) },
  ])('GitHub is left alone for as long as it says: %j', async (headers) => {
    failOnce({ status: 'retry-after' in headers ? 503 : 403, headers: headers as Record<string, string> }, 'PUT');
    const refused = await driver.write(versionOf()).catch((error: unknown) => error as GatewayError);
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((refused as GatewayError).retryAfterMs).toBeGreaterThan(50_000);
    await expect(driver.write(versionOf({ version: '2.0.0' }))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(puts()).toBe(1);
    // Git's door has limits of its own.
    github.push({ 'prompts/farewell/1.0.0.json': '{}\n' });
    expect((await driver.arrivals(undefined)).versions).toMatchObject([{ name: 'farewell' }]);
  });

  it('after many failures GitHub is not asked for a while, and then it is', async () => {
    github.fault = () => ({ status: 502 });
    const attempt = () => driver.write(versionOf()).catch((error: GatewayError) => error.code);
    for (let tries = 0; tries < 3; tries++) expect(await attempt()).toBe('STORE_UNAVAILABLE');
    const asked = github.calls.length;
    expect(asked).toBeLessThanOrEqual(6);
    expect(await attempt()).toBe('STORE_UNAVAILABLE');
    expect(github.calls.length).toBe(asked);
    github.fault = () => undefined;
    await expect.poll(attempt, { timeout: 10_000 }).toMatchObject({ name: 'welcome' });
    expect(commits()).toHaveLength(1);
  });

  it('what the clone has is read while GitHub is down, also after a restart, and nobody is told that it is gone', async () => {
    const stored = await driver.write(versionOf());
    await github.goDown();
    expect(await driver.read(stored)).toBe(versionOf().content);
    expect(await driver.find(versionOf())).toEqual(stored);
    await driver.shutdown({ deadlineMs: 5_000 });
    const again = await place.openAt('clone.git');
    expect(await again.read(stored)).toBe(versionOf().content);
    expect((await again.arrivals(undefined)).versions).toMatchObject([stored]);
    // Whether there is one of which the clone knows nothing, nobody can say.
    await expect(again.find(versionOf({ version: '9.0.0' }))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await github.comeUp();
    github.push({ 'prompts/farewell/1.0.0.json': '{}\n' });
    await expect
      .poll(async () => (await again.arrivals(stored.commitSha)).versions, { timeout: 10_000 })
      .toMatchObject([{ name: 'farewell' }]);
    expect(told).toEqual(['unreachable', 'reachable']);
  });

  it('is told of what people push, and its tags are brought to GitHub', async () => {
    await driver.write(versionOf());
    const { revision } = await driver.arrivals(undefined);
    const added = github.push({ 'prompts/farewell/1.0.0.json': '{"by":"hand"}\n', 'prompts/farewell/README.md': 'x' });
    const { versions } = await driver.arrivals(revision);
    expect(versions).toMatchObject([{ name: 'farewell', commitSha: added, author: 'Grace', message: 'By hand' }]);
    await driver.adopt(versions[0]!);
    await driver.arrivals(revision);
    expect(github.git('rev-parse', 'refs/tags/prompts/farewell/1.0.0')).toBe(added);
    expect(told).toEqual([]);
  });

  it('keeps a version as it was, whatever people do to its file, its tag and the branch', async () => {
    const stored = await driver.write(versionOf());
    github.push({ 'prompts/welcome/1.0.0.json': '{"changed":true}\n' });
    const elsewhere = github.push({ 'prompts/welcome/1.0.0.json': undefined }, 'Gone');
    github.git('update-ref', 'refs/tags/prompts/welcome/1.0.0', elsewhere);
    const orphan = github.git('commit-tree', '-m', 'Anew', github.git('mktree', '--missing'));
    github.git('update-ref', 'refs/heads/main', orphan);
    github.push({ 'prompts/other/1.0.0.json': '{}\n' });
    expect((await driver.arrivals(stored.commitSha)).versions).toMatchObject([{ name: 'other' }]);
    await driver.maintain();
    expect(await driver.find(versionOf())).toEqual(stored);
    expect(await driver.read(stored)).toBe(versionOf().content);
    await expect(driver.write(versionOf({ content: '{}' }))).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('a file that somebody else pushed first is not written over', async () => {
    github.push({ 'prompts/welcome/1.0.0.json': '{"by":"hand"}\n' });
    await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(commits()).toEqual(['Grace By hand']);
  });

  it('a version that another gateway has just written is fetched when it is read', async () => {
    const other = await place.open();
    const stored = await other.write(versionOf());
    expect(await driver.read(stored)).toBe(versionOf().content);
  });

  it('a version is whole without its tag at GitHub, which is brought there later', async () => {
    github.fault = ({ method, what }) => (method === 'POST' && what === '/git/refs' ? { status: 500 } : undefined);
    const stored = await driver.write(versionOf());
    expect(await driver.find(versionOf())).toEqual(stored);
    github.fault = () => undefined;
    const tags = async () => {
      await driver.arrivals(undefined);
      return github.git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/tags');
    };
    await expect.poll(tags, { timeout: 10_000 }).toBe(`refs/tags/prompts/welcome/1.0.0 ${stored.commitSha}`);
  });

  it('tags of more versions than fit into one go all come to GitHub, but for one that it refuses', async () => {
    const names = Array.from({ length: 60 }, (_, at) => `p-${at}`);
    github.push(Object.fromEntries(names.map((name) => [`prompts/${name}/1.0.0.json`, '{}\n'])));
    const { versions } = await driver.arrivals(undefined);
    await Promise.all(versions.map((version) => driver.adopt(version)));
    // No other can be below it.
    github.git('tag', 'prompts/p-0', 'main');
    const tags = async () => {
      await driver.arrivals(undefined);
      return github.git('for-each-ref', '--format=%(refname)', 'refs/tags').split('\n').length;
    };
    await expect.poll(tags, { timeout: 30_000 }).toBe(60);
    expect(told).toContain('tags refused');
    expect(github.git('rev-parse', 'prompts/p-59/1.0.0')).toBe(versions[0]!.commitSha);
  });

  it('a token that GitHub does not take stands in no message, no file and no argument', async () => {
    github.fault = () => ({ status: 401, message: 'Bad credentials' });
    const error = await driver.write(versionOf()).catch((thrown: unknown) => thrown as GatewayError);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('Bad credentials') });
    const found = await driver.find(versionOf()).catch((thrown: unknown) => thrown);
    expect(`${inspect(error, { depth: 10 })} ${inspect(found, { depth: 10 })}`).not.toContain(TOKEN);
    const files = await readdir(place.folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile())) {
      expect(await readFile(path.join(file.parentPath, file.name), 'latin1')).not.toContain(TOKEN);
    }
  });

  it('a lock that a power cut has left in the clone is removed, one that somebody holds is not', async () => {
    await driver.write(versionOf());
    const lock = path.join(place.folder, 'clone.git/refs/heads/main.lock');
    const held = path.join(place.folder, 'clone.git/refs/tags/held.lock');
    for (const file of [lock, held]) await writeFile(file, '');
    await utimes(lock, 0, 0);
    github.push({ 'prompts/farewell/1.0.0.json': '{}\n' });
    expect((await driver.arrivals(undefined)).versions).toMatchObject([{ name: 'welcome' }, { name: 'farewell' }]);
    await access(held);
  });

  it('a shutdown does not wait for a GitHub that does not answer', async () => {
    github.fault = (call) => (call.method === 'PUT' ? 'hang' : undefined);
    const writing = driver.write(versionOf()).catch((error: GatewayError) => error.retryable);
    await expect.poll(puts).toBe(1);
    await driver.shutdown({ deadlineMs: 60_000 });
    expect(await writing).toBe(true);
  });
});
