import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCompressed, UNBOUNDED } from '../../src/api/compression.js';
import { GatewayError } from '../../src/errors.js';
import { testNativeApp } from '../helpers/api.js';
import { type AccessApp, openForAll } from './databases.js';

let context: AccessApp;
beforeAll(async () => {
  context = await openForAll();
  return context.close;
});

describe('a compressed body of any JSON route', () => {
  const create = async (payload: Buffer, coding: string) => {
    const headers = {
      'x-api-key': context.access.firstKey,
      'content-type': 'application/json',
      'content-encoding': coding,
    };
    return context.app.inject({ method: 'POST', url: '/v1/workspaces', headers, payload });
  };

  it.each([
    ['gzip', gzipSync],
    ['GZip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['identity', (text: string) => Buffer.from(text)],
  ] as const)('%s is read', async (coding, compress) => {
    const id = `w-${Math.random().toString(36).slice(2)}`;
    const response = await create(compress(JSON.stringify({ id })), coding);
    expect([response.statusCode, response.json().id]).toEqual([201, id]);
  });

  it('that grows over the bound is a 413, and one that is nothing of the kind a 400', async () => {
    const bomb = gzipSync(Buffer.alloc(11 * 2 ** 20, 0x20));
    expect((await create(bomb, 'gzip')).statusCode).toBe(413);
    const broken = await create(Buffer.from('{}'), 'gzip');
    expect([broken.statusCode, broken.json().code]).toEqual([400, 'INVALID_PAYLOAD']);
    const cut = await create(gzipSync('{"id":"cut"}').subarray(0, 20), 'gzip');
    expect(cut.statusCode).toBe(400);
    const notJson = await create(gzipSync('{'), 'gzip');
    expect(notJson.json()).toMatchObject({ error: 'Bad Request', message: 'Invalid JSON body' });
  });

  it.each(['compress', 'gzip, br', 'constructor'])('the coding %s is a 415', async (coding) => {
    const response = await create(Buffer.from('{}'), coding);
    expect([response.statusCode, response.json().code]).toEqual([415, 'UNSUPPORTED_ENCODING']);
  });

  it('is not read before it is known whose it is', async () => {
    const { app } = await testNativeApp({
      identify: async () => {
        throw new GatewayError('UNAUTHORIZED', 'Missing X-API-Key header');
      },
    });
    for (const url of ['/v1/spans', '/v1/logs']) {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
      const response = await app.inject({ method: 'POST', url, headers, payload: Buffer.from('not gzip') });
      expect([url, response.statusCode]).toEqual([url, 401]);
    }
    await app.close();
  });
});

describe('a compressed body whose client goes away', () => {
  let server: Server;
  let outcome: Promise<unknown>;
  beforeAll(async () => {
    outcome = new Promise((resolve) => {
      server = createServer(
        (request) =>
          void readCompressed(request, 'gzip', { maxBytes: 1000, lease: UNBOUNDED.lease() }).then(resolve, resolve),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('is no fault of ours', async () => {
    const { port } = server.address() as AddressInfo;
    const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 100 } });
    sent.on('error', () => {});
    sent.write('half', () => setTimeout(() => sent.destroy(), 20));
    expect(await outcome).toMatchObject({ code: 'CLIENT_CLOSED_REQUEST' });
  });
});
