/** Runs git: never through a shell, without hooks, and with what it reads given as input, not as arguments. */
import { spawn } from 'node:child_process';
import { env as ours } from 'node:process';
import type { RegistryEvents } from '../events.js';

export interface Outcome {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface RunOptions {
  /** Beside what our own environment has. */
  variables?: Readonly<Record<string, string>>;
  /** Ends it. */
  signal?: AbortSignal;
}

const MAX_STDERR_CHARACTERS = 4_096;

/** Rejects when there is no git. */
export function runGit(
  arguments_: readonly string[],
  input: string | Buffer = '',
  { variables, signal }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // Ours is passed on, as it would be anyway; nothing is read from it.
    const env = variables && { ...ours, ...variables };
    const child = spawn('git', arguments_, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(env && { env }),
      ...(signal && { signal }),
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(0, MAX_STDERR_CHARACTERS);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr: stderr.trim() }));
    // A git that ends early tells why by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/**
 * What git writes, as it writes it: the output of some commands grows with the history. Rejects when there is no git, and
 * behind the last piece when it ended with another code than 0.
 */
export async function* readGit(arguments_: readonly string[], failure: (outcome: Outcome) => Error) {
  const child = spawn('git', arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(0, MAX_STDERR_CHARACTERS);
  });
  const ended = new Promise<number | null | Error>((resolve) => {
    child.on('error', resolve);
    child.on('close', resolve);
  });
  try {
    // Else a character between two pieces would be two halves.
    for await (const text of child.stdout.setEncoding('utf8')) yield text as string;
    const code = await ended;
    if (code instanceof Error) throw code;
    if (code !== 0) throw failure({ code, stdout: Buffer.alloc(0), stderr: stderr.trim() });
  } finally {
    // Whoever reads no further needs no more of it.
    child.kill();
  }
}

async function hasGit(): Promise<boolean> {
  try {
    return (await runGit(['--version'])).code === 0;
  } catch {
    return false;
  }
}

export interface GitChoice {
  events: Pick<RegistryEvents, 'gitMissing'>;
  /** `auto`, when it is absent: the git program where there is one. */
  git?: 'auto' | 'program' | 'script';
}

export async function usesProgram({ git = 'auto', events }: GitChoice): Promise<boolean> {
  if (git !== 'auto') return git === 'program';
  const found = await hasGit();
  if (!found) events.gitMissing();
  return found;
}
