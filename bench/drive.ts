/**
 * Load generators: HTTP with autocannon's API (bodies as Buffers); gRPC as plain HTTP/2, because a full gRPC client in
 * JavaScript takes more processor time for a call than the server it would measure.
 */
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import type { Load } from './load.js';

export interface Drive {
  load: Load;
  connections: number;
  /** Ends after so many seconds, or after so many requests. */
  until: { seconds: number } | { requests: number };
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

export interface Pace {
  load: Load;
  requestsPerSecond: number;
  seconds: number;
}

function post(agent: Agent, url: URL, load: Load): Promise<number> {
  return new Promise((resolve, reject) => {
    const body = load.next();
    const headers = { 'content-type': load.contentType, 'content-length': body.length };
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!));
    });
    sent.on('error', reject).end(body);
  });
}

interface Ticks extends Omit<Pace, 'load'> {
  startedMs: number;
}

/** Resolves when what each tick began is done. */
async function atPace(
  { requestsPerSecond, seconds, startedMs }: Ticks,
  begin: (dueMs: number) => Promise<void>,
): Promise<void> {
  const begun: Promise<void>[] = [];
  for (let index = 0; index < requestsPerSecond * seconds; index++) {
    const due = startedMs + (index * 1000) / requestsPerSecond;
    const waitMs = due - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    begun.push(begin(due));
  }
  await Promise.all(begun);
}

/**
 * One request at each tick of a clock, whether or not those before are answered; latencies count from the tick. (A rate
 * limit of autocannon is a burst at the beginning of each second.)
 */
export async function driveHttpSteadily(baseUrl: string, { load, requestsPerSecond, seconds }: Pace): Promise<Driven> {
  const agent = new Agent({ keepAlive: true });
  const url = new URL('/v1/traces', baseUrl);
  const latencies: number[] = [];
  let failures = 0;
  const started = performance.now();
  await atPace({ requestsPerSecond, seconds, startedMs: started }, async (due) => {
    if ((await post(agent, url, load)) === 200) latencies.push(performance.now() - due);
    else failures++;
  });
  agent.destroy();
  return summarise(load, latencies, failures, started);
}

const EXPORT_HEADERS = {
  ':method': 'POST',
  ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  'content-type': 'application/grpc',
  te: 'trailers',
};
const MESSAGE_PREFIX_BYTES = 5;

/** One unary call. Resolves with grpc-status. */
function callGrpc(session: ClientHttp2Session, body: Buffer): Promise<string> {
  const prefix = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  return new Promise((resolve) => {
    const stream = session.request(EXPORT_HEADERS);
    let status = 'none';
    const read = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('error', () => {});
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.write(prefix);
    stream.end(body);
  });
}

/** One call at each tick of a clock over one session, as one SDK or Collector sends; latencies count from the tick. */
export async function driveGrpcSteadily(address: string, { load, requestsPerSecond, seconds }: Pace): Promise<Driven> {
  const session = connect(`http://${address}`);
  const latencies: number[] = [];
  let failures = 0;
  const call = async (dueMs: number) => {
    if ((await callGrpc(session, load.next())) === '0') latencies.push(performance.now() - dueMs);
    else failures++;
  };
  const startedMs = performance.now();
  await atPace({ requestsPerSecond, seconds, startedMs }, call);
  session.close();
  return summarise(load, latencies, failures, startedMs);
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function summarise(load: Load, latencies: number[], failures: number, startedMs: number): Driven {
  latencies.sort((a, b) => a - b);
  return {
    spans: latencies.length * load.spans,
    requests: latencies.length,
    seconds: (performance.now() - startedMs) / 1000,
    failures,
    latencyMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), max: latencies.at(-1) ?? 0 },
  };
}

/** Each of `connections` is a session of its own, as so many SDKs are, with one call in flight. */
export async function driveGrpc(address: string, drive: Drive): Promise<Driven> {
  const latencies: number[] = [];
  let sent = 0;
  let failures = 0;
  const started = performance.now();
  const over = () =>
    'seconds' in drive.until ? performance.now() - started >= drive.until.seconds * 1000 : sent >= drive.until.requests;
  const run = async () => {
    const session = connect(`http://${address}`);
    while (!over()) {
      sent++;
      const body = drive.load.next();
      const begun = performance.now();
      if ((await callGrpc(session, body)) === '0') latencies.push(performance.now() - begun);
      else failures++;
    }
    session.close();
  };
  await Promise.all(Array.from({ length: drive.connections }, run));
  return summarise(drive.load, latencies, failures, started);
}
