/**
 * The most that one thread can store: it decodes and inserts the load with the product's own code, with no network, no
 * buffer and no other thread beside it. Runs as a process of its own and prints one line of JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DecodedFrame } from '../src/model/telemetry.js';
import { decodeRequest } from '../src/otlp/decode.js';
import type { TelemetryWriter, WriterOptions } from '../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../src/store/telemetry/writer.js';
import { createLoad, type LoadOptions } from './load.js';

export interface LimitOptions {
  load: LoadOptions;
  spans: number;
  batchMaxItems: number;
  /** Reports the rate of each so many spans, for how it holds as the store grows. */
  windowSpans?: number;
  /** Keeps the blocks here instead of a temporary folder. */
  directory?: string;
}

export interface LimitResult {
  spans: number;
  seconds: number;
  spansPerSecond: number;
  windows: number[];
  /** A trace now and then, oldest first, in hex. */
  sampledTraceIds: string[];
}

/** A trace of every so many requests is remembered. */
const SAMPLED_REQUESTS = 20;

async function fill(writer: TelemetryWriter, options: LimitOptions): Promise<LimitResult> {
  const load = createLoad(options.load);
  const framesPerBatch = Math.max(1, Math.ceil(options.batchMaxItems / load.spans));
  const windows: number[] = [];
  const sampledTraceIds: string[] = [];
  let sequence = 0;
  let spans = 0;
  let windowStarted = 0;
  let windowSpans = 0;
  // Making the load is not part of what is measured.
  let busyMs = 0;
  while (spans < options.spans) {
    const bodies = Array.from({ length: framesPerBatch }, () => load.next());
    if (sampledTraceIds.length < sequence / SAMPLED_REQUESTS) sampledTraceIds.push(load.latestTraceIds()[0]!);
    const begun = performance.now();
    const first = sequence + 1;
    const frames: DecodedFrame[] = bodies.map((payload) => ({
      sequence: ++sequence,
      workspace: 'default',
      receivedTimeUnixMs: Date.now(),
      bytes: payload.length,
      native: undefined,
      ...decodeRequest({ signal: 'traces', encoding: options.load.encoding, payload }),
    }));
    await writer.write({ bufferId: '00000000-0000-4000-8000-000000000000', range: { first, last: sequence }, frames });
    busyMs += performance.now() - begun;
    spans += load.spans * framesPerBatch;
    windowSpans += load.spans * framesPerBatch;
    if (options.windowSpans && windowSpans >= options.windowSpans) {
      windows.push(Math.round((windowSpans / (busyMs - windowStarted)) * 1000));
      windowStarted = busyMs;
      windowSpans = 0;
    }
  }
  return {
    spans,
    seconds: busyMs / 1000,
    spansPerSecond: Math.round((spans / busyMs) * 1000),
    windows,
    sampledTraceIds,
  };
}

export async function measureLimit(options: LimitOptions): Promise<LimitResult> {
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'promptmetrics-limit-'));
  const writerOptions: WriterOptions = {
    engine: 'sqlite',
    directory,
    writer: 0,
    blockMaxSpans: 4_000_000,
    blockMaxBytes: 2 * 2 ** 30,
  };
  const writer = await openTelemetryWriter(writerOptions);
  try {
    return await fill(writer, options);
  } finally {
    await writer.close();
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1]?.endsWith('limit.js') && process.argv[2]) {
  process.stdout.write(`${JSON.stringify(await measureLimit(JSON.parse(process.argv[2]) as LimitOptions))}\n`);
}
