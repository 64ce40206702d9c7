/** The gateway as a process of its own, as `npm start` runs it: for measurements and for whole-process tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface GatewayProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly api: string;
  readonly otlpHttp: string;
  /** host:port */
  readonly otlpGrpc: string;
  /** Every line of its output so far. */
  readonly output: readonly string[];
  /** CPU seconds that all its threads have used. */
  cpuSeconds(): number;
  /** Resident memory now, and its highest so far, in bytes. */
  memory(): { now: number; peak: number };
  /** Ends it with SIGTERM and waits; its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL and waits. */
  kill(): Promise<void>;
}

export interface GatewayProcessOptions {
  dataDirectory: string;
  env?: Record<string, string>;
  /** The file to run, in place of dist/src/main.js. */
  entry?: string;
  /** Words of the command line. */
  args?: readonly string[];
  /** Where `.env` would be read; a folder without one by default. */
  workingDirectory?: string;
  /** Runs as that user; only root may. */
  uid?: number;
  /** Gives it a data folder on a disk of that size, in a mount namespace of its own (Linux). */
  tmpfsMebibytes?: number;
}

/** dist/src/main.js, from bench/ in the source as well as from dist/bench. */
export function entryFile(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const root = path.basename(path.dirname(here)) === 'dist' ? path.dirname(path.dirname(here)) : path.dirname(here);
  return path.join(root, 'dist', 'src', 'main.js');
}

export class GatewayExited extends Error {
  constructor(
    readonly code: number | null,
    readonly output: readonly string[],
  ) {
    super(`The gateway ended with code ${code} before it was ready:\n${output.join('\n')}`);
  }
}

interface Ready {
  api: string;
  otlpHttp: string;
  otlpGrpc: string;
}

function readyOf(line: string): Ready | undefined {
  if (!line.startsWith('{')) return undefined;
  const entry = JSON.parse(line) as { event?: string } & Ready;
  return entry.event === 'ready' ? entry : undefined;
}

function statusField(pid: number, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

const CLOCK_TICKS_PER_SECOND = 100;

export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Resident memory now, and its highest so far, in bytes. */
export function memoryOf(pid: number): { now: number; peak: number } {
  return { now: statusField(pid, 'VmRSS'), peak: statusField(pid, 'VmHWM') };
}

function commandOf(options: GatewayProcessOptions): { file: string; words: string[] } {
  const { entry = entryFile(), args = [] } = options;
  if (options.tmpfsMebibytes === undefined) return { file: process.execPath, words: [entry, ...args] };
  const mount = `mount -t tmpfs -o size=${options.tmpfsMebibytes}m tmpfs "$1" && cd "$1" && exec "$2" "$3"`;
  // Each exec replaces the one before: the process that is signalled and measured is the gateway.
  return {
    file: 'unshare',
    words: ['-Urm', 'sh', '-c', mount, 'sh', options.dataDirectory, process.execPath, entry],
  };
}

export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const command = commandOf(options);
  const child = spawn(command.file, command.words, {
    cwd: options.workingDirectory ?? options.dataDirectory,
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      OTLP_HTTP_PORT: '0',
      OTLP_GRPC_PORT: '0',
      // Who measures and who tests come from this machine, often, and most of them without a key.
      API_AUTH: 'auto',
      RATE_LIMIT_MAX_REQUESTS: '0',
      DATA_DIR: options.dataDirectory,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  const output: string[] = [];
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const ready = new Promise<Ready>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      output.push(line);
      const found = readyOf(line);
      if (found) resolve(found);
    });
  });
  createInterface({ input: child.stderr! }).on('line', (line) => output.push(line));
  const addresses = await Promise.race([
    ready,
    exited.then(([code]) => {
      throw new GatewayExited(code, output);
    }),
  ]);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exited)[0];
  };
  return {
    pid: child.pid!,
    child,
    ...addresses,
    output,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    memory: () => memoryOf(child.pid!),
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
  };
}
