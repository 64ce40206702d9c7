import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { driveGrpc, driveHttpSteadily } from '../../bench/drive.js';
import { createLoad } from '../../bench/load.js';
import { getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { spanIdsOf, startGrpcBackend } from '../helpers/otlp-backend.js';

const SPANS = 64;
const SMALL = { shape: 'small', spans: SPANS } as const;

async function startBackend() {
  const backend = await startGrpcBackend();
  onTestFinished(() => backend.close());
  return backend;
}

const forwardingTo = (address: string) => ({
  MODE: 'forward',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://${address}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  EXPORTER_RETRY_INITIAL_MS: '50',
  EXPORTER_RETRY_MAX_MS: '200',
});

describe('MODE=forward', () => {
  it('brings what came by either door to the backend, also past kill -9, and keeps neither store nor keys', async () => {
    const backend = await startBackend();
    const dataDirectory = temporaryDirectory();
    const env = forwardingTo(backend.address);
    const first = await startGateway({ dataDirectory, env });
    backend.answer(() => ({ code: 14, message: 'not now' }));
    const load = createLoad({ ...SMALL, encoding: 'protobuf', seed: 7 });
    const byGrpc = await driveGrpc(first.otlpGrpc, { load, connections: 2, until: { requests: 20 } });
    expect(byGrpc).toMatchObject({ failures: 0, spans: 20 * SPANS });
    const json = createLoad({ ...SMALL, encoding: 'json', seed: 8 });
    const byHttp = await driveHttpSteadily(first.otlpHttp, { load: json, requestsPerSecond: 100, seconds: 0.2 });
    expect(byHttp).toMatchObject({ failures: 0, spans: 20 * SPANS });
    const health = await getJson(`${first.api}/health/deep`);
    expect(health).toMatchObject({ status: 'ok', checks: { buffer: 'ok' }, exporters: { otlp: { dropped_items: 0 } } });
    expect(health).not.toHaveProperty('dbType');
    await first.kill();

    backend.answer(() => undefined);
    const second = await startGateway({ dataDirectory, env });
    const wanted = byGrpc.spans + byHttp.spans;
    const arrived = () => new Set(backend.taken.flatMap(({ body }) => spanIdsOf(body)));
    for (let tries = 0; arrived().size < wanted && tries < 500; tries++) await sleep(20);
    expect(arrived().size).toBe(wanted);
    expect(await second.stop()).toBe(0);
    expect(readdirSync(dataDirectory).sort()).toEqual(['buffer']);
  });
});
