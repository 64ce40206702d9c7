import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labelMovePageSchema, labelPageSchema, labelSchema } from '../../src/api/labels/schema.js';
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
    acme = context.as((await context.access.mint('acme', 'read,write,admin', { name: 'admin' })).key, 'acme');
    for (const version of ['1.0.0', '2.0.0']) {
      const body = { name: 'welcome', version, messages: [{ role: 'user', content: version }] };
      expect((await acme('POST', '/v1/prompts', body)).statusCode).toBe(201);
    }
  });
  afterEach(() => fixture.close());

  const LABELS = '/v1/prompts/welcome/labels';
  const set = (name: string, version_tag?: string, more: object = {}) =>
    acme('POST', LABELS, { name, version_tag, ...more });
  const served = async (label: string) => {
    return (await acme('GET', `/v1/prompts/welcome?label=${label}`)).json().version?.version_tag;
  };

  describe('POST /v1/prompts/:name/labels', () => {
    it('makes a label and moves it, with 201 both times, and keeps when it was made', async () => {
      const made = await set('production', '1.0.0');
      expect(made.statusCode).toBe(201);
      expect(made.json()).toEqual({ prompt_name: 'welcome', name: 'production', version_tag: '1.0.0' });
      const { created_at } = (await acme('GET', `${LABELS}/production`)).json();
      expect((await set('production', '2.0.0')).json().version_tag).toBe('2.0.0');
      const label = labelSchema.strict().parse((await acme('GET', `${LABELS}/production`)).json());
      expect(label).toEqual({ prompt_name: 'welcome', name: 'production', version_tag: '2.0.0', created_at });
    });

    it('is seen by the next request, whatever was in memory', async () => {
      for (let round = 0; round < 10; round++) {
        const version = round % 2 ? '1.0.0' : '2.0.0';
        await set('production', version);
        expect(await served('production')).toBe(version);
      }
    });

    it('without a version takes the youngest', async () => {
      const { items } = (await acme('GET', '/v1/prompts/welcome/versions')).json();
      expect((await set('staging')).json().version_tag).toBe(items[0].version_tag);
    });

    it('of an unknown prompt is a 404, of an unknown version a 400 that clients know', async () => {
      const unknown = await acme('POST', '/v1/prompts/nobody/labels', { name: 'production' });
      expect([unknown.statusCode, unknown.json().error]).toEqual([404, 'Prompt not found']);
      const response = await set('production', '9.0.0');
      expect(response.statusCode).toBe(400);
      expect(response.json()).toMatchObject({
        error: 'Version not found for this prompt',
        details: { prompt_name: 'welcome', version_tag: '9.0.0' },
      });
      expect((await set('production', 'a\u0000')).statusCode).toBe(400);
    });

    it.each([
      [{}, 422],
      [{ name: 'a b' }, 422],
      [{ name: 'count' }, 422],
      [{ name: 'x'.repeat(129) }, 422],
      [{ name: 'ok', version_tag: 'x'.repeat(65) }, 422],
      [{ name: 'latest' }, 400],
    ])('with %j is a %i', async (body, status) => {
      expect((await acme('POST', LABELS, body)).statusCode).toBe(status);
    });

    it('from many at once, the last that was told is the one that stands', async () => {
      const versions = Array.from({ length: 10 }, (_, at) => (at % 2 ? '1.0.0' : '2.0.0'));
      const answers = await Promise.all(versions.map((version) => set('production', version)));
      expect(answers.map((answer) => answer.json().version_tag)).toEqual(versions);
      const { items, total } = (await acme('GET', `${LABELS}/production/history`)).json();
      expect(await served('production')).toBe(items[0].to_version);
      for (let at = 0; at + 1 < total; at++) expect(items[at].from_version).toBe(items[at + 1].to_version);
    });
  });

  it('with If-Match a label is moved from where it was read alone, and only one of many wins', async () => {
    const { key } = await context.access.mint('acme', 'read,write');
    const move = (etag: string, version_tag: string, name = 'production') =>
      context.app.inject({
        method: 'POST',
        url: LABELS,
        headers: { 'x-api-key': key, 'x-workspace-id': 'acme', 'if-match': etag },
        payload: { name, version_tag },
      });
    await set('production', '1.0.0');
    const etag = String((await acme('GET', `${LABELS}/production`)).headers.etag);
    const moves = await Promise.all(Array.from({ length: 5 }, () => move(etag, '2.0.0')));
    expect(moves.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 412, 412, 412, 412]);
    const refused = await move(etag, '1.0.0');
    expect([refused.statusCode, refused.json().details]).toEqual([412, { version_tag: '2.0.0' }]);
    expect(await served('production')).toBe('2.0.0');
    expect((await acme('GET', `${LABELS}/production/history`)).json().total).toBe(2);
    expect((await move('*', '1.0.0')).statusCode).toBe(201);
    expect((await move('*', '1.0.0', 'new')).statusCode).toBe(412);
    expect((await acme('GET', `${LABELS}/new`)).statusCode).toBe(404);
  });

  it('lists and counts the labels of a prompt, none for an unknown one', async () => {
    for (const name of ['b', 'a', 'c.d-e_F']) await set(name, '1.0.0');
    const page = labelPageSchema.strict().parse((await acme('GET', LABELS)).json());
    expect(page.items.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c.d-e_F']);
    expect((await acme('GET', `${LABELS}/count`)).json()).toEqual({ count: 3, countRelation: 'eq', total: 3 });
    expect((await acme('GET', `${LABELS}?limit=2&page=2`)).json()).toMatchObject({ total: 3, totalPages: 2 });
    expect((await acme('GET', '/v1/prompts/nobody/labels')).json()).toMatchObject({ items: [], total: 0 });
    expect((await acme('GET', '/v1/prompts/x%00/labels')).json()).toMatchObject({ items: [], total: 0 });
  });

  it('a label that there is not is a 404, to read and to remove', async () => {
    for (const url of [
      `${LABELS}/nope`,
      '/v1/prompts/nobody/labels/nope',
      `${LABELS}/a%00b`,
      `${LABELS}/nope/history`,
    ]) {
      expect([url, (await acme('GET', url)).json().error]).toEqual([url, 'Label not found']);
    }
    expect((await acme('DELETE', `${LABELS}/nope`)).statusCode).toBe(404);
  });

  it('a removed label resolves no longer, and its history stays', async () => {
    await set('production', '1.0.0', { reason: 'first' });
    await set('production', '1.0.0');
    await set('production', '2.0.0', { reason: 'better' });
    expect(await served('production')).toBe('2.0.0');
    const removed = await acme('DELETE', `${LABELS}/production`);
    expect([removed.statusCode, removed.body]).toEqual([204, '']);
    expect((await acme('GET', '/v1/prompts/welcome?label=production')).json().error).toBe('Label not found');
    const history = labelMovePageSchema.parse((await acme('GET', `${LABELS}/production/history`)).json());
    expect(history.items).toMatchObject([
      { from_version: '2.0.0', to_version: null, moved_by: 'admin' },
      { from_version: '1.0.0', to_version: '2.0.0', reason: 'better' },
      { from_version: null, to_version: '1.0.0', reason: 'first' },
    ]);
  });

  it('each change is in the audit log with what it changed', async () => {
    await set('production', '1.0.0');
    await acme('DELETE', `${LABELS}/production`);
    await acme('DELETE', `${LABELS}/production`);
    const { items } = (await acme('GET', '/v1/audit-logs?limit=2')).json();
    expect(items).toMatchObject([
      { action: 'label:delete', prompt_name: 'welcome', target_id: 'welcome', details: { label: 'production' } },
      { action: 'label:create', prompt_name: 'welcome', version_tag: '1.0.0', details: { from: null, to: '1.0.0' } },
    ]);
  });
});
