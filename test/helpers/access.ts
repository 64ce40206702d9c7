/** A control store with its keyring, as a gateway has them: on SQLite in a temporary folder, or on Postgres. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type AccessConfig, accessSettings } from '../../src/access/config.js';
import { type AccessEvents, nopAccessEvents } from '../../src/access/events.js';
import { createKeyring, type Keyring } from '../../src/access/keyring.js';
import { createKey } from '../../src/access/keys.js';
import { type Principal, SCOPES } from '../../src/access/principal.js';
import type { Component } from '../../src/component.js';
import { type ControlStore, createControlStore } from '../../src/store/control/store.js';
import { createPool } from '../../workers/pool.js';

export interface AccessFixture {
  keyring: Keyring;
  control: ControlStore;
  /** Of the first start. */
  firstKey: string;
  /** A key of this workspace, and its id. */
  mint(workspace: string, scopes: string, more?: { name?: string; expiresInDays?: number }): Promise<Minted>;
  close(): Promise<void>;
}

export interface Minted {
  id: number;
  key: string;
}

export interface AccessFixtureOptions {
  /** Loopback peers need no key unless it says so. */
  config?: Partial<AccessConfig>;
  /** Postgres in place of SQLite. */
  databaseUrl?: string | undefined;
  now?: () => number;
}

/** Who may do everything, and has no key: the shell of the operator. */
export const OPERATOR: Principal = {
  keyId: undefined,
  name: 'operator',
  workspace: 'default',
  master: true,
  scopes: new Set(SCOPES),
};

const STORE = { sqlitePath: undefined, databasePoolSize: 3, queryTimeoutMs: 20_000 };

export async function startAccess({ config, databaseUrl, now }: AccessFixtureOptions = {}): Promise<AccessFixture> {
  const dataDirectory = await mkdtemp(path.join(os.tmpdir(), 'access-'));
  const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 1000 });
  const control = createControlStore({ config: { ...STORE, dataDir: dataDirectory, databaseUrl }, thread });
  let firstKey = '';
  const events: AccessEvents = {
    ...nopAccessEvents,
    firstKeyMade(key) {
      firstKey = key;
    },
  };
  const keyring = createKeyring({
    config: { ...accessSettings.parse({ apiAuth: 'auto' }), ...config },
    dataDirectory,
    control,
    events,
    ...(now && { now }),
  });
  const components: Component[] = [...(databaseUrl === undefined ? [thread] : []), control, keyring];
  for (const component of components) await component.start();
  return {
    keyring,
    control,
    firstKey,
    async mint(workspace, scopes, { name = `${workspace} ${scopes}`, expiresInDays } = {}) {
      await control.workspaces.ensure(workspace === '*' ? 'default' : workspace);
      return createKey(keyring.store, OPERATOR, { name, scopes, workspace, expiresInDays }, {});
    },
    async close() {
      for (const component of components.toReversed()) await component.shutdown({ deadlineMs: 5000 });
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}
