import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiKeyQuery, NewApiKey } from '../../../src/store/control/api-keys.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import { startPostgres } from '../../helpers/postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = await startPostgres();
afterAll(() => server?.remove());

const NOW = 1_800_000_000;

function apiKeysSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: ControlStore;
  beforeEach(async () => {
    place = await makePlace();
    store = await place.open();
    await store.start();
  });
  afterEach(() => place.remove());

  let made = 0;
  const make = (key: Partial<NewApiKey> = {}, createdAt = NOW) => {
    const keyHash = `hash-${++made}`;
    const defaults = { keyHash, name: keyHash, workspace: 'default', scopes: 'read', expiresAt: undefined };
    return store.apiKeys.create({ ...defaults, ...key }, createdAt);
  };

  const walk = async (query: Omit<ApiKeyQuery, 'limit'>, limit: number) => {
    const ids: number[] = [];
    let page = await store.apiKeys.list({ ...query, limit });
    for (;;) {
      ids.push(...page.items.map(({ id }) => id));
      if (!page.next) return ids;
      page = await store.apiKeys.list({ ...query, limit, after: page.next });
    }
  };

  it('a key is found by its hash as it was made', async () => {
    const key = await make({ keyHash: 'abc', name: 'näme', expiresAt: NOW + 10 });
    expect(key).toMatchObject({ name: 'näme', workspace: 'default', createdAt: NOW, expiresAt: NOW + 10 });
    expect(await store.apiKeys.findByHash('abc')).toEqual(key);
    expect(await store.apiKeys.findByHash('abd')).toBeUndefined();
    expect(await store.apiKeys.get(key.id, 'all')).toEqual(key);
  });

  it('two keys with one hash are a CONFLICT', async () => {
    await make({ keyHash: 'same' });
    await expect(make({ keyHash: 'same' })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('a workspace sees its own keys and no master key; all are seen with a master key', async () => {
    const own = await make();
    const foreign = await make({ workspace: 'acme' });
    const master = await make({ workspace: '*' });
    const visible = { workspace: 'default' };
    expect((await store.apiKeys.list({ visible, limit: 10 })).items).toEqual([own]);
    expect(await store.apiKeys.get(foreign.id, visible)).toBeUndefined();
    expect(await store.apiKeys.get(master.id, visible)).toBeUndefined();
    expect((await store.apiKeys.list({ visible: 'all', limit: 10 })).total).toBe(3);
  });

  it('lists the newest first, and those of one second in the order of their making, in pages without gaps', async () => {
    const old = [await make({}, NOW), await make({}, NOW), await make({}, NOW)];
    const young = [await make({}, NOW + 1), await make({}, NOW + 1)];
    const expected = [...young, ...old].map(({ id }) => id);
    for (const limit of [1, 2, 3, 5, 100]) expect(await walk({ visible: 'all' }, limit)).toEqual(expected);
    const second = await store.apiKeys.list({ visible: 'all', limit: 2, offset: 2 });
    expect(second.items.map(({ id }) => id)).toEqual(expected.slice(2, 4));
    expect(second).toMatchObject({ total: 5, totalRelation: 'eq' });
  });

  it('a revoked key is gone for everybody but those who check keys, and is revoked once', async () => {
    const key = await make({ keyHash: 'gone' });
    expect(await store.apiKeys.revoke(key.id, NOW + 5)).toBe(true);
    expect(await store.apiKeys.revoke(key.id, NOW + 6)).toBe(false);
    expect(await store.apiKeys.get(key.id, 'all')).toBeUndefined();
    expect((await store.apiKeys.list({ visible: 'all', limit: 10 })).total).toBe(0);
    expect(await store.apiKeys.findByHash('gone')).toMatchObject({ revokedAt: NOW + 5 });
    expect(await store.apiKeys.any()).toBe(true);
  });

  it('all keys of a workspace are revoked, and of no other', async () => {
    const mine = [await make({ workspace: 'acme' }), await make({ workspace: 'acme' })];
    const other = await make();
    expect((await store.apiKeys.revokeAll('acme', NOW)).sort()).toEqual(mine.map(({ id }) => id));
    expect((await store.apiKeys.list({ visible: 'all', limit: 10 })).items).toEqual([other]);
  });

  it('a key is replaced once, and never when it is revoked', async () => {
    const old = await make();
    const next = await make();
    expect(await store.apiKeys.replace(old.id, next.id, NOW + 60)).toBe(true);
    expect(await store.apiKeys.replace(old.id, next.id, NOW + 90)).toBe(false);
    expect(await store.apiKeys.get(old.id, 'all')).toMatchObject({ replacedBy: next.id, graceUntil: NOW + 60 });
    await store.apiKeys.revoke(next.id, NOW);
    expect(await store.apiKeys.replace(next.id, old.id, NOW + 60)).toBe(false);
  });

  it('the last use of many keys is written at once, and never moves back', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => make()));
    await store.apiKeys.touchLastUsed(keys.map(({ id }, at) => ({ id, usedAt: NOW + (at % 2) })));
    await store.apiKeys.touchLastUsed([{ id: keys[1]!.id, usedAt: NOW - 100 }]);
    const found = await store.apiKeys.findByIds(keys.map(({ id }) => id));
    const uses = new Map(found.map(({ id, lastUsedAt }) => [id, lastUsedAt]));
    expect(keys.map(({ id }) => uses.get(id))).toEqual([NOW, NOW + 1, NOW, NOW + 1, NOW]);
  });

  it('more ids are asked for than one statement takes', async () => {
    const key = await make();
    const found = await store.apiKeys.findByIds([...Array.from({ length: 40_000 }, (_, at) => at + 1_000_000), key.id]);
    expect(found).toEqual([key]);
  });

  it('a workspace is summed up by its live keys and its audit rows, and deleted once', async () => {
    await store.workspaces.create('acme');
    const revoked = await make({ workspace: 'acme' });
    await make({ workspace: 'acme' });
    await store.apiKeys.revoke(revoked.id, NOW);
    const entry = { workspace: 'acme', timeUnixMs: 1, action: 'x', keyId: undefined, keyName: 'me' };
    await store.auditLogs.appendAll([entry, entry, entry]);
    expect(await store.workspaces.summary('acme')).toMatchObject({ id: 'acme', apiKeys: 1, auditLogs: 3 });
    expect(await store.workspaces.summary('nobody')).toBeUndefined();
    const counts = (await store.workspaces.summaries()).map(({ id, apiKeys, auditLogs }) => [id, apiKeys, auditLogs]);
    expect(counts).toEqual([
      ['acme', 1, 3],
      ['default', 0, 0],
    ]);
    expect([await store.workspaces.delete('acme'), await store.workspaces.delete('acme')]).toEqual([true, false]);
  });
}

describe('API keys on SQLite', () => apiKeysSuite(sqliteCase));
describe.skipIf(!server)('API keys on Postgres', () => apiKeysSuite(postgresCase(server)));
