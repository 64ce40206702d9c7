/** Two whole gateways on one database, and what the clients of one hear of changes at the other. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { type ServerProxy, startProxy, withoutNotifications } from '../helpers/proxy.js';
import { startRedis } from '../helpers/redis.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const [postgres, redis] = [sharedPostgres(), await startRedis()];
afterAll(async () => {
  await redis?.kill();
  await postgres?.remove();
});

async function post(gateway: GatewayProcess, url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(gateway.api + url, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status, await response.text()).toBe(201);
}

async function move(gateway: GatewayProcess, version_tag: string): Promise<void> {
  await post(gateway, '/v1/prompts/welcome/labels', { name: 'production', version_tag });
}

interface Heard {
  text: string;
  /** Whether the other end has ended it. */
  ended: boolean;
}

async function listen(gateway: GatewayProcess): Promise<Heard> {
  const request = get(`${gateway.api}/v1/prompts/welcome/events?label=production`, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const heard = { text: '', ended: false };
  response.setEncoding('utf8').on('data', (chunk: string) => {
    heard.text += chunk;
  });
  response.on('error', () => {});
  response.on('end', () => {
    heard.ended = true;
  });
  return heard;
}

const versionsIn = ({ text }: Heard) => [...text.matchAll(/"version":"([^"]+)"/g)].map(([, version]) => version);
/** How old an answer may be where nothing is told of changes. */
const DEAF_BOUND_MS = 1_000;
/** A gateway that is told of changes looks for itself after 15 seconds at the earliest: what it has before that, it was told. */
const BEFORE_IT_LOOKS = { timeout: 12_000, interval: 20 };
const PATIENCE = { timeout: 30_000, interval: 20 };

/** Until what nobody tells of stays unseen for longer than a gateway that isn't told would keep it. */
async function untilItRelies(databaseUrl: string, look: () => Promise<string | undefined>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (;;) {
      const before = await look();
      const unseen = before === '1.0.0' ? '2.0.0' : '1.0.0';
      await client.query(`update prompt_labels set version_tag = $1`, [unseen]);
      await sleep(DEAF_BOUND_MS + 200);
      if ((await look()) === before) return;
    }
  } finally {
    await client.end();
  }
}

async function startTwo(
  env: Record<string, string>,
  reach = async (databaseUrl: string) => databaseUrl,
): Promise<[GatewayProcess, GatewayProcess]> {
  const database = { DATABASE_URL: await reach(await postgres!.createDatabase()), DRIVER: 'postgres' };
  const shared = { ...env, ...database, API_KEY_SALT: 'a salt that the two gateways share' };
  const one = await startGateway({ dataDirectory: temporaryDirectory(), env: shared });
  const other = await startGateway({ dataDirectory: temporaryDirectory(), env: shared });
  for (const version of ['1.0.0', '2.0.0']) {
    await post(one, '/v1/prompts', { name: 'welcome', version, messages: [{ role: 'user', content: version }] });
  }
  await move(one, '1.0.0');
  return [one, other];
}

describe.skipIf(!postgres)('of two gateways', () => {
  it.each([
    ['Postgres alone', false],
    ['Redis beside it', true],
  ])('with %s, who waits at one is told of a label that is moved at the other', async (_, withRedis) => {
    if (withRedis && !redis) return;
    const [one, other] = await startTwo(withRedis ? { REDIS_URL: redis!.url } : {});
    const heard = await listen(other);
    await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0']);
    const url = `${other.api}/v1/prompts/welcome?label=production`;
    const etag = (await fetch(url)).headers.get('etag')!;
    const waiting = fetch(`${url}&wait=60`, { headers: { 'if-none-match': etag } });
    await move(one, '2.0.0');
    await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0', '2.0.0']);
    expect((await waiting).status).toBe(200);
    await move(one, '1.0.0');
    await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0', '2.0.0', '1.0.0']);
  });

  describe.skipIf(!redis)('whose database tells them nothing, and who share a Redis', () => {
    const proxies: ServerProxy[] = [];
    afterEach(async () => {
      for (const proxy of proxies.splice(0)) await proxy.close();
      await redis!.kill();
      await redis!.start();
    });
    const silently = async (databaseUrl: string) => {
      const proxy = await startProxy(databaseUrl, { filter: withoutNotifications });
      proxies.push(proxy);
      const url = new URL(databaseUrl);
      url.host = `127.0.0.1:${proxy.port}`;
      return url.href;
    };
    const versionAt = async (gateway: GatewayProcess) => {
      const answer = await fetch(`${gateway.api}/v1/prompts/welcome?label=production`);
      return ((await answer.json()) as { version: { version_tag: string } }).version.version_tag;
    };

    it('one is told by Redis alone of a label that is moved at the other', async () => {
      const databases: string[] = [];
      const [one, other] = await startTwo({ REDIS_URL: redis!.url }, (databaseUrl) => {
        databases.push(databaseUrl);
        return silently(databaseUrl);
      });
      const heard = await listen(other);
      await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0']);
      await untilItRelies(databases[0]!, () => versionAt(other));
      const before = await versionAt(other);
      const after = before === '1.0.0' ? '2.0.0' : '1.0.0';
      await move(one, after);
      await expect.poll(() => versionAt(other), BEFORE_IT_LOOKS).toBe(after);
      await move(one, before);
      await expect.poll(() => versionsIn(heard).slice(-2), BEFORE_IT_LOOKS).toEqual([after, before]);
    });

    it('answers are no older than a second when Redis is gone, too', async () => {
      const [one, other] = await startTwo({ REDIS_URL: redis!.url }, silently);
      for (const version of ['2.0.0', '1.0.0']) {
        await move(one, version);
        await expect.poll(() => versionAt(other), PATIENCE).toBe(version);
      }
      await redis!.kill();
      for (const version of ['2.0.0', '1.0.0', '2.0.0']) {
        // What is asked for now is kept, and nobody tells that it has changed.
        await versionAt(other);
        await move(one, version);
        await sleep(DEAF_BOUND_MS);
        expect(await versionAt(other)).toBe(version);
      }
    });
  });

  it('one that is stopped ends its streams, and stops', async () => {
    const [one] = await startTwo({});
    const heard = await listen(one);
    await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0']);
    expect(await one.stop()).toBe(0);
    expect(heard.ended).toBe(true);
  });
});
