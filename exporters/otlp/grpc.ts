/** OTLP/gRPC over grpc-js, with the request's bytes as they are. */
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
import { type Destination, GATEWAY_HEADER, headersFor, isByWorkspace, userAgent } from './destination.js';
import { RenewedClient, type TlsContents } from './renewal.js';

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
  /** How often files of certificates are looked at, at most. */
  certificateCheckMs?: number;
}

const identity = (bytes: Buffer): Buffer => bytes;

export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  const { destination, version, gatewayId, certificateCheckMs: checkMs } = options;
  const { url, tls, timeoutMs } = destination;
  const client = new RenewedClient<Client>({
    tls,
    make: async (contents) => createClient(destination, contents, version),
    retire: (old) => old.close(),
    checkMs,
  });

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
    // grpc-js frames a message in memory of its own, and what is on its way is that.
    letsGo: true,
    async send(exported, abort) {
      try {
        return await call(await client.get(), exported, abort);
      } catch (error) {
        return { kind: 'retry', reason: reasonOf('failed', (error as Error).message) };
      }
    },
    async close() {
      (await client.take())?.close();
    },
  };
}

function createClient({ url, compression }: Destination, contents: TlsContents, version: string): Client {
  const security = url.protocol === 'https:' ? secured(contents) : credentials.createInsecure();
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

function secured({ ca, key, cert }: TlsContents): ChannelCredentials {
  return credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
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
