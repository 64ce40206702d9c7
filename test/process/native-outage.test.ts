/** Native requests while Postgres is gone: who waits is told so in time, and nothing of what was durable is lost or done twice. */
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { startPostgres } from '../helpers/postgres.js';

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

const TRACE = randomUUID();

/** One of each native request that becomes a frame of the buffer; none needs to read the store first. */
const CREATIONS: [string, object][] = [
  ['/v1/logs', { prompt_name: 'one', version_tag: '1' }],
  ['/v1/logs', [1, 2, 3].map(() => ({ prompt_name: 'three', version_tag: '1' }))],
  ['/v1/traces', { trace_id: TRACE, prompt_name: 'p' }],
  [`/v1/traces/${TRACE}/spans`, { span_id: randomUUID(), name: 'a' }],
  ['/v1/spans', [{ trace_id: TRACE, name: 'b' }]],
];

interface Answer {
  status: number;
  retryAfter: string | null;
  replayed: string | null;
  body: { code?: string; error?: string };
}

async function send(url: string, method: string, key: string | undefined, body?: object): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const header = (name: string) => response.headers.get(name);
  return {
    status: response.status,
    retryAfter: header('retry-after'),
    replayed: header('idempotency-replayed'),
    body: text === '' ? {} : JSON.parse(text),
  };
}

async function countOf(url: string): Promise<number> {
  return (await getJson<{ count: number }>(url)).count;
}

/** The store is tried again after a pause that grows. */
async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('The store has not come back');
}

describe.skipIf(!postgres)('native requests while Postgres is stopped', () => {
  it.each([
    ['without a key', false],
    ['with an idempotency key', true],
  ])('%s are answered 503 in time, and stored once when it is back', async (_, keyed) => {
    const env = { DATABASE_URL: await postgres!.createDatabase(), NATIVE_WAIT_MS: '500' };
    const { api, ...gateway } = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const keys = CREATIONS.map(() => (keyed ? randomUUID() : undefined));
    const create = (index: number) => {
      const [path, body] = CREATIONS[index]!;
      return send(`${api}${path}`, 'POST', keys[index], body);
    };
    await postgres!.stop('immediate');
    const refused = await Promise.all(CREATIONS.map((_creation, index) => create(index)));
    for (const { status, retryAfter, body } of refused) {
      expect([status, body.code]).toEqual([503, 'STORE_UNAVAILABLE']);
      expect(Number(retryAfter)).toBeGreaterThan(0);
      expect(body.error).toContain('durable');
    }
    await postgres!.start();
    if (keyed) {
      for (const index of CREATIONS.keys()) {
        const first = await untilAnswered(() => create(index));
        expect([first.status, first.replayed]).toEqual([index < 2 ? 202 : 201, 'true']);
        expect((await create(index)).body).toEqual(first.body);
      }
    }
    await untilAnswered(() => send(`${api}/v1/logs`, 'POST', undefined, { prompt_name: 'last', version_tag: '1' }));
    await expect.poll(() => countOf(`${api}/v1/audit-logs/count?action=log:create`), { timeout: 20_000 }).toBe(3);
    expect(await countOf(`${api}/v1/logs/count?prompt_name=one`)).toBe(1);
    expect(await countOf(`${api}/v1/logs/count?prompt_name=three`)).toBe(3);
    expect(await getJson(`${api}/v1/traces/${TRACE}`)).toMatchObject({ prompt_name: 'p', span_count: 2 });
    expect(await countOf(`${api}/v1/audit-logs/count?target=${TRACE}`)).toBe(3);
    expect(await getJson(`${api}/v1/audit-logs/verify`)).toMatchObject({ ok: true });
    expect(await gateway.stop()).toBe(0);
  });

  it('that change what is there, or are of the control half, are answered 503 and can be sent again', async () => {
    const env = { DATABASE_URL: await postgres!.createDatabase(), NATIVE_WAIT_MS: '500' };
    const { api } = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const span = `${api}/v1/traces/${TRACE}/spans/${randomUUID()}`;
    await send(`${api}/v1/spans`, 'POST', undefined, { trace_id: TRACE, span_id: span.slice(-36), name: 'a' });
    const changes: (() => Promise<Answer>)[] = [
      () => send(`${api}/v1/runs`, 'POST', 'run', { workflow_name: 'w' }),
      () => send(span, 'PATCH', 'change', { status: 'ok' }),
      () => send(`${api}/v1/traces/${TRACE}`, 'DELETE', 'delete'),
    ];
    await postgres!.stop('immediate');
    for (const { status, retryAfter } of await Promise.all(changes.map((change) => change()))) {
      expect([status, Number(retryAfter) > 0]).toEqual([503, true]);
    }
    await postgres!.start();
    for (const [index, change] of changes.entries()) {
      const { status, body } = await untilAnswered(change);
      expect(status).toBe([201, 200, 204][index]);
      expect(await change()).toEqual({ status, retryAfter: null, replayed: 'true', body });
    }
    for (const action of ['run:create', 'trace:span:update', 'delete_trace']) {
      const count = () => countOf(`${api}/v1/audit-logs/count?action=${action}`);
      await expect.poll(count, { timeout: 20_000 }).toBe(1);
    }
  });
});
