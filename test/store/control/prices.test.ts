import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OwnPrice, PRICE_SORTS, type PriceKey, type PriceQuery } from '../../../src/store/control/prices.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const NOW = 1_800_000_000_000;
const DONE = { status: 'done', examined: 9, changed: 4 } as const;
const RATES = { input: '2.5', output: '10' };

function pricesSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  const keyOf = (key: Partial<PriceKey> = {}): PriceKey => ({
    workspace: 'default',
    pattern: 'gpt-4o*',
    provider: '',
    serviceTier: '',
    validFromUnixMs: 0,
    ...key,
  });
  const put = (key: Partial<PriceKey> = {}, rates: OwnPrice['rates'] = RATES, now = NOW) =>
    store.prices.put(keyOf(key), rates, now);

  it('a price is found as it was put, by its id and by its key', async () => {
    const price = await put({ provider: 'openai', serviceTier: 'flex', validFromUnixMs: NOW });
    expect(price).toMatchObject({ revision: 1, rates: RATES, createdTimeUnixMs: NOW, updatedTimeUnixMs: NOW });
    expect(await store.prices.get('default', price.id)).toEqual(price);
    expect(await store.prices.get('other', price.id)).toBeUndefined();
    const key = keyOf({ provider: 'openai', serviceTier: 'flex', validFromUnixMs: NOW });
    expect(await store.prices.find(key)).toEqual(price);
    for (const other of [{ workspace: 'x' }, { provider: '' }, { serviceTier: '' }, { validFromUnixMs: 0 }]) {
      expect(await store.prices.find({ ...key, ...other })).toBeUndefined();
    }
  });

  it('put again it has other rates and another revision; with the same rates nothing changes', async () => {
    const first = await put();
    expect(await put({}, { output: '10', input: '2.5' }, NOW + 1)).toEqual(first);
    const second = await put({}, { input: '3' }, NOW + 2);
    expect(second).toEqual({ ...first, revision: 2, rates: { input: '3' }, updatedTimeUnixMs: NOW + 2 });
    expect(await store.prices.allOf('default')).toEqual([second]);
  });

  it('put at once by many there is one', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, at) => put({}, { input: String(at) })));
    const [price, ...others] = await store.prices.allOf('default');
    expect([price!.revision, others]).toEqual([8, []]);
  });

  it('is listed by each sort in pages without gaps, by each filter, and counted', async () => {
    const patterns = ['b*', 'a', 'ä', '_', 'a*'];
    for (const [at, pattern] of patterns.entries()) {
      await put({ pattern, provider: at % 2 === 0 ? 'openai' : '' }, RATES, NOW + (at >> 1));
    }
    await put({ workspace: 'other', pattern: 'a' });
    const all = await store.prices.allOf('default');
    const walk = async (query: Omit<PriceQuery, 'limit'>, limit: number) => {
      const found: string[] = [];
      let page = await store.prices.list({ ...query, limit });
      for (; ; page = await store.prices.list({ ...query, limit, after: page.next })) {
        found.push(...page.items.map(({ pattern }) => pattern));
        expect(await store.prices.count(query)).toEqual({ total: page.total, totalRelation: 'eq' });
        if (!page.next) return found;
      }
    };
    for (const field of PRICE_SORTS) {
      const value = (price: OwnPrice) => (field === 'created_at' ? price.createdTimeUnixMs : price.pattern);
      const rising = all.toSorted((a, b) => {
        const [left, right] = [value(a), value(b)];
        return left === right ? a.id - b.id : left < right ? -1 : 1;
      });
      const expected = rising.map(({ pattern }) => pattern);
      for (const limit of [1, 2, 10]) {
        expect(await walk({ workspace: 'default', sort: { field, descending: false } }, limit)).toEqual(expected);
        const falling = await walk({ workspace: 'default', sort: { field, descending: true } }, limit);
        expect(falling).toEqual(expected.toReversed());
      }
    }
    const sort = { field: 'model_pattern', descending: false } as const;
    expect(await walk({ workspace: 'default', sort, provider: 'openai' }, 2)).toEqual(['a*', 'b*', 'ä']);
    expect(await walk({ workspace: 'default', sort, provider: '', pattern: 'a' }, 2)).toEqual(['a']);
    expect(await walk({ workspace: 'default', sort, serviceTier: 'flex' }, 2)).toEqual([]);
  });

  it('is removed once, in its workspace alone; or with all of its workspace', async () => {
    const [mine, other] = [await put(), await put({ workspace: 'other' })];
    expect(await store.prices.remove('other', mine.id)).toBe(false);
    expect(await store.prices.remove('default', mine.id)).toBe(true);
    expect(await store.prices.remove('default', mine.id)).toBe(false);
    expect(await store.prices.all()).toEqual([other]);
    expect([await store.prices.removeAll('other'), await store.prices.removeAll('other')]).toEqual([1, 0]);
  });

  it('any change makes another fingerprint, and none makes none', async () => {
    const seen = [await store.prices.fingerprint()];
    const changes = [
      () => put(),
      () => put({}, { input: '3' }),
      () => put({ pattern: 'o3' }),
      async () => store.prices.remove('default', (await store.prices.find(keyOf()))!.id),
      () => put({ workspace: 'other' }),
      async () => store.prices.removeAll('other'),
      async () => store.prices.removeAll('default'),
    ];
    for (const change of changes) {
      await change();
      seen.push(await store.prices.fingerprint());
      expect(await store.prices.fingerprint()).toBe(seen.at(-1));
    }
    // The same again, twice: when what came last has gone, and when all has.
    expect(seen.map((fingerprint) => seen.indexOf(fingerprint))).toEqual([0, 1, 2, 3, 4, 5, 4, 0]);
  });

  describe('a repricing', () => {
    const lease = (owner: string, now = NOW) => ({ owner, nowUnixMs: now, untilUnixMs: now + 60_000 });
    const start = (workspace = 'default') => store.repricings.create({ workspace, fromUnixMs: 1, toUnixMs: NOW }, NOW);

    it('is listed newest first, by its status, in its workspace', async () => {
      const jobs = [await start(), await start(), await start('other'), await start()];
      const claimed = await store.repricings.claim(lease('a'));
      await store.repricings.finish(claimed!.id, { ...DONE, status: 'failed', error: 'why\0' }, lease('a', NOW + 5));
      const first = await store.repricings.list({ workspace: 'default', limit: 2 });
      const second = await store.repricings.list({ workspace: 'default', limit: 2, after: first.next! });
      expect([first, second].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(
        [jobs[3], jobs[1], jobs[0]].map((job) => job!.id),
      );
      expect(await store.repricings.count({ workspace: 'default', status: 'running' })).toMatchObject({ total: 2 });
      const told = await store.repricings.get('default', claimed!.id);
      expect(told).toMatchObject({ status: 'failed', finishedTimeUnixMs: NOW + 5 });
      expect(told!.error).toMatch(/^why/);
      expect(await store.repricings.get('other', claimed!.id)).toBeUndefined();
    });

    it('is worked on by one gateway, the oldest first, until its lease has run out', async () => {
      const [first, second] = [await start(), await start()];
      expect((await store.repricings.claim(lease('a')))?.id).toBe(first.id);
      expect((await store.repricings.claim(lease('b')))?.id).toBe(second.id);
      expect(await store.repricings.claim(lease('c'))).toBeUndefined();
      // After a restart it goes on at once.
      expect((await store.repricings.claim(lease('a')))?.id).toBe(first.id);
      const progress = { cursor: 'here', examined: 5, changed: 2 };
      expect(await store.repricings.advance(first.id, progress, lease('a', NOW + 1))).toBe(true);
      const late = lease('c', NOW + 60_001);
      expect(await store.repricings.claim(late)).toMatchObject({
        id: first.id,
        cursor: 'here',
        examined: 5,
        changed: 2,
      });
      expect(await store.repricings.advance(first.id, progress, lease('a', NOW + 60_002))).toBe(false);
      expect(await store.repricings.finish(first.id, DONE, lease('a', NOW + 60_002))).toBe(false);
      expect(await store.repricings.finish(first.id, DONE, late)).toBe(true);
      await store.repricings.release('b');
      expect((await store.repricings.claim(late))?.id).toBe(second.id);
    });

    it('is taken by one of many that ask at once', async () => {
      await start();
      const claims = await Promise.all(['a', 'b', 'c', 'd'].map((owner) => store.repricings.claim(lease(owner))));
      expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    });

    it('that has ended is forgotten behind the latest, one that runs never', async () => {
      const jobs = [await start(), await start(), await start(), await start()];
      for (const at of [0, 1, 2]) {
        const claimed = await store.repricings.claim(lease('a'));
        expect(claimed?.id).toBe(jobs[at]!.id);
        await store.repricings.finish(claimed!.id, DONE, lease('a'));
      }
      await store.repricings.forgetEnded('default', 1);
      const { items } = await store.repricings.list({ workspace: 'default', limit: 10 });
      expect(items.map(({ id }) => id)).toEqual([jobs[3]!.id, jobs[2]!.id]);
      await store.repricings.removeAll('default');
      expect(await store.repricings.count({ workspace: 'default' })).toMatchObject({ total: 0 });
    });
  });
}

describe('own prices on SQLite', () => pricesSuite(sqliteCase));
describe.skipIf(!server)('own prices on Postgres', () => pricesSuite(postgresCase(server)));
