/** A command: makes the index of prompts anew from the content store. Gateways may run meanwhile, and need not. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createPool } from '../workers/pool.js';
import type { Component } from './component.js';
import type { Config } from './config.js';
import { createDataDirectory } from './data-directory.js';
import { GatewayError } from './errors.js';
import { shutdownAll, startAll } from './lifecycle.js';
import { createDriver } from './registry/drivers.js';
import { nopRegistryEvents, type RegistryEvents } from './registry/events.js';
import { IndexWriter } from './registry/index-writer.js';
import { type Rebuilt, rebuildIndex } from './registry/rebuild.js';
import { readWriterId } from './registry/writer-id.js';
import { createControlStore } from './store/control/store.js';

const CLOSE_DEADLINE_MS = 10_000;
const VERSIONS_PER_LINE = 10_000;

/** `tell` gets lines for people. Rejects when the content store, all of it, can't be asked. */
export async function rebuildFromSettings(config: Config, tell: (line: string) => void): Promise<Rebuilt> {
  const dataDirectory = path.resolve(config.store.dataDir);
  const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 1000 });
  const control = createControlStore({ config: config.store, thread, redisUrl: config.limits.redisUrl });
  const events = eventsOf(tell);
  const driver = createDriver({
    config: config.registry,
    control,
    directory: path.resolve(config.registry.directory ?? path.join(dataDirectory, 'prompts')),
    clonesDirectory: path.join(dataDirectory, 'github'),
    sharedDatabase: config.store.databaseUrl !== undefined,
    events,
  });
  const usesThread = config.store.databaseUrl === undefined;
  const opened: Component[] = [createDataDirectory(dataDirectory), ...(usesThread ? [thread] : []), control, driver];
  await startAll(opened);
  try {
    // Under a name of its own: what a gateway with this data folder is just writing is another's, and left alone.
    const index = new IndexWriter({ control, driver, events, resolve: never, writer: randomUUID(), onQueued() {} });
    const writer = await readWriterId(dataDirectory);
    return await rebuildIndex({ control, driver, index, events, writer, onProgress: linesOf(tell) });
  } finally {
    await shutdownAll(opened, CLOSE_DEADLINE_MS);
  }
}

/** Nothing is composed here. */
function never(): never {
  throw new GatewayError('INTERNAL_ERROR', 'The index is made anew without resolving prompts');
}

function eventsOf(tell: (line: string) => void): RegistryEvents {
  return {
    ...nopRegistryEvents,
    unusable: (version, reason) => tell(`Left out: ${version}: ${reason}`),
    // A clone of yesterday would take today's versions out of the index.
    contentStoreUnreachable(error) {
      throw error;
    },
  };
}

function linesOf(tell: (line: string) => void): (versions: number) => void {
  let next = VERSIONS_PER_LINE;
  return (versions) => {
    if (versions < next) return;
    next += VERSIONS_PER_LINE;
    tell(`${versions} versions so far`);
  };
}

export function describeRebuilt({ versions, removed, labelsRemoved, pending, failed }: Rebuilt): string {
  const lines = [`The index of prompts is made anew: ${versions} versions`];
  if (removed > 0) lines.push(`${removed} rows removed whose version the content store does not have`);
  if (labelsRemoved > 0) lines.push(`${labelsRemoved} labels removed that stood for such a version`);
  if (pending > 0) lines.push(`${pending} versions are being written: left to their gateway`);
  if (failed > 0) lines.push(`${failed} versions that the content store could not tell of: as they were`);
  return `${lines.join('\n')}\n`;
}
