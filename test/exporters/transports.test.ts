import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseRetryAfter, parseRetryInfo } from '../../exporters/otlp/answer.js';
import type { Destination } from '../../exporters/otlp/destination.js';
import { createGrpcTransport } from '../../exporters/otlp/grpc.js';
import { createHttpTransport } from '../../exporters/otlp/http.js';
import type { Transport } from '../../exporters/transport.js';
import { type Backend, startGrpcBackend, startHttpBackend, type TlsFiles } from '../helpers/otlp-backend.js';
import { type Certificate, createAuthority, createCertificate } from '../receivers/otlp/certificates.js';
import { destinationTo, frameWith, idsOf, spanId, spanOf } from './fixture.js';

let directory: string;
let authority: Certificate;
let server: Certificate;
let client: Certificate;
let stranger: Certificate;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'exporter-tls-'));
  authority = createAuthority(directory, 'authority');
  server = createCertificate(directory, 'server', authority);
  client = createCertificate(directory, 'client', authority);
  stranger = createAuthority(directory, 'stranger');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const never = new AbortController().signal;
const payload = frameWith([spanOf(1, 100)]).payload as Buffer;
const request = { signal: 'traces', workspace: 'default', payload } as const;

interface Kind {
  start(options: { tls?: TlsFiles; port?: number }): Promise<Backend<never>>;
  connect(address: string, secure: boolean, rest?: Partial<Destination>): Transport;
}

const scheme = (secure: boolean) => (secure ? 'https' : 'http');

const COMMON = { version: '1.2.3', gatewayId: () => 'this-gateway', certificateCheckMs: 0 };

const KINDS: Record<string, Kind> = {
  'OTLP/HTTP': {
    start: (options) => startHttpBackend(options) as Promise<Backend<never>>,
    connect: (address, secure, rest) => {
      const destination = destinationTo('http/protobuf', `${scheme(secure)}://${address}/v1/traces`, rest);
      return createHttpTransport({ destination, ...COMMON, connections: 2 });
    },
  },
  'OTLP/gRPC': {
    start: (options) => startGrpcBackend(options) as Promise<Backend<never>>,
    connect: (address, secure, rest) => {
      const destination = destinationTo('grpc', `${scheme(secure)}://${address}`, rest);
      return createGrpcTransport({ destination, ...COMMON });
    },
  },
};

