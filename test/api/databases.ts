/** The API over a real keyring and control store, on each database. */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, describe, onTestFinished } from 'vitest';
import type { ApiOptions } from '../../src/api/app.js';
import { type AccessFixture, startAccess } from '../helpers/access.js';
import { testApp } from '../helpers/api.js';
import { controlSchema } from '../helpers/schemas.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();

type Call = (method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown) => Promise<LightMyRequestResponse>;

export interface AccessApp extends Awaited<ReturnType<typeof testApp>> {
  access: AccessFixture;
  /** Calls with this key, in this workspace. */
  as(key: string, workspace?: string): Call;
  close(): Promise<void>;
}

function callerOf(app: FastifyInstance, key: string, workspace: string | undefined): Call {
  const headers = { 'x-api-key': key, ...(workspace !== undefined && { 'x-workspace-id': workspace }) };
  return (method, url, body) => {
    const payload = body === undefined ? {} : { payload: body as NonNullable<InjectOptions['payload']> };
    return app.inject({ method, url, headers, ...payload });
  };
}

/** Those that are made of the open store come from a function. */
export type Overrides = Partial<ApiOptions> | ((access: AccessFixture) => Promise<Partial<ApiOptions>>);

async function open(databaseUrl?: string, overrides: Overrides = {}): Promise<AccessApp> {
  const access = await startAccess({ databaseUrl });
  const more = typeof overrides === 'function' ? await overrides(access) : overrides;
  const context = await testApp({ access: access.keyring, identify: access.keyring.forApi, ...more });
  const close = async () => {
    await context.app.close();
    await access.close();
  };
  return { ...context, access, as: (key, workspace) => callerOf(context.app, key, workspace), close };
}

export type OpenApp = (overrides?: Overrides) => Promise<AccessApp>;

/** For what no database is asked about: one for several tests, on SQLite. Who opens it closes it. */
export function openForAll(): Promise<AccessApp> {
  return open();
}

async function openForTest(...input: Parameters<typeof open>): Promise<AccessApp> {
  const opened = await open(...input);
  onTestFinished(opened.close);
  return opened;
}

export function onEachDatabase(suite: (open: OpenApp) => void): void {
  describe('on SQLite', () => suite((overrides) => openForTest(undefined, overrides)));
  describe.skipIf(!server)('on Postgres', () => {
    afterAll(() => server?.remove());
    suite(async (overrides) => openForTest(await server!.createDatabase(controlSchema), overrides));
  });
}
