/**
 * Real instrumentations make real calls of a provider with known answers, and what they export is read: what the recorded
 * payloads say of one version each, this says of the versions that are installed.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOpenAI } from '@ai-sdk/openai';
import { metrics } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { OpenAIInstrumentation } from '@opentelemetry/instrumentation-openai';
import { logs, tracing } from '@opentelemetry/sdk-node';
import { generateText, stepCountIs, streamText } from 'ai';
import { OpenAI } from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Signal } from '../../src/component.js';
import type { Message } from '../../src/model/conversation.js';
import type { Generation } from '../../src/model/generation.js';
import type { LogRecord, Span } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { generationOf } from '../../src/semconv/generation.js';
import {
  AFTER_TOOL,
  ANSWERS,
  EMBEDDING,
  type FakeProvider,
  MISSING_MODEL,
  responseModelOf,
  startFakeProvider,
  TOOL_CALL,
} from '../helpers/fake-provider.js';

const MODEL = 'gpt-4o-mini';

let provider: FakeProvider;
let sink: Server;
let sinkUrl: string;
const spans: Span[] = [];
const logRecords: LogRecord[] = [];

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function receive(request: IncomingMessage): Promise<void> {
  const signal = (request.url ?? '').slice('/v1/'.length) as Signal;
  const decoded = decodeRequest({ signal, encoding: 'protobuf', payload: await bodyOf(request) });
  spans.push(...decoded.spans);
  logRecords.push(...decoded.logRecords);
}

beforeAll(async () => {
  provider = await startFakeProvider({ firstPieceAfterMs: 5 });
  sink = createServer((request, response) => {
    receive(request).then(
      () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
      () => response.writeHead(400).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(sink, 'listening');
  sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await provider.close();
  sink.close();
  sink.closeAllConnections();
});

afterEach(() => {
  spans.length = 0;
  logRecords.length = 0;
});

interface Exporting {
  tracing: tracing.BasicTracerProvider;
  logging: logs.LoggerProvider;
}

/** What `call` makes is exported when this resolves. */
async function exported(call: (exporting: Exporting) => Promise<unknown>): Promise<void> {
  const spanProcessor = new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: `${sinkUrl}/v1/traces` }));
  const exporter = new OTLPLogExporter({ url: `${sinkUrl}/v1/logs` });
  const exporting = {
    tracing: new tracing.BasicTracerProvider({ spanProcessors: [spanProcessor] }),
    logging: new logs.LoggerProvider({ processors: [new logs.BatchLogRecordProcessor({ exporter })] }),
  };
  await call(exporting);
  await exporting.logging.shutdown();
  await exporting.tracing.shutdown();
}

const equal = (one: Uint8Array | undefined, other: Uint8Array) => Buffer.from(one ?? []).equals(other);

function eventsOf(span: Span): LogRecord[] {
  return logRecords.filter((record) => equal(record.traceId, span.traceId) && equal(record.spanId, span.spanId));
}

interface Seen {
  generation: Generation;
  input: Message[];
  output: Message[];
}

/** In the order of their beginning; only what calls a model. */
function calls(): Seen[] {
  const begun = [...spans].sort((one, other) => Number(one.startTimeUnixNano - other.startTimeUnixNano));
  const seen = begun.map((span) => {
    const { input, output } = conversationOf({ ...span, scopeName: span.scope.name, logRecords: eventsOf(span) });
    return { generation: generationOf(span), input, output };
  });
  return seen.filter((call): call is Seen => call.generation?.countable === true);
}

const says = (role: string, content: string) => expect.objectContaining({ role, parts: [{ type: 'text', content }] });

function asksFor(tool: string) {
  const part = expect.objectContaining({ type: 'tool_call', name: tool, arguments: TOOL_CALL.arguments });
  return expect.objectContaining({ role: 'assistant', parts: [part] });
}

const withoutZeros = (usage: object) => Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens !== 0));

