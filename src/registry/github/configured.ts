/** The github driver as the settings say. */
import path from 'node:path';
import { GatewayError } from '../../errors.js';
import type { PromptDriver } from '../driver.js';
import type { RegistryEvents } from '../events.js';
import type { GithubConfig } from './config.js';
import { createGithubDriver } from './driver.js';

export interface ConfiguredOptions {
  config: GithubConfig;
  /** Each repository has its clone in there: another one in the settings does not mix with it. */
  clonesDirectory: string;
  events: RegistryEvents;
}

/** A webhook may get lost, at either end: what it should have told of is found out nevertheless. */
const SLOWER_WITH_WEBHOOK = 10;

/** Throws CONFIG_INVALID when a setting is missing. */
export function createConfiguredGithubDriver({ config, clonesDirectory, events }: ConfiguredOptions): PromptDriver {
  const { githubRepo: repo, githubToken: token, githubWebhookSecret: secret } = config;
  if (repo === undefined) throw new GatewayError('CONFIG_INVALID', 'GITHUB_REPO: DRIVER=github needs one');
  if (token === undefined) throw new GatewayError('CONFIG_INVALID', 'GITHUB_TOKEN: DRIVER=github needs one');
  return createGithubDriver({
    repo,
    token,
    branch: config.githubBranch,
    apiUrl: config.githubApiUrl,
    syncIntervalMs: config.githubSyncIntervalMs * (secret === undefined ? 1 : SLOWER_WITH_WEBHOOK),
    directory: path.join(clonesDirectory, `${repo.toLowerCase()}.git`),
    events,
  });
}
