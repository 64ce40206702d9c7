/** Datadog: by DATADOG_EXPORTER and the DD_ variables one, the exporter `datadog`; in configuration files any number. */
import { z } from 'zod';
import { SIGNALS, type Signal } from '../../src/component.js';
import type { ComponentType } from '../../src/config-file/components.js';
import {
  assertTaken,
  type DefinedExporters,
  exporterName,
  ledTo,
  type NamedBackend,
  type QueueSettings,
  queueFields,
  queueOf,
  unlessReplaced,
} from '../components.js';
import { type DatadogConfig, datadogSettings } from './config.js';

const settings = z
  .object({ ...datadogSettings.shape, ...queueFields })
  .refine(({ mode, apiKey }) => mode !== 'agentless' || apiKey !== undefined, 'mode: agentless needs an api_key');

export const datadogComponentTypes = { datadog: { settings } } as const satisfies Record<string, ComponentType>;

export type DatadogBackend = NamedBackend<DatadogConfig>;

export interface DatadogSources {
  datadog: DatadogConfig;
  service?: DefinedExporters;
}

/** The Agent's own API has no place for others. */
function takenBy({ mode }: DatadogConfig): readonly Signal[] {
  return mode === 'agent-traces' ? ['traces'] : SIGNALS;
}

/** Throws CONFIG_INVALID. */
export function datadogBackends({ datadog, service }: DatadogSources): DatadogBackend[] {
  const fromVariables: DatadogBackend[] =
    datadog.mode === undefined ? [] : [{ name: 'datadog', config: datadog, signals: takenBy(datadog) }];
  const fromFiles = ledTo(service, datadogComponentTypes).map(({ component, signals }): DatadogBackend => {
    const config = component.settings as DatadogConfig & QueueSettings;
    assertTaken(component.id, signals, takenBy(config));
    return { name: exporterName(component.id), config, signals, queue: queueOf(config) };
  });
  return unlessReplaced(fromVariables, fromFiles);
}
