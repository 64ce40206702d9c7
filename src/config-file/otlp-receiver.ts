/**
 * The Collector's spelling of the OTLP receiver (receiver/otlpreceiver, config/confighttp, config/configgrpc), as the
 * settings that the gateway's doors have. These stand beside it under their own names: receivers.otlp.max_body_bytes.
 */
import { durationMs, EXPECTED_DURATION } from './duration.js';
import type { Findings } from './findings.js';
import type { Leaf } from './leaves.js';

/** Field of the receivers' settings → its text. */
type Fields = Record<string, string>;
type Conversion = (text: string) => Fields | string;

function duration(field: string): Conversion {
  return (text) => {
    const milliseconds = durationMs(text);
    return milliseconds === undefined ? EXPECTED_DURATION : { [field]: String(milliseconds) };
  };
}

function same(field: string): Conversion {
  return (text) => ({ [field]: text });
}

/** host:port, [::1]:port, :port for every address, or unix:path as gRPC and the Collector write it. */
function endpoint(portField: string, socketField: string): Conversion {
  return (text) => {
    const socket = /^unix:(?:\/\/)?(.+)$/.exec(text);
    if (socket) return { [socketField]: socket[1]! };
    const [, ipv6, host, port] = /^(?:\[([^\]]+)\]|([^:/]*)):(\d+)$/.exec(text) ?? [];
    if (port === undefined) return 'expected host:port, such as 0.0.0.0:4317, or unix:/path/of.sock';
    return { host: (ipv6 ?? host) || '0.0.0.0', [portField]: port };
  };
}

const KEEP_ALIVE = 'protocols.grpc.keepalive.server_parameters';

function tls(protocol: string): Record<string, Conversion> {
  const below = `protocols.${protocol}.tls`;
  return {
    [`${below}.cert_file`]: same('tlsCertFile'),
    [`${below}.key_file`]: same('tlsKeyFile'),
    [`${below}.client_ca_file`]: same('tlsClientCaFile'),
    [`${below}.reload_interval`]: duration('tlsReloadIntervalMs'),
  };
}

const CONVERSIONS: Record<string, Conversion> = {
  'protocols.grpc.endpoint': endpoint('grpcPort', 'grpcSocketPath'),
  'protocols.grpc.max_recv_msg_size_mib': (text) => ({ maxBodyBytes: `${text}MiB` }),
  'protocols.grpc.max_concurrent_streams': same('grpcMaxConcurrentStreams'),
  [`${KEEP_ALIVE}.max_connection_age`]: duration('maxConnectionAgeMs'),
  [`${KEEP_ALIVE}.max_connection_age_grace`]: duration('maxConnectionAgeGraceMs'),
  [`${KEEP_ALIVE}.time`]: duration('grpcKeepAliveIntervalMs'),
  [`${KEEP_ALIVE}.timeout`]: duration('grpcKeepAliveTimeoutMs'),
  ...tls('grpc'),
  'protocols.http.endpoint': endpoint('httpPort', 'httpSocketPath'),
  'protocols.http.max_request_body_size': same('maxBodyBytes'),
  'protocols.http.cors.allowed_origins': same('corsOrigins'),
  'protocols.http.cors.allowed_headers': same('corsHeaders'),
  'protocols.http.cors.max_age': same('corsMaxAgeSeconds'),
  'protocols.http.idle_timeout': duration('keepAliveTimeoutMs'),
  'protocols.http.read_header_timeout': duration('headersTimeoutMs'),
  'protocols.http.read_timeout': duration('requestTimeoutMs'),
  ...tls('http'),
};

/** Below receivers.otlp. */
export const COLLECTOR_KEYS = Object.keys(CONVERSIONS);

export interface Given extends Leaf {
  /** Without it, nothing is given. */
  text: string;
}

/** Each field of the receivers' settings that the Collector's keys give; one that is given twice, differently, is a fault. */
export function fieldsOf(leaves: ReadonlyMap<string, Leaf>, findings: Findings): Map<string, Given> {
  const fields = new Map<string, Given>();
  for (const [name, leaf] of leaves) {
    const { path, place, text } = leaf;
    if (text === undefined || !CONVERSIONS[name]) continue;
    const converted = CONVERSIONS[name](text);
    if (typeof converted === 'string') findings.fault(`${path}=${JSON.stringify(text)} (${place}): ${converted}`);
    else
      for (const [field, value] of Object.entries(converted)) give(fields, field, { ...leaf, text: value }, findings);
  }
  return fields;
}

export function give(fields: Map<string, Given>, field: string, given: Given, findings: Findings): void {
  const before = fields.get(field);
  if (before && before.text !== given.text) {
    findings.fault(
      `${given.path} (${given.place}) says ${given.text}, and ${before.path} (${before.place}) ${before.text}: ` +
        'every OTLP door has the same',
    );
  }
  fields.set(field, before ?? given);
}

/** What a file in the Collector's shape may not lead one to expect: the two doors have one address and one TLS. */
export function warnOfShared(leaves: ReadonlyMap<string, Leaf>, path: string, findings: Findings): void {
  const said = [...leaves].filter(([, { text }]) => text !== undefined);
  for (const [one, other] of [
    ['grpc', 'http'],
    ['http', 'grpc'],
  ] as const) {
    const only = (key: string) => {
      const found = said.filter(([name]) => name.startsWith(`protocols.${one}.${key}`));
      return said.some(([name]) => name.startsWith(`protocols.${other}.${key}`)) ? undefined : found[0]?.[1];
    };
    for (const key of ['endpoint', 'tls']) {
      const leaf = only(key);
      if (leaf && !/^unix:/.test(leaf.text!)) {
        findings.warn(
          `${leaf.path} (${leaf.place}) holds for ${path}.protocols.${other} as well: the doors share ` +
            `${key === 'tls' ? 'one certificate' : 'one address, each with its port'}, and both are open`,
        );
      }
    }
  }
}
