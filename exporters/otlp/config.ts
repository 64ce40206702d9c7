/**
 * The `OTEL_EXPORTER_OTLP_*` variables as every OpenTelemetry SDK reads them (specification, protocol/exporter.md), and
 * two backends that need no more than an address. An endpoint makes an exporter; without one there is none.
 */
import { z } from 'zod';
import { SIGNALS, type Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { flag, milliseconds, oneOf, type SettingMeta, text } from '../../src/setting.js';
import { basicAuthorization, withoutUser } from '../../src/url-user.js';
import { MAX_TIME_MS, type QueueConfig } from '../config.js';
import type { Destination } from './destination.js';

function parseUrl(endpoint: string): URL | undefined {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `unset://${endpoint}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.hostname === '' ? undefined : url;
}

export function endpointText() {
  const expected = 'expected http://host:port, https://host:port, or for gRPC also host:port';
  return z.string().refine((value) => {
    const url = parseUrl(value);
    return url !== undefined && ['http:', 'https:', 'unset:'].includes(url.protocol);
  }, expected);
}

export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
export const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function parseHeaders(list: string): Record<string, string> | undefined {
  const pairs = list.split(',').filter((pair) => pair.trim() !== '');
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, Math.max(0, at)).trim().toLowerCase(), decoded(pair.slice(at + 1).trim())] as const;
  });
  const sound = entries.every(([name, value]) => HEADER_NAME.test(name) && HEADER_VALUE.test(value));
  return sound ? Object.fromEntries(entries) : undefined;
}

/** W3C Baggage without properties: `name=value,name=value`, values percent-encoded where they must be. */
function headers() {
  return z.string().transform((list, context) => {
    const parsed = parseHeaders(list);
    if (parsed) return parsed;
    context.addIssue({ code: 'custom', message: 'expected name=value,name=value' });
    return z.NEVER;
  });
}

/** Nine variables, for all signals or for one. */
function variables(signal?: Signal) {
  const infix = signal === undefined ? '' : `${signal.toUpperCase()}_`;
  const meta = (name: string, description: string, secret = false): SettingMeta & Record<string, unknown> => ({
    env: `OTEL_EXPORTER_OTLP_${infix}${name}`,
    description: signal === undefined ? description : `OTEL_EXPORTER_OTLP_${name} for ${signal} alone`,
    ...(secret && { secret }),
  });
  return z.object({
    endpoint: endpointText()
      .optional()
      .meta(
        signal === undefined
          ? meta(
              'ENDPOINT',
              'Sends everything on to this OTLP backend; http://host:4318 (/v1/<signal> is added) or host:4317 with grpc',
            )
          : { ...meta('ENDPOINT', ''), description: `Where ${signal} go instead; over HTTP the whole URL, as it is` },
      ),
    headers: headers()
      .optional()
      .meta(
        meta('HEADERS', 'Headers of each request: name=value,name=value; {workspace} stands for the workspace', true),
      ),
    protocol: oneOf(['http/protobuf', 'http/json', 'grpc'])
      .optional()
      .meta(meta('PROTOCOL', 'http/protobuf (the default), http/json or grpc')),
    compression: oneOf(['none', 'gzip']).optional().meta(meta('COMPRESSION', 'none (the default) or gzip')),
    timeoutMs: milliseconds(1, MAX_TIME_MS)
      .optional()
      .meta(meta('TIMEOUT', 'Milliseconds until an unanswered request is tried again; 10000 by default')),
    certificate: text()
      .optional()
      .meta(meta('CERTIFICATE', 'PEM file with the certificates to trust in place of those of the system')),
    clientKey: text().optional().meta(meta('CLIENT_KEY', 'PEM file with the key of the client certificate')),
    clientCertificate: text().optional().meta(meta('CLIENT_CERTIFICATE', 'PEM file with the certificate for mTLS')),
    insecure: flag().optional().meta(meta('INSECURE', 'gRPC without TLS, where the endpoint has no scheme')),
  });
}

export const otlpSettings = variables();
export const otlpTracesSettings = variables('traces');
export const otlpLogsSettings = variables('logs');
export const otlpMetricsSettings = variables('metrics');

export const presetSettings = z.object({
  tempoEndpoint: endpointText()
    .optional()
    .meta({
      env: 'TEMPO_ENDPOINT',
      description:
        'Sends traces to Grafana Tempo: http://host:4318, or host:4317 for gRPC (http:// or https:// before it)',
    } satisfies SettingMeta),
  tempoTenant: text()
    .optional()
    .meta({
      env: 'TEMPO_TENANT',
      description: 'X-Scope-OrgID for Tempo with several tenants; {workspace} stands for the workspace',
    } satisfies SettingMeta),
  jaegerEndpoint: endpointText()
    .optional()
    .meta({
      env: 'JAEGER_ENDPOINT',
      description: 'Sends traces to Jaeger: http://host:4318, or host:4317 for gRPC (http:// or https:// before it)',
    } satisfies SettingMeta),
});

export type Variables = z.output<typeof otlpSettings>;

export interface OtlpConfig {
  otlp: Variables;
  otlpTraces: Variables;
  otlpLogs: Variables;
  otlpMetrics: Variables;
  presets: z.output<typeof presetSettings>;
}

export interface OtlpExporterConfig {
  /** The name of its cursor, and its label in metrics. */
  name: string;
  destinations: Partial<Record<Signal, Destination>>;
  /** What an operator should know of this backend, once. */
  advice?: string;
  /** Where it differs from what holds for all. */
  queue?: Partial<QueueConfig>;
}

/** The variables of one signal, before those of all. */
function effective(all: Variables, own: Variables): Variables {
  const set = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...all, ...set };
}

const DEFAULT_TIMEOUT_MS = 10_000;

function httpUrl(endpoint: string, signal: Signal, isWhole: boolean): URL {
  const url = parseUrl(endpoint)!;
  if (url.protocol === 'unset:') {
    // Its host alone: what stands before it may be a password.
    throw new GatewayError('CONFIG_INVALID', `${url.host}: an OTLP/HTTP endpoint begins with http:// or https://`);
  }
  // The specification: a path is added to the base endpoint, none to that of a signal.
  if (!isWhole) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${signal}`;
  return url;
}

function grpcUrl(endpoint: string, insecure: boolean): URL {
  const { protocol, host, username, password } = parseUrl(endpoint)!;
  const scheme = protocol !== 'unset:' ? protocol : insecure ? 'http:' : 'https:';
  const url = new URL(`${scheme}//${host}`);
  Object.assign(url, { username, password });
  return url;
}

