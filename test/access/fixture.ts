/** A keyring over a real control database, with a clock that the test sets. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { accessSettings } from '../../src/access/config.js';
import type { AccessEvents } from '../../src/access/events.js';
import { createKeyring, type Keyring, type KeyringOptions } from '../../src/access/keyring.js';
import type { Credentials, Identify, Principal } from '../../src/access/principal.js';
import type { ControlStore } from '../../src/store/control/store.js';

export const SALT = 'a salt of the tests';

export interface Happened {
  firstKeys: string[];
  saltFiles: string[];
  failures: unknown[];
}

export function recordEvents(): { events: AccessEvents; happened: Happened } {
  const happened: Happened = { firstKeys: [], saltFiles: [], failures: [] };
  const events: AccessEvents = {
    firstKeyMade: (key) => void happened.firstKeys.push(key),
    saltMade: (file) => void happened.saltFiles.push(file),
    refreshFailed: (error) => void happened.failures.push(error),
  };
  return { events, happened };
}

export interface TestKeyring extends Happened {
  keyring: Keyring;
  control: ControlStore;
}

type Settings = Parameters<typeof accessSettings.parse>[0];

export async function openKeyring(
  control: ControlStore,
  settings: Settings = {},
  more: Partial<KeyringOptions> = {},
): Promise<TestKeyring> {
  const { events, happened } = recordEvents();
  const config = accessSettings.parse({ apiKeySalt: SALT, ...(settings as object) });
  const keyring = createKeyring({ config, dataDirectory: '/nonexistent', control, events, ...more });
  await keyring.start();
  return { keyring, control, ...happened };
}

export function temporaryDirectory(): { directory: string; remove(): void } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'access-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export const LOOPBACK = '127.0.0.1';
export const ELSEWHERE = '203.0.113.9';

export function credentials(shown: Partial<Credentials> = {}): Credentials {
  return { key: undefined, workspace: undefined, peer: ELSEWHERE, ...shown };
}

/** Whether it answers or throws at once, or later. */
export async function ask(identify: Identify, shown: Partial<Credentials>): Promise<Principal> {
  return identify(credentials(shown));
}

export function person(changes: Partial<Principal> = {}): Principal {
  const scopes = new Set(['read', 'write', 'admin'] as const);
  return { keyId: undefined, name: 'tester', workspace: 'default', master: false, scopes, ...changes };
}
