import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlStore } from '../../../src/store/control/store.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const REQUEST = { workspace: 'default', key: 'k', fingerprint: 'f' };

function idempotencySuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  /** As a route does it: the answer, and whether it was given before. */
  const once = (from: ControlStore, request: typeof REQUEST, answer: string, now = NOW) =>
    from.transaction(async ({ idempotencyKeys }) => {
      const known = await idempotencyKeys.hold(request, now);
      if (known !== undefined) return { answer: known, replayed: true };
      await idempotencyKeys.answer(request, answer);
      return { answer, replayed: false };
    });

  it('the second request is answered as the first', async () => {
    expect(await store.idempotencyKeys.find(REQUEST, NOW)).toBeUndefined();
    expect(await once(store, REQUEST, 'first')).toEqual({ answer: 'first', replayed: false });
    expect(await once(store, REQUEST, 'second')).toEqual({ answer: 'first', replayed: true });
    expect(await store.idempotencyKeys.find(REQUEST, NOW)).toBe('first');
  });

  it('a key is that of one request, and of one workspace', async () => {
    await once(store, REQUEST, 'first');
    const reused = { code: 'IDEMPOTENCY_KEY_REUSED' };
    await expect(once(store, { ...REQUEST, fingerprint: 'g' }, 'x')).rejects.toMatchObject(reused);
    await expect(store.idempotencyKeys.find({ ...REQUEST, fingerprint: 'g' }, NOW)).rejects.toMatchObject(reused);
    expect(await once(store, { ...REQUEST, workspace: 'acme' }, 'theirs')).toMatchObject({ replayed: false });
  });

  it('a request that failed leaves its key free', async () => {
    const failing = store.transaction(async ({ idempotencyKeys }) => {
      await idempotencyKeys.hold(REQUEST, NOW);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await once(store, { ...REQUEST, fingerprint: 'g' }, 'first')).toEqual({ answer: 'first', replayed: false });
  });

  it('of many at once, through several gateways, one is the first', async () => {
    const other = await place.open();
    await other.start();
    const stores = Array.from({ length: 10 }, (_, at) => (at % 2 ? store : other));
    const answers = await Promise.all(stores.map((from, at) => once(from, REQUEST, `answer ${at}`)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ answer }) => answer)).size).toBe(1);
  });

  it('is forgotten after a day, and not before', async () => {
    await once(store, REQUEST, 'first');
    await store.idempotencyKeys.forget(NOW + DAY_MS - 1);
    expect(await once(store, REQUEST, 'second', NOW + DAY_MS - 1)).toMatchObject({ answer: 'first' });
    expect(await store.idempotencyKeys.find(REQUEST, NOW + DAY_MS)).toBeUndefined();
    expect(await once(store, { ...REQUEST, fingerprint: 'g' }, 'third', NOW + DAY_MS)).toMatchObject({
      replayed: false,
    });
    await store.idempotencyKeys.forget(NOW + 2 * DAY_MS);
    expect(await store.idempotencyKeys.find({ ...REQUEST, fingerprint: 'g' }, NOW + DAY_MS)).toBeUndefined();
  });
}

describe('idempotency keys on SQLite', () => idempotencySuite(sqliteCase));
describe.skipIf(!server)('idempotency keys on Postgres', () => idempotencySuite(postgresCase(server)));
