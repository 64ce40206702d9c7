/**
 * OTLP backends in configuration files, in the Collector's spelling (exporter/otlpexporter, exporter/otlphttpexporter,
 * config/configretry): as many as there are, each with its own queue. An id `otlp_http/archive` is the exporter
 * `otlp_http_archive` in metrics, cursors and dead letters.
 */
import { z } from 'zod';
import type { Signal } from '../../src/component.js';
import type { ComponentType, ConfiguredComponent } from '../../src/config-file/components.js';
import { duration } from '../../src/config-file/duration.js';
import type { Pipeline } from '../../src/config-file/pipelines.js';
import { GatewayError } from '../../src/errors.js';
import { flag, integer, oneOf, type SettingMeta, text } from '../../src/setting.js';
import { type QueueConfig, queueSettings } from '../config.js';
import {
  destinationOf,
  endpointText,
  HEADER_NAME,
  HEADER_VALUE,
  type OtlpConfig,
  type OtlpExporterConfig,
  otlpExporters,
  TEMPO_ADVICE,
  tracesProtocol,
  type Variables,
} from './config.js';

const MAX_TIME_MS = 2 ** 31 - 1;

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

const tlsSettings = z.object({
  insecure: flag().optional(),
  caFile: text().optional(),
  certFile: text().optional(),
  keyFile: text().optional(),
});

const shared = {
  headers: z
    .record(
      z.string().regex(new RegExp(HEADER_NAME, 'i'), 'expected the name of a header'),
      z.string().regex(HEADER_VALUE, 'expected printable ASCII'),
    )
    .prefault({})
    .meta({ secret: true } satisfies Partial<SettingMeta>),
  tls: tlsSettings.prefault({}),
  retryOnFailure: retrySettings.prefault({}),
  sendingQueue: z.object({ numConsumers: integer(1, 1000).optional() }).prefault({}),
  ...ownQueueSettings(),
};

// The Collector compresses unless it is told not to.
const compression = () => oneOf(['gzip', 'none']).prefault('gzip');

function url() {
  return z
    .string()
    .refine((given) => /^https?:\/\/./.test(given) && URL.canParse(given), 'expected http://host:4318 or https://…');
}

const httpSettings = z
  .object({
    endpoint: url().optional(),
    tracesEndpoint: url().optional(),
    logsEndpoint: url().optional(),
    metricsEndpoint: url().optional(),
    compression: compression(),
    timeout: duration(1, MAX_TIME_MS).prefault('30s'),
    ...shared,
  })
  .refine(({ endpoint, tracesEndpoint, logsEndpoint, metricsEndpoint }) => {
    return endpoint ?? tracesEndpoint ?? logsEndpoint ?? metricsEndpoint;
  }, 'expected an endpoint, or traces_endpoint, logs_endpoint, metrics_endpoint');

const grpcSettings = z.object({
  endpoint: endpointText(),
  compression: compression(),
  timeout: duration(1, MAX_TIME_MS).prefault('5s'),
  ...shared,
});

/** A backend for traces alone. Port 4317 tells gRPC, unless the protocol is said. */
const tracesSettings = z.object({
  endpoint: endpointText(),
  protocol: oneOf(['grpc', 'http/protobuf']).optional(),
  compression: compression(),
  timeout: duration(1, MAX_TIME_MS).prefault('10s'),
  ...shared,
});

const tempoSettings = tracesSettings.extend({ tenant: text().optional() });

function isReachable({ endpoint, protocol = tracesProtocol(endpoint) }: z.output<typeof tracesSettings>): boolean {
  return protocol === 'grpc' || /^https?:/.test(endpoint);
}

const REACHABLE = { path: ['endpoint'], error: 'expected http:// or https:// before it, or protocol: grpc' };

export const otlpComponentTypes = {
  otlp_http: { settings: httpSettings, aliases: ['otlphttp'] },
  otlp_grpc: { settings: grpcSettings, aliases: ['otlp'] },
  tempo: { settings: tempoSettings.refine(isReachable, REACHABLE) },
  jaeger: { settings: tracesSettings.refine(isReachable, REACHABLE) },
} as const satisfies Record<string, ComponentType>;

type Type = keyof typeof otlpComponentTypes;
type Settings<Of extends Type> = z.output<(typeof otlpComponentTypes)[Of]['settings']>;
type Shared = Pick<Settings<'otlp_grpc'>, 'headers' | 'tls' | 'compression' | 'timeout'>;

function variablesOf({ headers, tls, compression, timeout }: Shared): Variables {
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    compression,
    timeoutMs: timeout,
    certificate: tls.caFile,
    clientCertificate: tls.certFile,
    clientKey: tls.keyFile,
    insecure: tls.insecure,
  };
}

