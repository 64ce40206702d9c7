import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { promptDetailSchema } from '../../src/api/prompts/schema.js';
import { IN_DATABASE, type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

onEachDatabase((open) => {
  let fixture: RegistryFixture;
  let context: AccessApp;
  let acme: ReturnType<AccessApp['as']>;
  beforeEach(async () => {
    context = await open(async ({ control }) => {
      fixture = await startRegistry(control, IN_DATABASE);
      return { registry: fixture.registry };
    });
    acme = context.as((await context.access.mint('acme', 'read,write')).key, 'acme');
  });
  afterEach(() => fixture.close());

  const post = async (url: string, body: object) => {
    const response = await acme('POST', url, body);
    return { status: response.statusCode, body: response.json() };
  };
  const get = async (url: string) => {
    const response = await acme('GET', url);
    return { status: response.statusCode, body: response.json(), etag: response.headers.etag };
  };
  const make = async (name: string, content: string, more: object = {}) => {
    const { status, body } = await post('/v1/prompts', { name, version: '1.0.0', type: 'text', content, ...more });
    expect([status, body]).toEqual([201, expect.anything()]);
  };
  const label = (prompt: string, name: string, version: string) =>
    post(`/v1/prompts/${prompt}/labels`, { name, version_tag: version });
  const fieldsOf = ({ status, body }: { status: number; body: { details?: { fields?: string[] } } }) => [
    status,
    body.details?.fields,
  ];

  describe('a text prompt', () => {
    it('is made, listed and rendered as one text', async () => {
      await make('note', 'Dear {{name}}', { variables: { name: { type: 'string', required: true } } });
      const { body } = await get('/v1/prompts/note?variables[name]=Ada');
      expect(promptDetailSchema.strict().parse(body).content).toEqual({
        name: 'note',
        version: '1.0.0',
        type: 'text',
        content: 'Dear Ada',
        variables: { name: { type: 'string', required: true } },
      });
      expect((await get('/v1/prompts/note?render=false')).body.content.content).toBe('Dear {{name}}');
      expect((await get('/v1/prompts')).body.items).toEqual([{ name: 'note' }]);
    });

    it.each([
      [{ content: undefined }, '"content" must be a text of 1 to 100000 characters'],
      [{ content: '' }, '"content" must be a text of 1 to 100000 characters'],
      [{ content: 'x'.repeat(100_001) }, '"content" must be a text of 1 to 100000 characters'],
      [{ content: ['x'] }, '"content" must be a text of 1 to 100000 characters'],
      [{ content: 'a {{#b}}' }, '"content" is no valid template: Unclosed section "b" at 8'],
      [{ type: 'chat' }, '"messages" is required'],
    ])('with %j is a 422', async (more, fault) => {
      const made = await post('/v1/prompts', { name: 'n', version: '1.0.0', type: 'text', content: 'x', ...more });
      expect(fieldsOf(made)).toEqual([422, [fault]]);
    });

    it('is none when it has messages: then these are members like any other', async () => {
      const prompt = {
        name: 'n',
        version: '1.0.0',
        type: 'text',
        content: 7,
        messages: [{ role: 'user', content: 'x' }],
      };
      expect((await post('/v1/prompts', prompt)).status).toBe(201);
      expect((await get('/v1/prompts/n')).body.content).toEqual(prompt);
    });
  });

  describe('POST /v1/prompts/:name/render', () => {
    const messages = [{ role: 'user', content: '{{n}} of {{#items}}[{{name}}]{{/items}}{{^quiet}}!{{/quiet}}' }];
    const variables = {
      items: { type: 'array', required: true },
      n: { type: 'number', default: 2 },
      quiet: { type: 'boolean', default: false },
    };
    const rendered = async (body: object) =>
      (await post('/v1/prompts/p/render', body)).body.content?.messages?.[0].content;

    beforeEach(async () => {
      const prompt = { name: 'p', version: '1.0.0', messages, variables };
      expect((await post('/v1/prompts', prompt)).status).toBe(201);
    });

    it('takes values of any type, and puts in what is declared for those that are absent', async () => {
      const items = [{ name: 'a' }, { name: 'b' }];
      expect(await rendered({ variables: { items } })).toBe('2 of [a][b]!');
      expect(await rendered({ variables: { items, quiet: true, n: 0 } })).toBe('0 of [a][b]');
    });

    it('names each value that is missing or of another type', async () => {
      const bad = await post('/v1/prompts/p/render', { variables: { n: '2', quiet: null } });
      expect(fieldsOf(bad)).toEqual([
        422,
        ['"variables.items" is required', '"variables.n" must be a number', '"variables.quiet" must be a boolean'],
      ]);
      expect(fieldsOf(await post('/v1/prompts/p/render', { variables: [] }))[0]).toBe(422);
    });

    it('finds the version as GET does, and says what it has not found', async () => {
      await make('p', 'second', { version: '2.0.0' });
      await label('p', 'production', '1.0.0');
      const at = async (body: object) => (await post('/v1/prompts/p/render', body)).body;
      expect((await at({})).content.content).toBe('second');
      expect((await at({ label: 'production', variables: { items: [] } })).version.version_tag).toBe('1.0.0');
      expect((await at({ version: '2.0.0' })).content.content).toBe('second');
      expect([(await at({ label: 'gone' })).error, (await at({ version: '3.0.0' })).error]).toEqual([
        'Label not found',
        'Version not found',
      ]);
      expect((await post('/v1/prompts/p/render', { label: 'production', version: '1.0.0' })).status).toBe(422);
    });

    it('leaves GET as clients know it: its values are text, and defaults are not put in', async () => {
      const { body } = await get('/v1/prompts/p?variables[items]=x&variables[quiet]=false');
      expect(body.content.messages[0].content).toBe(' of []');
    });
  });

  describe('composition', () => {
    const textAt = async (url: string) => (await get(url)).body.content.content;

    it('puts in a prompt by its version, its label or as it is latest, and says which', async () => {
      await make('footer', 'v1 {{name}}');
      await make('footer', 'v2 {{name}}', { version: '2.0.0' });
      await label('footer', 'production', '1.0.0');
      await make('all', '{{> footer}}|{{>footer@1.0.0}}|{{> footer:production }}');
      const { body } = await get('/v1/prompts/all?variables[name]=A');
      expect(promptDetailSchema.strict().parse(body).content.content).toBe('v2 A|v1 A|v1 A');
      expect(body.parts).toEqual([
        { name: 'footer', version_tag: '2.0.0', label: 'latest' },
        { name: 'footer', version_tag: '1.0.0', label: null },
        { name: 'footer', version_tag: '1.0.0', label: 'production' },
      ]);
      const strict = await post('/v1/prompts/all/render', { variables: { name: 'B' } });
      expect([strict.body.content.content, strict.body.parts]).toEqual(['v2 B|v1 B|v1 B', body.parts]);
    });

    it('follows a label that moves: another answer, another ETag, with placeholders as well', async () => {
      await make('tone', 'Be kind.');
      await make('tone', 'Be brief.', { version: '2.0.0' });
      await label('tone', 'production', '1.0.0');
      await make('middle', '{{> tone:production}}');
      await make('outer', '{{> middle}} {{x}}');
      const url = '/v1/prompts/outer?variables[x]=!';
      const [before, plain] = [await get(url), await get('/v1/prompts/outer')];
      expect([before.body.content.content, plain.body.content.content]).toEqual(['Be kind. !', 'Be kind. {{x}}']);
      await label('tone', 'production', '2.0.0');
      const after = await get(url);
      expect(after.body.content.content).toBe('Be brief. !');
      expect(after.etag).not.toBe(before.etag);
      const later = await get('/v1/prompts/outer');
      expect(later.body.content.content).toBe('Be brief. {{x}}');
      expect(later.etag).not.toBe(plain.etag);
    });

    it('is put together with its placeholders when nothing is to be rendered, or as it was written when asked so', async () => {
      const required = { type: 'string', required: true };
      await make('part', '- {{item}}\n', { variables: { item: required } });
      await make('whole', 'All:\n{{#items}}\n  {{> part}}\n{{/items}}\n', { variables: { items: { type: 'array' } } });
      const { body, etag } = await get('/v1/prompts/whole?render=false');
      expect(promptDetailSchema.strict().parse(body).content).toMatchObject({
        content: 'All:\n{{#items}}\n  - {{item}}\n{{/items}}\n',
        variables: { items: { type: 'array' }, item: required },
      });
      expect(body.parts).toEqual([{ name: 'part', version_tag: '1.0.0', label: 'latest' }]);
      expect((await get('/v1/prompts/whole?render=false')).etag).toBe(etag);
      const written = await get('/v1/prompts/whole?compose=false&variables[item]=x');
      expect(written.body.content.content).toBe('All:\n{{#items}}\n  {{> part}}\n{{/items}}\n');
      expect(written.body.parts).toBeUndefined();
    });

    it('is put together within a bound', async () => {
      await make('l0', 'lol '.repeat(1_000));
      for (let level = 1; level <= 5; level++) await make(`l${level}`, `{{> l${level - 1}}}`.repeat(10));
      expect(fieldsOf(await get('/v1/prompts/l5'))).toEqual([422, ['The rendered prompt is too long']]);
    });

    it('wakes who waits for the whole when a part of it moves', async () => {
      await make('tone', 'old');
      await make('tone', 'new', { version: '2.0.0' });
      await label('tone', 'production', '1.0.0');
      await make('outer', '{{> tone:production}} {{x}}');
      const url = '/v1/prompts/outer?variables[x]=!';
      const { etag } = await get(url);
      const headers = { 'x-workspace-id': 'acme', 'if-none-match': String(etag) };
      const waiting = context.app.inject({ url: `${url}&wait=30`, headers });
      await label('tone', 'production', '2.0.0');
      expect((await waiting).json().content.content).toBe('new !');
    });

    it('asks for what any part requires; the outermost declaration has the say', async () => {
      const required = { type: 'string', required: true };
      await make('part', '{{a}}{{b}}', { variables: { a: required, b: required } });
      await make('whole', '{{> part}}', { variables: { a: { type: 'number', default: 1 } } });
      expect((await get('/v1/prompts/whole')).body.error).toBe('Missing required variables: b');
      expect(fieldsOf(await post('/v1/prompts/whole/render', {}))).toEqual([422, ['"variables.b" is required']]);
      expect((await post('/v1/prompts/whole/render', { variables: { b: 'x' } })).body.content.content).toBe('1x');
    });

    it('takes a chat prompt of one message, and none of several', async () => {
      const message = { role: 'user', content: '<{{x}}>' };
      const chat = { name: 'chat', version: '1.0.0', type: undefined, content: undefined };
      expect((await post('/v1/prompts', { ...chat, messages: [message] })).status).toBe(201);
      expect((await post('/v1/prompts', { ...chat, version: '2.0.0', messages: [message, message] })).status).toBe(201);
      await make('one', '{{> chat@1.0.0}}');
      expect(await textAt('/v1/prompts/one?variables[x]=1')).toBe('<1>');
      const two = await post('/v1/prompts', { name: 'two', version: '1.0.0', type: 'text', content: '{{> chat}}' });
      expect(fieldsOf(two)).toEqual([
        422,
        ['two@1.0.0 includes chat: only a text, or a chat prompt of one message, can be included'],
      ]);
    });

    it('refuses at creation what is not there, and what includes itself', async () => {
      const attempt = async (content: string, more: object = {}) =>
        fieldsOf(await post('/v1/prompts', { name: 'a', version: '1.0.0', type: 'text', content, ...more }));
      expect(await attempt('{{> gone}}')).toEqual([422, ['a@1.0.0 includes gone: Prompt not found']]);
      expect(await attempt('x {{> ../etc}}')).toEqual([
        422,
        ['"content" is no valid template: No prompt is named like the included "../etc" at 2'],
      ]);
      for (const own of ['a', 'a@1.0.0', 'a:latest']) {
        expect(await attempt(`{{> ${own}}}`)).toEqual([422, ['The prompts include each other: a@1.0.0 -> a@1.0.0']]);
      }
      await make('a', 'plain');
      await make('b', '{{> a}}');
      expect(await attempt('{{> b}}', { version: '1.1.0' })).toEqual([
        422,
        ['The prompts include each other: a@1.1.0 -> b@1.0.0 -> a@1.1.0'],
      ]);
      expect(await attempt('{{> b}}', { version: '0.9.0' })).toEqual([201, undefined]);
    });

    describe('that a label would close to a cycle', () => {
      const CYCLE = [422, ['The prompts include each other: a@2.0.0 -> b@1.0.0 -> a@2.0.0']];
      beforeEach(async () => {
        await make('a', 'plain');
        await label('a', 'live', '1.0.0');
        await make('b', '{{> a:live}}');
        await make('a', '{{> b}}', { version: '2.0.0' });
      });
      const standing = async () => (await get('/v1/prompts/a/labels/live')).body.version_tag;

      it('is refused when the label is moved there, and the label stays where it was', async () => {
        expect(fieldsOf(await label('a', 'live', '2.0.0'))).toEqual(CYCLE);
        expect(await standing()).toBe('1.0.0');
        expect((await get('/v1/prompts/a/labels/live/history')).body.total).toBe(1);
        expect(await label('a', 'other', '2.0.0')).toMatchObject({ status: 201 });
      });

      it('is refused of a split, for each version that anybody gets', async () => {
        const split = (first: number, second: number) =>
          post('/v1/prompts/a/labels', {
            name: 'live',
            split: [
              { version_tag: '1.0.0', weight: first },
              { version_tag: '2.0.0', weight: second },
            ],
          });
        expect(fieldsOf(await split(1, 9))).toEqual(CYCLE);
        // What is included by the label is the version that weighs most: here it is no cycle.
        expect((await split(9, 1)).status).toBe(201);
        expect(await textAt('/v1/prompts/a?version=2.0.0&variables[x]=1')).toBe('plain');
      });

      it('is refused of a proposal, and of its approval when the cycle came after it', async () => {
        const PROPOSALS = '/v1/prompts/b/labels/live/proposals';
        expect(fieldsOf(await post('/v1/prompts/a/labels/live/proposals', { version_tag: '2.0.0' }))).toEqual(CYCLE);
        await make('c', 'plain');
        await label('c', 'live', '1.0.0');
        await make('b', '{{> c:live}}', { version: '2.0.0' });
        await label('b', 'live', '1.0.0');
        await make('c', '{{> b:live}}', { version: '2.0.0' });
        const proposed = await post(PROPOSALS, { version_tag: '2.0.0' });
        expect(proposed.status).toBe(201);
        expect((await label('c', 'live', '2.0.0')).status).toBe(201);
        const admin = context.as((await context.access.mint('acme', 'admin')).key, 'acme');
        const approved = await admin('POST', `${PROPOSALS}/${proposed.body.id}/approve`, {});
        expect(fieldsOf({ status: approved.statusCode, body: approved.json() })).toEqual([
          422,
          ['The prompts include each other: b@2.0.0 -> c@2.0.0 -> b@2.0.0'],
        ]);
        expect((await get(`${PROPOSALS}/${proposed.body.id}`)).body.status).toBe('open');
      });

      it('is shown when it is there all the same, and the prompt is served as it was written', async () => {
        const principal = { workspace: 'acme', promptName: 'a', name: 'live' };
        await fixture.registry.control.transaction(async ({ labels, changes }) => {
          await labels.set(principal, { version: '2.0.0' }, { by: 'somebody', movedAt: 1 });
          await changes.announce({ topic: 'prompts', workspace: 'acme', name: 'a' });
        });
        expect(fieldsOf(await get('/v1/prompts/a?version=2.0.0'))).toEqual(CYCLE);
        expect((await get('/v1/prompts/a?version=2.0.0&compose=false')).body.content.content).toBe('{{> b}}');
      });
    });

    it('has an end: in depth, in parts and in what comes out', async () => {
      await make('d0', 'end');
      for (let depth = 1; depth <= 8; depth++) await make(`d${depth}`, `{{> d${depth - 1}}}`);
      expect(await textAt('/v1/prompts/d8?variables[x]=1')).toBe('end');
      const deeper = await post('/v1/prompts', { name: 'd9', version: '1.0.0', type: 'text', content: '{{> d8}}' });
      expect(fieldsOf(deeper)).toEqual([422, [expect.stringContaining('more than 8 deep: d9@1.0.0 -> d8@1.0.0')]]);
      await make('l0', 'lol '.repeat(1_000));
      for (let level = 1; level <= 5; level++) await make(`l${level}`, `{{> l${level - 1}}}`.repeat(10));
      expect(fieldsOf(await get('/v1/prompts/l5?variables[x]=1'))).toEqual([422, ['The rendered prompt is too long']]);
    });

    it('finds nothing in another workspace', async () => {
      const other = context.as((await context.access.mint('other', 'read,write')).key, 'other');
      await other('POST', '/v1/prompts', { name: 'secret', version: '1.0.0', type: 'text', content: 'theirs' });
      const made = await post('/v1/prompts', { name: 'spy', version: '1.0.0', type: 'text', content: '{{> secret}}' });
      expect(fieldsOf(made)).toEqual([422, ['spy@1.0.0 includes secret: Prompt not found']]);
    });
  });
});
