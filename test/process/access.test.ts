import { execFile } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { commandFile, startGateway, temporaryDirectory, untilDrained } from '../helpers/gateway.js';

const KEY = /\bpm_[0-9a-f]{64}\b/;

function printedKey(gateway: GatewayProcess): string | undefined {
  return KEY.exec(gateway.output.join('\n'))?.[0];
}

async function call(gateway: GatewayProcess, key: string | undefined, url: string, init: RequestInit = {}) {
  const headers = { ...(key !== undefined && { 'x-api-key': key }), ...(init.headers as Record<string, string>) };
  const response = await fetch(`${gateway.api}${url}`, { ...init, headers });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, unknown> };
}

function post(gateway: GatewayProcess, key: string, url: string, body: unknown) {
  const headers = { 'content-type': 'application/json' };
  return call(gateway, key, url, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** After this beginning, of the line that is printed once the gateway is ready. */
function lineOf(gateway: GatewayProcess, beginning: string): string {
  const messages = gateway.output.map((line) => (JSON.parse(line) as { msg: string }).msg);
  return messages.find((message) => message.startsWith(beginning))!.slice(beginning.length);
}

/** What the shell makes of it. */
async function runLine(gateway: GatewayProcess, beginning: string, env: Record<string, string> = {}) {
  const options = { env: { PATH: process.env.PATH, ...env } };
  const { stdout } = await promisify(execFile)('sh', ['-c', lineOf(gateway, beginning)], options);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What the helper sets for all other tests. */
const DEFAULTS = { API_AUTH: 'required', RATE_LIMIT_MAX_REQUESTS: '300' };
const REQUIRED = { API_AUTH: 'required', OTLP_AUTH: 'required' };

describe('the first start', () => {
  it('prints a key that may do everything, once, and keeps the salt to itself', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startGateway({ dataDirectory, env: REQUIRED });
    const key = printedKey(first)!;
    expect(new Set(first.output.flatMap((line) => KEY.exec(line)?.[0] ?? [])).size).toBe(1);
    expect((await call(first, key, '/v1/api-keys/me')).body).toMatchObject({ workspace_id: '*' });
    expect((await call(first, key, '/v1/workspaces')).status).toBe(200);
    expect(statSync(path.join(dataDirectory, 'api-key-salt')).mode & 0o777).toBe(0o600);
    await first.stop();

    const second = await startGateway({ dataDirectory, env: REQUIRED });
    expect(printedKey(second)).toBeUndefined();
    expect((await call(second, key, '/v1/workspaces')).status).toBe(200);
  });

  it('prints lines to try that work as they are printed, and so does the next with the key in the environment', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startGateway({ dataDirectory, env: DEFAULTS });
    const key = printedKey(first)!;
    expect((await call(first, undefined, '/v1/traces')).body.error).toBe('Missing X-API-Key header');
    expect(await runLine(first, 'Try: ')).toMatchObject({ items: [] });
    expect(lineOf(first, 'Send: ')).toBe(`export OTEL_EXPORTER_OTLP_ENDPOINT=${first.otlpHttp}`);
    await first.stop();
    const second = await startGateway({ dataDirectory, env: DEFAULTS });
    expect(await runLine(second, 'Try: ', { PROMPTMETRICS_API_KEY: key })).toMatchObject({ items: [] });
    expect(await runLine(second, 'Try: ')).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('with a salt in the settings writes none', async () => {
    const dataDirectory = temporaryDirectory();
    const env = { ...REQUIRED, API_KEY_SALT: 'a salt of some length' };
    const gateway = await startGateway({ dataDirectory, env });
    expect(() => statSync(path.join(dataDirectory, 'api-key-salt'))).toThrow('ENOENT');
    expect((await call(gateway, printedKey(gateway), '/v1/api-keys/me')).status).toBe(200);
  });
});

describe('with API_AUTH=required', () => {
  it('everything but what is public asks a loopback peer for a key', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: REQUIRED });
    for (const url of ['/v1/traces', '/v1/otel/logs', '/v1/api-keys', '/v1/audit-logs', '/v1/dead-letters', '/nope']) {
      const { status, body } = await call(gateway, undefined, url);
      expect([url, status, body.error]).toEqual([url, 401, 'Missing X-API-Key header']);
    }
    expect((await call(gateway, undefined, '/health')).status).toBe(200);
    expect((await fetch(`${gateway.api}/metrics`)).status).toBe(200);
  });

  it('a revoked key is refused at once, at every door, and the log tells who revoked it', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: REQUIRED });
    const master = printedKey(gateway)!;
    const made = (await post(gateway, master, '/v1/api-keys', { name: 'service', scopes: 'read,write' })).body;
    const key = made.key as string;
    const sendOtlp = () =>
      fetch(`${gateway.otlpHttp}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': key },
        body: '{}',
      });
    expect((await call(gateway, key, '/v1/traces')).status).toBe(200);
    expect((await sendOtlp()).status).toBe(200);
    expect((await call(gateway, master, `/v1/api-keys/${made.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await call(gateway, key, '/v1/traces')).body.error).toBe('Invalid API key');
    expect((await sendOtlp()).status).toBe(401);
    const { items } = (await call(gateway, master, `/v1/audit-logs?target=${made.id}`)).body;
    expect(items).toMatchObject([{ ip_address: expect.stringContaining('127.0.0.1') }, { target_id: String(made.id) }]);
    expect((await call(gateway, master, '/v1/audit-logs/verify')).body).toMatchObject({ ok: true });
  });

  it('revocations and audit rows survive kill -9', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startGateway({ dataDirectory, env: REQUIRED });
    const master = printedKey(first)!;
    const made = (await post(first, master, '/v1/api-keys', { name: 'service' })).body;
    expect((await call(first, master, `/v1/api-keys/${made.id}`, { method: 'DELETE' })).status).toBe(204);
    await first.kill();
    const second = await startGateway({ dataDirectory, env: REQUIRED });
    expect((await call(second, made.key as string, '/v1/traces')).status).toBe(401);
    expect((await call(second, master, `/v1/audit-logs/count?target=${made.id}`)).body.count).toBe(2);
  });
});

