import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  API_KEY_SORTS,
  type ApiKeyFilters,
  type ApiKeyQuery,
  type NewApiKey,
} from '../../../src/store/control/api-keys.js';
import type { ControlStore } from '../../../src/store/control/store.js';
import type { WorkspaceQuery } from '../../../src/store/control/workspaces.js';
import { sharedPostgres } from '../../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from './dialects.js';

const server = sharedPostgres();
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

  it('is listed by each sort in pages without gaps, equal ones in the order of their making', async () => {
    const names = ['b', 'a', 'B', 'é', 'a', '_', 'b'];
    const keys = [];
    for (const [at, name] of names.entries()) keys.push(await make({ name }, NOW + (at % 2)));
    const made = keys.map(({ id, name, createdAt }) => ({ id, name, created_at: createdAt }));
    for (const field of API_KEY_SORTS) {
      for (const descending of [false, true]) {
        const sign = descending ? -1 : 1;
        const expected = made.toSorted((a, b) =>
          a[field] === b[field] ? a.id - b.id : a[field] < b[field] ? -sign : sign,
        );
        for (const limit of [1, 2, 7]) {
          const walked = await walk({ visible: 'all', sort: { field, descending } }, limit);
          expect([field, descending, walked]).toEqual([field, descending, expected.map(({ id }) => id)]);
        }
      }
    }
  });

  it('is listed and counted by each filter, within what is seen', async () => {
    const admin = await make({ name: 'x', scopes: 'read,admin' });
    const old = await make({ name: 'x', scopes: 'write', expiresAt: NOW + 10 });
    const rotated = await make({ scopes: 'read,write', expiresAt: NOW + 1000 });
    const master = await make({ workspace: '*', scopes: 'admin' });
    await store.apiKeys.replace(rotated.id, admin.id, NOW + 5);
    const cases: [Omit<ApiKeyFilters, 'visible'>, unknown[]][] = [
      [{ name: 'x' }, [admin, old]],
      [{ scope: 'admin' }, [admin, master]],
      [{ scope: 'read' }, [admin, rotated]],
      [{ workspace: '*' }, [master]],
      [{ workspace: 'default', scope: 'write', name: 'x' }, [old]],
      [{ goodAt: NOW + 5 }, [admin, old, rotated, master]],
      [{ goodAt: NOW + 6 }, [admin, old, master]],
      [{ endedAt: NOW + 10 }, [rotated]],
      [{ endedAt: NOW + 11 }, [old, rotated]],
    ];
    for (const [filters, expected] of cases) {
      const ids = (expected as { id: number }[]).map(({ id }) => id);
      expect([filters, await walk({ visible: 'all', ...filters }, 2)]).toEqual([filters, ids]);
      expect((await store.apiKeys.count({ visible: 'all', ...filters })).total).toBe(ids.length);
    }
    expect((await store.apiKeys.count({ visible: { workspace: 'default' }, workspace: '*' })).total).toBe(0);
  });

  it('workspaces are listed by their beginning and by each sort, in pages without gaps', async () => {
    for (const id of ['team-b', 'team_c', 'team-a', 'teams', 'Team']) await store.workspaces.create(id);
    await place.run("update workspaces set created_time_unix_ms = 5 where id not in ('Team', 'default')");
    const list = async (query: Partial<WorkspaceQuery>) => {
      const ids: string[] = [];
      const full = { sort: { field: 'id', descending: false } as const, limit: 2, ...query };
      let page = await store.workspaces.summaries(full);
      for (; ; page = await store.workspaces.summaries({ ...full, after: page.next })) {
        ids.push(...page.items.map(({ id }) => id));
        if (!page.next) break;
      }
      expect(await store.workspaces.count(full)).toEqual({ total: page.total, totalRelation: 'eq' });
      expect(page.total).toBe(ids.length);
      return ids;
    };
    expect(await list({ idPrefix: 'team-' })).toEqual(['team-a', 'team-b']);
    expect(await list({ idPrefix: 'nobody' })).toEqual([]);
    expect(await list({})).toEqual(['Team', 'default', 'team-a', 'team-b', 'team_c', 'teams']);
    expect(await list({ sort: { field: 'id', descending: true }, idPrefix: 'team' })).toEqual([
      'teams',
      'team_c',
      'team-b',
      'team-a',
    ]);
    const byCreation = { field: 'created_at', descending: false } as const;
    expect((await list({ sort: byCreation })).slice(0, 4)).toEqual(['team-a', 'team-b', 'team_c', 'teams']);
    expect(await list({ sort: { ...byCreation, descending: true }, limit: 4 })).toHaveLength(6);
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
    const all = await store.workspaces.summaries({ sort: { field: 'id', descending: false }, limit: 10 });
    expect(all.items.map(({ id, apiKeys, auditLogs }) => [id, apiKeys, auditLogs])).toEqual([
      ['acme', 1, 3],
      ['default', 0, 0],
    ]);
    expect([await store.workspaces.delete('acme'), await store.workspaces.delete('acme')]).toEqual([true, false]);
  });
}

describe('API keys on SQLite', () => apiKeysSuite(sqliteCase));
describe.skipIf(!server)('API keys on Postgres', () => apiKeysSuite(postgresCase(server)));
