import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryConfig } from '../../src/registry/config.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { OPERATOR } from '../helpers/access.js';
import { processFile } from '../helpers/process-file.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { startS3 } from '../helpers/s3.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const ENTRY = processFile('test/registry/process.ts');
const KEY = { workspace: 'default', name: 'p', version: '1.0.0' };
const PROMPT = { name: 'p', version: '1.0.0', messages: [{ role: 'user' as const, content: 'x' }] };

interface ContentPlace {
  settings: Partial<RegistryConfig>;
  /** Of the prompt `p`, as whoever looks past the gateway finds them. `directory` is the filesystem driver's. */
  versions(directory: string, control: Place): Promise<string[]>;
  remove(): Promise<void>;
}

interface DriverCase {
  name: string;
  makeContent(): Promise<ContentPlace>;
}

const filesystemCase: DriverCase = {
  name: 'the filesystem driver',
  async makeContent() {
    return {
      settings: {},
      async versions(directory) {
        const git = (...command: string[]) => execFileSync('git', ['-C', directory, ...command]).toString();
        const tags = git('tag').trim().split('\n').sort();
        const files = git('ls-tree', '-r', '--name-only', 'main').trim().split('\n').sort();
        expect(files).toEqual(tags.map((tag) => `${tag}.json`));
        return tags.map((tag) => tag.replace('prompts/p/', ''));
      },
      async remove() {},
    };
  },
};

const s3Case: DriverCase = {
  name: 'the s3 driver',
  async makeContent() {
    const s3 = await startS3();
    const { endpoint: s3Endpoint, bucket: s3Bucket, accessKey: s3AccessKey, secretKey: s3SecretKey } = s3;
    return {
      settings: { driver: 's3', s3Endpoint, s3Bucket, s3AccessKey, s3SecretKey },
      versions: async () => [...s3.objects.keys()].map((key) => /^prompts\/p\/(.+)\.json$/.exec(key)![1]!),
      remove: () => s3.stop(),
    };
  },
};

const databaseCase: DriverCase = {
  name: 'the database driver',
  async makeContent() {
    return {
      settings: { driver: 'database' },
      async versions(_, control) {
        const store = await control.open();
        await store.start();
        return (await store.promptContents.list(0, 2 ** 31)).map(({ version }) => version);
      },
      async remove() {},
    };
  },
};

function crashSuite({ makePlace }: DialectCase, { makeContent }: DriverCase): void {
  let place: Place;
  let content: ContentPlace;
  let folder: string;
  const children: ChildProcess[] = [];
  const fixtures: RegistryFixture[] = [];
  beforeEach(async () => {
    place = await makePlace();
    content = await makeContent();
    folder = await mkdtemp(path.join(os.tmpdir(), 'crash-'));
  });
  afterEach(async () => {
    for (const fixture of fixtures.splice(0)) await fixture.close();
    for (const child of children.splice(0)) await kill(child);
    await place.remove();
    await content.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  const start = (step: string) => {
    const args = [ENTRY, JSON.stringify(place.config), folder, step, JSON.stringify(content.settings)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };

  const dieIn = async (step: string) => {
    const child = start(step);
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
  };

  const reopen = async (): Promise<{ store: ControlStore; fixture: RegistryFixture; settled: string[] }> => {
    const store = await place.open();
    await store.start();
    const settled: string[] = [];
    const events = { settled: (outcome: string) => void settled.push(outcome) };
    const fixture = await startRegistry(store, { directory: folder, settings: content.settings, events });
    fixtures.push(fixture);
    return { store, fixture, settled };
  };

  it('killed between its row and its content, a version is absent, and can be written', async () => {
    await dieIn('before the content');
    const before = await place.open();
    await before.start();
    expect(await before.prompts.find(KEY)).toMatchObject({ status: 'pending' });
    expect(await before.prompts.exists('default', 'p')).toBe(false);
    const { store, fixture, settled } = await reopen();
    expect(settled).toEqual(['dropped']);
    expect(await store.prompts.find(KEY)).toBeUndefined();
    expect((await store.auditLogs.list({ workspace: 'default', limit: 10 })).items).toEqual([]);
    expect(await fixture.registry.create(PROMPT, OPERATOR, {})).toMatchObject({ status: 'active' });
  });

  it('killed behind its content, a version is whole, with its row in the audit log', async () => {
    await dieIn('behind the content');
    const { store, fixture, settled } = await reopen();
    expect(settled).toEqual(['activated']);
    expect((await fixture.registry.resolve('default', 'p', undefined)).version).toMatchObject(KEY);
    const { items } = await store.auditLogs.list({ workspace: 'default', limit: 10 });
    expect(items).toMatchObject([{ action: 'create_prompt', promptName: 'p', versionTag: '1.0.0' }]);
    await expect(fixture.registry.create(PROMPT, OPERATOR, {})).rejects.toMatchObject({
      message: 'Prompt already exists',
    });
  });

  it('killed at any time, all that was answered is there, and nothing is there by halves', async () => {
    const told: string[] = [];
    const child = start('at any time');
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line !== 'ready') told.push(line);
      if (told.length === 12) setTimeout(() => child.kill('SIGKILL'), Math.random() * 40);
    }
    const { store, fixture } = await reopen();
    const { items } = await store.prompts.listVersions('default', 'p', { limit: 1000, offset: 0 });
    const versions = items.map(({ version }) => version);
    expect(versions).toEqual(expect.arrayContaining(told.slice(0, 12)));
    expect(await store.prompts.pending()).toEqual([]);
    expect((await content.versions(fixture.directory, place)).sort()).toEqual([...versions].sort());
    for (const version of versions) {
      const { compiled } = await fixture.registry.resolve('default', 'p', { version });
      expect(compiled.prompt.messages![0]!.content).toBe(version);
    }
    const audit = await store.auditLogs.list({ workspace: 'default', limit: 1000 });
    expect(audit.items.map(({ versionTag }) => versionTag).sort()).toEqual(versions.sort());
    expect(await store.auditLogs.verify('default')).toMatchObject({ ok: true });
  });
}

describe.each([filesystemCase, s3Case, databaseCase])('a write by $name that is killed', (driver) => {
  describe('on SQLite', () => crashSuite(sqliteCase, driver));
  describe.skipIf(!server)('on Postgres', () => crashSuite(postgresCase(server), driver));
});
