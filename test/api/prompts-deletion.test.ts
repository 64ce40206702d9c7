import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { restoredPromptSchema } from '../../src/api/prompts/deletion-schema.js';
import { IN_DATABASE, type RegistryFixture, type RegistryFixtureOptions, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

onEachDatabase((open) => {
  /** Git where a test looks into its repository. */
  let content: RegistryFixtureOptions = IN_DATABASE;
  let fixture: RegistryFixture;
  let context: AccessApp;
  let acme: ReturnType<AccessApp['as']>;
  beforeEach(async () => {
    context = await open(async ({ control }) => {
      fixture = await startRegistry(control, content);
      return { registry: fixture.registry };
    });
    acme = context.as((await context.access.mint('acme', 'read,write,admin')).key, 'acme');
    for (const version of ['1.0.0', '2.0.0']) await make(version);
  });
  afterEach(() => fixture.close());

  const create = (version: string, content = version) =>
    acme('POST', '/v1/prompts', { name: 'a/p', version, type: 'text', content });
  const make = async (version: string) => expect((await create(version)).statusCode).toBe(201);
  const call = async (method: 'GET' | 'POST' | 'DELETE', url: string, body?: object) => {
    const response = await acme(method, `/v1/prompts/a%2Fp${url}`, body);
    return { status: response.statusCode, body: response.body === '' ? undefined : response.json() };
  };
  const listed = async () => (await acme('GET', '/v1/prompts')).json().total;
  const latest = async () => (await call('GET', '')).body.version?.version_tag;

  it('a version that is deleted is not served, listed or labelled, and the one below it is the latest', async () => {
    expect(await latest()).toBe('2.0.0');
    expect((await call('DELETE', '/versions/2.0.0')).status).toBe(204);
    expect([await latest(), (await call('GET', '?version=2.0.0')).body.error]).toEqual(['1.0.0', 'Version not found']);
    expect((await call('GET', '/versions')).body.items.map((row: { version_tag: string }) => row.version_tag)).toEqual([
      '1.0.0',
    ]);
    expect((await call('POST', '/labels', { name: 'x', version_tag: '2.0.0' })).status).toBe(400);
    expect((await call('DELETE', '/versions/2.0.0')).body.error).toBe('Version not found');
    const restored = await call('POST', '/versions/2.0.0/restore');
    expect(restoredPromptSchema.strict().parse(restored.body)).toEqual({ name: 'a/p', versions: ['2.0.0'] });
    expect(await latest()).toBe('2.0.0');
    expect((await call('POST', '/versions/2.0.0/restore')).status).toBe(404);
  });

  it('a prompt that is deleted is gone from resolution, lists and search, and comes back whole', async () => {
    expect((await call('DELETE', '')).status).toBe(204);
    expect([(await call('GET', '')).body.error, await listed()]).toEqual(['Prompt not found', 0]);
    expect((await acme('GET', '/v1/prompts/search?q=a/p')).json().total).toBe(0);
    expect((await acme('GET', '/v1/prompts?status=deleted')).json().items).toEqual([{ name: 'a/p' }]);
    expect((await call('DELETE', '')).body.error).toBe('Prompt not found');
    await fixture.registry.reconcile();
    expect(await listed()).toBe(0);
    expect((await call('POST', '/restore')).body.versions).toEqual(['1.0.0', '2.0.0']);
    expect([await latest(), await listed()]).toEqual(['2.0.0', 1]);
    expect((await call('POST', '/restore')).body.error).toBe('Deleted prompt not found');
  });

  it('what a label stands for is not deleted, and says by which', async () => {
    await call('POST', '/labels', { name: 'production', version_tag: '1.0.0' });
    for (const url of ['', '/versions/1.0.0']) {
      const { status, body } = await call('DELETE', url);
      expect([status, body.error]).toEqual([409, 'Labels stand for it: production (1.0.0)']);
      expect(body.details).toEqual({ labels: [{ name: 'production', version_tag: '1.0.0' }] });
    }
    expect((await call('GET', '?version=1.0.0')).status).toBe(200);
    expect((await call('DELETE', '/versions/2.0.0')).status).toBe(204);
    await call('DELETE', '/labels/production');
    expect((await call('DELETE', '')).status).toBe(204);
  });

  it('one share of a label is enough to keep a version', async () => {
    const split = [
      { version_tag: '1.0.0', weight: 90 },
      { version_tag: '2.0.0', weight: 10 },
    ];
    expect((await call('POST', '/labels', { name: 'production', split })).status).toBe(201);
    expect((await call('DELETE', '/versions/2.0.0')).status).toBe(409);
  });

  it('a label that is moved while its version is deleted does not end up standing for nothing', async () => {
    for (let round = 0; round < 5; round++) {
      const [moved, deleted] = await Promise.all([
        call('POST', '/labels', { name: 'race', version_tag: '1.0.0' }),
        call('DELETE', '/versions/1.0.0'),
      ]);
      expect([moved.status, deleted.status]).toBeOneOf([
        [201, 409],
        [400, 204],
      ]);
      await call('DELETE', '/labels/race');
      await call('POST', '/versions/1.0.0/restore');
    }
  });

  it('a version that is deleted is not written again: a 400 says that it is there, and what to do', async () => {
    await call('DELETE', '/versions/2.0.0');
    const again = await create('2.0.0', 'other');
    expect([again.statusCode, again.json().error]).toEqual([
      400,
      'Prompt already exists: it is deleted, and can be restored',
    ]);
    expect(again.json().details).toEqual({ name: 'a/p', version: '2.0.0', deleted: true });
  });

  describe('in the Git repository', () => {
    beforeAll(() => {
      content = {};
    });
    afterAll(() => {
      content = IN_DATABASE;
    });

    it('leaves the content where it is, and tells the audit log', async () => {
      await call('DELETE', '');
      const file = 'workspaces/acme/prompts/a/p/1.0.0';
      const shown = execFileSync('git', ['-C', fixture.directory, 'show', `${file}:${file}.json`]).toString();
      expect(JSON.parse(shown).content).toBe('1.0.0');
      await call('POST', '/versions/1.0.0/restore');
      const { items } = (await acme('GET', '/v1/audit-logs?limit=2')).json();
      expect(items).toMatchObject([
        {
          action: 'restore_prompt',
          prompt_name: 'a/p',
          version_tag: '1.0.0',
          details: { versions: ['1.0.0'], total: 1 },
        },
        { action: 'delete_prompt', prompt_name: 'a/p', details: { versions: ['1.0.0', '2.0.0'], total: 2 } },
      ]);
      expect((await acme('GET', '/v1/audit-logs/verify')).json().ok).toBe(true);
    });
  });

  it('what is put into others can be deleted: those say what they miss', async () => {
    await acme('POST', '/v1/prompts', { name: 'whole', version: '1.0.0', type: 'text', content: '{{> a/p}}' });
    await call('DELETE', '');
    const whole = (await acme('GET', '/v1/prompts/whole')).json();
    expect(whole.details.fields).toEqual(['whole@1.0.0 includes a/p: Prompt not found']);
  });

  it('takes a key that writes, and names that can be', async () => {
    const reader = context.as((await context.access.mint('acme', 'read')).key, 'acme');
    expect((await reader('DELETE', '/v1/prompts/a%2Fp')).statusCode).toBe(403);
    for (const url of ['/v1/prompts/..%2Fx%00', '/v1/prompts/a%2Fp/versions/x%00', '/v1/prompts/gone']) {
      expect([url, (await acme('DELETE', url)).statusCode]).toEqual([url, 404]);
    }
  });
});
