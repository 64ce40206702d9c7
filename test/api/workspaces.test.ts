import { describe, expect, it } from 'vitest';
import { deleteWorkspace } from '../../src/access/keys.js';
import { workspaceDetailSchema, workspacePageSchema, workspaceSchema } from '../../src/api/workspaces/schema.js';
import { OPERATOR } from '../helpers/access.js';
import { recordSource } from '../helpers/records.js';
import { startRegistry } from '../helpers/registry.js';
import { onEachDatabase } from './databases.js';

const source = recordSource(11);

onEachDatabase((open) => {
  async function openMaster() {
    const context = await open();
    const { key } = await context.access.mint('*', 'read,write,admin', { name: 'the master' });
    return { ...context, master: context.as(key) };
  }

  it('are made, listed with their keys, told in detail, and deleted', async () => {
    const { master, access, telemetry } = await openMaster();
    const made = await master('POST', '/v1/workspaces', { id: 'acme' });
    expect(made.statusCode).toBe(201);
    expect(workspaceSchema.strict().parse(made.json())).toMatchObject({ id: 'acme', api_keys: 0 });
    await access.mint('acme', 'read');
    await access.mint('acme', 'write');
    const page = workspacePageSchema.parse((await master('GET', '/v1/workspaces')).json());
    expect(page).toMatchObject({ total: 2, page: 1, limit: 50, totalPages: 1 });
    expect(page.items).toMatchObject([
      { id: 'acme', api_keys: 2 },
      { id: 'default', api_keys: 0 },
    ]);
    telemetry.addSpans('acme', source.trace(3));
    const detail = workspaceDetailSchema.strict().parse((await master('GET', '/v1/workspaces/acme')).json());
    expect(detail).toMatchObject({ id: 'acme', api_keys: 2, traces: { total: 1 }, logs: { total: 0 } });
    expect((await master('DELETE', '/v1/workspaces/default')).statusCode).toBe(409);
  });

  it('say how many bytes they hold', async () => {
    const { master, telemetry } = await openMaster();
    telemetry.storedBytes = async (workspace) => workspace.length;
    expect((await master('GET', '/v1/workspaces/default')).json().bytes).toBe(7);
    expect((await master('GET', '/v1/workspaces')).json().items[0].bytes).toBe(7);
  });

  it('one that has prompts says how many, and is not deleted', async () => {
    const { master, access } = await openMaster();
    await master('POST', '/v1/workspaces', { id: 'acme' });
    const { registry, close } = await startRegistry(access.control);
    const author = { ...OPERATOR, workspace: 'acme' };
    await registry.create({ name: 'p', version: '1.0.0', messages: [{ role: 'user', content: 'x' }] }, author, {});
    await close();
    expect((await master('GET', '/v1/workspaces/acme')).json().prompts).toEqual({ total: 1, totalRelation: 'eq' });
    const refused = await master('DELETE', '/v1/workspaces/acme');
    expect([refused.statusCode, refused.json().details.prompts.total]).toEqual([409, 1]);
    const asked = deleteWorkspace(access.keyring.store, OPERATOR, 'acme', {});
    await expect(asked).rejects.toMatchObject({ code: 'CONFLICT' });
    // One that was deleted can be restored, and would be by whoever makes a workspace of that name next.
    await access.control.transaction(({ prompts }) => prompts.hide({ workspace: 'acme', name: 'p' }));
    expect((await master('DELETE', '/v1/workspaces/acme')).statusCode).toBe(409);
  });

  it('one that has runs says how many, and is not deleted', async () => {
    const { master, as, access } = await openMaster();
    await master('POST', '/v1/workspaces', { id: 'acme' });
    const { key } = await access.mint('acme', 'write');
    await as(key, 'acme')('POST', '/v1/runs', { workflow_name: 'x' });
    expect((await master('GET', '/v1/workspaces/acme')).json().runs).toEqual({ total: 1, totalRelation: 'eq' });
    const refused = await master('DELETE', '/v1/workspaces/acme');
    expect([refused.statusCode, refused.json().details.runs.total]).toEqual([409, 1]);
    const asked = deleteWorkspace(access.keyring.store, OPERATOR, 'acme', {});
    await expect(asked).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('one that is made again answers no request as the one before it did', async () => {
    const { master, app, access } = await openMaster();
    const begin = async () => {
      await master('POST', '/v1/workspaces', { id: 'acme' });
      const { key } = await access.mint('acme', 'read,write');
      const headers = { 'x-api-key': key, 'x-workspace-id': 'acme', 'idempotency-key': 'k' };
      const made = await app.inject({ method: 'POST', url: '/v1/runs', headers, payload: { workflow_name: 'x' } });
      return { runId: made.json().run_id, replayed: made.headers['idempotency-replayed'], headers };
    };
    const first = await begin();
    await app.inject({
      method: 'DELETE',
      url: `/v1/runs/${first.runId}`,
      headers: { ...first.headers, 'idempotency-key': 'l' },
    });
    expect((await master('DELETE', '/v1/workspaces/acme')).statusCode).toBe(204);
    const second = await begin();
    expect(second.replayed).toBeUndefined();
    expect(second.runId).not.toBe(first.runId);
    expect((await master('GET', '/v1/workspaces/acme')).json().runs.total).toBe(1);
  });

  it('are narrowed by their beginning, counted, sorted, and followed by cursor', async () => {
    const { master } = await openMaster();
    for (const id of ['team-b', 'team-a', 'other']) await master('POST', '/v1/workspaces', { id });
    const ids = (answer: { items: { id: string }[] }) => answer.items.map(({ id }) => id);
    expect(ids((await master('GET', '/v1/workspaces?prefix=team-')).json())).toEqual(['team-a', 'team-b']);
    expect((await master('GET', '/v1/workspaces/count?prefix=team-')).json()).toEqual({
      count: 2,
      countRelation: 'eq',
    });
    const first = (await master('GET', '/v1/workspaces?sort=-id&limit=2')).json();
    expect(ids(first)).toEqual(['team-b', 'team-a']);
    const second = (await master('GET', `/v1/workspaces?sort=-id&limit=2&cursor=${first.nextCursor}`)).json();
    expect([ids(second), second.nextCursor]).toEqual([['other', 'default'], null]);
    expect(ids((await master('GET', '/v1/workspaces?sort=created_at')).json())[0]).toBe('default');
    expect((await master('GET', '/v1/workspaces?sort=name')).statusCode).toBe(422);
  });

  it('are listed in pages', async () => {
    const { master } = await openMaster();
    for (const id of ['a', 'b', 'c', 'd']) await master('POST', '/v1/workspaces', { id });
    const page = (await master('GET', '/v1/workspaces?page=2&limit=2')).json();
    expect(page).toMatchObject({ total: 5, totalPages: 3, items: [{ id: 'c' }, { id: 'd' }] });
    expect((await master('GET', '/v1/workspaces?limit=0')).statusCode).toBe(422);
  });

  it.each([
    [{}, '"id" is required'],
    [{ id: 'a b' }, '"id" must be 1-128 letters, digits, underscores and hyphens'],
    [{ id: '*' }, '"id" must be 1-128 letters, digits, underscores and hyphens'],
    [{ id: 'x'.repeat(129) }, '"id" must be 1-128 letters, digits, underscores and hyphens'],
  ])('%j is a 422', async (body, field) => {
    const { master } = await openMaster();
    const response = await master('POST', '/v1/workspaces', body);
    expect(response.statusCode).toBe(422);
    expect(response.json().details.fields).toEqual([field]);
  });

  it('one that is there is a 409, one that is not a 404, and a name that can be none a 400', async () => {
    const { master } = await openMaster();
    expect((await master('POST', '/v1/workspaces', { id: 'default' })).statusCode).toBe(409);
    for (const method of ['GET', 'DELETE'] as const) {
      const missing = await master(method, '/v1/workspaces/nobody');
      expect([missing.statusCode, missing.json().error]).toEqual([404, 'Workspace not found']);
      expect((await master(method, '/v1/workspaces/a%20b')).statusCode).toBe(400);
    }
  });

  it.each([
    ['spans', 'addSpans', () => source.trace(2)],
    ['log records', 'addLogRecords', () => [source.logRecord()]],
    ['metric points', 'addMetricPoints', () => [source.metricPoint('gauge')]],
  ] as const)('one that has %s is not deleted, and keeps its keys', async (_, add, records) => {
    const { master, access, telemetry, as } = await openMaster();
    await master('POST', '/v1/workspaces', { id: 'acme' });
    const { key } = await access.mint('acme', 'read');
    (telemetry[add] as (workspace: string, items: unknown) => void)('acme', records());
    const response = await master('DELETE', '/v1/workspaces/acme');
    expect([response.statusCode, response.json().code]).toEqual([409, 'CONFLICT']);
    expect((await as(key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
  });

  it('an empty one is deleted with its keys, which are refused at once', async () => {
    const { master, access, as } = await openMaster();
    await master('POST', '/v1/workspaces', { id: 'acme' });
    const { key } = await access.mint('acme', 'read');
    expect((await as(key, 'acme')('GET', '/v1/traces')).statusCode).toBe(200);
    const response = await master('DELETE', '/v1/workspaces/acme');
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect((await as(key, 'acme')('GET', '/v1/traces')).statusCode).toBe(401);
    expect((await master('GET', '/v1/workspaces/acme')).statusCode).toBe(404);
  });

  describe('take a master key', () => {
    it.each([
      ['GET', '/v1/workspaces', undefined],
      ['GET', '/v1/workspaces/count', undefined],
      ['GET', '/v1/workspaces/acme', undefined],
      ['POST', '/v1/workspaces', { id: 'mine' }],
      ['DELETE', '/v1/workspaces/acme', undefined],
    ] as const)('%s %s', async (method, url, body) => {
      const { access, as } = await open();
      const admin = await access.mint('acme', 'read,write,admin');
      const response = await as(admin.key, 'acme')(method, url, body);
      expect([response.statusCode, response.json().code]).toEqual([403, 'FORBIDDEN']);
      const reader = await access.mint('*', 'read,write');
      expect((await as(reader.key)(method, url, body)).json().error).toBe('Missing required scope: admin');
    });
  });

  it('leave a row in the audit log when they are made and deleted', async () => {
    const { master, access } = await openMaster();
    await master('POST', '/v1/workspaces', { id: 'acme' });
    await master('DELETE', '/v1/workspaces/acme');
    const rows = [];
    for (const workspace of ['acme', 'default']) {
      for await (const page of access.control.auditLogs.stream({ workspace, targetId: 'acme' })) rows.push(...page);
    }
    expect(rows.map(({ keyName }) => keyName)).toEqual(['the master', 'the master']);
    expect(new Set(rows.map(({ action }) => action)).size).toBe(2);
  });
});
