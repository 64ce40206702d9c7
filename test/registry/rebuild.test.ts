import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deletePrompt } from '../../src/registry/deletion.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { createFilesystemDriver } from '../../src/registry/git/filesystem-driver.js';
import { IndexWriter } from '../../src/registry/index-writer.js';
import type { Prompt } from '../../src/registry/prompt.js';
import { rebuildIndex } from '../../src/registry/rebuild.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const prompt = (name: string, version: string, more: Partial<Prompt> = {}): Prompt => ({
  name,
  version,
  messages: [{ role: 'user', content: `needle of ${name} ${version}` }],
  ...more,
});

function rebuildSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  let fixture: RegistryFixture;
  const drivers: PromptDriver[] = [];
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
    fixture = await startRegistry(store);
  });
  afterEach(async () => {
    for (const driver of drivers.splice(0)) await driver.shutdown({ deadlineMs: 5_000 });
    await fixture.close();
    await place.remove();
  });

  const create = (given: Prompt, workspace = 'default') =>
    fixture.registry.create(given, { ...OPERATOR, workspace }, {});
  const label = (name: string, version: string, more: object = {}) =>
    fixture.registry.setLabel({ promptName: 'p', name, version, ...more }, OPERATOR, {});
  const open = async (directory = fixture.directory) => {
    const driver = createFilesystemDriver({ directory, events: nopRegistryEvents });
    await driver.start();
    drivers.push(driver);
    return driver;
  };
  const told: string[] = [];
  const rebuild = async (driver?: PromptDriver) => {
    told.length = 0;
    const events = { ...nopRegistryEvents, unusable: (version: string) => void told.push(version) };
    const opened = driver ?? (await open());
    const resolve = () => Promise.reject(new Error('Nothing is resolved'));
    const options = { control: store, driver: opened, events, writer: randomUUID() };
    const index = new IndexWriter({ ...options, resolve, onQueued() {} });
    return rebuildIndex({ ...options, index, onProgress() {} });
  };
  const commit = async (files: Record<string, unknown>) => {
    for (const [file, content] of Object.entries(files)) {
      const at = path.join(fixture.directory, file);
      await mkdir(path.dirname(at), { recursive: true });
      await writeFile(at, JSON.stringify(content));
    }
    const git = ['-C', fixture.directory, '-c', 'user.name=Grace', '-c', 'user.email=g@x'];
    execFileSync('git', [...git, 'add', '.']);
    execFileSync('git', [...git, 'commit', '-q', '-m', 'By hand']);
  };
  const rowOf = async (version: string, name = 'p', workspace = 'default') =>
    store.prompts.find({ workspace, name, version });
  const found = async (q: string, workspace = 'default') =>
    (await store.prompts.searchNames({ workspace, q }, { limit: 10, offset: 0 })).items;
  const withoutId = (row: Awaited<ReturnType<typeof rowOf>>) => row && { ...row, id: 0, writer: '', audit: undefined };

  it('an index that is lost is there again: rows, what is searched, labels and their history', async () => {
    for (const version of ['1.0.0', '1.1.0', '2.0.0-rc.1']) await create(prompt('p', version, { tags: ['t'] }));
    await create(prompt('of/acme', '1.0.0'), 'acme');
    await label('production', '1.0.0');
    await label('production', '1.1.0');
    await label('staging', '1.1.0', { split: undefined });
    const before = await rowOf('1.1.0');
    await place.run('delete from prompts');
    await place.run('delete from prompt_texts');
    await place.run('delete from prompt_revisions');
    expect(await rebuild()).toEqual({ versions: 4, removed: 0, labelsRemoved: 0, pending: 0, failed: 0 });
    const after = await rowOf('1.1.0');
    expect({ ...withoutId(after), writtenTimeUnixMs: 0 }).toEqual({ ...withoutId(before), writtenTimeUnixMs: 0 });
    expect([await found('needle 1.0.0'), await found('needle', 'acme')]).toEqual([['p'], ['of/acme']]);
    expect((await store.prompts.latest('default', 'p'))?.version).toBe('1.1.0');
    const key = { workspace: 'default', promptName: 'p', name: 'production' };
    expect((await store.labels.get(key))?.version).toBe('1.1.0');
    expect((await store.labels.history(key, { limit: 10, offset: 0 })).total).toBe(2);
    const { compiled } = await fixture.registry.resolve('acme', 'of/acme', undefined);
    expect(compiled.prompt.version).toBe('1.0.0');
  });

  it('an index that says something else than the content store says what that says, and deleted stays deleted', async () => {
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await create(prompt('p', version, { tags: ['t'] }));
    await deletePrompt(store, { name: 'p', version: '1.2.0' }, OPERATOR, {});
    const before = await rowOf('1.0.0');
    await place.run(`update prompts set sort_key = 'x', tags = '["lie"]', author = 'Mallory', commit_sha = null`);
    await place.run('delete from prompt_texts');
    expect(await rebuild()).toMatchObject({ versions: 3, removed: 0 });
    expect(await rowOf('1.0.0')).toMatchObject({
      tags: ['t'],
      author: before!.author,
      commitSha: before!.commitSha,
      status: 'active',
    });
    expect((await rowOf('1.2.0'))?.status).toBe('deleted');
    expect((await store.prompts.latest('default', 'p'))?.version).toBe('1.1.0');
    expect(await found('needle')).toEqual(['p']);
    // Nothing is told twice of what was there.
    expect((await store.auditLogs.list({ workspace: 'default', action: 'create_prompt', limit: 10 })).total).toBe(3);
  });

  it('rows without content are removed with their words and labels; the history of a label stays', async () => {
    for (const version of ['1.0.0', '1.1.0']) await create(prompt('p', version));
    await label('gone', '1.1.0');
    await label('split', '1.0.0', {
      split: [
        { version: '1.0.0', weight: 9 },
        { version: '1.1.0', weight: 1 },
      ],
    });
    await label('kept', '1.0.0');
    // As if it had been another version all along.
    await place.run(`update prompts set version_tag = '9.9.9' where version_tag = '1.1.0'`);
    await place.run(`update prompt_labels set version_tag = '9.9.9' where name = 'gone'`);
    await place.run(`update prompt_labels set split = replace(split, '1.1.0', '9.9.9') where name = 'split'`);
    expect(await rebuild()).toEqual({ versions: 2, removed: 1, labelsRemoved: 2, pending: 0, failed: 0 });
    expect(await rowOf('9.9.9')).toBeUndefined();
    const { items } = await store.labels.list('default', 'p', { limit: 10, offset: 0 });
    expect(items.map(({ name }) => name)).toEqual(['kept']);
    const key = { workspace: 'default', promptName: 'p', name: 'gone' };
    const [last] = (await store.labels.history(key, { limit: 10, offset: 0 })).items;
    expect(last).toMatchObject({ to: undefined, by: 'rebuild-index' });
  });

  it('a file that is no prompt is told of, and has no row', async () => {
    await create(prompt('p', '1.0.0'));
    await commit({ 'prompts/p/2.0.0.json': { name: 'p' }, 'prompts/p/1.1.0.json': prompt('p', '1.1.0') });
    expect(await rebuild()).toMatchObject({ versions: 2, removed: 0 });
    expect([told, await rowOf('2.0.0')]).toEqual([['default/p/2.0.0'], undefined]);
  });

  it('a version whose branch was moved away from it stays, by its tag', async () => {
    const { commitSha } = await create(prompt('p', '1.0.0'));
    await create(prompt('p', '1.1.0'));
    execFileSync('git', ['-C', fixture.directory, 'update-ref', 'refs/heads/main', commitSha!]);
    expect(await rebuild()).toMatchObject({ versions: 2, removed: 0 });
    expect((await rowOf('1.1.0'))?.status).toBe('active');
  });

  it('a content store that is empty takes nothing out of an index that is not', async () => {
    await create(prompt('p', '1.0.0'));
    const empty = await open(path.join(fixture.directory, '..', 'another'));
    await expect(rebuild(empty)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await rowOf('1.0.0'))?.status).toBe('active');
  });

  it('what a gateway is just writing is left to it', async () => {
    await create(prompt('p', '1.0.0'));
    await create(prompt('p', '1.1.0'));
    await place.run(`update prompts set status = 'pending' where version_tag = '1.1.0'`);
    expect(await rebuild()).toMatchObject({ versions: 1, removed: 0, pending: 1 });
    expect((await rowOf('1.1.0'))?.status).toBe('pending');
  });

  it('runs again to the same end', async () => {
    await create(prompt('p', '1.0.0'));
    expect(await rebuild()).toEqual(await rebuild());
  });
}

describe('the index, made anew, on SQLite', () => rebuildSuite(sqliteCase));
describe.skipIf(!server)('the index, made anew, on Postgres', () => rebuildSuite(postgresCase(server)));
