import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReceiverConfig } from '../../../receivers/otlp/config.js';
import { createGrpcReceiver } from '../../../receivers/otlp/grpc.js';
import { createHttpReceiver } from '../../../receivers/otlp/http.js';
import { GRPC } from '../../../src/errors.js';
import { call, clientOf, EXPORT_PATHS, openGrpc } from './calls.js';
import { type Certificate, createAuthority, createCertificate } from './certificates.js';
import { connect, type Door, type DoorOptions, openDoor, openHttp, PROTOBUF, send, until } from './doors.js';
import { tracesProtobuf } from './payloads.js';

const directory = mkdtempSync(path.join(tmpdir(), 'receivers-tls-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const authority = createAuthority(directory, 'authority');
const stranger = createAuthority(directory, 'stranger');
const first = createCertificate(directory, 'first', authority);
const second = createCertificate(directory, 'second', authority);
const client = createCertificate(directory, 'client', authority);
const foreign = createCertificate(directory, 'foreign', stranger);

const certFile = path.join(directory, 'server.crt');
const keyFile = path.join(directory, 'server.key');
const caFile = path.join(directory, 'clients.crt');
const files = { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsReloadIntervalMs: 20 };

async function install({ certFile: cert, keyFile: key }: Certificate): Promise<void> {
  await copyFile(cert, certFile);
  await copyFile(key, keyFile);
}

beforeEach(async () => {
  await install(first);
  await copyFile(authority.certFile, caFile);
});

/** Whether a request with these credentials is served. */
type Attempt = (port: number, ca: Certificate, own?: Certificate) => Promise<boolean>;

async function overHttps(port: number, ca: Certificate, own?: Certificate): Promise<boolean> {
  const credentials = { ca: ca.cert, ...(own && { cert: own.cert, key: own.key }) };
  const attempt = send(port, { tls: credentials, headers: PROTOBUF, body: tracesProtobuf() });
  return attempt.then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function overGrpc(port: number, ca: Certificate, own?: Certificate): Promise<boolean> {
  const credentials = grpc.credentials.createSsl(ca.cert, own?.key, own?.cert);
  const answer = await call(clientOf(port, {}, credentials), EXPORT_PATHS.traces, tracesProtobuf());
  return answer.code === GRPC.OK;
}

/** The name in the certificate that a port shows. */
function shownBy(port: number, options: tls.ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ca: authority.cert,
      ALPNProtocols: ['h2', 'http/1.1'],
      ...options,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

const DOORS: readonly [string, (options: DoorOptions) => Promise<Door>, Attempt, string][] = [
  ['HTTPS', openHttp, overHttps, 'https'],
  ['gRPC over TLS', openGrpc, overGrpc, 'grpcs'],
];

describe.each(DOORS)('%s', (_, open, attempt, protocol) => {
  test('serves clients that trust the authority, and says so in its address', async () => {
    const { port, receiver } = await open({ config: files });
    expect(receiver.addresses()).toMatchObject([{ protocol, port }]);
    expect(await attempt(port, authority)).toBe(true);
    expect(await attempt(port, stranger)).toBe(false);
  });

  test('takes no TLS older than 1.2', async () => {
    const { port } = await open({ config: files });
    await expect(shownBy(port, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).resolves.toBe('first');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await expect(shownBy(port, old)).rejects.toThrow();
  });

  test('with an authority for clients serves none without its certificate', async () => {
    const { port } = await open({ config: { ...files, tlsClientCaFile: caFile } });
    expect(await attempt(port, authority, client)).toBe(true);
    expect(await attempt(port, authority)).toBe(false);
    expect(await attempt(port, authority, foreign)).toBe(false);
    expect(await attempt(port, authority, client)).toBe(true);
  });

  test('shows a new certificate as soon as the files change, and keeps the open connections', async () => {
    const { port, events } = await open({ config: files });
    expect(await shownBy(port)).toBe('first');
    await install(second);
    await until(() => events.reloads.length === 1);
    expect(await shownBy(port)).toBe('second');
    expect(await attempt(port, authority)).toBe(true);
  });

  test('keeps the last good material when the new is broken, says so once, and recovers', async () => {
    const { port, events } = await open({ config: files });
    await writeFile(certFile, 'broken');
    await until(() => events.reloadFailures.length === 1);
    expect(events.reloadFailures[0]).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(certFile),
    });
    expect(await shownBy(port)).toBe('first');
    // Several looks later it is still one report.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(events.reloadFailures).toHaveLength(1);
    await install(second);
    await until(() => events.reloads.length === 1);
    expect(await shownBy(port)).toBe('second');
  });

  test('follows a change of the clients’ authority', async () => {
    const { port, events } = await open({ config: { ...files, tlsClientCaFile: caFile } });
    expect(await attempt(port, authority, foreign)).toBe(false);
    await copyFile(stranger.certFile, caFile);
    await until(() => events.reloads.length === 1);
    expect(await attempt(port, authority, foreign)).toBe(true);
    expect(await attempt(port, authority, client)).toBe(false);
  });

  test('survives clients that break off the handshake, and reports those that speak clear text', async () => {
    const { port, events } = await open({ config: files });
    const plain = await connect(port);
    plain.socket.write('POST /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n');
    await plain.closed;
    const rude = await connect(port);
    rude.socket.write(Buffer.from('1603010200', 'hex'));
    rude.socket.resetAndDestroy();
    expect(events.hints).toMatchObject([{ spoken: 'plaintext' }]);
    expect(await attempt(port, authority)).toBe(true);
  });
});

const BAD: readonly [string, Partial<ReceiverConfig>, string, string][] = [
  [
    'a certificate that isn’t there',
    { tlsCertFile: '/nowhere/server.crt' },
    'OTLP_TLS_CERT_FILE',
    '/nowhere/server.crt',
  ],
  ['a key that isn’t there', { tlsKeyFile: '/nowhere/server.key' }, 'OTLP_TLS_KEY_FILE', '/nowhere/server.key'],
  ['a certificate without a key', { tlsKeyFile: undefined }, 'OTLP_TLS_KEY_FILE', 'not set'],
  ['a key without a certificate', { tlsCertFile: undefined }, 'OTLP_TLS_CERT_FILE', 'not set'],
  ['a key in place of the certificate', { tlsCertFile: keyFile }, 'OTLP_TLS_CERT_FILE', keyFile],
  ['a certificate in place of the key', { tlsKeyFile: certFile }, 'OTLP_TLS_KEY_FILE', certFile],
  ['the key of another', { tlsKeyFile: second.keyFile }, 'OTLP_TLS_KEY_FILE', second.keyFile],
  ['no authority in the file for clients', { tlsClientCaFile: keyFile }, 'OTLP_TLS_CLIENT_CA_FILE', keyFile],
  [
    'an authority for clients alone',
    { tlsCertFile: undefined, tlsKeyFile: undefined, tlsClientCaFile: caFile },
    'OTLP_TLS_CERT_FILE',
    'not set',
  ],
];

describe.each([
  ['HTTP', createHttpReceiver],
  ['gRPC', createGrpcReceiver],
])('the start of the %s receiver', (_, create) => {
  test.each(BAD)('fails with %s, naming the setting and the file', async (__, config, setting, file) => {
    const started = openDoor(create, { config: { ...files, ...config } });
    await expect(started).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${setting} (${file})`),
    });
  });
});
