/** Two whole gateways on one database, and what the clients of one hear of changes at the other. */

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { startPostgres } from '../helpers/postgres.js';
import { startRedis } from '../helpers/redis.js';

const [postgres, redis] = [await startPostgres(), await startRedis()];
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
const PATIENCE = { timeout: 30_000, interval: 20 };

async function startTwo(env: Record<string, string>): Promise<[GatewayProcess, GatewayProcess]> {
  const database = { DATABASE_URL: await postgres!.createDatabase(), DRIVER: 'postgres' };
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

  it('one that is stopped ends its streams, and stops', async () => {
    const [one] = await startTwo({});
    const heard = await listen(one);
    await expect.poll(() => versionsIn(heard), PATIENCE).toEqual(['1.0.0']);
    expect(await one.stop()).toBe(0);
    expect(heard.ended).toBe(true);
  });
});
