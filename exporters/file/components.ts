/** Files: by FILE_EXPORTER_PATH one, the exporter `file`; in configuration files any number, each with its own path. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { SIGNALS } from '../../src/component.js';
import type { ComponentType } from '../../src/config-file/components.js';
import { GatewayError } from '../../src/errors.js';
import { text } from '../../src/setting.js';
import {
  type DefinedExporters,
  exporterName,
  ledTo,
  type NamedBackend,
  type QueueSettings,
  queueFields,
  queueOf,
  unlessReplaced,
} from '../components.js';
import { type FileConfig, fileSettings } from './config.js';

const settings = z.object({ ...fileSettings.shape, path: text(), ...queueFields });

export const fileComponentTypes = { file: { settings } } as const satisfies Record<string, ComponentType>;

export type FileBackend = NamedBackend<FileConfig & { path: string }>;

export interface FileSources {
  file: FileConfig;
  service?: DefinedExporters;
}

/** A file is one exporter's: a second one would find it locked. */
function assertOwnPaths(backends: readonly FileBackend[]): void {
  const paths = backends.map(({ config }) => resolve(config.path));
  const twice = backends.find((_backend, index) => paths.indexOf(paths[index]!) < index);
  if (twice === undefined) return;
  throw new GatewayError('CONFIG_INVALID', `The exporter ${twice.name} would write to the file of another one`);
}

/** Throws CONFIG_INVALID. */
export function fileBackends({ file, service }: FileSources): FileBackend[] {
  const { path } = file;
  const fromVariables: FileBackend[] =
    path === undefined ? [] : [{ name: 'file', config: { ...file, path }, signals: SIGNALS }];
  const fromFiles = ledTo(service, fileComponentTypes).map(({ component, signals }): FileBackend => {
    const config = component.settings as FileConfig & { path: string } & QueueSettings;
    return { name: exporterName(component.id), config, signals, queue: queueOf(config) };
  });
  const backends = unlessReplaced(fromVariables, fromFiles);
  assertOwnPaths(backends);
  return backends;
}
