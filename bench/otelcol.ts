/** An OpenTelemetry Collector that does what MODE=forward does: OTLP/gRPC in, a synced queue on the disk, OTLP/gRPC out. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, memoryOf } from './gateway-process.js';

export interface CollectorProcess {
  /** host:port */
  readonly otlpGrpc: string;
  cpuSeconds(): number;
  memory(): { now: number; peak: number };
  end(): Promise<void>;
}

const VERSION = '0.155.0';

/** The builder's manifest of what is measured here. */
export const MANIFEST = `dist: {name: otelcol, output_path: ./otelcol, version: ${VERSION}}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v${VERSION}
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/otlpexporter v${VERSION}
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter v${VERSION}
  - gomod: go.opentelemetry.io/collector/exporter/nopexporter v${VERSION}
extensions:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage v${VERSION}
`;

export const HOW_TO_GET = `There is no OpenTelemetry Collector here: put one named otelcol on the PATH, or its path into OTELCOL_BIN.
With Go, one is built in some minutes:
  go install go.opentelemetry.io/collector/cmd/builder@v${VERSION}
  cat > manifest.yaml <<'END'
${MANIFEST}END
  builder --config manifest.yaml
  export OTELCOL_BIN=$PWD/otelcol/otelcol`;

/** Throws with how to get one. */
export function collectorBinary(): string {
  const binary = process.env.OTELCOL_BIN ?? 'otelcol';
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' });
    return binary;
  } catch {
    throw new Error(HOW_TO_GET);
  }
}

/** The queue holds a request until it is sent, on a disk that is synced for each; a full one makes the sender wait. */
function configuration(port: number, sink: string, queue: string): string {
  return `receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${port}", max_recv_msg_size_mib: 64}
exporters:
  otlp:
    endpoint: ${sink}
    compression: none
    tls: {insecure: true}
    sending_queue: {storage: file_storage, block_on_overflow: true}
extensions:
  file_storage: {directory: ${queue}, fsync: true}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  extensions: [file_storage]
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp]}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const START_TRIES = 1500;

export async function startCollector(sink: string): Promise<CollectorProcess> {
  const binary = collectorBinary();
  const directory = mkdtempSync(path.join(tmpdir(), 'otelcol-bench-'));
  const queue = path.join(directory, 'queue');
  mkdirSync(queue);
  const port = await freePort();
  const file = path.join(directory, 'config.yaml');
  writeFileSync(file, configuration(port, sink, queue));
  const child = spawn(binary, ['--config', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const end = async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  };
  for (let tries = 0; !(await listens(port)); tries++) {
    if (child.exitCode !== null || tries === START_TRIES) {
      await end();
      throw new Error('The Collector did not start');
    }
    await sleep(20);
  }
  return {
    otlpGrpc: `127.0.0.1:${port}`,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    memory: () => memoryOf(child.pid!),
    end,
  };
}
