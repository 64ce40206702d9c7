/** The built gateway as a child process, its data in a temporary folder, both gone at the end of the test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, inject } from 'vitest';
import { type GatewayProcess, type GatewayProcessOptions, startGatewayProcess } from '../../bench/gateway-process.js';
import type { Load } from '../../bench/load.js';

const running = new Set<GatewayProcess>();
const directories: string[] = [];

afterEach(async () => {
  await Promise.all([...running].map((gateway) => gateway.kill()));
  running.clear();
});
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-test-'));
  directories.push(directory);
  return directory;
}

/** A command of the build whose modules are joined: `main.js`, `api-key.js`. */
export function commandFile(name: string): string {
  return path.join(inject('joinedBuild'), 'src', name);
}

/** For several tests: who starts it ends it. */
export function startGatewayForAll(options: GatewayProcessOptions): Promise<GatewayProcess> {
  return startGatewayProcess({ entry: commandFile('main.js'), ...options });
}

export async function startGateway(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const gateway = await startGatewayForAll(options);
  running.add(gateway);
  return gateway;
}

export async function getJson<Body>(url: string): Promise<Body> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Body;
}

export interface ListedTrace {
  trace_id: string;
  span_count: number;
  error_count: number;
}

/** Every trace of the workspace, page by page. */
export async function listAllTraces(api: string): Promise<ListedTrace[]> {
  const traces: ListedTrace[] = [];
  let cursor: string | null = null;
  do {
    const query = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: ListedTrace[]; nextCursor: string | null } = await getJson(
      `${api}/v1/traces?limit=100${query}`,
    );
    traces.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return traces;
}

const DRAIN_TRIES = 3000;

/** Resolves when the store has caught up with everything that is durable; fails after a minute. */
export async function untilDrained(api: string): Promise<void> {
  for (let tries = 0; tries < DRAIN_TRIES; tries++) {
    const metrics = await (await fetch(`${api}/metrics`)).text();
    const lag = /^promptmetrics_buffer_consumer_lag_items\{[^}]*consumer="store"[^}]*\} (\S+)$/m.exec(metrics);
    if (lag && Number(lag[1]) === 0) return;
    await sleep(20);
  }
  throw new Error('The store has not caught up');
}

export interface Acknowledged {
  /** Trace id → spans that were acknowledged of it. */
  traces: Map<string, number>;
  requests: number;
  refused: number;
}

/** Sends requests until told to stop, and remembers each trace of every request that was answered with success. */
export function sendContinuously(url: string, load: Load, connections: number) {
  const acknowledged: Acknowledged = { traces: new Map(), requests: 0, refused: 0 };
  let stopped = false;
  const send = async () => {
    const body = load.next();
    const traceIds = load.latestTraceIds();
    const response = await fetch(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': load.contentType },
      body: new Uint8Array(body),
    });
    const answer = await response.arrayBuffer();
    if (!response.ok) {
      acknowledged.refused++;
      await sleep(5);
    } else if (answer.byteLength === 0 || Buffer.from(answer).toString() === '{}') {
      acknowledged.requests++;
      for (const id of traceIds) acknowledged.traces.set(id, load.spans / traceIds.length);
    }
  };
  const run = async () => {
    while (!stopped) await send().catch(() => sleep(5));
  };
  const runs = Array.from({ length: connections }, run);
  const stop = async () => {
    stopped = true;
    await Promise.all(runs);
  };
  return { acknowledged, stop };
}

/** At most, from the first answer on: each stage of storing is hit in some round, and few traces have to be listed. */
const MAX_MOMENT_MS = 200;

/** Until something is acknowledged, and a moment of another length each time: a gateway that ends then is busy. */
export async function untilBusy({ acknowledged }: { acknowledged: Acknowledged }): Promise<void> {
  while (acknowledged.requests === 0) await sleep(5);
  await sleep(Math.random() * MAX_MOMENT_MS);
}

/** What differs between the traces that were acknowledged and those that are stored. Stored ones may be more. */
export function missingOrDoubled(acknowledged: Map<string, number>, stored: ListedTrace[]): string[] {
  const counts = new Map<string, number>();
  const faults: string[] = [];
  for (const { trace_id, span_count } of stored) {
    if (counts.has(trace_id)) faults.push(`${trace_id} is listed twice`);
    counts.set(trace_id, span_count);
  }
  for (const [id, spans] of acknowledged) {
    if (counts.get(id) !== spans) faults.push(`${id} has ${counts.get(id) ?? 'no'} spans instead of ${spans}`);
  }
  return faults;
}
