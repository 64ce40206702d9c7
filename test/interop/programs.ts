/** Programs of others: where they are, and as processes that end with their test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export interface Program {
  name: string;
  /** Names a binary in place of those on the PATH. */
  variable: string;
  /** As it may be called on the PATH. */
  commands: readonly string[];
}

export const COLLECTOR: Program = {
  name: 'OpenTelemetry Collector',
  variable: 'OTELCOL_BIN',
  commands: ['otelcol', 'otelcol-contrib'],
};
export const JAEGER: Program = { name: 'Jaeger', variable: 'JAEGER_BIN', commands: ['jaeger'] };
export const TEMPO: Program = { name: 'Tempo', variable: 'TEMPO_BIN', commands: ['tempo'] };
export const PROGRAMS = [COLLECTOR, JAEGER, TEMPO];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws where the variable names something that can't be run: who sets it wants that one. */
export function find({ variable, commands }: Program): string | undefined {
  const named = process.env[variable];
  if (named) {
    if (!isExecutable(named)) throw new Error(`${variable}=${named} can't be run`);
    return path.resolve(named);
  }
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return commands.flatMap((command) => folders.map((folder) => path.join(folder, command))).find(isExecutable);
}

/** How a suite is called: one that is skipped says what it is missing. */
export function titleOf(program: Program): string {
  if (find(program)) return program.name;
  return `${program.name} (not found: neither ${program.commands.join(' nor ')} on the PATH, nor ${program.variable})`;
}

/** Nobody listens there now. Programs that are told port 0 don't say which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'interop-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function configFile(text: string): string {
  const file = path.join(temporaryFolder(), 'config.yaml');
  writeFileSync(file, text);
  return file;
}

export interface Running {
  /** With SIGKILL, and waits. */
  kill(): Promise<void>;
}

export interface RunOptions {
  program: Program;
  words: readonly string[];
  /** Resolves when it is up; rejects while it is not. */
  probe(): Promise<unknown>;
}

const PROBE_MS = 100;
const STARTS_WITHIN_MS = 60_000;

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilUp({ program, probe }: RunOptions, child: ChildProcess, output: string[]): Promise<void> {
  const endsAt = performance.now() + STARTS_WITHIN_MS;
  for (;;) {
    if (hasEnded(child)) throw new Error(`${program.name} has ended:\n${output.join('')}`);
    const up = await probe().then(
      () => true,
      () => false,
    );
    if (up) return;
    if (performance.now() > endsAt) throw new Error(`${program.name} doesn't come up:\n${output.join('')}`);
    await sleep(PROBE_MS);
  }
}

export async function run(options: RunOptions): Promise<Running> {
  const child = spawn(find(options.program)!, options.words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => output.push(text));
  const kill = async () => {
    if (!hasEnded(child)) child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  await untilUp(options, child, output);
  return { kill };
}

/** Somebody takes connections there. */
export async function connects(port: number): Promise<void> {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
