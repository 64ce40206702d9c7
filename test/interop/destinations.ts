/** Backends of others that a gateway sends traces to, and what they say has arrived. */
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type Backend, type HttpAnswers, startHttpBackend } from '../helpers/otlp-backend.js';
import { SpanIndex } from './items.js';
import {
  COLLECTOR,
  configFile,
  connects,
  freePort,
  JAEGER,
  type Program,
  type Running,
  run,
  TEMPO,
  temporaryFolder,
} from './programs.js';

export interface Doors {
  grpcPort: number;
  httpPort: number;
}

export interface Destination {
  doors: Doors;
  start(): Promise<Running>;
  /** Of a trace, the ids of its spans, as the backend shows them; none for a trace that it doesn't know. */
  spansOf(traceId: string): Promise<Set<string>>;
}

export type Protocol = 'grpc' | 'http/protobuf';

export interface Kind {
  program: Program;
  /** The gateway's exporter, as YAML in one line. */
  exporter(doors: Doors, protocol: Protocol): string;
  /** Ports are taken, nothing runs. */
  prepare(): Promise<Destination>;
}

async function freeDoors(): Promise<Doors> {
  return { grpcPort: await freePort(), httpPort: await freePort() };
}

export function otlpReceiver({ grpcPort, httpPort }: Doors): string {
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${grpcPort}" }
      http: { endpoint: "127.0.0.1:${httpPort}" }
`;
}

/** All three signals to one exporter. */
export const pipelinesTo = (...exporters: string[]) => `
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [${exporters}] }
    logs: { receivers: [otlp], exporters: [${exporters}] }
    metrics: { receivers: [otlp], exporters: [${exporters}] }
`;

export interface CollectorExporter {
  /** otlp_http or otlp_grpc */
  type: string;
  /** What stands below it, as YAML in one line. */
  settings: string;
}

/** It answers when its exporter has been answered: without a queue of its own, what it takes has arrived. */
export function startCollector(doors: Doors, { type, settings }: CollectorExporter): Promise<Running> {
  const config = configFile(`${otlpReceiver(doors)}
exporters:
  ${type}: { ${settings}, sending_queue: { enabled: false } }
${pipelinesTo(type)}`);
  const probe = () => Promise.all([connects(doors.grpcPort), connects(doors.httpPort)]);
  return run({ program: COLLECTOR, words: ['--config', config], probe });
}

export async function startSink(): Promise<Backend<HttpAnswers>> {
  const sink = await startHttpBackend();
  onTestFinished(() => sink.close());
  return sink;
}

export function endpointOf({ grpcPort, httpPort }: Doors, protocol: Protocol): string {
  return `http://127.0.0.1:${protocol === 'grpc' ? grpcPort : httpPort}`;
}

/** Of a backend for traces, by its preset. */
const presetOf = (type: string) => (doors: Doors, protocol: Protocol) =>
  `${type}: { endpoint: "${endpointOf(doors, protocol)}", protocol: ${protocol} }`;

const collector: Kind = {
  program: COLLECTOR,
  exporter: (doors, protocol) =>
    `${protocol === 'grpc' ? 'otlp_grpc' : 'otlp_http'}: { endpoint: "${endpointOf(doors, protocol)}", compression: gzip }`,
  async prepare() {
    const doors = await freeDoors();
    const sink = await startSink();
    const arrived = new SpanIndex();
    return {
      doors,
      start: () => startCollector(doors, { type: 'otlp_http', settings: `endpoint: "http://${sink.address}"` }),
      spansOf: async (traceId) => arrived.spansOf(traceId, sink.taken),
    };
  },
};

async function jsonAt(url: string): Promise<unknown> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const text = await response.text();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
  return JSON.parse(text);
}

interface JaegerTraces {
  data: { spans: { spanID: string }[] }[] | null;
}

const jaeger: Kind = {
  program: JAEGER,
  exporter: presetOf('jaeger'),
  async prepare() {
    const doors = await freeDoors();
    const [queryPort, queryGrpcPort] = [await freePort(), await freePort()];
    const query = `http://127.0.0.1:${queryPort}`;
    const config = configFile(`${otlpReceiver(doors)}
extensions:
  jaeger_storage: { backends: { memory: { memory: { max_traces: 100000 } } } }
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "127.0.0.1:${queryPort}" }
    grpc: { endpoint: "127.0.0.1:${queryGrpcPort}" }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] }
`);
    const probe = () =>
      Promise.all([jsonAt(`${query}/api/services`), connects(doors.grpcPort), connects(doors.httpPort)]);
    return {
      doors,
      start: () => run({ program: JAEGER, words: ['--config', config], probe }),
      async spansOf(traceId) {
        const answer = (await jsonAt(`${query}/api/traces/${traceId}`)) as JaegerTraces | undefined;
        return new Set((answer?.data ?? []).flatMap(({ spans }) => spans.map(({ spanID }) => spanID)));
      },
    };
  },
};

/** In any of the shapes that Tempo's versions answer with: OTLP's JSON, its ids in base64. */
function spanIdsWithin(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(spanIdsWithin);
  if (typeof value !== 'object' || value === null) return [];
  const { spanId, ...members } = value as Record<string, unknown>;
  const own = typeof spanId === 'string' ? [Buffer.from(spanId, 'base64').toString('hex')] : [];
  return [...own, ...Object.values(members).flatMap(spanIdsWithin)];
}

const tempo: Kind = {
  program: TEMPO,
  exporter: presetOf('tempo'),
  async prepare() {
    const doors = await freeDoors();
    const [httpPort, grpcPort, gossipPort] = [await freePort(), await freePort(), await freePort()];
    const query = `http://127.0.0.1:${httpPort}`;
    const folder = temporaryFolder();
    const config = configFile(`
server: { http_listen_address: 127.0.0.1, http_listen_port: ${httpPort}, grpc_listen_address: 127.0.0.1, grpc_listen_port: ${grpcPort} }
memberlist: { bind_addr: [127.0.0.1], bind_port: ${gossipPort} }
distributor:
  receivers:
    otlp:
      protocols:
        grpc: { endpoint: "127.0.0.1:${doors.grpcPort}" }
        http: { endpoint: "127.0.0.1:${doors.httpPort}" }
storage:
  trace:
    backend: local
    local: { path: "${path.join(folder, 'blocks')}" }
    wal: { path: "${path.join(folder, 'wal')}" }
usage_report: { reporting_enabled: false }
`);
    const probe = async () => {
      const response = await fetch(`${query}/ready`);
      if (!response.ok) throw new Error(`not ready: ${response.status}`);
    };
    return {
      doors,
      start: () => run({ program: TEMPO, words: [`-config.file=${config}`], probe }),
      spansOf: async (traceId) => new Set(spanIdsWithin(await jsonAt(`${query}/api/traces/${traceId}`))),
    };
  },
};

export const KINDS: readonly Kind[] = [collector, jaeger, tempo];
