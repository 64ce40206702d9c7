import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
    acme = context.as((await context.access.mint('acme', 'read,write', { name: 'acme key' })).key, 'acme');
  });
  afterEach(() => fixture.close());

  const make = async (name: string, more: object = {}, caller = acme) => {
    const body = { name, version: '1.0.0', messages: [{ role: 'user', content: 'x' }], ...more };
    const { statusCode, body: answer } = await caller('POST', '/v1/prompts', body);
    expect([statusCode, answer]).toEqual([201, expect.anything()]);
  };
  const names = async (url: string) => {
    const response = await acme('GET', url);
    expect([url, response.statusCode]).toEqual([url, 200]);
    const { items, total } = response.json();
    expect(total).toBe(items.length);
    return items.map(({ name }: { name: string }) => name);
  };

  describe('filters', () => {
    const found = async (query: string) => {
      const listed = await names(`/v1/prompts?${query}`);
      expect((await acme('GET', `/v1/prompts/count?${query}`)).json()).toEqual({
        count: listed.length,
        countRelation: 'eq',
        total: listed.length,
      });
      expect(await names(`/v1/prompts/search?${query}`)).toEqual(listed);
      return listed;
    };

    it('by folder: what is in it, however deep, and nothing that is only named like it', async () => {
      for (const name of ['support', 'support/a', 'support/eu/b', 'supporters/c', 'Support/d', 'sup_ort/e']) {
        await make(name);
      }
      expect(await found('prefix=support')).toEqual(['support/a', 'support/eu/b']);
      expect(await found('prefix=support%2Feu%2F')).toEqual(['support/eu/b']);
      expect(await found('prefix=sup_ort')).toEqual(['sup_ort/e']);
      expect(await found('prefix=%25')).toEqual([]);
    });

    it('by a whole tag, in its case', async () => {
      await make('a', { tags: ['billing', 'x,"y"\\'] });
      await make('b', { tags: ['bill', 'Billing'] });
      await make('c');
      expect(await found('tag=billing')).toEqual(['a']);
      expect(await found('tag=bill')).toEqual(['b']);
      expect(await found(`tag=${encodeURIComponent('x,"y"\\')}`)).toEqual(['a']);
      expect(await found(`tag=${encodeURIComponent('y"\\')}`)).toEqual([]);
      expect(await found('tag=%25')).toEqual([]);
    });

    it('by author, driver and label', async () => {
      await make('a', { author: 'Ada' });
      await make('b');
      await acme('POST', '/v1/prompts/b/labels', { name: 'production' });
      expect(await found('author=Ada')).toEqual(['a']);
      expect(await found('author=acme%20key')).toEqual(['b']);
      expect(await found('driver=database')).toEqual(['a', 'b']);
      expect(await found('driver=s3')).toEqual([]);
      expect(await found('label=production')).toEqual(['b']);
      expect(await found('label=production&author=Ada')).toEqual([]);
      expect(await found('label=latest')).toEqual(['a', 'b']);
    });

    it('by what one version has: not one thing of this and another of that', async () => {
      await make('a', { author: 'Ada', tags: ['old'] });
      await make('a', { version: '2.0.0', author: 'Bob', tags: ['new'] });
      expect(await found('author=Ada&tag=old')).toEqual(['a']);
      expect(await found('author=Ada&tag=new')).toEqual([]);
    });

    it('by the time of a version, from and before', async () => {
      await make('a');
      const { items } = (await acme('GET', '/v1/prompts/a/versions')).json();
      const atMs = items[0].created_at * 1000;
      expect(await found(`from=${atMs}&to=${atMs + 1}`)).toEqual(['a']);
      expect(await found(`to=${atMs}`)).toEqual([]);
      expect(await found(`from=${atMs + 1}`)).toEqual([]);
      expect((await acme('GET', '/v1/prompts?from=yesterday')).statusCode).toBe(422);
    });

    it('that nobody can have find nothing, and break nothing', async () => {
      await make('a');
      for (const filter of ['prefix', 'tag', 'author', 'driver', 'label']) {
        expect(await found(`${filter}=a%00%27%5C`)).toEqual([]);
      }
      expect((await acme('GET', '/v1/prompts?status=gone')).statusCode).toBe(422);
      expect(await found('status=pending')).toEqual([]);
    });
  });

  describe('search', () => {
    const found = (q: string) => names(`/v1/prompts/search?q=${encodeURIComponent(q)}`);

    it('finds what is named like it first, in the order of names, then what speaks of it, the best first', async () => {
      const speaks = (content: string) => ({ messages: [{ role: 'user', content }] });
      await make('once', speaks(`refund ${'word '.repeat(300)}`));
      await make('often', speaks('Refund, refund: REFUNDS!'));
      await make('tagged', { tags: ['refund'] });
      await make('z-refund');
      await make('a-refunds');
      await make('other', speaks('fundamental'));
      expect(await found('REFUND')).toEqual(['a-refunds', 'z-refund', 'tagged', 'often', 'once']);
      expect(await names('/v1/prompts?q=refund')).toEqual(['a-refunds', 'z-refund']);
    });

    it('takes beginnings of words, all of which have to be there, in texts of any language', async () => {
      await make('chat', {
        messages: [
          { role: 'system', content: 'Sei höflich.' },
          { role: 'user', content: '你好世界' },
        ],
      });
      await make('text', {
        messages: undefined,
        type: 'text',
        content: 'Kindly answer {{question}} at e-mail@example.com',
      });
      for (const [q, expected] of [
        ['höf', ['chat']],
        ['HÖFLICH sei', ['chat']],
        ['世界', ['chat']],
        ['answer quest', ['text']],
        ['answer höflich', []],
        ['swer', []],
        ['example.com', ['text']],
      ] as const) {
        expect([q, await found(q)]).toEqual([q, expected]);
      }
    });

    it('takes what looks like a query language as words, or as nothing', async () => {
      await make('a', { messages: [{ role: 'user', content: 'NEAR OR and not workspace' }] });
      for (const q of [
        '"',
        "'",
        '*',
        ':*',
        'a" OR "b',
        '(near',
        'near OR',
        'NOT',
        '{name}: a',
        'a & !b',
        '\0',
        '\ud800',
      ]) {
        expect(
          (await acme('GET', `/v1/prompts/search?q=${encodeURIComponent(q.replace('\ud800', '%'))}`)).statusCode,
        ).toBe(200);
      }
      expect(await found('near OR')).toEqual(['a']);
      expect((await acme('GET', `/v1/prompts/search?q=${'x'.repeat(257)}`)).statusCode).toBe(400);
    });

    it('finds each prompt once, whichever of its versions has the words, in pages, within the filters', async () => {
      for (const name of ['p1', 'p2', 'p3']) {
        await make(name, { tags: [name], messages: [{ role: 'user', content: 'hello' }] });
        await make(name, { version: '1.1.0', messages: [{ role: 'user', content: 'hello hello' }] });
      }
      expect((await found('hello')).toSorted()).toEqual(['p1', 'p2', 'p3']);
      const page = (await acme('GET', '/v1/prompts/search?q=hello&limit=2&page=2')).json();
      expect(page).toMatchObject({ total: 3, page: 2, totalPages: 2 });
      expect(page.items).toHaveLength(1);
      expect(await names('/v1/prompts/search?q=hello&tag=p2')).toEqual(['p2']);
    });

    it('never finds what is another workspace’s', async () => {
      const other = context.as((await context.access.mint('other', 'read,write')).key, 'other');
      await make('theirs', { messages: [{ role: 'user', content: 'secret' }] }, other);
      expect(await found('secret')).toEqual([]);
      expect((await other('GET', '/v1/prompts/search?q=secret')).json().total).toBe(1);
    });

    it('finds words in the largest prompt that is taken, up to the bound', async () => {
      const words = Array.from({ length: 9_000 }, (_, at) => `w${at}`).join(' ');
      await make('large', { messages: [{ role: 'user', content: words }] });
      expect(await found('w7999')).toEqual(['large']);
      expect(await found('w8999')).toEqual([]);
      const signs = Array.from({ length: 100_000 }, (_, at) => String.fromCodePoint(0x4e00 + (at % 20_000))).join('');
      await make('signs', { messages: [{ role: 'user', content: signs }] });
      expect(await found('\u4e00\u5e00')).toEqual(['signs']);
    });
  });
});
