import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, type KeyInput, revokeKey, rotateKey } from '../../src/access/keys.js';
import type { Principal } from '../../src/access/principal.js';
import { GatewayError } from '../../src/errors.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';
import { ask, credentials, ELSEWHERE, LOOPBACK, openKeyring, person, type TestKeyring } from './fixture.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const MASTER = person({ master: true, name: 'root' });

const refused = (message: string) => ({ code: 'UNAUTHORIZED', message });
const INVALID = refused('Invalid API key');
const EXPIRED = refused('API key expired');
const MISSING = refused('Missing X-API-Key header');
const FOREIGN = refused('API key does not belong to this workspace');

/** Until it holds; what never does ends with the test's own time-out. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(10);
}

function keyringSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let control: ControlStore;
  let clockMs: number;
  const opened: TestKeyring[] = [];

  beforeEach(async () => {
    place = await makePlace();
    control = await place.open();
    await control.start();
    clockMs = Date.now();
  });
  afterEach(async () => {
    for (const { keyring } of opened.splice(0)) await keyring.shutdown({ deadlineMs: 5_000 });
    await place.remove();
  });

  const open = async (...[settings, more, store = control]: [object?, object?, ControlStore?]) => {
    const ring = await openKeyring(store, settings, { now: () => clockMs, ...more });
    opened.push(ring);
    return ring;
  };
  const create = ({ keyring }: TestKeyring, input: Partial<KeyInput> = {}) =>
    createKey(keyring.store, MASTER, { name: 'a key', ...input }, {});
  const revoke = ({ keyring }: TestKeyring, id: number) => revokeKey(keyring.store, MASTER, id, {});
  const isGood = async (ring: TestKeyring, key: string): Promise<boolean> => {
    try {
      await ask(ring.keyring.forApi, { key });
      return true;
    } catch (error) {
      expect(error).toMatchObject(INVALID);
      return false;
    }
  };

  describe('at the first start', () => {
    it('one master key is made, told, and recorded; never again', async () => {
      const first = await open();
      expect(first.firstKeys).toHaveLength(1);
      const principal = await ask(first.keyring.forApi, { key: first.firstKeys[0]! });
      expect(principal).toMatchObject({ name: 'first admin key', workspace: 'default', master: true });
      expect([...principal.scopes]).toEqual(['read', 'write', 'admin']);
      const { items } = await control.auditLogs.list({ workspace: 'default', limit: 10 });
      expect(items).toMatchObject([
        { action: 'api_key:create', targetId: String(principal.keyId), keyName: 'gateway' },
      ]);
      await revoke(first, principal.keyId!);
      expect((await open()).firstKeys).toEqual([]);
    });

    it('of gateways that start at once, one makes it', async () => {
      const stores = await Promise.all(Array.from({ length: 3 }, () => place.open()));
      await Promise.all(stores.map((store) => store.start()));
      const rings = await Promise.all([control, ...stores].map((store) => open({}, {}, store)));
      expect(rings.flatMap(({ firstKeys }) => firstKeys)).toHaveLength(1);
      expect((await control.apiKeys.list({ visible: 'all', limit: 10 })).total).toBe(1);
    });
  });

  describe('a key', () => {
    it('is good in its workspace, with its scopes and its name', async () => {
      const ring = await open();
      const { key, id } = await create(ring, { name: 'shop', scopes: 'read', workspace: 'acme' });
      for (const _ of ['looked up', 'from memory']) {
        const principal = await ask(ring.keyring.forApi, { key, workspace: 'acme' });
        expect(principal).toEqual({
          keyId: id,
          name: 'shop',
          workspace: 'acme',
          master: false,
          scopes: new Set(['read']),
        });
      }
    });

    it('that nobody has is refused, whatever it looks like', async () => {
      const { keyring } = await open();
      for (const key of ['pm_', 'x', `pm_${'0'.repeat(64)}`, '\0', 'ü', 'x'.repeat(100_000)]) {
        await expect(ask(keyring.forApi, { key })).rejects.toMatchObject(INVALID);
        await expect(ask(keyring.forOtlp, { key, peer: LOOPBACK })).rejects.toMatchObject(INVALID);
      }
    });

    it('of one workspace is refused in another, and on the API in default, too, which is meant when none is named', async () => {
      const ring = await open();
      const { key } = await create(ring, { workspace: 'acme' });
      for (const workspace of ['other', 'default', undefined]) {
        await expect(ask(ring.keyring.forApi, { key, workspace })).rejects.toMatchObject(FOREIGN);
      }
    });

    it('over OTLP acts in its own workspace when none is named, and is refused in another', async () => {
      const ring = await open();
      const { key } = await create(ring, { workspace: 'acme' });
      expect(await ask(ring.keyring.forOtlp, { key })).toMatchObject({ workspace: 'acme' });
      await expect(ask(ring.keyring.forOtlp, { key, workspace: 'other' })).rejects.toMatchObject(FOREIGN);
    });

    it('for all workspaces acts in the one that is named, and in default when none is', async () => {
      const ring = await open();
      const { key } = await create(ring, { workspace: '*' });
      for (const identify of [ring.keyring.forApi, ring.keyring.forOtlp]) {
        expect(await ask(identify, { key, workspace: 'acme' })).toMatchObject({ workspace: 'acme', master: true });
        expect(await ask(identify, { key })).toMatchObject({ workspace: 'default', master: true });
      }
    });

    it('that an earlier program made with blanks between its scopes has them all', async () => {
      const ring = await open();
      const row = {
        keyHash: ring.keyring.store.hash('old key'),
        name: 'old',
        workspace: 'default',
        scopes: 'read, write',
      };
      await control.apiKeys.create({ ...row, expiresAt: undefined }, 1);
      expect([...(await ask(ring.keyring.forApi, { key: 'old key' })).scopes]).toEqual(['read', 'write']);
    });

    it('expires while it is in memory, and is told so before its workspace is asked about', async () => {
      const ring = await open();
      const { key, expiresAt } = await create(ring, { expiresInDays: 1 });
      clockMs = expiresAt! * 1000 + 999;
      await ask(ring.keyring.forApi, { key });
      clockMs = (expiresAt! + 1) * 1000;
      await expect(ask(ring.keyring.forApi, { key })).rejects.toMatchObject(EXPIRED);
      await expect(ask(ring.keyring.forApi, { key, workspace: 'other' })).rejects.toMatchObject(EXPIRED);
      await expect(ask((await open()).keyring.forApi, { key })).rejects.toMatchObject(EXPIRED);
    });

    it('is refused as soon as its revocation is answered', async () => {
      const ring = await open();
      const { key, id } = await create(ring);
      await ask(ring.keyring.forApi, { key });
      await revoke(ring, id);
      await expect(ask(ring.keyring.forApi, { key })).rejects.toMatchObject(INVALID);
    });

    it('is never kept in memory by a look-up that began before its revocation', async () => {
      const ring = await open();
      const { id, key } = await create(ring);
      const looking = ask(ring.keyring.forApi, { key }).catch(() => {});
      await Promise.all([looking, revoke(ring, id)]);
      await expect(ask(ring.keyring.forApi, { key })).rejects.toMatchObject(INVALID);
    });

    it('that was just refused is good as soon as it is made', async () => {
      const ring = await open();
      const hash = ring.keyring.store.hash('my own key');
      await expect(ask(ring.keyring.forApi, { key: 'my own key' })).rejects.toMatchObject(INVALID);
      await control.transaction(async ({ apiKeys, changes }) => {
        const row = { keyHash: hash, name: 'mine', workspace: 'default', scopes: 'read', expiresAt: undefined };
        await changes.announce({ topic: 'api-keys', id: (await apiKeys.create(row, 1)).id });
      });
      await ask(ring.keyring.forApi, { key: 'my own key' });
    });

    it('that was rotated is good for its grace beside the new one, and not a second longer', async () => {
      const ring = await open();
      const old = await create(ring);
      await ask(ring.keyring.forApi, { key: old.key });
      const fresh = await rotateKey(ring.keyring.store, MASTER, old.id, { graceSeconds: 60 }, {});
      const { graceUntil } = (await control.apiKeys.get(old.id, 'all'))!;
      clockMs = graceUntil! * 1000 - 1;
      await ask(ring.keyring.forApi, { key: old.key });
      await ask(ring.keyring.forApi, { key: fresh.key });
      clockMs = graceUntil! * 1000;
      await expect(ask(ring.keyring.forApi, { key: old.key })).rejects.toMatchObject(EXPIRED);
      await ask(ring.keyring.forApi, { key: fresh.key });
    });

    it('that was rotated without a grace is refused at once', async () => {
      const ring = await open();
      const old = await create(ring);
      await ask(ring.keyring.forApi, { key: old.key });
      await rotateKey(ring.keyring.store, MASTER, old.id, { graceSeconds: 0 }, {});
      clockMs = Date.now();
      await expect(ask(ring.keyring.forApi, { key: old.key })).rejects.toMatchObject(EXPIRED);
    });
  });

  describe('without a key', () => {
    const peers = {
      loopback: [LOOPBACK, '127.9.9.9', '::1', '::ffff:127.0.0.1'],
      others: [ELSEWHERE, '', '::2', '10.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', 'localhost'],
    };

    it('auto: a loopback peer may do everything in the workspace that it names; others need a key', async () => {
      const { keyring } = await open({ apiAuth: 'auto' });
      for (const identify of [keyring.forApi, keyring.forOtlp]) {
        for (const peer of peers.loopback) {
          const principal = await ask(identify, { peer, workspace: 'acme' });
          expect(principal).toMatchObject({ keyId: undefined, workspace: 'acme' });
          expect([...principal.scopes]).toEqual(['read', 'write', 'admin']);
          expect(await ask(identify, { peer })).toMatchObject({ workspace: 'default' });
        }
        for (const peer of peers.others) await expect(ask(identify, { peer })).rejects.toMatchObject(MISSING);
      }
    });

    it('auto: a key that is shown is checked, wherever it comes from', async () => {
      const { keyring } = await open({ apiAuth: 'auto' });
      await expect(ask(keyring.forApi, { key: 'wrong', peer: LOOPBACK })).rejects.toMatchObject(INVALID);
    });

    it('required: nobody comes in, on the door that requires it alone', async () => {
      const { keyring } = await open({ apiAuth: 'required' });
      await expect(ask(keyring.forApi, { peer: LOOPBACK })).rejects.toMatchObject(MISSING);
      await ask(keyring.forOtlp, { peer: LOOPBACK });
      const { keyring: other } = await open({ apiAuth: 'auto', otlpAuth: 'required' });
      await expect(ask(other.forOtlp, { peer: LOOPBACK })).rejects.toMatchObject(MISSING);
      await ask(other.forApi, { peer: LOOPBACK });
    });

    it('off: everybody does, and a key is not looked at', async () => {
      const { keyring } = await open({ apiAuth: 'off', otlpAuth: 'off' });
      expect(await ask(keyring.forApi, { peer: ELSEWHERE })).toMatchObject({ keyId: undefined, workspace: 'default' });
      expect(await ask(keyring.forOtlp, { key: 'wrong', workspace: 'acme' })).toMatchObject({ workspace: 'acme' });
    });
  });

  describe('memory', () => {
    it('answers for a key that was seen before at once, and asks the database nothing', async () => {
      const ring = await open();
      const { key } = await create(ring);
      await ask(ring.keyring.forApi, { key });
      const before = place.statements();
      for (let count = 0; count < 10_000; count++) {
        const principal: Principal | Promise<Principal> = ring.keyring.forApi(credentials({ key }));
        if (principal instanceof Promise) throw new Error('It was looked up');
      }
      expect(place.statements()).toBe(before);
    });

    it('asks once for a key that comes a hundred times at once, and not again for one that nobody has', async () => {
      let lookups = 0;
      const findByHash: typeof control.apiKeys.findByHash = (hash) => {
        lookups++;
        return control.apiKeys.findByHash(hash);
      };
      const ring = await open({}, {}, { ...control, apiKeys: { ...control.apiKeys, findByHash } });
      const { key } = await create(ring);
      await Promise.all(Array.from({ length: 100 }, () => ask(ring.keyring.forApi, { key })));
      expect(lookups).toBe(1);
      for (let count = 0; count < 100; count++) expect(await isGood(ring, 'nobody')).toBe(false);
      expect(lookups).toBe(2);
      clockMs += 60_000;
      expect(await isGood(ring, 'nobody')).toBe(false);
      expect(lookups).toBe(3);
    });

    it('holds no more keys than its bound; what it let go of is looked up again', async () => {
      const ring = await open({}, { maxKeys: 3 });
      const keys = await Promise.all(Array.from({ length: 6 }, () => create(ring)));
      for (const { key } of keys) await ask(ring.keyring.forApi, { key });
      const isLookedUp = ({ key }: { key: string }) => ring.keyring.forApi(credentials({ key })) instanceof Promise;
      expect(keys.slice(3).map(isLookedUp)).toEqual([false, false, false]);
      expect(keys.slice(0, 3).map(isLookedUp)).toEqual([true, true, true]);
    });

    it('a flood of keys that nobody has is refused before it fills the queue of the database', async () => {
      const { keyring } = await open();
      const asked = Array.from({ length: 2_000 }, (_, at) => ask(keyring.forApi, { key: `flood ${at}` }));
      const codes = (await Promise.allSettled(asked)).map((outcome) =>
        outcome.status === 'rejected' && outcome.reason instanceof GatewayError ? outcome.reason.code : 'none',
      );
      expect(new Set(codes)).toEqual(new Set(['UNAUTHORIZED', 'OVERLOADED']));
    });

    it('hears what another process did without a word', async () => {
      const ring = await open();
      const { key } = await create(ring);
      expect(await isGood(ring, key)).toBe(true);
      await place.run('update api_keys set revoked_at = 1');
      // On Postgres, where gateways hear each other, it would take 30 seconds.
      if (place.config.databaseUrl !== undefined) return;
      await until(async () => !(await isGood(ring, key)));
    });

    it('hears what another gateway revokes', async () => {
      const store = await place.open();
      await store.start();
      const [here, there] = [await open(), await open({}, {}, store)];
      const { key, id } = await create(here);
      expect(await isGood(there, key)).toBe(true);
      await revoke(here, id);
      await until(async () => !(await isGood(there, key)));
    });
  });

  describe('the last use of a key', () => {
    const lastUse = async (id: number) => (await control.apiKeys.get(id, 'all'))!.lastUsedAt;

    it('is written behind the request, and again only after the debounce', async () => {
      const ring = await open({ lastUsedDebounceMs: '60000' });
      const { key, id } = await create(ring);
      await ask(ring.keyring.forApi, { key });
      const first = Math.floor(clockMs / 1000);
      await until(async () => (await lastUse(id)) === first);
      clockMs += 59_000;
      await ask(ring.keyring.forApi, { key });
      await ring.keyring.shutdown({ deadlineMs: 5_000 });
      expect(await lastUse(id)).toBe(first);
      const again = await open({ lastUsedDebounceMs: '60000' });
      clockMs += 2_000;
      await ask(again.keyring.forApi, { key });
      await again.keyring.shutdown({ deadlineMs: 5_000 });
      expect(await lastUse(id)).toBe(first + 61);
    });

    it('is written when the gateway ends, and is no use when the key was refused', async () => {
      const ring = await open();
      const [used, unused] = [await create(ring), await create(ring)];
      await ask(ring.keyring.forApi, { key: used.key });
      await expect(ask(ring.keyring.forApi, { key: unused.key, workspace: 'other' })).rejects.toMatchObject(FOREIGN);
      await ring.keyring.shutdown({ deadlineMs: 5_000 });
      expect(await lastUse(used.id)).toBe(Math.floor(clockMs / 1000));
      expect(await lastUse(unused.id)).toBeUndefined();
    });

    it('that could not be written is reported, and written with the next', async () => {
      let broken = true;
      const apiKeys = {
        ...control.apiKeys,
        touchLastUsed: (uses: Parameters<typeof control.apiKeys.touchLastUsed>[0]) =>
          broken ? Promise.reject(new Error('no')) : control.apiKeys.touchLastUsed(uses),
      };
      const ring = await open({}, {}, { ...control, apiKeys });
      const { key, id } = await create(ring);
      await ask(ring.keyring.forApi, { key });
      await until(() => ring.failures.length > 0);
      broken = false;
      await ring.keyring.shutdown({ deadlineMs: 5_000 });
      expect(await lastUse(id)).toBe(Math.floor(clockMs / 1000));
    });
  });

  it('a key in memory stays good while the database can not be read, which is told once', async () => {
    let broken = false;
    const findByIds: typeof control.apiKeys.findByIds = (ids) =>
      broken ? Promise.reject(new Error('no')) : control.apiKeys.findByIds(ids);
    const deaf = { ...control, apiKeys: { ...control.apiKeys, findByIds }, hearsOthers: () => false };
    const ring = await open({}, {}, deaf);
    const { key } = await create(ring);
    await ask(ring.keyring.forApi, { key });
    broken = true;
    await until(() => ring.failures.length > 0);
    await sleep(1_200);
    expect(ring.failures).toHaveLength(1);
    await ask(ring.keyring.forApi, { key });
  });

  it('once it has shut down it lets nobody in with a key, and may be shut down again', async () => {
    const ring = await open();
    const { key } = await create(ring);
    await ring.keyring.shutdown({ deadlineMs: 5_000 });
    await ring.keyring.shutdown({ deadlineMs: 5_000 });
    await expect(ask(ring.keyring.forApi, { key })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
}

describe('keyring on SQLite', () => keyringSuite(sqliteCase));
describe.skipIf(!server)('keyring on Postgres', () => keyringSuite(postgresCase(server)));
