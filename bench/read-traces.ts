/**
 * Reads traces by id, one after another, in a process of its own: a reader that shares the load generator's thread would
 * measure that. Prints one line of JSON, the latencies in milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface ReadOptions {
  api: string;
  traceIds: string[];
  reads: number;
  pauseMs: number;
}

async function readOne(url: string): Promise<number> {
  const begun = performance.now();
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
  await response.arrayBuffer();
  return performance.now() - begun;
}

/** Far from the trace before, so that no read finds its pages warm by chance. */
const STRIDE = 7919;

export async function readTraces({ api, traceIds, reads, pauseMs }: ReadOptions): Promise<number[]> {
  const latencies: number[] = [];
  for (let index = 0; index < reads; index++) {
    latencies.push(await readOne(`${api}/v1/traces/${traceIds[(index * STRIDE) % traceIds.length]}`));
    await sleep(pauseMs);
  }
  return latencies;
}

if (process.argv[1]?.endsWith('read-traces.js') && process.argv[2]) {
  process.stdout.write(`${JSON.stringify(await readTraces(JSON.parse(process.argv[2]) as ReadOptions))}\n`);
}
