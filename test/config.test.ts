import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listSettings, loadConfig, printEnvExample } from '../src/config.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function envFile(text: string): void {
  writeFileSync(path.join(directory, '.env'), text);
}

function faultsOf(env: Record<string, string>): string {
  try {
    loadConfig({ env, directory });
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  throw new Error('The configuration was taken');
}

describe('the configuration', () => {
  it('needs nothing: every setting has a default or may be left out', () => {
    const config = loadConfig({ env: {}, directory });
    expect(config.receivers).toMatchObject({
      host: '127.0.0.1',
      httpPort: 4318,
      grpcPort: 4317,
      maxBodyBytes: 67108864,
    });
    expect(config.buffer).toMatchObject({ maxBytes: 2 ** 30, sync: 'always' });
    expect(config.api).toMatchObject({ port: 3000 });
    expect(config.workers).toMatchObject({ writers: 1 });
    expect(config.store).toMatchObject({ dataDir: './data' });
  });

  it('asks nobody for keys where there is no store to keep them', () => {
    const faults = faultsOf({ MODE: 'forward', OTLP_AUTH: 'required' });
    expect(faults).toContain('OTLP_AUTH=required asks for keys, which MODE=forward has no store for');
    expect(loadConfig({ env: { MODE: 'forward' }, directory }).process.mode).toBe('forward');
  });

  it('cannot be changed once it is read', () => {
    const config = loadConfig({ env: {}, directory });
    expect(() => Object.assign(config.buffer, { maxBytes: 1 })).toThrow(TypeError);
  });

  it('takes the environment before .env, and .env before the default', () => {
    envFile('PORT=3001\nOTLP_HTTP_PORT=5000\n');
    const config = loadConfig({ env: { PORT: '3002' }, directory });
    expect(config.api.port).toBe(3002);
    expect(config.receivers.httpPort).toBe(5000);
  });

  it('takes an empty value for one that is not set', () => {
    envFile('DATABASE_URL=\nPORT=\n');
    const config = loadConfig({ env: { OTLP_GRPC_PORT: '' }, directory });
    expect(config.api.port).toBe(3000);
    expect(config.receivers.grpcPort).toBe(4317);
    expect(config.store.databaseUrl).toBeUndefined();
  });

  it.each([
    ['64MiB', 67108864],
    ['64m', 67108864],
    ['1 GiB', 2 ** 30],
    ['2048', 2048],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(loadConfig({ env: { MAX_BODY_BYTES: text }, directory }).receivers.maxBodyBytes).toBe(bytes);
  });

  it('names every fault at once, with its line and what was expected', () => {
    envFile('# one\nPORT=70000\nBUFFER_SYNC=maybe\n');
    const faults = faultsOf({ WORKERS: '1.5' });
    expect(faults).toContain('3 fault(s)');
    expect(faults).toContain('PORT="70000" (.env:2): expected a whole number from 0 to 65535');
    expect(faults).toContain('BUFFER_SYNC="maybe" (.env:3): expected one of: always, interval, off');
    expect(faults).toContain('WORKERS="1.5" (environment): expected a whole number');
  });

  it('refuses an unknown key of .env and names the one that was meant', () => {
    envFile('PORT=3001\nBUFER_SYNC=always\n');
    expect(faultsOf({})).toContain('BUFER_SYNC (.env:2) is not a setting; did you mean BUFFER_SYNC?');
  });

  it('leaves the keys of other programs in a shared .env alone', () => {
    envFile('POSTGRES_PASSWORD=x\nOTEL_SERVICE_NAME=y\nDD_ENV=prod\nDD_SERVICE=z\n');
    expect(() => loadConfig({ env: {}, directory })).not.toThrow();
  });

  it('tells of a .env that cannot be read', () => {
    mkdirSync(path.join(directory, '.env'));
    expect(faultsOf({})).toContain(".env can't be read: EISDIR");
  });

  it('never prints a secret', () => {
    const faults = faultsOf({ DATABASE_URL: 'mysql://me:hidden-word@host/db' });
    expect(faults).toContain('DATABASE_URL');
    expect(faults).not.toContain('hidden-word');
  });
});

describe('.env.example', () => {
  const printed = printEnvExample();

  it('is what the schemas print', () => {
    expect(readFileSync(new URL('../.env.example', import.meta.url), 'utf8')).toBe(printed);
  });

  it('holds every setting once, and changes nothing when it is copied', () => {
    for (const { env } of listSettings()) {
      expect(printed.split('\n').filter((line) => line.startsWith(`# ${env}=`))).toHaveLength(1);
    }
    envFile(printed);
    expect(loadConfig({ env: {}, directory })).toEqual(loadConfig({ env: {}, directory: tmpdir() }));
  });

  it('still loads when every line is taken in', () => {
    envFile(printed.replace(/^# ([A-Z_0-9]+=)/gm, '$1'));
    expect(loadConfig({ env: {}, directory })).toEqual(loadConfig({ env: {}, directory: tmpdir() }));
  });
});
