import { beforeAll, describe, expect, it } from 'vitest';
import { auditLogPageSchema, auditLogSchema, verificationSchema } from '../../src/api/audit-logs/schema.js';
import type { DeadLetter } from '../../src/api/dead-letters/source.js';
import { countPageSchema } from '../../src/api/paging.js';
import { GatewayError } from '../../src/errors.js';
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type { AuditLogs } from '../../src/store/control/audit-logs.js';
import { type AccessApp, onEachDatabase, openForAll } from './databases.js';

const START_UNIX_MS = Date.UTC(2026, 0, 1);

/** Entry `at` is of minute `at` of the year. */
function entry(at: number, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    workspace: 'acme',
    timeUnixMs: START_UNIX_MS + at * 60_000 + 123,
    action: 'label:create',
    targetId: `target-${at}`,
    promptName: 'greeting',
    versionTag: '1.0.0',
    keyId: 7,
    keyName: 'service',
    ip: '203.0.113.7',
    requestId: `r-${at}`,
    details: { label: 'production', at },
    ...more,
  };
}

onEachDatabase((open) => {
  async function openAudit(entries: AuditEntry[] = []) {
    const context = await open();
    const { key } = await context.access.mint('acme', 'admin');
    const { control } = context.access;
    // A workspace whose log holds these entries alone: the making of the key is in that of its own.
    const appended = entries.map((one) => ({ ...one, workspace: 'audited' }));
    await control.workspaces.ensure('audited');
    await control.transaction(async ({ auditLogs }) => {
      for (const one of appended) await auditLogs.append(one);
    });
    const master = await context.access.mint('*', 'admin');
    return { ...context, key, audited: context.as(master.key, 'audited') };
  }

  it('rows have the shape that clients know, and more', async () => {
    const { audited } = await openAudit([entry(1)]);
    const page = auditLogPageSchema.parse((await audited('GET', '/v1/audit-logs')).json());
    expect(page).toMatchObject({ total: 1, page: 1, limit: 50, totalPages: 1, nextCursor: null });
    expect(auditLogSchema.strict().parse(page.items[0])).toMatchObject({
      action: 'label:create',
      prompt_name: 'greeting',
      version_tag: '1.0.0',
      api_key_name: 'service',
      ip_address: '203.0.113.7',
      timestamp: START_UNIX_MS / 1000 + 60,
      time: START_UNIX_MS + 60_123,
      workspace_id: 'audited',
      target_id: 'target-1',
      api_key_id: 7,
      request_id: 'r-1',
      details: { label: 'production', at: 1 },
      sequence: 1,
    });
  });

  it('what an entry does not have is null', async () => {
    const bare: AuditEntry = { workspace: '', timeUnixMs: 5, action: 'a', keyId: undefined, keyName: 'loopback' };
    const { audited } = await openAudit([bare]);
    expect((await audited('GET', '/v1/audit-logs')).json().items[0]).toMatchObject({
      prompt_name: null,
      version_tag: null,
      ip_address: null,
      target_id: null,
      api_key_id: null,
      request_id: null,
    });
  });

  it('are listed newest first, by page and by cursor alike', async () => {
    const { audited } = await openAudit(Array.from({ length: 7 }, (_, at) => entry(at)));
    const targets = (body: { items: { target_id: string }[] }) => body.items.map(({ target_id }) => target_id);
    const first = (await audited('GET', '/v1/audit-logs?limit=3')).json();
    expect(targets(first)).toEqual(['target-6', 'target-5', 'target-4']);
    const next = (await audited('GET', `/v1/audit-logs?limit=3&cursor=${first.nextCursor}`)).json();
    expect(targets(next)).toEqual(['target-3', 'target-2', 'target-1']);
    expect(targets((await audited('GET', '/v1/audit-logs?limit=3&page=2')).json())).toEqual(targets(next));
    expect(targets((await audited('GET', '/v1/audit-logs?limit=3&page=9')).json())).toEqual([]);
  });

  it('are listed oldest first as well, by page and by cursor', async () => {
    const { audited } = await openAudit([entry(2), entry(0), entry(1), entry(1), entry(3)]);
    const times = (page: { items: { details: { at: number } }[] }) => page.items.map(({ details }) => details.at);
    const first = (await audited('GET', '/v1/audit-logs?order=asc&limit=2')).json();
    const second = (await audited('GET', `/v1/audit-logs?order=asc&limit=3&cursor=${first.nextCursor}`)).json();
    expect([...times(first), ...times(second)]).toEqual([0, 1, 1, 2, 3]);
    expect(second.nextCursor).toBeNull();
    expect(times((await audited('GET', '/v1/audit-logs?order=asc&limit=2&page=2')).json())).toEqual([1, 2]);
    expect((await audited('GET', '/v1/audit-logs?order=up')).statusCode).toBe(422);
  });

  it('filters narrow the list, the count and the export alike', async () => {
    const { audited } = await openAudit([
      entry(0),
      entry(1, { action: 'label:delete' }),
      entry(2, { keyId: 8, keyName: 'other' }),
      entry(3, { keyId: undefined, keyName: 'loopback' }),
    ]);
    const answers: [string, number[]][] = [
      ['action=label:delete', [1]],
      ['action=label', []],
      ['key=8', [2]],
      ['key=service', [1, 0]],
      ['key=loopback', [3]],
      ['target=target-2', [2]],
      ['from=2026-01-01T00:02', [3, 2]],
      ['to=2026-01-01T00:02', [1, 0]],
      [`from=${START_UNIX_MS + 60_123}&to=${START_UNIX_MS + 120_123}`, [1]],
      [`from=${START_UNIX_MS + 60_124}&to=${START_UNIX_MS + 120_124}`, [2]],
      ['key=service&action=label:create', [0]],
      ['action=nothing', []],
    ];
    for (const [query, expected] of answers) {
      const page = (await audited('GET', `/v1/audit-logs?${query}`)).json();
      const listed = page.items.map(({ details }: { details: { at: number } }) => details.at);
      expect([query, listed]).toEqual([query, expected]);
      const count = countPageSchema.parse((await audited('GET', `/v1/audit-logs/count?${query}`)).json());
      expect([query, count]).toEqual([query, { count: expected.length, countRelation: 'eq' }]);
      const lines = (await audited('GET', `/v1/audit-logs?format=ndjson&${query}`)).body.split('\n').filter(Boolean);
      expect([query, lines.length]).toEqual([query, expected.length]);
    }
  });

  describe('as NDJSON', () => {
    it.each([
      ['?format=ndjson', {}],
      ['', { accept: 'application/x-ndjson' }],
      ['?limit=1', { accept: 'text/html, application/x-ndjson;q=0.9' }],
    ])('%s %j gives every row, oldest first', async (query, headers) => {
      const { access, app } = await openAudit(Array.from({ length: 250 }, (_, at) => entry(at)));
      const { key } = await access.mint('*', 'admin');
      const response = await app.inject({
        url: `/v1/audit-logs${query}`,
        headers: { ...headers, 'x-api-key': key, 'x-workspace-id': 'audited' },
      });
      expect(response.headers['content-type']).toBe('application/x-ndjson');
      expect(response.body.endsWith('\n')).toBe(true);
      const rows = response.body.trimEnd().split('\n');
      const parsed = rows.map((line) => auditLogSchema.strict().parse(JSON.parse(line)));
      expect(parsed.map(({ details }) => details.at)).toEqual(Array.from({ length: 250 }, (_, at) => at));
    });

    it('of an empty log is empty', async () => {
      const { audited } = await openAudit();
      const response = await audited('GET', '/v1/audit-logs?format=ndjson');
      expect([response.statusCode, response.body]).toEqual([200, '']);
    });

    it('?format=json wins over the header', async () => {
      const { access, app } = await openAudit();
      const { key } = await access.mint('acme', 'admin');
      const headers = { 'x-api-key': key, 'x-workspace-id': 'acme', accept: 'application/x-ndjson' };
      const response = await app.inject({ url: '/v1/audit-logs?format=json', headers });
      expect(response.headers['content-type']).toContain('application/json');
    });

    it('that fails before the first row is an error like any other', async () => {
      const { access, app, failures } = await openAudit();
      const { key } = await access.mint('acme', 'admin');
      const failing: Pick<AuditLogs, 'stream'> = {
        // biome-ignore lint/correctness/useYield: it fails before it has anything to give
        async *stream() {
          throw new GatewayError('STORE_UNAVAILABLE', 'The store is not reachable');
        },
      };
      Object.assign(access.control.auditLogs, failing);
      const headers = { 'x-api-key': key, 'x-workspace-id': 'acme' };
      const response = await app.inject({ url: '/v1/audit-logs?format=ndjson', headers });
      expect(response.statusCode).toBe(503);
      expect(response.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(failures).not.toEqual([]);
    });
  });

  describe('verification', () => {
    it('of a whole chain says so, and where it ends', async () => {
      const { audited } = await openAudit([entry(0), entry(1)]);
      const response = await audited('GET', '/v1/audit-logs/verify');
      const result = verificationSchema.strict().parse(response.json());
      expect(result).toMatchObject({
        ok: true,
        checked: 2,
        first_bad_id: null,
        first_bad_sequence: null,
        reason: null,
      });
      expect(result.head.sequence).toBe(2);
      const { items } = (await audited('GET', '/v1/audit-logs?limit=1')).json();
      expect(result.head.hash).toBe(items[0].hash);
    });

    it('of a broken one names the first bad row', async () => {
      const { audited, access } = await openAudit([entry(0)]);
      const broken: Pick<AuditLogs, 'verify'> = {
        verify: async () => ({
          ok: false,
          checked: 4,
          head: { sequence: 9, hash: 'h' },
          firstBadId: 55,
          firstBadSequence: 5,
          reason: 'changed',
        }),
      };
      Object.assign(access.control.auditLogs, broken);
      const response = await audited('GET', '/v1/audit-logs/verify');
      expect(verificationSchema.strict().parse(response.json())).toEqual({
        ok: false,
        checked: 4,
        head: { sequence: 9, hash: 'h' },
        first_bad_id: 55,
        first_bad_sequence: 5,
        reason: 'changed',
      });
    });
  });

  it('what happens to dead letters is in it, before it happens', async () => {
    const letter: DeadLetter = {
      id: '0a1b2c3d-7',
      reason: 'r',
      failedTimeUnixMs: 1,
      payloadBytes: 1,
      frame: { signal: 'traces', encoding: 'json', workspace: 'acme', items: 1, receivedTimeUnixMs: 1 },
    };
    const rowsBefore: number[] = [];
    const context = await open({
      deadLetters: {
        list: async () => [letter],
        get: async () => letter,
        replay: async () => rowsBefore.push(await rows()),
        remove: async () => rowsBefore.push(await rows()) > 0,
      },
    });
    const { control } = context.access;
    const rows = async () => (await control.auditLogs.count({ workspace: 'acme', targetId: letter.id })).total;
    const { key } = await context.access.mint('acme', 'read,admin');
    const acme = context.as(key, 'acme');
    expect((await acme('POST', `/v1/dead-letters/${letter.id}/replay`)).statusCode).toBe(202);
    expect((await acme('DELETE', `/v1/dead-letters/${letter.id}`)).statusCode).toBe(204);
    expect(rowsBefore).toEqual([1, 2]);
    const { items } = (await acme('GET', '/v1/audit-logs?limit=2')).json();
    expect(items).toMatchObject([{ action: 'dead_letter:delete' }, { action: 'dead_letter:replay' }]);
  });

  it.each(['', '/count', '/verify'])('GET /v1/audit-logs%s needs admin', async (path) => {
    const { access, as } = await openAudit();
    const { key } = await access.mint('acme', 'read,write');
    const response = await as(key, 'acme')('GET', `/v1/audit-logs${path}`);
    expect([response.statusCode, response.json().error]).toEqual([403, 'Missing required scope: admin']);
  });

  it('a workspace sees its own log alone', async () => {
    const { as, key } = await openAudit([entry(0)]);
    const { items } = (await as(key, 'acme')('GET', '/v1/audit-logs')).json();
    expect(new Set(items.map(({ workspace_id }: { workspace_id: string }) => workspace_id))).toEqual(new Set(['acme']));
    expect((await as(key, 'audited')('GET', '/v1/audit-logs')).statusCode).toBe(401);
  });
});

describe('a query that can not be meant', () => {
  let acme: ReturnType<AccessApp['as']>;
  beforeAll(async () => {
    const context = await openForAll();
    acme = context.as((await context.access.mint('acme', 'admin')).key, 'acme');
    return context.close;
  });

  it.each(['from=yesterday', 'to=x', 'action=', 'key=', 'target=', 'format=xml', 'page=0', 'limit=101', 'cursor=x'])(
    '?%s is a 422',
    async (query) => {
      expect((await acme('GET', `/v1/audit-logs?${query}`)).statusCode).toBe(422);
    },
  );
});
