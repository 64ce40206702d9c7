/**
 * Fills a folder with blocks that hold calls to models, evenly over the last days, with what a mapping would have said of
 * each: what is measured afterwards is reading. Runs as a process of its own and prints one line of JSON.
 */
import { randomBytes } from 'node:crypto';
import type { Generation } from '../src/model/generation.js';
import type { DecodedFrame, Resource, Scope, Span } from '../src/model/telemetry.js';
import { createPriceBook } from '../src/pricing/price-book.js';
import { generationOf } from '../src/semconv/generation.js';
import { openTelemetryWriter } from '../src/store/telemetry/writer.js';

export interface FillOptions {
  directory: string;
  spans: number;
  days: number;
}

export interface FillResult {
  seconds: number;
}

const MODELS = ['gpt-4o-mini', 'gpt-4o', 'claude-sonnet-4-5', 'gemini-2.5-flash', 'mistral-large-latest'];
const PROMPTS = Array.from({ length: 10 }, (_, number) => `prompt-${number}`);
const BATCH_SPANS = 5000;
const SPANS_PER_TRACE = 8;
const SPANS_PER_SESSION = 40;
const USERS = 1000;
/** What one batch holds came within so long: traffic comes in bursts, and a batch is of what came together. */
const BURST_NANOS = 60_000_000_000;
const NANOS_PER_DAY = 86_400_000_000_000;

const RESOURCE: Resource = {
  key: 'bench',
  attributes: '{"service.name":"shop"}',
  droppedAttributesCount: 0,
  schemaUrl: '',
  entityRefs: '[]',
  serviceName: 'shop',
};
const SCOPE: Scope = {
  key: 'bench',
  name: 'bench',
  version: '1',
  attributes: '{}',
  droppedAttributesCount: 0,
  schemaUrl: '',
};

const book = createPriceBook([]);

function attributesOf(number: number): string {
  return JSON.stringify({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': MODELS[number % MODELS.length],
    'gen_ai.usage.input_tokens': 100 + (number % 3000),
    'gen_ai.usage.output_tokens': 10 + (number % 700),
    'gen_ai.prompt.name': PROMPTS[(number >> 3) % PROMPTS.length],
    'gen_ai.prompt.version': '1.0.0',
    'session.id': `session-${Math.floor(number / SPANS_PER_SESSION)}`,
    'user.id': `user-${Math.floor(number / SPANS_PER_SESSION) % USERS}`,
  });
}

function spanOf(number: number, traceId: Uint8Array, startTimeUnixNano: bigint): Span {
  const span: Span = {
    traceId,
    spanId: randomBytes(8),
    parentSpanId: undefined,
    traceState: '',
    flags: 0,
    name: 'chat',
    kind: 3,
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano + BigInt(200_000_000 + (number % 4000) * 1_000_000),
    statusCode: number % 50 === 0 ? 2 : 0,
    statusMessage: '',
    attributes: attributesOf(number),
    droppedAttributesCount: 0,
    events: '[]',
    droppedEventsCount: 0,
    links: '[]',
    droppedLinksCount: 0,
    resource: RESOURCE,
    scope: SCOPE,
  };
  const generation: Generation = generationOf(span)!;
  generation.cost = book.costOf('default', generation);
  span.generation = generation;
  return span;
}

/** In the order of time, as a gateway that runs for so long would have stored them. */
function batchOf(first: number, { spans, days }: FillOptions, nowUnixNano: bigint): Span[] {
  const beganUnixNano = nowUnixNano - BigInt(days) * BigInt(NANOS_PER_DAY);
  let traceId = randomBytes(16);
  return Array.from({ length: Math.min(BATCH_SPANS, spans - first) }, (_, index) => {
    const number = first + index;
    if (number % SPANS_PER_TRACE === 0) traceId = randomBytes(16);
    const passed = Math.floor((first / spans) * days * NANOS_PER_DAY) + Math.floor((index / BATCH_SPANS) * BURST_NANOS);
    return spanOf(number, traceId, beganUnixNano + BigInt(passed));
  });
}

export async function fillCalls(options: FillOptions): Promise<FillResult> {
  const writer = await openTelemetryWriter({
    engine: 'sqlite',
    directory: options.directory,
    writer: 0,
    blockMaxSpans: 4_000_000,
    blockMaxBytes: 2 * 2 ** 30,
  });
  const started = performance.now();
  const nowUnixNano = BigInt(Date.now()) * 1_000_000n;
  let sequence = 0;
  for (let first = 0; first < options.spans; first += BATCH_SPANS) {
    const frame: DecodedFrame = {
      sequence: ++sequence,
      workspace: 'default',
      receivedTimeUnixMs: Date.now(),
      bytes: 0,
      native: undefined,
      spans: batchOf(first, options, nowUnixNano),
      logRecords: [],
      metricPoints: [],
    };
    const range = { first: sequence, last: sequence };
    await writer.write({ bufferId: '00000000-0000-4000-8000-000000000000', range, frames: [frame] });
  }
  await writer.close();
  return { seconds: (performance.now() - started) / 1000 };
}

if (process.argv[1]?.endsWith('fill-calls.js') && process.argv[2]) {
  process.stdout.write(`${JSON.stringify(await fillCalls(JSON.parse(process.argv[2]) as FillOptions))}\n`);
}
