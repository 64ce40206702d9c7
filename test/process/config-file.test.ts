// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what the files hold
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { createLoad } from '../../bench/load.js';
import { commandFile, getJson, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { spanIdsOf, startHttpBackend } from '../helpers/otlp-backend.js';

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function run(directory: string, ...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: directory, env: { PATH: process.env.PATH } };
    execFile(process.execPath, [commandFile('main.js'), ...words], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

const TRIES = 500;

async function untilLogged(gateway: GatewayProcess, word: string, times = 1): Promise<string> {
  for (let tries = 0; tries < TRIES; tries++) {
    const lines = gateway.output.filter((line) => line.includes(word));
    if (lines.length >= times) return lines.at(-1)!;
    await sleep(20);
  }
  throw new Error(`${word} was not logged:\n${gateway.output.join('\n')}`);
}

describe('validate', () => {
  it('ends with 0 and says so, warnings beside it', async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'a.yaml'), 'store: {sqlite_path: "${env:NONE}"}\n');
    const { code, stdout, stderr } = await run(directory, 'validate', '--config', 'a.yaml');
    expect([code, stdout]).toEqual([0, 'valid\n']);
    expect(stderr).toBe('warning: a.yaml:1: the variable NONE is not set: taken as empty\n');
  });

  it('ends with 1 and every fault', async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'a.yaml'), 'buffer: {sync: x}\n');
    writeFileSync(path.join(directory, 'b.yaml'), '\nbuffre: {}\n');
    const { code, stdout, stderr } = await run(directory, 'validate', '--config', 'a.yaml', '--config=b.yaml');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('buffer.sync="x" (a.yaml:1)');
    expect(stderr).toContain('buffre (b.yaml:2) is not a setting; did you mean buffer?');
  });

  it('finds what no single setting shows', async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'a.yaml'), 'buffer: {max_bytes: 1MiB}\n');
    const { code, stderr } = await run(directory, 'validate', '--config', 'a.yaml');
    expect(code).toBe(1);
    expect(stderr).toContain('BUFFER_MAX_BYTES');
  });

  it('knows the example', async () => {
    const example = fileURLToPath(new URL('../../deploy/examples/gateway.yaml', import.meta.url));
    expect(await run(temporaryDirectory(), 'validate', '--config', example)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('print-config', () => {
  it('prints what a file, .env and the defaults come to, and leaves nothing behind', async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, '.env'), 'PORT=3001\n');
    writeFileSync(path.join(directory, 'a.yaml'), 'access:\n  api_key_salt: "hunter2 hunter2 hunter2"\n');
    const { code, stdout } = await run(directory, 'print-config', '--config', 'a.yaml');
    expect(code).toBe(0);
    for (const line of ['port: 3001 # .env:1', 'api_key_salt: "[REDACTED]" # a.yaml:2', 'max_bytes: 1GiB # default']) {
      expect(stdout).toContain(line);
    }
    expect(stdout).not.toContain('hunter2');
  });
});

describe('the command line', () => {
  it.each([['--confg', 'x'], ['constructor']])('%s is refused', async (...words) => {
    const { code, stderr } = await run(temporaryDirectory(), ...words.filter((word) => word !== undefined));
    expect(code).toBe(1);
    expect(stderr).toContain('--config <file>');
  });
});

