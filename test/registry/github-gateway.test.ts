/** A gateway's process with DRIVER=github, as clients and GitHub see it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HTTP_BACKEND, REPO, signatureOf, startGithub, type TestGithub, TOKEN } from '../helpers/github.js';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const SECRET = 'of-the-webhook';
const BRANCH = 'release/prompts';

interface Process {
  url: string;
  /** All that it has said so far. */
  said(): string;
  stop(): Promise<void>;
}

async function startProcess(directory: string, env: Record<string, string>): Promise<Process> {
  const common = { DATA_DIR: directory, PORT: '0', OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0', API_AUTH: 'off' };
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    env: { ...process.env, ...common, LOG_LEVEL: 'trace', LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk));
  const address = () => /"event":"ready".*"api":"([^"]+)"/.exec(said)?.[1];
  await expect.poll(address, { timeout: 60_000, message: 'It has not come up' }).toBeDefined();
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { url: address()!, said: () => said, stop };
}

const prompt = (version: string) => ({ name: 'p', version, messages: [{ role: 'user', content: version }] });

describe.skipIf(!HTTP_BACKEND)('a gateway with DRIVER=github', () => {
  let github: TestGithub;
  let directory: string;
  let gateway: Process;

  const start = async () => {
    gateway = await startProcess(directory, {
      DRIVER: 'github',
      GITHUB_REPO: REPO,
      GITHUB_TOKEN: TOKEN,
      GITHUB_API_URL: github.apiUrl,
      GITHUB_BRANCH: BRANCH,
      GITHUB_WEBHOOK_SECRET: SECRET,
    });
  };
  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'github-gateway-'));
    github = await startGithub(BRANCH);
    await start();
  });
  afterEach(async () => {
    await gateway.stop();
    await github.close();
    await rm(directory, { recursive: true, force: true });
  });

  const post = async (version: string) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(prompt(version));
    const answer = await fetch(`${gateway.url}/v1/prompts`, { method: 'POST', headers, body });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const served = async () => {
    const answer = await fetch(`${gateway.url}/v1/prompts/p`);
    return ((await answer.json()) as { version?: { version_tag: string } }).version?.version_tag;
  };
  const webhook = (body: string) =>
    fetch(`${gateway.url}/webhooks/github`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-hub-signature-256': signatureOf(SECRET, body),
      },
      body,
    });

  it('writes to the branch, serves what a webhook tells of, starts without GitHub, and never prints its token', async () => {
    expect((await post('1.0.0')).status).toBe(201);
    expect(github.git('log', '--format=%s', BRANCH)).toBe('Add p 1.0.0');
    github.push({ 'prompts/p/1.1.0.json': JSON.stringify(prompt('1.1.0')) });
    expect((await webhook('{"ref":"refs/heads/release/prompts"}')).status).toBe(200);
    await expect.poll(served, { timeout: 20_000 }).toBe('1.1.0');

    await github.goDown();
    expect((await post('1.2.0')).body).toMatchObject({ version_tag: '1.2.0', status: 'pending' });
    const before = gateway.said();
    await gateway.stop();
    await start();
    expect(await served()).toBe('1.1.0');
    await github.comeUp();
    await webhook('{}');
    await expect.poll(served, { timeout: 60_000 }).toBe('1.2.0');
    expect(github.git('log', '--format=%s', BRANCH).split('\n')).toEqual(['Add p 1.2.0', 'By hand', 'Add p 1.0.0']);

    const said = `${before}${gateway.said()}`;
    expect(said).toContain('registry.deferred');
    for (const form of [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64'), SECRET]) {
      expect(said).not.toContain(form);
    }
  });
});
