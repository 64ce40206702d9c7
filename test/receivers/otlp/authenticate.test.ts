import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticate } from '../../../receivers/otlp/authenticate.js';
import type { AccessConfig } from '../../../src/access/config.js';
import { revokeKey } from '../../../src/access/keys.js';
import type { Authenticate } from '../../../src/component.js';
import { GRPC } from '../../../src/errors.js';
import { type AccessFixture, type Minted, OPERATOR, startAccess } from '../../helpers/access.js';
import { createSinkAppender } from '../../helpers/appenders.js';
import { answerOf, call, clientOf, EXPORT_PATHS, grpcStatusOf, openGrpc, openSession, openStream } from './calls.js';
import { connect, openHttp, PROTOBUF, send } from './doors.js';
import { statusOf, tracesProtobuf } from './payloads.js';

type Mode = AccessConfig['otlpAuth'];
const MODES: readonly Mode[] = ['auto', 'required', 'off'];

const fixtures = new Map<Mode, { access: AccessFixture; keys: Record<string, Minted> }>();

async function openMode(mode: Mode) {
  const access = await startAccess({ config: { otlpAuth: mode } });
  const keys = {
    writer: await access.mint('acme', 'write'),
    reader: await access.mint('acme', 'read,admin'),
    master: await access.mint('*', 'write'),
  };
  fixtures.set(mode, { access, keys });
}
beforeAll(async () => {
  for (const mode of MODES) await openMode(mode);
});
afterAll(async () => {
  for (const { access } of fixtures.values()) await access.close();
});

const STRANGER = '203.0.113.7';

function doorOf(mode: Mode, peer?: string): Authenticate {
  const authenticate = createAuthenticate(fixtures.get(mode)!.access.keyring.forOtlp);
  return peer === undefined ? authenticate : (caller) => authenticate({ ...caller, peer });
}

interface Outcome {
  /** 200, or what the refusal is called over HTTP. */
  status: number;
  grpcCode: number;
  message: string;
  workspace: string | undefined;
}

type Transport = (authenticate: Authenticate, headers: Record<string, string>) => Promise<Outcome>;

const overHttp: Transport = async (authenticate, headers) => {
  const next = createSinkAppender();
  const { port } = await openHttp({ next, authenticate });
  const {
    status,
    headers: answered,
    body,
  } = await send(port, {
    headers: { ...PROTOBUF, ...headers },
    body: tracesProtobuf(),
  });
  expect('www-authenticate' in answered).toBe(status === 401);
  const told = status === 200 ? undefined : statusOf(body, 'protobuf');
  return {
    status,
    grpcCode: told?.code ?? 0,
    message: told?.message ?? '',
    workspace: next.frames[0]?.workspace,
  };
};

const HTTP_STATUS: Record<number, number> = {
  [GRPC.OK]: 200,
  [GRPC.INVALID_ARGUMENT]: 400,
  [GRPC.UNAUTHENTICATED]: 401,
  [GRPC.PERMISSION_DENIED]: 403,
};

const overGrpc: Transport = async (authenticate, headers) => {
  const next = createSinkAppender();
  const { port } = await openGrpc({ next, authenticate });
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const { code, details } = await call(clientOf(port), EXPORT_PATHS.traces, tracesProtobuf(), metadata);
  return { status: HTTP_STATUS[code]!, grpcCode: code, message: details, workspace: next.frames[0]?.workspace };
};

