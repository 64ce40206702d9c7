/** A gateway's process with DRIVER=github, as clients and GitHub see it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { HTTP_BACKEND, REPO, signatureOf, startGithub, type TestGithub, TOKEN } from '../helpers/github.js';

const SECRET = 'of-the-webhook';
const BRANCH = 'release/prompts';

const prompt = (version: string) => ({ name: 'p', version, messages: [{ role: 'user', content: version }] });

describe.skipIf(!HTTP_BACKEND)('a gateway with DRIVER=github', () => {
  let github: TestGithub;
  let directory: string;
  let gateway: GatewayProcess;

  const start = async () => {
    gateway = await startGateway({
      dataDirectory: directory,
      env: {
        LOG_LEVEL: 'trace',
        DRIVER: 'github',
        GITHUB_REPO: REPO,
        GITHUB_TOKEN: TOKEN,
        GITHUB_API_URL: github.apiUrl,
        GITHUB_BRANCH: BRANCH,
        GITHUB_WEBHOOK_SECRET: SECRET,
      },
    });
  };
  beforeEach(async () => {
    directory = temporaryDirectory();
    github = await startGithub(BRANCH);
    await start();
  });
  afterEach(async () => {
    await github.close();
  });

  const post = async (version: string) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(prompt(version));
    const answer = await fetch(`${gateway.api}/v1/prompts`, { method: 'POST', headers, body });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const served = async () => {
    const answer = await fetch(`${gateway.api}/v1/prompts/p`);
    return ((await answer.json()) as { version?: { version_tag: string } }).version?.version_tag;
  };
  const webhook = (body: string) =>
    fetch(`${gateway.api}/webhooks/github`, {
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
    const before = gateway.output.join('\n');
    await gateway.stop();
    await start();
    expect(await served()).toBe('1.1.0');
    await github.comeUp();
    await webhook('{}');
    await expect.poll(served, { timeout: 60_000 }).toBe('1.2.0');
    expect(github.git('log', '--format=%s', BRANCH).split('\n')).toEqual(['Add p 1.2.0', 'By hand', 'Add p 1.0.0']);

    const said = `${before}${gateway.output.join('\n')}`;
    expect(said).toContain('registry.deferred');
    for (const form of [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64'), SECRET]) {
      expect(said).not.toContain(form);
    }
  }, 150_000);
});