/** grpc-js refuses others in every request, and names ending in -bin hold bytes. */
const GRPC_HEADER_NAME = /^(?!.*-bin$)[0-9a-z_.-]+$/;
const GRPC_HEADER_VALUE = /^[\x20-\x7e]*$/;
/** Those of the connection itself: undici refuses them in every request, or sets them. */
const OWN_HEADERS = ['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade'];

function faultOf(name: string, value: string, protocol: Destination['protocol']): string | undefined {
  if (!HEADER_NAME.test(name)) return 'is no name of a header';
  if (!HEADER_VALUE.test(value)) return 'has a value that is not printable ASCII';
  if (protocol !== 'grpc')
    return OWN_HEADERS.includes(name) ? 'belongs to the connection, and is not to be set' : undefined;
  if (!GRPC_HEADER_NAME.test(name)) return 'is no name that gRPC takes: a-z, 0-9, _ . - and no -bin at its end';
  return GRPC_HEADER_VALUE.test(value) ? undefined : 'has a tab in its value, which gRPC does not take';
}

/** What no request could be sent with is told at the start: the name, and never the value. */
function sendable(headers: Readonly<Record<string, string>>, protocol: Destination['protocol']) {
  for (const [name, value] of Object.entries(headers)) {
    const fault = faultOf(name, value, protocol);
    if (fault) throw new GatewayError('CONFIG_INVALID', `The header ${JSON.stringify(name)} of an exporter ${fault}`);
  }
  return headers;
}

/** What a user and a password in the endpoint stand for, unless a header says it: as Go's client does for the Collector. */
function authorized(headers: Readonly<Record<string, string>>, url: URL): Readonly<Record<string, string>> {
  const authorization = basicAuthorization(url);
  return authorization === undefined ? headers : { authorization, ...headers };
}

/** Throws CONFIG_INVALID. */
export function destinationOf(set: Variables, signal: Signal, isWhole: boolean): Destination {
  const { endpoint, protocol = 'http/protobuf', insecure = false } = set;
  const url = protocol === 'grpc' ? grpcUrl(endpoint!, insecure) : httpUrl(endpoint!, signal, isWhole);
  return {
    protocol,
    url: withoutUser(url),
    headers: authorized(sendable(set.headers ?? {}, protocol), url),
    compression: set.compression ?? 'none',
    timeoutMs: set.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    tls: { certificate: set.certificate, clientKey: set.clientKey, clientCertificate: set.clientCertificate },
  };
}

function fromVariables({ otlp, otlpTraces, otlpLogs, otlpMetrics }: OtlpConfig): OtlpExporterConfig | undefined {
  const own = { traces: otlpTraces, logs: otlpLogs, metrics: otlpMetrics };
  const destinations: OtlpExporterConfig['destinations'] = {};
  for (const signal of SIGNALS) {
    const set = effective(otlp, own[signal]);
    if (set.endpoint !== undefined) {
      destinations[signal] = destinationOf(set, signal, own[signal].endpoint !== undefined);
    }
  }
  return Object.keys(destinations).length === 0 ? undefined : { name: 'otlp', destinations };
}

const GRPC_PORT = '4317';

/** Of a backend for traces that says only where it is: the port tells the protocol. */
export function tracesProtocol(endpoint: string): 'grpc' | 'http/protobuf' {
  return parseUrl(endpoint)!.port === GRPC_PORT ? 'grpc' : 'http/protobuf';
}

function traceBackend(name: string, endpoint: string, headersOf: Record<string, string>): OtlpExporterConfig {
  const protocol = tracesProtocol(endpoint);
  const set: Variables = { endpoint, protocol, headers: headersOf, insecure: true };
  return { name, destinations: { traces: destinationOf(set, 'traces', false) } };
}

export const TEMPO_ADVICE =
  'Tempo cuts attributes at 2048 bytes (max_attribute_bytes of its distributor): raise that, or prompts and answers are cut there';

/** Every exporter that variables ask for. Throws CONFIG_INVALID for what no single setting shows to be wrong. */
export function otlpExporters(config: OtlpConfig): OtlpExporterConfig[] {
  const { tempoEndpoint, tempoTenant, jaegerEndpoint } = config.presets;
  const exporters: OtlpExporterConfig[] = [];
  const general = fromVariables(config);
  if (general) exporters.push(general);
  if (tempoEndpoint) {
    const tenant = tempoTenant === undefined ? {} : { 'x-scope-orgid': tempoTenant };
    exporters.push({ ...traceBackend('tempo', tempoEndpoint, tenant), advice: TEMPO_ADVICE });
  }
  if (jaegerEndpoint) exporters.push(traceBackend('jaeger', jaegerEndpoint, {}));
  return exporters;
}
