import { describe, expect, it } from 'vitest';
import { createdRunSchema, runPageSchema, runSchema } from '../../src/api/runs/schema.js';
import { recordSource } from '../helpers/records.js';
import { onEachDatabase } from './databases.js';

const source = recordSource(31);
const spans = source.trace(3);
const traceHex = Buffer.from(spans[0]!.traceId).toString('hex');
const asGuid = (hex: string) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
const GUID = '0B5C9F3E-1D2A-4C6B-8E7F-0123456789AB';
const SPELLINGS = [GUID, GUID.toLowerCase(), GUID.replaceAll('-', ''), `{${GUID}}`];

onEachDatabase((open) => {
  async function openRuns() {
    const context = await open();
    const { key, id } = await context.access.mint('default', 'read,write,admin', { name: 'the runner' });
    const call = context.as(key);
    const send = (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload: string | object, headers = {}) =>
      context.app.inject({
        method,
        url,
        headers: { 'x-api-key': key, 'content-type': 'application/json', ...headers },
        payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      });
    const audit = async () => {
      const rows = [];
      for await (const page of context.access.control.auditLogs.stream({ workspace: 'default' })) rows.push(...page);
      return rows
        .filter(({ action }) => /run/.test(action))
        .map(({ action, targetId, keyId }) => [action, targetId, keyId]);
    };
    context.telemetry.addSpans('default', spans);
    return { ...context, call, send, audit, keyId: id };
  }

  it('a run is made, read in every spelling of its id, changed, deleted, and each of these is audited', async () => {
    const { call, send, audit, keyId } = await openRuns();
    const body = {
      run_id: GUID,
      workflow_name: 'flow',
      input: { a: 1 },
      trace_id: asGuid(traceHex),
      metadata: { k: 'v' },
    };
    const made = await send('POST', '/v1/runs', body);
    expect([made.statusCode, made.json()]).toEqual([201, { run_id: GUID, workflow_name: 'flow', status: 'running' }]);
    const expected = { ...body, status: 'running', output: null };
    for (const spelling of SPELLINGS) {
      const read = await call('GET', `/v1/runs/${encodeURIComponent(spelling)}`);
      expect(runSchema.strict().parse(read.json())).toMatchObject(expected);
    }
    const changed = await send('PATCH', `/v1/runs/${GUID}`, { status: 'completed', output: { b: 2 }, metadata: {} });
    expect([changed.statusCode, changed.json()]).toEqual([200, { run_id: GUID, status: 'updated' }]);
    const after = (await call('GET', `/v1/runs/${GUID}`)).json();
    expect(after).toMatchObject({ ...expected, status: 'completed', output: { b: 2 }, metadata: {} });
    const gone = await call('DELETE', `/v1/runs/${GUID.toLowerCase()}`);
    expect([gone.statusCode, gone.body]).toEqual([204, '']);
    expect((await call('GET', `/v1/runs/${GUID}`)).json().error).toBe('Run not found');
    expect(await audit()).toEqual([
      ['run:create', GUID, keyId],
      ['run:update', GUID, keyId],
      ['delete_run', GUID, keyId],
    ]);
  });

  it('an id that the server made is told, and audited', async () => {
    const { send, audit } = await openRuns();
    const { run_id } = createdRunSchema.strict().parse((await send('POST', '/v1/runs', { workflow_name: 'x' })).json());
    expect(run_id).toMatch(/^[0-9a-f]{8}-/);
    expect((await audit()).map(([, target]) => target)).toEqual([run_id]);
  });

  it('JSON comes back as it was sent: zero, the point of 1.0, digits beyond 2^53, NUL and half characters', async () => {
    const { call, send } = await openRuns();
    const json =
      '{"zero":0, "minus":-0,"point":1.0,"big":12345678901234567890123,"nul":"\\u0000\\"}","half":"\\ud800","n":[{"a":null}]}';
    const metadata = '{"zero":0,"off":false,"empty":"","point":1.0}';
    const text = `{"workflow_name":"x","inp\\u0075t":${json},"output":${json},"metadata":${metadata},"run_id":"${GUID}"}`;
    expect((await send('POST', '/v1/runs', text)).statusCode).toBe(201);
    const read = (await call('GET', `/v1/runs/${GUID}`)).body;
    for (const member of [`"input":${json}`, `"output":${json}`, `"metadata":${metadata}`])
      expect(read).toContain(member);
  });

  it('a run of which nothing changes says so, and leaves no row', async () => {
    const { send, audit } = await openRuns();
    await send('POST', '/v1/runs', { run_id: GUID, workflow_name: 'x' });
    const same = await send('PATCH', `/v1/runs/${GUID}`, { input: {}, unknown: 1 });
    expect([same.statusCode, same.json()]).toEqual([200, { message: 'No changes' }]);
    expect((await audit()).length).toBe(1);
  });

  it('a run that is there is a 409, in whatever spelling', async () => {
    const { send } = await openRuns();
    await send('POST', '/v1/runs', { run_id: GUID, workflow_name: 'x' });
    for (const run_id of SPELLINGS) {
      const again = await send('POST', '/v1/runs', { run_id, workflow_name: 'x' });
      expect([again.statusCode, again.json().code, again.json().error]).toEqual([
        409,
        'CONFLICT',
        'Run already exists',
      ]);
    }
  });

  it('what is not there is a 404', async () => {
    const { call, send } = await openRuns();
    const other = await send('POST', '/v1/runs', { workflow_name: 'x', trace_id: GUID });
    expect([other.statusCode, other.json().error]).toEqual([404, 'Trace not found']);
    for (const id of [GUID, 'nope', '0'.repeat(32)]) {
      for (const answer of [
        await call('GET', `/v1/runs/${id}`),
        await call('DELETE', `/v1/runs/${id}`),
        await send('PATCH', `/v1/runs/${id}`, { status: 'failed' }),
        await send('PATCH', `/v1/runs/${id}`, {}),
      ]) {
        expect([answer.statusCode, answer.json().error]).toEqual([404, 'Run not found']);
      }
    }
  });

  it('is listed newest first, by filters and sorts, in pages and by cursor, and counted', async () => {
    const { call, send } = await openRuns();
    for (const workflow_name of ['b', 'a', 'c', 'a']) {
      await send('POST', '/v1/runs', {
        workflow_name,
        ...(workflow_name === 'c' && { trace_id: traceHex, status: 'failed' }),
      });
    }
    const names = async (query: string) => {
      const page = runPageSchema.parse((await call('GET', `/v1/runs?${query}`)).json());
      const counted = (await call('GET', `/v1/runs/count?${query}`)).json();
      expect(counted).toEqual({ count: page.total, countRelation: 'eq' });
      return page.items.map(({ workflow_name }) => workflow_name).join('');
    };
    expect(await names('')).toBe('acab');
    expect(await names('sort=created_at')).toBe('baca');
    expect(await names('sort=workflow_name')).toBe('aabc');
    expect(await names('sort=-updated_at&limit=2&page=2')).toBe('ab');
    expect(await names('status=failed')).toBe('c');
    expect(await names('workflow_name=a')).toBe('aa');
    expect(await names(`trace_id=${asGuid(traceHex)}`)).toBe('c');
    expect(await names('from=2020-01-01&to=2021-01-01')).toBe('');
    expect(await names('from=2020-01-01')).toBe('acab');
    const first = (await call('GET', '/v1/runs?sort=-workflow_name&limit=3')).json();
    expect(first).toMatchObject({ total: 4, totalRelation: 'eq', totalPages: 2 });
    expect(await names(`sort=-workflow_name&limit=3&cursor=${first.nextCursor}`)).toBe('a');
    expect((await call('GET', `/v1/runs?sort=workflow_name&cursor=${first.nextCursor}`)).statusCode).toBe(422);
  });

  it('a cursor leads past the longest names, whatever is in them', async () => {
    const { call, send } = await openRuns();
    for (const end of ['1', '2']) await send('POST', '/v1/runs', { workflow_name: `${'\u2028'.repeat(127)}${end}` });
    const first = (await call('GET', '/v1/runs?sort=workflow_name&limit=1')).json();
    const second = await call('GET', `/v1/runs?sort=workflow_name&limit=1&cursor=${first.nextCursor}`);
    expect(second.json().items).toMatchObject([{ workflow_name: `${'\u2028'.repeat(127)}2` }]);
  });

  it.each([
    [{}, '"workflow_name" is required'],
    [{ workflow_name: '' }, '"workflow_name" is not allowed to be empty'],
    [{ workflow_name: 'x'.repeat(129) }, '"workflow_name" length must be less than or equal to 128 characters long'],
    [{ workflow_name: 'x', run_id: 'x' }, '"run_id" must be a valid GUID'],
    [{ workflow_name: 'x', trace_id: 7 }, '"trace_id" must be a string'],
    [{ workflow_name: 'x', status: 'done' }, '"status" must be one of [running, completed, failed]'],
    [{ workflow_name: 'x', input: [] }, '"input" must be of type object'],
    [{ workflow_name: 'x', output: null }, '"output" must be of type object'],
    [{ workflow_name: 'x', metadata: { a: { b: 1 } } }, '"metadata.a" must be one of [string, number, boolean]'],
    [{ workflow_name: 'x', metadata: { a: null } }, '"metadata.a" must be one of [string, number, boolean]'],
    [
      { workflow_name: 'x', metadata: { a: 'x'.repeat(1025) } },
      '"metadata.a" length must be less than or equal to 1024 characters long',
    ],
    [
      { workflow_name: 'x', metadata: { 'a b': 1 } },
      '"metadata.a b" is not allowed: a key is 1-128 letters, digits, ".", "_" and "-"',
    ],
    [
      { workflow_name: 'x', metadata: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, at])) },
      'metadata cannot contain more than 50 keys',
    ],
    [[], '"value" must be of type object'],
  ])('%j is a 422', async (body, fault) => {
    const { send } = await openRuns();
    const answer = await send('POST', '/v1/runs', body);
    expect([answer.statusCode, answer.json().details?.fields]).toEqual([422, [fault]]);
  });

  it('a million bad keys of metadata are told one by one', async () => {
    const { send } = await openRuns();
    const metadata = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`bad key ${at}`, null]));
    for (const answer of [
      await send('POST', '/v1/runs', { workflow_name: 'x', metadata }),
      await send('PATCH', `/v1/runs/${GUID}`, { metadata }),
    ]) {
      expect(answer.json().details?.fields).toEqual(['metadata cannot contain more than 50 keys']);
    }
  });

  it('bad input never gets a 500', async () => {
    const { call, send } = await openRuns();
    await send('POST', '/v1/runs', { run_id: GUID, workflow_name: 'nul \0 in it' });
    expect((await call('GET', `/v1/runs/${GUID}`)).json().workflow_name).toBe('nul \uFFFD in it');
    const answers = [
      await send('POST', '/v1/runs', '{"workflow_name":'),
      await send('POST', '/v1/runs', ''),
      await send('POST', '/v1/runs', '{"workflow_name":"x","metadata":{"a":1e999}}'),
      await send('PATCH', `/v1/runs/${GUID}`, '[]'),
      await send('POST', '/v1/runs', '<a/>', { 'content-type': 'application/xml' }),
      await call('GET', '/v1/runs?sort=name'),
      await call('GET', '/v1/runs?limit=1000'),
      await call('GET', '/v1/runs?trace_id=x'),
      await call('GET', '/v1/runs?workflow_name=%00'),
      await call('GET', '/v1/runs/%00'),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([400, 400, 201, 422, 415, 422, 422, 422, 200, 404]);
    const deep = `{"workflow_name":"x","run_id":"${traceHex}","input":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;
    expect((await send('POST', '/v1/runs', deep)).statusCode).toBe(201);
    expect((await call('GET', `/v1/runs/${traceHex}`)).body).toContain('['.repeat(50_000));
  });

  describe('under an Idempotency-Key', () => {
    const header = { 'idempotency-key': 'once' };

    it('a request that comes again is answered as it was, and applied once', async () => {
      const { call, send, audit } = await openRuns();
      const body = { workflow_name: 'x', trace_id: traceHex };
      const first = await send('POST', '/v1/runs', body, header);
      const again = await send('POST', '/v1/runs', body, header);
      expect([again.statusCode, again.body]).toEqual([201, first.body]);
      expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([
        undefined,
        'true',
      ]);
      expect((await call('GET', '/v1/runs/count')).json().count).toBe(1);
      expect((await audit()).length).toBe(1);
    });

    it('a change and a deletion that come again are answered as they were, and applied once', async () => {
      const { send, audit, keyId } = await openRuns();
      await send('POST', '/v1/runs', { run_id: GUID, workflow_name: 'x' });
      const url = `/v1/runs/${GUID}`;
      const update = () => send('PATCH', url, { status: 'failed' }, { 'idempotency-key': 'change' });
      const remove = () => send('DELETE', url, '', { 'idempotency-key': 'delete' });
      for (const [ask, status] of [
        [update, 200],
        [remove, 204],
      ] as const) {
        const first = await ask();
        const again = await ask();
        expect([first.statusCode, again.statusCode, again.body]).toEqual([status, status, first.body]);
        expect([first, again].map(({ headers }) => headers['idempotency-replayed'])).toEqual([undefined, 'true']);
      }
      expect((await send('DELETE', url, '', { 'idempotency-key': 'other' })).statusCode).toBe(404);
      expect(await audit()).toEqual([
        ['run:create', GUID, keyId],
        ['run:update', GUID, keyId],
        ['delete_run', GUID, keyId],
      ]);
    });

    it('another request is refused, and a key that is none', async () => {
      const { send } = await openRuns();
      await send('POST', '/v1/runs', { workflow_name: 'x' }, header);
      const other = await send('POST', '/v1/runs', { workflow_name: 'y' }, header);
      expect([other.statusCode, other.json().code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
      for (const key of ['', 'x'.repeat(256), 'é']) {
        const refused = await send('POST', '/v1/runs', { workflow_name: 'x' }, { 'idempotency-key': key });
        expect([refused.statusCode, refused.json().code]).toEqual([400, 'BAD_REQUEST']);
      }
    });

    it('of many at once, one is applied, and all are answered alike', async () => {
      const { call, send } = await openRuns();
      const sent = Array.from({ length: 12 }, () => send('POST', '/v1/runs', { workflow_name: 'x' }, header));
      const answers = await Promise.all(sent);
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
      expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
      expect((await call('GET', '/v1/runs/count')).json().count).toBe(1);
    });

    it('a request that failed may be mended under its key', async () => {
      const { send } = await openRuns();
      expect((await send('POST', '/v1/runs', { workflow_name: 'x', trace_id: GUID }, header)).statusCode).toBe(404);
      expect((await send('POST', '/v1/runs', { workflow_name: 'x' }, header)).statusCode).toBe(201);
    });
  });

  it('takes a key that may write, and one that may read', async () => {
    const { access, as } = await openRuns();
    const reader = as((await access.mint('default', 'read')).key);
    const writer = as((await access.mint('default', 'write')).key);
    expect((await reader('POST', '/v1/runs', { workflow_name: 'x' })).statusCode).toBe(403);
    expect((await reader('DELETE', `/v1/runs/${GUID}`)).statusCode).toBe(403);
    expect((await writer('GET', '/v1/runs')).statusCode).toBe(403);
    expect((await reader('GET', '/v1/runs')).statusCode).toBe(200);
  });
});
