import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createdPromptSchema,
  promptDetailSchema,
  promptPageSchema,
  promptVersionPageSchema,
} from '../../src/api/prompts/schema.js';
import { IN_DATABASE, type RegistryFixture, type RegistryFixtureOptions, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

const prompt = (more: object = {}) => ({
  name: 'welcome',
  version: '1.0.0',
  messages: [{ role: 'user', content: 'Hi {{name}}' }],
  ...more,
});

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
    const { key } = await context.access.mint('acme', 'read,write,admin', { name: 'acme admin' });
    acme = context.as(key, 'acme');
  });
  afterEach(() => fixture.close());

  const make = async (more: object = {}, caller = acme) => {
    const response = await caller('POST', '/v1/prompts', prompt(more));
    expect([response.statusCode, response.body]).toEqual([201, expect.anything()]);
    return response.json();
  };
  const get = async (url: string, caller = acme) => {
    const response = await caller('GET', url);
    return { status: response.statusCode, body: response.json(), headers: response.headers };
  };
  const contentsOf = async (url: string) => {
    const { body } = await get(url);
    return body.content.messages.map(({ content }: { content: string }) => content);
  };

  describe('POST /v1/prompts', () => {
    it('of a version that there is already is a 400 that clients know, and changes nothing', async () => {
      await make();
      const response = await acme('POST', '/v1/prompts', prompt({ messages: [{ role: 'user', content: 'other' }] }));
      expect(response.statusCode).toBe(400);
      expect(response.json()).toMatchObject({
        error: 'Prompt already exists',
        code: 'BAD_REQUEST',
        details: { name: 'welcome', version: '1.0.0' },
        detailsType: 'context',
      });
      expect(await contentsOf('/v1/prompts/welcome')).toEqual(['Hi {{name}}']);
    });

    it('many times at once makes one version, and tells the others', async () => {
      const calls = Array.from({ length: 8 }, () => acme('POST', '/v1/prompts', prompt()));
      const statuses = (await Promise.all(calls)).map(({ statusCode }) => statusCode);
      expect(statuses.toSorted()).toEqual([201, ...Array(7).fill(400)]);
    });

    it('keeps what it does not know, and writes back what is not said', async () => {
      const more = {
        variables: { name: { type: 'string' }, n: { type: 'number', required: 'true', default: 0 } },
        model_config: { model: 'm', temperature: '0.5', colour: 'red' },
        ollama: { keep_alive: '5m', format: { type: 'object' } },
        messages: [{ role: 'system', content: 'x', weight: 2 }],
        owner: { team: 'a' },
      };
      await make(more);
      const { body } = await get('/v1/prompts/welcome?render=false');
      expect(body.content).toEqual({
        ...prompt(more),
        variables: { name: { type: 'string', required: false }, n: { type: 'number', required: true, default: 0 } },
        model_config: { model: 'm', temperature: 0.5, colour: 'red' },
      });
    });

    it.each([
      [{ name: undefined }, ['"name" is required']],
      [{ name: 'a//b' }, ['name must contain only letters, numbers, hyphens, and underscores']],
      [{ name: '/a' }, ['name must contain only letters, numbers, hyphens, and underscores']],
      [{ name: 'a/b/c/d/e/f' }, ['name must contain only letters, numbers, hyphens, and underscores']],
      [{ name: 'a/../x' }, ['name must contain only letters, numbers, hyphens, and underscores']],
      [{ name: '../x' }, ['name must contain only letters, numbers, hyphens, and underscores']],
      [{ name: 'search' }, ['name must not be one of: search, count']],
      [{ name: 'x'.repeat(129) }, ['"name" length must be less than or equal to 128 characters long']],
      [{ version: '1.0' }, ['version must be semantic (e.g., 1.0.0)']],
      [{ version: '../../1.0.0' }, ['version must be semantic (e.g., 1.0.0)']],
      [{ messages: [] }, ['"messages" must contain at least 1 items']],
      [{ messages: undefined }, ['"messages" is required']],
      [{ messages: [{ role: 'tool', content: 'x' }] }, ['"messages.0.role" must be one of [system, user, assistant]']],
      [{ messages: [{ role: 'user', content: '' }] }, ['"messages.0.content" is not allowed to be empty']],
      [{ variables: { a: { type: 'string', x: 1 } } }, ['"variables.a.x" is not allowed']],
      [{ model_config: { top_p: 2 } }, ['"model_config.top_p" must be less than or equal to 1']],
      [
        {
          messages: [
            { role: 'user', content: 'ok' },
            { role: 'user', content: 'Hi {{#name}}' },
          ],
        },
        ['"messages.1.content" is no valid template: Unclosed section "name" at 12'],
      ],
      [
        { messages: [{ role: 'user', content: 'Hi {{name' }] },
        ['"messages.0.content" is no valid template: Unclosed tag at 3'],
      ],
    ])('with %j is a 422 that says what is wrong', async (more, fields) => {
      const response = await acme('POST', '/v1/prompts', prompt(more));
      expect([response.statusCode, response.json().details]).toEqual([422, { fields }]);
    });

    it.each([
      ['messages', 10_000, Array(10_001).fill(1)],
      ['variables', 10_000, { ...Array(10_001).fill(1) }],
      ['tags', 20, Array(21).fill(1)],
    ])('tells the faults of %s one by one, however many there are', async (member, max, value) => {
      const fields = [`"${member}" must contain less than or equal to ${max} items`];
      expect((await acme('POST', '/v1/prompts', prompt({ [member]: value }))).json().details).toEqual({ fields });
    });

    it('takes a broken template in what is never rendered', async () => {
      await make({ messages: [{ role: 'assistant', content: '{{#open' }] });
    });
  });

  describe('GET /v1/prompts/:name', () => {
    it('serves the highest release, as numbers go, whatever came last', async () => {
      for (const version of ['1.9.0', '1.10.0', '1.2.0', '2.0.0-rc.1']) {
        await make({ version, messages: [{ role: 'user', content: version }] });
      }
      expect(await contentsOf('/v1/prompts/welcome')).toEqual(['1.10.0']);
      expect(await contentsOf('/v1/prompts/welcome?version=latest')).toEqual(['1.10.0']);
      expect(await contentsOf('/v1/prompts/welcome?label=latest')).toEqual(['1.10.0']);
      expect(await contentsOf('/v1/prompts/welcome?version=2.0.0-rc.1')).toEqual(['2.0.0-rc.1']);
      await make({ version: '2.0.0', messages: [{ role: 'user', content: '2.0.0' }] });
      expect(await contentsOf('/v1/prompts/welcome')).toEqual(['2.0.0']);
    });

    it('serves the highest pre-release where there is no release', async () => {
      for (const version of ['1.0.0-rc.9', '1.0.0-rc.10', '1.0.0-alpha']) await make({ version });
      expect((await get('/v1/prompts/welcome')).body.version.version_tag).toBe('1.0.0-rc.10');
    });

    it('resolves a label and renders in one call', async () => {
      await make();
      await make({ version: '2.0.0', messages: [{ role: 'user', content: 'Hello {{name}}' }] });
      await acme('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag: '1.0.0' });
      const url = '/v1/prompts/welcome?label=production&variables[name]=Alice';
      const { body } = await get(url);
      expect(promptDetailSchema.parse(body).version.version_tag).toBe('1.0.0');
      expect(body.content.messages[0].content).toBe('Hi Alice');
      await acme('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag: '2.0.0' });
      expect((await get(url)).body.content.messages[0].content).toBe('Hello Alice');
    });

    it('renders system and user messages, unescaped, and the assistant’s never', async () => {
      const messages = [
        { role: 'system', content: '{{x}} {{{x}}} {{&x}} {{gone}}{{#x}}yes{{/x}}{{^gone}}no{{/gone}}{{! a }}' },
        { role: 'assistant', content: '{{x}}' },
        { role: 'user', content: 'flag {{#flag}}on{{/flag}}' },
      ];
      await make({ messages });
      const url = `/v1/prompts/welcome?variables[x]=${encodeURIComponent('<a & "b">')}&variables[flag]=false`;
      expect(await contentsOf(url)).toEqual(['<a & "b"> <a & "b"> <a & "b"> yesno', '{{x}}', 'flag on']);
    });

    it('leaves the placeholders when nothing is sent, or render=false', async () => {
      await make();
      for (const query of ['', '?variables=x', '?render=false&variables[name]=A', '?render=false']) {
        expect(await contentsOf(`/v1/prompts/welcome${query}`)).toEqual(['Hi {{name}}']);
      }
      expect(await contentsOf('/v1/prompts/welcome?render=no&variables[name]=A')).toEqual(['Hi A']);
    });

    it('asks for required variables by name, and is content with an empty one', async () => {
      await make({ variables: { a: { type: 'string', required: true }, b: { type: 'number', required: true } } });
      const { status, body } = await get('/v1/prompts/welcome');
      expect([status, body.error]).toEqual([400, 'Missing required variables: a, b']);
      expect((await get('/v1/prompts/welcome?variables[b]=')).body.error).toBe('Missing required variables: a');
      expect((await get('/v1/prompts/welcome?variables[a]=&variables[b]=1')).status).toBe(200);
      expect((await get('/v1/prompts/welcome?render=false')).status).toBe(200);
    });

    it('says which is missing: the prompt, the version or the label', async () => {
      await make();
      for (const [url, error] of [
        ['/v1/prompts/nobody', 'Prompt not found'],
        ['/v1/prompts/nobody?label=production', 'Prompt not found'],
        ['/v1/prompts/nobody?version=1.0.0', 'Prompt not found'],
        ['/v1/prompts/a%2Fb%00', 'Prompt not found'],
        ['/v1/prompts/welcome?version=9.9.9', 'Version not found'],
        ['/v1/prompts/welcome?version=..%2F..%2F..%2Fetc%2Fpasswd%00', 'Version not found'],
        ['/v1/prompts/welcome?version=production', 'Version not found'],
        ['/v1/prompts/welcome?label=production', 'Label not found'],
        ['/v1/prompts/welcome?label=a%00', 'Label not found'],
      ]) {
        const { status, body } = await get(url!);
        expect([url, status, body.code, body.error]).toEqual([url, 404, 'NOT_FOUND', error]);
      }
      expect((await get('/v1/prompts/welcome?version=1.0.0&label=x')).status).toBe(422);
    });

    it('carries an ETag of its content: 304 to who has it, until it is another', async () => {
      await make();
      const first = await acme('GET', '/v1/prompts/welcome');
      const headers = { 'x-workspace-id': 'acme', 'if-none-match': String(first.headers.etag) };
      const again = () => context.app.inject({ url: '/v1/prompts/welcome', headers });
      expect([(await again()).statusCode, (await again()).body]).toEqual([304, '']);
      await make({ version: '1.0.1' });
      expect((await again()).statusCode).toBe(200);
    });

    it('a rendered prompt that would be endless is a 422, and others are answered meanwhile', async () => {
      await make({ messages: [{ role: 'user', content: '{{x}}'.repeat(9_000) }] });
      const { status, body } = await get(`/v1/prompts/welcome?variables[x]=${'y'.repeat(8_000)}`);
      expect([status, body.details]).toEqual([422, { fields: ['The rendered prompt is too long'] }]);
    });
  });

  it('the calls of the published Node client are answered as it reads them', async () => {
    const made = await make({ variables: { name: { type: 'string', required: true } } });
    expect(made).toMatchObject({ name: 'welcome', version_tag: '1.0.0' });
    expect((await get('/v1/prompts?page=1&limit=10&q=wel')).body).toMatchObject({
      items: [{ name: 'welcome' }],
      total: 1,
    });
    const rendered = await get('/v1/prompts/welcome?version=1.0.0&render=true&variables%5Bname%5D=Ad%20a');
    expect(rendered.body.content.messages).toEqual([{ role: 'user', content: 'Hi Ad a' }]);
    expect(rendered.body.version.version_tag).toBe('1.0.0');
    const raw = await get('/v1/prompts/welcome?render=false');
    expect(raw.body.content.messages).toEqual([{ role: 'user', content: 'Hi {{name}}' }]);
    const versions = await get('/v1/prompts/welcome/versions?page=1&limit=5');
    expect(versions.body).toMatchObject({ items: [{ version_tag: '1.0.0', status: 'active' }], page: 1, limit: 5 });
  });

  describe('workspaces', () => {
    it('have prompts, versions and labels of the same name, and none sees the other’s', async () => {
      const other = await context.access.mint('other', 'read,write', { name: 'other' });
      const theirs = context.as(other.key, 'other');
      await make({ messages: [{ role: 'user', content: 'ours' }] });
      expect((await get('/v1/prompts/welcome', theirs)).status).toBe(404);
      expect((await get('/v1/prompts', theirs)).body.total).toBe(0);
      expect((await get('/v1/prompts/welcome/versions', theirs)).body.total).toBe(0);
      await make({ messages: [{ role: 'user', content: 'theirs' }] }, theirs);
      await make({ version: '2.0.0' }, theirs);
      await acme('POST', '/v1/prompts/welcome/labels', { name: 'production' });
      expect((await get('/v1/prompts/welcome?label=production', theirs)).body.error).toBe('Label not found');
      await theirs('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag: '2.0.0' });
      expect((await get('/v1/prompts/welcome?label=production')).body.version.version_tag).toBe('1.0.0');
      expect(await contentsOf('/v1/prompts/welcome')).toEqual(['ours']);
      expect((await theirs('DELETE', '/v1/prompts/welcome/labels/production')).statusCode).toBe(204);
      expect((await get('/v1/prompts/welcome/labels/production')).status).toBe(200);
    });
  });

  describe('lists', () => {
    it('prompts by name, in pages, by a part of it in any case', async () => {
      for (const name of ['beta', 'Alpha', 'alpha_2', 'gamma']) await make({ name });
      await make({ name: 'beta', version: '1.1.0' });
      const all = promptPageSchema.strict().parse((await get('/v1/prompts')).body);
      expect(all).toEqual({
        items: [{ name: 'Alpha' }, { name: 'alpha_2' }, { name: 'beta' }, { name: 'gamma' }],
        total: 4,
        page: 1,
        limit: 50,
        totalPages: 1,
      });
      const second = (await get('/v1/prompts/search?limit=3&page=2')).body;
      expect(second).toMatchObject({ items: [{ name: 'gamma' }], total: 4, page: 2, totalPages: 2 });
      for (const [q, names] of [
        ['ALPHA', ['Alpha', 'alpha_2']],
        ['_', ['alpha_2']],
        ['%25', []],
        ['a%00', []],
        ['', ['Alpha', 'alpha_2', 'beta', 'gamma']],
      ] as const) {
        const { status, body } = await get(`/v1/prompts?q=${q}`);
        expect([q, status, body.items?.map(({ name }: { name: string }) => name)]).toEqual([q, 200, names]);
        expect((await get(`/v1/prompts/count?q=${q}`)).body).toEqual({
          count: names.length,
          countRelation: 'eq',
          total: names.length,
        });
      }
    });

    it('a search of more than 256 characters is a 400', async () => {
      const { status, body } = await get(`/v1/prompts?q=${'x'.repeat(257)}`);
      expect([status, body.error]).toEqual([400, 'Search query exceeds maximum length of 256 characters']);
    });

    it('versions as rows, youngest first, those of one second as they were made', async () => {
      for (const version of ['1.0.0', '1.10.0', '1.9.0']) await make({ version, tags: ['t'] });
      const body = promptVersionPageSchema.parse((await get('/v1/prompts/welcome/versions')).body);
      const rows = body.items.toSorted((a, b) => b.created_at - a.created_at || a.id - b.id);
      expect(body.items).toEqual(rows);
      expect(body.items[0]).toMatchObject({
        name: 'welcome',
        fs_path: null,
        driver: 'database',
        author: 'acme admin',
        workspace_id: 'acme',
        status: 'active',
        active_version_id: null,
        tags: ['t'],
      });
      expect((await get('/v1/prompts/welcome/versions/count')).body).toEqual({
        count: 3,
        countRelation: 'eq',
        total: 3,
      });
      expect((await get('/v1/prompts/nobody/versions')).body).toMatchObject({ items: [], total: 0, totalPages: 0 });
      for (const bad of ['page=0', 'limit=101', 'page=x']) {
        expect((await get(`/v1/prompts/welcome/versions?${bad}`)).status).toBe(422);
      }
      expect((await get('/v1/prompts/welcome/versions?page=9007199254740991')).status).toBe(200);
    });
  });

  it('a new version is in the audit log once, with who wrote it', async () => {
    await make();
    await acme('POST', '/v1/prompts', prompt());
    await fixture.registry.reconcile();
    const { items } = (await get('/v1/audit-logs?action=create_prompt')).body;
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ prompt_name: 'welcome', version_tag: '1.0.0', api_key_name: 'acme admin' });
    expect((await get('/v1/audit-logs/verify')).body.ok).toBe(true);
  });

  it('a key that only reads writes nothing, and one that only writes reads nothing', async () => {
    await make();
    const reader = context.as((await context.access.mint('acme', 'read')).key, 'acme');
    const writer = context.as((await context.access.mint('acme', 'write')).key, 'acme');
    expect((await reader('POST', '/v1/prompts', prompt({ version: '2.0.0' }))).statusCode).toBe(403);
    expect((await writer('GET', '/v1/prompts/welcome')).statusCode).toBe(403);
    expect((await reader('GET', '/v1/prompts/welcome')).statusCode).toBe(200);
  });

  describe('in the Git repository', () => {
    beforeAll(() => {
      content = {};
    });
    afterAll(() => {
      content = IN_DATABASE;
    });

    it('answers where the version is, and it is there: a commit, a tag, a file', async () => {
      const before = Math.floor(Date.now() / 1000);
      const created = createdPromptSchema.strict().parse(await make({ author: 'Ada', commit_message: 'Say hi' }));
      expect(created).toMatchObject({ name: 'welcome', version_tag: '1.0.0' });
      expect(created.created_at).toBeGreaterThanOrEqual(before);
      expect(created.fs_path).toBe(path.join(fixture.directory, 'workspaces/acme/prompts/welcome/1.0.0.json'));
      const git = (...command: string[]) =>
        execFileSync('git', ['-C', fixture.directory, ...command])
          .toString()
          .trim();
      expect(git('log', '--format=%H %an %s')).toBe(`${created.commit_sha} Ada Say hi`);
      expect(git('rev-parse', 'workspaces/acme/prompts/welcome/1.0.0')).toBe(created.commit_sha);
    });

    it('takes a name in folders: its file and its tag are in those folders, its address has them encoded', async () => {
      const created = await make({ name: 'support/eu/welcome' });
      const file = 'workspaces/acme/prompts/support/eu/welcome/1.0.0';
      expect(created.fs_path).toBe(path.join(fixture.directory, `${file}.json`));
      const tag = execFileSync('git', ['-C', fixture.directory, 'rev-parse', file]).toString().trim();
      expect(tag).toBe(created.commit_sha);
      await make({ name: 'support/eu', version: '1.0.0' });
      await make({ name: 'support', version: '1.0.0' });
      const at = '/v1/prompts/support%2Feu%2Fwelcome';
      expect((await get(at)).body.version).toMatchObject({ name: 'support/eu/welcome', version_tag: '1.0.0' });
      expect((await acme('POST', `${at}/labels`, { name: 'production' })).statusCode).toBe(201);
      expect(await contentsOf(`${at}?label=production&variables[name]=Al`)).toEqual(['Hi Al']);
      expect((await get(`${at}/versions/count`)).body).toEqual({ count: 1, countRelation: 'eq', total: 1 });
      await fixture.registry.reconcile();
      expect((await get('/v1/prompts')).body.items.map(({ name }: { name: string }) => name)).toEqual([
        'support',
        'support/eu',
        'support/eu/welcome',
      ]);
      expect((await get('/v1/prompts?q=EU/w')).body.total).toBe(1);
    });

    it('what people commit is served, listed and audited after the next comparison', async () => {
      await make();
      const file = 'workspaces/acme/prompts/byhand/1.0.0.json';
      const at = path.join(fixture.directory, file);
      await mkdir(path.dirname(at), { recursive: true });
      await writeFile(at, JSON.stringify(prompt({ name: 'byhand', tags: ['git'] })));
      const person = ['-c', 'user.name=Grace', '-c', 'user.email=g@x'];
      const git = (...command: string[]) => execFileSync('git', ['-C', fixture.directory, ...person, ...command]);
      git('add', '.');
      git('commit', '-m', 'By hand');
      expect((await get('/v1/prompts/byhand')).status).toBe(404);
      await fixture.registry.reconcile();
      expect(await contentsOf('/v1/prompts/byhand?variables[name]=Bo')).toEqual(['Hi Bo']);
      const { items } = (await get('/v1/prompts/byhand/versions')).body;
      expect(items).toMatchObject([{ author: 'Grace', message: 'By hand', tags: ['git'] }]);
      const audit = (await get('/v1/audit-logs?action=create_prompt')).body.items;
      expect(audit[0]).toMatchObject({ prompt_name: 'byhand', version_tag: '1.0.0', api_key_name: 'filesystem' });
    });
  });
});
