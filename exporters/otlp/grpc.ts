/** OTLP/gRPC over grpc-js, with the request's bytes as they are. */
import { readFile } from 'node:fs/promises';
import {
  type ChannelCredentials,
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Signal } from '../../src/component.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';
import { acceptedOf, answerOfGrpc, reasonOf } from './answer.js';
import {
  type Destination,
  GATEWAY_HEADER,
  headersFor,
  isByWorkspace,
  type TlsMaterial,
  userAgent,
} from './destination.js';

const METHODS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};

// The Collector's configgrpc: keepalive 10 s, timeout 10 s.
const KEEPALIVE_MS = 10_000;
/** grpc-js waits up to two minutes between two tries to connect, in which our own retries would all fail. */
const RECONNECT_MS = { first: 500, most: 5000 };
const DETAILS = 'grpc-status-details-bin';

export interface GrpcTransportOptions {
  destination: Destination;
  version: string;
  /** The id of this gateway, which its own receivers refuse. */
  gatewayId?: (() => string) | undefined;
}

const identity = (bytes: Buffer): Buffer => bytes;

export function createGrpcTransport({ destination, version, gatewayId }: GrpcTransportOptions): Transport {
  const { url, timeoutMs } = destination;
  let client: Promise<Client> | undefined;

  const connected = (): Promise<Client> => {
    client ??= createClient(destination, version).catch((error: unknown) => {
      client = undefined;
      throw error;
    });
    return client;
  };

  const metadataOf = (workspace: string): Metadata => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headersFor(destination, workspace))) metadata.set(name, value);
    if (gatewayId) metadata.set(GATEWAY_HEADER, gatewayId());
    return metadata;
  };

  const call = (open: Client, { signal, payload, workspace }: ExportRequest, abort: AbortSignal): Promise<Answer> =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + timeoutMs };
      const answered = (error: ServiceError | null, body?: Buffer) => {
        abort.removeEventListener('abort', cancel);
        resolve(error ? answerOfGrpc(statusOf(error)) : acceptedOf(body ?? Buffer.alloc(0)));
      };
      const metadata = metadataOf(workspace);
      const under = open.makeUnaryRequest(METHODS[signal], identity, identity, payload, metadata, options, answered);
      const cancel = () => under.cancel();
      if (abort.aborted) cancel();
      else abort.addEventListener('abort', cancel, { once: true });
    });

  return {
    endpoint: `grpc://${url.host}`,
    byWorkspace: isByWorkspace(destination),
    async send(exported, abort) {
      try {
        return await call(await connected(), exported, abort);
      } catch (error) {
        return { kind: 'retry', reason: reasonOf('failed', (error as Error).message) };
      }
    },
    async close() {
      const open = client;
      client = undefined;
      (await open?.catch(() => undefined))?.close();
    },
  };
}

async function createClient({ url, tls, compression }: Destination, version: string): Promise<Client> {
  const security = url.protocol === 'https:' ? await secured(tls) : credentials.createInsecure();
  return new Client(targetOf(url), security, {
    'grpc.primary_user_agent': userAgent(version),
    // Tried again here, by the table above: grpc-js would do it on its own for some, unseen.
    'grpc.enable_retries': 0,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS.first,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS.most,
    // Two exporters of one address have a connection each.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.default_compression_algorithm': compressionAlgorithms[compression === 'gzip' ? 'gzip' : 'identity'],
  });
}

function targetOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}

async function secured({ certificate, clientKey, clientCertificate }: TlsMaterial): Promise<ChannelCredentials> {
  const read = (file: string | undefined) => (file === undefined ? null : readFile(file));
  const [ca, key, cert] = await Promise.all([certificate, clientKey, clientCertificate].map(read));
  return credentials.createSsl(ca, key, cert);
}

function statusOf(error: ServiceError) {
  const details = error.metadata?.get(DETAILS)[0];
  return {
    code: error.code,
    name: status[error.code] ?? `gRPC ${error.code}`,
    message: error.details,
    details: Buffer.isBuffer(details) ? details : undefined,
  };
}
