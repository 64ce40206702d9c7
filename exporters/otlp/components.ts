/**
 * OTLP backends in configuration files, in the Collector's spelling (exporter/otlpexporter, exporter/otlphttpexporter,
 * config/configretry).
 */
import { z } from 'zod';
import type { Signal } from '../../src/component.js';
import type { ComponentType, ConfiguredComponent } from '../../src/config-file/components.js';
import { duration } from '../../src/config-file/duration.js';
import { flag, httpUrl, oneOf, type SettingMeta, text } from '../../src/setting.js';
import {
  assertTaken,
  type DefinedExporters,
  exporterName,
  ledTo,
  type QueueSettings,
  queueFields,
  queueOf,
  unlessReplaced,
} from '../components.js';
import { MAX_TIME_MS } from '../config.js';
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
  ...queueFields,
};

// The Collector compresses unless it is told not to.
const compression = () => oneOf(['gzip', 'none']).prefault('gzip');

const url = () => httpUrl('http://host:4318 or https://…');

const httpSettings = z
  .object({
    endpoint: url().optional(),
    tracesEndpoint: url().optional(),
    logsEndpoint: url().optional(),
    metricsEndpoint: url().optional(),
    /** The Collector's words. */
    encoding: oneOf(['proto', 'json']).prefault('proto'),
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
  protocol: oneOf(['grpc', 'http/protobuf', 'http/json']).optional(),
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
  const protocol = settings.encoding === 'json' ? ('http/json' as const) : ('http/protobuf' as const);
  const set = { ...variablesOf(settings), protocol };
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

function assertTracesAlone(id: string, signals: readonly Signal[]): void {
  assertTaken(id, signals, ['traces']);
}

function exporterOf({ id, type, settings }: ConfiguredComponent, signals: readonly Signal[]): OtlpExporterConfig {
  const base = { name: exporterName(id), queue: queueOf(settings as QueueSettings) };
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

/** Where exporters are named: variables, and configuration files. */
export interface OtlpSources extends OtlpConfig {
  service?: DefinedExporters;
}

/** Every exporter to an OTLP backend. Throws CONFIG_INVALID. */
export function otlpBackends(config: OtlpSources): OtlpExporterConfig[] {
  const fromFiles = ledTo(config.service, otlpComponentTypes).map(({ component, signals }) =>
    exporterOf(component, signals),
  );
  return unlessReplaced(otlpExporters(config), fromFiles);
}
