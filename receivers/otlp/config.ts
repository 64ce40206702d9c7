import { z } from 'zod';
import { bytes, integer, list, milliseconds, port, type SettingMeta, text } from '../../src/setting.js';

const MAX_TIME_MS = 2 ** 31 - 1;

/** What every door shares, the API's port included: the gateway hands the same values to each. */
export const intakeSettings = z.object({
  host: text()
    .prefault('127.0.0.1')
    .meta({
      env: 'HOST',
      description: 'Address that every port binds: 0.0.0.0 or :: opens the gateway to the network',
    } satisfies SettingMeta),
  // OTLP 1.11 recommends 64 MiB for both transports, before and after decompression.
  maxBodyBytes: bytes()
    .prefault('64MiB')
    .meta({
      env: 'MAX_BODY_BYTES',
      description: 'Largest request body, compressed and decompressed; larger ones get 413 / RESOURCE_EXHAUSTED',
    } satisfies SettingMeta),
  maxInFlightBytes: bytes()
    .prefault('256MiB')
    .meta({
      env: 'MAX_IN_FLIGHT_BYTES',
      description:
        'Bytes of requests held in memory at once over all ports; above it: 503 / UNAVAILABLE, to be retried',
    } satisfies SettingMeta),
});
export type IntakeConfig = z.infer<typeof intakeSettings>;

export const receiverSettings = z.object({
  ...intakeSettings.shape,

  httpPort: port()
    .prefault('4318')
    .meta({ env: 'OTLP_HTTP_PORT', description: 'OTLP/HTTP; 0 picks a free port' } satisfies SettingMeta),
  grpcPort: port()
    .prefault('4317')
    .meta({ env: 'OTLP_GRPC_PORT', description: 'OTLP/gRPC; 0 picks a free port' } satisfies SettingMeta),
  httpSocketPath: text()
    .optional()
    .meta({
      env: 'OTLP_HTTP_SOCKET_PATH',
      description: 'Unix socket for OTLP/HTTP in place of host and port',
    } satisfies SettingMeta),
  grpcSocketPath: text()
    .optional()
    .meta({
      env: 'OTLP_GRPC_SOCKET_PATH',
      description: 'Unix socket for OTLP/gRPC in place of host and port',
    } satisfies SettingMeta),

  corsOrigins: list()
    .prefault('')
    .meta({
      env: 'OTLP_CORS_ORIGINS',
      description:
        'Origins of web pages that may send OTLP/HTTP, * for any or within one (https://*.example.com); off when empty',
    } satisfies SettingMeta),
  corsHeaders: list()
    .prefault('')
    .meta({
      env: 'OTLP_CORS_HEADERS',
      description:
        'Request headers that web pages may send besides Content-Type, Content-Encoding and X-Requested-With',
    } satisfies SettingMeta),
  corsMaxAgeSeconds: integer(0, 86_400)
    .prefault('7200')
    .meta({
      env: 'OTLP_CORS_MAX_AGE',
      description: 'Seconds for which a browser may remember a preflight answer',
    } satisfies SettingMeta),

  tlsCertFile: text()
    .optional()
    .meta({
      env: 'OTLP_TLS_CERT_FILE',
      description: 'PEM certificate chain: turns TLS on for both OTLP ports',
    } satisfies SettingMeta),
  tlsKeyFile: text()
    .optional()
    .meta({ env: 'OTLP_TLS_KEY_FILE', description: 'PEM private key of that certificate' } satisfies SettingMeta),
  tlsClientCaFile: text()
    .optional()
    .meta({
      env: 'OTLP_TLS_CLIENT_CA_FILE',
      description: 'PEM authorities: clients must then show a certificate that one of them signed (mTLS)',
    } satisfies SettingMeta),
  tlsReloadIntervalMs: milliseconds(100, MAX_TIME_MS)
    .prefault('10000')
    .meta({
      env: 'OTLP_TLS_RELOAD_INTERVAL_MS',
      description: 'How often the TLS files are looked at for changes',
    } satisfies SettingMeta),

  // SDKs export every 5 s (traces) to 60 s (metrics). A connection that is closed between two exports costs a
  // reconnect, or an ECONNRESET when both happen at once.
  keepAliveTimeoutMs: milliseconds(1000, MAX_TIME_MS)
    .prefault('75000')
    .meta({
      env: 'OTLP_KEEP_ALIVE_TIMEOUT_MS',
      description: 'How long an idle OTLP/HTTP connection is kept; longer than the export interval of the clients',
    } satisfies SettingMeta),
  headersTimeoutMs: milliseconds(100, MAX_TIME_MS)
    .prefault('30000')
    .meta({
      env: 'OTLP_HEADERS_TIMEOUT_MS',
      description: 'How long a connection may take to send the head of a request',
    } satisfies SettingMeta),
  requestTimeoutMs: milliseconds(100, MAX_TIME_MS)
    .prefault('60000')
    .meta({
      env: 'OTLP_REQUEST_TIMEOUT_MS',
      description: 'How long a client may take to send a whole request; then 408 / CANCELLED',
    } satisfies SettingMeta),
  // Long-lived connections stick to one gateway behind a balancer; now and then they are asked to come again.
  maxConnectionAgeMs: milliseconds(0, MAX_TIME_MS)
    .prefault('1800000')
    .meta({
      env: 'OTLP_MAX_CONNECTION_AGE_MS',
      description: 'Age, ± 10 %, at which a connection is closed in an orderly way; 0 for never',
    } satisfies SettingMeta),
  maxConnectionAgeGraceMs: milliseconds(0, MAX_TIME_MS)
    .prefault('60000')
    .meta({
      env: 'OTLP_MAX_CONNECTION_AGE_GRACE_MS',
      description: 'How long the calls of an aged gRPC connection may take to end',
    } satisfies SettingMeta),
  grpcKeepAliveIntervalMs: milliseconds(0, MAX_TIME_MS)
    .prefault('60000')
    .meta({
      env: 'OTLP_GRPC_KEEP_ALIVE_INTERVAL_MS',
      description: 'How often a gRPC connection is pinged to see whether its client is alive; 0 for never',
    } satisfies SettingMeta),
  grpcKeepAliveTimeoutMs: milliseconds(100, MAX_TIME_MS)
    .prefault('20000')
    .meta({
      env: 'OTLP_GRPC_KEEP_ALIVE_TIMEOUT_MS',
      description: 'How long the answer to such a ping may take before the connection is dropped',
    } satisfies SettingMeta),
  grpcMaxConcurrentStreams: integer(1, 1_000_000)
    .prefault('250')
    .meta({
      env: 'OTLP_GRPC_MAX_CONCURRENT_STREAMS',
      description: 'Calls that one gRPC connection may have open at once',
    } satisfies SettingMeta),
});
/** All that a receiver is configured by. */
export type ReceiverConfig = z.infer<typeof receiverSettings>;
