/** The API over a real keyring and control store, on each database. */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, afterEach, describe } from 'vitest';
import type { ApiOptions } from '../../src/api/app.js';
import { type AccessFixture, startAccess } from '../helpers/access.js';
import { testApp } from '../helpers/api.js';
import { controlSchema } from '../helpers/schemas.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

type Call = (method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown) => Promise<LightMyRequestResponse>;

export interface AccessApp extends Awaited<ReturnType<typeof testApp>> {
  access: AccessFixture;
  /** Calls with this key, in this workspace. */
  as(key: string, workspace?: string): Call;
}

type Closing = (() => Promise<void>)[];

async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0)) await close();
}

const ofTest: Closing = [];
const ofFile: Closing = [];
afterEach(() => closeAll(ofTest));
afterAll(() => closeAll(ofFile));

function callerOf(app: FastifyInstance, key: string, workspace: string | undefined): Call {
  const headers = { 'x-api-key': key, ...(workspace !== undefined && { 'x-workspace-id': workspace }) };
  return (method, url, body) => {
    const payload = body === undefined ? {} : { payload: body as NonNullable<InjectOptions['payload']> };
    return app.inject({ method, url, headers, ...payload });
  };
}

/** Those that are made of the open store come from a function. */
export type Overrides = Partial<ApiOptions> | ((access: AccessFixture) => Promise<Partial<ApiOptions>>);

async function open(databaseUrl: string | undefined, overrides: Overrides, closing: Closing): Promise<AccessApp> {
  const access = await startAccess({ databaseUrl });
  const more = typeof overrides === 'function' ? await overrides(access) : overrides;
  const context = await testApp({ access: access.keyring, identify: access.keyring.forApi, ...more });
  closing.push(async () => {
    await context.app.close();
    await access.close();
  });
  return { ...context, access, as: (key, workspace) => callerOf(context.app, key, workspace) };
}

export type OpenApp = (overrides?: Overrides) => Promise<AccessApp>;

/** For what no database is asked about: one for all tests of a file, on SQLite. To be called in `beforeAll`. */
export function openForAll(): Promise<AccessApp> {
  return open(undefined, {}, ofFile);
}

export function onEachDatabase(suite: (open: OpenApp) => void): void {
  describe('on SQLite', () => suite((overrides = {}) => open(undefined, overrides, ofTest)));
  describe.skipIf(!server)('on Postgres', () =>
    suite(async (overrides = {}) => open(await server!.createDatabase(controlSchema), overrides, ofTest)),
  );
}
