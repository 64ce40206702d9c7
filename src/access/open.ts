/** What every process that makes or checks keys does first: finds the salt, and makes sure that it is the right one. */
import { rm } from 'node:fs/promises';
import { GatewayError } from '../errors.js';
import { DEFAULT_WORKSPACE } from '../model/workspace.js';
import type { ControlStore, Repositories } from '../store/control/store.js';
import { auditEntry } from './audit.js';
import type { AccessConfig } from './config.js';
import type { AccessEvents } from './events.js';
import { hashKey, makeKey } from './key.js';
import type { AccessStore } from './keys.js';
import { ANY_WORKSPACE, type Principal, SCOPES } from './principal.js';
import { checkValueOf, makeSalt, readSalt, saltFile } from './salt.js';
import { writeScopes } from './scopes.js';

export interface AccessOptions {
  config: Pick<AccessConfig, 'apiKeySalt'>;
  /** Absolute path of DATA_DIR, where the salt is kept. */
  dataDirectory: string;
  /** Started. */
  control: ControlStore;
  events: AccessEvents;
}

/** Fact of the installation: what tells the right salt from a wrong one. Held, it is the lock of the first start. */
const SALT_CHECK = 'api_key_salt_check';
const FIRST_KEY_NAME = 'first admin key';

/** Who makes the first key. */
const GATEWAY: Principal = {
  keyId: undefined,
  name: 'gateway',
  workspace: DEFAULT_WORKSPACE,
  master: true,
  scopes: new Set(SCOPES),
};

/**
 * For a process that makes keys and serves nobody, such as a command. Throws CONFIG_INVALID when the keys in the database
 * were made with another salt.
 */
export async function openAccess(options: AccessOptions): Promise<AccessStore> {
  return opened(options, async () => {});
}

/** For the gateway: when there never was a key, makes one that may do everything, and tells it once. */
export async function openAccessWithKey(options: AccessOptions): Promise<AccessStore> {
  let made: string | undefined;
  const store = await opened(options, async (repositories, salt) => {
    if (await repositories.apiKeys.any()) return;
    made = await makeFirstKey(repositories, salt);
  });
  if (made !== undefined) options.events.firstKeyMade(made);
  return store;
}

async function opened(
  options: AccessOptions,
  work: (repositories: Repositories, salt: string) => Promise<void>,
): Promise<AccessStore> {
  const { control } = options;
  const { salt, made } = await findSalt(options);
  const check = await checkValueOf(salt, await control.installation.id());
  try {
    await control.transaction(async (repositories) => {
      await requireSalt(repositories, check);
      await work(repositories, salt);
    });
  } catch (error) {
    // Two gateways made a salt at once, and this one came second: what it made must not look like the right one.
    if (made && isConfigInvalid(error)) await rm(saltFile(options.dataDirectory), { force: true });
    throw error;
  }
  return { control, hash: (key) => hashKey(salt, key) };
}

function isConfigInvalid(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'CONFIG_INVALID';
}

async function findSalt({ config, dataDirectory, control, events }: AccessOptions) {
  const file = saltFile(dataDirectory);
  const known = config.apiKeySalt ?? (await readSalt(file));
  if (known !== undefined) return { salt: known, made: false };
  const inUse = (await control.installation.get(SALT_CHECK)) !== undefined && (await control.apiKeys.any());
  if (inUse) throw wrongSalt(`there is neither API_KEY_SALT nor ${file}`);
  const salt = await makeSalt(file);
  events.saltMade(file);
  return { salt, made: true };
}

/** A salt may be exchanged as long as no key was made with it. */
async function requireSalt({ installation, apiKeys }: Repositories, check: string): Promise<void> {
  const kept = await installation.hold(SALT_CHECK, check);
  if (kept === check) return;
  if (await apiKeys.any()) throw wrongSalt('this gateway has another one');
  await installation.set(SALT_CHECK, check);
}

function wrongSalt(reason: string): GatewayError {
  return new GatewayError(
    'CONFIG_INVALID',
    `The API keys in this database were made with a certain salt, and ${reason}: every key would be refused. Set ` +
      'API_KEY_SALT to what it was, or to what `api-key-salt` in the DATA_DIR of the gateway that made the keys holds.',
  );
}

async function makeFirstKey(repositories: Repositories, salt: string): Promise<string> {
  const key = makeKey();
  const scopes = writeScopes(new Set(SCOPES));
  const row = { keyHash: hashKey(salt, key), name: FIRST_KEY_NAME, workspace: ANY_WORKSPACE, scopes };
  const made = await repositories.apiKeys.create({ ...row, expiresAt: undefined }, Math.floor(Date.now() / 1000));
  const details = { name: FIRST_KEY_NAME, workspace_id: ANY_WORKSPACE, scopes };
  const deed = { workspace: DEFAULT_WORKSPACE, action: 'api_key:create', targetId: String(made.id), details };
  await repositories.auditLogs.append(auditEntry(GATEWAY, {}, deed));
  return key;
}
