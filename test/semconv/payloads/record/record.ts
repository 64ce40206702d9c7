/**
 * Records what instrumentations send: runs each script of recordings.json with its packages against the fake provider,
 * and writes the OTLP requests that arrive as OTLP/JSON, one file each, in their order. Not run by tests; README.md says how.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { opentelemetry } from '../../../../proto/generated/otlp.js';
import { startFakeProvider } from '../../../helpers/fake-provider.js';

/** A folder in the scratch folder that has the packages; several recordings share one. */
interface Environment {
  runtime: 'node' | 'python';
  packages: string[];
}

interface Recording {
  /** The folder beside this one, named for what makes the spans. */
  folder: string;
  environment: string;
  script: string;
  cases: string[];
  env?: Record<string, string>;
}

interface Exported {
  signal: 'traces' | 'logs';
  body: Loose;
}

// biome-ignore lint/suspicious/noExplicitAny: messages are walked by name
type Loose = any;

const here = import.meta.dirname;
const { collector } = opentelemetry.proto;
const CODECS = {
  traces: collector.trace.v1.ExportTraceServiceRequest,
  logs: collector.logs.v1.ExportLogsServiceRequest,
};

// ---- the packages ----

function install({ runtime, packages }: Environment, directory: string): void {
  if (existsSync(directory)) return;
  mkdirSync(directory, { recursive: true });
  if (runtime === 'python') {
    execFileSync('python3', ['-m', 'venv', directory], { stdio: 'inherit' });
    execFileSync(path.join(directory, 'bin/pip'), ['install', '--quiet', ...packages], { stdio: 'inherit' });
    return;
  }
  writeFileSync(path.join(directory, 'package.json'), '{"private":true,"type":"module"}');
  execFileSync('npm', ['install', '--ignore-scripts', ...packages], { cwd: directory, stdio: 'inherit' });
}

// ---- OTLP in ----

/** Bytes are hex in the ids, and base64 elsewhere, as OTLP/JSON has them. */
function jsonOf(value: Loose, key = ''): Loose {
  if (Buffer.isBuffer(value)) return value.toString(/Id$/i.test(key) ? 'hex' : 'base64');
  if (Array.isArray(value)) return value.map((item) => jsonOf(item));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member, name)]));
}

function decoded(signal: Exported['signal'], body: Buffer, contentType: string): Loose {
  if (contentType.includes('json')) return JSON.parse(body.toString('utf8'));
  const codec = CODECS[signal] as Loose;
  return jsonOf(codec.toObject(codec.decode(body), { longs: String, enums: Number, bytes: Buffer }));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

async function startSink() {
  const exported: Exported[] = [];
  const server = createServer(async (request, response) => {
    const signal = /\/v1\/(traces|logs)$/.exec(request.url ?? '')?.[1] as Exported['signal'] | undefined;
    const contentType = request.headers['content-type'] ?? '';
    const body = await bodyOf(request);
    if (signal !== undefined) exported.push({ signal, body: decoded(signal, body, contentType) });
    response.writeHead(200, { 'content-type': contentType }).end(contentType.includes('json') ? '{}' : '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { exported, server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

// ---- what is no fact of an instrumentation ----

const MACHINE = /^(host|process|os|code)\.|^service\.instance\.id$|^(thread)\./;

/** Of a stack, the first and the last line. */
function withoutMachine(value: Loose): Loose {
  if (Array.isArray(value)) return value.filter((item) => !MACHINE.test(item?.key ?? '')).map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  if (value.key === 'exception.stacktrace') {
    const lines = value.value.stringValue.trim().split('\n');
    return { key: value.key, value: { stringValue: `${lines[0]}\n${lines.at(-1)}` } };
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutMachine(member)]));
}

/** The same id in every recording of a case, whichever the SDK drew, in attributes too. */
function withSteadyIds(text: string, seed: string): string {
  const ids = new Set([...text.matchAll(/"(?:trace|span)Id":\s*"([0-9a-f]+)"/gi)].map(([, id]) => id!));
  let steady = text;
  [...ids].forEach((id, index) => {
    const own = createHash('sha256').update(`${seed}/${index}`).digest('hex').slice(0, id.length);
    steady = steady.replaceAll(id, own);
  });
  return steady;
}

function withoutPlaces(text: string, port: string, directory: string): string {
  return text.replaceAll(new RegExp(`(?<!\\d)${port}(?!\\d)`, 'g'), '8080').replaceAll(directory, '/app');
}

// ---- one case ----

function runScript(recording: Recording, directory: string, name: string, env: Record<string, string>): Promise<void> {
  const program = existsSync(path.join(directory, 'bin/python'))
    ? path.join(directory, 'bin/python')
    : process.execPath;
  for (const file of readdirSync(here)) copyFileSync(path.join(here, file), path.join(directory, file));
  const script = path.join(directory, recording.script);
  const child = spawn(program, [script, name], { env, cwd: directory, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${recording.folder} ${name}: exit ${code}`)),
    );
  });
}

function addressesFor(provider: { origin: string; openaiUrl: string }, sink: string): Record<string, string> {
  return {
    ...{ PATH: process.env.PATH ?? '', HOME: '/tmp', NO_PROXY: '127.0.0.1', OTEL_SERVICE_NAME: 'assistant' },
    ...{ OPENAI_BASE_URL: provider.openaiUrl, OPENAI_API_KEY: 'sk-fake' },
    ...{ ANTHROPIC_BASE_URL: provider.origin, ANTHROPIC_API_KEY: 'sk-ant-fake' },
    BEDROCK_URL: provider.origin,
    ...{ GOOGLE_GEMINI_BASE_URL: provider.origin, GOOGLE_API_KEY: 'fake' },
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: sink, SINK: sink, OTEL_METRICS_EXPORTER: 'none' },
  };
}

function write(folder: string, exported: Exported[], cleaned: (body: Loose) => Loose): void {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) if (/^\d+-/.test(file)) rmSync(path.join(folder, file));
  const bodies = cleaned(exported.map(({ body }) => body));
  exported.forEach(({ signal }, index) => {
    writeFileSync(path.join(folder, `${index + 1}-${signal}.json`), `${JSON.stringify(bodies[index], null, 2)}\n`);
  });
}

async function record(recording: Recording, name: string, scratch: string): Promise<void> {
  const seed = `${recording.folder}/${name}`;
  const directory = path.join(scratch, recording.environment);
  install(environments[recording.environment]!, directory);
  const provider = await startFakeProvider({ seed, firstPieceAfterMs: 20 });
  const sink = await startSink();
  await runScript(recording, directory, name, { ...addressesFor(provider, sink.origin), ...recording.env });
  const port = new URL(provider.origin).port;
  write(path.join(here, '..', recording.folder, name), sink.exported, (bodies) =>
    JSON.parse(withSteadyIds(withoutPlaces(JSON.stringify(withoutMachine(bodies)), port, directory), seed)),
  );
  await provider.close();
  sink.server.close();
  sink.server.closeAllConnections();
}

const [scratch, only = ''] = process.argv.slice(2);
if (scratch === undefined) throw new Error('record.ts <folder for the packages> [<part of folder/case>]');
const { environments, recordings } = JSON.parse(readFileSync(path.join(here, 'recordings.json'), 'utf8')) as {
  environments: Record<string, Environment>;
  recordings: Recording[];
};
for (const recording of recordings) {
  for (const name of recording.cases) {
    if (`${recording.folder}/${name}`.includes(only)) await record(recording, name, path.resolve(scratch));
  }
}