describe("OpenTelemetry's instrumentation of the openai package", () => {
  /** By hand: no hook of the module loader sees what the tests import. */
  async function instrumented(call: (openai: OpenAI) => Promise<unknown>): Promise<void> {
    await exported(async ({ tracing: tracerProvider, logging }) => {
      const instrumentation = new OpenAIInstrumentation({ captureMessageContent: true });
      instrumentation.setTracerProvider(tracerProvider);
      instrumentation.setLoggerProvider(logging);
      // It makes its instruments only here, and needs them when a call ends.
      instrumentation.setMeterProvider(metrics.getMeterProvider());
      const [definition] = instrumentation.getModuleDefinitions();
      definition?.patch?.({ OpenAI });
      try {
        await call(new OpenAI({ apiKey: 'sk-fake', baseURL: provider.openaiUrl, maxRetries: 0 }));
      } finally {
        definition?.unpatch?.({ OpenAI });
        instrumentation.disable();
      }
    });
  }

  const ask = { model: MODEL, messages: [{ role: 'user', content: 'Say hello.' }] } as const;

  it('a chat has its models, its usage, and the messages of its log events', async () => {
    await instrumented((openai) =>
      openai.chat.completions.create({
        model: MODEL,
        messages: [{ role: 'system', content: 'Be brief.' }, ...ask.messages],
      }),
    );
    const [call, ...others] = calls();
    expect(others).toEqual([]);
    expect(call?.generation).toMatchObject({
      ...{ kind: 'llm', operation: 'chat', provider: 'openai', requestModel: MODEL },
      ...{ responseModel: responseModelOf(MODEL), finishReasons: ['stop'], isError: false },
    });
    expect(withoutZeros(call!.generation.usage)).toEqual(ANSWERS['Say hello.'].usage);
    expect(call?.input).toEqual([says('system', 'Be brief.'), says('user', 'Say hello.')]);
    expect(call?.output).toEqual([says('assistant', ANSWERS['Say hello.'].text)]);
  });

  it('a stream that was asked for its usage has it', async () => {
    await instrumented(async (openai) => {
      const stream = await openai.chat.completions.create({
        ...ask,
        messages: [...ask.messages],
        stream: true,
        stream_options: { include_usage: true },
      });
      for await (const _ of stream);
    });
    const [call] = calls();
    expect(withoutZeros(call!.generation.usage)).toEqual(ANSWERS['Say hello.'].usage);
    expect(call?.output).toEqual([says('assistant', ANSWERS['Say hello.'].text)]);
  });

  it('an embedding has its input counted, and no output', async () => {
    await instrumented((openai) => openai.embeddings.create({ model: 'text-embedding-3-small', input: 'A pump.' }));
    const [call] = calls();
    expect(call?.generation).toMatchObject({ kind: 'embedding', requestModel: 'text-embedding-3-small' });
    expect(withoutZeros(call!.generation.usage)).toEqual({ input: EMBEDDING.inputTokens });
  });

  it('a call that failed is an error with a model, and without usage', async () => {
    await instrumented((openai) =>
      expect(
        openai.chat.completions.create({ ...ask, messages: [...ask.messages], model: MISSING_MODEL }),
      ).rejects.toThrow(),
    );
    const [call] = calls();
    expect(call?.generation).toMatchObject({ requestModel: MISSING_MODEL, isError: true, usage: {} });
  });
});

describe('the Vercel AI SDK', () => {
  const openai = () => createOpenAI({ apiKey: 'sk-fake', baseURL: provider.openaiUrl }).chat(MODEL);

  function telemetry({ tracing: tracerProvider }: Exporting) {
    const tracer = tracerProvider.getTracer('ai');
    return { isEnabled: true, functionId: 'weather', metadata: { sessionId: 'session-7', userId: 'user-3' }, tracer };
  }

  const getWeather = {
    description: 'The weather in a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async () => ({ celsius: 18 }),
  };

  it('two steps count once each, and the root that sums them not at all', async () => {
    await exported((exporting) =>
      generateText({
        ...{
          model: openai(),
          prompt: 'What is the weather in Paris?',
          tools: { getWeather },
          stopWhen: stepCountIs(2),
        },
        ...{ maxRetries: 0, experimental_telemetry: telemetry(exporting) },
      }),
    );
    const [first, second, ...others] = calls();
    expect(others).toEqual([]);
    expect(withoutZeros(first!.generation.usage)).toEqual(TOOL_CALL.usage);
    expect(withoutZeros(second!.generation.usage)).toEqual(AFTER_TOOL.usage);
    expect(first?.output).toEqual([asksFor('getWeather')]);
    expect(second?.output).toEqual([says('assistant', AFTER_TOOL.text)]);
    expect(second?.generation).toMatchObject({ provider: 'openai', sessionId: 'session-7', userId: 'user-3' });
    const kinds = spans.map((span) => generationOf(span)?.kind);
    expect(kinds).toHaveLength(4);
    expect(kinds).toContain('tool');
  });

  it('a stream has the time to its first token', async () => {
    await exported(async (exporting) => {
      const model = openai();
      const { textStream } = streamText({ model, prompt: 'Say hello.', experimental_telemetry: telemetry(exporting) });
      for await (const _ of textStream);
    });
    const [call] = calls();
    expect(call?.generation).toMatchObject({ streaming: true, responseModel: responseModelOf(MODEL) });
    expect(call?.generation.timeToFirstTokenNano).toBeGreaterThan(0n);
    expect(withoutZeros(call!.generation.usage)).toEqual(ANSWERS['Say hello.'].usage);
  });
});
