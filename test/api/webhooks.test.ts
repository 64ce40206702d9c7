import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Registry } from '../../src/registry/registry.js';
import { testApp } from '../helpers/api.js';
import { signatureOf } from '../helpers/github.js';

const SECRET = 'of-the-webhook';
const BODY = JSON.stringify({ ref: 'refs/heads/main', text: 'é 🦊' }, null, 2);

let app: FastifyInstance;
let refreshed: number;
/** Nothing else of it is asked. */
const registry = { control: {}, refresh: () => void refreshed++, stopWatching() {} } as unknown as Registry;

const open = async (webhookSecret: string | undefined) => {
  app = (await testApp({ registry, webhookSecret })).app;
};
beforeEach(async () => {
  refreshed = 0;
  await open(SECRET);
});
afterEach(() => app.close());

const send = (headers: Record<string, string | undefined> = {}, payload: string | Buffer = BODY) => {
  const signed = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-hub-signature-256': signatureOf(SECRET, String(payload)),
    ...headers,
  };
  const given = Object.entries(signed).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return app.inject({ method: 'POST', url: '/webhooks/github', headers: Object.fromEntries(given), payload });
};

describe('POST /webhooks/github', () => {
  it('a push that is signed has the store compared, whatever key the caller lacks', async () => {
    const answer = await send();
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: 'Sync triggered' }]);
    expect(refreshed).toBe(1);
  });

  it.each([
    [{ 'x-github-event': 'ping' }, { message: 'Event ignored', event: 'ping' }],
    [{ 'x-github-event': undefined }, { message: 'Event ignored' }],
  ])('what is no push is ignored: %j', async (headers, body) => {
    const answer = await send(headers);
    expect([answer.statusCode, answer.json()]).toEqual([200, body]);
    expect(refreshed).toBe(0);
  });

  it.each([
    [{ 'x-hub-signature-256': undefined }, 'Missing signature'],
    [{ 'x-hub-signature-256': '' }, 'Missing signature'],
    [{ 'x-hub-signature-256': 'sha256=' }, 'Invalid signature'],
    [{ 'x-hub-signature-256': signatureOf('another secret', BODY) }, 'Invalid signature'],
    [{ 'x-hub-signature-256': signatureOf(SECRET, `${BODY} `) }, 'Invalid signature'],
    [{ 'x-hub-signature-256': signatureOf(SECRET, BODY).replace('sha256', 'sha1') }, 'Invalid signature'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 'Invalid signature'],
    [{ 'content-type': undefined }, 'Invalid signature'],
  ])('what nobody has signed is refused, with a bare body: %j', async (headers, error) => {
    const answer = await send(headers);
    expect([answer.statusCode, answer.json()]).toEqual([401, { error }]);
    expect(refreshed).toBe(0);
  });

  it('the signature is of the bytes, whether they are JSON or not', async () => {
    expect((await send({}, '{ not json')).statusCode).toBe(200);
    expect((await send({}, '')).statusCode).toBe(200);
  });

  it('without a secret nobody is believed', async () => {
    await app.close();
    await open(undefined);
    const answer = await send();
    expect([answer.statusCode, answer.json()]).toEqual([500, { error: 'Webhook secret not configured' }]);
    expect(refreshed).toBe(0);
  });

  it('a body over the limit is a 413', async () => {
    const answer = await send({}, `"${'x'.repeat(5 * 2 ** 20)}"`);
    expect([answer.statusCode, answer.json().code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(refreshed).toBe(0);
  });

  it('a body over the limit without a signature is refused before it is read', async () => {
    const answer = await send({ 'x-hub-signature-256': undefined }, 'x'.repeat(5 * 2 ** 20 + 1));
    expect(answer.statusCode).toBe(401);
  });
});
