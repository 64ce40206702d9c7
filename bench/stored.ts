/** Drives a gateway until what was sent is stored. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Driven, driveHttp } from './drive.js';
import type { GatewayProcess } from './gateway-process.js';
import type { Load } from './load.js';

export function assertClean(driven: Driven): void {
  if (driven.failures > 0) throw new Error(`${driven.failures} requests failed: the measurement is void`);
}

/** Spans stored so far, as the gateway counts them. */
export async function storedSpans(gateway: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${gateway.api}/metrics`)).text();
  const lines = text.matchAll(/^otelcol_exporter_sent_spans_total\{[^}]*exporter="store"[^}]*\} (\S+)$/gm);
  return [...lines].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** Seconds of writer threads, so far. */
export async function mapSecondsOf(gateway: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${gateway.api}/metrics`)).text();
  return Number(/^promptmetrics_store_map_duration_seconds_sum (\S+)$/m.exec(text)?.[1]);
}

export async function untilStored(gateway: GatewayProcess, spans: number): Promise<void> {
  while ((await storedSpans(gateway)) < spans) await sleep(20);
}

/** From the first request until the last span is stored, over `requests` requests. */
export async function storeAll(
  gateway: GatewayProcess,
  load: Load,
  requests: number,
): Promise<{ seconds: number; driven: Driven }> {
  const storedBefore = await storedSpans(gateway);
  const started = performance.now();
  const driven = await driveHttp(gateway.otlpHttp, { load, connections: 8, until: { requests } });
  assertClean(driven);
  await untilStored(gateway, storedBefore + driven.spans);
  return { seconds: (performance.now() - started) / 1000, driven };
}
