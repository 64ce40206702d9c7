import { beforeAll, describe, expect, it } from 'vitest';
import {
  apiKeyPageSchema,
  mintedApiKeySchema,
  ownApiKeySchema,
  rotatedApiKeySchema,
} from '../../src/api/api-keys/schema.js';
import { type AccessApp, onEachDatabase, openForAll } from './databases.js';

const now = () => Math.floor(Date.now() / 1000);

onEachDatabase((open) => {
  async function openAcme() {
    const context = await open();
    const admin = await context.access.mint('acme', 'read,write,admin', { name: 'acme admin' });
    return { ...context, admin, acme: context.as(admin.key, 'acme') };
  }

  describe('POST /v1/api-keys', () => {
    it('answers with the key, this once, and the key works at once', async () => {
      const { acme, as } = await openAcme();
      const response = await acme('POST', '/v1/api-keys', { name: 'reader', scopes: 'read', expires_in_days: 30 });
      expect(response.statusCode).toBe(201);
      const minted = mintedApiKeySchema.strict().parse(response.json());
      expect(minted).toMatchObject({ name: 'reader', workspace_id: 'acme', scopes: 'read' });
      expect(minted.key).toMatch(/^pm_[0-9a-f]{64}$/);
      expect(minted.expires_at! - minted.created_at).toBe(30 * 86_400);
      expect((await as(minted.key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
      const listed = await acme('GET', '/v1/api-keys');
      expect(listed.body).not.toContain(minted.key);
    });

    it('takes scopes as text with spaces and as an array; read and write without any', async () => {
      const { acme } = await openAcme();
      for (const [scopes, expected] of [
        [' read , write ', 'read,write'],
        [['write', 'read', 'write'], 'read,write'],
        [undefined, 'read,write'],
        ['admin', 'admin'],
      ] as const) {
        const response = await acme('POST', '/v1/api-keys', { name: 'n', scopes });
        expect([response.statusCode, response.json().scopes]).toEqual([201, expected]);
      }
    });

    it('takes a number that came as text, and members that it does not know', async () => {
      const { acme } = await openAcme();
      const response = await acme('POST', '/v1/api-keys', { name: 'n', expires_in_days: '7', colour: 'red' });
      expect(response.statusCode).toBe(201);
      expect(response.json().expires_at - response.json().created_at).toBe(7 * 86_400);
    });

    it('a scope that there is not is a 422', async () => {
      const { acme } = await openAcme();
      for (const scopes of ['banana', 'read,banana', ['Read'], '', ',']) {
        const response = await acme('POST', '/v1/api-keys', { name: 'n', scopes });
        expect([scopes, response.statusCode]).toEqual([scopes, 422]);
        expect(response.json().details.fields).toHaveLength(1);
      }
    });

    it('JSON that can not be read is a 400, and no body at all a 422', async () => {
      const { acme, app, admin } = await openAcme();
      const headers = { 'x-api-key': admin.key, 'x-workspace-id': 'acme', 'content-type': 'application/json' };
      const broken = await app.inject({ method: 'POST', url: '/v1/api-keys', headers, payload: '{"name":' });
      expect(broken.statusCode).toBe(400);
      expect(broken.json()).toMatchObject({
        error: 'Bad Request',
        message: 'Invalid JSON body',
        code: 'BAD_REQUEST',
        detailsType: 'context',
      });
      expect((await acme('POST', '/v1/api-keys')).statusCode).toBe(422);
    });

    it('nobody makes a key that is wider than their own', async () => {
      const { acme, as, access } = await openAcme();
      const narrow = await access.mint('acme', 'read,admin', { expiresInDays: 1 });
      for (const [body, caller] of [
        [{ name: 'n', workspace_id: '*', scopes: 'read,write,admin' }, acme],
        [{ name: 'n', workspace_id: 'default' }, acme],
        [{ name: 'n', scopes: 'write' }, as(narrow.key, 'acme')],
        [{ name: 'n', scopes: 'read', expires_in_days: 2 }, as(narrow.key, 'acme')],
      ] as const) {
        const response = await caller('POST', '/v1/api-keys', body);
        expect([body, response.statusCode, response.json().code]).toEqual([body, 403, 'FORBIDDEN']);
      }
      const child = await as(narrow.key, 'acme')('POST', '/v1/api-keys', { name: 'n', scopes: 'read' });
      expect(child.statusCode).toBe(201);
      expect(child.json().expires_at).toBeLessThanOrEqual(now() + 86_400);
    });

    it('a master key makes keys for every workspace, master keys too', async () => {
      const { as, access } = await openAcme();
      const master = await access.mint('*', 'read,write,admin');
      const make = as(master.key, 'acme');
      for (const [workspace_id, expected] of [
        [undefined, 'acme'],
        ['default', 'default'],
        ['*', '*'],
      ] as const) {
        const response = await make('POST', '/v1/api-keys', { name: 'n', workspace_id });
        expect([response.statusCode, response.json().workspace_id]).toEqual([201, expected]);
      }
    });
  });

  describe('GET /v1/api-keys', () => {
    it('lists and counts by name, scope, workspace and state, and sorts', async () => {
      const { acme, access, as } = await openAcme();
      await access.mint('acme', 'read', { name: 'b' });
      await access.mint('acme', 'read,write', { name: 'a' });
      const master = await access.mint('*', 'admin', { name: 'the master' });
      const names = async (call: typeof acme, query: string) => {
        const page = apiKeyPageSchema.parse((await call('GET', `/v1/api-keys?${query}`)).json());
        const counted = (await call('GET', `/v1/api-keys/count?${query}`)).json();
        expect([query, counted]).toEqual([query, { count: page.total, countRelation: 'eq' }]);
        return page.items.map(({ name }) => name);
      };
      expect(await names(acme, 'sort=name')).toEqual(['a', 'acme admin', 'b']);
      expect(await names(acme, 'sort=-name')).toEqual(['b', 'acme admin', 'a']);
      expect(await names(acme, 'sort=created_at&limit=1')).toEqual(['acme admin']);
      expect(await names(acme, 'name=b')).toEqual(['b']);
      expect(await names(acme, 'scope=write&sort=name')).toEqual(['a', 'acme admin']);
      expect(await names(acme, 'state=active&sort=name')).toEqual(['a', 'acme admin', 'b']);
      expect(await names(acme, 'state=expired')).toEqual([]);
      expect(await names(acme, 'workspace_id=*')).toEqual([]);
      expect(await names(as(master.key), 'workspace_id=acme&scope=read&sort=name')).toEqual(['a', 'acme admin', 'b']);
      expect(await names(as(master.key), 'workspace_id=*&name=the%20master')).toEqual(['the master']);
      expect(await names(acme, 'name=%00')).toEqual([]);
      for (const query of ['sort=id', 'scope=all', 'state=revoked']) {
        expect((await acme('GET', `/v1/api-keys?${query}`)).statusCode).toBe(422);
      }
    });

    it('lists the keys of the workspace alone, in pages and by cursor', async () => {
      const { acme, access, as } = await openAcme();
      for (let at = 0; at < 4; at++) await access.mint('acme', 'read', { name: `k${at}` });
      const first = apiKeyPageSchema.parse((await acme('GET', '/v1/api-keys?limit=2')).json());
      expect(first).toMatchObject({ total: 5, page: 1, limit: 2, totalPages: 3 });
      const second = (await acme('GET', `/v1/api-keys?limit=2&cursor=${first.nextCursor}`)).json();
      const third = (await acme('GET', '/v1/api-keys?limit=2&page=3')).json();
      expect(third.nextCursor).toBeNull();
      const names = [first, second, third].flatMap(({ items }) => items.map(({ name }: { name: string }) => name));
      expect(names.toSorted()).toEqual(['acme admin', 'k0', 'k1', 'k2', 'k3']);
      const other = await access.mint('default', 'admin', { name: 'other' });
      const seen = (await as(other.key)('GET', '/v1/api-keys')).json();
      expect(seen.items.map(({ workspace_id }: { workspace_id: string }) => workspace_id)).toEqual(['default']);
    });

    it('shows a master key the keys of all workspaces', async () => {
      const { access, as } = await openAcme();
      const master = await access.mint('*', 'admin');
      const { items } = (await as(master.key)('GET', '/v1/api-keys')).json();
      const workspaces = new Set(items.map(({ workspace_id }: { workspace_id: string }) => workspace_id));
      expect([...workspaces].toSorted()).toEqual(['*', 'acme']);
    });
  });

  describe('GET /v1/api-keys/me', () => {
    it('tells any key about itself, whatever its scopes', async () => {
      const { access, as } = await openAcme();
      for (const scopes of ['read', 'write', 'admin']) {
        const { id, key } = await access.mint('acme', scopes);
        const me = ownApiKeySchema.strict().parse((await as(key, 'acme')('GET', '/v1/api-keys/me')).json());
        expect(me).toMatchObject({ id, name: `acme ${scopes}`, scopes, workspace_id: 'acme', acting_in: 'acme' });
        expect(me.created_at).toBeLessThanOrEqual(now());
      }
    });

    it('names the workspace that a master key acts in', async () => {
      const { access, as } = await openAcme();
      const { id, key } = await access.mint('*', 'read');
      const me = (await as(key, 'acme')('GET', '/v1/api-keys/me')).json();
      expect(me).toMatchObject({ id, workspace_id: '*', acting_in: 'acme' });
    });

    it('tells a caller who needs no key as much', async () => {
      const { app } = await openAcme();
      const me = ownApiKeySchema.strict().parse((await app.inject('/v1/api-keys/me')).json());
      expect(me).toMatchObject({ id: null, created_at: null, acting_in: 'default' });
    });

    it('is a 401 without a valid key', async () => {
      const { as } = await openAcme();
      expect((await as('pm_nope')('GET', '/v1/api-keys/me')).statusCode).toBe(401);
    });
  });

  it('a content type without a body is no body', async () => {
    const { access, admin, app } = await openAcme();
    const { id } = await access.mint('acme', 'read');
    const headers = { 'x-api-key': admin.key, 'x-workspace-id': 'acme', 'content-type': 'application/json' };
    const rotated = await app.inject({ method: 'POST', url: `/v1/api-keys/${id}/rotate`, headers });
    const deleted = await app.inject({ method: 'DELETE', url: `/v1/api-keys/${id}`, headers });
    const refused = await app.inject({ method: 'POST', url: '/v1/api-keys', headers });
    expect([rotated.statusCode, deleted.statusCode, refused.statusCode]).toEqual([201, 204, 422]);
  });

  describe('POST /v1/api-keys/:id/rotate', () => {
    it('makes a key like the old one, and says when the old one ends', async () => {
      const { access, acme, as } = await openAcme();
      const old = await access.mint('acme', 'read', { name: 'service' });
      const response = await acme('POST', `/v1/api-keys/${old.id}/rotate`, { grace_seconds: 3600 });
      expect(response.statusCode).toBe(201);
      const rotated = rotatedApiKeySchema.strict().parse(response.json());
      expect(rotated).toMatchObject({ name: 'service', scopes: 'read', workspace_id: 'acme' });
      expect(rotated.replaces).toEqual({ id: old.id, ends_at: rotated.created_at + 3600 });
      for (const key of [old.key, rotated.key]) {
        expect((await as(key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
      }
      const { items } = (await acme('GET', '/v1/api-keys')).json();
      const listed = items.find(({ id }: { id: number }) => id === old.id);
      expect(listed).toMatchObject({ replaced_by: rotated.id, ends_at: rotated.replaces.ends_at });
    });

    it('gives the old key a day when nothing is said, with and without a body', async () => {
      const { access, acme } = await openAcme();
      for (const body of [undefined, {}]) {
        const { id } = await access.mint('acme', 'read');
        const rotated = (await acme('POST', `/v1/api-keys/${id}/rotate`, body)).json();
        expect(rotated.replaces.ends_at - rotated.created_at).toBe(86_400);
      }
    });

    it('ends the old key at once with a grace of 0', async () => {
      const { access, acme, as } = await openAcme();
      const old = await access.mint('acme', 'read');
      await as(old.key, 'acme')('GET', '/v1/traces');
      const rotated = (await acme('POST', `/v1/api-keys/${old.id}/rotate`, { grace_seconds: 0 })).json();
      expect((await as(old.key, 'acme')('GET', '/v1/traces')).statusCode).toBe(401);
      expect((await as(rotated.key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
    });

    it('twice is a 409; of a key that is not there, or not seen, a 404', async () => {
      const { access, acme } = await openAcme();
      const { id } = await access.mint('acme', 'read');
      const other = await access.mint('default', 'read');
      expect((await acme('POST', `/v1/api-keys/${id}/rotate`)).statusCode).toBe(201);
      const again = await acme('POST', `/v1/api-keys/${id}/rotate`);
      expect([again.statusCode, again.json().code]).toEqual([409, 'CONFLICT']);
      for (const missing of [other.id, 999_999, 999_999_999_999_999]) {
        const response = await acme('POST', `/v1/api-keys/${missing}/rotate`);
        expect([response.statusCode, response.json().error]).toEqual([404, 'API key not found']);
      }
    });

    it('of a key that is wider than the caller’s is a 403', async () => {
      const { access, admin, as } = await openAcme();
      const narrow = await access.mint('acme', 'admin');
      const response = await as(narrow.key, 'acme')('POST', `/v1/api-keys/${admin.id}/rotate`);
      expect(response.statusCode).toBe(403);
    });
  });

  describe('DELETE /v1/api-keys/:id', () => {
    it('answers 204 without a body, and the key is refused from then on', async () => {
      const { access, acme, as } = await openAcme();
      const { id, key } = await access.mint('acme', 'read');
      expect((await as(key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
      const response = await acme('DELETE', `/v1/api-keys/${id}`);
      expect([response.statusCode, response.body]).toEqual([204, '']);
      expect((await as(key, 'acme')('GET', '/v1/traces')).json().error).toBe('Invalid API key');
      expect((await acme('DELETE', `/v1/api-keys/${id}`)).statusCode).toBe(404);
    });

    it('of a key that is not there, or of another workspace, is a 404', async () => {
      const { access, acme, as } = await openAcme();
      const { id, key } = await access.mint('default', 'read');
      for (const missing of [id, 999_999, 999_999_999_999_999]) {
        const response = await acme('DELETE', `/v1/api-keys/${missing}`);
        expect([response.statusCode, response.json().error]).toEqual([404, 'API key not found']);
      }
      expect((await as(key)('GET', '/v1/traces')).statusCode).toBe(200);
    });
  });

  it('every change is in the audit log: who, what, which, from where, in which request', async () => {
    const { acme, app, admin } = await openAcme();
    const headers = { 'x-api-key': admin.key, 'x-workspace-id': 'acme', 'x-request-id': 'r-7' };
    const remoteAddress = '203.0.113.7';
    const made = await app.inject({
      method: 'POST',
      url: '/v1/api-keys',
      headers,
      payload: { name: 'n' },
      remoteAddress,
    });
    await app.inject({ method: 'DELETE', url: `/v1/api-keys/${made.json().id}`, headers, remoteAddress });
    const { items } = (await acme('GET', '/v1/audit-logs?limit=2')).json();
    for (const item of items) {
      expect(item).toMatchObject({
        api_key_name: 'acme admin',
        api_key_id: admin.id,
        ip_address: remoteAddress,
        request_id: 'r-7',
        workspace_id: 'acme',
        target_id: String(made.json().id),
      });
    }
    expect(new Set(items.map(({ action }: { action: string }) => action)).size).toBe(2);
  });
});

describe('what can not be meant', () => {
  let acme: ReturnType<AccessApp['as']>;
  let app: AccessApp['app'];
  let id: number;
  beforeAll(async () => {
    const context = await openForAll();
    const admin = await context.access.mint('acme', 'read,write,admin');
    acme = context.as(admin.key, 'acme');
    id = admin.id;
    app = context.app;
    return context.close;
  });

  it.each([
    [{}, ['"name" is required']],
    [{ name: '' }, ['"name" is not allowed to be empty']],
    [{ name: 7 }, ['"name" must be a string']],
    [{ name: 'x'.repeat(129) }, ['"name" length must be less than or equal to 128 characters long']],
    [{ name: 'n', expires_in_days: 0 }, ['"expires_in_days" must be greater than or equal to 1']],
    [{ name: 'n', expires_in_days: 1.5 }, ['"expires_in_days" must be an integer']],
    [{ name: 'n', expires_in_days: 'soon' }, ['"expires_in_days" must be a number']],
    [{ name: 'n', expires_in_days: 1e9 }, ['"expires_in_days" must be less than or equal to 36500']],
    [{ name: 'n', scopes: 'x'.repeat(257) }, ['"scopes" length must be less than or equal to 256 characters long']],
    [
      { name: 'n', workspace_id: 'a b' },
      ['"workspace_id" must be a workspace: 1-128 letters, digits, _ and -, or * for a master key'],
    ],
    [{ scopes: 7 }, ['"name" is required', '"scopes" does not match any of the allowed types']],
    [[], ['"value" must be of type object']],
  ])('a key made of %j is a 422 that lists every failing field', async (body, fields) => {
    const response = await acme('POST', '/v1/api-keys', body);
    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({
      error: 'Validation failed',
      code: 'VALIDATION_FAILED',
      details: { fields },
      detailsType: 'fields',
    });
  });

  it('a body over 10 MiB is a 413, other text than JSON a 415', async () => {
    const headers = { 'content-type': 'application/json' };
    const large = await app.inject({
      method: 'POST',
      url: '/v1/api-keys',
      headers,
      payload: ' '.repeat(10 * 2 ** 20 + 1),
    });
    expect([large.statusCode, large.json().code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const text = await app.inject({
      method: 'POST',
      url: '/v1/api-keys',
      headers: { 'content-type': 'application/xml' },
      payload: '<name/>',
    });
    expect([text.statusCode, text.json().code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it.each(['page=0', 'limit=101', 'limit=x', 'cursor=garbage', 'page=2&cursor=garbage'])(
    'a list with ?%s is a 422',
    async (query) => {
      expect((await acme('GET', `/v1/api-keys?${query}`)).statusCode).toBe(422);
    },
  );

  it.each([{ grace_seconds: -1 }, { grace_seconds: 'x' }, { grace_seconds: 2_592_001 }])(
    'a rotation with %j is a 422',
    async (body) => {
      expect((await acme('POST', `/v1/api-keys/${id}/rotate`, body)).statusCode).toBe(422);
    },
  );

  it.each(['abc', '1.5', '-1', '1e3', '%20', '9'.repeat(30)])('%s is no id', async (text) => {
    const response = await acme('DELETE', `/v1/api-keys/${text}`);
    expect(response.statusCode).toBe(422);
    expect(response.json()).toMatchObject({
      error: 'Validation failed',
      details: { fields: ['Invalid API key id'] },
      detailsType: 'fields',
    });
  });
});