describe.each([
  ['OTLP/HTTP', overHttp],
  ['OTLP/gRPC', overGrpc],
])('over %s', (_, transport) => {
  const keyOf = (mode: Mode, name: string) => fixtures.get(mode)!.keys[name]!.key;

  test.each([
    ['auto', undefined, 200],
    ['auto', STRANGER, 401],
    ['auto', '', 401],
    ['required', undefined, 401],
    ['required', STRANGER, 401],
    ['off', undefined, 200],
    ['off', STRANGER, 200],
  ] as const)('without a key and OTLP_AUTH=%s, a peer at %s gets %i', async (mode, peer, status) => {
    const outcome = await transport(doorOf(mode, peer), {});
    expect(outcome.status).toBe(status);
    expect(outcome.workspace).toBe(status === 200 ? 'default' : undefined);
    if (status === 401) expect(outcome.grpcCode).toBe(GRPC.UNAUTHENTICATED);
  });

  test('a loopback peer that forwards for others is asked for a key', async () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip']) {
      expect(await transport(doorOf('auto'), { [header]: '127.0.0.1' })).toMatchObject({ status: 401 });
    }
  });

  test.each(['auto', 'required'] as const)(
    'with OTLP_AUTH=%s a key opens its workspace, from anywhere',
    async (mode) => {
      const key = keyOf(mode, 'writer');
      for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }]) {
        const named = { ...headers, 'x-workspace-id': 'acme' };
        expect(await transport(doorOf(mode, STRANGER), headers)).toMatchObject({ status: 200, workspace: 'acme' });
        expect(await transport(doorOf(mode, STRANGER), named)).toMatchObject({ status: 200, workspace: 'acme' });
      }
    },
  );

  test('a master key writes to the workspace that is named', async () => {
    const headers = { 'x-api-key': keyOf('required', 'master'), 'x-workspace-id': 'acme' };
    expect(await transport(doorOf('required'), headers)).toMatchObject({ status: 200, workspace: 'acme' });
  });

  test('a wrong key is refused, also where none is needed', async () => {
    for (const mode of ['auto', 'required'] as const) {
      const outcome = await transport(doorOf(mode), { 'x-api-key': 'pm_wrong' });
      expect(outcome).toMatchObject({ status: 401, grpcCode: GRPC.UNAUTHENTICATED, message: 'Invalid API key' });
    }
  });

  test('a key of another workspace is refused', async () => {
    const headers = { 'x-api-key': keyOf('required', 'writer'), 'x-workspace-id': 'default' };
    expect(await transport(doorOf('required'), headers)).toMatchObject({
      status: 401,
      message: 'API key does not belong to this workspace',
    });
  });

  test('a key that may not write is told which scope it lacks', async () => {
    const outcome = await transport(doorOf('required'), { 'x-api-key': keyOf('required', 'reader') });
    expect(outcome).toMatchObject({
      status: 403,
      grpcCode: GRPC.PERMISSION_DENIED,
      message: 'Missing required scope: write',
    });
  });

  test('a workspace that is none is an invalid request, whatever the key', async () => {
    const outcome = await transport(doorOf('required'), { 'x-workspace-id': 'a b' });
    expect(outcome).toMatchObject({ status: 400, grpcCode: GRPC.INVALID_ARGUMENT });
  });

  test('a key that is revoked is refused at once', async () => {
    const { access } = fixtures.get('required')!;
    const { id, key } = await access.mint('acme', 'write');
    const headers = { 'x-api-key': key };
    expect(await transport(doorOf('required'), headers)).toMatchObject({ status: 200 });
    await revokeKey(access.keyring.store, { ...OPERATOR, workspace: 'acme' }, id, {});
    expect(await transport(doorOf('required'), headers)).toMatchObject({ status: 401, message: 'Invalid API key' });
  });
});

describe('a peer at a Unix socket', () => {
  const directories: string[] = [];
  afterEach(() => Promise.all(directories.splice(0).map((each) => rm(each, { recursive: true, force: true }))));

  test.each([
    ['auto', 200, GRPC.OK],
    ['required', 401, GRPC.UNAUTHENTICATED],
  ] as const)('is on this machine: OTLP_AUTH=%s gives it %i', async (mode, status, grpcCode) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'authenticate-'));
    directories.push(directory);
    const [httpSocketPath, grpcSocketPath] = ['http', 'grpc'].map((name) => path.join(directory, name)) as [
      string,
      string,
    ];
    const authenticate = doorOf(mode);
    await openHttp({ authenticate, config: { httpSocketPath } });
    await openGrpc({ authenticate, config: { grpcSocketPath } });
    const answer = await send(0, { socketPath: httpSocketPath, headers: PROTOBUF, body: tracesProtobuf() });
    expect(answer.status).toBe(status);
    const client = new grpc.Client(`unix:${grpcSocketPath}`, grpc.credentials.createInsecure());
    expect((await call(client, EXPORT_PATHS.traces, tracesProtobuf())).code).toBe(grpcCode);
    client.close();
  });
});

describe('before a byte of the body is there', () => {
  test('OTLP/HTTP refuses', async () => {
    const { port, events } = await openHttp({ authenticate: doorOf('required') });
    const wire = await connect(port);
    wire.socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n',
    );
    await wire.receives('Missing X-API-Key header');
    expect(wire.text()).toMatch(/^HTTP\/1\.1 401 /);
    expect(events.requests).toMatchObject([{ bytes: 0, error: { code: 'UNAUTHORIZED' } }]);
  });

  test('OTLP/gRPC refuses', async () => {
    const { port, events } = await openGrpc({ authenticate: doorOf('required') });
    const answer = await answerOf(openStream(await openSession(port)));
    expect(grpcStatusOf(answer)).toBe(GRPC.UNAUTHENTICATED);
    expect(events.requests).toMatchObject([{ bytes: 0, error: { code: 'UNAUTHORIZED' } }]);
  });
});
