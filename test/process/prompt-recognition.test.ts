/** Spans that name no prompt, through the whole gateway: recognised by the text that the call began with. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

const STATIC = 'You answer questions about pumps, briefly.';
const START_MS = Date.now() - 60_000;
const PATIENCE = { timeout: 30_000, interval: 20 };

type Generation = { id: string; prompt_name: string | null; version_tag: string | null };

async function call<Body>(
  gateway: GatewayProcess,
  method: string,
  path: string,
  body?: unknown,
  workspace = 'default',
) {
  const key = /pm_[0-9a-f]{64}/.exec(keys.get(gateway) ?? gateway.output.join('\n'))![0];
  const response = await fetch(gateway.api + path, {
    method,
    headers: { 'x-api-key': key, 'x-workspace-id': workspace, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true);
  return JSON.parse(text) as Body;
}

/** A gateway that was started before prints no key. */
const keys = new WeakMap<GatewayProcess, string>();

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const message = (role: string, content: string) => ({ role, parts: [{ type: 'text', content }] });

/** As OpenTelemetry's instrumentations of today send it. Answers the generation's id. */
async function sendChat(gateway: GatewayProcess, texts: readonly string[], workspace = 'default'): Promise<string> {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  const messages = texts.map((text, at) => message(at === 0 ? 'system' : 'user', text));
  const span = {
    traceId,
    spanId,
    name: 'chat gpt-4o-mini',
    kind: 3,
    startTimeUnixNano: `${START_MS}000000`,
    endTimeUnixNano: `${START_MS + 500}000000`,
    attributes: [
      attribute('gen_ai.operation.name', 'chat'),
      attribute('gen_ai.provider.name', 'openai'),
      attribute('gen_ai.request.model', 'gpt-4o-mini'),
      attribute('gen_ai.input.messages', JSON.stringify(messages)),
    ],
  };
  await call(gateway, 'POST', '/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }, workspace);
  return `${traceId}-${spanId}`;
}

/** What its row says, once it is stored. */
async function promptOf(gateway: GatewayProcess, id: string, workspace = 'default'): Promise<string> {
  const find = async () => {
    const path = `/v1/generations?trace_id=${id.slice(0, 32)}`;
    return (await call<{ items: Generation[] }>(gateway, 'GET', path, undefined, workspace)).items[0];
  };
  await expect.poll(find, PATIENCE).toBeDefined();
  const { prompt_name, version_tag } = (await find())!;
  return `${prompt_name}@${version_tag}`;
}

const prompt = (version: string, content: string, name = 'pumps') => ({
  name,
  version,
  messages: [
    { role: 'system', content },
    { role: 'user', content: '{{question}}' },
  ],
});

const databases = [{ name: 'SQLite', env: async () => ({}) }].concat(
  postgres ? [{ name: 'Postgres', env: async () => ({ DATABASE_URL: await postgres.createDatabase() }) }] : [],
);

describe.each(databases)('on $name, a span that names no prompt', ({ env: makeEnv }) => {
  it('is not linked to the version that was rendered for it, or is linked to that of another workspace', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: await makeEnv() });
    await call(gateway, 'POST', '/v1/workspaces', { id: 'other' });
    await call(gateway, 'POST', '/v1/prompts', prompt('1.0.0', 'You answer questions about {{things}}.'));
    const unknown = await sendChat(gateway, ['You answer questions about valves.', 'Which?']);
    expect(await promptOf(gateway, unknown)).toBe('null@null');
    await call(gateway, 'GET', '/v1/prompts/pumps?variables[things]=valves&variables[question]=Which%3F');
    const got = await sendChat(gateway, ['You answer questions about valves.', 'Which?']);
    expect(await promptOf(gateway, got)).toBe('pumps@1.0.0');
    await call(gateway, 'POST', '/v1/prompts/pumps/render', { variables: { things: 'taps', question: 'Which?' } });
    expect(await promptOf(gateway, await sendChat(gateway, ['You answer questions about taps.']))).toBe('pumps@1.0.0');
    const foreign = await sendChat(gateway, ['You answer questions about valves.'], 'other');
    expect(await promptOf(gateway, foreign, 'other')).toBe('null@null');
  });

  it('is not known by a text without variables after a restart, or is taken for a version that was not handed out', async () => {
    const dataDirectory = temporaryDirectory();
    const env = await makeEnv();
    const first = await startGateway({ dataDirectory, env });
    for (const version of ['1.0.0', '1.1.0']) await call(first, 'POST', '/v1/prompts', prompt(version, STATIC));
    const output = first.output.join('\n');
    expect(await first.stop()).toBe(0);
    const second = await startGateway({ dataDirectory, env });
    keys.set(second, output);
    expect(await promptOf(second, await sendChat(second, [STATIC, 'Why?']))).toBe('pumps@1.1.0');
    await call(second, 'GET', '/v1/prompts/pumps?version=1.0.0');
    const handedOut = await sendChat(second, [STATIC, 'Why?']);
    expect(await promptOf(second, handedOut)).toBe('pumps@1.0.0');
    const { prompt: linked } = await call<{ prompt: object }>(second, 'GET', `/v1/generations/${handedOut}`);
    expect(linked).toEqual({ name: 'pumps', version_tag: '1.0.0', registered: true, by: 'hash' });
  });

  it('is not linked when its prompt is registered later', async () => {
    const gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: await makeEnv() });
    const id = await sendChat(gateway, [STATIC]);
    expect(await promptOf(gateway, id)).toBe('null@null');
    await call(gateway, 'POST', '/v1/prompts', prompt('1.0.0', STATIC));
    const { prompt: linked } = await call<{ prompt: object }>(gateway, 'GET', `/v1/generations/${id}`);
    expect(linked).toEqual({ name: 'pumps', version_tag: '1.0.0', registered: true, by: 'hash' });
    expect(await promptOf(gateway, await sendChat(gateway, [STATIC]))).toBe('pumps@1.0.0');
  });
});

describe.skipIf(!postgres)('of two gateways on one database', () => {
  it('the one does not know what was registered at the other', async () => {
    const shared = {
      DATABASE_URL: await postgres!.createDatabase(),
      DRIVER: 'postgres',
      API_KEY_SALT: 'a salt that the two gateways share',
    };
    const one = await startGateway({ dataDirectory: temporaryDirectory(), env: shared });
    const other = await startGateway({ dataDirectory: temporaryDirectory(), env: shared });
    keys.set(other, one.output.join('\n'));
    await call(one, 'POST', '/v1/prompts', prompt('1.0.0', STATIC));
    const send = async () => promptOf(other, await sendChat(other, [STATIC]));
    await expect.poll(send, PATIENCE).toBe('pumps@1.0.0');
  });
});
