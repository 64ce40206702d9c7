#!/usr/bin/env node
/**
 * A command: makes an API key in the gateway's database, and prints it. The gateway may run meanwhile, and need not.
 * Whoever may run this may read the data folder anyway: it asks for no key, and may make any.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createPool } from '../workers/pool.js';
import { nopAccessEvents } from './access/events.js';
import { createKey, type KeyInput, type MintedKey } from './access/keys.js';
import { openAccess } from './access/open.js';
import { type Principal, SCOPES } from './access/principal.js';
import type { Component } from './component.js';
import { type Config, loadConfig } from './config.js';
import { createDataDirectory } from './data-directory.js';
import { GatewayError } from './errors.js';
import { shutdownAll, startAll } from './lifecycle.js';
import { DEFAULT_WORKSPACE } from './model/workspace.js';
import { createControlStore } from './store/control/store.js';
import { isWorkspaceId } from './store/control/workspaces.js';

const USAGE = `Makes an API key and prints it, once.

  npm run api-key -- --workspace default --scopes read,write

  --workspace <id>        the workspace it opens, made when there is none; * for every one (default: ${DEFAULT_WORKSPACE})
  --scopes <list>         of ${SCOPES.join(', ')}, between commas (default: read,write)
  --name <text>           what the audit log calls it (default: shell)
  --expires-in-days <n>   without it, the key has no end
  --config <file>         a configuration file of the gateway, as it was started with; of several, the later ones win

Settings are those of the gateway: the environment, .env in the working folder, and its configuration files.
`;

const CLOSE_DEADLINE_MS = 5000;
const MAX_EXPIRY_DAYS = 36_500;

const SHELL: Principal = {
  keyId: undefined,
  name: 'shell',
  workspace: DEFAULT_WORKSPACE,
  master: true,
  scopes: new Set(SCOPES),
};

interface Options {
  workspace: string;
  name: string;
  scopes?: string;
  'expires-in-days'?: string;
  config?: string[];
  help?: boolean;
}

function readOptions(words: string[]): Options {
  const { values } = parseArgs({
    args: words,
    options: {
      workspace: { type: 'string', default: DEFAULT_WORKSPACE },
      name: { type: 'string', default: 'shell' },
      scopes: { type: 'string' },
      'expires-in-days': { type: 'string' },
      config: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  return values;
}

function readDays(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= MAX_EXPIRY_DAYS) return days;
  throw new GatewayError(
    'BAD_REQUEST',
    `--expires-in-days is a whole number from 1 to ${MAX_EXPIRY_DAYS}, not ${text}`,
  );
}

function inputOf({ workspace, name, scopes, 'expires-in-days': days }: Options): KeyInput {
  if (workspace !== '*' && !isWorkspaceId(workspace)) {
    throw new GatewayError('BAD_REQUEST', '--workspace is 1 to 128 letters, digits, underscores and hyphens, or *');
  }
  if (name === '' || name.length > 128) throw new GatewayError('BAD_REQUEST', '--name is 1 to 128 characters');
  return { workspace, name, scopes, expiresInDays: readDays(days) };
}

async function makeKey(config: Config, input: KeyInput): Promise<MintedKey> {
  const dataDirectory = path.resolve(config.store.dataDir);
  const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 10 });
  const control = createControlStore({ config: config.store, thread, redisUrl: config.limits.redisUrl });
  const opened: Component[] = [createDataDirectory(dataDirectory), thread, control];
  await startAll(opened);
  try {
    const access = { config: config.access, dataDirectory, control, events: nopAccessEvents };
    return await createKey(await openAccess(access), SHELL, input, {});
  } finally {
    await shutdownAll(opened, CLOSE_DEADLINE_MS);
  }
}

/** The key alone on stdout, for scripts; the rest on stderr. */
function print({ id, workspace, scopes, expiresAt, key }: MintedKey): void {
  const end = expiresAt === undefined ? 'no end' : `good until ${new Date(expiresAt * 1000).toISOString()}`;
  process.stderr.write(`Key ${id} for workspace ${workspace}, scopes ${scopes}, ${end}. It is shown this once:\n`);
  process.stdout.write(`${key}\n`);
}

function explain(error: unknown): string {
  const { message, details } = error as GatewayError;
  const fields = (details as { fields?: string[] } | undefined)?.fields;
  return fields ? fields.join('\n') : message;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const config = loadConfig({ env: process.env, directory: process.cwd(), files: options.config });
  print(await makeKey(config, inputOf(options)));
}

main().catch((error: unknown) => {
  process.stderr.write(`No key was made: ${explain(error)}\n`);
  process.exitCode = 1;
});
