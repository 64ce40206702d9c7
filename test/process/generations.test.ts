/** From a real instrumentation to the answer of the API, through the built gateway; and log events in any order. */
import { randomBytes } from 'node:crypto';
import { createOpenAI } from '@ai-sdk/openai';
import { context, metrics, trace } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { OpenAIInstrumentation } from '@opentelemetry/instrumentation-openai';
import { logs, node, tracing } from '@opentelemetry/sdk-node';
import { generateText, stepCountIs } from 'ai';
import { OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { mapSecondsOf } from '../../bench/stored.js';
import {
  AFTER_TOOL,
  ANSWERS,
  type FakeProvider,
  responseModelOf,
  startFakeProvider,
  TOOL_CALL,
} from '../helpers/fake-provider.js';
import { getJson, startGateway, temporaryDirectory, untilDrained } from '../helpers/gateway.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

const ENGINES = [
  { engine: 'SQLite', env: async () => ({}) },
  ...(postgres ? [{ engine: 'Postgres', env: async () => ({ DATABASE_URL: await postgres.createDatabase() }) }] : []),
];

const MODEL = 'gpt-4o-mini';
/** Dollars per million tokens, as OpenAI has published them. */
const RATES = { input: 0.15, output: 0.6 };

let provider: FakeProvider;
beforeAll(async () => {
  provider = await startFakeProvider();
});
afterAll(() => provider.close());

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by name
type Loose = any;

interface Exporting {
  tracer: node.NodeTracerProvider;
  logger: logs.LoggerProvider;
}

/** As an application does at its start; all of it is sent when this resolves. */
async function instrumented(
  { otlpHttp }: GatewayProcess,
  work: (exporting: Exporting) => Promise<unknown>,
): Promise<void> {
  const exporter = new OTLPLogExporter({ url: `${otlpHttp}/v1/logs` });
  const spanProcessor = new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: `${otlpHttp}/v1/traces` }));
  const tracer = new node.NodeTracerProvider({ spanProcessors: [spanProcessor] });
  const logger = new logs.LoggerProvider({ processors: [new logs.BatchLogRecordProcessor({ exporter })] });
  tracer.register();
  try {
    await work({ tracer, logger });
  } finally {
    await Promise.all([logger.shutdown(), tracer.shutdown()]);
    trace.disable();
    context.disable();
  }
}

/** Whose it is stands on the application's own span, above the instrumentation's. */
async function chatAs(who: { sessionId: string; userId: string }, { tracer, logger }: Exporting): Promise<void> {
  const instrumentation = new OpenAIInstrumentation({ captureMessageContent: true });
  instrumentation.setTracerProvider(tracer);
  instrumentation.setLoggerProvider(logger);
  instrumentation.setMeterProvider(metrics.getMeterProvider());
  const [definition] = instrumentation.getModuleDefinitions();
  definition?.patch?.({ OpenAI });
  try {
    const attributes = { 'session.id': who.sessionId, 'user.id': who.userId };
    await tracer.getTracer('shop').startActiveSpan('answer a customer', { attributes }, async (span) => {
      const openai = new OpenAI({ apiKey: 'sk-fake', baseURL: provider.openaiUrl, maxRetries: 0 });
      await openai.chat.completions.create({
        model: MODEL,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Say hello.' },
        ],
      });
      span.end();
    });
  } finally {
    definition?.unpatch?.({ OpenAI });
    instrumentation.disable();
  }
}

async function askForWeather({ tracer }: Exporting): Promise<void> {
  const getWeather = {
    description: 'The weather in a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async () => ({ celsius: 18 }),
  };
  await generateText({
    model: createOpenAI({ apiKey: 'sk-fake', baseURL: provider.openaiUrl }).chat(MODEL),
    prompt: 'What is the weather in Paris?',
    tools: { getWeather },
    stopWhen: stepCountIs(2),
    maxRetries: 0,
    experimental_telemetry: {
      isEnabled: true,
      functionId: 'weather',
      metadata: { sessionId: 'session-7', userId: 'user-3' },
      tracer: tracer.getTracer('ai'),
    },
  });
}

const text = (role: string, content: string) => expect.objectContaining({ role, parts: [{ type: 'text', content }] });

function dollars(...usages: { input: number; output: number }[]): number {
  const micros = usages.reduce((sum, { input, output }) => sum + input * RATES.input + output * RATES.output, 0);
  return Number((micros / 1e6).toFixed(12));
}