type Destinations = OtlpExporterConfig['destinations'];

function httpDestinations(settings: Settings<'otlp_http'>, signals: readonly Signal[]): Destinations {
  const set = { ...variablesOf(settings), protocol: 'http/protobuf' as const };
  const own = { traces: settings.tracesEndpoint, logs: settings.logsEndpoint, metrics: settings.metricsEndpoint };
  const entries = signals.flatMap((signal) => {
    const endpoint = own[signal] ?? settings.endpoint;
    return endpoint === undefined
      ? []
      : [[signal, destinationOf({ ...set, endpoint }, signal, own[signal] !== undefined)]];
  });
  return Object.fromEntries(entries) as Destinations;
}

function grpcDestinations(settings: Settings<'otlp_grpc'>, signals: readonly Signal[]): Destinations {
  const set = { ...variablesOf(settings), endpoint: settings.endpoint, protocol: 'grpc' as const };
  return Object.fromEntries(signals.map((signal) => [signal, destinationOf(set, signal, false)]));
}

function tracesDestinations(settings: Settings<'tempo' | 'jaeger'>, extra: Record<string, string>): Destinations {
  const { endpoint, protocol = tracesProtocol(endpoint) } = settings;
  const set = variablesOf(settings);
  const headers = { ...set.headers, ...extra };
  return {
    traces: destinationOf({ ...set, headers, insecure: set.insecure ?? true, endpoint, protocol }, 'traces', false),
  };
}

function queueOf(settings: Settings<Type>): Partial<QueueConfig> {
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

function assertTracesAlone(id: string, signals: readonly Signal[]): void {
  const other = signals.find((signal) => signal !== 'traces');
  if (other)
    throw new GatewayError(
      'CONFIG_INVALID',
      `exporters.${id} takes traces alone: take it out of the pipeline of ${other}`,
    );
}

function exporterOf({ id, type, settings }: ConfiguredComponent, signals: readonly Signal[]): OtlpExporterConfig {
  const base = { name: exporterName(id), queue: queueOf(settings as Settings<Type>) };
  switch (type as Type) {
    case 'otlp_http':
      return { ...base, destinations: httpDestinations(settings as Settings<'otlp_http'>, signals) };
    case 'otlp_grpc':
      return { ...base, destinations: grpcDestinations(settings as Settings<'otlp_grpc'>, signals) };
    case 'jaeger':
      assertTracesAlone(id, signals);
      return { ...base, destinations: tracesDestinations(settings as Settings<'jaeger'>, {}) };
    case 'tempo': {
      assertTracesAlone(id, signals);
      const { tenant } = settings as Settings<'tempo'>;
      const extra: Record<string, string> = tenant === undefined ? {} : { 'x-scope-orgid': tenant };
      return { ...base, destinations: tracesDestinations(settings as Settings<'tempo'>, extra), advice: TEMPO_ADVICE };
    }
  }
}

export interface DefinedExporters {
  readonly exporters: readonly ConfiguredComponent[];
  readonly pipelines: readonly Pipeline[];
}

/** Those of configuration files that a pipeline leads to. Throws CONFIG_INVALID. */
function definedExporters({ exporters, pipelines }: DefinedExporters): OtlpExporterConfig[] {
  return exporters
    .filter(({ type }) => Object.hasOwn(otlpComponentTypes, type))
    .map((component) => {
      const leading = pipelines.filter((pipeline) => pipeline.exporters.includes(component.id));
      return { component, signals: [...new Set(leading.map(({ signal }) => signal))] };
    })
    .filter(({ signals }) => signals.length > 0)
    .map(({ component, signals }) => exporterOf(component, signals));
}

const REPLACES = 'Variables of the environment define this exporter, and the one of that name in a file does not count';

/** Where exporters are named: variables, and configuration files. */
export interface OtlpSources extends OtlpConfig {
  service?: DefinedExporters;
}

/** Every exporter to an OTLP backend; what variables name wins over a file's of that name. Throws CONFIG_INVALID. */
export function otlpBackends(config: OtlpSources): OtlpExporterConfig[] {
  const fromVariables = otlpExporters(config);
  const fromFiles = config.service ? definedExporters(config.service) : [];
  const names = fromFiles.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new GatewayError('CONFIG_INVALID', `Two exporters would both be named ${twice}`);
  const replaced = ({ name }: OtlpExporterConfig) => names.includes(name);
  return [
    ...fromVariables.map((own) => (replaced(own) ? { ...own, advice: REPLACES } : own)),
    ...fromFiles.filter(({ name }) => !fromVariables.some((own) => own.name === name)),
  ];
}