describe('a gateway with a configuration file', () => {
  it('on SIGHUP takes over the log level and exporters, names what needs a restart, and lives through faults', async () => {
    const directory = temporaryDirectory();
    const file = path.join(directory, 'gateway.yaml');
    writeFileSync(file, 'logging: {level: info}\n');
    const gateway = await startGateway({ dataDirectory: directory, args: ['--config', 'gateway.yaml'] });

    const exporting = `receivers: {otlp: }
exporters: {file: {path: sent.ndjson, linger_ms: 0}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [store, file]}}}
`;
    writeFileSync(file, `logging: {level: warn}\nbuffer: {max_bytes: 2GiB}\n${exporting}`);
    process.kill(gateway.pid, 'SIGHUP');
    const told = JSON.parse(await untilLogged(gateway, 'config.restart_needed'));
    const applied = ['logging.level', 'exporters.file', 'service.pipelines.traces'];
    expect(told).toMatchObject({ applied, needRestart: ['buffer.max_bytes'] });
    expect(Object.keys((await consumersOf(gateway)) ?? {}).sort()).toEqual(['file', 'store']);

    writeFileSync(file, 'logging: {levl: info}\n');
    process.kill(gateway.pid, 'SIGHUP');
    expect(await untilLogged(gateway, 'config.refused')).toContain('did you mean level?');
    const metrics = await (await fetch(`${gateway.api}/metrics`)).text();
    expect(metrics).toContain('promptmetrics_config_last_reload_successful 0');
    expect(metrics).toContain('promptmetrics_exporter_up{exporter="file"} 1');
    const load = createLoad({ shape: 'small', spans: 4, encoding: 'protobuf', seed: 5 });
    const init = { headers: { 'content-type': load.contentType }, body: new Uint8Array(load.next()) };
    expect((await fetch(`${gateway.otlpHttp}/v1/traces`, { method: 'POST', ...init })).status).toBe(200);

    expect((await fetch(`${gateway.api}/health`)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
    // At level warn nothing is said of it.
    expect(gateway.output.join('\n')).not.toContain('"stopped"');
    expect(readFileSync(path.join(directory, 'sent.ndjson'), 'utf8')).toContain('"spanId"');
  });

  it('listens where the file says, and warns of what the file leaves open', async () => {
    const directory = temporaryDirectory();
    const socket = path.join(directory, 'otlp.sock');
    writeFileSync(
      path.join(directory, 'gateway.yaml'),
      `receivers: {otlp: {protocols: {http: {endpoint: "unix:${socket}"}, grpc: }}}\nstore: {sqlite_path: "\${NONE}"}\n`,
    );
    const gateway = await startGateway({ dataDirectory: directory, args: ['--config', 'gateway.yaml'] });
    expect(gateway.otlpHttp).toBe(`unix:${socket}`);
    await untilLogged(gateway, 'the variable NONE is not set');
    expect(await gateway.stop()).toBe(0);
  });

  it('sends each signal where the pipelines of the file lead, and lets go of an exporter that the file has no more', async () => {
    const traces = await startHttpBackend();
    const logs = await startHttpBackend();
    onTestFinished(() => Promise.all([traces.close(), logs.close()]).then(() => {}));
    const directory = temporaryDirectory();
    const file = path.join(directory, 'gateway.yaml');
    const pipelines = (exporters: string) => `
receivers: {otlp: }
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [store${exporters}]}
`;
    writeFileSync(
      file,
      `
exporters:
  otlp_http/traces: {endpoint: "http://${traces.address}", headers: {X-From: file}}
  otlp_http/logs: {endpoint: "http://${logs.address}", linger_ms: 0}
exporting: {linger_ms: 0}
${pipelines(', otlp_http/traces')}    logs: {receivers: [otlp], exporters: [store, otlp_http/logs]}
`,
    );
    const options = { dataDirectory: directory, args: ['--config', 'gateway.yaml'] };
    const gateway = await startGateway(options);
    const load = createLoad({ shape: 'small', spans: 16, encoding: 'protobuf', seed: 5 });
    const body = new Uint8Array(load.next());
    const headers = { 'content-type': load.contentType };
    expect((await fetch(`${gateway.otlpHttp}/v1/traces`, { method: 'POST', headers, body })).status).toBe(200);
    for (let tries = 0; traces.taken.length === 0 && tries < TRIES; tries++) await sleep(20);
    expect(traces.taken.flatMap((received) => spanIdsOf(received.body))).toHaveLength(16);
    expect(traces.taken[0]!.headers['x-from']).toBe('file');
    expect(logs.requests).toEqual([]);
    expect(Object.keys((await consumersOf(gateway)) ?? {}).sort()).toEqual([
      'otlp_http_logs',
      'otlp_http_traces',
      'store',
    ]);
    expect(await gateway.stop()).toBe(0);

    writeFileSync(file, pipelines(''));
    const restarted = await startGateway(options);
    expect(Object.keys((await consumersOf(restarted)) ?? {})).toEqual(['store']);
  });
});

async function consumersOf(gateway: GatewayProcess): Promise<Record<string, unknown> | undefined> {
  const health = await getJson<{ buffer: { consumers: Record<string, unknown> } }>(`${gateway.api}/health/deep`);
  return health.buffer.consumers;
}