describe.each(ENGINES)('on $engine', ({ env }) => {
  let gateway: GatewayProcess;
  const start = async () => {
    gateway = await startGateway({ dataDirectory: temporaryDirectory(), env: await env() });
  };
  const list = async (query = ''): Promise<Loose[]> =>
    (await getJson<{ items: Loose[] }>(`${gateway.api}/v1/generations?${query}`)).items;

  it("calls of OpenTelemetry's and of Vercel's instrumentation are read with their messages, sessions and costs", async () => {
    await start();
    await instrumented(gateway, async (exporting) => {
      await chatAs({ sessionId: 'session-1', userId: 'user-1' }, exporting);
      await askForWeather(exporting);
    });
    await untilDrained(gateway.api);
    expect(await mapSecondsOf(gateway)).toBeGreaterThan(0);

    const hello = ANSWERS['Say hello.'];
    const calls = await list('include=messages&limit=20&order=asc&counted=true');
    expect(calls.map(({ usage }) => [usage.input, usage.output])).toEqual(
      [hello.usage, TOOL_CALL.usage, AFTER_TOOL.usage].map(({ input, output }) => [input, output]),
    );
    const [chat, asks, answers] = calls;
    expect(chat).toMatchObject({
      ...{ provider: 'openai', request_model: MODEL, response_model: responseModelOf(MODEL) },
      ...{ session_id: 'session-1', user_id: 'user-1', cost_usd: dollars(hello.usage) },
      ...{ input: [text('system', 'Be brief.'), text('user', 'Say hello.')], output: [text('assistant', hello.text)] },
    });
    const called = expect.objectContaining({ type: 'tool_call', name: 'getWeather', arguments: TOOL_CALL.arguments });
    expect(asks.output).toEqual([expect.objectContaining({ parts: [called] })]);
    expect(answers.output).toEqual([text('assistant', AFTER_TOOL.text)]);

    const aggregates = await list('counted=false&limit=20');
    expect(aggregates.map(({ kind }) => kind).toSorted()).toEqual(['tool', 'workflow']);

    const sessions = (await getJson<{ items: Loose[] }>(`${gateway.api}/v1/sessions`)).items;
    const sums = Object.fromEntries(
      sessions.map(({ id, requests, cost_usd, user_ids }) => [id, { requests, cost_usd, user_ids }]),
    );
    expect(sums).toEqual({
      'session-1': { requests: 1, cost_usd: dollars(hello.usage), user_ids: ['user-1'] },
      'session-7': { requests: 2, cost_usd: dollars(TOOL_CALL.usage, AFTER_TOOL.usage), user_ids: ['user-3'] },
    });

    const cost = await getJson<Loose>(`${gateway.api}/v1/spans/${chat.id}/cost`);
    expect(cost).toMatchObject({ cost_usd: chat.cost_usd, price: { source: 'catalog', model: MODEL } });
    expect(cost.lines).toEqual([
      { token_type: 'input', tokens: 12, usd_per_million_tokens: '0.15', cost_usd: 0.0000018 },
      { token_type: 'output', tokens: 3, usd_per_million_tokens: '0.6', cost_usd: 0.0000018 },
    ]);
  });

  describe('a log event with what was said', () => {
    const ids = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });
    type Ids = ReturnType<typeof ids>;
    const NOW = String(BigInt(Date.now()) * 1_000_000n);
    const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

    async function post(signal: 'traces' | 'logs', body: object): Promise<void> {
      const headers = { 'content-type': 'application/json' };
      const url = `${gateway.otlpHttp}/v1/${signal}`;
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
      await untilDrained(gateway.api);
    }
    function sendSpan(at: Ids): Promise<void> {
      const attributes = [attribute('gen_ai.operation.name', 'chat'), attribute('gen_ai.request.model', MODEL)];
      const span = { ...at, name: 'chat', kind: 3, startTimeUnixNano: NOW, endTimeUnixNano: NOW, attributes };
      return post('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    }
    /** The one name stands in the record's field, the deprecated ones in an attribute. */
    async function sendEvents(at: Ids): Promise<void> {
      const parts = (content: string) => [{ type: 'text', content }];
      const details = {
        ...{ ...at, timeUnixNano: NOW, eventName: 'gen_ai.client.inference.operation.details' },
        attributes: [
          attribute(
            'gen_ai.input.messages',
            JSON.stringify([{ role: 'user', parts: parts('Is the lighthouse open?') }]),
          ),
          attribute('gen_ai.output.messages', JSON.stringify([{ role: 'assistant', parts: parts('Until dusk.') }])),
        ],
      };
      await post('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [details] }] }] });
    }
    async function sendDeprecatedEvents(at: Ids): Promise<void> {
      const record = (name: string, body: object) => ({
        ...at,
        timeUnixNano: NOW,
        attributes: [attribute('event.name', name)],
        body,
      });
      const said = (content: string) => ({ kvlistValue: { values: [attribute('content', content)] } });
      const message = { key: 'message', value: said('Until dusk.') };
      const choice = record('gen_ai.choice', { kvlistValue: { values: [message] } });
      const asked = record('gen_ai.user.message', said('Is the lighthouse open?'));
      await post('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [asked] }] }] });
      await post('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [choice] }] }] });
    }
    const read = ({ traceId, spanId }: Ids) => fetch(`${gateway.api}/v1/generations/${traceId}-${spanId}`);

    it.each([
      ['of today', sendEvents],
      ['of the deprecated names', sendDeprecatedEvents],
    ] as const)('%s is shown with its span, whichever comes first, or without one until it comes', async (_, send) => {
      await start();
      const [eventFirst, spanFirst, alone] = [ids(), ids(), ids()];
      await send(eventFirst);
      expect((await read(eventFirst)).status).toBe(404);
      await sendSpan(eventFirst);
      await sendSpan(spanFirst);
      await sendSpan(alone);
      expect(await (await read(spanFirst)).json()).toMatchObject({ input: [], output: [] });
      await send(spanFirst);

      for (const at of [eventFirst, spanFirst]) {
        expect(await (await read(at)).json()).toMatchObject({
          input: [text('user', 'Is the lighthouse open?')],
          output: [text('assistant', 'Until dusk.')],
          messages_truncated: false,
        });
      }
      expect(await (await read(alone)).json()).toMatchObject({ input: [], output: [], request_model: MODEL });
      const found = await list('search=lighthouse+open');
      expect(found.map(({ span_id }) => span_id).toSorted()).toEqual([eventFirst.spanId, spanFirst.spanId].sort());
    });
  });
});
