import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nopPricingEvents } from '../../src/pricing/events.js';
import { createPriceList, type PriceList, type PriceListOptions } from '../../src/pricing/prices.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const OFTEN = { hearing: 60_000, deaf: 60_000 };

function pricesSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  const lists: PriceList[] = [];
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(async () => {
    for (const list of lists.splice(0)) await list.shutdown({ deadlineMs: 1000 });
    await place.remove();
  });

  const open = async (control: PriceListOptions['control'] = store, options: Partial<PriceListOptions> = {}) => {
    const list = createPriceList({ control, events: nopPricingEvents, refreshMs: OFTEN, ...options });
    lists.push(list);
    await list.start();
    return list;
  };

  const put = (control: ControlStore, pattern: string) =>
    control.transaction(async ({ prices, changes }) => {
      const key = { workspace: 'default', pattern, provider: '', serviceTier: '', validFromUnixMs: 0 };
      await prices.put(key, { input: '1' }, 1);
      await changes.announce({ topic: 'prices', workspace: 'default' });
    });

  const patternsOf = (list: PriceList) => list.snapshot().prices.map(({ pattern }) => pattern);

  it('are known from the start, and a change of this gateway soon after it', async () => {
    await put(store, 'a');
    const list = await open();
    expect([list.snapshot().version, patternsOf(list)]).toEqual([1, ['a']]);
    const heard: number[] = [];
    const stop = list.onChange(({ version }) => heard.push(version));
    await put(store, 'b');
    await vi.waitFor(() => expect(patternsOf(list)).toEqual(['a', 'b']), 5000);
    expect(heard).toEqual([list.snapshot().version]);
    stop();
    await put(store, 'c');
    await list.refresh();
    expect([patternsOf(list), heard.length]).toEqual([['a', 'b', 'c'], 1]);
  });

  it('stay one snapshot as long as nothing changes', async () => {
    const list = await open();
    const before = list.snapshot();
    await Promise.all([list.refresh(), list.refresh(), list.refresh()]);
    expect(list.snapshot()).toBe(before);
  });

  it('hold every change that was made before a refresh, also while another one runs', async () => {
    const list = await open();
    for (let at = 0; at < 10; at++) {
      void list.refresh();
      await store.prices.put(
        { workspace: 'w', pattern: String(at), provider: '', serviceTier: '', validFromUnixMs: 0 },
        { input: '1' },
        1,
      );
      await list.refresh();
      expect(list.snapshot().prices).toHaveLength(at + 1);
    }
  });

  it('of another gateway are heard, or found on the short clock', async () => {
    const other = await place.open();
    await other.start();
    const list = await open(store, { refreshMs: { hearing: 60_000, deaf: 50 } });
    await put(other, 'theirs');
    await vi.waitFor(() => expect(patternsOf(list)).toEqual(['theirs']), 10_000);
  });

  it('that are known stay good while they can not be read, which is told once', async () => {
    await put(store, 'a');
    let broken = false;
    const prices = {
      ...store.prices,
      fingerprint: async () => {
        if (broken) throw new Error('away');
        return store.prices.fingerprint();
      },
    };
    const failures: unknown[] = [];
    const control = { prices, onChange: store.onChange, hearsOthers: () => false };
    const events = { refreshFailed: (error: unknown) => void failures.push(error) };
    const list = await open(control, { events, refreshMs: { hearing: 10, deaf: 10 } });
    broken = true;
    await vi.waitFor(() => expect(failures).toHaveLength(1), 5000);
    await expect(list.refresh()).rejects.toThrow('away');
    expect(patternsOf(list)).toEqual(['a']);
    broken = false;
    await put(store, 'b');
    await vi.waitFor(() => expect(patternsOf(list)).toEqual(['a', 'b']), 5000);
    expect(failures).toHaveLength(1);
  });
}

describe('prices in memory, on SQLite', () => pricesSuite(sqliteCase));
describe.skipIf(!server)('prices in memory, on Postgres', () => pricesSuite(postgresCase(server)));
