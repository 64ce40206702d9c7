import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labelMovePageSchema, labelSchema } from '../../src/api/labels/schema.js';
import { IN_DATABASE, type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

onEachDatabase((open) => {
  let fixture: RegistryFixture;
  let acme: ReturnType<AccessApp['as']>;
  let key: string;
  let context: AccessApp;
  beforeEach(async () => {
    context = await open(async ({ control }) => {
      fixture = await startRegistry(control, IN_DATABASE);
      return { registry: fixture.registry };
    });
    key = (await context.access.mint('acme', 'read,write')).key;
    acme = context.as(key, 'acme');
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
      const body = { name: 'welcome', version, messages: [{ role: 'user', content: `${version} {{x}}` }] };
      expect((await acme('POST', '/v1/prompts', body)).statusCode).toBe(201);
    }
  });
  afterEach(() => fixture.close());

  const LABELS = '/v1/prompts/welcome/labels';
  const split = (...shares: [string, number][]) => shares.map(([version_tag, weight]) => ({ version_tag, weight }));
  const set = (body: object) => acme('POST', LABELS, { name: 'production', ...body });
  const get = (query = '') => acme('GET', `/v1/prompts/welcome?label=production${query}`);

  describe('a label that stands for several versions', () => {
    const shares = split(['1.0.0', 10], ['2.0.0', 90]);
    beforeEach(async () => {
      const made = await set({ split: shares });
      expect([made.statusCode, made.json()]).toEqual([
        201,
        { prompt_name: 'welcome', name: 'production', version_tag: '2.0.0', split: shares },
      ]);
    });

    it('is read as it was set', async () => {
      const label = labelSchema.strict().parse((await acme('GET', `${LABELS}/production`)).json());
      expect(label).toMatchObject({ version_tag: '2.0.0', split: shares });
    });

    it('gives each unit its version, the same each time, and says which', async () => {
      const seen = new Map<string, number>();
      for (let unit = 0; unit < 200; unit++) {
        const answer = (await get(`&unit=u${unit}`)).json();
        const { version_tag } = answer.version;
        expect(answer.variant).toEqual({ label: 'production', version_tag, assigned_by: 'unit' });
        expect(answer.content.version).toBe(version_tag);
        expect((await get(`&unit=u${unit}`)).json().version.version_tag).toBe(version_tag);
        seen.set(version_tag, (seen.get(version_tag) ?? 0) + 1);
      }
      expect([...seen.keys()].toSorted()).toEqual(['1.0.0', '2.0.0']);
      expect(seen.get('2.0.0')).toBeGreaterThan(150);
    });

    it('without a unit gives the largest share, and says so', async () => {
      const { version, variant } = (await get()).json();
      expect(version.version_tag).toBe('2.0.0');
      expect(variant).toEqual({ label: 'production', version_tag: '2.0.0', assigned_by: 'largest' });
    });

    it('has a tag of what each unit gets: a change elsewhere leaves it valid, its own does not', async () => {
      const etags = new Map<string, string>();
      for (let unit = 0; unit < 50; unit++) etags.set(`u${unit}`, String((await get(`&unit=u${unit}`)).headers.etag));
      await set({ split: split(['1.0.0', 50], ['2.0.0', 50]) });
      let moved = 0;
      for (const [unit, etag] of etags) {
        const headers = { 'x-api-key': key, 'x-workspace-id': 'acme', 'if-none-match': etag };
        const again = await context.app.inject({ url: `/v1/prompts/welcome?label=production&unit=${unit}`, headers });
        const now = (await get(`&unit=${unit}`)).json().version.version_tag;
        if (again.statusCode === 304) continue;
        moved++;
        expect([unit, again.statusCode, now]).toEqual([unit, 200, '1.0.0']);
      }
      expect(moved).toBeGreaterThan(0);
      expect(moved).toBeLessThan(50);
    });

    it('renders the version that the unit gets', async () => {
      const { content, version } = (await get('&unit=a&variables[x]=y')).json();
      expect(content.messages[0].content).toBe(`${version.version_tag} y`);
      const body = { label: 'production', unit: 'a', variables: { x: 'y' } };
      expect((await acme('POST', '/v1/prompts/welcome/render', body)).json()).toMatchObject({ content, version });
    });

    it('remembers its splits, and why', async () => {
      await set({ version_tag: '3.0.0', reason: 'all in' });
      expect((await get()).json().variant).toBeUndefined();
      const history = labelMovePageSchema.parse((await acme('GET', `${LABELS}/production/history`)).json());
      expect(history.items).toMatchObject([
        { from_version: '2.0.0', from_split: shares, to_version: '3.0.0', reason: 'all in' },
        { from_version: null, to_version: '2.0.0', to_split: shares },
      ]);
      expect(history.items[0]).not.toHaveProperty('to_split');
    });

    it('moved by another weight alone has another tag, so that If-Match loses', async () => {
      const etag = String((await acme('GET', `${LABELS}/production`)).headers.etag);
      await set({ split: split(['1.0.0', 20], ['2.0.0', 80]) });
      const lost = await context.app.inject({
        method: 'POST',
        url: LABELS,
        headers: { 'x-api-key': key, 'x-workspace-id': 'acme', 'if-match': etag },
        payload: { name: 'production', version_tag: '1.0.0' },
      });
      expect(lost.statusCode).toBe(412);
    });
  });

  it('a split of one version is that version', async () => {
    expect((await set({ split: split(['1.0.0', 5]) })).json()).toEqual({
      prompt_name: 'welcome',
      name: 'production',
      version_tag: '1.0.0',
    });
    expect((await get('&unit=a')).json().variant).toBeUndefined();
  });

  it('a version of weight 0 is given to nobody', async () => {
    await set({ split: split(['1.0.0', 1], ['2.0.0', 0]) });
    for (let unit = 0; unit < 20; unit++) {
      expect((await get(`&unit=u${unit}`)).json().version.version_tag).toBe('1.0.0');
    }
  });

  it.each([
    [{ split: [] }, 422],
    [{ split: split(['1.0.0', -1]) }, 422],
    [{ split: split(['1.0.0', 0.5]) }, 422],
    [{ split: split(['1.0.0', 0], ['2.0.0', 0]) }, 422],
    [{ split: split(['1.0.0', 1], ['1.0.0', 1]) }, 422],
    [{ split: split(['1.0.0', 1]), version_tag: '1.0.0' }, 422],
    [{ split: Array.from({ length: 21 }, (_, at) => ({ version_tag: `1.0.${at}`, weight: 1 })) }, 422],
    [{ split: [{ version_tag: '1.0.0' }] }, 422],
    [{ split: split(['1.0.0', 1], ['9.0.0', 1]) }, 400],
  ])('%j is a %i', async (body, status) => {
    const { statusCode, json } = await set(body);
    expect(statusCode).toBe(status);
    if (status === 400) expect(json().details).toEqual({ prompt_name: 'welcome', version_tag: '9.0.0' });
    expect((await acme('GET', `${LABELS}/production`)).statusCode).toBe(404);
  });

  it('a unit that is too long, or empty, is a 422', async () => {
    await set({ version_tag: '1.0.0' });
    expect((await get(`&unit=${'x'.repeat(513)}`)).statusCode).toBe(422);
    expect((await get('&unit=')).statusCode).toBe(422);
  });
});
