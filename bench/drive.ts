/** Load generators: HTTP with autocannon's API (bodies as Buffers), gRPC with grpc-js and raw bytes. */
import * as grpc from '@grpc/grpc-js';
import autocannon from 'autocannon';
import type { Load } from './load.js';

export interface Drive {
  load: Load;
  connections: number;
  /** Ends after so many seconds, or after so many requests. */
  until: { seconds: number } | { requests: number };
  /** Requests a second over all connections; as many as possible when left out. */
  requestsPerSecond?: number;
}

export interface Driven {
  /** Acknowledged spans. */
  spans: number;
  requests: number;
  seconds: number;
  /** Answers other than success: a measurement with any is void. */
  failures: number;
  latencyMs: { p50: number; p99: number; max: number };
}

export async function driveHttp(baseUrl: string, drive: Drive): Promise<Driven> {
  const { load, connections, until } = drive;
  const result = await autocannon({
    url: baseUrl,
    connections,
    timeout: 60,
    ...('seconds' in until ? { duration: until.seconds } : { amount: until.requests }),
    ...(drive.requestsPerSecond === undefined ? {} : { overallRate: drive.requestsPerSecond }),
    requests: [
      {
        method: 'POST',
        path: '/v1/traces',
        headers: { 'content-type': load.contentType },
        setupRequest: (request) => ({ ...request, body: load.next() }),
      },
    ],
  });
  const requests = result['2xx'];
  return {
    spans: requests * load.spans,
    requests,
    seconds: result.duration,
    failures: result.non2xx + result.errors + result.timeouts,
    latencyMs: { p50: result.latency.p50, p99: result.latency.p99, max: result.latency.max },
  };
}

const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Each of `connections` is a channel of its own, as so many SDKs are, with one request in flight. */
export async function driveGrpc(address: string, drive: Drive): Promise<Driven> {
  const latencies: number[] = [];
  let sent = 0;
  let failures = 0;
  const started = performance.now();
  const over = () =>
    'seconds' in drive.until ? performance.now() - started >= drive.until.seconds * 1000 : sent >= drive.until.requests;
  const raw = (bytes: Buffer) => bytes;
  const call = (client: grpc.Client) =>
    new Promise<void>((resolve) => {
      sent++;
      const begun = performance.now();
      client.makeUnaryRequest(EXPORT_PATH, raw, raw, drive.load.next(), (error) => {
        if (error) failures++;
        else latencies.push(performance.now() - begun);
        resolve();
      });
    });
  const run = async () => {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
    });
    while (!over()) await call(client);
    client.close();
  };
  await Promise.all(Array.from({ length: drive.connections }, run));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    spans: latencies.length * drive.load.spans,
    requests: latencies.length,
    seconds,
    failures,
    latencyMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), max: latencies.at(-1) ?? 0 },
  };
}
