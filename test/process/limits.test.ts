import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { createLoad } from '../../bench/load.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { startPostgres } from '../helpers/postgres.js';
import { startRedis } from '../helpers/redis.js';

const KEY = /\bpm_[0-9a-f]{64}\b/;

function printedKey({ output }: GatewayProcess): string {
  return KEY.exec(output.join('\n'))![0];
}

async function statusOf(gateway: GatewayProcess, key: string): Promise<number> {
  const response = await fetch(`${gateway.api}/v1/traces`, { headers: { 'x-api-key': key } });
  await response.arrayBuffer();
  return response.status;
}

function count(statuses: number[], status: number): number {
  return statuses.filter((each) => each === status).length;
}

const postgres = await startPostgres(['max_connections=40']);
const redis = await startRedis();
afterAll(async () => {
  await redis?.kill();
  await postgres?.remove();
});

describe.skipIf(!postgres || !redis)('two gateways with one Postgres and one Redis', () => {
  it('let a key have its limit once, and go on while Redis is away', async () => {
    const env = {
      DATABASE_URL: await postgres!.createDatabase(),
      REDIS_URL: redis!.url,
      RATE_LIMIT_MAX_REQUESTS: '100',
      API_KEY_SALT: 'a salt that both gateways share',
    };
    const first = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const second = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const key = printedKey(first);
    const gateways = [first, second];
    const send = (requests: number) =>
      Promise.all(Array.from({ length: requests }, (_, index) => statusOf(gateways[index % 2]!, key)));

    const statuses = await send(500);
    expect([count(statuses, 200), count(statuses, 429)]).toEqual([100, 400]);

    await redis!.kill();
    // What each has let through itself still counts, so both together let another hundred through at most.
    const alone = await send(500);
    expect(count(alone, 200)).toBe(100);
    expect(count(alone, 429)).toBe(400);
    for (const { output } of gateways) expect(output.filter((line) => line.includes('limits.alone'))).toHaveLength(1);
    await redis!.start();
  });
});

describe('a gateway with a limit of spans a second', () => {
  it('answers 429 to OTLP on every port, and to nobody else', async () => {
    const env = { OTLP_RATE_LIMIT_SPANS_PER_SECOND: '1' };
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env });
    const load = createLoad({ shape: 'small', spans: 3600, encoding: 'protobuf', seed: 5 });
    const send = (url: string) =>
      fetch(`${url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': load.contentType },
        body: new Uint8Array(load.next()),
      });
    // An hour's worth: nothing that this test may wait for lets the next request through.
    expect((await send(gateway.otlpHttp)).status).toBe(200);
    for (const url of [gateway.otlpHttp, gateway.api]) {
      const refused = await send(url);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);
    }
    expect((await fetch(`${gateway.api}/v1/traces`)).status).toBe(200);
  });
});
