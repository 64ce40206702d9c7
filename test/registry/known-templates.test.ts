import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import { deletePrompt, restorePrompt } from '../../src/registry/deletion.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { createFilesystemDriver } from '../../src/registry/git/filesystem-driver.js';
import { IndexWriter } from '../../src/registry/index-writer.js';
import { KnownTemplates } from '../../src/registry/known-templates.js';
import type { Prompt } from '../../src/registry/prompt.js';
import { rebuildIndex } from '../../src/registry/rebuild.js';
import { Renderings } from '../../src/registry/renderings.js';
import { isPrerelease, sortKeyOf } from '../../src/registry/version.js';
import type { NewPromptVersion } from '../../src/store/control/prompt-version.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const STATIC = 'You answer questions about pumps.';
const prompt = (version: string, { name = 'p', text = STATIC } = {}): Prompt => ({
  name,
  version,
  messages: [
    { role: 'system', content: text },
    { role: 'user', content: `${version}: {{question}}` },
  ],
});

/** A row as an adopted version has it, with or without content. */
const row = (name: string, version: string, textHash: string | undefined, workspace = 'default'): NewPromptVersion => ({
  workspace,
  name,
  version,
  sortKey: sortKeyOf(version),
  prerelease: isPrerelease(version),
  driver: 'filesystem',
  commitSha: undefined,
  author: 'a',
  message: 'm',
  tags: [],
  textHash,
  createdAt: 1,
  writer: undefined,
  writtenTimeUnixMs: 1,
  audit: undefined,
});

/** What a text is a sign of, as a writer thread is told. */
function meaning(renderings: Renderings, text: string): string | undefined {
  const found = renderings.since(0).texts.findLast(({ hash }) => hash === promptHashOf(text));
  return found && `${found.name}@${found.version}`;
}

const PATIENCE = { timeout: 20_000, interval: 10 };

