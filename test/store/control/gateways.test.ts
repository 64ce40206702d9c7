import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGatewayNumber } from '../../../src/store/control/gateway-number.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const PATIENCE = { timeout: 20_000 };

function gatewaysSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  const takeAll = async () => {
    for (let at = 0; at < 64; at++) await store.gateways.claim(`buffer-${at}`, NOW + at);
  };

  it('numbers are given from 0 on, and a buffer keeps its own', async () => {
    expect(await store.gateways.claim('a', NOW)).toBe(0);
    expect(await store.gateways.claim('b', NOW)).toBe(1);
    expect(await store.gateways.claim('a', NOW + 5 * HOUR_MS)).toBe(0);
    expect(await store.gateways.claim('c', NOW + 10 * HOUR_MS)).toBe(2);
  });

  it('a number that nobody has is given before a higher one', async () => {
    for (const id of ['a', 'b', 'c']) await store.gateways.claim(id, NOW);
    await place.run('delete from gateways where number = 1');
    expect(await store.gateways.claim('d', NOW)).toBe(1);
  });

  it('the 65th is refused with the reason as long as all were seen within the hour', async () => {
    await takeAll();
    const refused = store.gateways.claim('one more', NOW + HOUR_MS - 1);
    await expect(refused).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('64 gateways share this database'),
    });
    expect(await store.gateways.claim('buffer-63', NOW + HOUR_MS - 1)).toBe(63);
  });

  it('of 64, the one that was not seen for longest gives its number away', async () => {
    await takeAll();
    await store.gateways.claim('buffer-0', NOW + 100);
    expect(await store.gateways.claim('one more', NOW + HOUR_MS + 1)).toBe(1);
    await expect(store.gateways.claim('buffer-1', NOW + HOUR_MS + 1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await store.gateways.claim('buffer-1', NOW + HOUR_MS + 2)).toBe(2);
  });

  it('gateways that come at once get different numbers', async () => {
    const other = await place.open();
    await other.start();
    const claims = Array.from({ length: 20 }, (_, at) => (at % 2 ? store : other).gateways.claim(`buffer-${at}`, NOW));
    const numbers = await Promise.all(claims);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });

  it('a running gateway has its number, tells again and again that it is there, and drops keys of yesterday', async () => {
    let now = NOW;
    const gateway = createGatewayNumber({ control: store, bufferId: () => 'mine', now: () => now, refreshMs: 50 });
    const claim = vi.spyOn(store.gateways, 'claim');
    expect(() => gateway.number()).toThrow('has no number');
    await store.idempotencyKeys.hold({ workspace: 'default', key: 'old', fingerprint: 'f' }, NOW);
    await gateway.start();
    expect(gateway.number()).toBe(0);
    await takeAll().catch(() => {});
    now = NOW + 24 * HOUR_MS;
    await vi.waitFor(async () => {
      const forget = store.idempotencyKeys.answer({ workspace: 'default', key: 'old', fingerprint: 'f' }, 'there');
      await forget;
      expect(
        await store.idempotencyKeys.find({ workspace: 'default', key: 'old', fingerprint: 'f' }, NOW),
      ).toBeUndefined();
    }, PATIENCE);
    await vi.waitFor(() => {
      const { calls, settledResults } = claim.mock;
      expect(settledResults.some(({ type }, at) => type === 'fulfilled' && calls[at]![1] === now)).toBe(true);
    }, PATIENCE);
    // Of the 64, it is the one that was seen.
    expect(await store.gateways.claim('one more', NOW + HOUR_MS + 100)).not.toBe(0);
    await gateway.shutdown({ deadlineMs: 100 });
    await gateway.shutdown({ deadlineMs: 100 });
    expect(() => gateway.number()).toThrow('has no number');
  });

  it('a gateway that finds no number does not start', async () => {
    await takeAll();
    const gateway = createGatewayNumber({ control: store, bufferId: () => 'mine', now: () => NOW + 100 });
    await expect(gateway.start()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(() => gateway.number()).toThrow('has no number');
  });
}

describe('numbers of gateways on SQLite', () => gatewaysSuite(sqliteCase));
describe.skipIf(!server)('numbers of gateways on Postgres', () => gatewaysSuite(postgresCase(server)));
