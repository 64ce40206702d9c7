/** Bodies of control routes, and all that came by Brotli, were in memory beside the bound on bytes in flight. */
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InFlight } from '../../receivers/otlp/in-flight.js';
import type { Registry } from '../../src/registry/registry.js';
import { onEachDatabase } from '../api/databases.js';
import { testApp, testNativeApp } from '../helpers/api.js';
import { signatureOf } from '../helpers/github.js';

const MAX_BYTES = 100_000;
const SECRET = 'of-the-webhook';

/** Somebody else holds half of the room. */
function halfFull() {
  const inFlight = new InFlight(MAX_BYTES);
  const other = inFlight.lease();
  other.add(MAX_BYTES / 2);
  return { inFlight, other };
}

const TEXT = JSON.stringify({ workflow_name: 'x', input: { text: 'x'.repeat(MAX_BYTES / 2) } });
const CODINGS: [string, (text: string) => Buffer][] = [
  ['identity', Buffer.from],
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
];

onEachDatabase((open) => {
  it('a body for which there is no room is refused by a control route, and taken when there is', async () => {
    const { inFlight, other } = halfFull();
    const { app, access } = await open({ inFlight });
    const { key } = await access.mint('default', 'read,write');
    const headers = { 'x-api-key': key, 'content-type': 'application/json' };
    const send = (coding: string, payload: Buffer | Readable, more = {}) =>
      app.inject({
        method: 'POST',
        url: '/v1/runs',
        headers: { ...headers, 'content-encoding': coding, ...more },
        payload,
      });
    for (const [coding, compress] of CODINGS) {
      const chunked = { 'transfer-encoding': 'chunked' };
      for (const refused of [
        await send(coding, compress(TEXT)),
        await send(coding, Readable.from([compress(TEXT)]), chunked),
      ]) {
        expect([coding, refused.statusCode, refused.json().code]).toEqual([coding, 503, 'OVERLOADED']);
        expect(refused.headers['retry-after']).toBe('1');
        expect(inFlight.bytes).toBe(MAX_BYTES / 2);
      }
    }
    other.release();
    for (const [coding, compress] of CODINGS) {
      expect([coding, (await send(coding, compress(TEXT))).statusCode]).toEqual([coding, 201]);
    }
    expect(inFlight.bytes).toBe(0);
  });
});

describe('a body that fastify reads', () => {
  it('counts until it is answered', async () => {
    const inFlight = new InFlight(MAX_BYTES);
    const held: number[] = [];
    const registry = { control: {}, refresh: () => void held.push(inFlight.bytes), stopWatching() {} };
    const { app } = await testApp({ inFlight, registry: registry as unknown as Registry, webhookSecret: SECRET });
    onTestFinished(() => app.close());
    const payload = JSON.stringify({ ref: 'x'.repeat(5000) });
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': signatureOf(SECRET, payload),
    };
    const answer = await app.inject({ method: 'POST', url: '/webhooks/github', headers, payload });
    expect([answer.statusCode, held, inFlight.bytes]).toEqual([200, [payload.length], 0]);
  });
});

describe('a body of the native API that comes by Brotli', () => {
  it.each(['/v1/logs', '/v1/spans'])('of %s is refused when there is no room for what comes out of it', async (url) => {
    const { inFlight, other } = halfFull();
    const { app } = await testNativeApp({ inFlight });
    onTestFinished(() => app.close());
    const headers = { 'content-type': 'application/json', 'content-encoding': 'br' };
    const payload = brotliCompressSync(JSON.stringify({ metadata: { text: 'x'.repeat(MAX_BYTES / 2) } }));
    const refused = await app.inject({ method: 'POST', url, headers, payload });
    expect([refused.statusCode, refused.json().code, inFlight.bytes]).toEqual([503, 'OVERLOADED', MAX_BYTES / 2]);
    other.release();
    const judged = await app.inject({ method: 'POST', url, headers, payload });
    expect([judged.statusCode, inFlight.bytes]).toEqual([422, 0]);
  });
});