function suite({ makePlace }: DialectCase): void {
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

  const start = async (directory?: string, on = store) => {
    const fixture = await startRegistry(on, directory === undefined ? {} : { directory });
    fixtures.push(fixture);
    return fixture;
  };
  const create = ({ registry }: RegistryFixture, given: Prompt, workspace = 'default') =>
    registry.create(given, { ...OPERATOR, workspace }, {});
  const means = ({ registry }: RegistryFixture, text = STATIC) => meaning(registry.renderings, text);
  const folderOf = ({ directory }: RegistryFixture) => path.dirname(directory);

  it('a version that was written is known at once, after a restart, and to another gateway', async () => {
    const mine = await start();
    const theirs = await start(folderOf(mine));
    await create(mine, prompt('1.0.0'));
    expect(means(mine)).toBe('p@1.0.0');
    await expect.poll(() => means(theirs), PATIENCE).toBe('p@1.0.0');
    expect(means(await start(folderOf(mine)))).toBe('p@1.0.0');
    await create(mine, prompt('1.1.0'));
    await expect.poll(() => means(theirs), PATIENCE).toBe('p@1.1.0');
  });

  it('a version that was committed past the gateway is known', async () => {
    const fixture = await start();
    await create(fixture, prompt('1.0.0', { text: 'Something else' }));
    const file = path.join(fixture.directory, 'prompts/p/1.1.0.json');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(prompt('1.1.0')));
    const git = ['-C', fixture.directory, '-c', 'user.name=Grace', '-c', 'user.email=g@x'];
    execFileSync('git', [...git, 'add', '.']);
    execFileSync('git', [...git, 'commit', '-q', '-m', 'By hand']);
    await fixture.registry.reconcile();
    await expect.poll(() => means(fixture), PATIENCE).toBe('p@1.1.0');
  });

  it('a version that is deleted leaves its text to the one below it, and has it back when it is restored', async () => {
    const fixture = await start();
    for (const version of ['1.0.0', '2.0.0']) await create(fixture, prompt(version));
    const target = { name: 'p', version: '2.0.0' };
    await deletePrompt(store, target, OPERATOR, {});
    await expect.poll(() => means(fixture), PATIENCE).toBe('p@1.0.0');
    await restorePrompt(store, target, OPERATOR, {});
    await expect.poll(() => means(fixture), PATIENCE).toBe('p@2.0.0');
  });

  it('rows without a hash are known once they are served, and have one when the index is made anew', async () => {
    const first = await start();
    await create(first, prompt('1.0.0'));
    await place.run('update prompts set text_hash = null');
    const second = await start(folderOf(first));
    expect(means(second)).toBeUndefined();
    await second.registry.resolve('default', 'p', undefined);
    expect(means(second)).toBe('p@1.0.0');
    const driver = createFilesystemDriver({ directory: first.directory, events: nopRegistryEvents });
    await driver.start();
    const options = { control: store, driver, events: nopRegistryEvents, writer: randomUUID() };
    const resolve = () => Promise.reject(new Error('Nothing is resolved'));
    const index = new IndexWriter({ ...options, resolve, onQueued() {} });
    await rebuildIndex({ ...options, index, onProgress() {} }).finally(() => driver.shutdown({ deadlineMs: 5_000 }));
    expect(means(await start(folderOf(first)))).toBe('p@1.0.0');
  });

  it('more versions than a page holds are all known at the start', async () => {
    const rows = Array.from({ length: 1_100 }, (_, at) => row(`p${at}`, '1.0.0', promptHashOf(`text ${at}`)));
    await store.prompts.adopt(rows);
    const fixture = await start();
    expect([means(fixture, 'text 0'), means(fixture, 'text 1099')]).toEqual(['p0@1.0.0', 'p1099@1.0.0']);
    expect(await store.promptHashes.ofPrompt('default', 'p7', 10)).toMatchObject([{ name: 'p7', status: 'active' }]);
  });

  it('a text is looked up in its workspace: the highest active version, and none when several prompts have it', async () => {
    const { registry } = await start();
    const rows = [row('a', '1.9.0', 'h'), row('a', '1.10.0', 'h'), row('a', '2.0.0-rc.1', 'h'), row('a', '3.0.0', 'i')];
    await store.workspaces.ensure('other');
    await store.prompts.adopt([...rows, row('b', '1.0.0', undefined), row('c', '1.0.0', 'h', 'other')]);
    expect(await registry.recognise('default', 'h')).toMatchObject({ name: 'a', version: '1.10.0' });
    await deletePrompt(store, { name: 'a', version: '1.10.0' }, OPERATOR, {});
    expect(await registry.recognise('default', 'h')).toMatchObject({ name: 'a', version: '1.9.0' });
    expect(await registry.recognise('other', 'h')).toMatchObject({ name: 'c' });
    expect(await registry.recognise('third', 'h')).toBeUndefined();
    await store.prompts.adopt([row('b', '2.0.0', 'h')]);
    expect(await registry.recognise('default', 'h')).toBeUndefined();
  });

  it('looking a text up goes over no more rows than have it', async () => {
    await store.promptHashes.having('default', 'h', 2);
    expect(await place.planOfLast()).toContain('prompts_by_text');
  });
}

describe('on SQLite', () => suite(sqliteCase));
describe.skipIf(!server)('on Postgres', () => suite(postgresCase(server)));

describe('what the index could not be asked', () => {
  it('is never asked again, or is asked for all when one prompt has changed', async () => {
    const renderings = new Renderings(nopRegistryEvents);
    const asked: string[] = [];
    let gone = true;
    const answer = <Row>(question: string, rows: Row[]) => {
      asked.push(question);
      return gone ? Promise.reject(new GatewayError('STORE_UNAVAILABLE', 'gone')) : Promise.resolve(rows);
    };
    const of = (name: string) => ({
      workspace: 'w',
      name,
      version: '1.0.0',
      id: 1,
      hash: name,
      status: 'active' as const,
    });
    const known = new KnownTemplates({
      renderings,
      hashes: {
        list: () => answer('all', [of('a')]),
        ofPrompt: (_workspace, name) => answer(name, [of(name)]),
        having: async () => [],
      },
    });
    await expect(known.refresh()).rejects.toThrow('gone');
    gone = false;
    await known.refresh();
    gone = true;
    known.promptChanged({ workspace: 'w', name: 'b' });
    await expect(known.refresh()).rejects.toThrow('gone');
    gone = false;
    known.promptChanged({ workspace: 'w', name: 'c' });
    await known.refresh();
    await known.refresh();
    expect(asked).toEqual(['all', 'all', 'b', 'b', 'c']);
    expect(renderings.since(0).texts.map(({ hash }) => hash)).toEqual(['a', 'b', 'c']);
  });
});
