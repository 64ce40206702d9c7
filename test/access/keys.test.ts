import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashKey } from '../../src/access/key.js';
import {
  type AccessStore,
  createKey,
  createWorkspace,
  deleteWorkspace,
  type KeyInput,
  revokeKey,
  rotateKey,
} from '../../src/access/keys.js';
import type { Principal, Scope } from '../../src/access/principal.js';
import type { AuditLog } from '../../src/store/control/audit-logs.js';
import type { Change } from '../../src/store/control/changes.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';
import { type DialectCase, type Place, postgresCase, sqliteCase } from '../store/control/dialects.js';
import { person, SALT } from './fixture.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

const CONTEXT = { ip: '10.0.0.7', requestId: 'request-1' };
const MASTER = person({ master: true, name: 'root' });
const inSeconds = () => Math.floor(Date.now() / 1000);

function keysSuite({ makePlace }: DialectCase): void {
  let place: Place;
  let store: AccessStore;
  beforeEach(async () => {
    place = await makePlace();
    const control = await place.open();
    await control.start();
    store = { control, hash: (key) => hashKey(SALT, key) };
  });
  afterEach(() => place.remove());

  const create = (principal: Principal, input: Partial<KeyInput> = {}) =>
    createKey(store, principal, { name: 'a key', ...input }, CONTEXT);
  const rotate = (principal: Principal, id: number, graceSeconds = 60) =>
    rotateKey(store, principal, id, { graceSeconds }, CONTEXT);
  const audited = async (workspace = 'default') => {
    const rows: AuditLog[] = [];
    for await (const page of store.control.auditLogs.stream({ workspace })) rows.push(...page);
    return rows;
  };
  /** Whoever holds a key that was made with these. */
  const holder = async (input: Partial<KeyInput>, by = MASTER): Promise<Principal> => {
    const { id, name, workspace } = await create(by, input);
    const scopes = new Set((input.scopes ?? 'read,write').split(',') as Scope[]);
    return { keyId: id, name, workspace, master: workspace === '*', scopes };
  };

  it('a key is made in the workspace of who asks, with read and write, and found by its hash alone', async () => {
    const made = await create(person({ workspace: 'acme' }));
    expect(made).toMatchObject({ workspace: 'acme', scopes: 'read,write', name: 'a key', expiresAt: undefined });
    const { key, ...row } = made;
    expect(await store.control.apiKeys.findByHash(store.hash(key))).toEqual(row);
    expect(await store.control.workspaces.get('acme')).toBeDefined();
  });

  it('a key that expires in days has its second of expiry', async () => {
    const before = inSeconds();
    const { expiresAt } = await create(person(), { expiresInDays: 30 });
    expect(expiresAt! - 30 * 86_400).toBeGreaterThanOrEqual(before);
    expect(expiresAt! - 30 * 86_400).toBeLessThanOrEqual(inSeconds());
  });

  it('a name with a NUL in it makes a key all the same', async () => {
    expect(await create(person(), { name: 'a\0b' })).toMatchObject({ name: 'a\uFFFDb' });
  });

  it('scopes are trimmed and ordered; an unknown one makes no key', async () => {
    expect(await create(person(), { scopes: ' write , read' })).toMatchObject({ scopes: 'read,write' });
    await expect(create(person(), { scopes: 'read,banana' })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  });

  describe('nobody makes a key wider than their own:', () => {
    const FORBIDDEN = { code: 'FORBIDDEN' };

    it('of another workspace, or of all', async () => {
      for (const workspace of ['acme', '*']) {
        await expect(create(person(), { workspace })).rejects.toMatchObject(FORBIDDEN);
        expect(await create(MASTER, { workspace })).toMatchObject({ workspace });
      }
    });

    it('with a scope that they lack', async () => {
      const clerk = person({ scopes: new Set(['read', 'admin']) });
      for (const scopes of ['write', 'read,write', undefined]) {
        await expect(create(clerk, { scopes })).rejects.toMatchObject(FORBIDDEN);
      }
      expect(await create(clerk, { scopes: 'admin,read' })).toMatchObject({ scopes: 'read,admin' });
    });

    it('that outlives theirs; without an expiry it ends when theirs does', async () => {
      const guest = await holder({ scopes: 'read,admin', expiresInDays: 10, workspace: 'default' });
      await expect(create(guest, { scopes: 'read', expiresInDays: 11 })).rejects.toMatchObject(FORBIDDEN);
      const { expiresAt } = (await store.control.apiKeys.get(guest.keyId!, 'all'))!;
      expect((await create(guest, { scopes: 'read' })).expiresAt).toBe(expiresAt);
      expect((await create(guest, { scopes: 'read', expiresInDays: 5 })).expiresAt).toBeLessThan(expiresAt!);
    });

    it('by rotating one that is', async () => {
      const wide = await create(person(), { scopes: 'read,write,admin' });
      const clerk = person({ scopes: new Set(['read', 'admin']) });
      await expect(rotate(clerk, wide.id)).rejects.toMatchObject(FORBIDDEN);
      const guest = await holder({ scopes: 'read,write,admin', expiresInDays: 10, workspace: 'default' });
      await expect(rotate(guest, wide.id)).rejects.toMatchObject(FORBIDDEN);
      expect((await store.control.apiKeys.get(wide.id, 'all'))!.replacedBy).toBeUndefined();
    });

    it('and with a key that was revoked meanwhile, none at all', async () => {
      const admin = await holder({ scopes: 'read,admin', workspace: 'default' });
      await revokeKey(store, MASTER, admin.keyId!, CONTEXT);
      await expect(create(admin, { scopes: 'read' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    });
  });

  it('a key is revoked once, and by nobody who does not see it', async () => {
    const { id } = await create(person());
    const master = await create(MASTER, { workspace: '*' });
    const missing = { code: 'NOT_FOUND', message: 'API key not found' };
    await expect(revokeKey(store, person({ workspace: 'acme' }), id, CONTEXT)).rejects.toMatchObject(missing);
    await expect(revokeKey(store, person(), master.id, CONTEXT)).rejects.toMatchObject(missing);
    await revokeKey(store, person(), id, CONTEXT);
    await expect(revokeKey(store, person(), id, CONTEXT)).rejects.toMatchObject(missing);
    await expect(revokeKey(store, MASTER, 987_654, CONTEXT)).rejects.toMatchObject(missing);
  });

  describe('a rotated key', () => {
    it('is replaced by one of its kind, and stays for its grace', async () => {
      const old = await create(person(), { name: 'shop', scopes: 'read', expiresInDays: 7 });
      const before = inSeconds();
      const fresh = await rotate(person(), old.id, 3_600);
      expect(fresh).toMatchObject({ name: 'shop', scopes: 'read', workspace: 'default', replacedBy: undefined });
      expect(fresh.key).not.toBe(old.key);
      expect(fresh.expiresAt).toBeGreaterThanOrEqual(before + 7 * 86_400);
      const replaced = (await store.control.apiKeys.get(old.id, 'all'))!;
      expect(replaced.replacedBy).toBe(fresh.id);
      expect(replaced.graceUntil).toBeGreaterThanOrEqual(before + 3_600);
    });

    it('is rotated once: of several at once, one comes through', async () => {
      const old = await create(person());
      const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => rotate(person(), old.id)));
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(failed.map(({ reason }) => reason.code)).toEqual(Array(4).fill('CONFLICT'));
      expect((await store.control.apiKeys.list({ visible: 'all', limit: 10 })).total).toBe(2);
      expect(await audited()).toHaveLength(2);
    });

    it('that expires may rotate itself, and is no longer good for it', async () => {
      const guest = await holder({ scopes: 'read,admin', expiresInDays: 10, workspace: 'default' });
      const { expiresAt } = (await store.control.apiKeys.get(guest.keyId!, 'all'))!;
      expect((await rotate(guest, guest.keyId!)).expiresAt).toBeLessThanOrEqual(expiresAt!);
    });

    it('of another workspace is not found', async () => {
      const { id } = await create(person());
      await expect(rotate(person({ workspace: 'acme' }), id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('a workspace', () => {
    it('is made and deleted with a master key alone; its keys are revoked, and default stays', async () => {
      await expect(createWorkspace(store, person(), 'acme', CONTEXT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await createWorkspace(store, MASTER, 'acme', CONTEXT);
      await expect(createWorkspace(store, MASTER, 'acme', CONTEXT)).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(createWorkspace(store, MASTER, 'a b', CONTEXT)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      const key = await create(MASTER, { workspace: 'acme' });
      await expect(deleteWorkspace(store, person(), 'acme', CONTEXT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await deleteWorkspace(store, MASTER, 'acme', CONTEXT);
      expect((await store.control.apiKeys.findByIds([key.id]))[0]!.revokedAt).toBeDefined();
      await expect(deleteWorkspace(store, MASTER, 'acme', CONTEXT)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(deleteWorkspace(store, MASTER, 'default', CONTEXT)).rejects.toMatchObject({ code: 'CONFLICT' });
      const actions = (await audited('acme')).map(({ action }) => action);
      expect(actions).toEqual(['workspace:create', 'api_key:create', 'workspace:delete']);
    });
  });

  it('each change has one row in the log of the workspace that it is of: who, what, from where', async () => {
    const admin = await holder({ name: 'ops', scopes: 'read,write,admin', workspace: 'acme' });
    const { id } = await create(admin, { name: 'shop', scopes: 'read' });
    const fresh = await rotate(admin, id, 5);
    await revokeKey(store, admin, fresh.id, CONTEXT);
    const [made, ...rows] = await audited('acme');
    expect(made).toMatchObject({ keyId: undefined, keyName: 'root', targetId: String(admin.keyId) });
    const common = { keyId: admin.keyId, keyName: 'ops', workspace: 'acme', ...CONTEXT };
    expect(rows).toMatchObject([
      { ...common, action: 'api_key:create', targetId: String(id), details: { name: 'shop', scopes: 'read' } },
      { ...common, action: 'api_key:rotate', targetId: String(fresh.id), details: { replaces: id, grace_seconds: 5 } },
      { ...common, action: 'api_key:revoke', targetId: String(fresh.id) },
    ]);
    expect(await audited()).toEqual([]);
    expect(JSON.stringify(await audited('acme'))).not.toContain('pm_');
  });

  it("a master key's row is in the log of the workspace that its maker acts in", async () => {
    await create({ ...MASTER, workspace: 'ops' }, { workspace: '*' });
    expect(await audited('ops')).toMatchObject([{ action: 'api_key:create', details: { workspace_id: '*' } }]);
  });

  it('what is refused leaves neither a key nor a row', async () => {
    await expect(create(person(), { workspace: '*' })).rejects.toThrow();
    await expect(create(MASTER, { workspace: 'not a workspace' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(await store.control.apiKeys.any()).toBe(false);
    expect(await audited()).toEqual([]);
  });

  it('whoever has made a change finds that it was announced already', async () => {
    const heard: (Change | 'missed')[] = [];
    store.control.onChange((change) => heard.push(change));
    const { id } = await create(person());
    expect(heard).toContainEqual({ topic: 'api-keys', id });
    heard.length = 0;
    await revokeKey(store, person(), id, CONTEXT);
    expect(heard).toContainEqual({ topic: 'api-keys', id });
  });

  it('fifty changes at once make one chain', async () => {
    const keys = await Promise.all(Array.from({ length: 25 }, () => create(person())));
    await Promise.all([
      ...keys.map(({ id }, at) => (at % 2 ? revokeKey(store, person(), id, CONTEXT) : rotate(person(), id))),
      ...Array.from({ length: 25 }, () => create(person())),
    ]);
    expect(await store.control.auditLogs.verify('default')).toMatchObject({ ok: true, checked: 75 });
  });
}

describe('changes of keys on SQLite', () => keysSuite(sqliteCase));
describe.skipIf(!server)('changes of keys on Postgres', () => keysSuite(postgresCase(server)));
