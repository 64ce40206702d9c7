import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { createLoad } from '../../bench/load.js';
import {
  getJson,
  listAllTraces,
  missingOrDoubled,
  sendContinuously,
  startGateway,
  temporaryDirectory,
  untilBusy,
  untilDrained,
} from '../helpers/gateway.js';
import { startPostgres } from '../helpers/postgres.js';

/** A mount namespace of our own gives a small disk to anybody, where the system allows user namespaces. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /tmp'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface DeepHealth {
  status: string;
}

async function deepHealth(api: string): Promise<DeepHealth> {
  return (await (await fetch(`${api}/health/deep`)).json()) as DeepHealth;
}

describe.skipIf(process.env.CI !== 'true' && !canMount())('a disk that runs full', () => {
  it('is answered with 503 until there is space again, and what was acknowledged is there', async () => {
    const dataDirectory = temporaryDirectory();
    const gateway = await startGateway({
      dataDirectory,
      tmpfsMebibytes: 48,
      env: { BUFFER_MAX_BYTES: '16MiB', MAX_BODY_BYTES: '1MiB' },
    });
    // The gateway's own view of its folder: the mount is in its namespace only.
    const inside = path.join(`/proc/${gateway.pid}/root`, dataDirectory);
    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 21 });
    const sending = sendContinuously(gateway.otlpHttp, load, 4);
    const { acknowledged } = sending;
    await untilBusy(sending);
    fillDisk(path.join(inside, 'filler'));
    const refusedBefore = acknowledged.refused;
    while (acknowledged.refused < refusedBefore + 20) await sleep(10);

    rmSync(path.join(inside, 'filler'));
    const acknowledgedBefore = acknowledged.requests;
    while (acknowledged.requests < acknowledgedBefore + 20) await sleep(10);
    await sending.stop();
    await untilDrained(gateway.api);
    expect(missingOrDoubled(acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
  });
});

/** Takes every byte that is left. */
function fillDisk(file: string): void {
  const chunk = Buffer.alloc(64 * 1024, 1);
  for (let size = chunk.length; size >= 512; ) {
    try {
      writeFileSync(file, chunk.subarray(0, size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      size = size >> 1;
    }
  }
}

const postgres = await startPostgres(['max_connections=30']);
afterAll(() => postgres?.remove());

describe.skipIf(!postgres)('Postgres', () => {
  const env = async () => ({ DATABASE_URL: await postgres!.createDatabase() });

  it('stopped under load and started again has every acknowledged span once', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: await env() });
    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 31 });
    const sending = sendContinuously(gateway.otlpHttp, load, 4);
    await untilBusy(sending);
    await postgres!.stop('immediate');
    const acknowledgedBefore = sending.acknowledged.requests;
    while (sending.acknowledged.requests < acknowledgedBefore + 20) await sleep(10);
    while ((await deepHealth(gateway.api)).status !== 'degraded') await sleep(50);
    expect((await fetch(`${gateway.api}/v1/traces`)).status).toBe(503);
    await postgres!.start();
    await sending.stop();
    await untilDrained(gateway.api);
    expect(sending.acknowledged.refused).toBe(0);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(gateway.api))).toEqual([]);
  });

  it('and a gateway killed beside it, five times, have every acknowledged span once', {
    timeout: 180_000,
  }, async () => {
    const dataDirectory = temporaryDirectory();
    const settings = await env();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 5; round++) {
      const gateway = await startGateway({ dataDirectory, env: { ...settings, WORKERS: String(1 + (round % 2)) } });
      const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 40 + round });
      const sending = sendContinuously(gateway.otlpHttp, load, 4);
      await untilBusy(sending);
      await gateway.kill();
      await sending.stop();
      for (const [id, spans] of sending.acknowledged.traces) acknowledged.set(id, spans);
    }
    const gateway = await startGateway({ dataDirectory, env: settings });
    await untilDrained(gateway.api);
    expect(missingOrDoubled(acknowledged, await listAllTraces(gateway.api))).toEqual([]);
  });

  it('takes two gateways at once, each with its own buffer', async () => {
    // Gateways of one database check the same keys: each needs the same salt.
    const settings = { ...(await env()), API_KEY_SALT: 'the salt that both have' };
    const gateways = await Promise.all(
      [1, 2].map(() => startGateway({ dataDirectory: temporaryDirectory(), env: settings })),
    );
    const acknowledged = new Map<string, number>();
    for (const [index, gateway] of gateways.entries()) {
      const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 50 + index });
      const sending = sendContinuously(gateway.otlpHttp, load, 2);
      await untilBusy(sending);
      await sending.stop();
      await untilDrained(gateway.api);
      for (const [id, spans] of sending.acknowledged.traces) acknowledged.set(id, spans);
    }
    expect(missingOrDoubled(acknowledged, await listAllTraces(gateways[0]!.api))).toEqual([]);
    expect(await getJson<{ total: number }>(`${gateways[1]!.api}/v1/traces`)).toMatchObject({
      total: acknowledged.size,
    });
  });

  it('that is not there when the gateway starts is named in one line', async () => {
    const failure = startGateway({
      dataDirectory: temporaryDirectory(),
      env: { DATABASE_URL: 'postgres://nobody:hidden-word@127.0.0.1:1/none' },
    });
    await expect(failure).rejects.toMatchObject({ code: 1 });
    const output = await failure.catch((error: { output: string[] }) => error.output.join('\n'));
    expect(output).toContain('127.0.0.1:1');
    expect(output).not.toContain('hidden-word');
  });
});