const PROGRAM = `
import { NodeSDK } from '@opentelemetry/sdk-node';
import { trace } from '@opentelemetry/api';
const sdk = new NodeSDK({ serviceName: 'with-a-key' });
sdk.start();
const span = trace.getTracer('app').startSpan('hello');
console.log(span.spanContext().traceId);
span.end();
await sdk.shutdown().then(() => console.log('sent'), (error) => console.log(error.code));
`;

/** What a user's program does: it knows the environment variables of OpenTelemetry, and nothing of us. */
async function runSdk(endpoint: string, protocol: string, headers: string | undefined) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    cwd: path.dirname(fileURLToPath(import.meta.url)),
    env: {
      PATH: process.env.PATH,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.startsWith('http') ? endpoint : `http://${endpoint}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      ...(headers !== undefined && { OTEL_EXPORTER_OTLP_HEADERS: headers }),
    },
  });
  const [traceId, outcome] = stdout.trim().split('\n');
  return { traceId, outcome };
}

describe('with OTLP_AUTH=required, an SDK that has its key in OTEL_EXPORTER_OTLP_HEADERS', () => {
  it.each([
    ['http/protobuf', 'otlpHttp'],
    ['http/json', 'otlpHttp'],
    ['grpc', 'otlpGrpc'],
    ['http/protobuf', 'api'],
  ] as const)(
    'gets its trace stored over %s at %s, in the workspace of the key, and without it not',
    async (protocol, door) => {
      const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: REQUIRED });
      const master = printedKey(gateway)!;
      const key = (await post(gateway, master, '/v1/api-keys', { name: 'sdk', workspace_id: 'acme' })).body
        .key as string;
      const refused = await runSdk(gateway[door], protocol, undefined);
      const sent = await runSdk(gateway[door], protocol, `x-api-key=${key}`);
      const bearer = await runSdk(gateway[door], protocol, `authorization=Bearer%20${key}`);
      expect(refused.outcome).toBe(protocol === 'grpc' ? '16' : '401');
      expect([sent.outcome, bearer.outcome]).toEqual(['sent', 'sent']);
      await untilDrained(gateway.api);
      const headers = { 'x-workspace-id': 'acme' };
      expect((await call(gateway, key, `/v1/traces/${sent.traceId}`, { headers })).body).toMatchObject({
        name: 'hello',
      });
      expect((await call(gateway, key, `/v1/traces/${bearer.traceId}`, { headers })).body).toMatchObject({
        name: 'hello',
      });
      expect((await call(gateway, key, `/v1/traces/${refused.traceId}`, { headers })).status).toBe(404);
      expect((await call(gateway, master, `/v1/traces/${refused.traceId}`)).status).toBe(404);
    },
  );
});

const command = commandFile('api-key.js');

async function runCommand(dataDirectory: string, words: string[], env: Record<string, string> = {}) {
  const options = { cwd: dataDirectory, env: { PATH: process.env.PATH, DATA_DIR: dataDirectory, ...env } };
  return promisify(execFile)(process.execPath, [command, ...words], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

describe('npm run api-key', () => {
  it('makes a key beside a running gateway, prints it alone on stdout, and leaves a row in the audit log', async () => {
    const dataDirectory = temporaryDirectory();
    const gateway = await startGateway({ dataDirectory, env: REQUIRED });
    const words = ['--workspace', 'acme', '--scopes', 'read, admin', '--name', 'ops', '--expires-in-days', '3'];
    const { stdout, stderr } = await runCommand(dataDirectory, words);
    expect(stdout).toMatch(/^pm_[0-9a-f]{64}\n$/);
    expect(stderr).toMatch(/workspace acme, scopes read,admin, good until 20/);
    const headers = { 'x-workspace-id': 'acme' };
    const me = (await call(gateway, stdout.trim(), '/v1/api-keys/me', { headers })).body;
    expect(me).toMatchObject({ name: 'ops', workspace_id: 'acme', scopes: 'read,admin' });
    expect((me.expires_at as number) - (me.created_at as number)).toBe(3 * 86_400);
    const { items } = (await call(gateway, stdout.trim(), '/v1/audit-logs', { headers })).body;
    expect(items).toMatchObject([{ target_id: String(me.id), api_key_name: 'shell', ip_address: null }]);
  });

  it('works before the first start, which then prints no key', async () => {
    const dataDirectory = temporaryDirectory();
    const { stdout } = await runCommand(dataDirectory, ['--workspace', '*', '--scopes', 'read,write,admin']);
    const gateway = await startGateway({ dataDirectory, env: REQUIRED });
    expect(printedKey(gateway)).toBeUndefined();
    expect((await call(gateway, stdout.trim(), '/v1/workspaces')).status).toBe(200);
  });

  it.each([
    [['--scopes', 'banana'], 'scopes'],
    [['--workspace', 'a b'], '--workspace'],
    [['--expires-in-days', '0'], '--expires-in-days'],
    [['--name', ''], '--name'],
    [['--colour', 'red'], '--colour'],
  ])('%j makes no key, and says why', async (words, told) => {
    const { code, stdout, stderr } = await runCommand(temporaryDirectory(), words);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^No key was made: /);
    expect(stderr).toContain(told);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('reads the settings of the gateway from .env', async () => {
    const dataDirectory = temporaryDirectory();
    writeFileSync(path.join(dataDirectory, '.env'), 'API_KEY_SALT=too short\n');
    const { code, stderr } = await runCommand(dataDirectory, []);
    expect(code).toBe(1);
    expect(stderr).toContain('API_KEY_SALT=(hidden) (.env:1): expected at least 16 characters');
  });
});