describe.each(Object.entries(KINDS))('%s', (_name, { start, connect }) => {
  const backendWith = async (tls?: TlsFiles) => {
    const backend = await start(tls ? { tls } : {});
    onTestFinished(() => backend.close());
    return backend;
  };
  const transportTo = (backend: { address: string }, secure: boolean, rest: Partial<Destination> = {}) => {
    const transport = connect(backend.address, secure, rest);
    onTestFinished(() => transport.close());
    return transport;
  };

  it.each(['none', 'gzip'] as const)('brings the bytes and the headers (compression: %s)', async (compression) => {
    const backend = await backendWith();
    const headers = { authorization: 'Bearer secret-token', 'x-tenant': '{workspace}' };
    const transport = transportTo(backend, false, { compression, headers });
    expect(transport.byWorkspace).toBe(true);
    expect(await transport.send(request, never)).toEqual({ kind: 'accepted', rejected: 0, message: '' });
    expect(backend.taken.map(({ body }) => body.equals(payload))).toEqual([true]);
    expect(backend.taken[0]!.headers).toMatchObject({
      authorization: 'Bearer secret-token',
      'x-tenant': 'default',
      'user-agent': expect.stringContaining('promptmetrics-server/1.2.3'),
      'promptmetrics-gateway': 'this-gateway',
    });
    expect(transport.endpoint).not.toContain('secret-token');
  });

  it('trusts a certificate file, and shows its own where the backend asks', async () => {
    const tls = { key: String(server.key), cert: String(server.cert), clientCa: String(authority.cert) };
    const backend = await backendWith(tls);
    const files = { certificate: authority.certFile, clientKey: client.keyFile, clientCertificate: client.certFile };
    expect(await transportTo(backend, true, { tls: files }).send(request, never)).toMatchObject({ kind: 'accepted' });
    const strangers = [{}, { certificate: authority.certFile }];
    for (const own of strangers) {
      expect(await transportTo(backend, true, { tls: own, timeoutMs: 1000 }).send(request, never)).toMatchObject({
        kind: 'retry',
      });
    }
    expect(idsOf(backend.taken)).toEqual([spanId(1)]);
  });

  it('reads certificate files that come later', async () => {
    const backend = await backendWith({ key: String(server.key), cert: String(server.cert) });
    const certificate = path.join(directory, `late-${backend.port}.crt`);
    const transport = transportTo(backend, true, { tls: { certificate } });
    expect(await transport.send(request, never)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('late-'),
    });
    copyFileSync(authority.certFile, certificate);
    expect(await transport.send(request, never)).toMatchObject({ kind: 'accepted' });
  });

  it('shows a certificate that was renewed, and goes on with the one before where the files are no pair', async () => {
    const tls = { key: String(server.key), cert: String(server.cert), clientCa: String(authority.cert) };
    const backend = await backendWith(tls);
    const own = (kind: string) => path.join(directory, `${backend.port}.${kind}`);
    const shown = { certificate: authority.certFile, clientKey: own('key'), clientCertificate: own('crt') };
    const put = (key: string, certificate: string) => {
      copyFileSync(key, shown.clientKey);
      copyFileSync(certificate, shown.clientCertificate);
    };
    // Of nobody whom the backend knows.
    put(stranger.keyFile, stranger.certFile);
    const transport = transportTo(backend, true, { tls: shown, timeoutMs: 5000 });
    expect(await transport.send(request, never)).toMatchObject({ kind: 'retry' });
    put(client.keyFile, client.certFile);
    expect(await transport.send(request, never)).toMatchObject({ kind: 'accepted' });
    put(server.keyFile, client.certFile);
    expect(await transport.send(request, never)).toMatchObject({ kind: 'accepted' });
    put(stranger.keyFile, stranger.certFile);
    expect(await transport.send(request, never)).toMatchObject({ kind: 'retry' });
  });

  it('may be tried again when nobody listens, when there is no answer in time, and when it is broken off', async () => {
    const backend = await backendWith();
    backend.answer((() => 'hang') as never);
    const waiting = transportTo(backend, false, { timeoutMs: 100 });
    expect(await waiting.send(request, never)).toMatchObject({ kind: 'retry' });
    const abort = new AbortController();
    const patient = transportTo(backend, false, { timeoutMs: 600_000 });
    const sending = patient.send(request, abort.signal);
    setTimeout(() => abort.abort(), 50);
    expect(await sending).toMatchObject({ kind: 'retry' });
    expect(await patient.send(request, abort.signal)).toMatchObject({ kind: 'retry' });
    await backend.close();
    expect(await transportTo(backend, false).send(request, never)).toMatchObject({ kind: 'retry' });
  });

  it('finds a backend again that went and came back', async () => {
    const first = await backendWith();
    const transport = transportTo(first, false);
    expect(await transport.send(request, never)).toMatchObject({ kind: 'accepted' });
    await first.close();
    expect(await transport.send(request, never)).toMatchObject({ kind: 'retry' });
    const second = await start({ port: first.port });
    onTestFinished(() => second.close());
    for (let tries = 0; second.taken.length === 0 && tries < 200; tries++) {
      await transport.send(request, never);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(second.taken.length).toBe(1);
  });

  it('may be closed before anything was sent, and twice', async () => {
    const transport = connect('127.0.0.1:1', false);
    await transport.close();
    await transport.close();
  });
});

describe('how long a backend wants to be left alone', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 7 ', 7000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:30 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    ['-5', undefined],
  ])('is read from Retry-After: %s', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it('is nothing in details that are none', () => {
    expect(parseRetryInfo(undefined)).toBeUndefined();
    expect(parseRetryInfo(Buffer.from('garbage'))).toBeUndefined();
    expect(parseRetryInfo(Buffer.alloc(0))).toBeUndefined();
  });
});
