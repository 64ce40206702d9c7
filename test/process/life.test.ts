import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
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

const NOBODY = 65534;

async function failsToStart(options: Parameters<typeof startGateway>[0]): Promise<{ code: number; output: string }> {
  try {
    await startGateway(options);
  } catch (error) {
    const { code, output } = error as { code: number; output: string[] };
    return { code, output: output.join('\n') };
  }
  throw new Error('It started');
}

describe('the process', () => {
  it('names its addresses, its data folder and something to try as it starts', async () => {
    const dataDirectory = temporaryDirectory();
    const gateway = await startGateway({ dataDirectory });
    const output = gateway.output.join('\n');
    for (const told of [gateway.api, gateway.otlpHttp, gateway.otlpGrpc, dataDirectory, 'curl ']) {
      expect(output).toContain(told);
    }
    const health = await getJson<{ status: string; ports: Record<string, number> }>(`${gateway.api}/health`);
    expect(health.ports).toEqual({
      api: Number(new URL(gateway.api).port),
      otlp_http: Number(new URL(gateway.otlpHttp).port),
      otlp_grpc: Number(gateway.otlpGrpc.split(':').at(-1)),
    });
  });

  it('on SIGTERM under load exits 0, and what it acknowledged is there', async () => {
    const dataDirectory = temporaryDirectory();
    const gateway = await startGateway({ dataDirectory });
    const load = createLoad({ shape: 'small', spans: 64, encoding: 'protobuf', seed: 3 });
    const sending = sendContinuously(gateway.otlpHttp, load, 8);
    await untilBusy(sending);
    expect(await gateway.stop()).toBe(0);
    await sending.stop();
    expect(sending.acknowledged.requests).toBeGreaterThan(0);

    const restarted = await startGateway({ dataDirectory });
    await untilDrained(restarted.api);
    expect(missingOrDoubled(sending.acknowledged.traces, await listAllTraces(restarted.api))).toEqual([]);
  });

  it('has stored all that was accepted when it ends after SIGTERM', async () => {
    const dataDirectory = temporaryDirectory();
    const gateway = await startGateway({ dataDirectory, env: { BATCH_LINGER_MS: '30000' } });
    const load = createLoad({ shape: 'small', spans: 8, encoding: 'json', seed: 4 });
    const response = await fetch(`${gateway.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': load.contentType },
      body: new Uint8Array(load.next()),
    });
    expect(response.status).toBe(200);
    expect(await gateway.stop()).toBe(0);
    const restarted = await startGateway({ dataDirectory, env: { BATCH_LINGER_MS: '30000' } });
    expect(await listAllTraces(restarted.api)).toHaveLength(1);
  });

  it('on a port in use fails with one line that names the port and its setting', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const port = (taken.address() as { port: number }).port;
    for (const setting of ['PORT', 'OTLP_HTTP_PORT', 'OTLP_GRPC_PORT']) {
      const failure = await failsToStart({ dataDirectory: temporaryDirectory(), env: { [setting]: String(port) } });
      expect(failure.code).toBe(1);
      const told = failure.output.split('\n').filter((line) => line.startsWith('Failed to start'));
      expect(told).toHaveLength(1);
      expect(told[0]).toContain(String(port));
      expect(told[0]).toContain(setting);
    }
    taken.close();
  });

  it('refuses a data folder that another gateway has open', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startGateway({ dataDirectory });
    const failure = await failsToStart({ dataDirectory });
    expect(failure.code).toBe(1);
    expect(failure.output).toContain(dataDirectory);
    expect(await getJson(`${first.api}/health`)).toMatchObject({ status: 'ok' });
  });

  it('says which folder it cannot write to', async () => {
    const parent = temporaryDirectory();
    const file = path.join(parent, 'file');
    writeFileSync(file, '');
    // A folder below a file can be made by nobody, not even by root.
    const failure = await failsToStart({ dataDirectory: path.join(file, 'data'), workingDirectory: parent });
    expect(failure.code).toBe(1);
    expect(failure.output).toContain(path.join(file, 'data'));
  });

  it('says that its data folder is read-only', async () => {
    const dataDirectory = temporaryDirectory();
    chmodSync(dataDirectory, 0o555);
    // Root may write anywhere: then the gateway runs as nobody, whom the folder doesn't belong to.
    const failure = await failsToStart({ dataDirectory, ...(process.getuid?.() === 0 ? { uid: NOBODY } : {}) });
    chmodSync(dataDirectory, 0o755);
    expect(failure.code).toBe(1);
    expect(failure.output).toContain(dataDirectory);
  });

  it('names key, line and expectation of every bad setting at once', async () => {
    const dataDirectory = temporaryDirectory();
    writeFileSync(
      path.join(dataDirectory, '.env'),
      '# settings\nBUFFER_SYNC=sometimes\n\nOTLP_HTTP_PROT=1\nMAX_BODY_BYTES=lots\n',
    );
    const failure = await failsToStart({ dataDirectory, env: { WORKERS: '0' } });
    expect(failure.code).toBe(1);
    expect(failure.output).toMatch(/BUFFER_SYNC="sometimes" \(\.env:2\): expected one of: always, interval, off/);
    expect(failure.output).toMatch(/OTLP_HTTP_PROT \(\.env:4\) is not a setting; did you mean OTLP_HTTP_PORT\?/);
    expect(failure.output).toMatch(/MAX_BODY_BYTES="lots" \(\.env:5\): expected a number of bytes/);
    expect(failure.output).toMatch(/WORKERS="0" \(environment\): expected a whole number from 1/);
  });
});
