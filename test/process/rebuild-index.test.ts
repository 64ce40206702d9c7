/** The command that makes the index of prompts anew, as a process: what it prints, and what it ends with. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { commandFile, startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

async function runCommand(dataDirectory: string, env: Record<string, string> = {}) {
  const options = { cwd: dataDirectory, env: { PATH: process.env.PATH, DATA_DIR: dataDirectory, ...env } };
  return promisify(execFile)(process.execPath, [commandFile('main.js'), 'rebuild-index'], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

async function create(gateway: GatewayProcess, version: string): Promise<void> {
  const body = JSON.stringify({ name: 'p', version, messages: [{ role: 'user', content: 'x' }] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${gateway.api}/v1/prompts`, { method: 'POST', headers, body });
  expect(response.status, await response.text()).toBe(201);
}

async function versionsOf(gateway: GatewayProcess): Promise<string[]> {
  const { items } = (await (await fetch(`${gateway.api}/v1/prompts/p/versions`)).json()) as {
    items: { version_tag: string }[];
  };
  return items.map(({ version_tag }) => version_tag).sort();
}

const databases = [{ name: 'SQLite', env: async () => ({}) }].concat(
  postgres ? [{ name: 'Postgres', env: async () => ({ DATABASE_URL: await postgres.createDatabase() }) }] : [],
);

describe.each(databases)('rebuild-index on $name', ({ env: makeEnv }) => {
  it('makes a database that is new the index of the prompts that there are, and runs beside a gateway', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startGateway({ dataDirectory, env: await makeEnv() });
    for (const version of ['1.0.0', '1.1.0']) await create(first, version);
    expect(await first.stop()).toBe(0);
    for (const file of ['promptmetrics.db', 'promptmetrics.db-wal', 'promptmetrics.db-shm']) {
      rmSync(path.join(dataDirectory, file), { force: true });
    }
    const env = await makeEnv();
    expect(await runCommand(dataDirectory, env)).toEqual({
      code: 0,
      stdout: 'The index of prompts is made anew: 2 versions\n',
      stderr: '',
    });
    const second = await startGateway({ dataDirectory, env });
    await create(second, '2.0.0');
    expect(await runCommand(dataDirectory, env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/: 3 versions/),
    });
    expect(await versionsOf(second)).toEqual(['1.0.0', '1.1.0', '2.0.0']);
  });
});

it('rebuild-index over a content store that is empty, or can not be asked, says so, ends with 1 and changes nothing', async () => {
  const dataDirectory = temporaryDirectory();
  const gateway = await startGateway({ dataDirectory });
  await create(gateway, '1.0.0');
  const empty = await runCommand(dataDirectory, { PROMPTS_DIR: path.join(dataDirectory, 'elsewhere') });
  expect(empty).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^The index was not made anew: .*no prompt at all/),
  });
  const github = { DRIVER: 'github', GITHUB_REPO: 'a/b', GITHUB_TOKEN: 'x', GITHUB_API_URL: 'http://127.0.0.1:1' };
  const unreachable = await runCommand(dataDirectory, github);
  expect(unreachable).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^The index was not made anew: GitHub/),
  });
  expect(await versionsOf(gateway)).toEqual(['1.0.0']);
});
