/**
 * What exporters of configuration files have in common, whatever their type: as many as there are, each with its own queue,
 * where a pipeline leads to it. An id `otlp_http/archive` is the exporter `otlp_http_archive` in metrics, cursors and dead
 * letters.
 */
import { z } from 'zod';
import type { Signal } from '../src/component.js';
import type { ComponentType, ConfiguredComponent } from '../src/config-file/components.js';
import { duration } from '../src/config-file/duration.js';
import type { Pipeline } from '../src/config-file/pipelines.js';
import { GatewayError } from '../src/errors.js';
import { integer } from '../src/setting.js';
import { MAX_TIME_MS, type QueueConfig, queueSettings } from './config.js';

/** What EXPORTER_* sets for all exporters, for one: under the names of its fields. */
function ownQueueSettings() {
  const fields = Object.entries(queueSettings.shape).map(([field, schema]) => [field, schema.unwrap().optional()]);
  return Object.fromEntries(fields) as { [Field in keyof QueueConfig]: z.ZodOptional<z.ZodType<QueueConfig[Field]>> };
}

const retrySettings = z.object({
  initialInterval: duration(1, 3_600_000).optional(),
  maxInterval: duration(1, 3_600_000).optional(),
  maxElapsedTime: duration(0, MAX_TIME_MS).optional(),
});

/** The queue of one exporter: in the Collector's spelling (config/configretry, exporterhelper), and in ours. */
export const queueFields = {
  retryOnFailure: retrySettings.prefault({}),
  sendingQueue: z.object({ numConsumers: integer(1, 1000).optional() }).prefault({}),
  ...ownQueueSettings(),
};

export type QueueSettings = { [Field in keyof typeof queueFields]: z.output<(typeof queueFields)[Field]> };

/** What differs from that which holds for all. */
export function queueOf(settings: QueueSettings): Partial<QueueConfig> {
  const { retryOnFailure: retry, sendingQueue } = settings;
  const own = Object.keys(queueSettings.shape).map((field) => [field, settings[field as keyof QueueConfig]]);
  const given = Object.entries({
    maxInFlight: sendingQueue.numConsumers,
    retryInitialMs: retry.initialInterval,
    retryMaxMs: retry.maxInterval,
    retryMaxElapsedMs: retry.maxElapsedTime,
  });
  return Object.fromEntries([...given, ...own].filter(([, value]) => value !== undefined)) as Partial<QueueConfig>;
}

/** What cursors, metrics and dead letters can be named. */
export function exporterName(id: string): string {
  return id.toLowerCase().replace(/[^a-z0-9_]/g, '_');
}

/** Throws CONFIG_INVALID for a pipeline of a signal that the backend has no place for. */
export function assertTaken(id: string, signals: readonly Signal[], taken: readonly Signal[]): void {
  const other = signals.find((signal) => !taken.includes(signal));
  if (other) {
    const message = `exporters.${id} takes ${taken.join(', ')} alone: take it out of the pipeline of ${other}`;
    throw new GatewayError('CONFIG_INVALID', message);
  }
}

export interface DefinedExporters {
  readonly processors?: readonly ConfiguredComponent[];
  readonly exporters: readonly ConfiguredComponent[];
  readonly pipelines: readonly Pipeline[];
}

/** An exporter as variables or a file name it. */
export interface NamedBackend<Config> {
  name: string;
  config: Config;
  /** What goes there. */
  signals: readonly Signal[];
  /** Where it differs from what holds for all. */
  queue?: Partial<QueueConfig>;
  /** What an operator should know of it, once. */
  advice?: string;
}

export interface LedTo {
  component: ConfiguredComponent;
  /** Those whose pipelines lead to it; at least one. */
  signals: Signal[];
}

/** Exporters of these types that a pipeline leads to. */
export function ledTo(service: DefinedExporters | undefined, types: Readonly<Record<string, ComponentType>>): LedTo[] {
  const { exporters, pipelines } = service ?? { exporters: [], pipelines: [] };
  return exporters
    .filter(({ type }) => Object.hasOwn(types, type))
    .map((component) => {
      const leading = pipelines.filter((pipeline) => pipeline.exporters.includes(component.id));
      return { component, signals: [...new Set(leading.map(({ signal }) => signal))] };
    })
    .filter(({ signals }) => signals.length > 0);
}

const REPLACES = 'Variables of the environment define this exporter, and the one of that name in a file does not count';

interface Named {
  name: string;
  advice?: string;
}

/** What variables name wins over a file's of that name. Throws CONFIG_INVALID for two of one name. */
export function unlessReplaced<One extends Named>(fromVariables: readonly One[], fromFiles: readonly One[]): One[] {
  const names = fromFiles.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new GatewayError('CONFIG_INVALID', `Two exporters would both be named ${twice}`);
  return [
    ...fromVariables.map((own) => (names.includes(own.name) ? { ...own, advice: REPLACES } : own)),
    ...fromFiles.filter(({ name }) => !fromVariables.some((own) => own.name === name)),
  ];
}

/**
 * Those of `own` that stand before the exporter. What is received goes through all pipelines of its signal: those that lead
 * to one exporter have to agree. Throws CONFIG_INVALID.
 */
export function agreedBefore<One extends { id: string }>(
  { exporter, signal }: { exporter: string; signal: Signal },
  pipelines: readonly Pipeline[],
  { own, what }: { own: readonly One[]; what: string },
): One[] {
  const leading = pipelines.filter((one) => one.signal === signal && leadsTo(one, exporter));
  const lists = leading.map(({ processors }) => processors.filter((id) => own.some((each) => each.id === id)));
  const [first = []] = lists;
  if (lists.some((list) => list.join() !== first.join())) {
    const names = leading.map(({ id }) => id).join(' and ');
    const message = `service.pipelines: ${names} lead to one exporter of ${signal}, and name different ${what}`;
    throw new GatewayError('CONFIG_INVALID', message);
  }
  return first.map((id) => own.find((each) => each.id === id)!);
}

/** `exporter`: its name, as `exporterName` makes it. */
export function leadsTo({ exporters }: Pick<Pipeline, 'exporters'>, exporter: string): boolean {
  return exporters.some((id) => exporterName(id) === exporter);
}
