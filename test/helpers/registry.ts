/** A prompt registry as a gateway has it: over a real Git repository in a temporary folder, unless settings say otherwise. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type RegistryConfig, registrySettings } from '../../src/registry/config.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import { createDriver } from '../../src/registry/drivers.js';
import { nopRegistryEvents, type RegistryEvents } from '../../src/registry/events.js';
import { createRegistry, type Registry } from '../../src/registry/registry.js';
import { Renderings } from '../../src/registry/renderings.js';
import type { ControlStore } from '../../src/store/control/store.js';

export interface RegistryFixture {
  registry: Registry;
  /** The repository. */
  directory: string;
  close(): Promise<void>;
}

export interface RegistryFixtureOptions {
  /** Where an earlier one was; its caller removes it. */
  directory?: string;
  events?: Partial<RegistryEvents>;
  /** Between the registry and its driver. */
  wrap?: (driver: PromptDriver) => PromptDriver;
  cachePrompts?: number;
  /** DRIVER, and what it needs. */
  settings?: Partial<RegistryConfig>;
  watching?: Partial<Pick<RegistryConfig, 'maxWatchers' | 'heartbeatMs' | 'maxStreamMs'>>;
}

/** For what is the same whichever store has the content: the programs of Git take most of a test's time. */
export const IN_DATABASE = { settings: { driver: 'database' } } as const satisfies RegistryFixtureOptions;

export async function startRegistry(
  control: ControlStore,
  {
    directory,
    events = {},
    wrap = (driver) => driver,
    cachePrompts = 100,
    settings = {},
    watching,
  }: RegistryFixtureOptions = {},
): Promise<RegistryFixture> {
  const folder = directory ?? (await mkdtemp(path.join(os.tmpdir(), 'registry-')));
  const all = { ...nopRegistryEvents, ...events };
  const repository = path.join(folder, 'prompts');
  const bounds = { reconcileIntervalMs: 86_400_000, cachePrompts, cacheBytes: 2 ** 20 };
  const config = { ...registrySettings.parse({}), ...bounds, ...watching, ...settings };
  const clonesDirectory = path.join(folder, 'github');
  const place = { control, directory: repository, clonesDirectory, sharedDatabase: true };
  const registry = createRegistry({
    config,
    dataDirectory: folder,
    control,
    driver: wrap(createDriver({ config, ...place, events: all })),
    renderings: new Renderings(all),
    events: all,
  });
  await registry.start();
  return {
    registry,
    directory: repository,
    async close() {
      await registry.shutdown({ deadlineMs: 5_000 });
      if (directory === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
