/** Which content store DRIVER names. */
import { GatewayError } from '../errors.js';
import type { ControlStore } from '../store/control/store.js';
import type { RegistryConfig } from './config.js';
import { createDatabaseDriver } from './database/driver.js';
import type { PromptDriver } from './driver.js';
import type { RegistryEvents } from './events.js';
import { createFilesystemDriver } from './git/filesystem-driver.js';
import { createConfiguredGithubDriver } from './github/configured.js';
import { createS3Driver } from './s3/driver.js';

export interface DriverOptions {
  config: RegistryConfig;
  control: ControlStore;
  /** Of the filesystem driver's repository: an absolute path. */
  directory: string;
  /** Of the github driver's clones: an absolute path. */
  clonesDirectory: string;
  /** Whether the control database is one that several gateways may share. */
  sharedDatabase: boolean;
  events: RegistryEvents;
}

/** Throws CONFIG_INVALID when a setting is missing that the driver needs. */
export function createDriver({
  config,
  control,
  directory,
  clonesDirectory,
  sharedDatabase,
  events,
}: DriverOptions): PromptDriver {
  switch (config.driver) {
    case 'filesystem':
      return createFilesystemDriver({ directory, events });
    case 'github':
      return createConfiguredGithubDriver({ config, clonesDirectory, events });
    case 's3':
      return createS3Driver({ config });
    case 'postgres':
      if (!sharedDatabase) throw new GatewayError('CONFIG_INVALID', 'DATABASE_URL: DRIVER=postgres needs one');
      return createDatabaseDriver({ control });
    case 'database':
      return createDatabaseDriver({ control });
  }
}
