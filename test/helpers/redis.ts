/**
 * A real Redis server for a test file: `redis-server` from the PATH, on a free port, keeping nothing on disk. Where
 * there is none, suites are skipped by name; with CI=true the file fails instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import os from 'node:os';

export interface RedisServer {
  readonly url: string;
  /** At once, as a crash ends it: what it held is lost. */
  kill(): Promise<void>;
  /** Empty, on the same port again. */
  start(): Promise<void>;
  /** Its connections stay open, and nothing is answered. */
  pause(): void;
  resume(): void;
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

function launch(port: number): Promise<ChildProcess> {
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', flags, { cwd: os.tmpdir(), stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 20_000) said += text;
      if (said.includes('Ready to accept connections')) resolve(child);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Redis did not start: ${said}`)));
  });
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

async function openServer(): Promise<RedisServer> {
  const port = await freePort();
  let child: ChildProcess | undefined = await launch(port);
  process.once('exit', () => child?.kill('SIGKILL'));
  return {
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      const ending = child;
      child = undefined;
      if (!ending) return;
      ending.kill('SIGKILL');
      await exited(ending);
    },
    async start() {
      child = await launch(port);
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}

/** undefined when no server can run here, unless CI=true. */
export async function startRedis(): Promise<RedisServer | undefined> {
  try {
    return await openServer();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`No Redis for the tests: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
